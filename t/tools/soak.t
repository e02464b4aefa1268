# SPDX-License-Identifier: Apache-2.0
# tools/soak, in short: that the server stands it under each MPM, and that each verdict can fail.
# TC_SOAK=100000 makes it that many requests.
# Alone: it counts the machine's dentries, and judges memory.
use TmpfsConvertTest;
use JSON::PP ();
use POSIX ();

plan(skip_all => 'under a sanitizer memory and times are the sanitizer\'s') if $ENV{TC_SANITIZER};

my $root = $TmpfsConvertTest::Site::ROOT;
my $many = $ENV{TC_SOAK} || 4000;
$ENV{TMPDIR} ||= '/tmp';

# What it found: exit status, and its JSON.
sub soak {
    my ($mpm, @options) = @_;
    open my $out, '-|', $^X, "$root/tools/soak", '--mpm', $mpm, '-j', '-i', 0.1, @options
        or die "tools/soak: $!";
    my $text = do { local $/ = undef; <$out> };
    close $out;
    return ($? >> 8, eval { JSON::PP->new->decode($text) } || {});
}

sub verdicts {
    my ($result) = @_;
    return map { $_->{name} => $_ } @{ $result->{verdicts} };
}

# ---- options -------------------------------------------------------------------------

for my $wrong (['-n', 1], ['--plant', 'none'], ['more'], ['--more']) {
    open my $out, '-|', "'$^X' '$root/tools/soak' @$wrong 2>&1" or die "tools/soak: $!";
    my $said = join '', <$out>;
    close $out;
    is($? >> 8, 2, "@$wrong: refused");
    like($said, qr/\Q$wrong->[-1]\E|Unknown option/, '... and says why');
}

# ---- the server stands it ------------------------------------------------------------------

# As many converters as may run at once, or none.
for my $run (['prefork', 'on'], ['worker', 'on'], ['event', 'on'], ['event', 'off']) {
    my ($mpm, $isolation) = @$run;
    my $name = "$mpm, isolation $isolation";
    my ($status, $result) = soak($mpm, '-n', $many, '--kill', 0.8, '--graceful', 2.1, '--isolation', $isolation);
    my %verdict = verdicts($result);
    is(scalar(keys %verdict), 11, "$name: eleven verdicts") or diag "exit status $status";
    for my $verdict (sort keys %verdict) {
        # Memory needs more than some seconds to tell.
        next if $verdict eq 'memory' && $many < 50_000;
        ok($verdict{$verdict}{good}, "$name: $verdict: $verdict{$verdict}{words}");
    }
    note "memory: $verdict{memory}{words}";
    cmp_ok($result->{load}{asked}, '>=', $many, "$name: $many requests");
    cmp_ok($result->{run}{kills}, '>', 0, '... with children killed');
    if ($isolation eq 'on') {
        cmp_ok($result->{run}{converter_kills}, '>', 0, '... and converters');
        is($result->{converters}[0], 32, '... of sixteen, and as many that children keep');
    }
    cmp_ok($result->{status}{temp_made}, '>', $many / 10, '... and temporary files made');
    is(scalar(grep { !$result->{load}{kinds}{$_}{asked} } qw(handler filter bad huge aborted head plain)), 0,
        '... of every kind');
}

# ---- each verdict can fail -----------------------------------------------------------------------

my @plants = qw(memory descriptors file log answers silence converters);
my %fails = (memory => 'memory', descriptors => 'descriptors', file => 'files', log => 'counters',
    answers => 'answers', silence => 'answering', dentries => 'dentries', converters => 'converters');
my $kind = `stat -f -c %T '$root'`;
my $knob = do { open my $in, '<', '/proc/sys/fs/dentry-negative'; $in ? <$in> : 0 };
if ($kind =~ m{^(?:ext2/ext3|xfs|btrfs)$} && $knob == 0) {
    push @plants, 'dentries';
}
else {
    note "dentries: not planted, $kind keeps none here";
}
my ($status, $result) = soak('event', '-n', 6000, '--isolation', 'on', '--plant', join ',', @plants);
is($status, 1, 'with faults planted: exit status 1');
my %verdict = verdicts($result);
for my $plant (@plants) {
    my $of = $verdict{ $fails{$plant} };
    ok($of && !$of->{good}, "$plant: $of->{words}");
    delete $verdict{ $fails{$plant} };
}
ok($verdict{$_}{good}, "$_ is well: $verdict{$_}{words}") for sort keys %verdict;

done_testing;
