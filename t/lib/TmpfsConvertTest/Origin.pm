# SPDX-License-Identifier: Apache-2.0
#
# A server of originals that no sound server is: each path is a sub that is given
# the connection and does with it what it likes.
#
#   my $origin = TmpfsConvertTest::Origin->new(
#       '/drip.jpg' => sub { my ($to) = @_; $to->print("HTTP/1.1 200 OK\r\n\r\n"); $to->drip('x') },
#   );
#   $origin->port; $origin->open;
#
# Each connection has a process of its own, so that none waits for another.
package TmpfsConvertTest::Origin;

use strict;
use warnings;
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(sleep time);

# A lost test must not leave processes: nothing lasts longer.
use constant LONGEST => 60;

sub new {
    my ($class, %path) = @_;
    my $listener = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', Listen => 64, ReuseAddr => 1) or die "origin: $@";
    my $self = bless { owner => $$, port => $listener->sockport }, $class;
    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
        setpgrp;
        $SIG{CHLD} = 'IGNORE';
        $SIG{TERM} = 'DEFAULT';
        while (my $client = $listener->accept) {
            next if fork;
            close $listener;
            alarm LONGEST;
            $SIG{ALRM} = 'DEFAULT';
            $SIG{PIPE} = 'DEFAULT'; # who writes to a closed connection has ended
            _serve($client, \%path);
            POSIX::_exit(0);
        }
        POSIX::_exit(0);
    }
    close $listener;
    return $self;
}

sub port { return $_[0]{port} }

sub _serve {
    my ($client, $path) = @_;
    my $name = (<$client> // '') =~ m{ ([^\s?]+) } ? $1 : '';
    while (defined(my $line = <$client>)) { last if $line eq "\r\n" }
    my $what = $path->{$name} or return;
    $client->autoflush(1);
    bless $client, 'TmpfsConvertTest::Origin::Client';
    $what->($client);
    return;
}

# How many connections it has now.
sub open {
    my ($self) = @_;
    my $group = $self->{pid};
    my $count = 0;
    for my $file (glob '/proc/[0-9]*/stat') {
        CORE::open my $in, '<', $file or next;
        my $line = <$in> // next;
        # Its parent is the origin, and it is no zombie.
        $count++ if $line =~ /^\d+ \(.*\) ([^Z]) (\d+) / && $2 == $group;
    }
    return $count;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$ || !$self->{pid};
    local ($?, $!);
    kill 'KILL', -$self->{pid};
    waitpid delete $self->{pid}, 0;
    return;
}

package TmpfsConvertTest::Origin::Client;

use parent -norequire, 'IO::Socket::INET';
use Time::HiRes qw(sleep time);

# `$bytes` again and again, every `$pause` seconds, until the other side closes.
sub drip {
    my ($self, $bytes, $pause) = @_;
    while (1) {
        print {$self} $bytes;
        last if $self->_is_closed($pause);
    }
    return;
}

# Nothing, until the other side closes.
sub hold {
    my ($self) = @_;
    1 until $self->_is_closed(1);
    return;
}

sub _is_closed {
    my ($self, $seconds) = @_;
    my $ready = '';
    vec($ready, fileno $self, 1) = 1;
    return select($ready, undef, undef, $seconds) > 0 && !sysread $self, my $ignored, 1;
}

1;
