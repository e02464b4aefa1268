# SPDX-License-Identifier: Apache-2.0
#
# tools/bench scale: how throughput goes with workers and connections, and cost with the
# size of the picture.
package Bench::Scale;

use strict;
use warnings;
use Getopt::Long ();
use Bench::Measure   ();
use Bench::Servers   ();
use Bench::Table     ();
use Bench::Workloads ();

my $HELP = <<'HELP';
usage: tools/bench scale [options]

  -n, --rounds N        turns of each (3)
  -t, --seconds S       of each load (0.7)
      --photos DIR      photographs to use
      --workload NAME   W1 to W7, for workers and connections (W2)
      --mpm LIST        of prefork,worker,event (all)
      --short           one round of short loads: only to see it work
      --json FILE       all figures
      --write           put the tables into docs/performance.md
HELP

my @CONNECTIONS = (1, 4, 16, 64, 256);
# 4:3, about so many megapixels.
my @SIZES = ([1152, 864], [1632, 1224], [2304, 1728], [3264, 2448], [4608, 3456], [6528, 4896], [8160, 6120]);

sub main {
    local @ARGV = @_;
    my %option = (rounds => 3, seconds => 0.7, workload => 'W2', mpm => 'prefork,worker,event');
    Getopt::Long::Configure('bundling');
    Getopt::Long::GetOptions(\%option, 'rounds|n=i', 'seconds|t=f', 'photos=s', 'workload=s', 'mpm=s',
        'short', 'json=s', 'write', 'help|h') && !@ARGV or die $HELP;
    if ($option{help}) {
        print $HELP;
        return 0;
    }
    @option{qw(rounds seconds)} = (1, 0.1) if $option{short};
    $option{rounds} >= 1 && $option{rounds} <= 100 && $option{seconds} > 0 && $option{seconds} <= 60
        or die $HELP;
    my ($folder, $workload) = Bench::Workloads::prepare($Bench::Measure::ROOT, photos => $option{photos},
        names => [$option{workload}], most => $option{short} ? 1 : undef);
    $workload or die $HELP;
    my $machine = Bench::Measure::machine();
    my @connections = $option{short} ? (1, 256) : @CONNECTIONS;
    my $many = _many(\%option, $folder, $workload, @connections);
    my $large = _large(\%option, $folder);
    my $text = "$machine. Medians of $option{rounds} rounds, in which all take turns.\n\n"
        . _many_table(\%option, $workload, $many, @connections) . "\n" . _large_table($large);
    print $text;
    Bench::Table::save_json($option{json},
        { machine => $machine, option => \%option, connections => $many, sizes => $large }) if $option{json};
    Bench::Table::write_region('scale', $text) if $option{write};
    return 0;
}

# ---- workers and connections -------------------------------------------------------------

# More workers than processors convert nothing more: up to as many as there are.
sub _workers {
    my $processors = Bench::Measure::processors();
    return grep { $_ == 1 || $_ <= $processors } 1, 2, 4, 8;
}

# {mpm}{workers}{connections} => [{rate, p99}...]
sub _many {
    my ($option, $folder, $workload, @connections) = @_;
    my %seen;
    my @servers;
    for my $mpm (split /,/, $option->{mpm}) {
        push @servers, [$mpm, $_, Bench::Servers::httpd(mpm => $mpm, workers => $_, folder => $folder)]
            for _workers();
    }
    for my $round (1 .. $option->{rounds}) {
        for my $connections (@connections) {
            for my $one (@servers) {
                my ($mpm, $workers, $server) = @$one;
                my $load = Bench::Measure::load($server->port, '-c', $connections, '-t', $option->{seconds},
                    map { $server->path($workload, $_->{file}) } @{ $workload->{files} });
                my $count = Bench::Measure::only_good("$mpm, $connections connections", $load);
                push @{ $seen{$mpm}{$workers}{$connections} },
                    { rate => $count / $load->{seconds}, p99 => $load->{answers}{200}{p99} };
            }
        }
    }
    $_->[2]->stop for @servers;
    return \%seen;
}

sub _many_table {
    my ($option, $workload, $seen, @connections) = @_;
    my @lines;
    for my $mpm (split /,/, $option->{mpm}) {
        for my $workers (sort { $a <=> $b } keys %{ $seen->{$mpm} }) {
            push @lines, ["$mpm, $workers", map {
                my $turns = $seen->{$mpm}{$workers}{$_};
                my ($rate, $p99) = map { my $key = $_; Bench::Measure::median(map { $_->{$key} } @$turns) }
                    qw(rate p99);
                sprintf '%.0f (%.0f)', $rate, $p99
            } @connections];
        }
    }
    return "$workload->{words}: pictures a second, and in brackets the 99th percentile of the time to the last"
        . " byte, in milliseconds, by MPM and workers, and by connections, each of which asks again when"
        . " answered, without keep-alive.\n\n"
        . Bench::Table::markdown(['MPM, workers', @connections], @lines);
}

# ---- megapixels ----------------------------------------------------------------------------

# By size: {file, cpu => [[...], [...]], reduce}: by default and with jpeghint=y.
sub _large {
    my ($option, $folder) = @_;
    my ($photo) = Bench::Workloads::photographs($option->{photos});
    my @sizes = map { {
        w => $_->[0], h => $_->[1], cpu => [[], []],
        file => "$folder/" . Bench::Workloads::picture($Bench::Measure::ROOT, $folder, $photo, @$_)
    } } $option->{short} ? @SIZES[0, -1] : @SIZES;
    for my $round (1 .. $option->{rounds}) {
        for my $size (@sizes) {
            for my $hint (0, 1) {
                my $took = Bench::Measure::values_of('tcconvert', '-v', '-t', $option->{seconds} / 2,
                    'dw=300,dh=300,q=85' . ($hint ? ',jpeghint=y' : ''), $size->{file}, '-');
                push @{ $size->{cpu}[$hint] }, $took->{cpu_ms};
                $size->{reduce}[$hint] = $took->{reduce};
            }
        }
    }
    return \@sizes;
}

sub _large_table {
    my ($sizes) = @_;
    my @lines = map {
        my $size = $_;
        my $mega = $size->{w} * $size->{h} / 1e6;
        [sprintf('%.1f', $mega), sprintf('%.2f', (-s $size->{file}) / 1e6), map {
            my $cpu = Bench::Measure::median(@{ $size->{cpu}[$_] });
            (sprintf('%.2f', $cpu), sprintf('%.2f', $cpu / $mega), "1/$size->{reduce}[$_]")
        } 0, 1]
    } @$sizes;
    return 'A JPEG of one photograph to 300x300, by tcconvert: CPU time, by default and with jpeghint=y, and'
        . " the reduction that libjpeg makes.\n\n"
        . Bench::Table::markdown(['megapixels', 'MB', 'CPU ms', 'a megapixel', 'at', 'with hint: CPU ms',
            'a megapixel', 'at'], @lines);
}

1;
