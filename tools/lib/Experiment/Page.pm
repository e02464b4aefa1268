# SPDX-License-Identifier: Apache-2.0
#
# The parts of the report's page: numbers, tables, bars, charts, and what is around
# them. No script, nothing from elsewhere; well-formed, so that a test can read it.
package Experiment::Page;

use strict;
use warnings;

# As the server's status page looks.
my $STYLE = <<'CSS';
:root{color-scheme:light dark;--line:#d0d0d0;--dim:#6b6b6b;--well:#0a7a3f;--warn:#b42318;--box:#f6f6f4;--bar:#1f83c5}
@media(prefers-color-scheme:dark){:root{--line:#3c3c3c;--dim:#a0a0a0;--well:#4cc38a;--warn:#ff8b7e;--box:#1d1d1f}body{background:#121214;color:#e8e8e8}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:.6rem 1rem 3rem;font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.45rem;margin:.6rem 0 0}h1 span{font-weight:400;color:var(--dim)}
h2{font-size:1.2rem;margin:2.4rem 0 .5rem;padding-top:.5rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.3rem 0 .3rem}
p,ul,ol{max-width:48rem;margin:.5rem 0;overflow-wrap:anywhere}ul,ol{padding-left:1.3rem}
.state{max-width:none;border-left:.4rem solid var(--well);background:var(--box);padding:.7rem .9rem;margin:.8rem 0;font-size:1.08rem}
.state.bad{border-color:var(--warn)}.state.unclear{border-color:var(--dim)}
.duo{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr));gap:.8rem;margin:.8rem 0}
.card{background:var(--box);padding:.7rem .9rem;border-top:.25rem solid var(--line)}
.card.bad{border-color:var(--warn)}.card.well{border-color:var(--well)}
.card b{display:block;font-size:2.3rem;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums}
.card.bad b{color:var(--warn)}.card.well b{color:var(--well)}
.card p{margin:.15rem 0}.card .which{font-weight:600}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));gap:1rem 1.6rem;margin:1rem 0}
figure{margin:0}figure:only-child{max-width:42rem}figcaption,.dim{color:var(--dim)}figcaption{font-size:.9rem;max-width:44rem}
svg{display:block;width:100%;height:auto;color:inherit}svg.narrow{display:none}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.4rem 0}
th,td{padding:.2rem 1.4rem .2rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{font-weight:500}thead th{color:var(--dim)}
td.n,th.n{text-align:right;white-space:nowrap}td.bad{color:var(--warn);font-weight:600}td.well{color:var(--well);font-weight:600}
.bars{max-width:48rem;margin:.6rem 0}.bars div{margin:.45rem 0}
.bars i{display:block;height:.8rem;min-width:2px;background:var(--bar);border-radius:0 2px 2px 0}
.bars .bad i{background:var(--warn)}.bars .well i{background:var(--well)}.bars strong{font-variant-numeric:tabular-nums}
.skipped{border-left:.3rem solid var(--line);padding:.2rem .9rem;color:var(--dim)}
details{margin:.5rem 0}summary{cursor:pointer;color:var(--dim)}
pre{background:var(--box);padding:.6rem .8rem;overflow-x:auto;font-size:.85rem;line-height:1.4}
code{font-size:.92em;overflow-wrap:anywhere}
@media(max-width:40rem){body{padding:.4rem .7rem 2rem;font-size:15px}th,td{padding-right:.7rem}svg.narrow{display:block}svg.broad{display:none}h1 span{display:block;font-size:.9rem}}
@media print{details>*{display:block}}
CSS

sub escaped {
    my ($text) = @_;
    my %name = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
    $text =~ s/([&<>"])/$name{$1}/g;
    # What XML has no way to say.
    $text =~ s/[^\t\n\x20-\x7e\x80-\xff]/?/g;
    return $text;
}

# ---- numbers -----------------------------------------------------------------------

# 1234567 as 1,234,567; as a whole number.
sub grouped {
    my ($number) = @_;
    return 'unknown' unless defined $number;
    my $text = sprintf '%.0f', $number;
    $text = '0' if $text eq '-0';
    1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;
    return $text;
}

sub bytes {
    my ($number) = @_;
    return 'unknown' unless defined $number;
    my ($sign, $at) = ($number < 0 ? '-' : '', 0);
    $number = abs $number;
    while ($number >= 1000 && $at < 4) {
        $number /= 1024;
        $at++;
    }
    my $digits = $at == 0 || $number >= 99.95 ? 0 : 1;
    return $sign . sprintf("%.${digits}f ", $number) . (qw(bytes KiB MiB GiB TiB))[$at];
}

sub seconds {
    my ($number) = @_;
    return 'unknown' unless defined $number;
    return sprintf '%.1f s', $number if $number >= 9.995;
    return sprintf '%.2f s', $number if $number >= 0.9995;
    return sprintf '%.0f ms', $number * 1e3 if $number >= 0.0995;
    return sprintf '%.1f ms', $number * 1e3 if $number >= 0.000995;
    return sprintf '%.0f µs', $number * 1e6;
}

sub ratio { return defined $_[0] ? sprintf('%.3f', $_[0]) : 'unknown' }

# ---- pieces ------------------------------------------------------------------------

# table([heads], [cells]...): the first cell of a row names it; a cell is text, or
# [text, class].
sub table {
    my ($heads, @rows) = @_;
    my $html = '<div class="wide"><table>';
    if ($heads) {
        my @cells = map { '<th scope="col"' . ($_ ? ' class="n"' : '') . '>' . escaped($heads->[$_]) . '</th>' }
            0 .. $#$heads;
        $html .= '<thead><tr>' . join('', @cells) . '</tr></thead>';
    }
    $html .= '<tbody>';
    for my $row (@rows) {
        my ($name, @cells) = @$row;
        $html .= '<tr><th scope="row">' . escaped($name) . '</th>';
        for my $cell (@cells) {
            my ($text, $class) = ref $cell ? @$cell : ($cell, '');
            $class = join ' ', grep { $_ } ($heads ? 'n' : ''), $class;
            $html .= ($class ? "<td class=\"$class\">" : '<td>') . escaped($text) . '</td>';
        }
        $html .= "</tr>\n";
    }
    return "$html</tbody></table></div>\n";
}

# bars([name, number, text, class]...): to one scale, the largest the whole width.
sub bars {
    my (@bars) = @_;
    my $most = 0;
    for my $bar (@bars) {
        $most = $bar->[1] if $bar->[1] > $most;
    }
    my $html = '<div class="bars">';
    for my $bar (@bars) {
        my ($name, $number, $text, $class) = @$bar;
        $html .= sprintf '<div class="%s">%s: <strong>%s</strong><i style="width:%.2f%%"></i></div>',
            $class || 'plain', escaped($name), escaped($text), $most > 0 ? $number / $most * 100 : 0;
    }
    return "$html</div>\n";
}

sub paragraph { return '<p>' . join(' ', grep { length } @_) . "</p>\n" }

# Words that somebody else wrote, to be opened.
sub details {
    my ($title, $text) = @_;
    return '<details><summary>' . escaped($title) . '</summary><pre>' . escaped($text)
        . "</pre></details>\n";
}

# ---- charts ------------------------------------------------------------------------

# chart($context, title => ..., rows => [{time => 0, NAME => number}, ...],
#     columns => [NAME => 'name in the legend', ...], area => [NAME...], right => [NAME...],
#     axis => 'left name', axis_unit => ..., right_axis => ..., right_unit => ...,
#     until => seconds, caption => ...)
# One figure by build/bin/svgchart: drawn for a desk and for a telephone. Names of areas
# and of what is on the right have no commas: svgchart takes them as lists.
sub chart {
    my ($context, %of) = @_;
    my @drawn = _table_and_options($context, %of);
    return '<figure>' . _within($context, 'broad', @drawn, '--width', 640, '--height', 330)
        . _within($context, 'narrow', @drawn, '--width', 390, '--height', 300)
        . ($of{caption} ? "<figcaption>$of{caption}</figcaption>" : '') . "</figure>\n";
}

# The same as a picture of its own: a file in the scratch directory.
sub chart_file {
    my ($context, $name, %of) = @_;
    my $file = "$context->{scratch}/$name.svg";
    _draw($context, $file, _table_and_options($context, %of), '--width', 480, '--height', 300);
    return $file;
}

sub _table_and_options {
    my ($context, %of) = @_;
    my @columns = @{ $of{columns} };
    my (@keys, %name);
    while (my ($key, $name) = splice @columns, 0, 2) {
        push @keys, $key;
        $name{$key} = $name;
    }
    my $file = "$context->{scratch}/chart.csv";
    write_csv($file, $of{rows}, ['time', 'time'], map { [$_, $name{$_}] } @keys);
    my @options = ('--relative', '--title', $of{title}, '--left', $of{axis} // '',
        '--left-unit', $of{axis_unit} // 'none');
    push @options, '--area', join ',', map { $name{$_} } @{ $of{area} } if $of{area};
    push @options, '--on-right', join(',', map { $name{$_} } @{ $of{right} }),
        '--right', $of{right_axis} // '', '--right-unit', $of{right_unit} // 'none' if $of{right};
    push @options, '--from', 0, '--to', $of{until} if $of{until};
    return ($file, @options);
}

sub _draw {
    my ($context, $out, $table, @options) = @_;
    my ($code, $svg) = $context->{keeper}->run(
        mark    => 'svgchart',
        in      => $table,
        out     => $out,
        command => ["$context->{tree}/build/bin/svgchart", @options],
    );
    die "svgchart: $svg" if $code;
    return $svg;
}

# Within a page it is as wide as that lets it, and in its colour.
sub _within {
    my ($context, $class, @drawn) = @_;
    my $svg = _draw($context, "$context->{scratch}/chart.svg", @drawn);
    $svg =~ s/ xmlns="[^"]*"| color="#\w+"//g;
    $svg =~ s/^(<svg\b[^>]*?) width="\d+" height="\d+"/$1 class="$class"/;
    return $svg;
}

# A file of numbers: [key in the rows, name in the file]...
sub write_csv {
    my ($file, $rows, @columns) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out join(',', map { $_->[1] =~ /[",]/ ? '"' . ($_->[1] =~ s/"/""/gr) . '"' : $_->[1] } @columns), "\n";
    for my $row (@$rows) {
        print $out join(',', map { my $value = $row->{ $_->[0] };
            defined $value ? $value =~ /\.\d{7}/ ? sprintf '%.6f', $value : $value : '' } @columns), "\n";
    }
    close $out or die "$file: $!\n";
    return;
}

# ---- the page ------------------------------------------------------------------------

sub page {
    my ($title, @parts) = @_;
    return <<"HTML" . join('', @parts) . "</body></html>\n";
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta name="robots" content="noindex, nofollow"/>
<title>@{[escaped($title)]}</title>
<style>
$STYLE</style></head>
<body>
HTML
}

1;
