# SPDX-License-Identifier: Apache-2.0
#
# The clients of a soak: processes that ask for one thing after the other over a kept
# connection, and note what became of each request.
#
# A request that was sent over a connection used before, and answered by its end
# without a byte, is sent once more over a new one, as RFC 9112 (9.3.1) has it: the
# server may close a kept connection at any time. Over a new connection it is lost.
package Soak::Load;

use strict;
use warnings;
use IO::Socket::INET ();
use JSON::PP ();
use List::Util qw(shuffle);
use POSIX qw(:sys_wait_h);
use Socket qw(SOL_SOCKET SO_RCVTIMEO SO_RCVBUF SO_LINGER);
use Time::HiRes qw(sleep time);

use constant {
    TIMEOUT => 30,
    # Answers are counted by tenths of a second, for the longest time without one.
    TENTH => 0.1,
};

sub start {
    my ($class, $server, $option) = @_;
    my @round;
    for my $row ($server->requests) {
        my ($count, @request) = @$row;
        push @round, (\@request) x $count;
    }
    my $self = bless { port => $server->{httpd}->port, round => [shuffle(@round)], begin => time,
        clients => $option->{clients}, plant => $option->{plant} }, $class;
    my $mother = $$;
    for my $index (0 .. $option->{clients} - 1) {
        my $share = int(($option->{requests} + $index) / $option->{clients});
        pipe my $read, my $write or die "pipe: $!\n";
        defined(my $pid = fork) or die "fork: $!\n";
        if (!$pid) {
            close $read;
            $self->_work($index, $share, $mother);
            print {$write} JSON::PP->new->encode($self->{count});
            close $write;
            POSIX::_exit(0);
        }
        push @{ $self->{workers} }, { pid => $pid, pipe => $read, text => '' };
    }
    return $self;
}

# Take in what has come; whether all have told theirs.
sub done {
    my ($self) = @_;
    my $open = '';
    vec($open, fileno $_->{pipe}, 1) = 1 for grep { $_->{pipe} } @{ $self->{workers} };
    return 1 unless $open =~ /[^\0]/;
    return 0 if select(my $ready = $open, undef, undef, 0) <= 0;
    for my $worker (grep { $_->{pipe} } @{ $self->{workers} }) {
        next unless vec $ready, fileno $worker->{pipe}, 1;
        next if sysread $worker->{pipe}, $worker->{text}, 1 << 16, length $worker->{text};
        close delete $worker->{pipe};
        waitpid $worker->{pid}, 0;
    }
    return 0;
}

# Enough: each ends after the request it is at.
sub stop {
    my ($self) = @_;
    kill TERM => map { $_->{pid} } grep { $_->{pipe} } @{ $self->{workers} };
    return;
}

# What all of them counted, once all are done.
sub result {
    my ($self) = @_;
    my %all = (asked => 0, retried => 0, broken => 0, wrong => 0, lost => 0, why => {}, kinds => {}, status => {},
        tenths => {});
    for my $worker (@{ $self->{workers} }) {
        my $one = eval { JSON::PP->new->decode($worker->{text}) } or die "a client did not end well\n";
        $all{$_} += $one->{$_} for qw(asked retried broken wrong lost);
        for my $part (qw(why status tenths)) {
            $all{$part}{$_} += $one->{$part}{$_} for keys %{ $one->{$part} };
        }
        for my $kind (keys %{ $one->{kinds} }) {
            $all{kinds}{$kind}{$_} += $one->{kinds}{$kind}{$_} for keys %{ $one->{kinds}{$kind} };
        }
    }
    $all{silence} = _longest_silence(delete $all{tenths});
    return \%all;
}

# Seconds without an answer of the right status to anybody.
sub _longest_silence {
    my ($tenths) = @_;
    my @at = sort { $a <=> $b } keys %$tenths or return 9999;
    my $longest = $at[0];
    for my $next (1 .. $#at) {
        my $gap = $at[$next] - $at[ $next - 1 ] - 1;
        $longest = $gap if $gap > $longest;
    }
    return $longest * TENTH;
}

# ---- one client -----------------------------------------------------------------------

