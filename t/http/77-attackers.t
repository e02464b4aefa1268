# SPDX-License-Identifier: Apache-2.0
# Four attackers of each kind, as fast as they are answered, and somebody who looks at
# pictures meanwhile: of what he asks for nothing fails. Every bound is its default.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use TmpfsConvertTest::Origin;
use File::Copy qw(copy);
use IO::Compress::Gzip ();
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

use constant { ATTACKERS => 4, REQUESTS => 8 };

my @pictures = map { mkpicture("victim-$_.jpg", 800, 600, seed => $_) } 1 .. 3;
my $photo  = mkpicture('attack.png', 1500, 1250, seed => 6);
my $noise  = mkpicture('noise.png', 400, 300, kind => 'noise');
my $dir    = docroot() . '/pictures';

sub spew {
    my ($name, $bytes) = @_;
    open my $out, '>:raw', "$dir/$name" or die "$name: $!";
    print $out $bytes;
    close $out or die "$name: $!";
    return "/pictures/$name";
}

# ---- what they send -----------------------------------------------------------------------

# A profile whose tables have fifteen dimensions.
copy("$TmpfsConvertTest::Site::ROOT/t/cases/zero5.png", "$dir/zero5.png") or die "zero5.png: $!";

sub box { my ($type, @inside) = @_; my $in = join '', @inside; return pack('N a4', 8 + length $in, $type) . $in }

# 100,000 items of no bytes each.
sub crowded_avif {
    my $items = join '', map { pack 'n n n', $_ % 65536, 0, 0 } 1 .. 100_000;
    my $iloc = box('iloc', pack('N n n', 0, 0x4400, 100_000 % 65536), $items);
    my $more = box('iloc', pack('N n N', 2 << 24, 0x4400, 100_000), join '', map { pack 'N n n n', $_, 0, 0, 0 } 1 .. 100_000);
    my $hdlr = box('hdlr', pack('N N a4 x12 x', 0, 0, 'pict'));
    return box('ftyp', 'avif', pack('N', 0), 'avifmif1miaf') . box('meta', pack('N', 0), $hdlr, $more, $iloc);
}

# One pixel in sixteen has prefix codes of its own: 65,536 groups of five codes.
sub crowded_webp {
    my $bits = '';
    my $put = sub { my ($value, $count) = @_; $bits .= scalar reverse sprintf "%0${count}b", $value };
    my $one = sub { my ($symbol) = @_; $put->(1, 1); $put->(0, 1); $put->(1, 1); $put->($symbol, 8) };
    $put->(0x2f, 8);
    $put->(1023, 14);
    $put->(1023, 14);
    $put->(0, 4);                 # no alpha, version 0
    $put->(0, 1);                 # no transform
    $put->(0, 1);                 # no cache of colours
    $put->(1, 1);                 # groups of codes: the picture that says which
    $put->(0, 3);                 # of 4 by 4 pixels
    $put->(0, 1);
    $one->($_) for 255, 255, 0, 0, 0; # green and red: 65535, for all of it
    my $rest = $bits;
    # Then the groups: codes of one symbol, of one bit.
    $bits = $rest . '1000' x (5 * 65536);
    my $data = pack 'b*', $bits . '0' x 64;
    $data .= "\0" if length($data) % 2;
    my $chunk = 'VP8L' . pack('V', length $data) . $data;
    return 'RIFF' . pack('V', 4 + length $chunk) . "WEBP$chunk";
}

my $boxes  = spew('crowded.avif', crowded_avif());
my $groups = spew('crowded.webp', crowded_webp());
IO::Compress::Gzip::gzip(\("\0" x (32 << 20)), \my $zeroes) or die 'gzip';
my $ok = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: image/jpeg\r\n";
my $origin = TmpfsConvertTest::Origin->new(
    '/drip.jpg' => sub { print { $_[0] } "${ok}Content-Length: 100000\r\n\r\n"; $_[0]->drip('x', 0.05) },
    '/bomb.jpg' => sub { print { $_[0] } "${ok}Content-Encoding: gzip\r\nContent-Length: @{[length $zeroes]}\r\n\r\n$zeroes" },
);
my $httpd = TmpfsConvertTest::Httpd->new(documents => docroot(), conf => <<"CONF");
TmpfsConvert On
ProxyPass "/far/" "http://127.0.0.1:@{[$origin->port]}/"
CONF
server($httpd);

# ---- attackers and victim -----------------------------------------------------------------------

