# SPDX-License-Identifier: Apache-2.0
# As root, children under another user: what configtest tries as that user, and
# temporary directories that run full.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;

plan(skip_all => 'not root') if $>;

sub configtest {
    my ($make) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(start => 0, conf => $make);
    return $httpd->configtest;
}

my ($text, $status) = configtest(sub {
    mkdir $_[0]->root . '/roots-own', 0755;
    return 'TmpfsConvertTempDir ' . $_[0]->root . "/roots-own\n";
});
isnt($status, 0, "a directory that only root can write to does not pass");
like($text, qr/TC0101: TmpfsConvertTempDir \S+roots-own: .*not writable for the server's User/,
    '... and configtest names it and the User');
($text, $status) = configtest(sub { return 'TmpfsConvertTempDir ' . $_[0]->temp_dir . "\n" });
is($status, 0, 'one that the User can write to passes') or diag $text;

# Two tmpfs of a page or so more than nothing, then the disk: the result moves on.
my @mounted;
sub unmount { system 'umount', shift @mounted while @mounted; return }
END { unmount() }

sub small_tmpfs {
    my ($dir, $size) = @_;
    mkdir $dir;
    return if system('mount', '-t', 'tmpfs', '-o', "size=$size,mode=1777", 'tmpfs', $dir);
    push @mounted, $dir;
    return 1;
}

my $mounts = 1;
my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
    my $root = $_[0]->root;
    $mounts &&= small_tmpfs("$root/first", '64k') && small_tmpfs("$root/second", '128k');
    return "TmpfsConvert On\nTmpfsConvertSpoolMemory 0\nTmpfsConvertTempReserve 0\n"
        . "TmpfsConvertTempMethod tmpfile\nTmpfsConvertTempDir $root/first $root/second "
        . $_[0]->temp_dir . "\n";
});
SKIP: {
    skip 'tmpfs cannot be mounted here', 8 unless $mounts;
    server($httpd);
    my $picture = mkpicture('large.png', 900, 700, seed => 3);
    my $answer = get("/small_light(dw=700)$picture");
    is($answer->code, 200, 'two directories run full in the middle, the third takes it');
    cmp_ok(length $answer->content, '>', 256 * 1024, '... a result larger than both');
    my $seen = probe($answer);
    is($seen->{width}, 700, '... whole') or diag explain $seen;
    my $without = TmpfsConvertTest::Httpd->new(conf => sub {
        my $root = $_[0]->root;
        small_tmpfs("$root/only", '64k');
        return "TmpfsConvert On\nTmpfsConvertSpoolMemory 0\nTmpfsConvertTempReserve 0\n"
            . "TmpfsConvertTempMethod tmpfile\nTmpfsConvertTempDir $root/only\n";
    });
    server($without);
    my $refused = get("/small_light(dw=700)$picture");
    is($refused->code, 503, 'without a third it is 503');
    is(scalar(error_log_lines(qr/TC0008: \S*large\.png: .*No space/)), 1, '... and the log says why');
    expect_log(qr/TC0008/);
    is(get("/small_light(dw=40)$picture")->code, 200, '... and what fits is served');
    no_leftovers();
    $without->stop;
}
$httpd->stop;
unmount();

done_testing;
