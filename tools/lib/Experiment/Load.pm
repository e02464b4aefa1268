# SPDX-License-Identifier: Apache-2.0
#
# The load: processes that each ask for one picture after the other over a kept
# connection, in the same order every time, and note how long each answer took.
#
#   my $load = Experiment::Load->start(keeper => ..., port => ..., paths => [...],
#       connections => 4, seconds => 60, rate => 0);
#   1 until $load->done;
#   my $result = $load->result;     # good, bad, seconds, quantile(0.99), ...
package Experiment::Load;

use strict;
use warnings;
use IO::Socket::INET ();
use Socket qw(SOL_SOCKET SO_RCVTIMEO);
use JSON::PP ();
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);

use constant {
    # A histogram's buckets: this many to a power of ten, so each is 5 % wide.
    A_DECADE => 50,
    # An answer that takes longer than this is a failed one.
    TIMEOUT => 30,
};

sub now { return clock_gettime(CLOCK_MONOTONIC) }

sub start {
    my ($class, %self) = @_;
    my $self = bless {%self}, $class;
    $self->{start} = now();
    my $mother = $$;
    for my $index (0 .. $self->{connections} - 1) {
        pipe my $read, my $write or die "pipe: $!\n";
        my $pid = $self->{keeper}->fork_worker(sub {
            close $read;
            print {$write} JSON::PP->new->encode($self->_work($index, $mother));
            close $write;
        });
        push @{ $self->{workers} }, { pid => $pid, pipe => $read };
    }
    return $self;
}

sub done {
    my ($self) = @_;
    for my $worker (@{ $self->{workers} }) {
        return 0 unless $self->{keeper}->ended($worker->{pid});
    }
    return 1;
}

# Before its time: what was counted so far is lost.
sub stop {
    my ($self) = @_;
    $self->{keeper}->end($_->{pid}) for @{ $self->{workers} };
    return;
}

# What all of them counted together, once all are done.
sub result {
    my ($self) = @_;
    my %all = (good => 0, bad => 0, bytes => 0, seconds => 0, took => {}, why => '');
    for my $worker (@{ $self->{workers} }) {
        $self->{keeper}->wait_for($worker->{pid});
        my $text = do { local $/ = undef; readline $worker->{pipe} };
        my $one = eval { JSON::PP->new->decode($text) } or next;
        $all{$_} += $one->{$_} for qw(good bad bytes);
        $all{took}{$_} += $one->{took}{$_} for keys %{ $one->{took} };
        $all{seconds} = $one->{seconds} if $one->{seconds} > $all{seconds};
        $all{why} ||= $one->{why};
    }
    return bless \%all, 'Experiment::Load::Result';
}

# ---- one connection -----------------------------------------------------------------

sub _work {
    my ($self, $index, $mother) = @_;
    my %count = (good => 0, bad => 0, bytes => 0, took => {}, why => '');
    my $end = $self->{start} + $self->{seconds};
    my $pause = $self->{rate} ? $self->{connections} / $self->{rate} : 0;
    # Spread over the pause, so that the connections take turns.
    my $next = $self->{start} + $pause * $index / $self->{connections};
    my $at = $index;
    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    local $SIG{PIPE} = 'IGNORE';
    while (!$stop && now() < $end && getppid == $mother) {
        if ($pause) {
            my $early = $next - now();
            if ($early > 0) {
                sleep($early < 0.2 ? $early : 0.2);
                next;
            }
            $next += $pause;
        }
        $self->_count_one(\%count, $self->{paths}[ $at++ % @{ $self->{paths} } ]);
    }
    $count{seconds} = now() - $self->{start};
    return \%count;
}

sub _count_one {
    my ($self, $count, $path) = @_;
    my $began = now();
    my $length = eval { $self->_ask($path) };
    if (!defined $length) {
        $count->{bad}++;
        $count->{why} ||= $@;
        delete $self->{socket};
        sleep 0.02;    # no storm of connections to a server that refuses
        return;
    }
    my $us = (now() - $began) * 1e6;
    $count->{good}++;
    $count->{bytes} += $length;
    $count->{took}{ int(A_DECADE * log($us < 1 ? 1 : $us) / log(10)) }++;
    return;
}

sub _connect {
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => TIMEOUT)
        or die "connect: $@\n";
    $socket->setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack('l!l!', TIMEOUT, 0));
    return $socket;
}

# Ask for one; the length of the picture. Dies when it is not answered by 200.
sub _ask {
    my ($self, $path) = @_;
    my $socket = $self->{socket} ||= $self->_connect;
    syswrite $socket, "GET $path HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" or die "send: $!\n";
    my ($answer, $length, $body) = ('');
    until (defined $length && length $answer >= $body + $length) {
        my $got = sysread $socket, $answer, 65536, length $answer;
        die 'receive: ' . ($! || 'the connection ended') . "\n" unless $got;
        next if defined $length || $answer !~ /\r\n\r\n/g;
        $body = pos $answer;
        ($length) = $answer =~ /^Content-Length: (\d+)\r$/mi or die "no Content-Length\n";
        my ($status) = $answer =~ /^HTTP\S+ (\d+)/;
        die "status $status\n" unless $status == 200;
    }
    delete $self->{socket} if $answer =~ /^Connection: close\r$/mi;
    return $length;
}

package Experiment::Load::Result;

# The time in seconds that this part (0..1) of the answers took less than.
sub quantile {
    my ($self, $part) = @_;
    my ($seen, $upper) = (0);
    for my $bucket (sort { $a <=> $b } keys %{ $self->{took} }) {
        $seen += $self->{took}{$bucket};
        $upper = 10**(($bucket + 1) / Experiment::Load::A_DECADE()) / 1e6;
        return $upper if $seen >= $part * $self->{good};
    }
    return $upper;
}

1;
