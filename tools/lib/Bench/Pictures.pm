# SPDX-License-Identifier: Apache-2.0
#
# tools/bench pictures: what a conversion costs, beside the peers and the floor, all
# in one run and in turns.
package Bench::Pictures;

use strict;
use warnings;
use Getopt::Long ();
use Bench::Answers    ();
use Bench::Chart      ();
use Bench::Contenders ();
use Bench::Figures    ();
use Bench::Measure    ();
use Bench::Table      ();
use Bench::Workloads  ();

my $HELP = <<'HELP';
usage: tools/bench pictures [options]

  -n, --rounds N        turns each contender has at each workload (5)
  -t, --seconds S       of each turn on a server (0.7)
      --photos DIR      photographs to use, JPEG: for W12 at most 24, as they are, for the
                        others the first 8, cut and reduced (Debian's packages)
      --workloads LIST  of W1 to W12, with commas (all)
      --baseline FILE   another build's mod_tmpfs_convert.so, to compare with
      --no-memory       leave out the memory
      --short           one round of short turns with one photograph: only to see it work
      --json FILE       all figures
      --write           put the tables and the chart into docs/
HELP

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
    Bench::Answers::settle($contenders, $_, $folder, \&_progress) for grep { $_->{like} } @workloads;
    my $seen = _rounds(\%option, $contenders, @workloads);
    _once(\%option, $folder, $contenders, $seen, @workloads);
    my @versions = grep { defined } map { $_->version } grep { !$_->{hint} && $_->{name} !~ /worker/ } @$contenders;
    $_->{server} && $_->{server}->stop for grep { !$_->{hint} } @$contenders;

    my @reports = map { Bench::Figures::report($_, $contenders, $seen->{ $_->{name} }) } @workloads;
    my $text = join "\n", _method(\%option, $machine, \@versions, $missing, \@workloads),
        Bench::Figures::summary(@reports), map { Bench::Figures::table($_) } @reports;
    $text .= "\n" . Bench::Figures::goals(@reports);
    print $text;
    Bench::Table::save_json($option{json}, { machine => $machine, option => \%option, versions => \@versions,
        missing => $missing, workloads => \@reports }) if $option{json};
    if ($option{write}) {
        Bench::Table::write_region('pictures', $text);
        Bench::Chart::save("$Bench::Measure::ROOT/docs/performance.svg", Bench::Figures::bars(@reports));
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
            my $is = Bench::Answers::judge($contender, $workload, $folder);
            $of->{$_} = $is->{$_} for keys %$is;
            $of->{memory} = $contender->memory($workload) if $option->{memory};
        }
    }
    _progress('');
    print STDERR "\r" if -t STDERR;
    return;
}

# ---- what it says --------------------------------------------------------------------------

sub _method {
    my ($option, $machine, $versions, $missing, $workloads) = @_;
    my ($one) = grep { !$_->{mix} } @$workloads;
    my $photos = $one ? @{ $one->{files} } . ' photograph(s) a workload' : 'photographs';
    $photos .= ' but W12' if $one && grep { $_->{mix} } @$workloads;
    my ($connections, $workers) = (Bench::Contenders::CONNECTIONS(), Bench::Contenders::WORKERS());
    my $versions_text = join '; ', @$versions;
    my $text = "$machine.\n\n$versions_text.\n\n$option->{rounds} rounds, $photos; in each round all take"
        . " their turns at it one after the other. JPEG quality 85, 4:2:0, baseline; PNG with zlib's level 1, but"
        . " nginx has no setting for it; WebP with libwebp's method 3; AVIF with speed 9. That each answer is so is"
        . " checked, and its size.\n\n"
        . <<"TABLE";
| | |
|---|---|
| servers | $connections connections, no keep-alive, $workers workers, no limit on conversions at once, in the workers themselves (TmpfsConvertIsolation off), nothing cached, $option->{seconds} s a turn |
| sharp | under Node, $workers processes with one thread each (cluster, UV_THREADPOOL_SIZE=1, sharp.concurrency(1)), sharp.cache(false), no optimised Huffman tables, no mozjpeg |
| vipsthumbnail | many pictures in one process, one thread; less its time for a picture of 64x48 |
| ImageMagick | `convert`, one picture a process, one thread, with jpeg:size at twice the target; less its time for a picture of 64x48 |
| no server | `tcconvert` in a loop: the module's conversion without HTTP in its CPU time |
| CPU ms | processor time a picture, user and system, of all threads and processes; the median of the rounds, then the least and the most, which is the noise |
| pictures/s | of servers; the load generator takes its share of the same processors |
| x floor | CPU time over that of the least work at the same reduction: the median of the quotients, round by round |
| peer / it | CPU time of the best of all peers over this one's, in the same way |
| rate / peer | this server's pictures a second over those of the best server among the peers, in the same way |
| peak KiB | the largest resident size over the idle one: of a server with one worker and what else it runs, after one tiny picture; of a program, over a tiny picture's |
| SSIM, PSNR | of luma, against a full decode with Lanczos-3 in double precision; the least work's answer is that very picture, encoded, and so the ceiling |
TABLE
    $text .= "\nThe baseline is $option->{baseline}.\n" if defined $option->{baseline};
    $text .= "\nMissing: $_" for @$missing;
    return $text;
}

1;