# One request; `hold` seconds after it was sent the connection is closed, unread.
sub once {
    my ($path, $from, $hold) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $httpd->port, LocalAddr => $from, Timeout => 30) or return 'none';
    $socket->syswrite("GET $path HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    if ($hold) {
        sleep $hold;
        return 'left';
    }
    my ($head, $more) = ('', '');
    $socket->sysread($head, 65536);
    1 while $socket->sysread($more, 1 << 20);
    return $head =~ m{^HTTP/1\.1 (\d+)} ? $1 : 'none';
}

# A process that asks until the file $over is there and then writes what came, how often.
my $over = $httpd->root . '/over';
sub start_attacker {
    my ($number, $path, $hold) = @_;
    my $pid = open my $pipe, '-|';
    defined $pid or die "fork: $!";
    return $pipe if $pid;
    my (%seen, $count);
    do {
        my $asked = sprintf $path, ++$count + $number * 1_000_000;
        $seen{ once($asked, '127.0.0.2', $hold) }++;
    } until -e $over;
    print JSON::PP->new->encode(\%seen);
    close STDOUT;
    POSIX::_exit(0);
}

my $wide = 0;
sub victim { $wide++; return once('/small_light(dw=' . (100 + $wide) . ")$pictures[$wide % 3]", '127.0.0.1') }

# [what, its path, statuses that it may have, seconds until it leaves]; %d makes it another.
for my $case (
    ['tables of a profile', '/small_light(dw=4,dummy=%d)/pictures/zero5.png', qr/^200$/],
    ['items of an AVIF', "/small_light(dw=10,dummy=%d)$boxes", qr/^(?:41[35]|422)$/],
    ['groups of a WebP', "/small_light(dw=10,dummy=%d)$groups", qr/^(?:200|41[35]|422)$/],
    ['an AVIF of 67 megapixels', "/small_light(dw=8192,dh=8192,da=n,ds=s,of=avif,q=100,dummy=%d)$noise", qr/^41[35]$/],
    ['a large AVIF', "/small_light(dw=1000,dh=1000,da=n,ds=s,of=avif,q=90,dummy=%d)$noise", qr/^(?:200|41[35])$/],
    ['a large WebP', "/small_light(dw=1500,dh=1500,da=n,ds=s,of=webp,q=100,dummy=%d)$noise", qr/^(?:200|41[35])$/],
    ['a large blur', "/small_light(dw=1500,dh=1500,da=n,ds=s,of=png,blur=0x10,dummy=%d)$noise", qr/^(?:200|413)$/],
    ['more memory than there is for it', "/small_light(dw=4000,dh=4000,da=n,ds=s,of=webp,dummy=%d)$noise", qr/^41[35]$/],
    ['a URL of 8,000 bytes', '/small_light(' . 'a,' x 3990 . "%d)$noise", qr/^(?:400|414|302|200)$/],
    ['an original that drips, and left', '/far/small_light(dw=10,dummy=%d)/drip.jpg', qr/^left$/, 0.2],
    ['a gzip bomb', '/far/small_light(dw=10,dummy=%d)/bomb.jpg', qr/^502$/],
    ['a result that is not read', "/small_light(dw=1450,of=png,dummy=%d)$photo", qr/^left$/, 1],
) {
    my ($what, $path, $statuses, $hold) = @$case;
    my @attackers = map { start_attacker($_, $path, $hold) } 1 .. ATTACKERS;
    my %seen;
    sleep 0.3;
    for (1 .. REQUESTS) {
        $seen{ victim() }++;
        $seen{ get($pictures[0])->code }++;
    }
    open my $end, '>', $over or die $!;
    close $end or die $!;
    my %attack;
    for my $pipe (@attackers) {
        my $text = do { local $/ = undef; <$pipe> };
        close $pipe;
        my $found = JSON::PP->new->decode($text);
        $attack{$_} += $found->{$_} for keys %$found;
    }
    unlink $over;
    note "$what: ", join ', ', map { "$_ x $attack{$_}" } sort keys %attack;
    is_deeply(\%seen, { 200 => 2 * REQUESTS }, "$what, four at once: no picture is missing");
    is_deeply([grep { !/$statuses/ } keys %attack], [], '... and they are answered as they should be')
        or diag(join ', ', map { "$_ x $attack{$_}" } sort keys %attack);
    expect_log(qr/TC0001|TC0003|TC0004|TC0005|TC0006|TC0017|TC0161|AH02650|AH00161|AH00484/);
}
is(scalar(error_log_lines(qr/exit signal/)), 0, 'no child died');
no_leftovers();

done_testing;
