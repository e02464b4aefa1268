# SPDX-License-Identifier: Apache-2.0
#
# tools/bench dearest: which requests cost most, of those that the limits of a server
# without configuration let through. Sources are noise, photograph and flat colour in every
# format; of each combination of parameters the largest answer that is not refused is
# found by its plan. The dearest plans of each format are measured, and then changed in one
# place after another for as long as there is time, the dearer one kept.
package Bench::Dearest;

use strict;
use warnings;
use File::Path qw(make_path);
use Getopt::Long ();
use Time::HiRes qw(time);
use Bench::Measure ();
use Bench::Servers ();
use Bench::Table   ();

my $HELP = <<'HELP';
usage: tools/bench dearest [options]

  -t, --seconds S       to search (240)
      --seed N          of what is chosen by chance (1)
      --short           small sources, few measurements: only to see it work
      --json FILE       all that was measured
      --write           put the tables into docs/operations.md
HELP

my @FORMATS = qw(jpeg png webp avif);
# [format, options of mkpicture, whether mkpicture draws it large]
my @SOURCES = map {
    my $kind = $_;
    (["$kind.jpg", 'jpg', "kind=$kind", 1], ["$kind-progressive.jpg", 'jpg', "kind=$kind progressive=1", 1],
        ["$kind.png", 'png', "kind=$kind", 1], ["$kind-alpha.png", 'png', "kind=$kind type=rgba", 1],
        ["$kind-interlaced-16.png", 'png', "kind=$kind type=rgba depth=16 interlace=1", 1],
        ["$kind.webp", 'webp', "kind=$kind quality=95"], ["$kind-lossless.webp", 'webp', "kind=$kind lossless=1"],
        ["$kind.avif", 'avif', "kind=$kind quality=95"], ["$kind.gif", 'gif', "kind=$kind", 1]);
} qw(noise photo flat);

my %GENES = (
    of       => \@FORMATS,
    q        => [1, 30, 82, 95, 99, 100],
    effect   => ['', 'blur=0x10', 'unsharp=0x10', 'unsharp=0x10,sharpen=0x10,blur=0x10', 'bw=50,bh=50,bc=f80'],
    turn     => ['', 'angle=90', 'angle=180'],
    scans    => ['', 'progressive=y'],
    shape    => [1, 4, 0.25],
);

sub main {
    local @ARGV = @_;
    my %option = (seconds => 240, seed => 1);
    Getopt::Long::Configure('bundling');
    Getopt::Long::GetOptions(\%option, 'seconds|t=f', 'seed=i', 'short', 'json=s', 'write', 'help|h')
        && !@ARGV or die $HELP;
    if ($option{help}) {
        print $HELP;
        return 0;
    }
    $option{seconds} > 0 && $option{seconds} <= 7200 or die $HELP;
    srand $option{seed};
    my $machine = Bench::Measure::machine();
    my $folder  = "$Bench::Measure::ROOT/build/bench/dearest" . ($option{short} ? '-short' : '');
    my @sources = prepare($folder, $option{short});
    my $found   = search($folder, \@sources, $option{short} ? 2 : $option{seconds}, $option{short});
    my $peer    = eval { nginx($folder, $found) };
    my $text    = report($machine, $found, $peer, $@);
    print $text;
    Bench::Table::save_json($option{json}, { machine => $machine, found => $found, nginx => $peer }) if $option{json};
    Bench::Table::write_region('dearest', $text, 'operations.md') if $option{write};
    return 0;
}

# ---- sources -----------------------------------------------------------------------------

# Small ones, to be enlarged, and large ones, to be decoded.
sub prepare {
    my ($folder, $short) = @_;
    my @made;
    make_path($folder);
    for my $row (@SOURCES) {
        my ($name, $format, $how, $draws) = @$row;
        for my $size ($short ? [160, 120] : ([400, 300], $draws ? [6000, 4000] : [3000, 2000])) {
            my ($w, $h) = @$size;
            my $file = "${w}x$h-$name";
            if (!-s "$folder/$file") {
                my ($end) = $name =~ /(\.\w+)$/;
                my $new = "$folder/new-${$}$end";
                # A format that is not built in is no source here.
                next if system("$Bench::Measure::ROOT/build/bin/mkpicture $new $w $h $how 2>/dev/null");
                rename $new, "$folder/$file" or die "$new: $!\n";
            }
            push @made, { name => $name, file => $file, w => $w, h => $h };
        }
    }
    return @made;
}

