# SPDX-License-Identifier: Apache-2.0
#
# What a soak looks at from outside: memory and descriptors of the children, the
# temporary files that lie about, and what their directory retains in kernel memory.
package Soak::Watch;

use strict;
use warnings;
use List::Util qw(sum);
use POSIX ();
use Time::HiRes qw(sleep time);

use constant KIB => 1024;

sub new {
    my ($class, $server) = @_;
    return bless { server => $server, samples => [] }, $class;
}

sub samples { return $_[0]{samples} }

# One of now, `$time` seconds after the beginning. Proportional set sizes take the
# kernel a walk over all pages, so only of every fifth sample.
sub sample {
    my ($self, $time) = @_;
    my @children = $self->{server}{httpd}->children;
    my @listening = _listening($self->{server}{httpd}->pid);
    my %now = (time => $time, children => 0, rss => 0, descriptors => 0, temp_open => 0,
        named => scalar $self->named, serving => {});
    for my $pid (@children) {
        my $rss = _rss($pid) or next;    # it has just ended
        my @open = _descriptors($pid);
        $now{children}++;
        $now{rss} += $rss;
        $now{largest} = $rss if $rss > ($now{largest} // 0);
        $now{descriptors} += @open;
        # One that ends gracefully listens no longer.
        my %has = map { $_ => 1 } @open;
        $now{serving}{$pid} = @open unless grep { !$has{$_} } @listening;
        $now{temp_open} += grep { _is_temporary($_) } @open;
    }
    if (@{ $self->{samples} } % 5 == 0) {
        $now{pss} += _pss($_) // 0 for @children;
    }
    $now{negative} = _negative();
    push @{ $self->{samples} }, \%now if $now{children};
    return;
}

# Of each sample the descriptors of a child, as the mean over those that serve then and at
# the samples before and after: one that begins has opened half of what it will, and of one
# that is killed a part is closed. Samples without any are left out: [sample's number, mean].
sub settled {
    my ($samples) = @_;
    my @settled;
    for my $at (0 .. $#$samples) {
        my @beside = map { $samples->[$_]{serving} } grep { $_ >= 0 && $_ < @$samples } $at - 1, $at + 1;
        my $serving = $samples->[$at]{serving};
        my @count = map { $serving->{$_} } grep { my $pid = $_; !grep { !$_->{$pid} } @beside } keys %$serving;
        push @settled, [$at, sum(@count) / @count] if @count;
    }
    return @settled;
}

# The last sample, for a person.
sub words {
    my ($self) = @_;
    my $last = $self->{samples}[-1] or return '';
    return sprintf '%d children, %.1f MiB and %d descriptors each', $last->{children},
        $last->{rss} / KIB / $last->{children}, $last->{descriptors} / $last->{children};
}

# In KiB.
sub _rss {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/statm" or return 0;
    my $pages = (split ' ', <$in> // '')[1] // 0;
    return $pages * POSIX::sysconf(POSIX::_SC_PAGESIZE()) / KIB;
}

sub _pss {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/smaps_rollup" or return;
    while (my $line = <$in>) {
        return $1 if $line =~ /^Pss:\s+(\d+)/;
    }
    return;
}

# What the process has open.
sub _descriptors {
    my ($pid) = @_;
    return map { readlink($_) // () } glob "/proc/$pid/fd/*";
}

# The sockets that the process listens on, as _descriptors has them: it has others too.
sub _listening {
    my ($pid) = @_;
    my %listens;
    for my $file ('/proc/net/tcp', '/proc/net/tcp6') {
        open my $in, '<', $file or next;
        while (my $line = <$in>) {
            my ($state, $inode) = (split ' ', $line)[3, 9];
            $listens{"socket:[$inode]"} = 1 if $state eq '0A';
        }
    }
    return grep { $listens{$_} } _descriptors($pid);
}

sub _is_temporary {
    my ($to) = @_;
    return $to =~ m{^/memfd:tmpfs_convert|/tc-[^/]*(?: \(deleted\))?$|/#\d+ \(deleted\)$};
}

sub _negative {
    open my $in, '<', '/proc/sys/fs/dentry-state' or return;
    return (split ' ', <$in>)[4];
}

# Temporary files that have a name now.
sub named {
    my ($self) = @_;
    my @files = glob "$self->{server}{temp}/*";
    return @files;
}

# What is left when nobody asks for anything any more: names and open files. The
# client has its last byte a little before the server is done.
sub left {
    my ($self) = @_;
    my (@named, @open);
    for (1 .. 40) {
        @named = $self->named;
        @open = grep { _is_temporary($_) } map { _descriptors($_) } $self->{server}{httpd}->children;
        last unless @named || @open;
        sleep 0.1;
    }
    return { named => \@named, open => \@open };
}

# Negative dentries that the directory of temporary files retained: what the kernel's
# count falls by with it, whatever other programs leave elsewhere. undef: it cannot be told.
sub retained {
    my ($self) = @_;
    my $dir = $self->{server}{temp};
    my $before = _negative();
    unlink glob "$dir/*" if $self->{server}{option}{plant}{file};
    rmdir $dir or return;
    my $after = _negative();
    return defined $after ? $before - $after : undef;
}

1;
