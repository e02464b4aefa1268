# SPDX-License-Identifier: Apache-2.0
# Reading the temporary directories for what a child left is for children that were killed
# after they had made a name: neither an orderly end nor a child without one costs that.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Time::HiRes qw(sleep time);

my $picture = mkpicture('ends.png', 24, 18);
my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
    my $temp = $_[0]->temp_dir;
    mkdir "$temp/ours";
    my $workers = mpm() eq 'prefork' ? "MaxRequestWorkers 1\nMinSpareServers 1\nMaxSpareServers 1\n"
        : "MaxRequestWorkers 8\nMinSpareThreads 1\nMaxSpareThreads 16\n";
    return "TmpfsConvert On\nTmpfsConvertSpoolMemory 0\nStartServers 1\n$workers"
        . "TmpfsConvertTempDir \"$temp/ours\"\nTmpfsConvertTempMethod unlinked\n";
});
server($httpd);
my $temp = $httpd->temp_dir . '/ours';

# A file as process `$pid` would leave one: its number in five letters, and others at random.
sub plant {
    my ($pid) = @_;
    my @letters = split //, 'abcdefghijklmnopqrstuvwxyz234567';
    my $name = '';
    for (1 .. 5) { $name = $letters[$pid % 32] . $name; $pid = int($pid / 32) }
    my $file = "$temp/tc-$name" . 'a' x (20 - length $name);
    open my $out, '>', $file or die "$file: $!";
    return $file;
}

# The one child there is, other than `$before`.
sub child {
    my ($before) = @_;
    my $deadline = time + 30;
    while (time < $deadline) {
        my @now = grep { $_ != ($before // 0) } $httpd->children;
        return $now[0] if @now == 1 && !grep { $_ == ($before // 0) } $httpd->children;
        sleep 0.1;
    }
    die 'no new child';
}
sub is_there {
    my ($file, $want) = @_;
    for (1 .. ($want ? 15 : 50)) {
        last if !$want && !-e $file;
        sleep 0.1;
    }
    return -e $file ? 1 : 0;
}

my $first = child();
my $left = plant($first);
kill KILL => $first;
my $second = child($first);
is(is_there($left, 1), 1, 'a child that never made a name is killed: nothing is read');
unlink $left;

is(get("/small_light(dw=12)$picture")->code, 200, 'a conversion through a file with a name');
$left = plant($second);
kill KILL => $second;
my $third = child($second);
is(is_there($left, 0), 0, 'a child that did is killed: what it left is removed');

is(get("/small_light(dw=12)$picture")->code, 200, 'another');
$left = plant($third);
$httpd->graceful;
child($third);
is(is_there($left, 1), 1, 'a child that did ends in order: nothing is read');
unlink $left;
expect_log(qr/exit signal Killed|AH00052|AH00161/); # the last: its one worker is at work
done_testing;
