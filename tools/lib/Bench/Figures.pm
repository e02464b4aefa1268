# SPDX-License-Identifier: Apache-2.0
#
# What tools/bench pictures found, as tables: a report a workload, what matters of all of them,
# and the goals.
package Bench::Figures;

use strict;
use warnings;
use Bench::Measure ();
use Bench::Table   ();

# What is to be reached, by default and with jpeghint=y: at most that many times the floor of
# the same reduction; CPU time and rate against the best peer; memory in KiB; SSIM, and since
# what a photograph allows at all differs, what may be lost against the ceiling.
my %GOAL = (
    W1 => { floor => [0.65, 0.55], peer => 1.6, memory => 1024, ssim => [0.968, 0.965], loss => [0.0009, 0.0039] },
    W2 => { floor => [0.9, 0.9], peer => 1.5, memory => 1024, ssim => [0.961, 0.959], loss => [0.0008, 0.0028] },
    W3 => { floor => [1.1, 1.1], peer => 1.5, memory => 1024, ssim => [0.946, 0.940], loss => [0.0018, 0.0078] },
    W4 => { floor => [0.4], peer => 2, memory => 2048 },
    W5 => { floor => [0.4], peer => 1.5, memory => 2048 },
    W6 => { floor => [1.15, 1.15], peer => 3 },
    W7 => { floor => [1, 1], peer => 1.5, memory => 1024, ssim => [0.970, 0.966], loss => [0.0007, 0.0047] },
    W8 => { peer => 1.5 },
    W9 => { peer => 1.5 },
    W10 => { floor => [0.5, 0.5], peer => 1.5 },
    W11 => { peer => 1.5 },
    W12 => { peer => 1.5 },
);

# Of several contenders' figures by name, the one whose median is the least, or the most.
sub _best {
    my ($seen, $key, $sign, @names) = @_;
    my ($best) = sort { $sign * Bench::Measure::median(@{ $seen->{$a}{$key} })
        <=> $sign * Bench::Measure::median(@{ $seen->{$b}{$key} }) } grep { $seen->{$_}{$key} } @names;
    return $best;
}

# One workload: a row a contender with medians, spans and ratios.
sub report {
    my ($workload, $contenders, $seen) = @_;
    my @floors = map { $seen->{ 'the least work' . ($_ ? ', jpeghint=y' : '') } } 0, 1;
    my @peers = map { $_->{name} } grep { $_->{kind} eq 'peer' && $seen->{ $_->{name} } } @$contenders;
    my $best = _best($seen, 'cpu', 1, @peers);
    my $fastest = _best($seen, 'rate', -1, @peers);
    my @rows;
    for my $contender (grep { $_->takes($workload) } @$contenders) {
        my $of = $seen->{ $contender->{name} };
        my $floor = $floors[$contender->{hint} || 0];
        push @rows, {
            name => $contender->{name}, kind => $contender->{kind}, hint => $contender->{hint} ? 1 : 0,
            cpu => $of->{cpu}, median => Bench::Measure::median(@{ $of->{cpu} }),
            least => Bench::Measure::least(@{ $of->{cpu} }), most => Bench::Measure::most(@{ $of->{cpu} }),
            rates => $of->{rate}, rate => $of->{rate} ? Bench::Measure::median(@{ $of->{rate} }) : undef,
            floor => $floor ? Bench::Measure::ratio($of->{cpu}, $floor->{cpu}) : undef,
            peer => $best ? Bench::Measure::ratio($seen->{$best}{cpu}, $of->{cpu}) : undef,
            faster => $fastest && $of->{rate} ? Bench::Measure::ratio($of->{rate}, $seen->{$fastest}{rate}) : undef,
            quality => $contender->quality($workload),
            map { $_ => $of->{$_} } qw(ssim psnr bytes memory),
        };
    }
    return { name => $workload->{name}, words => $workload->{words}, best => $best, fastest => $fastest,
        like => $workload->{like}, target => $workload->{target}, mixture => $workload->{mixture},
        ceiling => $floors[0] ? $floors[0]{ssim} : undef, rows => \@rows };
}

sub _number { my ($format, $value) = @_; return defined $value ? sprintf $format, $value : '' }

