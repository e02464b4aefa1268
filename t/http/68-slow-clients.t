# SPDX-License-Identifier: Apache-2.0
# Clients that do not read what they asked for: each keeps no more temporary data than
# TmpfsConvertTempPerClient, wherever they lie, and none of the others' share.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ();

# A result that no socket's buffer takes, and bounds by its size.
my $picture = mkpicture('slow.png', 1500, 1250, seed => 6);
my $path    = "/small_light(dw=1450,of=png)$picture";
my $whole   = get($path)->content;
my $size    = length $whole;
my $once    = int($size * 1.3 / 1024);
my $twice   = int($size * 2.4 / 1024);
cmp_ok($size, '>', 2 << 20, "a result of $size bytes");
my $small   = "/small_light(dw=300,of=jpeg)$picture";
my $origin  = TmpfsConvertTest::Httpd->new(plain => 1);

sub start {
    my ($conf, %option) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(%option, conf => sub {
        my $dir = $_[0]->temp_dir . '/disk';
        mkdir $dir;
        return <<"CONF";
TmpfsConvert On
TmpfsConvertMaxActive 0
TmpfsConvertTempMemory off
TmpfsConvertTempDir "$dir"
SendBufferSize 65536
ProxyPass "/far/" "http://127.0.0.1:@{[$origin->port]}/"
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
$conf
CONF
    });
    server($httpd);
    return $httpd;
}

sub status { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content) }
sub temp   { return status()->{temp} }

# Bytes in files of the server that are open now.
sub open_bytes {
    my ($list) = grep { ref eq 'ARRAY' } values %{ temp() };
    my $sum = 0;
    $sum += $_->{temp_open_bytes} // 0 for @$list;
    return $sum;
}

# Ask, from one of the loopback's addresses, and read no more than the status.
sub slow {
    my ($url, $from, @header) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => server()->port, LocalAddr => $from, Timeout => 10)
        or die "connect: $@";
    setsockopt $socket, POSIX::SOL_SOCKET(), IO::Socket::SO_RCVBUF(), pack 'i', 65536
        if POSIX->can('SOL_SOCKET');
    $socket->syswrite(join "\r\n", "GET $url HTTP/1.0", @header, '', '');
    my $head = '';
    while ($head !~ /\r\n\r\n/) {
        $socket->sysread($head, 1, length $head) or last;
    }
    my ($code) = $head =~ m{^HTTP/1\.\d (\d+)};
    return { code => $code // 0, head => $head, socket => $socket };
}

sub rest { my ($slow) = @_; local $/ = undef; return readline $slow->{socket} }

# ---- the bound, wherever the bytes are ------------------------------------------------

for my $case (
    ['in memfds', "TmpfsConvertTempMethod memfd\nTmpfsConvertSpoolMemory 0"],
    ['on a disk', "TmpfsConvertTempMethod tmpfile\nTmpfsConvertSpoolMemory 512K"],
    ["in the workers' memory", 'TmpfsConvertSpoolMemory 64M'],
) {
    my ($what, $conf) = @$case;
    my $httpd = start("$conf\nTmpfsConvertTempPerClient ${twice}K");
    my $first = slow($path, '127.0.0.1');
    is($first->{code}, 200, "$what: a first result");
    ok(becomes(sub { temp()->{temp_client_bytes} >= $size && temp()->{temp_client_bytes} < 2 * $size }),
        '... is held for a client that does not read it') or diag(temp()->{temp_client_bytes});
    my $second = slow($path, '127.0.0.1');
    is($second->{code}, 200, '... and a second');

    my $mark = log_mark();
    my @more = map { slow($path, '127.0.0.1') } 1 .. 6;
    is(join(' ', map { $_->{code} } @more), join(' ', (503) x 6), '... and no more');
    like($more[0]{head}, qr/^Retry-After: \d+\r$/m, '... with Retry-After');
    is(scalar(error_log_lines($mark, qr/TC0161: \S+slow\.png: client 127\.0\.0\.1: holds \d+ KiB of temporary data .* $twice KiB of TmpfsConvertTempPerClient/)),
        6, '... and a line each, with client and bound') or diag join "\n", error_log_lines($mark);
    expect_log(qr/TC0161/);
    cmp_ok(temp()->{temp_client_bytes}, '<=', $twice << 10, '... which it is not over');
    cmp_ok(open_bytes(), '<=', $twice << 10, '... in files either');
    is(temp()->{temp_client_limit_bytes}, $twice << 10, '... and is told');
    my %reason = map { $_->{reason} => $_->{errors} } @{ status()->{errors}{by_reason} };
    is($reason{client_share}, 6, '... as what was refused is');

    is(slow($small, '127.0.0.1')->{code}, 200, 'a small one has room');
    is(slow($path, '127.0.0.2')->{code}, 200, 'another client has a bound of its own');
    ok(rest($first) eq $whole, 'who reads at last gets all');
    ok(becomes(sub { slow($path, '127.0.0.1')->{code} == 200 }), '... and then has room for the next');
    ok(rest($second) eq $whole, '... the second too');
    ok(becomes(sub { temp()->{temp_client_bytes} == 0 }), 'with all read or left nothing is held')
        or diag(temp()->{temp_client_bytes});
    no_leftovers($what);
    $httpd->stop;
}

