# SPDX-License-Identifier: Apache-2.0
#
# What the tests of tools/bench share: a folder of the test's own, build/bin's programs run
# in it, and two photographs to measure with.
package TmpfsConvertTest::Bench;

use strict;
use warnings;
use Exporter qw(import);
use File::Path qw(make_path remove_tree);
use JSON::PP ();
use POSIX ();
use Test::More;
use TmpfsConvertTest::Site ();

our @EXPORT = qw(place program run values_of picture photos bench json_in missing);

my $root = $TmpfsConvertTest::Site::ROOT;
my $place = "$root/build/t/bench-$$";
my $owner = $$;
make_path("$place/photos");
END { remove_tree($place) if $place && $$ == $owner && !$ENV{TC_KEEP} }

sub place { return $place }
sub program { return "$root/build/bin/$_[0]" }

# (exit status, standard output, standard error)
sub run {
    my @command = @_;
    my $pid = open my $out, '-|';
    defined $pid or die "fork: $!";
    if (!$pid) {
        open STDERR, '>', "$place/words";
        exec @command or POSIX::_exit(127);
    }
    my $text = do { local $/ = undef; <$out> } // '';
    close $out;
    my $code = $? >> 8;
    open my $in, '<', "$place/words" or die "$place/words: $!";
    my $words = do { local $/ = undef; <$in> } // '';
    return ($code, $text, $words);
}

# `key: value` lines of a program, as a hash.
sub values_of {
    my ($code, $text, $words) = run(@_);
    diag $words if $code;
    return { $text =~ /^(\w+): (\S+)$/mg };
}

# A picture of mkpicture's in the place.
sub picture {
    my ($name, @options) = @_;
    system(program('mkpicture'), "$place/$name", @options) == 0 or die "no picture\n";
    return "$place/$name";
}

# Their folder.
sub photos {
    picture('photos/one.jpg', 1000, 750, 'kind=photo', 'seed=3', 'quality=95');
    picture('photos/two.jpg', 1000, 750, 'kind=photo', 'seed=4', 'quality=95');
    return "$place/photos";
}

sub bench { return run($^X, "$root/tools/bench", @_) }

sub json_in {
    my ($name) = @_;
    open my $in, '<', "$place/$name" or die "no figures: $!\n";
    local $/ = undef;
    return JSON::PP->new->decode(<$in>);
}

# Why a test of what needs it is skipped; nothing when it is here.
sub missing {
    my ($name) = @_;
    return if grep { -x "$_/$name" } split /:/, $ENV{PATH};
    return "$name is not on this machine: tools/deps --test";
}

1;
