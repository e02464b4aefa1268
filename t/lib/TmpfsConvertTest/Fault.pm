# SPDX-License-Identifier: Apache-2.0
#
# What is to go wrong in a server started with build/preload/faults.so:
#
#   my $fault = TmpfsConvertTest::Fault->new("$dir/faults");
#   my $httpd = TmpfsConvertTest::Httpd->new(faults => $fault, full => ['memfd'], ...);
#   $fault->set(space => 1 + 65536);    # from now on, in all its processes
#   $fault->clear;
package TmpfsConvertTest::Fault;

use strict;
use warnings;
use Carp qw(croak);

# In the order of the struct in t/preload/faults.c, where each is explained.
my @NAMES = qw(
    alloc_at alloc_after alloc_seen alloc_hit space space_errno no_memfd no_tmpfile no_file
    part interrupt calls clock random leak_bytes leak_files slow hold reads
);

sub names { return @NAMES }

sub new {
    my ($class, $file) = @_;
    open my $out, '+>', $file or croak "$file: $!";
    chmod 0666, $file;
    my @names = $class->names;
    my $self = bless { file => $file, handle => $out, at => { map { $names[$_] => 8 * $_ } 0 .. $#names } }, $class;
    return $self->clear;
}

sub file { return $_[0]{file} }

sub clear {
    my ($self) = @_;
    sysseek $self->{handle}, 0, 0;
    syswrite $self->{handle}, "\0" x (8 * keys %{ $self->{at} });
    return $self;
}

sub set {
    my ($self, @values) = @_;
    while (my ($name, $value) = splice @values, 0, 2) {
        sysseek $self->{handle}, $self->{at}{$name} // croak("no fault $name"), 0;
        syswrite $self->{handle}, pack 'q', $value;
    }
    return $self;
}

sub get {
    my ($self, $name) = @_;
    sysseek $self->{handle}, $self->{at}{$name} // croak("no fault $name"), 0;
    sysread $self->{handle}, my $bytes, 8;
    return unpack 'q', $bytes;
}

1;
