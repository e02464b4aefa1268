# SPDX-License-Identifier: Apache-2.0
# As root: what only root may read of a converter. Pages that it has of its own, and whose it is.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use List::Util qw(max);
use Time::HiRes qw(sleep time);

plan(skip_all => 'not root') if $>;
plan(skip_all => 'under a sanitizer memory is the sanitizer\'s') if $ENV{TC_SANITIZER};

use constant {
    CONVERTERS => 4,
    OWN_KIB    => 2048, # that a converter has when it waits for work
};

my $httpd = TmpfsConvertTest::Httpd->new(
    conf => "TmpfsConvert On\nTmpfsConvertIsolation on\nTmpfsConvertMaxActive 2\n");
server($httpd);

# What only this process has in memory, in KiB: written to since it was forked.
sub own {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/smaps_rollup" or die "/proc/$pid/smaps_rollup: $!";
    my $sum = 0;
    while (my $line = <$in>) { $sum += $1 if $line =~ /^Private_(?:Clean|Dirty):\s+(\d+) kB/ }
    return $sum;
}

sub users {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/status" or die "/proc/$pid/status: $!";
    return map { /^[UG]id:\s+(.*)/ ? $1 : () } <$in>;
}

# Of the memory in which results come back: what the process can reach, in KiB.
sub areas {
    my ($pid) = @_;
    no warnings 'portable'; # addresses of 64 bits
    open my $in, '<', "/proc/$pid/maps" or die "/proc/$pid/maps: $!";
    my $sum = 0;
    while (my $line = <$in>) {
        $sum += hex($2) - hex($1) if $line =~ /^([0-9a-f]+)-([0-9a-f]+) .*converter-results/;
    }
    return $sum / 1024;
}

my @converters;
for (my $deadline = time + 20; time < $deadline && @converters < CONVERTERS; sleep 0.05) {
    @converters = $httpd->converters;
}
is(scalar @converters, CONVERTERS, 'four converters: two, and two that children keep');
sleep 0.5;
my $most = max map { own($_) } @converters;
cmp_ok($most, '<', OWN_KIB, "one that has had no work has $most KiB of its own");

like((users($httpd->pid))[0], qr/^0\s/, 'the parent is root');
is(scalar(grep { /\b0\b/ } map { users($_) } $httpd->keeper, @converters), 0,
    '... and neither those that convert nor the one that forks them');

is_deeply([map { areas($_) } @converters], [(64) x CONVERTERS],
    'a converter reaches the area of its results, and none of another');

my $jpeg = mkpicture('own.jpg', 640, 480);
my $png = mkpicture('own.png', 320, 240, kind => 'disc', type => 'rgba');
for (1 .. 20) {
    is(get("/small_light(dw=200)$_")->code, 200, $_) for $jpeg, $png;
}
@converters = $httpd->converters;
sleep 0.5;
$most = max map { own($_) } @converters;
note "after twenty pictures of each of two formats one has at most $most KiB of its own";
cmp_ok($most, '<', 2 * OWN_KIB, '... and gives back what a picture took');
no_leftovers('converters');
$httpd->stop;

done_testing();
