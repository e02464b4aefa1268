# SPDX-License-Identifier: Apache-2.0
#
# Part 2: what many short-lived files do to a machine, and what helps, in chapters;
# build/bin/churn does each. A chapter that cannot run here has {skipped}, why.
package Experiment::Churn;

use strict;
use warnings;
use JSON::PP ();
use Experiment::Machine ();

use constant MB => 2**20;

# In the order of the story. Each returns the chapter's figures.
our @CHAPTERS = (
    { name => 'growth', title => 'Many short-lived files', run => \&_growth },
    { name => 'hog', title => 'A program wants memory, and the dentry cache has it', run => \&_hog },
    { name => 'system', title => 'What the administrator can turn', run => \&_system },
    { name => 'tmpfs', title => 'The same files on tmpfs', run => \&_tmpfs },
);

sub run {
    my ($context, $chapter) = @_;
    my %result = (%$chapter, runs => []);
    delete $result{run};
    my $good = eval { $chapter->{run}->($context, \%result); 1 };
    # A signal, or a fault of ours, is not a reason to go on without the chapter.
    die $@ unless $good || ref $@ && $@->isa('Experiment::Churn::Skip');
    $result{skipped} = ${$@} unless $good;
    return \%result;
}

sub _skip {
    my ($why) = @_;
    $why =~ s/\s+\z//;
    die bless \$why, 'Experiment::Churn::Skip';
}

# ---- one run of churn -----------------------------------------------------------------

