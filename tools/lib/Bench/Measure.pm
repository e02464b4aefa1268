# SPDX-License-Identifier: Apache-2.0
#
# How things are measured: CPU time and memory of processes, the programs in
# build/bin, and what many rounds say together.
package Bench::Measure;

use strict;
use warnings;
use JSON::PP ();
use POSIX ();

our $ROOT;    # of the tree

sub tree { ($ROOT) = @_; return }

sub text_of {
    my ($file) = @_;
    open my $in, '<', $file or return;
    local $/ = undef;
    return scalar <$in>;
}

sub bytes_of {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/ = undef;
    return scalar(<$in>) // '';
}

# A program's standard output; dies when it fails.
sub output_of {
    my @command = @_;
    open my $out, '-|', @command or die "$command[0]: $!\n";
    my $text = do { local $/ = undef; <$out> } // '';
    close $out or die "bench: @command: " . ($! ? $! : 'status ' . ($? >> 8)) . "\n";
    return $text;
}

# `key: value` lines of one of our programs, as a hash.
sub values_of {
    my ($program, @arguments) = @_;
    return { output_of("$ROOT/build/bin/$program", @arguments) =~ /^(\w+): (\S+)$/mg };
}

# build/bin/load on this port: its report.
sub load {
    my ($port, @arguments) = @_;
    return JSON::PP->new->decode(output_of("$ROOT/build/bin/load", '-p', $port, @arguments));
}

# Dies when not every request was answered with 200.
sub only_good {
    my ($what, $load) = @_;
    my @bad = grep { $_ ne '200' } keys %{ $load->{answers} };
    die "bench: $what: " . join(', ', map { "$load->{answers}{$_}{count} times $_" } @bad) . "\n" if @bad;
    return $load->{answers}{200}{count} // die "bench: $what: no answer\n";
}

# ---- processes -----------------------------------------------------------------------

# Parents of all processes: {process => its parent}.
sub _parents {
    my %parent;
    for my $file (glob '/proc/[0-9]*/stat') {
        my $line = text_of($file) // next;
        $parent{$1} = $2 if $line =~ /^(\d+) \(.*\) \S (\d+) /s;
    }
    return \%parent;
}

sub children_of {
    my ($of) = @_;
    my $parent = _parents();
    my @found = sort { $a <=> $b } grep { $parent->{$_} == $of } keys %$parent;
    return @found;
}

# Its children and theirs, down to the last.
sub descendants_of {
    my ($of) = @_;
    my $parent = _parents();
    my @next = ($of);
    my @found;
    while (@next) {
        my %these = map { $_ => 1 } @next;
        @next = grep { $these{ $parent->{$_} } } keys %$parent;
        push @found, @next;
    }
    @found = sort { $a <=> $b } @found;
    return @found;
}

# CPU time of processes so far, all their threads, in milliseconds: from schedstat in
# nanoseconds, and where the kernel has none, from stat in clock ticks.
sub cpu_ms {
    my @pids = @_;
    my $ms = 0;
    for my $pid (@pids) {
        my @threads = glob "/proc/$pid/task/*/schedstat";
        if (@threads) {
            $ms += ((split ' ', text_of($_) // '0')[0] // 0) / 1e6 for @threads;
            next;
        }
        my ($user, $system) = (text_of("/proc/$pid/stat") // next) =~ /\) \S(?: \S+){10} (\d+) (\d+) /;
        $ms += 1000 * ($user + $system) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
    }
    return $ms;
}

# A figure of /proc/PID/status in KiB.
sub status_kb {
    my ($pid, $name) = @_;
    return (text_of("/proc/$pid/status") // '') =~ /^\Q$name\E:\s+(\d+) kB/m ? $1 : undef;
}

# Let VmHWM begin anew from what is resident now.
sub reset_peak {
    my ($pid) = @_;
    open my $out, '>', "/proc/$pid/clear_refs" or return;
    print $out '5';
    return close $out;
}

# ---- many rounds -----------------------------------------------------------------------

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return unless @sorted;
    return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2;
}

sub sum {
    my $sum = 0;
    $sum += $_ for @_;
    return $sum;
}

sub least { my @sorted = sort { $a <=> $b } @_; return $sorted[0] }
sub most  { my @sorted = sort { $b <=> $a } @_; return $sorted[0] }

# The median of the quotients round by round: what slowed the whole machine for a
# round is in both and falls out.
sub ratio {
    my ($over, $under) = @_;
    my @each = map { defined $over->[$_] && $under->[$_] ? $over->[$_] / $under->[$_] : () } 0 .. $#$over;
    return median(@each);
}

# The commit this tree is at, where git can tell: in a copy without it, nothing.
sub revision {
    my $commit = qx(git -C '$ROOT' rev-parse --short HEAD 2>/dev/null);
    return '' unless $commit =~ /^([0-9a-f]+)$/m;
    return ", at $1";
}

sub load_average {
    my ($load) = (text_of('/proc/loadavg') // '0') =~ /^(\S+)/;
    return $load;
}

# What the machine is, for the head of every table, and a warning where it was busy.
sub machine {
    my ($model) = (text_of('/proc/cpuinfo') // '') =~ /^model name\s*:\s*(.*)$/m;
    my $load = $ENV{TC_BENCH_LOAD} // load_average();
    my $text = sprintf '%s, %d processors, Linux %s, %s%s, load average before %s', $model // (POSIX::uname())[4],
        processors(), (POSIX::uname())[2], POSIX::strftime('%Y-%m-%d', localtime), revision(), $load;
    $text .= ': other work had its part of the processors, so that rates and times by the clock say'
        . ' little here, and CPU time and its quotients more' if $load > processors() / 2;
    return $text;
}

sub processors {
    my $count = () = (text_of('/proc/cpuinfo') // '') =~ /^processor\s*:/mg;
    return $count || 1;
}

# Numbers of the processors that this process may run on.
sub allowed {
    my ($list) = (text_of('/proc/self/status') // '') =~ /^Cpus_allowed_list:\s*(\S+)/m;
    return map { /^(\d+)-(\d+)$/ ? $1 .. $2 : $_ } split /,/, $list // '';
}

# From now on this process, and what it starts, runs on these only.
sub run_on {
    my @processors = @_;
    output_of('taskset', '-c', '-p', join(',', @processors), $$);
    return;
}

1;
