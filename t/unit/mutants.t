#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# dev/mutants: its list fits the sources, and it tells killed from surviving mutations.
use strict;
use warnings;
use File::Temp ();
use Test::More;

my $scratch = File::Temp->newdir('mutants-test-XXXXXX', TMPDIR => 1);

sub spew {
    my ($text) = @_;
    my $file = "$scratch/list";
    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out or die "$file: $!";
    return $file;
}

# (exit code, output with errors) of dev/mutants.
sub mutants {
    my $output = qx(dev/mutants @_ 2>&1);
    return ($? >> 8, $output);
}

my ($code, $output) = mutants('--dry');
is($code, 0, 'every old text of the list is found, and every test') or diag($output);
my ($count) = $output =~ /^mutants: (\d+), all of them found$/m;
cmp_ok($count // 0, '>=', 60, '... of at least 60 mutations');

my $there = "src/base/sha256.c\n- return differ == 0;\n+ return differ < 2;\n";
for my $case (
    ["src/base/sha256.c\n- return nothing;\n? sha256\n", qr/found 0 times/, 'a line that is not there'],
    ["src/base/sha256.c\n- return false;\n? sha256\n", qr/found [2-9]\d* times/, 'one that is there twice'],
    ["$there? sha512\n", qr{there is no test t/unit/test_sha512}, 'a test that is not there'],
    ["$there", qr/needs its old text and its tests/, 'no test'],
    ["$there! sha256\n", qr/unknown line/, 'an unknown mark'],
    )
{
    my ($list, $words, $what) = @$case;
    ($code, $output) = mutants('--dry', '--list', spew($list));
    isnt($code, 0, "$what: an error");
    like($output, $words, '... that says so');
}

# Survivors are named where people read of them.
open my $in, '<', 'dev/mutants.list' or die $!;
my @paragraphs = split /\n{2,}/, do { local $/ = undef; <$in> };
open $in, '<', 'docs/mutants.md' or die $!;
my $docs = do { local $/ = undef; <$in> };
my @survivors = grep { /^= /m } @paragraphs;
for (@survivors) {
    my ($old) = /^- (.*)/m;
    $old =~ s/\|/\\|/g; # as a table has it
    ok(index($docs, $old) >= 0, "docs/mutants.md names the survivor $old");
}
cmp_ok(@survivors / @paragraphs, '<', 0.05, 'less than 5 % are accepted survivors: ' . scalar @survivors);

done_testing;
