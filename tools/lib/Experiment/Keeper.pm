# SPDX-License-Identifier: Apache-2.0
#
# What an experiment starts and makes, and its undoing. A process of its own, the
# keeper, is told of everything through a pipe; when the pipe ends, whichever way
# the experiment did, also by a kill that cannot be caught, it undoes what is left.
#
#   my $keeper = Experiment::Keeper->start;
#   my $dir = $keeper->make_dir('/var/tmp');
#   my $pid = $keeper->spawn(mark => $dir, command => [...]);
#   my $status = $keeper->end($pid);
#   $keeper->finish;
package Experiment::Keeper;

use strict;
use warnings;
use File::Path qw(remove_tree);
use IO::Handle ();
use POSIX qw(:sys_wait_h :signal_h);
use Time::HiRes qw(sleep time);

use constant PATIENCE => 30;    # seconds that a process has to end after SIGTERM

sub start {
    my ($class) = @_;
    pipe my $read, my $write or die "pipe: $!\n";
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        close $write;
        # Ctrl-C at the terminal is for the experiment; the pipe tells us of it.
        setpgrp;
        $SIG{$_} = 'IGNORE' for qw(INT TERM HUP PIPE);
        eval { _keep($read); 1 } or print STDERR "experiment: cleaning up: $@";
        POSIX::_exit(0);
    }
    close $read;
    $write->autoflush;
    return bless { pipe => $write, pid => $pid, status => {} }, $class;
}

# Undo what is left, and wait for it.
sub finish {
    my ($self) = @_;
    $self->end($_) for grep { !$self->ended($_) } @{ $self->{workers} || [] };
    close delete $self->{pipe} if $self->{pipe};
    waitpid delete $self->{pid}, 0 if $self->{pid};
    return;
}

sub note {
    my ($self, @words) = @_;
    print { $self->{pipe} } join("\t", @words) . "\n";
    return;
}

# Do something and note it, with no signal in between.
sub _unbroken {
    my ($what) = @_;
    my $all = POSIX::SigSet->new(SIGINT, SIGTERM, SIGHUP);
    my $old = POSIX::SigSet->new;
    sigprocmask(SIG_BLOCK, $all, $old);
    my $result = eval { $what->() };
    my $error = $@;
    sigprocmask(SIG_SETMASK, $old);
    die $error if $error;
    return $result;
}

# ---- what is made ------------------------------------------------------------------

# A new directory below $parent, which goes with all that is in it.
sub make_dir {
    my ($self, $parent) = @_;
    my @letters = ('a' .. 'z', 0 .. 9);
    return _unbroken(sub {
        for (1 .. 100) {
            my $dir = "$parent/tmpfs_convert-experiment."
                . join '', map { $letters[rand @letters] } 1 .. 8;
            if (mkdir $dir, 0711) {
                $self->note(dir => $dir);
                return $dir;
            }
            die "$dir: $!\n" unless $!{EEXIST};
        }
        die "$parent: no free name\n";
    });
}

# To be noted before swapon(8) sees the file.
sub note_swap {
    my ($self, $file) = @_;
    return $self->note(swap => $file);
}

# ---- processes -----------------------------------------------------------------------

# Run a command in a process group of its own, its input from the file `in` and its
# output to the file `out` when given. `mark` is a part of its command line by which
# it is known again.
sub spawn {
    my ($self, %of) = @_;
    return _unbroken(sub {
        defined(my $pid = fork) or die "fork: $!\n";
        $self->_become(%of) unless $pid;
        $self->note(process => $pid, $of{mark});
        return $pid;
    });
}

sub _become {
    my ($self, %of) = @_;
    setpgrp;
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    sigprocmask(SIG_SETMASK, POSIX::SigSet->new);
    open STDIN, '<', $of{in} || '/dev/null' or POSIX::_exit(126);
    if ($of{out}) {
        open STDOUT, '>', $of{out} or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT;
    }
    $ENV{$_} = $of{env}{$_} for keys %{ $of{env} || {} };
    # No word goes through a shell.
    { no warnings 'exec'; exec { $of{command}[0] } @{ $of{command} } }
    print STDERR "experiment: $of{command}[0]: $!\n";
    POSIX::_exit(127);
}