# ---- an original from another server counts too ------------------------------------------

{
    my $httpd = start("TmpfsConvertTempMethod memfd\nTmpfsConvertTempPerClient @{[int($size / 2048)]}K");
    cmp_ok(-s docroot() . $picture, '>', $size * 0.6, 'an original over the bound');
    my $mark = log_mark();
    is(get("/far/small_light(dw=100)$picture")->code, 503, '... is refused while it comes');
    is(scalar(error_log_lines($mark, qr/TC0161: /)), 1, '... in one line');
    expect_log(qr/TC0161/);
    is(get("/small_light(dw=100)$picture")->code, 200, '... and as a file is read in place');
    ok(becomes(sub { temp()->{temp_client_bytes} == 0 }), '... and nothing is held');
    no_leftovers();
    $httpd->stop;

    $httpd = start("TmpfsConvertTempMethod memfd\nTmpfsConvertTempPerClient @{[$once]}K");
    is(get("/far/small_light(dw=100)$picture")->code, 200, 'with more room it is converted');
    is(slow("/far$path", '127.0.0.1')->{code}, 503, '... with a result that fits beside it only');
    expect_log(qr/TC0161/);
    no_leftovers();
    $httpd->stop;
}

# ---- who a client is ------------------------------------------------------------------------

{
    my $httpd = start(<<"CONF", modules => ['remoteip']);
TmpfsConvertTempMethod memfd
TmpfsConvertTempPerClient ${once}K
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.1
CONF
    my @held;
    for my $case (
        ['192.0.2.1', 200], ['192.0.2.1', 503], ['192.0.2.2', 200],
        ['::ffff:192.0.2.1', 503],
        ['2001:db8:1:2::3', 200], ['2001:db8:1:2:ffff::4', 503], ['2001:db8:1:3::3', 200],
    ) {
        my ($address, $code) = @$case;
        my $mark = log_mark();
        my $answer = slow($path, '127.0.0.1', "X-Forwarded-For: $address");
        is($answer->{code}, $code, "for $address: $code");
        push @held, $answer;
        next if $code == 200;
        my ($v4) = $address =~ /^::ffff:(.*)/;
        is(scalar(error_log_lines($mark, qr/TC0161: \S+ client (?:@{[quotemeta $address]}|@{[quotemeta($v4 || '-')]}): /)), 1,
            '... and the line has it') or diag join "\n", error_log_lines($mark);
        expect_log(qr/TC0161/);
    }
    @held = ();
    ok(becomes(sub { temp()->{temp_client_bytes} == 0 }), 'when they have left nothing is held');
    no_leftovers();
    $httpd->stop;
}

# ---- what a killed child held --------------------------------------------------------------

