# SPDX-License-Identifier: Apache-2.0
# What a stranger can write into the log, and what an error tells a stranger.
# Under event only: what is logged does not depend on the MPM; 20-errors runs under each.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Path qw(make_path);
use IO::Socket::INET ();

mkpicture('logged.png', 640, 480, seed => 4);
make_path(docroot() . '/unlogged');
my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
    my $temp = $_[0]->temp_dir;
    return <<"CONF";
TmpfsConvert On
TmpfsConvertQuery On
TmpfsConvertTempDir "$temp"
MaxKeepAliveRequests 0
<Directory "@{[docroot()]}/unlogged">
    TmpfsConvert Off
</Directory>
Alias "/full/" "@{[docroot()]}/pictures/"
<Location "/full/">
    TmpfsConvertSpoolMemory 0
</Location>
# No temporary file has room.
TmpfsConvertTempMemory 0
TmpfsConvertTempReserve 100%
CONF
});
server($httpd);

# ---- long lines ---------------------------------------------------------------------------------

my $long = 'x' x 7500;
my $deep = join '/', ('x' x 200) x 15; # what the core still maps
for my $case (
    ["/small_light(dw=abc)/$deep.jpg", 400, 'TC0001'],
    ["/small_light(dw=$long)/pictures/logged.png", 400, 'TC0001'],
    ["/small_light(p=$long)/pictures/logged.png", 400, 'TC0001'],
    ["/small_light($long=1,dw=abc)/pictures/logged.png", 400, 'TC0001'],
    ["/small_light($long", 400, 'TC0001'],
    ["/pictures/logged.png?dw=$long", 400, 'TC0001'],
    ["/small_light(dw=10)/unlogged/$deep", 403, 'TC0014'],
    ["/small_light(embedicon=$long)/pictures/logged.png", 400, 'TC0001'],
    ["/small_light(dw=10)/pictures/$deep", 404, 'AH00128'],
) {
    my ($url, $code, $id) = @$case;
    my $mark = log_mark();
    is(get($url)->code, $code, substr($url, 0, 40) . "...: $code");
    my @lines = error_log_lines($mark, qr/tmpfs_convert:(?:error|warn)/);
    is(scalar(grep { length > 700 } @lines), 0, '... none of the module\'s lines is long') or diag(map { length } @lines);
    like(join("\n", error_log_lines($mark)), qr/$id/, "... $id");
}
expect_log(qr/TC0001|TC0014/);

# ---- what an error says -----------------------------------------------------------------------------

my $full = get('/small_light(dw=600,of=png)/full/logged.png');
is($full->code, 503, 'no room for a temporary file: 503');
my ($words) = $full->content =~ m{<p>(.*)</p>};
is($words, 'no space for temporary data', '... in general words');
my $temp = $httpd->temp_dir;
is(scalar(error_log_lines(qr/TC0008: .*\Q$temp\E/)), 1, '... and the directory in the log');
my $icon = get('/small_light(embedicon=none.png)/pictures/logged.png');
is($icon->code, 404, 'an icon where there are none: 404');
unlike($icon->content, qr/MaterialDir/, '... without the name of a directive');
expect_log(qr/TC0008|TC0034/);

# ---- many lines ---------------------------------------------------------------------------------

# One connection, so that one process has them all; in a second in which it has logged nothing.
select undef, undef, undef, 1.1;
my $count = 2000;
# Of another second than the lines above, which count with the first hundred.
select undef, undef, undef, 1.1;
my $mark = log_mark();
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port) or die $@;
my $answers = '';
for my $round (1 .. $count / 50) {
    print $socket "GET /small_light(dw=10)/unlogged/none.png HTTP/1.1\r\nHost: a\r\n\r\n" x 50;
    $socket->flush;
    my $want = 50 * $round;
    while ((() = $answers =~ m{^HTTP/1.1 403}mg) < $want) {
        sysread $socket, $answers, 65536, length $answers or last;
    }
}
is(scalar(() = $answers =~ m{^HTTP/1.1 403}mg), $count, "$count refused requests are all answered");
select undef, undef, undef, 1.1;
print $socket "GET /small_light(dw=10)/unlogged/none.png HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
1 while sysread $socket, my $rest, 65536;
my $lines = error_log_lines($mark, qr/TC0014/);
my @suppressed = map { /TC0020: (\d+) more/ ? $1 : () } error_log_lines($mark);
my $sum = 0;
$sum += $_ for @suppressed;
cmp_ok($sum, '>', 0, 'most of them leave no line');
cmp_ok($lines, '>=', 100, '... the first hundred do');
is($lines + $sum, $count + 1, '... and the others are counted');
expect_log(qr/TC0014|TC0020/);
done_testing;
