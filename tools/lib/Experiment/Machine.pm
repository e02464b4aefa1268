# SPDX-License-Identifier: Apache-2.0
#
# What the machine says of itself. A figure that cannot be had is undef.
package Experiment::Machine;

use strict;
use warnings;
use Cwd ();
use POSIX ();

use constant DENTRY_BYTES => 195;    # of slab a dentry, 192 and its share of the page

sub text_of {
    my ($file) = @_;
    open my $in, '<', $file or return;
    local $/ = undef;
    return scalar <$in>;
}

# The number that a file begins with.
sub number_in {
    my ($file) = @_;
    my ($number) = (text_of($file) // '') =~ /^\s*(-?\d+)/;
    return $number;
}

# ---- the dentry cache ----------------------------------------------------------------

# Dentries, and those of names that do not exist; before Linux 5.0 nobody counts the latter.
sub dentries {
    my @field = split ' ', text_of('/proc/sys/fs/dentry-state') // '';
    return (all => $field[0], negative => counts_negative() ? $field[4] : undef);
}

sub counts_negative {
    my ($major) = release() =~ /^(\d+)/;
    return $major >= 5;
}

# What a directory retained is the drop of this when it is removed.
sub retained_gauge {
    my %now = dentries();
    return $now{negative} // $now{all} // 0;
}

# Bytes of the dentry slab, and whether that is an estimate: its figures are root's to read.
sub dentry_slab {
    my $slabs = number_in('/sys/kernel/slab/dentry/slabs');
    my $order = number_in('/sys/kernel/slab/dentry/order');
    my $page = POSIX::sysconf(POSIX::_SC_PAGESIZE());
    return ($slabs * $page << $order, 0) if defined $slabs && defined $order;
    if ((text_of('/proc/slabinfo') // '') =~
        /^dentry\s+\d+\s+\d+\s+\d+\s+\d+\s+(\d+)\s.*:\s*slabdata\s+\d+\s+(\d+)/m) {
        return ($1 * $2 * $page, 0);
    }
    my %now = dentries();
    return (defined $now{all} ? $now{all} * DENTRY_BYTES : undef, 1);
}

# ---- memory ----------------------------------------------------------------------------

# /proc/meminfo in bytes.
sub memory {
    my %of;
    for (split /\n/, text_of('/proc/meminfo') // '') {
        $of{$1} = $2 * 1024 if /^(\S+):\s+(\d+) kB/;
    }
    return %of;
}

# Pages swapped in and out since boot, as bytes.
sub swapped {
    my %of = (text_of('/proc/vmstat') // '') =~ /^(pswpin|pswpout) (\d+)$/mg;
    my $page = POSIX::sysconf(POSIX::_SC_PAGESIZE());
    return map { ($of{$_} // 0) * $page } qw(pswpin pswpout);
}

# The memory cgroup we are in: (version, limit in bytes or undef).
sub cgroup {
    my $own = text_of('/proc/self/cgroup') // '';
    my ($one) = $own =~ /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m;
    my ($two) = $own =~ /^0::(.*)$/m;
    if (defined $one) {
        my $limit = number_in("/sys/fs/cgroup/memory$one/memory.limit_in_bytes")
            // number_in('/sys/fs/cgroup/memory/memory.limit_in_bytes');
        return (1, defined $limit && $limit < 2**60 ? $limit : undef);
    }
    return (0, undef) unless defined $two;
    return (2, number_in("/sys/fs/cgroup$two/memory.max") // number_in('/sys/fs/cgroup/memory.max'));
}

# ---- file systems --------------------------------------------------------------------

# The kind of file system a directory is on: of the mounts above it the nearest, of
# those in the same place the last.
sub file_system {
    my $path = Cwd::realpath($_[0]) // $_[0];
    my ($found, $length) = ('unknown', -1);
    for (split /\n/, text_of('/proc/self/mountinfo') // '') {
        my ($at, $kind) = /^\S+ \S+ \S+ \S+ (\S+) .* - (\S+) / or next;
        $at =~ s/\\(\d{3})/chr oct $1/ge;
        next unless $at eq '/' || $path eq $at || index($path, "$at/") == 0;
        ($found, $length) = ($kind, length $at) if length $at >= $length;
    }
    return $found;
}

sub in_memory   { return $_[0] =~ /^(?:tmpfs|ramfs|devtmpfs)$/ }
sub keeps_names { return $_[0] =~ /^(?:ext[234]|xfs|btrfs)$/ }

# Bytes and files that can still be had in a directory, and all there are, by df(1).
sub space {
    my ($dir) = @_;
    my %of;
    for my $kind ([bytes => '-Pk', 1024], [files => '-Pi', 1]) {
        my ($name, $option, $unit) = @$kind;
        open my $out, '-|', 'df', $option, $dir or next;
        my ($all, $free) = (map { /^\S.*?\s(\d+)\s+\d+\s+(\d+)\s/ ? ($1, $2) : () } <$out>)[0, 1];
        close $out;
        @of{ "all_$name", "free_$name" } = map { $_ * $unit } $all, $free if defined $free;
    }
    return %of;
}

# ---- names -----------------------------------------------------------------------------

sub release { return (POSIX::uname())[2] }
sub host    { return (POSIX::uname())[1] }

sub distribution {
    my ($name) = (text_of('/etc/os-release') // '') =~ /^PRETTY_NAME="?([^"\n]*)/m;
    return $name // 'unknown';
}

# As many as we may run on.
sub processors {
    my ($list) = (text_of('/proc/self/status') // '') =~ /^Cpus_allowed_list:\s*(\S+)/m;
    my $count = 0;
    for (split /,/, $list // '0') {
        $count += /(\d+)-(\d+)/ ? $2 - $1 + 1 : 1;
    }
    return $count;
}

# A kernel setting; undef where the kernel has none of the name.
sub knob { return number_in("/proc/sys/$_[0]") }

sub has_swap {
    my %memory = memory();
    return ($memory{SwapTotal} // 0) > 0;
}

1;
