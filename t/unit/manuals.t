#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each command in tools/ has a manual in docs/, which man shows without a warning and which
# names the options that the command does. churn's: t/tools/churn.t.
use strict;
use warnings;
use File::Basename qw(basename dirname);
use Test::More;

chdir dirname(__FILE__) . '/../..' or die $!;

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!";
    local $/ = undef;
    return scalar <$in>;
}

# {option => its short name or ''} of a manual.
sub manual_options {
    my ($name) = @_;
    my %option;
    for my $line (slurp("docs/$name.1") =~ /^\.It (Fl .*)$/mg) {
        my @names = $line =~ /Fl (-?[\w-]+)/g;
        my ($short) = grep { !/^-/ } @names;
        $option{$_} = $short // '' for map { /^-(.+)/ ? $1 : () } @names;
        $option{$short} = '' if $short && @names == 1;
    }
    return \%option;
}

# The same of what a command prints about itself.
sub printed_options {
    my ($text) = @_;
    my %option;
    $option{$2} ||= $1 // '' while $text =~ /(?<![\w-])(?:-(\w), )?--([a-z][\w-]*)/g;
    # A command without long ones.
    if (!%option) {
        $option{$_} = '' for $text =~ /\[-(\w)\b/g;
    }
    delete $option{help};
    return \%option;
}

sub without_help {
    my ($option) = @_;
    return { map { $_ => $option->{$_} } grep { $_ ne 'help' } keys %$option };
}

my @commands = map { basename($_) } grep { -f && -x } glob 'tools/*';
cmp_ok(scalar @commands, '>=', 7, 'there are commands');
ok(-e "docs/$_.1", "$_ has a manual") for @commands;

for my $page (glob 'docs/*.1') {
    my $name = basename($page, '.1');
    my $text = slurp($page);
    like($text, qr/^\.Dt \U$name\E 1$/m, "$page: its title");
    for my $section (qw(NAME SYNOPSIS DESCRIPTION OPTIONS), 'EXIT STATUS', 'SEE ALSO') {
        like($text, qr/^\.Sh $section$/m, "... $section");
    }
    my @unknown = grep { !-e "docs/$_.1" } $text =~ /^\.Xr ((?!slabtop|free\b)[\w-]+) 1\b/mg;
    is_deeply(\@unknown, [], '... refers to manuals that there are');
    SKIP: {
        skip 'no man here', 1 unless grep { -x "$_/man" } split /:/, $ENV{PATH};
        my $words = `LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l $page 2>&1 >/dev/null`;
        is($words, '', '... is shown without a warning');
    }
}

for my $name (grep { $_ ne 'bench' } @commands) {
    my $help = $name eq 'demo' ? '-h' : '--help';
    my $printed = printed_options(scalar `tools/$name $help 2>&1`);
    ok(%$printed, "tools/$name $help lists options");
    is_deeply(without_help(manual_options($name)), $printed, '... which are those of the manual');
}

# Programs of build/bin that have a manual, by their sources.
my ($chart) = slurp('tools/picture/svgchart.c') =~ /^static const char help\[\] =\n(.*?);\n/ms;
my $drawn = printed_options($chart =~ s/^ *"|\\n"$//mgr);
cmp_ok(scalar keys %$drawn, '>', 10, 'svgchart lists options');
is_deeply([sort keys %{ without_help(manual_options('svgchart')) }], [sort keys %$drawn], '... which are those of the manual');
my @keys = slurp('tools/picture/mkpicture/mkpicture.c') =~ /\{"(\w+)", AT\(/g;
my @words = map { /Cm (\w+)/g } slurp('docs/mkpicture.1') =~ /^\.It (.*)$/mg;
is_deeply([sort @words], [sort @keys], 'mkpicture: its keys are those of the manual');
my @kinds = slurp('tools/picture/mkpicture/mkpicture.c') =~ /\{"(\w+)", draw_/g;
my ($said) = slurp('docs/mkpicture.1') =~ /^\.It Cm kind\n(.*?)^\.It/ms;
is_deeply([grep { $said !~ /\b$_\b/ } @kinds], [], '... and its kinds');

# bench: the parts, and the options that more than one of them has.
my %parts = map { $_ => 1 } slurp('docs/bench.1') =~ /^\.It Cm (\w+)$/mg;
my ($words) = slurp('tools/bench') =~ /^my %WHAT = map .*? qw\((.*?)\);/m;
is_deeply([sort keys %parts], [sort 'all', split ' ', $words], 'tools/bench: its parts are those of the manual');
my %uses;
for my $file (glob 'tools/lib/Bench/*.pm') {
    my ($help) = slurp($file) =~ /^my \$HELP = <<'HELP';\n(.*?)^HELP$/ms or next;
    $uses{$_}++ for keys %{ printed_options($help) };
}
my $manual = manual_options('bench');
is_deeply([grep { !$uses{$_} } keys %{ without_help($manual) }], [], '... the manual has no option of none of them');
is_deeply([grep { $uses{$_} > 1 && !exists $manual->{$_} } sort keys %uses], [], '... and all that several have');

done_testing;
