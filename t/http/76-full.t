# SPDX-License-Identifier: Apache-2.0
# Every place and the whole queue taken, and held: what needs no conversion is answered
# all the same, under each MPM, with the bounds of the configuration and with those that
# are chosen without one.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use IO::Socket::INET ();
use JSON::PP ();
use Time::HiRes qw(sleep);

my $slow  = mkpicture('overload.png', 3000, 2500, seed => 6);
my $plain = mkpicture('quick.jpg', 40, 30);
# 15 seconds of a processor, and broken off within a row when its client leaves.
my $path = "/small_light(dw=8190,dh=8190,da=n,ds=s,of=png,unsharp=0x10+1+0,sharpen=0x10,blur=0x10)$slow";
my $text  = '/pictures/not-a-picture.jpg';
open my $out, '>', docroot() . $text or die $!;
print $out "text\n" x 10;
close $out or die $!;
my $etag = get("/small_light(dw=10)$plain")->header('ETag');
my $workers = mpm() eq 'prefork' ? 16 : 32;
# prefork makes processes by and by, some a second; here all are there from the start.
my $at_once = mpm() eq 'prefork' ? "StartServers 16\nMinSpareServers 16\nMaxSpareServers 17" : '';

sub traffic { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{traffic} }

# Requests that nobody reads the answer of; returned once all of them are taken in.
sub fill {
    my ($count, $active) = @_;
    my ($host, $port) = base_url() =~ m{//([^:/]+):(\d+)};
    my @sockets;
    for (1 .. $count) {
        my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port) or die $@;
        $socket->syswrite("GET $path HTTP/1.0\r\n\r\n");
        push @sockets, $socket;
    }
    for (1 .. 400) {
        my $now = traffic();
        last if $now->{conversions_in_progress} + $now->{conversions_queued} >= $count;
        sleep 0.05;
    }
    return \@sockets;
}

for my $case (['TmpfsConvertMaxActive 1 6 60s', 7], ['', $workers - int(($workers + 3) / 4)]) {
    my ($bounds, $count) = @$case;
    my $httpd = TmpfsConvertTest::Httpd->new(conf => <<"CONF");
TmpfsConvert On
TmpfsConvertTimeout 0
TmpfsConvertMaxOutputPixels 100000000
TmpfsConvertMaxMemory 0
TmpfsConvertMaxCost 0
$bounds
$at_once
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
    server($httpd);
    my $what = $bounds || 'bounds of its own';
    my $sockets = fill($count);
    my $now = traffic();
    is($now->{conversions_in_progress} + $now->{conversions_queued}, $count, "$what: $count are at work or wait");
    for my $round (1 .. ($bounds ? 3 : 1)) {
        is(get($plain)->code, 200, '... a plain file is served');
        is(get('/tmpstat')->code, 200, '... and the status page');
        is(get("/small_light(dw=10)$plain", 'If-None-Match' => $etag)->code, 304, '... and what has not changed');
        is(get('/small_light(dw=10)/pictures/nosuch.jpg')->code, 404, '... and what is not there is not');
        is(get("/small_light(dw=10)$plain/more")->code, 404, '... nor what is in no folder');
        is(get("/small_light(dw=a)$plain")->code, 400, '... and what is wrong is wrong');
    }
    expect_log(qr/TC0001: .*dw/);
    # httpd's own: it has no process more, or, while it answers one more, too few idle threads.
    expect_log(qr/AH00161|AH00287|AH10159/);
    # Bounds of its own refuse once the overload lasts: the least wait of a second over 2.5 s.
    for (1 .. 400) {
        last if $bounds || traffic()->{conversions_oldest_wait_seconds} > 4;
        sleep 0.05;
    }
    # Nothing of an original is read without a place.
    is(head("/small_light(dw=10)$plain")->code, 503, '... HEAD, which reads the header, is sent away');
    is(get("/small_light(dw=100,dh=100,pt=ptss)$plain")->code, 503, '... and pt, which compares sizes');
    is(get("/small_light(dw=10)$text")->code, 503, '... and what is not a picture, which nobody has found out');
    my $refused = get("/small_light(dw=10)$plain");
    is($refused->code, 503, '... and another conversion is sent away');
    like($refused->header('Retry-After'), qr/^\d+$/, '... with Retry-After');
    $now = traffic();
    is($now->{conversions_in_progress} + $now->{conversions_queued}, $count, '... all while they are held');
    expect_log(qr/TC0018/);

    # They leave, and everything is free.
    close $_ for @$sockets;
    my $code = 0;
    for (1 .. 200) {
        $now = traffic();
        last if $now->{conversions_in_progress} + $now->{conversions_queued} == 0;
        sleep 0.05;
    }
    is($now->{conversions_queued}, 0, 'the clients leave, and the queue is empty');
    is(get("/small_light(dw=10)$plain")->code, 200, '... and conversions are done');
    no_leftovers($what);
    $httpd->stop;
}
server(TmpfsConvertTest::Httpd->shared);

done_testing;
