# SPDX-License-Identifier: Apache-2.0
#
# tools/bench burst: the page it was installed for. Many pictures at once, overload, and one
# client with very much to do, with every directive of the module at its default.
package Bench::Burst;

use strict;
use warnings;
use Getopt::Long ();
use Time::HiRes  ();
use Bench::Burst::Server ();
use Bench::Measure       ();
use Bench::Table         ();

my $HELP = <<'HELP';
usage: tools/bench burst [options]

      --only LIST       of page,pages,clients,workers,overload,hog (all)
      --mpm LIST        of prefork,worker,event (all)
  -t, --seconds S       of the overload (60); beside each hog a sixth of it
      --times N         the overload, in times of what it can carry (10)
      --short           one MPM's worth of short loads: only to see it work
      --json FILE       all figures
      --write           put the table into docs/performance.md
HELP

# What is asked of it: milliseconds, but for the shares.
use constant {
    MORE_THAN_NEEDED => 1.2, LEAST_SHARE => 0.93, WAIT => 10_000, REFUSED => 100, PLAIN => 200, SIX => 1000,
};

# The machine's pace wanders by a quarter within a minute, so the overload comes in turns, what
# can be carried is measured before and after each, and the share is the median of them.
use constant TURNS => 3;

my @PARTS = (
    [page => \&_page], [pages => \&_pages], [clients => \&_clients], [workers => \&_workers],
    [overload => \&_overload], [hog => \&_hogs],
);

my @rows;

# One line of the table, told at once: what, of which server, what was seen, whether it is as
# it must be.
sub _row {
    my ($what, $mpm, $seen, $good) = @_;
    push @rows, [$what, $mpm, $seen, $good ? 'yes' : 'NO'];
    printf "%-3s  %s, %s: %s\n", $good ? 'ok' : 'NO', $what, $mpm, $seen;
    return;
}

sub main {
    local @ARGV = @_;
    my %option = (only => join(',', map { $_->[0] } @PARTS), mpm => 'prefork,worker,event', seconds => 60, times => 10);
    Getopt::Long::Configure('bundling');
    Getopt::Long::GetOptions(\%option, 'only=s', 'mpm=s', 'seconds|t=f', 'times=f', 'short', 'json=s', 'write', 'help|h')
        && !@ARGV or die $HELP;
    if ($option{help}) {
        print $HELP;
        return 0;
    }
    my %known = map { @$_ } @PARTS;
    my @only = split /,/, $option{only};
    $option{seconds} >= 1 && $option{seconds} <= 3600 && $option{times} >= 1 && $option{times} <= 100
        && !(grep { !$known{$_} } @only) or die $HELP;
    grep { -x "$_/h2load" } split /:/, $ENV{PATH} or die "bench: h2load is missing: tools/deps --test\n";
    $option{seconds} = 2 if $option{short};
    my $machine = Bench::Measure::machine();
    @rows = ();
    for my $part (grep { my $name = $_->[0]; grep { $_ eq $name } @only } @PARTS) {
        $part->[1]->(\%option, $_) for split /,/, $option{mpm};
    }
    my $bad = grep { $_->[3] ne 'yes' } @rows;
    my $text = _method(\%option, $machine) . "\n" . Bench::Table::markdown(['', 'MPM', 'measured', 'as it must be'], @rows);
    print "\n$text";
    Bench::Table::save_json($option{json}, { machine => $machine, option => \%option, rows => \@rows }) if $option{json};
    Bench::Table::write_region('burst', $text) if $option{write};
    print $bad ? "\n$bad of @{[ scalar @rows ]} are not as they must be\n" : "\nall as it must be\n";
    return 0;
}

