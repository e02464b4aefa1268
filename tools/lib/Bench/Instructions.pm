# SPDX-License-Identifier: Apache-2.0
#
# tools/bench instructions [--photos DIR] [--workloads W1,W4] [--against PATH] [--short]
#                          [--json FILE] [--write]
#
# Where the instructions of a conversion go: build/bin/tcconvert under callgrind, the
# inclusive counts of what the pipeline calls, summed by stage. --against names another
# build's tcconvert, for a second column. Counts hardly depend on what else the machine
# does, so one run is enough; that they are not time goes without saying: a vector
# instruction counts as one, and so does a load that misses the cache.
package Bench::Instructions;

use strict;
use warnings;
use File::Temp ();
use Getopt::Long ();
use JSON::PP ();
use Bench::Measure   ();
use Bench::Table     ();
use Bench::Workloads ();

my @STAGES = qw(decode resample encode rest);

# The stage of a function of src/image, by its file and name; nothing for what only
# holds the others together.
sub stage_of {
    my ($file, $function) = @_;
    my ($room) = $file =~ m{(?:^|/)image/((?:\w+/)?\w+)\.c$} or return;
    return $function =~ /encode/ || $room =~ /encode/ ? 'encode' : 'decode' if $room =~ /codec|scan|orientation/;
    return $room =~ m{^scale/|resample|orient$} ? 'resample' : undef;
}

# Whether it holds the others together: what it calls is counted. A call from one stage
# into itself is not, nor one that comes back through a library.
sub holds_together {
    my ($file, $function) = @_;
    return $file =~ m{(?:^|/)image/(?:\w+/)?\w+\.c$} && !stage_of($file, $function);
}

# Instructions by stage of one run. The file has blocks `fn=` of a function's own
# costs, and in them `calls=` lines, each followed by the cost of that call with all
# below it; names are written once and then by number.
sub count {
    my ($program, $params, $picture) = @_;
    my $scratch = File::Temp->newdir('bench-XXXXXX', TMPDIR => 1);
    my $report = "$scratch/callgrind";
    system('valgrind', '--quiet', '--tool=callgrind', '--toggle-collect=tc_pipeline_*',
        "--callgrind-out-file=$report", "--log-file=$scratch/log", $program, $params, $picture, '-') == 0
        or die "bench: valgrind failed: " . (Bench::Measure::text_of("$scratch/log") // '') . "\n";
    open my $in, '<', $report or die "$report: $!\n";
    my (%names, %sum, $file, $callee_file, $callee, $counts, $in_call);
    my $total = 0;
    # A name of its own, or the one that this number had before.
    my $name = sub {
        my ($kind, $number, $text) = @_;
        $names{$kind}{$number} = $text if defined $text;
        return $names{$kind}{$number} // '';
    };
    while (my $line = <$in>) {
        if ($line =~ /^(fl|fi|fe|cfi|cfl)=\((\d+)\)(?: (.*))?/) {
            my ($key, $text) = ($1, $name->('file', $2, $3));
            $file = $text if $key eq 'fl';
            $callee_file = $text if $key =~ /^c/;
        }
        elsif ($line =~ /^(c?)fn=\((\d+)\)(?: (.*))?/) {
            my ($is_call, $text) = ($1, $name->('function', $2, $3));
            $callee = $text if $is_call;
            ($callee_file, $counts) = ($file, holds_together($file, $text)) unless $is_call;
        }
        elsif ($line =~ /^calls=/) {
            $in_call = 1;
        }
        elsif ($line =~ /^[+*\d-]\S* (\d+)/) {
            # A function's own cost; or a call's, which is its callees' own.
            my $cost = $1;
            $total += $cost unless $in_call;
            my $stage = $in_call && $counts ? stage_of($callee_file, $callee) : undef;
            $sum{$stage} += $cost if $stage;
            ($in_call, $callee_file) = (0, $file) if $in_call;
        }
    }
    my $known = 0;
    $known += $sum{$_} // 0 for grep { $_ ne 'rest' } @STAGES;
    return { total => $total, rest => $total - $known, map { $_ => $sum{$_} // 0 } qw(decode resample encode) };
}

sub main {
    local @ARGV = @_;
    my %option = (workloads => 'W1,W4');
    Getopt::Long::GetOptions(\%option, 'photos=s', 'workloads=s', 'against=s', 'short', 'json=s', 'write')
        && !@ARGV or die "usage: tools/bench instructions [--photos DIR] [--workloads W1,W4]"
        . " [--against PATH] [--short] [--json FILE] [--write]\n";
    qx(valgrind --version) or die "bench: valgrind is missing: tools/deps --test\n";
    my $root = $Bench::Measure::ROOT;
    my ($folder, @workloads) = Bench::Workloads::prepare($root, photos => $option{photos},
        names => [split /,/, $option{workloads}], most => $option{short} ? 1 : 4);
    my @builds = (['this', "$root/build/bin/tcconvert"]);
    push @builds, ['against', $option{against}] if $option{against};
    my @rows;
    for my $workload (@workloads) {
        for my $hint ($workload->{png} ? 0 : (0, 1)) {
            my $params = Bench::Workloads::params($workload, $hint);
            my %row = (workload => $workload->{name}, hint => $hint, params => $params);
            for my $build (@builds) {
                my %mean;
                for my $file (@{ $workload->{files} }) {
                    my $counted = count($build->[1], $params, "$folder/$file->{file}");
                    $mean{$_} += $counted->{$_} / @{ $workload->{files} } / 1e6 for keys %$counted;
                }
                $row{ $build->[0] } = \%mean;
            }
            push @rows, \%row;
        }
    }
    my $text = _table(\@rows, \@builds);
    print $text;
    Bench::Table::save_json($option{json}, { instructions => \@rows }) if $option{json};
    Bench::Table::write_region('instructions', $text) if $option{write};
    return 0;
}

sub _table {
    my ($rows, $builds) = @_;
    my @lines;
    for my $row (@$rows) {
        for my $build (@$builds) {
            my $of = $row->{ $build->[0] };
            push @lines, ["$row->{workload}" . ($row->{hint} ? ', jpeghint=y' : ''),
                (@$builds > 1 ? $build->[0] : ()),
                map { sprintf '%.2f', $of->{$_} } @STAGES, 'total'];
        }
    }
    return 'Million instructions a picture, from opening it to freeing all; the mean over the'
        . " photographs.\n" . Bench::Measure::machine() . ".\n\n"
        . Bench::Table::markdown(['workload', (@$builds > 1 ? 'build' : ()), @STAGES, 'all'], @lines);
}

1;
