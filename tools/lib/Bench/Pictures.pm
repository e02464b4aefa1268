# SPDX-License-Identifier: Apache-2.0
#
# tools/bench pictures: what a conversion costs, beside the peers and the floor, all
# in one run and in turns.
package Bench::Pictures;

use strict;
use warnings;
use File::Temp ();
use Getopt::Long ();
use Bench::Chart      ();
use Bench::Contenders ();
use Bench::Measure    ();
use Bench::Table      ();
use Bench::Workloads  ();

my $HELP = <<'HELP';
usage: tools/bench pictures [options]

  -n, --rounds N        turns each contender has at each workload (5)
  -t, --seconds S       of each turn on a server (0.7)
      --photos DIR      photographs to use, JPEG, at most 8 (of mate-backgrounds)
      --workloads LIST  of W1,W2,W3,W4,W5,W6,W7 (all)
      --baseline FILE   another build's mod_tmpfs_convert.so, to compare with
      --no-memory       leave out the memory
      --short           one round of short turns with one photograph: only to see it work
      --json FILE       all figures
      --write           put the tables and the chart into docs/
HELP

# What we want to reach: over the floor of the same reduction, over the best peer of
# libvips' quality, under so much memory, over so much SSIM by default and with
# jpeghint=y. What SSIM a photograph allows at all differs: so the last are given as
# well as what may be lost against the ceiling.
my %GOAL = (
    W1 => { floor => 1.15, memory => 8192, ssim => [0.968, 0.965], loss => [0.0009, 0.0039] },
    W2 => { floor => 1.15, peer => 1.5, memory => 8192, ssim => [0.961, 0.959], loss => [0.0008, 0.0028] },
    W3 => { peer => 1.5, memory => 8192, ssim => [0.946, 0.940], loss => [0.0018, 0.0078] },
    W4 => { floor => 1.1, memory => 8192 },
    W5 => { floor => 1.1, peer => 1.5, memory => 8192 },
    W6 => { floor => 1.15, peer => 3 },
    W7 => { floor => 1.15, peer => 1.5, memory => 8192, ssim => [0.970, 0.966], loss => [0.0007, 0.0047] },
);

# As good as libvips: no further below it than this.
use constant AS_GOOD => 0.002;

sub main {
    local @ARGV = @_;
    my %option = (rounds => 5, seconds => 0.7, workloads => join(',', Bench::Workloads::names()), memory => 1);
    Getopt::Long::Configure('bundling');
    Getopt::Long::GetOptions(\%option, 'rounds|n=i', 'seconds|t=f', 'photos=s', 'workloads=s', 'baseline=s',
        'memory!', 'short', 'json=s', 'write', 'help|h') && !@ARGV or die $HELP;
    if ($option{help}) {
        print $HELP;
        return 0;
    }
    @option{qw(rounds seconds)} = (1, 0.2) if $option{short};
    $option{rounds} >= 1 && $option{rounds} <= 100 && $option{seconds} > 0 && $option{seconds} <= 60
        or die $HELP;
    !defined $option{baseline} || -r $option{baseline} or die "$option{baseline}: $!\n";
    my ($folder, @workloads) = Bench::Workloads::prepare($Bench::Measure::ROOT, photos => $option{photos},
        names => [split /,/, $option{workloads}], most => $option{short} ? 1 : undef);
    my $machine = Bench::Measure::machine();
    my ($contenders, $missing) = Bench::Contenders::gather(folder => $folder, workloads => \@workloads,
        seconds => $option{seconds}, baseline => $option{baseline});
    my $seen = _rounds(\%option, $contenders, @workloads);
    _once(\%option, $folder, $contenders, $seen, @workloads);
    $_->{server} && $_->{server}->stop for grep { !$_->{hint} } @$contenders;

    my @reports = map { _report($_, $contenders, $seen->{ $_->{name} }) } @workloads;
    my $text = join "\n", _method(\%option, $machine, $missing, \@workloads), map { _table($_) } @reports;
    $text .= "\n" . _goals(@reports);
    print $text;
    Bench::Table::save_json($option{json}, { machine => $machine, option => \%option,
        missing => $missing, workloads => \@reports }) if $option{json};
    if ($option{write}) {
        Bench::Table::write_region('pictures', $text);
        Bench::Chart::save("$Bench::Measure::ROOT/docs/performance.svg", _bars(@reports));
    }
    return 0;
}

# ---- measuring ---------------------------------------------------------------------------

sub _progress {
    my ($text) = @_;
    printf STDERR "\r%-70s", $text if -t STDERR;
    return;
}