# ---- requests -----------------------------------------------------------------------------

sub params {
    my ($genes, $side) = @_;
    my $w = int($side * sqrt $genes->{shape});
    my $h = int($side / sqrt $genes->{shape});
    return join ',', "dw=$w,dh=$h,da=n,ds=s,of=$genes->{of},q=$genes->{q}",
        grep { length } $genes->{effect}, $genes->{turn}, $genes->{of} eq 'jpeg' ? $genes->{scans} : '';
}

# What is planned for each: [ms, kib] or undef.
sub plans {
    my ($folder, $genes, @sides) = @_;
    my $text = Bench::Measure::output_of("$Bench::Measure::ROOT/build/bin/tcconvert", '-l', '-p',
        "$folder/$genes->{source}{file}", map { params($genes, $_) } @sides);
    return map { /^ok (\S+) (\d+)/ ? [$1, $2] : undef } split /\n/, $text;
}

# The largest answer that is let through, by halves: the dearest of its kind.
sub largest {
    my ($folder, $genes) = @_;
    my ($low, $high) = (16, 8192);
    my $plan = (plans($folder, $genes, $low))[0] or return;
    while ($high - $low > 8) {
        my @sides = map { int($low + ($high - $low) * $_ / 8) } 1 .. 7;
        my @plans = plans($folder, $genes, @sides);
        my $last  = 0;
        while ($last < 7 && $plans[$last]) {
            $plan = $plans[$last];
            $low  = $sides[$last++];
        }
        $high = $sides[$last] if $last < 7;
    }
    return { %$genes, side => $low, planned_ms => $plan->[0], planned_kb => $plan->[1] };
}

# KiB of a process that makes next to nothing.
my $base;

sub base {
    my ($folder) = @_;
    my ($tiny) = sort { -s $a <=> -s $b } glob "$folder/*-flat.png";
    return $base //= Bench::Measure::values_of('usage', "$Bench::Measure::ROOT/build/bin/tcconvert", 'dw=16', $tiny,
        '-')->{peak_kb};
}

# What it took, in a process of its own.
sub measure {
    my ($folder, $case) = @_;
    my $file   = "$folder/$case->{source}{file}";
    my $answer = "$folder/answer-$$";
    my $params = params($case, $case->{side});
    # Why it was ended, the exit status says well enough.
    open my $out, '-|', 'sh', '-c', 'exec "$0" "$@" 2>/dev/null', "$Bench::Measure::ROOT/build/bin/usage",
        "$Bench::Measure::ROOT/build/bin/tcconvert", '-l', $params, $file, $answer or die "usage: $!\n";
    my %is = map { /^(\w+): (\S+)/ ? ($1 => $2) : () } <$out>;
    close $out;
    my $done  = $? == 0;
    my $bytes = $done ? -s $answer : 0;
    unlink $answer;
    return { %$case, params => $params, cpu_ms => $is{cpu_ms}, bytes => $bytes, done => $done,
        peak_kb => $is{peak_kb} - base($folder) - int($bytes / 1024) };
}

sub chance { my ($list) = @_; return $list->[rand @$list] }

sub any {
    my ($sources) = @_;
    my %genes = map { $_ => chance($GENES{$_}) } keys %GENES;
    return { %genes, source => chance($sources) };
}

# ---- the search ---------------------------------------------------------------------------

my %BY = (cpu => 'cpu_ms', memory => 'peak_kb');

