# SPDX-License-Identifier: Apache-2.0
#
# Bars in groups, each group on a scale of its own, as an SVG that needs nothing else.
package Bench::Chart;

use strict;
use warnings;

# Narrow, so that a telephone need not make its words tiny.
use constant { WIDTH => 520, LABEL => 190, BAR => 15, GAP => 4, HEAD => 30 };

# By kind; readable on white and in print.
my %COLOUR = (ours => '#1a6faf', baseline => '#7fb2d9', peer => '#c9772b', floor => '#8a8a8a');

sub _escaped {
    my ($text) = @_;
    $text =~ s/&/&amp;/g;
    $text =~ s/</&lt;/g;
    $text =~ s/>/&gt;/g;
    return $text;
}

# save(file, {name, bars => [{name, kind, value, least, most}]}...): the values are
# milliseconds of CPU time; the line across a bar's end goes from the least to the most.
sub save {
    my ($file, @groups) = @_;
    my ($y, $body) = (40, '');
    for my $group (@groups) {
        my ($longest) = sort { $b <=> $a } map { $_->{most} } @{ $group->{bars} };
        my $scale = (WIDTH - LABEL - 60) / ($longest || 1);
        $body .= sprintf qq{<text x="8" y="%d" class="group">%s</text>\n}, $y + 14, _escaped($group->{name});
        $y += HEAD - 6;
        for my $bar (@{ $group->{bars} }) {
            my $middle = $y + BAR / 2;
            $body .= sprintf qq{<text x="%d" y="%.1f" class="name">%s</text>\n}, LABEL - 8, $middle + 4,
                _escaped($bar->{name});
            $body .= sprintf qq{<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>\n}, LABEL, $y,
                $bar->{value} * $scale, BAR, $COLOUR{ $bar->{kind} };
            $body .= sprintf qq{<path d="M%.1f %.1fH%.1f" class="span"/>\n}, LABEL + $bar->{least} * $scale,
                $middle, LABEL + $bar->{most} * $scale;
            $body .= sprintf qq{<text x="%.1f" y="%.1f">%.2f</text>\n}, LABEL + $bar->{most} * $scale + 6,
                $middle + 4, $bar->{value};
            $y += BAR + GAP;
        }
        $y += 12;
    }
    open my $out, '>', $file or die "$file: $!\n";
    printf $out <<'SVG', WIDTH, $y, WIDTH, $y, $body;
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">
<title>Milliseconds of CPU time a picture</title>
<style>
text { font: 12px sans-serif; fill: #222 }
.name { text-anchor: end }
.group { font-weight: bold }
.span { stroke: #222; stroke-width: 1 }
</style>
<rect width="100%%" height="100%%" fill="#fff"/>
<text x="8" y="16">Milliseconds of CPU time a picture: medians, and a line from the least</text>
<text x="8" y="32">to the most. Each group has its own scale.</text>
%s</svg>
SVG
    close $out or die "$file: $!\n";
    return;
}

1;
