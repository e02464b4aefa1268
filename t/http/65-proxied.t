# SPDX-License-Identifier: Apache-2.0
# Two thousand conversions of an original on another server, each through two
# temporary files: none is left, neither in the directory nor in kernel memory,
# and the server does not grow.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use TmpfsConvertTest::Load;

use constant REQUESTS => 2000;

plan(skip_all => 'the threads of one process share its memory: not under prefork')
    if mpm() eq 'prefork';

my $picture = mkpicture('proxied.jpg', 320, 240, seed => 9);
my $origin = TmpfsConvertTest::Httpd->new(plain => 1);
my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
    my $temp = $_[0]->temp_dir;
    mkdir "$temp/ours";
    chmod 01777, "$temp/ours";
    return <<"CONF";
TmpfsConvert On
TmpfsConvertSpoolMemory 0
TmpfsConvertTempDir "$temp/ours"
TmpfsConvertTempMethod unlinked
ProxyPass "/far/" "http://127.0.0.1:@{[$origin->port]}/"
CONF
});
server($httpd);
my $url = "/far/small_light(dw=80)$picture";
my $temp = $httpd->temp_dir . '/ours';

sub resident {
    my $sum = 0;
    for my $pid ($httpd->children) {
        open my $in, '<', "/proc/$pid/statm" or next;
        $sum += (split ' ', <$in>)[1] * 4;
    }
    return $sum;
}

is(probe(get($url))->{width}, 80, 'a proxied conversion');
load($httpd, $url, REQUESTS / 2, 8);
is(failures($httpd), REQUESTS / 2 . ' done, 0 not 2xx', 'half of them');
my $before = resident();
retained($temp);
load($httpd, $url, REQUESTS / 2, 8);
is(failures($httpd), REQUESTS / 2 . ' done, 0 not 2xx', '... and the other half');
SKIP: {
    skip 'a sanitizer keeps freed memory', 1 if $ENV{TC_SANITIZER};
    my $grown = resident() - $before;
    cmp_ok($grown, '<', 2048, "the server has not grown ($grown KiB)");
}
is_deeply([glob "$temp/*"], [], 'no file is left');
my $kind = `stat -f -c %T @{[$httpd->root]}`;
chomp $kind;
SKIP: {
    my $why = blind();
    skip $why, 1 if $why;
    my $each = retained($temp) / (REQUESTS / 2);
    # Another program can be at it in the same milliseconds; then again.
    for (1 .. 3) {
        last if abs $each < 0.05;
        load($httpd, $url, REQUESTS / 2, 8);
        $each = retained($temp) / (REQUESTS / 2);
    }
    cmp_ok(abs $each, '<', 0.05, "on $kind: it retains no dentry ($each a conversion)");
}

done_testing;
