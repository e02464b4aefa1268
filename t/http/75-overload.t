# SPDX-License-Identifier: Apache-2.0
# More than the server can carry: a bounded queue, then 503 at once; what a killed
# child held comes back.
use TmpfsConvertTest;
use TmpfsConvertTest::Fault;
use TmpfsConvertTest::Httpd;
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ':sys_wait_h';
use Time::HiRes qw(sleep time);

my $slow  = mkpicture('overload.png', 3000, 2500, seed => 6);
my $quick = mkpicture('quick.jpg', 40, 30);

sub start {
    my ($conf, @more) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(@more, conf => <<"CONF");
TmpfsConvert On
TmpfsConvertMaxOutputPixels 100000000
TmpfsConvertMaxMemory 0
TmpfsConvertMaxCost 0
CustomLog access_log "%>s %m %U"
$conf
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
    server($httpd);
    return $httpd;
}

# A slow conversion in a process of its own; returns once it is under way.
sub begin_slow {
    my ($path) = @_;
    my $url = base_url() . ($path || "/small_light(dw=2900,of=png)$slow");
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $SIG{TERM} = 'DEFAULT';
        my $answer = LWP::UserAgent->new(timeout => 60, env_proxy => 0)->get($url);
        POSIX::_exit($answer->code == 200 ? 0 : 1);
    }
    for (1 .. 200) {
        last if under_way();
        sleep 0.01;
    }
    return $pid;
}

sub access_lines {
    my ($httpd) = @_;
    open my $in, '<', $httpd->root . '/access_log' or return;
    return <$in>;
}

sub traffic { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{traffic} }
sub under_way { return traffic()->{conversions_in_progress} }

sub ended {
    my ($pid) = @_;
    waitpid $pid, 0;
    return $? >> 8;
}

# ---- no queue: at once ------------------------------------------------------------

my $httpd = start("TmpfsConvertMaxActive 1 0");
my $first = begin_slow();
my $began = time;
my $refused = get("/small_light(dw=10)$quick");
my $took = time - $began;
is($refused->code, 503, 'a second conversion at once is 503');
like($refused->header('Retry-After'), qr/^\d+$/, '... with Retry-After');
# Not after a WAIT of 10 s or more.
cmp_ok($took, '<', 5, '... at once');
my $line = qr/TC0018: \S*quick\.jpg: queue full: 1 active \(\S+ planned\), 0 queued/;
is(scalar(error_log_lines($line)), 1, '... and a line that says so');
expect_log(qr/TC0018/);
is(get($quick)->code, 200, 'a plain file is served meanwhile');
is(under_way(), 1, '... and the status page answers');
is(ended($first), 0, 'the first one is served');
is(get("/small_light(dw=10)$quick")->code, 200, 'then there is a place');
my %reason = map { $_->{reason} => $_->{errors} }
    @{ JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{errors}{by_reason} };
is($reason{overload}, 1, 'it is counted');
no_leftovers();

# A killed child's place.
$first = begin_slow();
kill KILL => $httpd->children;
expect_log(qr/exit signal Kill|killed successively|AH00545|AH10159|AH03490|TC0018/);
waitpid $first, 0;
my $code = 0;
for (1 .. 100) {
    $code = get("/small_light(dw=10)$quick")->code;
    last if $code == 200;
    sleep 0.1;
}
is($code, 200, 'what a killed child held comes back');
$httpd->stop;

# ---- a queue ------------------------------------------------------------------------

$httpd = start("TmpfsConvertMaxActive 1 4 30s");
$first = begin_slow();
is(get("/small_light(dw=10)$quick")->code, 200, 'with a queue the second one waits');
is(traffic()->{conversions_queued}, 0, '... and none is left in it');
is(ended($first), 0, 'the first one is served too');
no_leftovers();
$httpd->stop;

$httpd = start("TmpfsConvertMaxActive 1 4 50ms");
$first = begin_slow();
is(get("/small_light(dw=10)$quick")->code, 503, 'who waits in vain is 503');
expect_log(qr/TC0018: .*no slot became free in time/);
is(ended($first), 0, 'the first one is served');
no_leftovers();
$httpd->stop;

# ---- patience ------------------------------------------------------------------------

sub reason {
    my ($name) = @_;
    my %by = map { $_->{reason} => $_->{errors} }
        @{ JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{errors}{by_reason} };
    return $by{$name} // 0;
}

