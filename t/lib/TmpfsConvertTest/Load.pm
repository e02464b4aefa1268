# SPDX-License-Identifier: Apache-2.0
#
# Bounded load, and what a directory retains of it in kernel memory.
package TmpfsConvertTest::Load;

use strict;
use warnings;
use Exporter qw(import);
use POSIX ();

our @EXPORT = qw(load failures blind retained);

# Many requests over a few kept connections, bounded in number and time.
sub load {
    my ($httpd, $path, $count, $parallel) = @_;
    return system("ab -q -k -r -s 60 -t 120 -n $count -c $parallel '" . $httpd->url
            . "$path' >'" . $httpd->root . "/ab' 2>&1");
}

# What the last load said: "N done, M not 2xx".
sub failures {
    my ($httpd) = @_;
    open my $in, '<', $httpd->root . '/ab' or return 'no report of ab';
    my $text = join '', <$in>;
    my ($done) = $text =~ /Complete requests:\s+(\d+)/;
    my ($bad)  = $text =~ /Non-2xx responses:\s+(\d+)/;
    return ($done // 0) . ' done, ' . ($bad // 0) . ' not 2xx';
}

sub negatives {
    open my $in, '<', '/proc/sys/fs/dentry-state' or return;
    return (split ' ', <$in>)[4];
}

# Why what a directory retains cannot be told here, if so.
sub blind {
    my ($release) = POSIX::uname() ? (POSIX::uname())[2] =~ /^(\d+)/ : 0;
    return 'kernels before 5.0 do not count negative dentries' if $release < 5;
    open my $in, '<', '/proc/sys/fs/dentry-negative' or return;
    return <$in> != 0 ? 'fs.dentry-negative is on: the kernel keeps none' : undef;
}

# Negative dentries that go with the empty directory, which is made again: what it
# retained, immune to what other directories do.
sub retained {
    my ($dir) = @_;
    my $before = negatives();
    rmdir $dir or die "$dir: $!";
    my $freed = $before - negatives();
    mkdir $dir;
    chmod 01777, $dir;
    return $freed;
}

1;
