#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# churn as root: every method on file systems mounted for it, beside a
# neighbour that does the same, with settings that are put back and cgroups that
# are removed, whatever way it ends.
use strict;
use warnings;
use Fcntl qw(:flock);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp ();
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

plan(skip_all => 'not root') if $>;

# It changes settings of the whole system: one run of it at a time.
open my $turn, '<', '/proc/sys/fs/dentry-state' or die "dentry-state: $!";
flock $turn, LOCK_EX;

my $built = $ENV{TC_CHURN} || 'build/bin/churn';
-x $built or BAIL_OUT("$built is not there: make -f Makefile.apxs tools");
my @mounted;
# On a disk, for sparse images; and the program where every user may run it.
my $scratch = File::Temp->newdir('churn-test-XXXXXX', DIR => '/var/tmp', CLEANUP => 0) . '';
chmod 0755, $scratch;
my $churn = "$scratch/churn";
copy($built, $churn) or die $!;
chmod 0755, $churn;

END {
    if (defined $scratch && !$>) {
        my $status = $?;
        system 'umount', $_ for reverse @mounted; # the overlay before what it lies on
        system 'rm', '-rf', '--one-file-system', $scratch;
        $? = $status;
    }
}
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!";
    local $/;
    return scalar <$in>;
}

my @nobody = qw(setpriv --reuid=nobody --regid=nogroup --clear-groups);
my $name = 0;

# Started, with the file its output goes to.
sub start {
    my @command = @_;
    my $output = "$scratch/out" . $name++;
    my $pid = fork // die $!;
    return ($pid, $output) if $pid;
    open STDOUT, '>', $output or POSIX::_exit(99);
    open STDERR, '>', "$output.err" or POSIX::_exit(99);
    exec @command or POSIX::_exit(99);
}

sub finish {
    my ($pid, $output) = @_;
    waitpid $pid, 0;
    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    return ($code, slurp($output), slurp("$output.err"));
}

sub run { return finish(start(@_)) }

sub wait_for {
    my ($seconds, $condition) = @_;
    my $until = time + $seconds;
    while (time < $until) {
        return 1 if $condition->();
        sleep 0.02;
    }
    return 0;
}

# Writable for all, or nothing but why not.
sub mount_at {
    my ($dir, @how) = @_;
    make_path($dir);
    return 'mount failed' if system "mount @how '$dir' 2>'$scratch/mount.log'";
    push @mounted, $dir;
    chmod 01777, $dir;
    return '';
}

sub mount_image {
    my ($type) = @_;
    my $image = "$scratch/$type.img";
    return "mkfs.$type is not installed"
        unless grep { -x "$_/mkfs.$type" } split(/:/, $ENV{PATH}), '/sbin', '/usr/sbin';
    open my $out, '>', $image or return "$image: $!";
    truncate $out, 400 << 20 or return "$image: $!";
    close $out;
    local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
    return "mkfs.$type failed" if system "mkfs.$type -q '$image' >'$scratch/mount.log' 2>&1";
    return mount_at("$scratch/$type", '-o loop', $image);
}

my %where;

# On the image where there is one: the disk below has other things to do.
sub mount_overlay {
    my $at = ($where{ext4} || $scratch) . '/layers';
    make_path("$at/lower", "$at/upper", "$at/work");
    return mount_at("$scratch/overlay",
        "-t overlay -o lowerdir=$at/lower,upperdir=$at/upper,workdir=$at/work overlay");
}

# ---- every method on every file system ----

my @clean = qw(unlink-close opath-unlink otmpfile memfd same-name rename);
my @dropped = qw(close-unlink mkdir);
my @looked_up = qw(lookup double-unlink);
my @all = (@clean, @dropped, @looked_up);
my %disk = ((map { $_ => 'clean' } @clean), (map { $_ => 'leak' } @dropped, @looked_up));
my %overlay = (%disk, map { $_ => 'clean' } @dropped);
my %memory = map { $_ => 'clean' } @all;

# What --compare finds: (exit code, {method => verdict}).
sub compare {
    my ($as, $dir, @more) = @_;
    my ($code, $out, $err) =
        run(@$as, $churn, '--compare', '-d', $dir, '-n', 4000, '--json', '-', @more);
    my $json = eval { JSON::PP::decode_json($out) } || {};
    my %found = map { $_->{method} => $_->{supported} ? $_->{verdict} : 'unsupported' }
        @{ $json->{compare} };
    diag "exit $code\n$err" if $code;
    return ($code, \%found);
}