# {workload}{contender} => {cpu => [...], rate => [...]}. In each round all take their
# turns at a workload, one right after the other.
sub _rounds {
    my ($option, $contenders, @workloads) = @_;
    my %seen;
    for my $round (1 .. $option->{rounds}) {
        for my $workload (@workloads) {
            for my $contender (grep { $_->takes($workload) } @$contenders) {
                _progress("round $round of $option->{rounds}: $workload->{name}, $contender->{name}");
                my $turn = $contender->measure($workload);
                my $of = $seen{ $workload->{name} }{ $contender->{name} } //= {};
                push @{ $of->{$_} }, $turn->{$_} for keys %$turn;
            }
        }
    }
    return \%seen;
}

# What is the same in every round: the answers, their quality, the memory.
sub _once {
    my ($option, $folder, $contenders, $seen, @workloads) = @_;
    for my $workload (@workloads) {
        for my $contender (grep { $_->takes($workload) } @$contenders) {
            _progress("quality and memory: $workload->{name}, $contender->{name}");
            my $of = $seen->{ $workload->{name} }{ $contender->{name} };
            my $dir = File::Temp->newdir('bench-XXXXXX', TMPDIR => 1);
            my @answers = $contender->answers($workload, "$dir");
            for my $at (0 .. $#answers) {
                my ($ssim, $psnr, undef, undef, $bytes) = split ' ', Bench::Measure::output_of(
                    "$Bench::Measure::ROOT/build/bin/quality", 'compare',
                    "$folder/$workload->{files}[$at]{reference}", $answers[$at]);
                $of->{ssim} += $ssim / @answers;
                $of->{psnr} += $psnr / @answers;
                $of->{bytes} += $bytes / @answers;
            }
            $of->{memory} = $contender->memory($workload) if $option->{memory};
        }
    }
    _progress('');
    print STDERR "\r" if -t STDERR;
    return;
}

# ---- what it says --------------------------------------------------------------------------

# One workload: a row a contender with medians, spans and ratios.
sub _report {
    my ($workload, $contenders, $seen) = @_;
    my $hints = $workload->{reduce} ? [0, 1] : [0];
    my @floors = map { $seen->{ 'the least work' . ($_ ? ', jpeghint=y' : '') } } @$hints;
    my @peers = grep { $_->{kind} eq 'peer' } @$contenders;
    my $vips = $seen->{vipsthumbnail};
    my ($best) = sort { Bench::Measure::median(@{ $seen->{$a}{cpu} }) <=> Bench::Measure::median(@{ $seen->{$b}{cpu} }) }
        grep { !$vips || $seen->{$_}{ssim} >= $vips->{ssim} - AS_GOOD } map { $_->{name} } @peers;
    my @rows;
    for my $contender (grep { $_->takes($workload) } @$contenders) {
        my $of = $seen->{ $contender->{name} };
        my $floor = $floors[$contender->{hint} || 0];
        push @rows, {
            name => $contender->{name}, kind => $contender->{kind}, hint => $contender->{hint} ? 1 : 0,
            cpu => $of->{cpu}, median => Bench::Measure::median(@{ $of->{cpu} }),
            least => Bench::Measure::least(@{ $of->{cpu} }), most => Bench::Measure::most(@{ $of->{cpu} }),
            rate => $of->{rate} ? Bench::Measure::median(@{ $of->{rate} }) : undef,
            floor => Bench::Measure::ratio($of->{cpu}, $floor->{cpu}),
            peer => $best ? Bench::Measure::ratio($seen->{$best}{cpu}, $of->{cpu}) : undef,
            map { $_ => $of->{$_} } qw(ssim psnr bytes memory),
        };
    }
    return { name => $workload->{name}, words => $workload->{words}, best => $best, vips => $vips ? 1 : 0,
        reduce => $workload->{reduce}, ceiling => $floors[0]{ssim}, rows => \@rows };
}

sub _number { my ($format, $value) = @_; return defined $value ? sprintf $format, $value : '' }

