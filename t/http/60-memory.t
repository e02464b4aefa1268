# SPDX-License-Identifier: Apache-2.0
# What a worker, or its converter, needs for a 12-megapixel photograph, and that all MPMs give
# the same bytes.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Digest::MD5 qw(md5_hex);

my $big = mkpicture('big.jpg', 4000, 3000, quality => 90);
my $small = mkpicture('small.jpg', 40, 30, quality => 90);
my $alpha = mkpicture('alpha.png', 400, 300, type => 'rgba', kind => 'disc',
    colour => '40c020');

my $httpd = TmpfsConvertTest::Httpd->new(mpm => 'prefork', conf => <<'CONF');
StartServers 1
MinSpareServers 1
MaxSpareServers 1
ServerLimit 1
MaxRequestWorkers 1
TmpfsConvert On
CONF
server($httpd);
# httpd looks every second whether its only worker is at work.
expect_log(qr/AH00161: server reached MaxRequestWorkers/);

sub kib {
    my ($pid, $key) = @_;
    open my $in, '<', "/proc/$pid/status" or return;
    my ($value) = join('', <$in>) =~ /^$key:\s+(\d+)/m;
    return $value;
}

# Pages touched for the first time, mostly code, do not count as a picture's.
is(get("/small_light(dw=300,dh=300,da=n)$_")->code, 200, 'the worker has answered something small') for $small, $small;
my ($worker) = ($httpd->converters, $httpd->children);
my $idle = kib($worker, 'VmRSS');
my $seen = probe(get("/small_light(dw=300,dh=300)$big"));
is("$seen->{width}x$seen->{height}", '300x225', '12 megapixels to 300x225');
my $growth = kib($worker, 'VmHWM') - $idle;
SKIP: {
    skip 'a sanitizer multiplies memory', 1 if TmpfsConvertTest::Site::module() =~ /asan/;
    cmp_ok($growth, '<', 768, "the peak over idle is well under a MiB: $growth KiB");
}
no_leftovers();

# The first MPM's run leaves its digests for the others to compare with.
server(TmpfsConvertTest::Httpd->shared);
my $file = "$TmpfsConvertTest::Site::ROOT/build/t/digests." . (stat TmpfsConvertTest::Site::module())[9];
my (%first, %new);
if (open my $in, '<', $file) {
    %first = map { chomp; split /\t/ } <$in>;
}
for my $params ('dw=300,dh=300', 'dw=300,dh=300,jpeghint=y', 'dw=50,of=png', 'dw=700,da=n,dh=90',
    'sx=10p,sy=10p,sw=30p,sh=40p,dw=200', 'dw=100,cw=200,ch=90,cc=80f')
{
    for my $picture ($big, $alpha) {
        my $digest = md5_hex(get("/small_light($params)$picture")->content);
        my $name = "($params)$picture";
        $new{$name} = $digest;
        if ($first{$name}) {
            is($digest, $first{$name}, "$name: the same bytes as under $first{mpm}");
        }
        else {
            ok($digest, "$name: the first to be seen, under " . mpm());
        }
    }
}
unless (%first) {
    open my $out, '>', $file or die "$file: $!";
    print $out "$_\t$new{$_}\n" for keys %new;
    print $out "mpm\t" . mpm() . "\n";
    close $out;
}

done_testing;
