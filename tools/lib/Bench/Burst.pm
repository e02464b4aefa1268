# SPDX-License-Identifier: Apache-2.0
#
# tools/bench burst: the page it was installed for. Many pictures at once, overload, and one
# client with very much to do, with every directive of the module at its default.
package Bench::Burst;

use strict;
use warnings;
use Getopt::Long ();
use Time::HiRes  ();
use Bench::Burst::Overload ();
use Bench::Burst::Server   ();
use Bench::Measure       ();
use Bench::Table         ();

my $HELP = <<'HELP';
usage: tools/bench burst [options]

      --only LIST       of page,pages,clients,workers,overload,hog (all)
      --mpm LIST        of prefork,worker,event (all)
  -t, --seconds S       of the overload (60); beside each hog a sixth of it
      --times N         the overload, in times of what it can carry (10)
      --threads N       of a process, worker and event, in the overload (25, as Debian has it)
      --short           one MPM's worth of short loads: only to see it work
      --json FILE       all figures
      --write           put the table into docs/performance.md
HELP

# What is asked of it: milliseconds, but for the shares.
use constant { MORE_THAN_NEEDED => 1.2, SIX => 1000 };

my @PARTS = (
    [page => \&_page], [pages => \&_pages], [clients => \&_clients], [workers => \&_workers],
    [overload => sub { _row(@$_) for Bench::Burst::Overload::rows(@_); return }], [hog => \&_hogs],
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
    my %option = (only => join(',', map { $_->[0] } @PARTS), mpm => 'prefork,worker,event', seconds => 60, times => 10,
        threads => 25);
    Getopt::Long::Configure('bundling');
    Getopt::Long::GetOptions(\%option, 'only=s', 'mpm=s', 'seconds|t=f', 'times=f', 'threads=i', 'short', 'json=s', 'write', 'help|h')
        && !@ARGV or die $HELP;
    if ($option{help}) {
        print $HELP;
        return 0;
    }
    my %known = map { @$_ } @PARTS;
    my @only = split /,/, $option{only};
    $option{seconds} >= 1 && $option{seconds} <= 3600 && $option{times} >= 1 && $option{times} <= 100
        && $option{threads} >= 1 && $option{threads} <= Bench::Burst::Server::WORKERS
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
@{[ Bench::Burst::Overload::method($option) ]}
| hog | one client with 1,000 connections of HTTP/1.1, or one of HTTP/2 with 100 streams, that asks again whenever it is answered; every half second another client asks for six thumbnails at once |
TABLE
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
    my $all = Bench::Burst::Server::sum(map { Bench::Burst::Server::end_load($_) } @jobs);
    my $took = Bench::Burst::Server::watched($watch);
    _row('clients', $mpm, Bench::Burst::Server::told(600, $all) . sprintf(' in %.1f s', $took->{seconds}) . $took->{words}, Bench::Burst::Server::good($all) == 600);
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
        push @told, "$workers: " . Bench::Burst::Server::told(60, $load);
        $bad ||= Bench::Burst::Server::good($load) != 60;
        $httpd->stop;
    }
    _row('workers', $mpm, join('; ', @told), !$bad);
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
        $bad .= ' ' . Bench::Burst::Server::told(6, $six) if Bench::Burst::Server::good($six) != 6;
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
