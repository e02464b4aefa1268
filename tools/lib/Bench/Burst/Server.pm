# SPDX-License-Identifier: Apache-2.0
#
# What tools/bench burst works with: servers with every directive of the module at its
# default, clients that all ask at once, and what became of the processors' time.
package Bench::Burst::Server;

use strict;
use warnings;
use File::Path qw(make_path);
use File::Temp ();
use JSON::PP ();
use POSIX ();
use TmpfsConvertTest::Httpd ();
use TmpfsConvertTest::Site ();
use Bench::Measure ();

# name => what build/bin/mkpicture is told
my %PICTURES = (
    (map { ("two-$_.jpg" => [1632, 1224, 'kind=photo', "seed=$_"]) } 1 .. 6),
    (map { ("twelve-$_.jpg" => [4000, 3000, 'kind=photo', "seed=$_"]) } 1 .. 4),
    'progressive.jpg' => [4000, 3000, 'kind=photo', 'seed=1', 'progressive=1'],
);

# The folder with the pictures, made once, and a plain file.
sub folder {
    my $folder = "$Bench::Measure::ROOT/build/bench/burst";
    make_path($folder);
    chmod 0755, $folder;
    for my $name (sort keys %PICTURES) {
        next if -s "$folder/$name";
        my $new = "$folder/new-$$-$name";
        system("$Bench::Measure::ROOT/build/bin/mkpicture", $new, @{ $PICTURES{$name} }) == 0
            or die "bench: no picture\n";
        rename $new, "$folder/$name" or die "$folder/$name: $!\n";
    }
    open my $out, '>', "$folder/plain.txt" or die "$folder: $!\n";
    print $out 'x' x 12_000;
    close $out or die "$folder: $!\n";
    return $folder;
}

# ---- servers ---------------------------------------------------------------------------

# As Debian ships them.
use constant WORKERS => 150;
my %SETTINGS = (
    prefork => "StartServers 5\nMinSpareServers 5\nMaxSpareServers 10\nMaxRequestWorkers @{[ WORKERS ]}\n",
    threads => "StartServers 2\nMinSpareThreads 25\nMaxSpareThreads 75\nThreadLimit 64\n"
        . "ThreadsPerChild 25\nMaxRequestWorkers @{[ WORKERS ]}\n",
);

# The same, with so many threads in each process of worker and event.
sub settings_of {
    my ($mpm, $threads) = @_;
    return $SETTINGS{prefork} if $mpm eq 'prefork';
    my $processes = int(WORKERS / $threads);
    return $SETTINGS{threads} if $threads == 25;
    return "$SETTINGS{threads}ServerLimit $processes\nStartServers @{[ $processes < 2 ? $processes : 2 ]}\n"
        . "ThreadLimit $threads\nThreadsPerChild $threads\nMaxRequestWorkers @{[ $processes * $threads ]}\n";
}

# With so few workers, of two processes where they are more than eight.
sub settings_for {
    my ($mpm, $workers) = @_;
    return $SETTINGS{prefork} . "MaxRequestWorkers $workers\n" if $mpm eq 'prefork';
    my $threads = $workers > 8 && $workers % 2 == 0 ? $workers / 2 : $workers;
    return $SETTINGS{threads} . "ThreadsPerChild $threads\nMaxRequestWorkers $workers\n";
}