sub _work {
    my ($self, $index, $share, $mother) = @_;
    my $round = $self->{round};
    my $at = int($index * @$round / $self->{clients});
    my $stop = 0;
    local @SIG{qw(INT TERM HUP)} = (sub { $stop = 1 }) x 3;
    local $SIG{PIPE} = 'IGNORE';
    $self->{count} = { map({ $_ => 0 } qw(asked retried broken wrong lost)), why => {}, kinds => {}, status => {},
        tenths => {} };
    while (!$stop && $share-- > 0 && getppid == $mother) {
        my $request = $round->[ $at++ % @$round ];
        my $kind = $request->[0];
        $self->{count}{asked}++;
        $self->{count}{kinds}{$kind}{asked}++;
        $kind eq 'aborted' ? $self->_run_away($request) : $self->_ask($request);
    }
    return;
}

sub _connect {
    my ($self, $room) = @_;
    my $socket = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!\n";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, $room if $room;
    setsockopt $socket, SOL_SOCKET, SO_RCVTIMEO, pack 'l!l!', TIMEOUT, 0;
    connect $socket, Socket::pack_sockaddr_in($self->{port}, Socket::INADDR_LOOPBACK()) or die "connect: $!\n";
    return $socket;
}

sub _send {
    my ($socket, $kind, $path) = @_;
    my $method = $kind eq 'head' ? 'HEAD' : 'GET';
    return syswrite $socket, "$method $path HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Soak: $kind\r\n\r\n";
}

# Ask, take a little of the answer or nothing, and reset the connection.
sub _run_away {
    my ($self, $request) = @_;
    my ($kind, $path) = @$request;
    my $socket = eval { $self->_connect(4096) } or return $self->_lost($kind, $@);
    _send($socket, $kind, $path);
    sysread $socket, my $some, 2000 if $self->{count}{kinds}{$kind}{asked} % 3;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    close $socket;
    return;
}

sub _lost {
    my ($self, $kind, $why) = @_;
    $self->{count}{lost}++;
    $self->{count}{kinds}{$kind}{lost}++;
    $self->{count}{why}{ $why =~ s/\s+\z//r }++;
    sleep 0.02;    # no storm of connections to a server that refuses
    return;
}

sub _ask {
    my ($self, $request) = @_;
    my ($kind, $path, $right) = @$request;
    my $count = $self->{count};
    my $kept = $self->{socket};
    my $status = eval { $self->_answer($kind, $path) };
    if (!defined $status && $kept && $@ =~ /^no byte/) {
        $count->{retried}++;
        $status = eval { $self->_answer($kind, $path) };
    }
    return $self->_lost($kind, $@) unless defined $status;
    $right = 201 if $self->{plant}{answers} && $kind eq 'huge';
    $count->{kinds}{$kind}{answered}++;
    $count->{status}{ substr $status, 0, 1 }++ if $kind ne 'plain';
    if ($status == 500 && $right != 500) {
        $count->{broken}++;
    }
    elsif ($status == $right) {
        $count->{tenths}{ int((time - $self->{begin}) / TENTH) }++;
    }
    else {
        $count->{wrong}++;
        $count->{why}{"$path: $status"}++;
    }
    return;
}

# The status of the whole answer. Dies when there is none.
sub _answer {
    my ($self, $kind, $path) = @_;
    my $socket = $self->{socket} ||= $self->_connect;
    my ($answer, $length, $body) = ('', undef, 0);
    my $good = eval {
        _send($socket, $kind, $path) or die "no byte: send: $!\n";
        until (defined $length && ($length eq 'chunks' ? $answer =~ /\r\n0\r\n\r\n\z/
            : length $answer >= $body + $length)) {
            my $got = sysread $socket, $answer, 262_144, length $answer;
            die((length $answer ? 'broken off' : 'no byte') . ': ' . ($got // $!) . "\n") unless $got;
            next if defined $length || $answer !~ /\r\n\r\n/g;
            $body = pos $answer;
            ($length) = $answer =~ /^Content-Length: (\d+)\r$/mi;
            $length //= 'chunks' if $answer =~ /^Transfer-Encoding: chunked\r$/mi;
            $length = 0 if $kind eq 'head';
            die "no length\n" unless defined $length;
        }
        1;
    };
    if (!$good) {
        delete $self->{socket};
        die $@;
    }
    delete $self->{socket} if $answer =~ /^Connection: close\r$/mi;
    my ($status) = $answer =~ /^HTTP\S+ (\d+)/;
    return $status;
}

1;
