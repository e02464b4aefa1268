#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# churn as an ordinary user: its command line, its figures, its verdicts, and
# that it leaves nothing behind.
# Alone: it counts the machine's negative dentries.
use strict;
use warnings;
use File::Temp ();
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $churn = $ENV{TC_CHURN} || 'build/bin/churn';
-x $churn or BAIL_OUT("$churn is not there: make -f Makefile.apxs tools");
my $scratch = File::Temp->newdir('churn-test-XXXXXX', TMPDIR => 1);

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!";
    local $/;
    return scalar <$in>;
}

# Start it with its output in files: its process id.
sub start {
    my @arguments = @_;
    my $pid = fork // die $!;
    return $pid if $pid;
    open STDOUT, '>', "$scratch/out" or POSIX::_exit(99);
    open STDERR, '>', "$scratch/err" or POSIX::_exit(99);
    exec $churn, @arguments or POSIX::_exit(99);
}

# ... and wait: (exit code, or 128 and the signal; standard output; standard error).
sub finish {
    my ($pid) = @_;
    waitpid $pid, 0;
    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    return ($code, slurp("$scratch/out"), slurp("$scratch/err"));
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

sub entries {
    my ($dir) = @_;
    opendir my $open, $dir or return ();
    return grep { !/^\.\.?$/ } readdir $open;
}

# A new empty directory on the given file system: undef when there is none.
sub place_in {
    my ($base) = @_;
    return -d $base && -w $base ? File::Temp->newdir('churn-test-XXXXXX', DIR => $base) : undef;
}

sub on_disk {
    for my $base ($ENV{TMPDIR} || (), '/tmp', '/var/tmp') {
        next if !-d $base || !-w $base;
        my $kind = `stat -f -c %T '$base'`;
        return place_in($base) if $kind =~ m{^(?:ext2/ext3|xfs|btrfs)$};
    }
    return;
}

# ---- the command line ----

for my $case (
    [['--workers', '0'],          qr/--workers: '0' is not a whole number from 1 to 1000/],
    [['-w', '1001'],              qr/--workers: '1001'/],
    [['-w', '5x'],                qr/--workers: '5x'/],
    [['-w', '-1'],                qr/--workers: '-1'/],
    [['-w', ''],                  qr/--workers: ''/],
    [['--pause', '10x'],          qr/--pause: '10x' is not a duration/],
    [['--pause', '2h'],           qr/--pause: '2h' is not a duration from 0s to 3600s/],
    [['--interval', '1..5s'],     qr/--interval: '1\.\.5s'/],
    [['--duration', '0'],         qr/--duration: '0'/],
    [['--files', '99999999999'],  qr/--files/],
    [['--size', '16777217'],      qr/--size/],
    [['--name-len', '5'],         qr/--name-len: '5' is not a whole number from 6 to 250/],
    [['--method', 'shred'],       qr/--method: there is no 'shred'; there are close-unlink/],
    [['--expect', 'maybe'],       qr/--expect: 'maybe' is not leak\|clean/],
    [['--gauge', 'x'],            qr/--gauge: 'x' is not auto\|negative\|dentries/],
    [['--format', 'xml'],         qr/--format: 'xml'/],
    [['--memcg', '5'],            qr/--memcg: 5/],
    [['--hog', '0'],              qr/--hog: '0'/],
    [['--hog', '10@x'],           qr/--hog: 'x' after the @/],
    [['--hog', '10@301'],         qr/behind the end/],
    [['--hog', '600'],            qr/--hog: 600 MB do not fit into --memcg 512/],
    [['--drop-caches', '4'],      qr/--drop-caches: '4'/],
    [['--drop-caches', '2'],      qr/--allow-system/],
    [['--dentry-negative', '1'],  qr/--allow-system/],
    [['--dentry-negative', '2'],  qr/--dentry-negative: '2'/],
    [['-d', '/a', '-d', '/b'],    qr/--dir: more than one only with --compare/],
    [['-m', 'memfd', '-m', 'mkdir'], qr/--method: more than one only with --compare/],
    [['--compare', '--keep'],     qr/--compare .*--keep/],
    [['--compare', '--hog', '9'], qr/--compare does not go with --hog/],
    [['--compare', '--svg', 'x'], qr/--compare .*--svg/],
    [['--in-place', '--keep'],    qr/--in-place/],
    [['-f', 'csv', '--json', '-'], qr/--csv and --json/],
    [['--keep=1'],                qr/--keep=1/],
    [['--nothing'],               qr/--nothing/],
    [['--workers'],               qr/--workers: an argument is missing/],
    [['surplus'],                 qr/'surplus' is not an option/],
    [['-d', "$scratch/none"],     qr/--dir: \S+none: No such file/],
    [['--csv', "$scratch/none/x"], qr/--csv: \S+: No such file/],
) {
    my ($arguments, $message) = @$case;
    my ($code, $out, $err) = run(@$arguments);
    ok($code == 2 && $err =~ $message && $out eq '', "refused: @$arguments")
        or diag "exit $code\n$out$err";
}
SKIP: {
    skip 'root may change the system', 1 if $> == 0;
    my ($code, undef, $err) = run('--dentry-negative', 0, '--allow-system');
    ok($code == 2 && $err =~ /need root/, '--allow-system alone does not make root') or diag $err;
}

my ($code, $help, $err) = run('--help');
is($code, 0, '--help');
is($err, '', '... on standard output');
cmp_ok((sort { $b <=> $a } map { length } split /\n/, $help)[0], '<=', 80, '... fits a terminal');
($code, my $version) = run('-V');
like($version, qr/^churn \d+\.\d+/, '--version');
is($code, 0, '... is no error');

# The manual and --help tell of the same.
my $manual = slurp('docs/churn.1');
my %in_help = map { $_ => 1 } $help =~ /^ +((?:-\w, )?--[\w-]+)/mg;
my %in_manual;
while ($manual =~ /^\.It Fl (?:(\w) , Fl )?-([\w-]+)/mg) {
    $in_manual{($1 ? "-$1, " : '') . "--$2"} = 1;
}
is_deeply([sort keys %in_help], [sort keys %in_manual], 'the manual has the options of --help');
cmp_ok(scalar keys %in_help, '>', 20, '... which are many');
my ($methods) = $help =~ /^Methods:\n(.*?)\n\n/ms;
my ($told) = $manual =~ /^\.Sh METHODS\n(.*?)^\.El/ms;
my @methods = $methods =~ /^  (\S+)/mg;
is_deeply([sort @methods], [sort $told =~ /^\.It (\S+)/mg], '... and its methods');

($code, my $table) = run('-o');
is($code, 0, '-o');
like($table, $> ? qr/dentries|OBJ-SIZE/ : qr/^ +OBJS +ACTIVE .*\n.* dentry$/m,
    '... shows the dentry cache');

# ---- figures ----

my $shm = place_in('/dev/shm');
SKIP: {
    skip '/dev/shm is not there or not writable', 16 unless $shm;
    my @files = map { "$scratch/x.$_" } qw(csv json svg);
    ($code, my $out, $err) = run('-d', $shm, '-t', '1.6', '-i', '0.5', '-w', 4, '-p', '1ms',
        '--jitter', 0, '--csv', $files[0], '--json', $files[1], '--svg', $files[2]);
    is($code, 0, 'a run') or diag "$out$err";
    my @lines = $out =~ /^(\d{10}\|.*)$/mg;
    is(scalar @lines, 4, '... shows a line each half second and at the end') or diag $out;
    my $size = qr/ *(?:\d+(?:\.\d)?[BkMGT]|0|-)/;
    like($lines[0], qr/^\d+\|[ \d]{3}(?:[ \d]{4}){5}\|$size{4}\|$size{2}\| *\d+ +\d+\|/,
        '... with the groups of dstat');
    my ($head) = $out =~ /^( +epoch.*)$/m;
    is_deeply([map { length } split /\|/, $head], [map { length } split /\|/, $lines[0]],
        '... under their heads');
    my ($names, @rows) = split /\n/, slurp($files[0]);
    my @names = split /,/, $names;
    my $json = JSON::PP::decode_json(slurp($files[1]));
    is(scalar @rows, 4, 'CSV has as many');
    is_deeply([grep { split(/,/, $_, -1) != @names } @rows], [], '... each with all columns');
    is(scalar @{ $json->{rows} }, 4, 'JSON has as many');
    is_deeply([sort @names], [sort keys %{ $json->{rows}[0] }], '... with the same names');
    my %last;
    @last{@names} = split /,/, $rows[-1], -1;
    is($last{files}, $json->{rows}[-1]{files}, '... and the same figures');
    is($json->{result}{files}, $last{files}, '... and as many files in the result');
    is($json->{result}{verdict}, 'clean', 'tmpfs is clean') or diag $out;
    like($out, qr/^verdict +clean, as expected/m, '... in words too');
    my $svg = slurp($files[2]);
    is(scalar(() = $svg =~ /<svg/g), scalar(() = $svg =~ m{</svg>}g), 'SVG is closed');
    like($svg, qr/^<svg xmlns.*<title>Memory.*<title>Dentry slab/s, '... and has both charts');
    ($code, $out, $err) = run('-d', $shm, '-t', '0.5', '-w', 2, '-f', 'json');
    is(JSON::PP::decode_json($out)->{method}, 'close-unlink', '-f json: nothing else there');
    like($err, qr/^verdict/m, '... the text is on standard error');
}

# ---- verdicts ----

# Every verdict of --compare: { method => [ratio, verdict, expected] }.
sub compare {
    my ($dir, @more) = @_;
    my ($status, $out, $errors) = run('--compare', '-n', 4000, '-d', $dir, '--json', '-', @more);
    my $json = eval { JSON::PP::decode_json($out) };
    diag "exit $status\n$errors" if $status || !$json;
    return {
        map { $_->{method} => [@{$_}{qw(retained_a_file verdict expected)}] } @{ $json->{compare} }
    };
}

SKIP: {
    skip '/dev/shm is not there or not writable', 2 + @methods unless $shm;
    my $found = compare($shm);
    is(scalar keys %$found, scalar @methods, 'every method is compared');
    is($found->{$_}[1], 'clean', "tmpfs: $_") for @methods;
    ($code) = run('-d', $shm, '-n', 4000, '-t', 5, '-w', 1, '-p', 0, '--jitter', 0,
        '--expect', 'leak');
    is($code, 1, '--expect leak is contradicted there');
}

my $disk = on_disk();
my $dropping = -e '/proc/sys/fs/dentry-negative' && slurp('/proc/sys/fs/dentry-negative') + 0;
SKIP: {
    skip 'neither TMPDIR, /tmp nor /var/tmp is writable on ext4, xfs or btrfs', 8 unless $disk;
    skip 'fs.dentry-negative is set here', 8 if $dropping;
    my $found = compare($disk, map { ('-m', $_) } qw(close-unlink unlink-close opath-unlink));
    cmp_ok($found->{'close-unlink'}[0], '>=', 0.9, 'disk: close-unlink leaves each name');
    cmp_ok($found->{'unlink-close'}[0], '<=', 0.05, '... unlink-close none');
    cmp_ok($found->{'opath-unlink'}[0], '<=', 0.05, '... opath-unlink none');
    my @short = ('-d', $disk, '-n', 4000, '-t', 5, '-w', 1, '-p', 0, '--jitter', 0);
    is((run(@short, '--expect', 'leak'))[0], 0, '--expect leak');
    is((run(@short, '--expect', 'clean'))[0], 1, '--expect clean is contradicted');
    $found = compare($disk, '--gauge', 'dentries', '-m', 'close-unlink', '-m', 'otmpfile');
    is_deeply([map { $_->[1] } @{$found}{qw(close-unlink otmpfile)}], ['leak', 'clean'],
        'the number of all dentries tells the same');
    ($code, my $out) = run(@short[0, 1], '-t', 5, '-p', 0, '-w', 2, '--max-retained-mb', 1);
    is($code, 3, 'a guard stops it');
    like($out, qr/^stopped +1 MB of kernel memory retained/m, '... and is named') or diag $out;
}

my $where = $disk || $shm || $scratch;
is((run('-d', $where, '-n', 100, '-t', 5, '-w', 1, '-p', 0, '--jitter', 0, '--expect', 'clean'))[0], 4,
    'a hundred files are inconclusive');
is((run('-d', $where, '--min-free', 99, '-t', 2))[0], 3, 'a guard that trips at once');

# ---- nothing is left ----

sub running {
    my @more = @_;
    my $pid = start('-d', $where, '-t', 10, '-w', 5, '-p', '1ms', '--jitter', 0, @more);
    wait_for(5, sub { entries($where) });
    sleep 0.3;
    return $pid;
}

is_deeply([entries($where)], [], 'nothing is left so far');
for my $case (['TERM', 143], ['INT', 130], ['HUP', 129]) {
    my $pid = running();
    kill $case->[0], $pid;
    kill 'INT', $pid for 1 .. 3;
    my ($status, $out) = finish($pid);
    like($status, qr/^(?:130|$case->[1])$/, "SIG$case->[0] and impatient SIGINTs");
    like($out, qr/^verdict/m, '... it still tells the verdict');
    is_deeply([entries($where)], [], '... nothing is left');
}
my $pid = running();
kill 'KILL', $pid;
is((finish($pid))[0], 137, 'killed');
ok(wait_for(5, sub { !entries($where) }), '... the keeper takes everything away');

$pid = running('--in-place', '-s', 1000000);
my @workers = grep { slurp("/proc/$_/comm") !~ /keeper/ } split ' ',
    slurp("/proc/$pid/task/$pid/children");
kill 'KILL', $workers[0];
my ($status, $out) = finish($pid);
is($status, 3, 'a killed worker stops the run');
like($out, qr/^stopped +worker \d+ was killed by signal 9/m, '... and is named');
is_deeply([entries($where)], [], '... and its file is gone');

open my $theirs, '>', "$where/theirs" or die $!;
close $theirs;
($status) = run('-d', $where, '-t', '0.5', '-w', 2, '--in-place', '-m', 'rename');
is($status, 0, 'in place');
is_deeply([entries($where)], ['theirs'], '... others\' files stay');
unlink "$where/theirs";
($status, $out) = run('-d', $where, '-t', '0.5', '-w', 2, '--keep');
my ($kept) = $out =~ /^ +kept: (\S+);/m;
ok($kept && -d $kept, '--keep keeps the directory') or diag $out;
system 'rm', '-r', $kept if $kept;

SKIP: {
    skip 'root may write anywhere', 2 if $> == 0;
    mkdir "$where/closed", 0555 or die $!;
    ($status, undef, $err) = run('-d', "$where/closed");
    is($status, 2, 'a directory that is not writable');
    like($err, qr/closed: Permission denied/, '... is named');
    rmdir "$where/closed";
}

# A reader that goes away ends it.
my $lines = `'$churn' -d '$where' -t 10 -i 0.1 -w 2 2>'$scratch/err' | head -n 4`;
is(scalar(split /\n/, $lines), 4, 'head gets its lines');
ok(wait_for(5, sub { !entries($where) }), '... and the run ends, nothing is left');

done_testing;