# A server of this MPM; `settings` in the place of Debian's, `conf` at the end.
sub start {
    my ($mpm, %of) = @_;
    my $settings = $of{settings} // settings_of($mpm, 25);
    my $http2 = has_http2($mpm);
    return TmpfsConvertTest::Httpd->new(mpm => $mpm, documents => folder(), modules => $http2 ? ['http2'] : [],
        conf => $settings . ($http2 ? "Protocols h2c http/1.1\n" : '') . ($of{conf} // '') . <<'CONF');
LogLevel crit
TmpfsConvert On
<Location /tmpstat>
    SetHandler tmpstat
</Location>
CONF
}

# mod_http2 does not go with prefork.
sub has_http2 {
    my ($mpm) = @_;
    return $mpm ne 'prefork' && -e TmpfsConvertTest::Site::ask('LIBEXECDIR') . '/mod_http2.so';
}

# ---- what is asked for -----------------------------------------------------------------

my $number = 0;

# Paths of so many thumbnails, no two of them alike in one run of this program as far as
# there are sizes: none is answered by what another made.
sub thumbnails {
    my ($count, $kind) = @_;
    my @names = sort grep { /^\Q$kind\E-/ } keys %PICTURES;
    return map {
        $number++;
        sprintf '/small_light(dw=%d,dh=%d)/%s', 200 + $number % 101, 300 + int($number / 101) % 101,
            $names[$number % @names]
    } 1 .. $count;
}

# ---- clients ---------------------------------------------------------------------------

my %running;

sub _begin {
    my @command = @_;
    my $file = File::Temp->new;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', $file->filename;
        exec @command or POSIX::_exit(127);
    }
    $running{$pid} = $$;
    return { pid => $pid, file => $file, name => $command[0] };
}

# Its standard output.
sub _end {
    my ($job) = @_;
    waitpid $job->{pid}, 0;
    delete $running{ $job->{pid} };
    die "bench: $job->{name} failed\n" if $? && !$job->{cut};
    return Bench::Measure::text_of($job->{file}->filename) // '';
}

# What it is to do ends now, whatever is under way.
sub cut {
    my ($job) = @_;
    $job->{cut} = 1;
    kill TERM => $job->{pid};
    return _end($job);
}

END {
    local $?;
    for my $pid (grep { $running{$_} == $$ } keys %running) {
        kill TERM => $pid;
        waitpid $pid, 0;
    }
}

# build/bin/load in the background, its report when it is over.
sub begin_load {
    my ($httpd, $address, @arguments) = @_;
    return _begin("$Bench::Measure::ROOT/build/bin/load", '-p', $httpd->port, '-a', $address, @arguments);
}

sub end_load {
    my ($job) = @_;
    return JSON::PP->new->decode(_end($job));
}

sub load { return end_load(begin_load(@_)) }

# One connection of HTTP/2 that asks for all of `paths` at once, as far as the protocol
# allows 100 streams; or, for `seconds`, again and again.
sub begin_http2 {
    my ($httpd, $seconds, @paths) = @_;
    my $urls = File::Temp->new;
    print $urls map { $httpd->url . "$_\n" } @paths;
    close $urls;
    my $job = _begin('h2load', '-c', 1, '-m', 100, $seconds ? ('-D', $seconds) : ('-n', scalar @paths), '-i',
        $urls->filename);
    $job->{urls} = $urls;
    return $job;
}

# How many of each status, the good ones first: "598 of 600, 2 x 503".
sub told {
    my ($count, $load) = @_;
    my %answers = map { $_ => $load->{answers}{$_}{count} } keys %{ $load->{answers} };
    my $good = delete $answers{200} // 0;
    return join ', ', "$good of $count", map { "$answers{$_} x $_" } sort keys %answers;
}

sub good { return $_[0]{answers}{200}{count} // 0 }

# Several loads as one.
sub sum {
    my %sum = (answers => {});
    for my $load (@_) {
        $sum{answers}{$_}{count} += $load->{answers}{$_}{count} for keys %{ $load->{answers} };
    }
    return \%sum;
}

# {200 => count, ...} by class of status, as h2load tells them.
sub end_http2 {
    my ($job) = @_;
    my $said = _end($job);
    my ($good, $moved, $refused, $failed) = $said =~ /^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/m
        or die "bench: h2load said: $said\n";
    my ($broken) = $said =~ /(\d+) errored/;
    return { '2xx' => $good, '3xx' => $moved, '4xx' => $refused, '5xx' => $failed, 'errored' => $broken // 0 };
}

# ---- the processors' time ------------------------------------------------------------------

# Of the server with all its processes, those that have ended included, whether their parent has
# seen that (then they are in its figures of its children) or is yet to; in seconds.
sub _server_cpu {
    my ($httpd) = @_;
    my $ticks = 0;
    for my $pid ($httpd->pid, Bench::Measure::descendants_of($httpd->pid)) {
        my @field = split / /, ((Bench::Measure::text_of("/proc/$pid/stat") // '') =~ /\) \S (.*)/s)[0] // '';
        $ticks += Bench::Measure::sum(@field[10 .. 13]) if @field > 14;
    }
    return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# Of the whole machine, in seconds, with what another machine took on the same metal.
sub _machine_cpu {
    my @field = split ' ', (Bench::Measure::text_of('/proc/stat') =~ /^cpu +(.*)$/m)[0];
    my $busy = 0;
    $busy += $_ for @field[0 .. 2, 5 .. 7];
    return $busy / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# Of this program and its clients.
sub _own_cpu {
    my $sum = Bench::Measure::cpu_ms(grep { $running{$_} == $$ } keys %running) / 1000;
    $sum += $_ for times;
    return $sum;
}

sub watch {
    my ($httpd) = @_;
    return { httpd => $httpd, began => Time::HiRes::time(), server => _server_cpu($httpd), own => _own_cpu(),
        machine => _machine_cpu() };
}

# Since then, in seconds: `seconds` by the clock, `server` and `others` of the processors;
# `share`: what these others had, in percent of all processors; `words` about them.
sub watched {
    my ($since) = @_;
    my $seconds = Time::HiRes::time() - $since->{began};
    my $server = _server_cpu($since->{httpd}) - $since->{server};
    my $others = _machine_cpu() - $since->{machine} - $server - (_own_cpu() - $since->{own});
    $others = 0 if $others < 0;
    my $share = 100 * $others / $seconds / Bench::Measure::processors();
    return { seconds => $seconds, server => $server, others => $others, share => $share,
        words => $share < 5 ? '' : sprintf ' (other work had %.0f %% of the processors)', $share };
}

1;
