# SPDX-License-Identifier: Apache-2.0
#
# tools/bench overload: what the server does under ten times the load it can carry. The
# load generator has the last processor for itself, as if it were another machine: on the
# server's own processors the ten times as many requests that it sends would take from the
# server what overload does not.
package Bench::Overload;

use strict;
use warnings;
use Getopt::Long ();
use Bench::Measure   ();
use Bench::Servers   ();
use Bench::Table     ();
use Bench::Workloads ();

my $HELP = <<'HELP';
usage: tools/bench overload [options]

  -n, --rounds N        turns of each MPM (5)
  -t, --seconds S       of the overload, and of what it can carry before and after (6)
      --photos DIR      photographs to use
      --workload NAME   W1 to W7 (W1)
      --times N         the overload, in times of what it can carry (10)
      --mpm LIST        of prefork,worker,event (all)
      --active N        conversions at once (2 for each of the server's processors)
      --short           one round of short loads: only to see it work
      --json FILE       all figures
      --write           put the table into docs/performance.md
HELP

# Threads or processes of httpd: enough that some are free to refuse while the places
# and the queue are full.
use constant SERVERS => 64;
# The wait is long against the queue, so that only a full queue refuses, and at once.
use constant { WAIT => 10, QUEUE => 16 };

# What we want to reach.
use constant { LEAST_SHARE => 0.9, REFUSED_MS => 100 };

sub main {
    local @ARGV = @_;
    my %option = (rounds => 5, seconds => 6, workload => 'W1', times => 10, mpm => 'prefork,worker,event');
    Getopt::Long::Configure('bundling');
    Getopt::Long::GetOptions(\%option, 'rounds|n=i', 'seconds|t=f', 'photos=s', 'workload=s', 'times=f',
        'mpm=s', 'active=i', 'short', 'json=s', 'write', 'help|h') && !@ARGV or die $HELP;
    if ($option{help}) {
        print $HELP;
        return 0;
    }
    @option{qw(rounds seconds)} = (1, 0.5) if $option{short};
    $option{rounds} >= 1 && $option{rounds} <= 100 && $option{seconds} > 0 && $option{seconds} <= 60
        && $option{times} >= 1 && $option{times} <= 100 or die $HELP;
    my ($folder, $workload) = Bench::Workloads::prepare($Bench::Measure::ROOT, photos => $option{photos},
        names => [$option{workload}], most => $option{short} ? 1 : undef);
    $workload or die $HELP;
    my $machine = Bench::Measure::machine();
    my @processors = Bench::Measure::allowed();
    my $generator = @processors > 1 ? pop @processors : $processors[0];
    my $place = { server => \@processors, generator => $generator };
    my $active = $option{active} // 2 * @processors;
    my @mpms = split /,/, $option{mpm};
    my %turns;
    for my $round (1 .. $option{rounds}) {
        for my $mpm (@mpms) {
            push @{ $turns{$mpm} }, _turn(\%option, $place, $folder, $workload, $mpm, $active);
        }
    }
    my $text = _method(\%option, $place, $machine, $workload, $active) . "\n"
        . _table(map { [$_, $turns{$_}] } @mpms);
    print $text;
    Bench::Table::save_json($option{json}, { machine => $machine, option => \%option, turns => \%turns })
        if $option{json};
    Bench::Table::write_region('overload', $text) if $option{write};
    return 0;
}

# ---- one turn ------------------------------------------------------------------------------

sub _server {
    my ($folder, $mpm, $active) = @_;
    my ($n, $half) = (SERVERS, SERVERS / 2);
    my $settings = $mpm eq 'prefork'
        ? "ServerLimit $n\nStartServers $n\nMinSpareServers 1\nMaxSpareServers $n\n"
        : "ServerLimit 2\nStartServers 2\nThreadLimit $half\nThreadsPerChild $half\nMinSpareThreads 1\n"
            . "MaxSpareThreads $n\n";
    return Bench::Servers::httpd(mpm => $mpm, workers => $n, folder => $folder, settings => $settings,
        conf => "TmpfsConvertMaxActive $active @{[ QUEUE ]} @{[ WAIT ]}s\n");
}

# Pictures a second, and the 99th percentile of their times, by connections that each ask
# again when answered: a few, and as many as there are places to work and to wait in, which
# is the longest line.
sub _carried {
    my ($option, $server, $paths, $active) = @_;
    my %by;
    my $rest = $option->{seconds};
    for my $connections ($active, 2 * $active, $active + QUEUE) {
        my $seconds = $connections == $active + QUEUE ? $rest : $option->{seconds} / 4;
        my $load = Bench::Measure::load($server->port, '-c', $connections, '-t', $seconds, @$paths);
        $by{$connections} = { rate => Bench::Measure::only_good('capacity', $load) / $load->{seconds},
            p99 => $load->{answers}{200}{p99} };
        $rest -= $seconds;
    }
    return \%by;
}

# What it can carry, then much more, then what it can carry again. Of what is before and
# after the means: the machine's pace wanders by a tenth within seconds, and the best of
# several would be its luckiest moment, not the server's best.
sub _turn {
    my ($option, $place, $folder, $workload, $mpm, $active) = @_;
    Bench::Measure::run_on(@{ $place->{server} });
    my $server = _server($folder, $mpm, $active);
    Bench::Measure::run_on($place->{generator});
    my @paths = map { $server->path($workload, $_->{file}) } @{ $workload->{files} };
    my $before = _carried($option, $server, \@paths, $active);
    my $rate = $option->{times} * Bench::Measure::most(map { $_->{rate} } values %$before);
    my $load = Bench::Measure::load($server->port, '-c', 4000, '-r', sprintf('%.1f', $rate),
        '-t', $option->{seconds}, @paths);
    my $after = _carried($option, $server, \@paths, $active);
    $server->stop;
    my $mean = sub { my ($at, $what) = @_; return ($before->{$at}{$what} + $after->{$at}{$what}) / 2 };
    my ($at) = sort { $mean->($b, 'rate') <=> $mean->($a, 'rate') } keys %$before;
    return { best => $mean->($at, 'rate'), at => $at,
        line => Bench::Measure::most(map { $_->{ $active + QUEUE }{p99} } $before, $after),
        rate => $rate, before => $before, after => $after, load => $load,
        accepted => ($load->{answers}{200}{in_time} // 0) / $option->{seconds} };
}

# ---- what it says ----------------------------------------------------------------------------

sub _method {
    my ($option, $place, $machine, $workload, $active) = @_;
    my $apart = !grep { $_ == $place->{generator} } @{ $place->{server} };
    my $line = $active + QUEUE;
    my $generator = $apart
        ? 'on a processor of its own, the server on ' . (@{ $place->{server} } == 1 ? 'the other' : 'the others')
        : 'on the only processor, which it shares; the shares of best are less by what it takes';
    return "$machine.\n\n$workload->{words}; httpd with @{[ SERVERS ]} processes (prefork) or threads, no keep-alive;"
        . " `TmpfsConvertMaxActive $active @{[ QUEUE ]} @{[ WAIT ]}s`. Medians of $option->{rounds} rounds, in which the"
        . " MPMs take turns.\n\n"
        . <<"TABLE";
| | |
|---|---|
| best/s | what the server can carry: the best rate of $active, @{[ 2 * $active ]} and $line connections, each asking again when answered; the mean of before and after the overload |
| asked/s | $option->{times} times that for $option->{seconds} s; each request begins when it is due, whatever became of those before |
| accepted/s | answers with a picture before the end of the load |
| of best | their share of best/s |
| p50 ms, p99 ms | from when a request was due to the last byte of its answer |
| line p99 ms | the 99th percentile with $line connections, as many as have places to work and to wait in, none refused; the larger of before and after |
| load generator | $generator |

The line's time is the longest that the queue can make it. The overload may prolong it by as
much as it may take of the rate, to line / 0.9.
TABLE
}

sub _table {
    my (@all) = @_;
    my @lines;
    for my $one (@all) {
        my ($mpm, $turns) = @$one;
        my $median = sub { my ($of) = @_; return Bench::Measure::median(map { $of->($_) // () } @$turns) };
        my $best = $median->(sub { $_[0]{best} });
        my $share = $median->(sub { $_[0]{accepted} / $_[0]{best} });
        my $line = $median->(sub { $_[0]{line} });
        my $bound = $line / LEAST_SHARE;
        my $p99 = $median->(sub { $_[0]{load}{answers}{200}{p99} }) // 0;
        my $refused = $median->(sub { $_[0]{load}{answers}{503}{p99} });
        my $lost = $median->(sub { ($_[0]{load}{answers}{failed}{count} // 0) + $_[0]{load}{not_begun} });
        push @lines, [$mpm, sprintf('%.0f', $best), sprintf('%.0f', $median->(sub { $_[0]{rate} })),
            sprintf('%.0f', $median->(sub { $_[0]{accepted} })),
            sprintf('%.0f %%%s', 100 * $share, $share >= LEAST_SHARE ? '' : ' (NO: 90 %)'),
            sprintf('%.0f', $median->(sub { $_[0]{load}{answers}{200}{p50} }) // 0),
            sprintf('%.0f%s', $p99, $p99 <= $bound ? '' : sprintf ' (NO: %.0f)', $bound), sprintf('%.0f', $line),
            sprintf('%.0f', $median->(sub { $_[0]{load}{answers}{503}{count} }) // 0),
            defined $refused ? sprintf('%.1f%s', $refused, $refused <= REFUSED_MS ? '' : ' (NO: 100)') : '',
            sprintf('%.0f', $lost)];
    }
    return Bench::Table::markdown(['MPM', 'best/s', 'asked/s', 'accepted/s', 'of best',
        'p50 ms', 'p99 ms', 'line p99 ms', '503s', '503 p99 ms', 'no answer'], @lines);
}

1;
