# SPDX-License-Identifier: Apache-2.0
#
# Tables as Markdown, which reads well in a terminal too, JSON, and the regions of
# docs/performance.md that tools/bench --write replaces.
package Bench::Table;

use strict;
use warnings;
use JSON::PP ();
use Bench::Measure ();
use Bench::Readme  ();

# A table with columns as wide as they must be: the first to the left, figures to the
# right.
sub markdown {
    my ($head, @rows) = @_;
    my @width = map { length } @$head;
    for my $row (@rows) {
        for my $at (0 .. $#$row) {
            $width[$at] = length $row->[$at] if length $row->[$at] > $width[$at];
        }
    }
    my $line = sub {
        my ($row) = @_;
        return '| ' . join(' | ', map { sprintf $_ ? '%*s' : '%-*s', $width[$_], $row->[$_] } 0 .. $#$row) . " |\n";
    };
    my $rule = '|' . join('|', map { '-' x ($width[$_] + 1) . ($_ ? ':' : '-') } 0 .. $#$head) . "|\n";
    return $line->($head) . $rule . join '', map { $line->($_) } @rows;
}

sub save_json {
    my ($file, $data) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out JSON::PP->new->canonical->pretty->encode($data);
    close $out or die "$file: $!\n";
    return;
}

# Put `text` between the two comments that mark a region of docs/performance.md, or of
# `page`. README.md has some of the figures on pictures, which follow.
sub write_region {
    my ($name, $text, $page) = @_;
    my $file = "$Bench::Measure::ROOT/docs/" . ($page // 'performance.md');
    my $whole = Bench::Measure::text_of($file) // die "$file: $!\n";
    my ($begin, $end) = ("<!-- bench $name -->\n", "<!-- /bench $name -->\n");
    $whole =~ s/\Q$begin\E.*?\Q$end\E/$begin\n$text\n$end/s or die "$file: no region $name\n";
    # Before anything is written: it needs more of the workloads than a run may have had.
    my $peers = $name eq 'pictures' ? Bench::Readme::table($whole) : undef;
    open my $out, '>', "$file.new" or die "$file.new: $!\n";
    print $out $whole;
    close $out or die "$file.new: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
    write_region('peers', $peers, '../README.md') if defined $peers;
    return;
}

1;