# Fork a process that runs $what and exits, with 1 when that dies. It is to end by
# itself when its parent does.
sub fork_worker {
    my ($self, $what, $quiet) = @_;
    my $pid = _unbroken(sub {
        defined(my $pid = fork) or die "fork: $!\n";
        return $pid if $pid;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        sigprocmask(SIG_SETMASK, POSIX::SigSet->new);
        # Its end of the pipe is not to outlive the experiment's.
        close delete $self->{pipe};
        my $good = eval { $what->(); 1 };
        print STDERR "experiment: $@" unless $good || $quiet;
        POSIX::_exit($good ? 0 : 1);
    });
    push @{ $self->{workers} }, $pid;
    return $pid;
}

# Whether a process of ours has ended; then its status is kept for wait_for.
sub ended {
    my ($self, $pid) = @_;
    return 1 if exists $self->{status}{$pid};
    return 0 if waitpid($pid, WNOHANG) == 0;
    $self->{status}{$pid} = $?;
    $self->note(gone => $pid);
    return 1;
}

# Wait for its end, calling $meanwhile every now and then; its wait status.
sub wait_for {
    my ($self, $pid, $meanwhile) = @_;
    until ($self->ended($pid)) {
        $meanwhile->() if $meanwhile;
        sleep 0.05;
    }
    return delete $self->{status}{$pid};
}

# Make it end, by force when it does not; its wait status.
sub end {
    my ($self, $pid) = @_;
    my $deadline = time + PATIENCE;
    kill TERM => $pid unless $self->ended($pid);
    return $self->wait_for($pid, sub { kill KILL => -$pid if time > $deadline });
}

# Run a command to its end: (exit status, or 128 + signal; what it printed).
sub run {
    my ($self, %of) = @_;
    my $pid = $self->spawn(%of);
    my $status = $self->wait_for($pid, $of{meanwhile});
    return (_exit_code($status), $of{out} ? _text_of($of{out}) : '');
}

sub _exit_code {
    my ($status) = @_;
    return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

sub _text_of {
    my ($file) = @_;
    open my $in, '<', $file or return '';
    local $/ = undef;
    return scalar(<$in>) // '';
}

# ---- in the keeper ---------------------------------------------------------------------

sub _keep {
    my ($read) = @_;
    my (%process, @dirs, @swaps);
    while (defined(my $line = <$read>)) {
        chomp $line;
        my ($kind, $what, $more) = split /\t/, $line;
        if    ($kind eq 'process') { $process{$what} = $more }
        elsif ($kind eq 'gone')    { delete $process{$what} }
        elsif ($kind eq 'dir')     { push @dirs, $what }
        elsif ($kind eq 'swap')    { push @swaps, $what }
    }
    _end_processes(\%process);
    _end_swap($_) for @swaps;
    _remove_dir($_) for @dirs;
    return;
}

# The number may belong to somebody else by now; the command line tells.
sub _is_ours {
    my ($pid, $mark) = @_;
    return index(_text_of("/proc/$pid/cmdline"), $mark) >= 0;
}

sub _end_processes {
    my ($process) = @_;
    my @left = grep { _is_ours($_, $process->{$_}) } keys %$process;
    my $deadline = time + PATIENCE;
    kill TERM => $_ for @left;
    while (@left = grep { _is_ours($_, $process->{$_}) } @left) {
        if (time > $deadline) {
            kill KILL => -$_ for @left;
            last;
        }
        sleep 0.05;
    }
    return;
}

sub _end_swap {
    my ($file) = @_;
    if (index(_text_of('/proc/swaps'), $file) >= 0) {
        system('swapoff', $file) == 0 or print STDERR "experiment: swapoff $file failed\n";
    }
    unlink $file;
    return;
}

# A child of a killed server may still be writing its last file: try again.
sub _remove_dir {
    my ($dir) = @_;
    for (1 .. 20) {
        remove_tree($dir, { error => \my $errors });
        return unless -e $dir;
        sleep 0.25;
    }
    print STDERR "experiment: $dir could not be removed\n";
    return;
}

1;