my $knob = '/proc/sys/fs/dentry-negative';
my $negative = -e $knob ? slurp($knob) + 0 : 0;
for my $case (
    ['ext4',    \%disk,    sub { mount_image('ext4') }],
    ['xfs',     \%disk,    sub { mount_image('xfs') }],
    ['btrfs',   \%disk,    sub { mount_image('btrfs') }],
    ['overlay', \%overlay, \&mount_overlay],
    ['tmpfs',   \%memory,  sub { mount_at("$scratch/tmpfs", '-t tmpfs -o size=64m tmpfs') }],
    ['ramfs',   \%memory,  sub { mount_at("$scratch/ramfs", '-t ramfs ramfs') }],
) {
    my ($type, $truth, $mount) = @$case;
    my $why = $negative ? 'fs.dentry-negative is set here' : $mount->();
    SKIP: {
        skip "$type: $why", 5 if $why;
        $where{$type} = "$scratch/$type";
        my ($code, $found) = compare([], $where{$type});
        is($code, 0, "$type: all as expected");
        # Before 6.1 overlayfs has no O_TMPFILE.
        my %expected = %$truth;
        $expected{otmpfile} = 'unsupported' if ($found->{otmpfile} // '') eq 'unsupported';
        is_deeply($found, \%expected, '... and as this test knows it');
        my @some = qw(close-unlink unlink-close lookup);
        ($code, $found) = compare(\@nobody, $where{$type}, map { ('-m', $_) } @some);
        is($code, 0, '... as an ordinary user too');
        is_deeply($found, { map { $_ => $truth->{$_} } @some }, '... the same');
        is_deeply([glob "$where{$type}/churn-*"], [], '... nothing is left');
    }
}
my $disk = $where{ext4} || $where{xfs} || $where{btrfs};

# ---- beside a neighbour ----

SKIP: {
    skip 'no disk file system could be mounted', 5 unless $disk;
    my @neighbour = start($churn, '-d', $scratch, '-w', 2, '-p', 0, '--jitter', 0, '-t', 40);
    sleep 1.5;
    my %some = map { $_ => $disk{$_} } qw(close-unlink unlink-close opath-unlink lookup);
    my @some = map { ('-m', $_) } sort keys %some;
    for my $as ([], \@nobody) {
        my ($code, $found) = compare($as, $disk, '-n', 8000, @some);
        is_deeply($found, \%some, 'beside a neighbour at full speed' . (@$as ? ', as nobody' : ''));
        is($code, 0, '... all as expected');
    }
    kill 'TERM', $neighbour[0];
    is((finish(@neighbour))[0], 143, 'the neighbour went on all the while');
}

# ---- settings of the system ----

my @short = ('-w', 2, '-p', '1ms', '--jitter', 0, '--allow-system');
my $pressure = '/proc/sys/vm/vfs_cache_pressure';
my $before = slurp($pressure);
my $other = $before == 150 ? 160 : 150;
for my $case (['TERM', 143], ['KILL', 137]) {
    my ($signal, $expected) = @$case;
    my @run = start($churn, @short, '-d', $scratch, '-t', 20, '--vfs-cache-pressure', $other);
    ok(wait_for(5, sub { slurp($pressure) == $other }), 'vm.vfs_cache_pressure is set');
    my ($code, undef, $why) = run($churn, @short, '-d', $scratch, '-t', 5, '--vfs-cache-pressure', 7);
    is($code, 2, '... which no other run may set meanwhile');
    like($why, qr/vfs_cache_pressure: .*busy/i, '... and it says so');
    sleep 1.2;
    kill $signal, $run[0];
    is((finish(@run))[0], $expected, "... SIG$signal ends it");
    ok(wait_for(5, sub { slurp($pressure) == $before }), '... and it is put back');
    ok(wait_for(5, sub { !grep { -d } glob "$scratch/churn-*" }), '... and nothing is left');
}
my ($code, $out, $err) = run($churn, '-d', "$scratch/none", '--vfs-cache-pressure', $other,
    '--allow-system');
is($code, 2, 'a run that cannot start');
is(slurp($pressure), $before, '... has put it back too') or diag $err;

SKIP: {
    skip 'this kernel has no fs.dentry-negative', 3 unless -e $knob;
    skip 'fs.dentry-negative is set here', 3 if $negative;
    skip 'no disk file system could be mounted', 3 unless $disk;
    my ($status, $found) = compare([], $disk, '--dentry-negative', 1, '--allow-system');
    is_deeply($found, \%overlay, 'fs.dentry-negative=1: only what is looked up stays');
    is($status, 0, '... as expected');
    is(slurp($knob) + 0, 0, '... and it is put back');
}

($code, $out) = run($churn, @short, '-d', $scratch, '-t', '2', '-p', 0, '--drop-caches', '2@1');
is($code, 0, '--drop-caches');
like($out, qr/^drop_caches +2: \d+ dentries .* MB of their slab in \d+ ms/m, '... tells what it freed')
    or diag $out;
SKIP: {
    my $type = `stat -f -c %T $scratch`;
    skip "/var/tmp is on $type", 1 unless $type =~ m{^(?:ext2/ext3|xfs|btrfs)$} && !$negative;
    like($out, qr/^verdict +inconclusive: negative dentries were reclaimed/m,
        '... which is not taken for clean');
}

# ---- memory pressure ----

# The cgroup of the run that was started as process $pid.
sub cgroup_of {
    my ($pid) = @_;
    return grep { -d } glob "/sys/fs/cgroup{,/*,/*/*,/*/*/*,/*/*/*/*,/*/*/*/*/*}/churn-$pid";
}
my @run = start($churn, '-d', $scratch, '-w', 2, '-p', 0, '--jitter', 0, '-t', 10, '-n', 90000,
    '--memcg', 28, '--hog', 8);
my $seen = wait_for(5, sub { cgroup_of($run[0]) || -s "$run[1].err" });
SKIP: {
    ($code, $out, $err) = finish(@run);
    skip "no memory cgroup: $err", 6 if $err =~ /--memcg/;
    ok($seen, '--memcg makes a cgroup');
    is($code, 0, '--memcg and --hog') or diag $err;
    my ($first, $then) = $out =~
        /^hog +before: 8 MB in .* worst MB ([\d.]+) ms\n +now: 8 of 8 MB in .* worst MB ([\d.]+) ms/m;
    ok(defined $then, '... before and after') or diag $out;
    note "worst MB: $first ms before, $then ms after" if defined $then;
    like($out, qr/^ +this machine has (?:no|\d+ MB of) swap/m, '... and whether there is swap');
    is_deeply([cgroup_of($run[0])], [], '... and the cgroup is removed');
    @run = start($churn, '-d', $scratch, '-w', 2, '-t', 20, '--memcg', 32);
    wait_for(5, sub { cgroup_of($run[0]) });
    sleep 1.2;
    kill 'KILL', $run[0];
    finish(@run);
    ok(wait_for(5, sub { !cgroup_of($run[0]) }), '... also after SIGKILL');
}

# ---- full directories, killed workers ----

SKIP: {
    my $why = mount_at("$scratch/small", '-t tmpfs -o size=64k tmpfs');
    skip "tmpfs: $why", 4 if $why;
    my @small = ($churn, '-d', "$scratch/small", '-t', 3, '-w', 2);
    ($code, $out) = run(@small, '-s', 100000);
    is($code, 3, 'a file system that runs full stops the run');
    like($out, qr/^stopped +worker \d+: close-unlink in \S+: No space left/m, '... and is named');
    open my $full, '>', "$scratch/small/theirs" or die $!;
    print $full 'x' x 63000;
    close $full;
    like((run(@small))[1], qr/^stopped +less than 5 % of the blocks free/m,
        'one that is nearly full stops it before');
    is_deeply([glob "$scratch/small/*"], ["$scratch/small/theirs"], '... nothing else is left');
}
SKIP: {
    skip 'no disk file system could be mounted', 2 unless $disk;
    @run = start($churn, '-d', $disk, '-t', 10, '-p', 0, '-w', 20, '--jitter', 0, '--in-place',
        '-s', 100000);
    sleep 1.5;
    my @workers = grep { -e "/proc/$_/comm" && slurp("/proc/$_/comm") !~ /keeper/ }
        split ' ', slurp("/proc/$run[0]/task/$run[0]/children");
    kill 'KILL', $run[0], @workers;
    finish(@run);
    cmp_ok(scalar @workers, '>', 15, 'parent and workers killed at once, in place');
    ok(wait_for(5, sub { !grep { -f } glob "$disk/*" }), '... no file is left')
        or diag join ' ', glob "$disk/*";
}

done_testing;
