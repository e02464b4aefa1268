# SPDX-License-Identifier: Apache-2.0
# What libavif does that nothing in httpd could break off: it ends its process where memory is
# missing, and it decodes a picture in one call, however long that takes. In a converter the one
# costs its request, the other no more than the timeout.
# Under event only: a library's subject; 95-converters runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Fault;
use TmpfsConvertTest::Httpd;
use TmpfsConvertTest::Wreck;
use HTTP::Tiny ();
use IO::Socket::INET ();
use JSON::PP ();
use Time::HiRes qw(time);

my %built = map { ("$_->{format} $_->{direction}" => $_->{format_built}) }
    @{ JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{formats}{by_format_direction} };
plan(skip_all => 'AVIF is not built in') unless $built{'avif in'} && $built{'avif out'};

my $jpeg = mkpicture('libraries.jpg', 80, 60);
my $avif = mkpicture('libraries.avif', 80, 60);

sub start {
    my ($conf, $plan) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(start => 0,
        conf => "TmpfsConvert On\nTmpfsConvertIsolation on\n$conf<Location /tmpstat>\nSetHandler tmpstat\n</Location>\n");
    $plan->($httpd);
    $httpd->start;
    server($httpd);
    return $httpd;
}

sub page { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content) }
sub deaths { return page()->{traffic}{converter_deaths} }
sub kills { return page()->{traffic}{converter_kills} }

# ---- another malloc ---------------------------------------------------------------------------

# jemalloc keeps the address space of a large picture, which is not the next one's.
SKIP: {
    my ($jemalloc) = grep { -e } glob '/usr/lib/*/libjemalloc.so.2';
    skip 'the allocator is the sanitizer\'s', 1 if $ENV{TC_SANITIZER};
    skip 'no libjemalloc.so.2 (Debian: libjemalloc2)', 1 unless $jemalloc;
    my $large = mkpicture('libraries-large.png', 3000, 2000, depth => 16, interlace => 1);
    my $webp = mkpicture('libraries.webp', 400, 300);
    my $httpd = start("TmpfsConvertMaxActive 1\n", sub { $_[0]{env}{LD_PRELOAD} = $jemalloc });
    my %seen;
    $seen{$_}++ for map { get($_)->code }
        map { ("/small_light(dw=30)$large", "/small_light(dw=30,of=png)$jpeg", "/small_light(dw=30,of=jpg)$webp") } 1 .. 6;
    is(join(', ', map { "$seen{$_} x $_" } sort keys %seen), '18 x 200',
        'with jemalloc small pictures have memory after large ones');
    is(deaths(), 0, '... and no converter has died');
    $httpd->stop;
}

# ---- memory -----------------------------------------------------------------------------------

SKIP: {
    skip 'the allocator is the sanitizer\'s', 1 if $ENV{TC_SANITIZER};
    my $fault;
    my $httpd = start("TmpfsConvertMaxActive 2\n",
        sub { $fault = $_[0]{faults} = TmpfsConvertTest::Fault->new($_[0]->root . '/faults') });
    my @children = $httpd->children;
    # libavif does not say what dav1d lacked: "Decoding of color planes failed".
    expect_log(qr/TC0005: .*planes failed/, qr/TC0007/, qr/TC0043/, qr/TC0131/);
    my $ended = 0;
    for my $path ("/small_light(dw=40,of=png)$avif", "/small_light(dw=40,of=avif)$jpeg") {
        my $right = get($path)->content;
        for my $after (0, 1) {
            my (%seen, $tried);
            # The first ones each, then fewer: an encoder takes thousands.
            for (my $at = 1; $at < 100_000; $at += 1 + int($at / 8)) {
                $fault->set(alloc_at => 0, alloc_after => $after, alloc_seen => 0, alloc_hit => 0);
                $fault->set(alloc_at => $at);
                my $answer = get($path);
                $fault->set(alloc_at => 0);
                last unless $fault->get('alloc_hit');
                my $code = $answer->code;
                $seen{ $code == 200 && $answer->content ne $right ? 'another picture' : $code }++;
                $tried++;
            }
            my $name = $after ? 'from an allocation on all fail' : 'an allocation fails';
            cmp_ok($tried, '>=', 15, "$path: $name ($tried)");
            $ended += $seen{500} // 0;
            my $good = $path =~ /avif$/ ? qr/^(?:200|422|500|503)$/ : qr/^(?:200|500|503)$/;
            is(join(', ', grep { $_ !~ $good } sort keys %seen), '',
                '... the right picture, 503, or 500 where the process ended: '
                    . join ', ', map { "$_ x $seen{$_}" } sort keys %seen);
            is(get($path)->content, $right, '... and then it is as it was');
        }
    }
    ok(becomes(sub { deaths() >= $ended }), "$ended of them ended a converter");
    is(deaths(), $ended, '... one each');
    is_deeply([$httpd->children], \@children, '... and no child of httpd');
    ok(becomes(sub { $httpd->converters == 4 }), '... and there are as many converters as before');
    no_leftovers('memory');
    $httpd->stop;
}

# ---- time -------------------------------------------------------------------------------------

my $wreck;
my $httpd = start("TmpfsConvertMaxActive 1 10 60s\nTmpfsConvertTimeout 2\nTmpfsConvertMaxCost 0\n",
    sub { $wreck = $_[0]{wreck} = TmpfsConvertTest::Wreck->new($_[0]->root . '/wreck') });
my @children = $httpd->children;
get("/small_light(dw=40)$avif");
expect_log(qr/TC0030/);

# A request in a process of its own: what it is answered can be read.
sub begin {
    my ($path) = @_;
    my $url = base_url() . $path;
    my $pid = open(my $in, '-|') // die "fork: $!";
    if (!$pid) {
        my $began = time;
        my $status = HTTP::Tiny->new(timeout => 120, keep_alive => 0)->get($url)->{status};
        printf "%d %.1f\n", $status, time - $began;
        close STDOUT;
        POSIX::_exit(0);
    }
    return $in;
}

$wreck->set(jobs => 0, hit => 0, every => 1, mode => 8);
my $long = begin("/small_light(dw=41)$avif");
ok(becomes(sub { $wreck->get('hit') == 1 }), 'an AVIF that takes a minute to decode');
my $other = begin("/small_light(dw=41)$jpeg");
my ($status, $seconds) = split ' ', readline $long;
is($status, 503, '... is 503');
cmp_ok($seconds, '<', 30, "... after $seconds s, of TmpfsConvertTimeout 2");
($status, $seconds) = split ' ', readline $other;
is($status, 200, 'the picture that waited for the only place is converted');
cmp_ok($seconds, '<', 30, "... after $seconds s");
ok(becomes(sub { kills() == 1 }), '... by another converter: the one of before was killed');

my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port) or die $!;
print $socket "GET /small_light(dw=42)$avif HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
ok(becomes(sub { $wreck->get('hit') == 2 }), 'another one');
close $socket;
ok(becomes(sub { kills() == 2 }), '... ends when its client has left');
$wreck->set(mode => 0);
is(get("/small_light(dw=43)$avif")->code, 200, 'conversions go on');
is_deeply([$httpd->children], \@children, '... in the same children');
no_leftovers('time');
$httpd->stop;

done_testing();