sub _table {
    my ($report) = @_;
    my @lines = map {
        my $floor = $_->{kind} eq 'floor';
        [$_->{name}, _number('%.2f', $_->{median}), sprintf('%.2f..%.2f', $_->{least}, $_->{most}),
            _number('%.0f', $_->{rate}), $floor ? '' : _number('%.2f', $_->{floor}),
            $_->{kind} =~ /ours|baseline/ ? _number('%.2f', $_->{peer}) : '',
            _number('%.0f', $_->{memory}), _number('%.0f', $_->{bytes}), _number('%.4f', $_->{ssim}),
            _number('%.1f', $_->{psnr})]
    } grep { !($_->{kind} eq 'floor' && $_->{hint} && !$report->{reduce}) } @{ $report->{rows} };
    return "### $report->{name}: $report->{words}\n\n"
        . Bench::Table::markdown(['', 'CPU ms', 'least..most', 'pictures/s', 'x floor', 'peer / it',
            'peak KiB', 'bytes', 'SSIM', 'PSNR'], @lines)
        . ($report->{best} ? "\nThe best peer" . ($report->{vips} ? " of libvips' quality" : '')
            . " here: $report->{best}.\n" : '');
}

sub _method {
    my ($option, $machine, $missing, $workloads) = @_;
    my $photos = @{ $workloads->[0]{files} };
    my ($connections, $workers) = (Bench::Contenders::CONNECTIONS(), Bench::Contenders::WORKERS());
    my $text = "$machine.\n\n$option->{rounds} rounds, $photos photograph(s) a workload; in each round all take"
        . " their turns at it one after the other. JPEG quality 85; PNG with zlib's level 1, but nginx has no"
        . " setting for it.\n\n"
        . <<"TABLE";
| | |
|---|---|
| servers | $connections connections, no keep-alive, $workers workers, no limit on conversions at once, nothing cached, $option->{seconds} s a turn |
| vipsthumbnail | many pictures in one process, one thread; less its time for a picture of 64x48 |
| ImageMagick | `convert`, one picture a process, one thread, with jpeg:size at twice the target; less its time for a picture of 64x48 |
| no server | `tcconvert` in a loop: the module's conversion without HTTP in its CPU time |
| CPU ms | processor time a picture, user and system, of all threads and processes; the median of the rounds, then the least and the most, which is the noise |
| pictures/s | of servers; the load generator takes its share of the same processors |
| x floor | CPU time over that of the least work at the same reduction: the median of the quotients, round by round |
| peer / it | CPU time of the best peer of libvips' quality over this one's, in the same way |
| peak KiB | the largest resident size over the idle one: of a server's only worker, after one tiny picture; of a program, over a tiny picture's |
| SSIM, PSNR | of luma, against a full decode with Lanczos-3 in double precision; the least work's answer is that very picture, encoded, and so the ceiling |
TABLE
    $text .= "\nThe baseline is $option->{baseline}.\n" if defined $option->{baseline};
    $text .= "\nMissing: $_" for @$missing;
    return $text;
}

# Each goal with what was measured beside it.
sub _goals {
    my @reports = @_;
    my @lines;
    my $add = sub {
        my ($report, $row, $what, $goal, $value, $format, $met, $else) = @_;
        return unless defined $value && defined $goal;
        push @lines, [$report->{name}, $row->{name}, $what, sprintf($format, $goal), sprintf($format, $value),
            $met ? 'yes' : $else // 'NO'];
    };
    for my $report (@reports) {
        my $goal = $GOAL{ $report->{name} };
        for my $row (grep { $_->{kind} eq 'ours' } @{ $report->{rows} }) {
            my ($floor, $peer, $memory) = @$row{qw(floor peer memory)};
            $add->($report, $row, 'over the floor, at most', $goal->{floor}, $floor, '%.2f',
                $goal->{floor} && $floor <= $goal->{floor});
            $add->($report, $row, 'faster than the best peer, at least', $goal->{peer}, $peer, '%.2f',
                $goal->{peer} && $peer && $peer >= $goal->{peer});
            $add->($report, $row, 'KiB over idle, under', $goal->{memory}, $memory, '%.0f',
                $goal->{memory} && $memory && $memory < $goal->{memory});
            next unless $goal->{ssim} && $row->{name} =~ /prefork/;
            my ($least, $loss) = map { $goal->{$_}[$row->{hint}] } qw(ssim loss);
            my $lost = $report->{ceiling} - $row->{ssim};
            # With these photographs no answer at all may reach it; then the table says so.
            $add->($report, $row, 'SSIM, at least', $least, $row->{ssim}, '%.4f', $row->{ssim} >= $least,
                $report->{ceiling} < $least ? sprintf 'NO, nor could any: %.4f', $report->{ceiling} : undef);
            $add->($report, $row, 'SSIM under the ceiling, at most', $loss, $lost, '%.4f', $lost <= $loss);
        }
    }
    return "### The goals\n\n" . Bench::Table::markdown(['workload', 'contender', 'what', 'goal', 'now', 'met'], @lines);
}

# Bars for the chart: a group a workload, its contenders' CPU time over the floor's.
sub _bars {
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
