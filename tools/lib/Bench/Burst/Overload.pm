# SPDX-License-Identifier: Apache-2.0
#
# tools/bench burst's overload: many times what the server can carry, what it accepts of that,
# and what an answer of each kind takes of the processors.
package Bench::Burst::Overload;

use strict;
use warnings;
use Time::HiRes ();
use Bench::Burst::Server ();
use Bench::Measure       ();

# What is asked of it: milliseconds, but for the share.
use constant { LEAST_SHARE => 0.93, WAIT => 10_000, REFUSED => 100, PLAIN => 200 };

# The machine's pace wanders by a quarter within a minute, so the overload comes in turns, what
# can be carried is measured before and after each, and the share is the median of them.
use constant TURNS => 3;

# Seconds of the overload before it counts.
use constant FIRST => 5;

# Requests that wait while httpd answers 404s: about as many as under overload.
use constant LINE => 100;

sub _turns { return $_[0]{short} ? 1 : TURNS }

sub method {
    my ($option) = @_;
    my $threads = $option->{threads} == 25 ? '' : " with $option->{threads} threads a process,";
    return "| overload |$threads $option->{times} times the load it can carry of 12 megapixels for $option->{seconds} s"
        . " in @{[ _turns($option) ]} turns, from 100 clients, a new connection for each request, the load generator on"
        . ' a processor of its own; what it can carry is measured before and after each, with twice as many connections'
        . ' as conversions run at once; shares and CPU times of httpd with the kernel are medians; a plain file and'
        . ' /tmpstat are asked for meanwhile, five times a second each |';
}

# ---- loads ----------------------------------------------------------------------------------

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

# Few of the paths, since a closed loop ends with a whole round of them, and from all over the
# list: a picture to 300 pixels is decoded at twice the size of one to 200, and what the
# overload is compared with has to be as dear as the overload.
sub _few { return @_[map { int(@_ * (2 * $_ + 1) / 16) } 0 .. 7] }

sub _closed {
    my ($site, $connections, $seconds) = @_;
    return Bench::Burst::Server::load($site->{httpd}, '127.0.2.1', '-A', 100, '-c', $connections, '-t', $seconds,
        _few(@{ $site->{paths} }));
}

# {rate => pictures a second, ms => of processor for each}. With one number of connections: the
# best of several would be the machine's luckiest moment, which the overload does not have.
sub _carried {
    my ($site) = @_;
    my $watch = Bench::Burst::Server::watch($site->{httpd});
    my $load = _closed($site, $site->{connections}, 3 * $site->{short});
    my $count = Bench::Measure::only_good('capacity', $load);
    return { rate => $count / $load->{seconds}, ms => 1000 * Bench::Burst::Server::watched($watch)->{server} / $count };
}

# Of `seconds` of processor, what is not for the pictures, which take `ms` each: milliseconds
# for each of `count` other answers.
sub _other_ms {
    my ($seconds, $pictures, $ms, $count) = @_;
    my $rest = 1000 * $seconds - $pictures * $ms;
    return $count && $rest > 0 ? $rest / $count : 0;
}

# What is left for conversions where httpd has as many requests to answer that are nothing to
# do with the module, for a file that does not exist: pictures a second, and milliseconds of
# processor for each 404. Where other work takes most of the processors even a line of LINE is too
# long, and some are refused: `refused`.
sub _beside_none {
    my ($site, $rate, $ms) = @_;
    my $seconds = 2 * $site->{short};
    my $watch = Bench::Burst::Server::watch($site->{httpd});
    my $job = Bench::Burst::Server::begin_load($site->{httpd}, '127.0.4.1', '-A', 100, '-c', 4000, '-r',
        sprintf('%.1f', $rate), '-t', $seconds, '/none.jpg');
    my $load = _closed($site, LINE, $seconds);
    my $none = Bench::Burst::Server::end_load($job)->{answers}{404}{count} // 0;
    my $used = Bench::Burst::Server::watched($watch)->{server};
    my $count = Bench::Burst::Server::good($load);
    my $refused = $load->{answers}{503}{count} // 0;
    return { rate => $count / $load->{seconds}, ms => _other_ms($used, $count, $ms, $none + $refused),
        refused => $refused };
}

# What came of the overload, and of a plain file and /tmpstat meanwhile; `server`: seconds of
# processor for all that was answered.
sub _flood {
    my ($site, $seconds, @much) = @_;
    my $job = Bench::Burst::Server::begin_load($site->{httpd}, @much, '-w', FIRST, '-t', $seconds, @{ $site->{paths} });
    Time::HiRes::sleep(FIRST);
    my $watch = Bench::Burst::Server::watch($site->{httpd});
    my @beside = map {
        Bench::Burst::Server::begin_load($site->{httpd}, $_->[0], '-c', 100, '-r', 5, '-t', $seconds, $_->[1])
    } ['127.0.1.1', '/plain.txt'], ['127.0.1.2', '/tmpstat?json'];
    my ($plain, $status) = map { Bench::Burst::Server::end_load($_) } @beside;
    my $load = Bench::Burst::Server::end_load($job);
    return { load => $load, plain => $plain, status => $status,
        server => Bench::Burst::Server::watched($watch)->{server} };
}