sub _method {
    my ($option, $machine) = @_;
    return "$machine.\n\nEvery directive of the module at its default, the MPMs as Debian sets them, server and"
        . ' clients on the same processors but for the overload. No two pictures asked for are the same.'
        . "\n\n"
        . <<"TABLE";
| | |
|---|---|
| page | one connection of HTTP/2 asks for 100 thumbnails of 2 megapixels |
| pages | four connections, 12 megapixels: the time that was left to the server, over what the same conversions take one after the other |
| clients | ten of HTTP/1.1, six connections and 60 thumbnails each |
| workers | 60 thumbnails at once where MaxRequestWorkers is this number |
| overload | $option->{times} times the load it can carry of 12 megapixels for $option->{seconds} s in @{[ _turns($option) ]} turns, from 100 clients, the load generator on a processor of its own; what it can carry is measured before and after each, and shares are medians; a plain file and /tmpstat are asked for meanwhile, five times a second each |
| hog | one client with 1,000 connections of HTTP/1.1, or one of HTTP/2 with 100 streams, that asks again whenever it is answered; every half second another client asks for six thumbnails at once |
TABLE
}

# How many of each status, the good ones first: "598 of 600, 2 x 503".
sub _told {
    my ($count, $load) = @_;
    my %answers = map { $_ => $load->{answers}{$_}{count} } keys %{ $load->{answers} };
    my $good = delete $answers{200} // 0;
    return join ', ', "$good of $count", map { "$answers{$_} x $_" } sort keys %answers;
}

