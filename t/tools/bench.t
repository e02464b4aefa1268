# SPDX-License-Identifier: Apache-2.0
# tools/bench: that what it measures with measures, and that it refuses what it does not know.
# bench-*.t run its parts. How fast anything is, is not asked in any of them.
use TmpfsConvertTest;
use TmpfsConvertTest::Bench;
use TmpfsConvertTest::Httpd;
use JSON::PP ();

plan(skip_all => 'under a sanitizer the figures would be those of the sanitizer') if $ENV{TC_SANITIZER};

my $place = place();

# ---- quality ---------------------------------------------------------------------

my $photo = photos() . '/one.jpg';
for my $made (['a.png', 400, 300], ['b.jpg', 1600, 1200], ['c.png', 320, 240, 'alpha=1']) {
    my ($name, @how) = @$made;
    is((run(program('quality'), 'prepare', $photo, @how[0, 1], "$place/$name", @how[2 .. $#how]))[0], 0,
        "$name is prepared");
    my $is = values_of(program('picprobe'), "$place/$name");
    is("$is->{width}x$is->{height} $is->{model}", "$how[0]x$how[1] " . ($how[2] ? 'rgba' : 'rgb'),
        '... as asked for');
}

# The whole of a picture as its own reference: nothing is lost.
sub compared {
    my ($reference, @files) = @_;
    my ($code, $text, $words) = run(program('quality'), 'compare', $reference, @files);
    is($code, 0, "compared with $files[0]") or diag $words;
    return map { [split] } split /\n/, $text;
}
run(program('quality'), 'reference', "$place/a.png", 400, 300, "$place/same.ref");
my ($same) = compared("$place/same.ref", "$place/a.png");
is("@$same[0, 1]", '1.00000 99.000', '... a picture is like itself');

run(program('quality'), 'reference', "$place/a.png", 100, 75, "$place/a.ref");
run(program('quality'), 'encode', "$place/a.ref", "$place/best.png");
run(program('quality'), 'encode', "$place/a.ref", "$place/good.jpg", 'quality=85');
run(program('quality'), 'encode', "$place/a.ref", "$place/poor.jpg", 'quality=20');
my ($best, $good, $poor) = compared("$place/a.ref", map { "$place/$_" } 'best.png', 'good.jpg', 'poor.jpg');
cmp_ok($best->[1], '>', 55, '... rounding to 8 bits loses little');
ok($best->[0] > $good->[0] && $good->[0] > $poor->[0], '... SSIM knows better from worse')
    or diag "$best->[0] $good->[0] $poor->[0]";
ok($best->[1] > $good->[1] && $good->[1] > $poor->[1], '... and so does PSNR');

# Another grey: luma 128 against 138 is a PSNR of 10 log(255^2 / 10^2), and no structure.
picture('grey1.png', 64, 64, 'kind=flat', 'colour=808080');
picture('grey2.png', 64, 64, 'kind=flat', 'colour=8a8a8a');
run(program('quality'), 'reference', "$place/grey1.png", 64, 64, "$place/grey.ref");
my ($grey) = compared("$place/grey.ref", "$place/grey2.png");
is($grey->[1], sprintf('%.3f', 20 * log(255 / 10) / log 10), '... PSNR by its definition');
my $c1 = 2.55**2;
is($grey->[0], sprintf('%.5f', (2 * 128 * 138 + $c1) / (128**2 + 138**2 + $c1)), '... SSIM by its');

# ---- the floor ----------------------------------------------------------------------

for my $eighths (1, 2, 4, 8) {
    my $floor = values_of(program('floor'), '-s', $eighths, "$place/b.jpg", "$place/good.jpg");
    # But for the blocks at the edge, of which the picture has only a part.
    cmp_ok(abs($floor->{bytes} / (-s "$place/good.jpg") - 1), '<', 0.01,
        "at $eighths/8 the floor encodes the very picture");
    cmp_ok($floor->{decode_ms}, '>', 0, '... and takes its time');
}
is(values_of(program('floor'), "$place/c.png", "$place/best.png")->{width}, 100, 'PNG has a floor too');

picture('slow.jpg', 1600, 1200, 'kind=photo', 'progressive=1');
is((run(program('floor'), '--cut', "$place/slow.jpg", "$place/cut.jpg"))[0], 0, 'scans are left out');
cmp_ok(-s "$place/cut.jpg", '<', 0.8 * -s "$place/slow.jpg", '... which is much of the file');
for my $name ('slow', 'cut') {
    my $is = values_of(program('tcconvert'), '-v', 'dw=150,dh=150,jpeghint=y', "$place/$name.jpg", "$place/of-$name.jpg");
    is($is->{reduce}, 8, "$name.jpg is decoded at 1/8");
}
ok(system('cmp', '-s', "$place/of-slow.jpg", "$place/of-cut.jpg") == 0, '... and at 1/8 nobody sees it');

# ---- tcconvert, usage ------------------------------------------------------------------

my $many = values_of(program('tcconvert'), '-n', 7, '-v', 'dw=100,dh=100', "$place/b.jpg", "$place/out.jpg");
is($many->{pictures}, 7, 'tcconvert -n');
is($many->{bytes}, -s "$place/out.jpg", '... leaves one answer');
is((run(program('tcconvert'), 'dw=x', "$place/b.jpg", '-'))[0], 2, '... refuses parameters');
is((run(program('tcconvert'), 'dw=9', "$place/words", '-'))[0], 1, '... and what is no picture');

my ($code, $text) = run(program('usage'), 'sh', '-c', 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 3');
is($code, 3, 'usage ends as the program ended');
like($text, qr/^cpu_ms: [1-9]/m, '... and has counted');

like((run(program('tcconvert'), '-l', '-p', "$place/b.jpg", 'dw=9000,ds=s', 'dw=4500,dh=4500,da=n,ds=s', 'dw=100,dh=100'))[1],
    qr/^refused .*8192.*\nrefused .*16000000\nok [\d.]+ \d+ 100x75\n$/, 'tcconvert -p: plans, or why there is none');

# ---- load --------------------------------------------------------------------------------

my $port = server(TmpfsConvertTest::Httpd->new)->port;
my $small = mkpicture('bench.jpg', 64, 48);
get($small);

sub load {
    my @options = @_;
    my ($code, $text, $words) = run(program('load'), '-p', @options);
    is($code, 0, "load @options[1 .. $#options]") or diag $words;
    return JSON::PP->new->decode($text);
}

my $length = length get($small)->content;
for my $keep ([], ['-k']) {
    my $load = load($port, '-c', 3, '-n', 10, @$keep, $small);
    is_deeply([keys %{ $load->{answers} }], [200], '... all answered');
    is($load->{answers}{200}{count}, 10, '... so many as asked for');
    is($load->{answers}{200}{bytes}, 10 * $length, '... and whole');
}
my $mixed = load($port, '-c', 2, '-n', 9, $small, '/no-such-file');
is("$mixed->{answers}{200}{count} $mixed->{answers}{404}{count}", '5 5', '... a round of paths is made whole');
my $open = load($port, '-c', 100, '-r', 40, '-t', 0.5, $small);
is($open->{begun} + $open->{not_begun}, 20, '... the open loop keeps its rate');
my $later = load($port, '-c', 100, '-r', 10, '-w', 2, '-t', 0.5, $small);
is($later->{begun} + $later->{not_begun}, 25, '... goes on for as long as both say');
cmp_ok($later->{answers}{200}{count}, '<', 25, '... and says nothing of what came before');
my $other = load($port, '-a', '127.0.0.9', '-A', 3, '-n', 3, '/no-such-file');
is($other->{answers}{404}{count}, 3, '... other addresses of clients');
isnt((run(program('load'), '-p', $port, '-a', '192.0.2.1', '-n', 1, '/'))[0], 0, '... of this machine only');
# A server that closes a kept connection when it is asked again.
my $closing = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 5) or die "listen: $!";
my $closer = fork // die "fork: $!";
if (!$closer) {
    while (my $peer = $closing->accept) {
        $peer->sysread(my $request, 4096);
        $peer->syswrite("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n");
        $peer->sysread($request, 4096);
    }
    POSIX::_exit(0);
}
my $again = load($closing->sockport, '-n', 4, '-k', '/');
is($again->{answers}{200}{count}, 4, '... and asks again where a kept connection was closed');
is($again->{answers}{200}{retry}, 4, '... sees each Retry-After');
kill KILL => $closer;
waitpid $closer, 0;
my $deaf = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1);
my $late = load($deaf->sockport, '-n', 1, '-T', 0.3, '/');
is_deeply([keys %{ $late->{answers} }], ['failed'], '... who never answers has failed');
ok($late->{answers}{failed}{p50} >= 300, '... after the time allowed');

# ---- tools/bench ------------------------------------------------------------------------------

is((bench())[0], 2, 'tools/bench alone: refused');
is((bench('nonsense'))[0], 2, '... and so is what it does not know');
for my $part (qw(pictures overload burst scale dearest)) {
    my $option = $part =~ /^(?:dearest|burst)$/ ? '-t' : '-n';
    my ($status, undef, $words) = bench($part, $option, 0);
    isnt($status, 0, "$part $option 0: refused");
    like($words, qr/^usage: tools\/bench $part/, '... with its options');
}

done_testing;