sub table {
    my ($report) = @_;
    my @lines = map {
        my ($row, $ours) = ($_, $_->{kind} =~ /ours|baseline/);
        [$row->{name}, _number('%.2f', $row->{median}), sprintf('%.2f..%.2f', @$row{qw(least most)}),
            _number('%.0f', $row->{rate}), $row->{kind} eq 'floor' ? '' : _number('%.2f', $row->{floor}),
            (map { $ours ? _number('%.2f', $row->{$_}) : '' } qw(peer faster)),
            (map { _number('%.0f', $row->{$_}) } qw(memory bytes)),
            _number('%.4f', $row->{ssim}), _number('%.1f', $row->{psnr})]
    } @{ $report->{rows} };
    return "### $report->{name}: $report->{words}\n\n"
        . Bench::Table::markdown(['', 'CPU ms', 'least..most', 'pictures/s', 'x floor', 'peer / it', 'rate / peer',
            'peak KiB', 'bytes', 'SSIM', 'PSNR'], @lines)
        . _below($report);
}

# What the figures of a table refer to.
sub _below {
    my ($report) = @_;
    my $text = '';
    $text .= "\nThe photographs: $report->{mixture}.\n" if $report->{mixture};
    $text .= sprintf "\nThe least quality that gives the SSIM of %s's answer, %.4f: %s.\n", $report->{like},
        $report->{target}, join ', ', map { "$_->{name} $_->{quality}" } grep { $_->{name} !~ /worker|no server/ } @{ $report->{rows} }
        if $report->{like};
    return $text unless $report->{best};
    return $text . "\nThe best of all peers here: $report->{best}"
        . ($report->{fastest} ? "; the best server among them: $report->{fastest}" : '') . ".\n";
}

# The module under prefork in one line a workload.
sub summary {
    my @reports = @_;
    my @lines;
    for my $report (@reports) {
        for my $row (grep { $_->{kind} eq 'ours' && $_->{name} =~ /prefork/ } @{ $report->{rows} }) {
            push @lines, ["$report->{name}: $report->{words}" . ($row->{hint} ? ', jpeghint=y' : ''),
                _number('%.2f', $row->{median}), _number('%.2f', $row->{floor}), _number('%.2f', $row->{peer}),
                $report->{best} // '', _number('%.2f', $row->{faster}), $report->{fastest} // '',
                _number('%.0f', $row->{memory})];
        }
    }
    return "### All workloads, under prefork\n\n" . Bench::Table::markdown(['', 'CPU ms', 'x floor', 'peer / it',
        'best peer', 'rate / peer', 'best server', 'peak KiB'], @lines);
}

# The goals of one row: [what, goal, value, format, whether it is met, else].
sub _goals_of {
    my ($report, $row, $goal) = @_;
    my $floor = $goal->{floor} && $goal->{floor}[$row->{hint}];
    my @goals = (
        ['over the floor, at most', $floor, $row->{floor}, '%.2f', -1],
        ['CPU time of the best peer over it, at least', $goal->{peer}, $row->{peer}, '%.2f', 1],
        ["rate over the best server's, at least", $goal->{peer}, $row->{faster}, '%.2f', 1],
        ['KiB over idle, at most', $goal->{memory}, $row->{memory}, '%.0f', -1],
    );
    return @goals unless $goal->{ssim} && $row->{name} =~ /prefork/;
    my ($least, $loss) = map { $goal->{$_}[$row->{hint}] } qw(ssim loss);
    # With these photographs no answer at all may reach it; then the table says so.
    return (@goals, ['SSIM, at least', $least, $row->{ssim}, '%.4f', 1,
            $report->{ceiling} < $least ? sprintf 'NO, nor could any: %.4f', $report->{ceiling} : undef],
        ['SSIM under the ceiling, at most', $loss, $report->{ceiling} - $row->{ssim}, '%.4f', -1]);
}

# Each goal next to what was measured.
sub goals {
    my @reports = @_;
    my @lines;
    for my $report (@reports) {
        my $goal = $GOAL{ $report->{name} };
        for my $row (grep { $_->{kind} eq 'ours' } @{ $report->{rows} }) {
            for my $of (_goals_of($report, $row, $goal)) {
                my ($what, $wanted, $value, $format, $sign, $else) = @$of;
                next unless defined $value && defined $wanted;
                push @lines, [$report->{name}, $row->{name}, $what, sprintf($format, $wanted), sprintf($format, $value),
                    $sign * $value >= $sign * $wanted ? 'yes' : $else // 'NO'];
            }
        }
    }
    return "### The goals\n\n" . Bench::Table::markdown(['workload', 'contender', 'what', 'goal', 'now', 'met'], @lines);
}

# Bars for the chart: a group a workload, its contenders' CPU time over the floor's.
sub bars {
    my @reports = @_;
    return map {
        my $report = $_;
        { name => "$report->{name}: $report->{words}", bars => [map {
            { name => $_->{name}, kind => $_->{kind}, value => $_->{median}, least => $_->{least},
                most => $_->{most} }
        } grep { $_->{name} !~ /worker/ } @{ $report->{rows} }] }
    } @reports;
}

1;
