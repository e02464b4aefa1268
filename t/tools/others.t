#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# dev/others: that it tells the same from what differs. Over the public sets it is run by hand.
use strict;
use warnings;
use File::Temp ();
use Test::More;

my $scratch = File::Temp->newdir('others-test-XXXXXX', TMPDIR => 1);
my $png = "$scratch/a.png";

sub others {
    my @words = @_;
    open my $out, '-|', 'dev/others', '--dir', "$scratch/kept", @words or die "dev/others: $!";
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $text);
}

my ($code, $text) = others('--help');
is($code, 0, '--help');
like($text, qr/^usage: dev\/others/, '... tells how');
-x 'build/bin/mkpicture' or system('make', '-s', '-f', 'Makefile.apxs', 'tools') == 0 or die 'no tools';
system('build/bin/mkpicture', $png, 40, 30, 'kind=quad') == 0 or die 'mkpicture';
($code, $text) = others('--all', $png);
SKIP: {
    skip($text =~ /^others: (.*)/ ? $1 : $text, 5) if $code == 2;
    is($code, 0, 'the same picture');
    like($text, qr/a\.png: same: mean 0\.00/, '... by no difference');
    open my $out, q(>:raw), "$scratch/none.gif" or die $!;
    print $out 'no picture';
    close $out;
    ($code, $text) = others('--all', '--most', -1, $png);
    is($code, 1, 'a difference that is not listed: 1');
    ($code, $text) = others('--all', "$scratch/none.gif");
    is($code, 0, 'what neither reads');
    like($text, qr/none\.gif: both-refuse/, '... is told');
}
done_testing;