# Send a request and hang up once `$until`.
sub hang_up {
    my ($path, $until) = @_;
    my ($host, $port) = base_url() =~ m{//([^:/]+):(\d+)};
    my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port) or die $@;
    $socket->syswrite("GET $path HTTP/1.1\r\nHost: $host\r\n\r\n");
    my $seen = becomes($until);
    close $socket;
    return $seen;
}

# Many seconds of work: nobody waits for the end of it.
my $long = "/small_light(dw=8190,dh=8190,da=n,ds=s,of=png)$slow";

# Reading is slow: that no plan knows. Of what is planned for more than a second 38-cost.t tells.
my $fault = TmpfsConvertTest::Fault->new(server()->root . '/faults');
$httpd = start("TmpfsConvertMaxActive 1 4 30s\nTmpfsConvertTimeout 1", faults => $fault);
$fault->set(slow => 20_000);
$refused = get("/small_light(dw=300,of=jpeg)$slow");
$fault->clear;
is($refused->code, 503, 'what takes too long is 503');
like($refused->header('Retry-After'), qr/^\d+$/, '... with Retry-After');
like($refused->content, qr/<p>the conversion took too long</, '... and says why, in general words');
expect_log(qr/TC0030: \S*overload\.png: not finished within the 1 seconds of TmpfsConvertTimeout/);
is(scalar(error_log_lines(qr/TC0030/)), 1, '... one line in the log');
is(reason('timeout'), 1, '... and it is counted');
is(get("/small_light(dw=10)$quick")->code, 200, 'its place is free');
no_leftovers();
$httpd->stop;

$httpd = start("TmpfsConvertMaxActive 1 4 60s\nTmpfsConvertTimeout 0");
ok(hang_up($long, \&under_way), 'a client leaves while its picture is made');
ok(becomes(sub { !under_way() }), '... and the conversion ends');
is(reason('client_gone'), 1, '... and is counted');
is(scalar(error_log_lines(qr/:info\].*TC0031: \S*overload\.png/)), 1, '... one line at info level');
ok(becomes(sub { grep { m{^499 GET /pictures/overload\.png$} } access_lines($httpd) }),
    '... 499 in the access log');

$first = begin_slow($long);
my $gone = reason('client_gone');
ok(hang_up("/small_light(dw=10)$quick", sub { traffic()->{conversions_queued} }), 'one leaves while it waits');
ok(becomes(sub { reason('client_gone') == $gone + 1 }), '... and is taken out of the queue');
is(traffic()->{conversions_queued}, 0, '... which is empty');
kill TERM => $first;
waitpid $first, 0;
ok(becomes(sub { !under_way() }), 'a killed client ends its conversion as well');
is(get("/small_light(dw=10)$quick")->code, 200, 'then there is a place');

# ---- over HTTP/2 ----------------------------------------------------------------------

# A stream has no socket of its own: mod_http2 marks it when the client has gone.
SKIP: {
    skip 'this curl has no HTTP/2', 3 unless `curl --version 2>/dev/null` =~ /\bHTTP2\b/;
    skip 'HTTP/2 with prefork is another server\'s affair', 3 if mpm() eq 'prefork';
    $httpd->stop;
    $httpd = TmpfsConvertTest::Httpd->new(modules => ['http2'], conf => <<'CONF');
Protocols h2c http/1.1
TmpfsConvert On
TmpfsConvertMaxOutputPixels 100000000
TmpfsConvertMaxCost 0
TmpfsConvertTimeout 0
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
    server($httpd);
    defined(my $curl = fork) or die "fork: $!";
    if (!$curl) {
        exec 'curl', '-s', '-o', '/dev/null', '--http2-prior-knowledge', base_url() . $long or POSIX::_exit(1);
    }
    ok(becomes(\&under_way), 'a conversion over HTTP/2');
    kill KILL => $curl;
    waitpid $curl, 0;
    ok(becomes(sub { !under_way() }), '... ends when its client has gone');
    ok(becomes(sub { reason('client_gone') == 1 }), '... and is counted');
    no_leftovers();
    $httpd->stop;
    $httpd = start("TmpfsConvertMaxActive 1 4 60s\nTmpfsConvertTimeout 0");
}

# ---- graceful restart, with other bounds ----------------------------------------------