# By format and by what is sought the dearest that was measured.
sub search {
    my ($folder, $sources, $seconds, $short) = @_;
    my ($began, $until) = (time, time + $seconds);
    my (%best, %seen, $measured);
    my $try = sub {
        my ($case) = @_;
        return if !$case || $seen{ join ' ', params($case, $case->{side}), $case->{source}{file} }++;
        my $got = measure($folder, $case);
        $measured++;
        for my $by (keys %BY) {
            my $best = $best{ $got->{of} }{$by};
            $best{ $got->{of} }{$by} = $got if !$best || $got->{ $BY{$by} } > $best->{ $BY{$by} };
        }
    };
    # Plans cost milliseconds: the dearest by plan of many, first.
    for my $at (0 .. $#FORMATS) {
        my ($format, @planned) = $FORMATS[$at];
        for (1 .. ($short ? 3 : 60)) {
            last if @planned && time > $began + $seconds * ($at + 1) / 8;
            push @planned, largest($folder, { %{ any($sources) }, of => $format }) // ();
        }
        for my $key (qw(planned_ms planned_kb)) {
            my @order = sort { $b->{$key} <=> $a->{$key} } @planned;
            $try->($_) for grep { defined } @order[0 .. ($short ? 0 : 3)];
        }
    }
    while (time < $until) {
        my $format = chance([grep { $best{$_} } @FORMATS]) // last;
        my $from   = $best{$format}{ chance([keys %BY]) };
        my $gene   = chance(['source', grep { $_ ne 'of' } keys %GENES]);
        my $to     = $gene eq 'source' ? chance($sources) : chance($GENES{$gene});
        $try->(largest($folder, { %$from, $gene => $to }));
    }
    return { measured => $measured, best => \%best };
}

# ---- beside nginx -------------------------------------------------------------------------

# The found requests' sources through image_filter, which only makes smaller: to one pixel
# less each way, its dearest. What it does not read it answers with 415.
sub nginx {
    my ($folder, $found) = @_;
    my %source = map { $_->{source}{file} => $_->{source} } map { values %$_ } values %{ $found->{best} };
    my @workloads;
    for my $file (sort keys %source) {
        my $name = 'D' . @workloads;
        make_path("$folder/$name");
        link "$folder/$file", "$folder/$name/$file";
        push @workloads, { name => $name, to => [$source{$file}{w} - 1], file => $file };
    }
    my @rows;
    for my $workload (@workloads) {
        my $server = Bench::Servers::nginx(workers => 1, folder => $folder, workloads => [$workload]);
        my ($worker) = $server->workers;
        my $idle   = Bench::Measure::status_kb($worker, 'VmRSS');
        my $before = Bench::Measure::cpu_ms($worker);
        my $load   = Bench::Measure::load($server->port, '-n', 1, '-T', 60, "/$workload->{name}/$workload->{file}");
        my ($code) = keys %{ $load->{answers} };
        push @rows, { file => $workload->{file}, code => $code, bytes => $load->{answers}{$code}{bytes},
            cpu_ms => Bench::Measure::cpu_ms($worker) - $before,
            peak_kb => Bench::Measure::status_kb($worker, 'VmHWM') - $idle };
        $server->stop;
    }
    return \@rows;
}

# ---- the report ---------------------------------------------------------------------------

sub megabytes { return sprintf '%.1f', $_[0] / 1024 }

sub report {
    my ($machine, $found, $peer, $missing) = @_;
    my @rows;
    for my $format (@FORMATS) {
        my $best = $found->{best}{$format} or next;
        my %named;
        for my $by (qw(cpu memory)) {
            my $row = $best->{$by};
            next if $named{"$row->{params} $row->{source}{file}"}++;
            push @rows, [
                "$row->{params}", $row->{source}{file}, sprintf('%.2f', $row->{cpu_ms} / 1000),
                sprintf('%.2f', $row->{planned_ms} / 1000), megabytes($row->{peak_kb}), megabytes($row->{planned_kb}),
                $row->{done} ? megabytes($row->{bytes} / 1024) : 'ended: 413'
            ];
        }
    }
    my $text = "$machine. The dearest of $found->{measured} requests that were measured, "
        . "by processor time and by memory, of each format:\n\n"
        . Bench::Table::markdown(['request', 'source', 's', 'planned', 'MiB', 'planned', 'answer, MiB'], @rows) . "\n";
    return $text . "Not compared with nginx image_filter: $missing" if !$peer;
    return $text . "Their sources through nginx image_filter, resized to one pixel less:\n\n"
        . Bench::Table::markdown(['source', 's', 'MiB', 'answer, MiB'], map {
            [$_->{file}, sprintf('%.2f', $_->{cpu_ms} / 1000), megabytes($_->{peak_kb}),
                $_->{code} eq '200' ? megabytes($_->{bytes} / 1024) : $_->{code}]
        } @$peer);
}

1;