# ---- one turn -------------------------------------------------------------------------------

sub _mean {
    my ($what, @of) = @_;
    return Bench::Measure::sum(map { $_->{$what} } @of) / @of;
}

sub _turn {
    my ($site, $option, $before) = @_;
    my $seconds = $option->{seconds} / _turns($option);
    my $rate = $option->{times} * $before->{rate};
    my @much = ('127.0.2.1', '-A', 100, '-c', 4000, '-r', sprintf '%.1f', $rate);
    _let_grow($site->{httpd}, @much, '-t', 3600, @{ $site->{paths} });
    my $turn = _flood($site, $seconds, @much);
    my $after = _carried($site);
    my $none = _beside_none($site, $rate - $before->{rate}, $after->{ms});
    my $last = _carried($site);
    my %of = map { $_ => $turn->{load}{answers}{$_} // { count => 0, in_time => 0 } } 200, 503;
    my $best = _mean('rate', $before, $after);
    my $picture = _mean('ms', $before, $after);
    return { %$turn, last => $last, best => $best, rate => $of{200}{in_time} / $seconds,
        share => $of{200}{in_time} / $seconds / $best, httpd => $none->{rate} / _mean('rate', $after, $last),
        picture => $picture, refusal => _other_ms($turn->{server}, $of{200}{count}, $picture, $of{503}{count}),
        none => $none->{ms}, none_refused => $none->{refused} };
}

# ---- what it says ---------------------------------------------------------------------------

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

sub _told {
    my ($mpm, $words, @turns) = @_;
    my %median = map { my $what = $_; $what => Bench::Measure::median(map { $_->{$what} } @turns) }
        qw(rate best share httpd picture refusal none);
    my @loads = map { $_->{load} } @turns;
    my ($good, $no) = map { _of_turns(\@loads, $_) } 200, 503;
    my $more = Bench::Measure::sum(map { $_->{none_refused} } @turns);
    my $lost = 0;
    $lost += $_->{not_begun} + ($_->{answers}{failed}{count} // 0) for @loads;
    my @rows = (
        ['overload', $mpm, sprintf('%.0f/s accepted of %.0f/s that it can carry: %.0f %%; CPU ms: a picture %.1f, a'
            . ' refusal %.2f, a 404 %.2f; with as many 404s and a queue of %d, httpd leaves %.0f %%',
            @median{qw(rate best)}, 100 * $median{share}, @median{qw(picture refusal none)}, LINE, 100 * $median{httpd})
            . ($more ? ", and $more refused" : '') . $words, $median{share} >= LEAST_SHARE],
        ['... accepted', $mpm, sprintf('p99 %.1f s', $good->{p99} / 1000), $good->{p99} < WAIT],
        ['... refused', $mpm, sprintf('%d, p99 %.1f ms, %d with Retry-After, %d without an answer', $no->{count},
            $no->{p99}, $no->{retry}, $lost),
            $no->{p99} <= REFUSED && $no->{retry} == $no->{count} && $lost == 0],
    );
    for my $one (['plain file', 'plain'], ['/tmpstat', 'status']) {
        my ($what, $key) = @$one;
        my @seen = map { $_->{$key} } @turns;
        my $count = 0;
        $count += $_->{begun} + $_->{not_begun} for @seen;
        my $p99 = _of_turns(\@seen, 200)->{p99};
        my $all = Bench::Burst::Server::sum(@seen);
        push @rows, ["... $what", $mpm, Bench::Burst::Server::told($count, $all) . sprintf(', p99 %.0f ms', $p99),
            Bench::Burst::Server::good($all) == $count && $p99 <= PLAIN];
    }
    return @rows;
}

# [what, MPM, what was seen, whether it is as it must be] of each line.
sub rows {
    my ($option, $mpm) = @_;
    my @all = Bench::Measure::allowed();
    my @processors = @all;
    my $generator = @processors > 1 ? pop @processors : $processors[0];
    Bench::Measure::run_on(@processors);
    my $httpd = Bench::Burst::Server::start($mpm,
        settings => Bench::Burst::Server::settings_of($mpm, $option->{threads}));
    Bench::Measure::run_on($generator);
    my $site = { httpd => $httpd, paths => [Bench::Burst::Server::thumbnails(400, 'twelve')],
        short => $option->{seconds} / 20, connections => 2 * (2 * @processors + 1) };
    my $before = _carried($site);
    my $watch = Bench::Burst::Server::watch($httpd);
    my @turns;
    for (1 .. _turns($option)) {
        push @turns, _turn($site, $option, $before);
        $before = $turns[-1]{last};
    }
    my $took = Bench::Burst::Server::watched($watch);
    $httpd->stop;
    Bench::Measure::run_on(@all);
    return _told($mpm, $took->{words}, @turns);
}

1;