# An old child at work under new ones: its place is counted, and given back once.
$first = begin_slow("/small_light(dw=2900,of=png)$slow");
$httpd->graceful;
my %old = map { $_ => 1 } $httpd->children;
becomes(sub { grep { !$old{$_} } $httpd->children });
is(ended($first), 0, 'a graceful restart lets a conversion end');
ok(becomes(sub { !under_way() }), '... and nothing is under way then');
for (1 .. 3) {
    is(get("/small_light(dw=10)$quick")->code, 200, '... and the places are right');
}
no_leftovers();
$httpd->stop;

# ---- a place first, then the header ------------------------------------------------------

# Enough processes from the start: prefork makes one more a second, and the long one ends.
$httpd = start(<<'CONF');
TmpfsConvertMaxActive 1 8 60s
TmpfsConvertTimeout 0
<IfModule mpm_prefork_module>
    StartServers 12
    MinSpareServers 4
    MaxSpareServers 14
</IfModule>
<Location "/filtered">
    SetHandler tmpstat
    SetOutputFilter TMPFS_CONVERT
    TmpfsConvertDefaults dw=10
</Location>
CONF
my $text = '/pictures/not-a-picture.jpg';
open my $out, '>', docroot() . $text or die $!;
print $out "text\n" x 10;
close $out or die $!;
$first = begin_slow($long);
my %asked;
for my $case (
    ['GET', "/small_light(dw=10)$text", 415, 'what is not a picture'],
    ['HEAD', "/small_light(dw=10)$text", 415, '... asked with HEAD'],
    ['GET', "/small_light(dw=10,pt=ptss)$text", 415, '... asked with pt'],
    ['GET', '/filtered', 415, '... through the filter'],
    ['HEAD', "/small_light(dw=10)$quick", 200, 'HEAD of a picture'],
    ['GET', "/small_light(dw=90,dh=90,pt=ptss)$quick", 200, 'a picture that passes through'],
    )
{
    my ($method, $path, $status, $what) = @$case;
    my $count = keys %asked;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $SIG{TERM} = 'DEFAULT';
        my $answer = LWP::UserAgent->new(timeout => 60, env_proxy => 0)
            ->request(HTTP::Request->new($method, base_url() . $path));
        POSIX::_exit($answer->code - 200 & 255);
    }
    $asked{$pid} = [$status, $what];
    ok(becomes(sub { traffic()->{conversions_queued} == $count + 1 }), "$what waits, and is not looked at");
}
is(under_way(), 1, '... while one is at work');
kill TERM => $first;
waitpid $first, 0;
is(ended($_) + 200, $asked{$_}[0], "... then $asked{$_}[1]") for sort { $a <=> $b } keys %asked;
expect_log(qr/TC0002/);
is(under_way() + traffic()->{conversions_queued}, 0, '... and every place is free');
no_leftovers();
$httpd->stop;

# ---- memory --------------------------------------------------------------------------

$httpd = start("TmpfsConvertMaxActive 0 0\nTmpfsConvertMemoryBudget 1K");
$refused = get("/small_light(dw=10)$quick");
is($refused->code, 413, 'a plan over the budget is refused, though nothing else runs');
like($refused->content, qr/over the limit of .*TmpfsConvertMemoryBudget/, '... and says why');
expect_log(qr/TC0006: \S*quick\.jpg: the conversion would take/);
is(under_way(), 0, '... and its place is free');
no_leftovers();
$httpd->stop;

# Two that fit one after the other: the second gives its place back while it waits.
my $turned = "/small_light(dw=8190,dh=8190,da=n,ds=s,angle=90,of=png)$slow";
$httpd = start("TmpfsConvertMaxActive 4 8 60s\nTmpfsConvertMemoryBudget 200M\nTmpfsConvertTimeout 0");
$first = begin_slow($turned);
my $second = begin_slow("/small_light(dw=2900,angle=90,of=png)$slow");
ok(becomes(sub { under_way() == 1 && traffic()->{conversions_queued} == 1 }),
    'a plan for which there is no memory now waits without a place');
kill TERM => $first;
waitpid $first, 0;
is(ended($second), 0, '... until the other has ended, and is made');
is(under_way() + traffic()->{conversions_queued}, 0, '... and every place is free');
no_leftovers();
$httpd->stop;
server(TmpfsConvertTest::Httpd->shared);

done_testing;