{
    my $httpd = start("TmpfsConvertTempMethod memfd\nTmpfsConvertTempPerClient ${twice}K");
    my @held = map { slow($path, '127.0.0.1') } 1 .. 2;
    is(slow($path, '127.0.0.1')->{code}, 503, 'a client at its bound');
    expect_log(qr/TC0161/, qr/exit signal Kill|killed successively|AH00545|AH10159|AH03490/);
    kill KILL => $httpd->children;
    ok(becomes(sub { my $temp = eval { temp() }; $temp && $temp->{temp_client_bytes} == 0 }),
        'has room again when the children that held it are killed');
    is(slow($path, '127.0.0.1')->{code}, 200, '... and is served');
    no_leftovers();
    @held = ();

    # A restart makes no difference to what is held.
    my $slow = slow($path, '127.0.0.1');
    my $before = temp()->{temp_client_bytes};
    cmp_ok($before, '>=', $size, 'a client holds a result');
    $httpd->graceful;
    ok(becomes(sub { 2 == (() = $httpd->log_text =~ /resuming normal operations/g) }), 'a graceful restart');
    is(temp()->{temp_client_bytes}, $before, '... and still does');
    ok(rest($slow) eq $whole, '... which it gets');
    ok(becomes(sub { temp()->{temp_client_bytes} == 0 }), '... and then holds nothing');
    no_leftovers();
    $httpd->stop;
}

# ---- HTTP/2: one connection, many answers ------------------------------------------------------

SKIP: {
    skip 'mod_http2 does not work under prefork', 7 if mpm() eq 'prefork';
    my $curl = `curl --version 2>&1` // '';
    skip 'no curl that speaks HTTP/2', 7 unless $curl =~ /^Features:.*\bHTTP2\b/m;
    my $httpd = start("Protocols h2c http/1.1\nTmpfsConvertTempMethod memfd\nTmpfsConvertTempPerClient ${twice}K",
        modules => ['http2']);
    my @pid;
    for (1 .. 2) {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            exec qw(curl -s --http2-prior-knowledge --limit-rate 40k -m 20 -o /dev/null), $httpd->url . $path
                or POSIX::_exit(127);
        }
        push @pid, $pid;
    }
    ok(becomes(sub { open_bytes() >= 2 * $size }), 'two streams that are read slowly');
    cmp_ok(temp()->{temp_client_bytes}, '>=', 2 * $size, '... are counted');
    is(slow($path, '127.0.0.1')->{code}, 503, '... and there is no third');
    expect_log(qr/TC0161/);
    kill TERM => @pid;
    waitpid $_, 0 for @pid;
    ok(becomes(sub { temp()->{temp_client_bytes} == 0 }), '... until they have left');
    is(open_bytes(), 0, '... and no file is open');
    no_leftovers();
    $httpd->stop;
}

# ---- what must stay free in a directory ------------------------------------------------------------

sub reserves {
    my ($list) = grep { ref eq 'ARRAY' } values %{ temp() };
    return { map { $_->{dir} => $_->{temp_fs_reserve_bytes} / ($_->{temp_fs_size_bytes} || 1) } @$list };
}

sub near { my ($have, $want, $what) = @_; return ok(abs($have - $want) < 0.001, $what) || diag($have) }

{
    my $temp;
    my $dirs = sub {
        $temp = $_[0]->temp_dir;
        mkdir "$temp/own";
        mkdir "$temp/open";
        chmod 0755, "$temp/own";
        chmod 01777, "$temp/open";
        return "TmpfsConvert On\nTmpfsConvertTempDir $temp/own $temp/open\n<Location /tmpstat>\nSetHandler tmpstat\n</Location>\n";
    };
    my $httpd = TmpfsConvertTest::Httpd->new(conf => $dirs);
    server($httpd);
    near(reserves()->{"$temp/own"}, 0.01, 'a directory for this server: 1 %');
    near(reserves()->{"$temp/open"}, 0.1, 'one that everybody may write to: 10 %');
    $httpd->stop;
    $httpd = TmpfsConvertTest::Httpd->new(conf => sub { $dirs->(@_) . "TmpfsConvertTempReserve 3%\n" });
    server($httpd);
    near(reserves()->{"$temp/$_"}, 0.03, "with TmpfsConvertTempReserve as it says: $_") for qw(own open);
    $httpd->stop;
    $httpd = TmpfsConvertTest::Httpd->new(
        conf => "<Location /tmpstat>\nSetHandler tmpstat\n</Location>\n");
    server($httpd);
    my $all = reserves();
    my @default = grep { $_ ne 'memfd' } keys %$all;
    cmp_ok(@default, '>', 0, 'the default chain');
    near($all->{$_}, 0.1, "... $_: 10 %") for @default;
    no_leftovers();
    $httpd->stop;
}
server(TmpfsConvertTest::Httpd->shared);

done_testing;
