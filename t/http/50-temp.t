# SPDX-License-Identifier: Apache-2.0
# Temporary files, each method in a server of its own: what they leave behind in
# the directory, in kernel memory, and after a killed child.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use TmpfsConvertTest::Load;
use Time::HiRes qw(sleep);

use constant REQUESTS => 2000;

my $picture = mkpicture('tiny.png', 24, 18);

# Files in the directory, once the server had a moment for the last request and,
# after a kill between making a file and removing its name, for sweeping.
sub left_in {
    my ($dir) = @_;
    my @files;
    for (1 .. 40) {
        @files = glob "$dir/*" or last;
        sleep 0.1;
    }
    return \@files;
}

my $kind = `stat -f -c %T @{[server()->root]}`;
chomp $kind;
my $keeps = $kind =~ m{^(?:ext2/ext3|xfs|btrfs)$};

for my $method (qw(auto memfd tmpfile unlinked named)) {
    my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
        my $temp = $_[0]->temp_dir;
        mkdir "$temp/ours";
        chmod 01777, "$temp/ours";
        return "TmpfsConvert On\nTmpfsConvertSpoolMemory 0\n"
            . "TmpfsConvertTempDir \"$temp/ours\"\nTmpfsConvertTempMethod $method\n";
    });
    my $temp = $httpd->temp_dir . '/ours';
    server($httpd);
    expect_log(qr/TC0103/) if $method eq 'named';
    my $log = $httpd->log_text;
    like($log, qr/temporary files: \Q$temp\E on \S+, method $method/, "$method: startup says where");
    is($log =~ /TC0103/ ? 1 : 0, $method eq 'named' && $keeps ? 1 : 0,
        '... and warns only of what leaves dentries');

    is(probe(get("/small_light(dw=12)$picture"))->{width}, 12, "$method: a conversion");
    load($httpd, "/small_light(dw=12)$picture", REQUESTS, 8);
    is(failures($httpd), REQUESTS . ' done, 0 not 2xx', "$method: " . REQUESTS . ' conversions');
    is_deeply(left_in($temp), [], "$method: no file is left");

    # What the directory retains is what is freed with it: immune to neighbours.
    my $why = blind();
    $why ||= "this is $kind, not ext4, xfs or btrfs" if $method eq 'named' && !$keeps;
SKIP: {
        skip $why, 1 if $why;
        my $each = retained($temp) / REQUESTS;
        # Another program can be at it in the same milliseconds, or drop the caches; then again.
        for (1 .. 3) {
            last if $method eq 'named' ? $each >= 0.9 : abs $each < 0.05;
            load($httpd, "/small_light(dw=12)$picture", REQUESTS, 8);
            left_in($temp);
            $each = retained($temp) / REQUESTS;
        }
        note sprintf '%s on %s: %.4f negative dentries retained a conversion', $method, $kind, $each;
        if ($method eq 'named') {
            cmp_ok($each, '>=', 0.9, "named: it leaves one each ($each)");
        }
        else {
            cmp_ok(abs $each, '<', 0.05, "$method: it leaves none ($each)");
        }
    }

    # Children killed in the middle of it: nothing with a name remains.
    next if $method eq 'named';
    defined(my $pid = fork) or die "fork: $!";
    if (!$pid) {
        load($httpd, "/small_light(dw=20)$picture", REQUESTS, 8);
        POSIX::_exit(0);
    }
    expect_log(qr/exit signal Killed|children are killed successively/);
    my $killed = 0;
    for (1 .. 5) {
        sleep 0.15;
        my @children = $httpd->children;
        $killed += kill KILL => $children[rand @children] if @children;
    }
    waitpid $pid, 0;
    cmp_ok($killed, '>', 0, "$method: children were killed");
    # A connection that a killed child had accepted is lost with it: ask again.
    my $code = 0;
    for (1 .. 5) {
        $code = get("/small_light(dw=12)$picture")->code;
        last if $code == 200;
        sleep 0.2;
    }
    is($code, 200, '... the server answers');
    is_deeply(left_in($temp), [], '... and no file is left');
    no_leftovers($method);
}

# Nowhere to go: 503 with Retry-After, and the next request is as good as ever.
my $full = TmpfsConvertTest::Httpd->new(conf => sub {
    my $temp = $_[0]->temp_dir;
    return "TmpfsConvert On\nTmpfsConvertTempDir \"$temp\"\nTmpfsConvertTempMethod tmpfile\n"
        . "TmpfsConvertTempReserve 100%\n<Location /pictures/>\n"
        . "TmpfsConvertSpoolMemory 0\n</Location>\n";
});
server($full);
my $refused = get("/small_light(dw=12)$picture");
is($refused->code, 503, 'every directory full is 503');
like($refused->header('Retry-After'), qr/^\d+$/, '... with Retry-After');
is(scalar(error_log_lines(qr/TC0008: \S*tiny\.png: /)), 1, '... and one line that says so');
expect_log(qr/TC0008/);
no_leftovers();
server(TmpfsConvertTest::Httpd->shared);

done_testing;
