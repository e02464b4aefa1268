# SPDX-License-Identifier: Apache-2.0
# The page it was installed for: many pictures at once, with every directive of the module
# at its default. None is refused, whatever MaxRequestWorkers, and one client with much to
# do does not keep another waiting. tools/bench burst has the same at length.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Temp ();
use IO::Select ();
use IO::Socket::INET ();
use Time::HiRes qw(sleep time);

my @pictures = map { mkpicture("burst-$_.jpg", 800, 600, seed => $_) } 1 .. 6;
my $slow = mkpicture('overload.png', 3000, 2500, seed => 6);
my $sanitizer = $ENV{TC_SANITIZER} ? 10 : 1;

# Each request on a connection of its own, all at once: their statuses, as they come, until
# all have one, or the seconds are over, or the statuses are `$enough`.
sub at_once {
    my ($seconds, $from, @paths) = @_;
    my $enough = ref $paths[-1] ? pop @paths : sub { 0 };
    my ($host, $port) = base_url() =~ m{//([^:/]+):(\d+)};
    my %open;
    my $select = IO::Select->new;
    for my $path (@paths) {
        my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, LocalAddr => $from, Timeout => 60)
            or die "$path: $@";
        $socket->syswrite("GET $path HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n\r\n");
        $select->add($socket);
        $open{$socket} = '';
    }
    my (%status, $last);
    my $end = time + $seconds;
    while ($select->count && time < $end && !$enough->(\%status)) {
        for my $socket ($select->can_read($end - time)) {
            next if $socket->sysread($open{$socket}, 65536, length $open{$socket});
            $select->remove($socket);
            $status{ $open{$socket} =~ m{^HTTP/1\.1 (\d+)} ? $1 : 'none' }++;
            $last = time;
        }
    }
    $status{unanswered} = $select->count if $select->count;
    return \%status;
}

# httpd's own, of so few workers.
my $few = qr/AH0028[678]|AH00161|AH00484|AH10159|AH03490/;

my $number = 0;
sub thumbnails { my ($count) = @_; return map { $number++; "/small_light(dw=" . (100 + $number % 50) . ")$pictures[$number % 6]" } 1 .. $count }

sub workers {
    my ($workers) = @_;
    return "MaxRequestWorkers $workers\n" if mpm() eq 'prefork';
    my $threads = $workers > 8 && $workers % 2 == 0 ? $workers / 2 : $workers;
    return "ServerLimit 2\nThreadsPerChild $threads\nMaxRequestWorkers $workers\n";
}

# ---- any number of workers ----------------------------------------------------------------

for my $workers (2, 4, 8, 16, 25) {
    my $httpd = TmpfsConvertTest::Httpd->new(conf => "TmpfsConvert On\n" . workers($workers));
    server($httpd);
    is_deeply(at_once(60 * $sanitizer, '127.0.0.1', thumbnails(60)), { 200 => 60 },
        "MaxRequestWorkers $workers: 60 pictures at once");
    is_deeply(at_once(60 * $sanitizer, '127.0.0.1', thumbnails(60)), { 200 => 60 }, '... and again');
    expect_log($few);
    no_leftovers();
    $httpd->stop;
}

# ---- another client ------------------------------------------------------------------------

{
    my $httpd = TmpfsConvertTest::Httpd->new(conf => "TmpfsConvert On\n"
        . (mpm() eq 'prefork' ? "StartServers 60\nServerLimit 60\nMaxSpareServers 60\nMaxRequestWorkers 60\n"
            : "ServerLimit 2\nThreadsPerChild 30\nMaxRequestWorkers 60\n"));
    server($httpd);
    my $hog = fork // die "fork: $!";
    if (!$hog) {
        $SIG{TERM} = 'DEFAULT';
        at_once(60, '127.0.0.1', ("/small_light(dw=2000,blur=10x5,of=png)$slow") x 36);
        POSIX::_exit(0);
    }
    sleep 1.5;
    my $began = time;
    is_deeply(at_once(60 * $sanitizer, '127.0.0.2', thumbnails(6)), { 200 => 6 },
        'beside 36 blurs of one client the six pictures of another');
    my $took = time - $began;
    # All 36 take many seconds; the machine may be busy with others.
    cmp_ok($took, '<', 5 * $sanitizer, sprintf '... in %.2f s', $took);
    is(waitpid($hog, POSIX::WNOHANG()), 0, '... which are not done by then');
    kill TERM => $hog;
    waitpid $hog, 0;
    expect_log(qr/TC0018|TC0030|$few/);
    no_leftovers();
    $httpd->stop;
}

# ---- another client, before httpd has its processes ------------------------------------------

SKIP: {
    skip 'threads are there at once, and a listener takes every connection', 4 if mpm() ne 'prefork';
    my $httpd = TmpfsConvertTest::Httpd->new(
        conf => "TmpfsConvert On\nStartServers 9\nServerLimit 60\nMaxRequestWorkers 60\n");
    server($httpd);
    # As many as the whole server would refuse some of, while nine processes are there.
    pipe my $reader, my $writer or die "pipe: $!";
    my $hog = fork // die "fork: $!";
    if (!$hog) {
        my $status = at_once(60, '127.0.0.1', ("/small_light(dw=2000,blur=10x5,of=png)$slow") x 120,
            sub { ($_[0]{503} // 0) > 50 });
        syswrite $writer, $status->{503} // 0;
        POSIX::_exit(0);
    }
    close $writer;
    sleep 0.7;
    is_deeply(at_once(60 * $sanitizer, '127.0.0.2', thumbnails(6)), { 200 => 6 },
        'before httpd has its processes, beside 120 blurs of one client the six pictures of another');
    my $refused = <$reader>;
    waitpid $hog, 0;
    cmp_ok($refused, '>', 50, "... for $refused of those are refused");
    expect_log(qr/TC0018|TC0030|TC0031|TC0042|$few/);
    no_leftovers();
    $httpd->stop;
}

# ---- over HTTP/2 --------------------------------------------------------------------------

SKIP: {
    skip 'no h2load here (nghttp2-client)', 2 unless grep { -x "$_/h2load" } split /:/, $ENV{PATH};
    skip 'HTTP/2 with prefork is another server\'s affair', 2 if mpm() eq 'prefork';
    my $httpd = TmpfsConvertTest::Httpd->new(modules => ['http2'],
        conf => "Protocols h2c http/1.1\nTmpfsConvert On\n");
    server($httpd);
    my $urls = File::Temp->new;
    print $urls map { base_url() . "$_\n" } thumbnails(100);
    close $urls;
    for my $clients (1, 3) {
        my $count = 100 * $clients;
        my $said = `h2load -n $count -c $clients -m 100 -i $urls 2>&1`;
        my ($codes) = $said =~ /^(status codes:.*)$/m;
        is($codes, "status codes: $count 2xx, 0 3xx, 0 4xx, 0 5xx",
            "$clients connections of HTTP/2 with 100 pictures each at once") or diag $said;
    }
    expect_log($few);
    no_leftovers();
    $httpd->stop;
}
server(TmpfsConvertTest::Httpd->shared);

done_testing;