# What churn says when it cannot: lines with its name in front, its advice at the end
# in brackets. The advice is on churn's options, so ours takes its place.
sub _reason {
    my ($words) = @_;
    my @lines = map { s/ \([^()]*\)$//r } $words =~ /^churn: (.*)$/mg;
    push @lines, 'it needs root, or a memory cgroup that this user may divide'
        if $> && $words =~ /--memcg: .*denied/;
    return @lines ? join('; ', @lines) : $words;
}

# _churn($context, $result, $name, @options): run it and add what it found to the
# chapter. Skips the chapter when it could not start.
sub _churn {
    my ($context, $result, $name, @options) = @_;
    my $files = "$context->{scratch}/churn-$name";
    my ($code, $words) = $context->{keeper}->run(
        mark    => $files,
        out     => "$files.txt",
        command => ["$context->{tree}/build/bin/churn", '--csv', "$files.csv",
            '--json', "$files.json", '-i', '0.5', @options],
    );
    _skip(_reason($words)) if $code == 2;
    my $found = eval { JSON::PP->new->decode(
        Experiment::Machine::text_of("$files.json") // '') };
    _skip(_reason($words) || "churn ended with $code") unless $found && $found->{result};
    my %run = (name => $name, code => $code, words => $words, csv => "$files.csv",
        options => [@options], %{ $found->{result} }, rows => $found->{rows},
        fs => $found->{file_system}, directory => $found->{directory});
    _read_words(\%run);
    push @{ $result->{runs} }, \%run;
    return \%run;
}

# What only the text has: the stalls, and what drop_caches did.
sub _read_words {
    my ($run) = @_;
    my $words = $run->{words};
    my $number = qr/(\d+(?:\.\d+)?)/;
    if ($words =~ /before: (\d+) MB in $number s, worst MB $number ms/) {
        @{ $run->{hog_before} }{qw(mb seconds worst_ms)} = ($1, $2, $3);
    }
    if ($words =~ /now: (\d+) of (\d+) MB in $number s, worst MB $number ms[^\n]*?(killed)?$/m) {
        @{ $run->{hog_after} }{qw(mb wanted_mb seconds worst_ms killed)} = ($1, $2, $3, $4, $5);
    }
    if ($words =~ /drop_caches\s+\d: (-?\d+) dentries \((-?\d+) negative\), (-?[\d.]+) MB .* in $number ms/) {
        @{ $run->{dropped} }{qw(dentries negatives mb ms)} = ($1, $2, $3, $4);
    }
    return;
}

# ---- the chapters -----------------------------------------------------------------------

# As a server with many processes does it: fifty, a file each every ten milliseconds.
sub _many {
    my ($context) = @_;
    return ('-t', $context->{option}{'chapter-time'}, '-w', 50, '-p', '10ms');
}

sub _growth {
    my ($context, $result) = @_;
    _churn($context, $result, 'growth', '-d', $context->{scratch}, _many($context));
    return;
}

sub _tmpfs {
    my ($context, $result) = @_;
    my ($dir) = grep { -d && -w && Experiment::Machine::in_memory(Experiment::Machine::file_system($_)) }
        '/dev/shm', '/run/shm', '/tmp';
    _skip('no directory on tmpfs that ' . (getpwuid $> // $>) . ' can write to') unless $dir;
    _churn($context, $result, 'tmpfs', '-d', $dir, _many($context));
    return;
}

# Fill a small memory cgroup with dentries, then have a program take most of it; before
# that, the same program with the cgroup empty. A few processes, without a pause.
sub _full_cgroup {
    my ($context) = @_;
    my %memory = Experiment::Machine::memory();
    my $mb = int(($memory{MemAvailable} // $memory{MemFree}) / MB / 12);
    $mb = 128 if $mb > 128;
    _skip("too little memory for this: $mb MiB could be had") if $mb < 32;
    # Nearly full: one more and the kernel would begin to reclaim before the time.
    my $files = int(0.8 * $mb * MB / Experiment::Machine::DENTRY_BYTES());
    return ('-d', $context->{scratch}, '-w', 2, '-p', 0, '--jitter', 0, '-t', 120, '-n', $files,
        '--memcg', $mb, '--hog', int($mb * 3 / 4));
}

sub _hog {
    my ($context, $result) = @_;
    $result->{had_swap} = Experiment::Machine::has_swap();
    _churn($context, $result, 'hog', _full_cgroup($context));
    if ($context->{option}{swap}) {
        my ($in, $out) = Experiment::Machine::swapped();
        _with_swap($context, sub {
            _churn($context, $result, 'hog-swap', _full_cgroup($context));
        });
        $result->{swap} = $context->{option}{swap};
        my ($in_now, $out_now) = Experiment::Machine::swapped();
        $result->{swapped} = { in => $in_now - $in, out => $out_now - $out };
    }
    return;
}

# A swap file of ours for the time of $what; the keeper sees to its end in any case.
sub _with_swap {
    my ($context, $what) = @_;
    my $file = "$context->{scratch}/swap";
    my $keeper = $context->{keeper};
    open my $out, '>', $file or die "$file: $!\n";
    chmod 0600, $file;
    # Written, not only made long: the kernel takes no file with holes.
    my $zeros = "\0" x MB;
    for (1 .. $context->{option}{swap}) {
        print $out $zeros or die "$file: $!\n";
    }
    close $out or die "$file: $!\n";
    $keeper->note_swap($file);
    for my $command (['mkswap', $file], ['swapon', $file]) {
        my ($code, $words) = $keeper->run(mark => $file, out => "$context->{scratch}/words",
            command => $command);
        _skip("$command->[0]: $words") if $code;
    }
    my $good = eval { $what->(); 1 };
    my $error = $@;
    my ($code, $words) = $keeper->run(mark => $file, out => "$context->{scratch}/words",
        command => ['swapoff', $file]);
    unlink $file unless $code;
    die $error unless $good;
    die "swapoff: $words" if $code;
    return;
}

sub _system {
    my ($context, $result) = @_;
    _skip('it changes settings of the whole system for a moment, and is run only with'
            . ' --allow-system') unless $context->{option}{'allow-system'};
    _skip('it needs root') if $>;
    my @burst = ('--allow-system', '-d', $context->{scratch}, '-w', 2, '-p', 0, '--jitter', 0,
        '-t', 60, '-n', 200_000);
    _churn($context, $result, 'drop-caches', @burst, '--drop-caches', 2);
    # The chapter stays of worth without those that this kernel or cgroup does not have.
    for my $more (
        ['pressure-100', _full_cgroup($context), '--allow-system', '--vfs-cache-pressure', 100],
        ['pressure-10000', _full_cgroup($context), '--allow-system', '--vfs-cache-pressure', 10_000],
        ['dentry-negative', @burst, '--dentry-negative', 1],
    ) {
        next if $more->[0] eq 'dentry-negative'
            && !defined Experiment::Machine::knob('fs/dentry-negative');
        next if eval { _churn($context, $result, @$more); 1 };
        die $@ unless ref $@ && $@->isa('Experiment::Churn::Skip');
        push @{ $result->{without} }, "$more->[0]: ${$@}";
    }
    return;
}

1;
