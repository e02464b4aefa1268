# SPDX-License-Identifier: Apache-2.0
#
# tools/bench status [-t SECONDS] [-n ROUNDS]
#
# What scraping the status page costs: 100 requests a second for
# /tmpstat?metrics, alone and beside conversions that keep every core busy, as
# CPU time of the process that answers them.
#
# Medians of ROUNDS rounds (3) of SECONDS seconds (10) each; alone and beside
# take turns, so that what else the machine does meets both.
package Bench::Status;

use strict;
use warnings;
use Getopt::Long ();
use IO::Socket::INET ();
use Time::HiRes qw(sleep time);
use TmpfsConvertTest::Httpd ();
use Bench::Measure ();

use constant RATE => 100; # requests a second, as many scrapers as one operator has

my ($httpd, $seconds);

# ---- the server -------------------------------------------------------------------

# Under prefork a connection is one process's, and that process does nothing
# else meanwhile: its CPU time is the scraper's cost, and no estimate.
sub start_server {
    return TmpfsConvertTest::Httpd->new(mpm => 'prefork', conf => sub {
        my $log = $_[0]->root . '/pids';
        return <<"CONF";
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
LogFormat "%P %U" pids
CustomLog "$log" pids
TmpfsConvert On
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
    });
}

# The process that answered the last request for $path.
sub answered_by {
    my ($path) = @_;
    my $pid;
    open my $in, '<', $httpd->root . '/pids' or die "no log: $!\n";
    while (my $line = <$in>) {
        $pid = $1 if $line =~ /^(\d+) \Q$path\E$/;
    }
    return $pid // die "nobody answered $path\n";
}

# Nanoseconds on a CPU so far.
sub cpu_ns {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/schedstat" or die "/proc/$pid/schedstat: $!\n";
    return (split ' ', scalar <$in>)[0];
}

# ---- one scraper ------------------------------------------------------------------

sub request {
    my ($socket, $path) = @_;
    my $length;
    print $socket "GET $path HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    while (defined(my $line = <$socket>)) {
        last if $line eq "\r\n";
        $length = $1 if $line =~ /^Content-Length: (\d+)/i;
    }
    defined $length && read($socket, my $body, $length) == $length or die "the answer broke off\n";
    return;
}

# Microseconds of CPU a request, and percent of a core at RATE.
sub cost {
    my ($path) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port)
        or die "connect: $@\n";
    request($socket, $path) for 1 .. 20;
    sleep 0.2; # until it is in the log
    my $pid = answered_by($path =~ s/\?.*//r);
    my ($before, $began, $count) = (cpu_ns($pid), time, 0);
    while (time - $began < $seconds) {
        request($socket, $path);
        $count++;
        my $wait = $began + $count / RATE - time;
        sleep $wait if $wait > 0;
    }
    my ($ns, $took) = (cpu_ns($pid) - $before, time - $began);
    close $socket;
    return { us => $ns / 1000 / $count, percent => $ns / 1e7 / $took, rate => $count / $took };
}

# ---- conversions beside it -----------------------------------------------------------

my $load;

sub start_load {
    my ($url) = @_;
    $load = fork // die "fork: $!\n";
    if (!$load) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec 'ab', '-q', '-c', '4', '-t', 3600, '-n', 10_000_000, $url or exit 127;
    }
    sleep 0.5;
    waitpid($load, 1) == 0 or die "bench: ab does not run: tools/deps --test\n";
    return;
}

sub stop_load {
    return unless $load;
    kill TERM => $load;
    waitpid $load, 0;
    undef $load;
    return;
}
END { local $?; stop_load() }

# ---- the rounds ------------------------------------------------------------------------

sub main {
    local @ARGV = @_;
    my $rounds = 3;
    $seconds = 10;
    Getopt::Long::GetOptions('t=i' => \$seconds, 'n=i' => \$rounds) && !@ARGV && $seconds > 0
        && $seconds <= 600 && $rounds > 0 && $rounds <= 100
        or die "usage: tools/bench status [-t SECONDS] [-n ROUNDS]\n";
    $httpd = start_server();
    my $docs = $httpd->document_root;
    system('build/bin/mkpicture', "$docs/bench.jpg", 1600, 1200, 'kind=photo') == 0 or die "no picture\n";
    open my $plain, '>', "$docs/bench.txt" or die "$docs: $!\n";
    print $plain 'x' x 12_000;
    close $plain;
    my $picture = $httpd->url . '/small_light(dw=300,dh=300)/bench.jpg';

    my @cases = (['/bench.txt', 'a file of 12 kB, for comparison'], ['/tmpstat?metrics', '?metrics'],
        ['/tmpstat?json', '?json'], ['/tmpstat', 'the page']);
    my %seen;
    for my $round (1 .. $rounds) {
        for my $busy (0, 1) {
            start_load($picture) if $busy;
            push @{ $seen{ $_->[0] }[$busy] }, cost($_->[0]) for @cases;
            stop_load();
        }
    }
    unlink "$docs/bench.txt", "$docs/bench.jpg";

    printf "%d requests a second, medians of %d rounds of %d s\n", RATE, $rounds, $seconds;
    printf "%-34s %22s %22s\n", '', 'alone', 'beside conversions';
    printf "%-34s %10s %11s %10s %11s\n", '', 'us each', '% of a core', 'us each', '% of a core';
    for my $case (@cases) {
        my ($alone, $beside) = @{ $seen{ $case->[0] } };
        printf "%-34s", $case->[1];
        for my $round ($alone, $beside) {
            printf ' %10.0f %11.2f', map { my $key = $_; Bench::Measure::median(map { $_->{$key} } @$round) }
                qw(us percent);
        }
        print "\n";
        my $slowest = (sort { $a <=> $b } map { $_->{rate} } @$alone, @$beside)[0];
        printf "  %s: only %.0f requests a second came through\n", $case->[1], $slowest
            if $slowest < 0.9 * RATE;
    }
    $httpd->stop;
    return 0;
}

1;
