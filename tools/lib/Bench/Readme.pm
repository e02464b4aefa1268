# SPDX-License-Identifier: Apache-2.0
#
# README.md's table of peers: three figures of each, from the tables of
# docs/performance.md, so that the two never differ.
package Bench::Readme;

use strict;
use warnings;

# Where a figure stands: workload, column, and how it is shown.
my @FIGURES = (
    ['12-megapixel JPEG to 300x300: CPU ms', 'W1', 'CPU ms',   sub { $_[0] }],
    ['memory for it, MiB',                   'W1', 'peak KiB', sub { sprintf '%.1f', $_[0] / 1024 }],
    ['2-megapixel PNG to 300x300: CPU ms',   'W4', 'CPU ms',   sub { $_[0] }],
);

sub _cells {
    my ($line) = @_;
    my @cells = split /\s*\|\s*/, $line =~ s/^\|\s*//r, -1;
    pop @cells;
    return @cells;
}

# {contender}{column} of a workload's table, and the contenders in its order.
sub _workload {
    my ($page, $name) = @_;
    my ($table) = $page =~ /^### $name: [^\n]*\n\n((?:\|[^\n]*\n)+)/m
        or die "README.md's table of peers needs $name: nothing is written\n";
    my ($head, undef, @lines) = split /\n/, $table;
    my (undef, @columns) = _cells($head);
    my (%of, @order);
    for my $line (@lines) {
        my ($contender, @values) = _cells($line);
        push @order, $contender;
        @{ $of{$contender} }{@columns} = @values;
    }
    return (\%of, @order);
}

# The table, from the text of docs/performance.md: the module and each peer.
sub table {
    my ($page) = @_;
    my %of;
    my ($first, @order) = _workload($page, 'W1');
    $of{W1} = $first;
    ($of{W4}) = _workload($page, 'W4');
    my $text = '| | ' . join(' | ', map { $_->[0] } @FIGURES) . " |\n|---|" . '---:|' x @FIGURES . "\n";
    for my $name ('ours, prefork', grep { !/^(?:ours|the least work|baseline)\b/ } @order) {
        my @values = map {
            my (undef, $workload, $column, $show) = @$_;
            my $value = $of{$workload}{$name}{$column} // '';
            $value =~ /^[\d.]+$/ ? $show->($value) : '';
        } @FIGURES;
        $text .= '| ' . ($name eq 'ours, prefork' ? '**mod_tmpfs_convert**, prefork' : $name) . ' | '
            . join(' | ', @values) . " |\n";
    }
    return $text;
}

1;