sub _good { return $_[0]{answers}{200}{count} // 0 }

# Several loads as one.
sub _sum {
    my %sum = (answers => {});
    for my $load (@_) {
        $sum{answers}{$_}{count} += $load->{answers}{$_}{count} for keys %{ $load->{answers} };
    }
    return \%sum;
}

# ---- a page ------------------------------------------------------------------------------

# So many connections of HTTP/2, each with a page of its own: what came of all.
sub _open_pages {
    my ($httpd, $connections, $count, $kind) = @_;
    my @jobs = map { Bench::Burst::Server::begin_http2($httpd, 0, Bench::Burst::Server::thumbnails($count, $kind)) }
        1 .. $connections;
    my %seen;
    for my $job (@jobs) {
        my $codes = Bench::Burst::Server::end_http2($job);
        $seen{$_} += $codes->{$_} for keys %$codes;
    }
    return \%seen;
}

sub _said {
    my ($count, $seen) = @_;
    return join ', ', "$seen->{'2xx'} of $count", map { $seen->{$_} ? "$seen->{$_} x $_" : () } qw(3xx 4xx 5xx errored);
}

sub _page {
    my ($option, $mpm) = @_;
    return unless Bench::Burst::Server::has_http2($mpm);
    my $httpd = Bench::Burst::Server::start($mpm);
    my $watch = Bench::Burst::Server::watch($httpd);
    my $seen = _open_pages($httpd, 1, 100, 'two');
    my $took = Bench::Burst::Server::watched($watch);
    _row('page', $mpm, _said(100, $seen) . sprintf(' in %.2f s', $took->{seconds}) . $took->{words}, $seen->{'2xx'} == 100);
    $httpd->stop;
    return;
}

sub _pages {
    my ($option, $mpm) = @_;
    return unless Bench::Burst::Server::has_http2($mpm);
    my $each = $option->{short} ? 5 : 100;
    my $alone = $option->{short} ? 4 : 40;
    my $httpd = Bench::Burst::Server::start($mpm);
    my $watch = Bench::Burst::Server::watch($httpd);
    Bench::Measure::only_good('pages', Bench::Burst::Server::load($httpd, '127.0.0.2', '-n', $alone,
        Bench::Burst::Server::thumbnails($alone, 'twelve')));
    my $need = Bench::Burst::Server::watched($watch)->{server} / $alone * 4 * $each;
    $watch = Bench::Burst::Server::watch($httpd);
    my $seen = _open_pages($httpd, 4, $each, 'twelve');
    my $took = Bench::Burst::Server::watched($watch);
    my $processors = Bench::Measure::processors();
    my $had = $took->{seconds} - $took->{others} / $processors;
    $need /= $processors;
    _row('pages', $mpm, _said(4 * $each, $seen) . sprintf(' in %.1f s, of which other work had %.1f: %.0f %% of the %.1f needed',
        $took->{seconds}, $took->{seconds} - $had, 100 * $had / $need, $need),
        $seen->{'2xx'} == 4 * $each && $had <= MORE_THAN_NEEDED * $need);
    $httpd->stop;
    return;
}

# ---- browsers of HTTP/1.1 --------------------------------------------------------------------

sub _clients {
    my ($option, $mpm) = @_;
    my $httpd = Bench::Burst::Server::start($mpm);
    my $watch = Bench::Burst::Server::watch($httpd);
    my @jobs = map { Bench::Burst::Server::begin_load($httpd, "127.0.0.$_", '-c', 6, '-n', 60, '-k',
            Bench::Burst::Server::thumbnails(60, 'two')) } 11 .. 20;
    my $all = _sum(map { Bench::Burst::Server::end_load($_) } @jobs);
    my $took = Bench::Burst::Server::watched($watch);
    _row('clients', $mpm, _told(600, $all) . sprintf(' in %.1f s', $took->{seconds}) . $took->{words}, _good($all) == 600);
    $httpd->stop;
    return;
}

sub _workers {
    my ($option, $mpm) = @_;
    my (@told, $bad);
    for my $workers ($option->{short} ? 2 : (2, 4, 8, 16, 25)) {
        my $httpd = Bench::Burst::Server::start($mpm,
            settings => Bench::Burst::Server::settings_for($mpm, $workers));
        my $load = Bench::Burst::Server::load($httpd, '127.0.0.1', '-c', 60, '-n', 60,
            Bench::Burst::Server::thumbnails(60, 'two'));
        push @told, "$workers: " . _told(60, $load);
        $bad ||= _good($load) != 60;
        $httpd->stop;
    }
    _row('workers', $mpm, join('; ', @told), !$bad);
    return;
}

# ---- overload ----------------------------------------------------------------------------------

# Seconds of the overload before it counts.
use constant FIRST => 5;

# httpd starts with two processes, or five, and takes ten seconds and more to have all that it
# wants, whatever is asked of it, and ends most of them when little is asked for a while: until
# there are no more for three seconds it is another server.
sub _let_grow {
    my ($httpd, @load) = @_;
    my $job = Bench::Burst::Server::begin_load($httpd, @load);
    my ($most, $end) = (0, Time::HiRes::time() + 3);
    while (Time::HiRes::time() < $end) {
        my $now = () = $httpd->children;
        ($most, $end) = ($now, Time::HiRes::time() + 3) if $now > $most;
        Time::HiRes::sleep(0.2);
    }
    Bench::Burst::Server::cut($job);
    return;
}

# The best of several numbers of connections, pictures a second. Of few paths, since a closed
# loop ends with a whole round of them.
sub _carried {
    my ($httpd, $seconds, @paths) = @_;
    @paths = @paths[0 .. 7];
    return Bench::Measure::most(map {
        my $load = Bench::Burst::Server::load($httpd, '127.0.2.1', '-A', 100, '-c', $_, '-t', $seconds, @paths);
        Bench::Measure::only_good('capacity', $load) / $load->{seconds}
    } 4, 8, 16);
}

# What is left for conversions where httpd has as many requests to answer that are nothing to
# do with the module, for a file that does not exist: pictures a second.
sub _beside_none {
    my ($httpd, $rate, $seconds, @paths) = @_;
    my $job = Bench::Burst::Server::begin_load($httpd, '127.0.4.1', '-A', 100, '-c', 4000, '-r', sprintf('%.1f', $rate),
        '-t', $seconds, '/none.jpg');
    my $load = Bench::Burst::Server::load($httpd, '127.0.2.1', '-A', 100, '-c', 100, '-t', $seconds,
        @paths[0 .. 7]);
    Bench::Burst::Server::end_load($job);
    return Bench::Measure::only_good('beside 404s', $load) / $load->{seconds};
}

sub _turns { return $_[0]{short} ? 1 : TURNS }

sub _overload_turn {
    my ($httpd, $option, $best, $short, @paths) = @_;
    my $seconds = $option->{seconds} / _turns($option);
    my $rate = sprintf '%.1f', $option->{times} * $best;
    my @much = ('127.0.2.1', '-A', 100, '-c', 4000, '-r', $rate);
    _let_grow($httpd, @much, '-t', 3600, @paths);
    my $job = Bench::Burst::Server::begin_load($httpd, @much, '-w', FIRST, '-t', $seconds, @paths);
    Time::HiRes::sleep(FIRST);
    my @beside = map { Bench::Burst::Server::begin_load($httpd, $_->[0], '-c', 100, '-r', 5, '-t', $seconds, $_->[1]) }
        ['127.0.1.1', '/plain.txt'], ['127.0.1.2', '/tmpstat?json'];
    my ($plain, $status) = map { Bench::Burst::Server::end_load($_) } @beside;
    my $load = Bench::Burst::Server::end_load($job);
    my $after = _carried($httpd, $short, @paths);
    my $none = _beside_none($httpd, $rate - $best, 2 * $short, @paths);
    my $last = _carried($httpd, $short, @paths);
    my $rated = ($load->{answers}{200}{in_time} // 0) / $seconds;
    return { load => $load, plain => $plain, status => $status, rate => $rated, best => ($best + $after) / 2,
        share => 2 * $rated / ($best + $after), httpd => 2 * $none / ($after + $last), last => $last };
}

sub _overload {
    my ($option, $mpm) = @_;
    my @all = Bench::Measure::allowed();
    my @processors = @all;
    my $generator = @processors > 1 ? pop @processors : $processors[0];
    my @paths = Bench::Burst::Server::thumbnails(400, 'twelve');
    my $short = $option->{seconds} / 20;
    Bench::Measure::run_on(@processors);
    my $httpd = Bench::Burst::Server::start($mpm);
    Bench::Measure::run_on($generator);
    my $best = _carried($httpd, $short, @paths);
    my $watch = Bench::Burst::Server::watch($httpd);
    my @turns;
    for (1 .. _turns($option)) {
        push @turns, _overload_turn($httpd, $option, $best, $short, @paths);
        $best = $turns[-1]{last};
    }
    my $took = Bench::Burst::Server::watched($watch);
    $httpd->stop;
    Bench::Measure::run_on(@all);
    _told_overload($mpm, $took->{words}, @turns);
    return;
}

# Of all turns: how many answers of this status, and the worst 99th percentile.
sub _of_turns {
    my ($loads, $status) = @_;
    my @of = map { $_->{answers}{$status} // () } @$loads;
    my ($count, $retry) = (0, 0);
    for my $one (@of) {
        $count += $one->{count};
        $retry += $one->{retry} // 0;
    }
    return { count => $count, retry => $retry, p99 => Bench::Measure::most(map { $_->{p99} } @of) // 0 };
}

sub _told_overload {
    my ($mpm, $words, @turns) = @_;
    my %median = map { my $what = $_; $what => Bench::Measure::median(map { $_->{$what} } @turns) } qw(rate best share httpd);
    my @loads = map { $_->{load} } @turns;
    my ($good, $no) = map { _of_turns(\@loads, $_) } 200, 503;
    my $lost = 0;
    $lost += $_->{not_begun} + ($_->{answers}{failed}{count} // 0) for @loads;
    _row('overload', $mpm, sprintf('%.0f/s accepted of %.0f/s that it can carry: %.0f %%; with as many 404s and a queue'
        . ' of 100, httpd leaves %.0f %%', @median{qw(rate best)}, 100 * $median{share}, 100 * $median{httpd}) . $words,
        $median{share} >= LEAST_SHARE);
    _row('... accepted', $mpm, sprintf('p99 %.1f s', $good->{p99} / 1000), $good->{p99} < WAIT);
    _row('... refused', $mpm, sprintf('%d, p99 %.1f ms, %d with Retry-After, %d without an answer', $no->{count},
        $no->{p99}, $no->{retry}, $lost),
        $no->{p99} <= REFUSED && $no->{retry} == $no->{count} && $lost == 0);
    for my $one (['plain file', 'plain'], ['/tmpstat', 'status']) {
        my ($what, $key) = @$one;
        my @seen = map { $_->{$key} } @turns;
        my $count = 0;
        $count += $_->{begun} + $_->{not_begun} for @seen;
        my $p99 = _of_turns(\@seen, 200)->{p99};
        my $all = _sum(@seen);
        _row("... $what", $mpm, _told($count, $all) . sprintf(', p99 %.0f ms', $p99),
            _good($all) == $count && $p99 <= PLAIN);
    }
    return;
}

# ---- one client with very much -------------------------------------------------------------------

my @HOGS = (
    ['thumbnails', '', sub { Bench::Burst::Server::thumbnails(1000, 'two') }],
    ['blurs', '', sub { map { "/small_light(dw=@{[ 2000 + $_ ]},blur=10x5,of=png)/twelve-1.jpg" } 1 .. 400 }],
    ['plans that run alone', "TmpfsConvertMemoryBudget 40M\n",
        sub { map { "/small_light(dw=@{[ 1200 + $_ ]})/progressive.jpg" } 1 .. 400 }],
    ['plans over the budget', "TmpfsConvertMemoryBudget 30M\n",
        sub { map { "/small_light(dw=@{[ 1200 + $_ ]})/progressive.jpg" } 1 .. 400 }],
);

sub _hogs {
    my ($option, $mpm) = @_;
    for my $hog ($option->{short} ? $HOGS[0] : @HOGS) {
        my ($what, $conf, $paths) = @$hog;
        for my $protocol ('HTTP/1.1', Bench::Burst::Server::has_http2($mpm) ? 'HTTP/2' : ()) {
            _hog($option, $mpm, "hog: $what, $protocol", $conf, $protocol eq 'HTTP/2', $paths->());
        }
    }
    return;
}

sub _hog {
    my ($option, $mpm, $what, $conf, $http2, @paths) = @_;
    my $httpd = Bench::Burst::Server::start($mpm, conf => $conf);
    my $job = $http2 ? Bench::Burst::Server::begin_http2($httpd, 3600, @paths)
        : Bench::Burst::Server::begin_load($httpd, '127.0.0.3', '-c', 1000, '-t', 3600, @paths);
    Time::HiRes::sleep(1.5);
    my $watch = Bench::Burst::Server::watch($httpd);
    my ($worst, $bad, @took) = (0);
    my $end = Time::HiRes::time() + $option->{seconds} / 6;
    while (Time::HiRes::time() < $end || !@took) {
        my $six = Bench::Burst::Server::load($httpd, '127.0.0.4', '-c', 6, '-n', 6,
            Bench::Burst::Server::thumbnails(6, 'two'));
        push @took, $six->{answers}{200}{max} // 0;
        $bad .= ' ' . _told(6, $six) if _good($six) != 6;
        Time::HiRes::sleep(0.5);
    }
    Bench::Burst::Server::cut($job);
    my $words = Bench::Burst::Server::watched($watch)->{words};
    $worst = Bench::Measure::most(@took);
    _row($what, $mpm, sprintf('six in %.2f s, the worst of %d times %.2f s', Bench::Measure::median(@took) / 1000,
        scalar @took, $worst / 1000) . ($bad ? ";$bad" : ', none refused') . $words, !$bad && $worst < SIX);
    $httpd->stop;
    return;
}

1;
