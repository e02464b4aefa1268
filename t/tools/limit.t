#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# t/limit: a test file that hangs fails by its name and leaves no process; one that does not
# ends as it would without.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Temp ();
use Test::More;
use Time::HiRes qw(sleep time);

my $limit = getcwd() . '/t/limit';
my $scratch = File::Temp->newdir('limit-test-XXXXXX', TMPDIR => 1);
delete @ENV{ grep { /^HARNESS_|^PERL_TEST_HARNESS/ } keys %ENV };

sub spew {
    my ($name, $text, $mode) = @_;
    open my $out, '>', "$scratch/$name" or die "$name: $!";
    print $out $text;
    close $out or die "$name: $!";
    chmod $mode, "$scratch/$name" if $mode;
    return "$scratch/$name";
}

# (exit status, output) of a command under a limit of so many seconds, both streams.
sub run {
    my ($seconds, @command) = @_;
    local $ENV{TC_TEST_LIMIT} = $seconds;
    open my $out, '-|', "@command 2>&1" or die "@command: $!";
    my $text = do { local $/ = undef; <$out> } // '';
    close $out;
    return ($? & 127 ? "signal $?" : $? >> 8, $text);
}

# ---- files that end ----------------------------------------------------------------

my $perl = spew('perl.t', "print qq(1..1\\nok 1 - perl\\n); exit 3;\n");
my $shell = spew('shell.t', "#!/bin/sh\necho 1..1; echo ok 1 - shell\n", 0755);
my ($code, $text) = run(60, $limit, $perl);
is("$code $text", "3 1..1\nok 1 - perl\n", 'a Perl file, with its exit status');
($code, $text) = run(60, $limit, $shell);
is("$code $text", "0 1..1\nok 1 - shell\n", 'a program');
($code) = run(60, $limit, spew('dies.t', "kill KILL => \$\$;\n"));
is($code, 128 + 9, 'a file that dies by a signal');
($code, $text) = run('soon', $limit, $perl);
isnt($code, 3, 'a limit that is not a number is refused');
like($text, qr/TC_TEST_LIMIT=soon/, '... by its name');
# As Apache::Test calls perl.
(undef, $text) = run(60, $limit, '-w', spew('warns.t', "my \$x; print qq(1..1\\n); print qq(ok 1\\n) . \$x;\n"));
like($text, qr/uninitialized/, "perl's options are passed on");

my $began = time;
($code) = run(0, $limit, spew('leaves.t', "print qq(1..1\\nok 1\\n); fork or sleep 1000;\n"));
is($code, 0, 'a file that leaves a child with its output open');
cmp_ok(time - $began, '<', 500, '... which is not waited for');

# ---- files that hang ---------------------------------------------------------------

# One that ignores SIGTERM has a child that hangs too.
sub hangs {
    my ($name, $signal) = @_;
    return spew($name, <<"PERL");
\$SIG{TERM} = $signal;
\$| = 1;
print "1..1\\nok 1\\n";
my \$child = fork;
open my \$out, '>>', "$scratch/pids";
print {\$out} "\$\$\\n";
close \$out;
sleep 1 while 1;
PERL
}

sub alive {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return 0;
    return (<$in> // '') !~ /^\d+ \(.*\) [ZX]/;
}

sub nothing_left {
    my @pids = do { local @ARGV = "$scratch/pids"; <> };
    chomp @pids;
    is(scalar @pids, 2, '... the processes are known');
    my @left;
    for (my $deadline = time + 20; @left = grep { alive($_) } @pids; sleep 0.1) {
        last if time > $deadline;
    }
    is_deeply(\@left, [], '... and are gone');
    unlink "$scratch/pids";
    return;
}

my $hangs = hangs('hangs.t', q('IGNORE'));
($code, $text) = run(2, 'prove', '--norc', '--exec', $limit, $hangs, $shell);
isnt($code, 0, 'a file that hangs fails') or diag $text;
like($text, qr/^\S*hangs\.t\s+\(Wstat/m, '... by its name') or diag $text;
unlike($text, qr/^\S*shell\.t\s+\(Wstat/m, '... the next one runs');
like($text, qr/^Files=2, /m, '... in the same summary');
nothing_left();

($code, $text) = run(2, $limit, hangs('stops.t', 'sub { print qq(# stopped\n); exit }'));
is($code, 124, 'one that stops at SIGTERM fails');
like($text, qr/^# stopped$/m, '... after it has cleaned up');
like($text, qr/^not ok - \S+stops\.t: not done within 2 seconds \(TC_TEST_LIMIT\)$/m, '... and the limit is named');
nothing_left();

done_testing;
