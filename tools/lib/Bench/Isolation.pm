# SPDX-License-Identifier: Apache-2.0
#
# tools/bench isolation: what it costs that pictures are converted in processes of their own.
package Bench::Isolation;

use strict;
use warnings;
use Getopt::Long ();
use Bench::Measure   ();
use Bench::Servers   ();
use Bench::Table     ();
use Bench::Workloads ();

my $HELP = <<'HELP';
usage: tools/bench isolation [options]

  -n, --rounds N        turns each server has at each workload (9)
  -t, --seconds S       of each turn (0.7)
      --photos DIR      photographs to use, JPEG, at most 8 (of mate-backgrounds)
      --workloads LIST  of W1,W2,W3,W4,W5,W6,W7 (W1,W2,W3,W4)
      --mpms LIST       of prefork,worker,event (prefork,event)
      --short           one round of short turns with one photograph: only to see it work
      --json FILE       all figures
      --write           put the table into docs/performance.md
HELP

use constant { WORKERS => 2, CONNECTIONS => 8 };

sub main {
    local @ARGV = @_;
    my %option = (rounds => 9, seconds => 0.7, workloads => 'W1,W2,W3,W4', mpms => 'prefork,event');
    Getopt::Long::Configure('bundling');
    Getopt::Long::GetOptions(\%option, 'rounds|n=i', 'seconds|t=f', 'photos=s', 'workloads=s', 'mpms=s',
        'short', 'json=s', 'write', 'help|h') && !@ARGV or die $HELP;
    if ($option{help}) {
        print $HELP;
        return 0;
    }
    @option{qw(rounds seconds)} = (1, 0.2) if $option{short};
    my ($folder, @workloads) = Bench::Workloads::prepare($Bench::Measure::ROOT, photos => $option{photos},
        names => [split /,/, $option{workloads}], most => $option{short} ? 1 : undef);
    my $machine = Bench::Measure::machine();
    my @reports = map { _mpm(\%option, $folder, $_, @workloads) } split /,/, $option{mpms};
    my $text = _text(\%option, $machine, @reports);
    print $text;
    Bench::Table::save_json($option{json}, { machine => $machine, option => \%option, reports => \@reports })
        if $option{json};
    Bench::Table::write_region('isolation', $text) if $option{write};
    return 0;
}

# As many conversions at once as there are workers; the converters are as many.
sub _start {
    my ($folder, $mpm, $word) = @_;
    return Bench::Servers::httpd(mpm => $mpm, workers => WORKERS, folder => $folder,
        conf => "TmpfsConvertMaxActive @{[WORKERS]}\nTmpfsConvertIsolation $word\n");
}

sub _mpm {
    my ($option, $folder, $mpm, @workloads) = @_;
    my %server = map { $_ => _start($folder, $mpm, $_) } qw(off on);
    my @rows = map { { mpm => $mpm, workload => $_->{name}, words => $_->{words} } } @workloads;
    for my $round (1 .. $option->{rounds}) {
        for my $at (0 .. $#workloads) {
            # Each goes first in every other round.
            for my $word ($round % 2 ? qw(off on) : qw(on off)) {
                my $turn = _turn($server{$word}, $workloads[$at], $option->{seconds});
                push @{ $rows[$at]{$word}{$_} }, $turn->{$_} for qw(cpu rate);
            }
        }
    }
    my ($idle) = _own_kb($server{on});
    $_->{own_kb} = $idle for @rows;
    $_->stop for values %server;
    return @rows;
}

sub _turn {
    my ($server, $workload, $seconds) = @_;
    my @paths = map { $server->path($workload, $_->{file}, 0) } @{ $workload->{files} };
    my $before = $server->cpu_ms;
    my $load = Bench::Measure::load($server->port, '-c', CONNECTIONS, '-t', $seconds, @paths);
    my $count = Bench::Measure::only_good("isolation, $workload->{name}", $load);
    return { cpu => ($server->cpu_ms - $before) / $count, rate => $count / $load->{seconds} };
}

# The most that a converter that waits for work has of its own: what is neither shared with
# the process that forked it nor a file's.
sub _own_kb {
    my ($server) = @_;
    return Bench::Measure::most(map { Bench::Measure::status_kb($_, 'RssAnon') // () } $server->converters);
}

# The median of what each round had more, in microseconds.
sub _more {
    my ($row) = @_;
    my ($on, $off) = map { $row->{$_}{cpu} } qw(on off);
    return sprintf '%.0f', 1000 * Bench::Measure::median(map { $on->[$_] - $off->[$_] } 0 .. $#$on);
}

sub _text {
    my ($option, $machine, @rows) = @_;
    my @columns = ('MPM', 'workload', 'off, CPU ms', 'on, CPU ms', 'on / off', 'more, us');
    my @table = map { [
        $_->{mpm}, "$_->{workload}, $_->{words}",
        (map { sprintf '%.3f', Bench::Measure::median(@$_) } $_->{off}{cpu}, $_->{on}{cpu}),
        sprintf('%.3f', Bench::Measure::ratio($_->{on}{cpu}, $_->{off}{cpu})), _more($_),
    ] } @rows;
    return "$machine.\n\n$option->{rounds} rounds; in each both servers take turns at each workload, "
        . "$option->{seconds} s a turn. CPU time of all processes, converters included, a picture; the "
        . "quotient and the difference are medians of the rounds'.\n\n"
        . Bench::Table::markdown(\@columns, @table)
        . "\nA converter that waits for work has at most $rows[0]{own_kb} KiB resident that no file backs; "
        . "of these it shares with the process that forked it what neither has written to since.\n";
}

1;
