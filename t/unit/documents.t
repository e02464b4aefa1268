#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# README.md and docs/ as one set: each page begins and ends as the others do and is in the
# index, each link leads somewhere, and README.md has the figures of docs/performance.md.
use strict;
use warnings;
use File::Basename qw(basename dirname);
use Test::More;

chdir dirname(__FILE__) . '/../..' or die $!;
use lib 'tools/lib';
use Bench::Readme ();

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!";
    local $/ = undef;
    return scalar <$in>;
}

my @pages = grep { $_ ne 'docs/README.md' } glob 'docs/*.md';
my %text = map { $_ => slurp($_) } @pages, qw(docs/README.md README.md SECURITY.md CONTRIBUTING.md);

# ---- pages ---------------------------------------------------------------------------

cmp_ok(scalar @pages, '>', 10, 'there are pages');
for my $page (@pages) {
    ok($text{$page} =~ /\A# [^\n]+\n\n[A-Z`][^\n|]{10,}/, "$page: a title, and what it is about in a sentence");
    ok($text{$page} =~ /\n\n\[All documents\]\(README\.md\)\n\z/, "$page leads back to the index");
}

# Without what stands there as it is: code, in a line or in lines.
sub prose {
    my ($text) = @_;
    $text =~ s/^```.*?^```$//msg;
    $text =~ s/^    .*$//mg;
    return $text;
}

# ---- links ---------------------------------------------------------------------------

# What a heading is called in a link, as code hosts do it.
sub anchors {
    my ($text) = @_;
    $text = prose($text);
    return map { my $name = lc; $name =~ s/[^\w\s-]//g; $name =~ s/\s/-/g; ($name => 1) } $text =~ /^#+ (.+)$/mg;
}

my %linked;
for my $page (sort keys %text) {
    my @broken;
    (my $plain = prose($text{$page})) =~ s/`[^`\n]*`//g;
    while ($plain =~ /\]\(([^()\s]+)\)|<(?:a href|img src)="([^"]+)"/g) {
        my $target = $1 // $2;
        next if $target =~ /^https?:/;
        my ($file, $anchor) = $target =~ /^([^#]*)(?:#(.*))?$/;
        my $path = length $file ? dirname($page) . "/$file" : $page;
        1 while $path =~ s{(?:^|/)\K[^/.]+/\.\./|^\./}{};
        $linked{$page}{$path} = 1;
        push @broken, $target if !-e $path;
        next unless defined $anchor;
        my %there = $path =~ /\.md$/ ? anchors($text{$path} // slurp($path)) : ();
        push @broken, $target if !$there{$anchor};
    }
    is_deeply(\@broken, [], "$page: links lead somewhere");
    next if $page !~ m{^docs/};
    # What a reader would have to look for by hand.
    my @bare = $plain =~ m{(?<![\w/(\[])docs/[\w-]+\.(?:md|1)}g;
    is_deeply(\@bare, [], "$page: other pages are links");
}
my @lost = grep { !$linked{'docs/README.md'}{$_} } @pages, glob 'docs/*.1';
is_deeply(\@lost, [], 'the index has every page and manual');
my $readme = join ' ', sort keys %{ $linked{'README.md'} };
like($readme, qr{(?:^| )\Q$_\E(?: |$)}, "README.md leads to $_") for 'docs/README.md', 'docs/parameters.md', 'SECURITY.md';

# Pictures that no page shows are only weight.
my $shown = join '', values %text;
my @unused = grep { index($shown, 'pictures/' . basename($_)) < 0 } glob 'docs/pictures/*';
is_deeply(\@unused, [], 'every picture of docs/pictures is shown');

# ---- figures -------------------------------------------------------------------------

my ($peers) = $text{'README.md'} =~ /^<!-- bench peers -->\n\n(.*?)\n<!-- \/bench peers -->/ms;
is($peers, Bench::Readme::table($text{'docs/performance.md'}), 'README.md has the peers of docs/performance.md')
    or diag 'tools/bench pictures --write writes both';
(my $other = $text{'docs/performance.md'}) =~ s/^(\| ours, prefork +\| +)[\d.]+/${1}98.76/m;
like(Bench::Readme::table($other), qr/mod_tmpfs_convert.* \| 98\.76 \|/, '... by the first workload\'s figure');
$other =~ s/^### W4: .*?(?=^### )//ms;
ok(!eval { Bench::Readme::table($other); 1 }, '... and none of a run without W4');
cmp_ok(scalar(my @rows = ($peers // '') =~ /^\| /mg), '>=', 5, '... at least three of them');

done_testing;
