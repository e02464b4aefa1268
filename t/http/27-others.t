# SPDX-License-Identifier: Apache-2.0
# Pictures as other programs write them: each is shown as browsers, ImageMagick and libvips do,
# by its pixels; and small files that cost far more than they should are answered at once.
# Under event only: the decoders' subject; 10-resize runs under each MPM.
use strict;
use warnings;
use TmpfsConvertTest;
use Compress::Zlib;
use File::Copy qw(copy);
use File::Path qw(make_path);
use Time::HiRes qw(time);

my $pictures = docroot() . '/pictures';
my $cases    = "$TmpfsConvertTest::Site::ROOT/t/cases";

sub spew {
    my ($name, $bytes) = @_;
    open my $to, '>:raw', "$pictures/$name" or die "$name: $!";
    print $to $bytes;
    close $to or die "$name: $!";
    return;
}

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!";
    local $/ = undef;
    return scalar <$in>;
}

sub near {
    my ($got, $want, $within, $what) = @_;
    my @off = grep { abs(($got->[$_] // 999) - $want->[$_]) > $within } 0 .. $#$want;
    ok(!@off, $what) or diag 'got ', join(' ', @{ $got || [] }), ", wanted @$want";
    return;
}

# The answer's size and, at each place, its colour.
sub shows {
    my ($file, $params, $size, $within, %colours) = @_;
    my @places = sort keys %colours;
    my $answer = get("/small_light($params)/pictures/$file");

    is($answer->code, 200, "$file ($params)") or return;
    my $seen = probe($answer->content, @places);
    is("$seen->{width}x$seen->{height}", $size, "... $size");
    near($seen->{pixels}[$_], $colours{ $places[$_] }, $within, "... at $places[$_]") for 0 .. $#places;
    return;
}

my @red   = (255, 0, 0);
my @white = (255, 255, 255);

make_path($pictures);
copy($_, $pictures) or die "$_: $!" for glob "$cases/*.*";

# ---- JPEG -----------------------------------------------------------------------------------

shows('cmyk-without-adobe-marker.jpg', 'of=png', '64x64', 1, '0,0' => \@white, '40,50' => \@white);
shows('cmyk-without-adobe-marker.jpg', 'of=png,dw=8', '8x8', 1, '4,4' => \@white);

# Segments put in behind the first marker.
sub with_segments {
    my ($file, @segments) = @_;
    my $jpeg = slurp("$pictures/$file");
    return substr($jpeg, 0, 2) . join('', map { "\xff" . $_->[0] . pack('n', 2 + length $_->[1]) . $_->[1] } @segments)
        . substr($jpeg, 2);
}

sub exif {
    my ($orientation) = @_;
    return ["\xe1", "Exif\0\0MM\0*" . pack('Nn', 8, 1) . pack('nnNnn', 0x0112, 3, 1, $orientation, 0) . pack('N', 0)];
}

mkpicture('quad.jpg', 64, 48, kind => 'quad', quality => 95);
for my $case ([[1, 6], '64x48'], [[6, 1], '48x64'], [[6, 8], '48x64'], [[1, 1, 8], '64x48']) {
    my ($values, $size) = @$case;
    my $name = 'exif-' . join('-', @$values) . '.jpg';
    spew($name, with_segments('quad.jpg', map { exif($_) } @$values));
    shows($name, 'of=png', $size, 0);
}

SKIP: {
    skip 'Little CMS is not built in', 1
        unless eval { mkpicture('p3.jpg', 64, 48, kind => 'flat', colour => '40c060', quality => 95, profile => 'p3') };
    my $jpeg = slurp("$pictures/p3.jpg");
    $jpeg =~ /\xff\xe2(..)ICC_PROFILE\0\x01\x01/s or die 'no profile in p3.jpg';
    my $profile = substr $jpeg, $+[0], unpack('n', $1) - 16;
    my $third   = int(length($profile) / 3);
    my @parts   = (substr($profile, 0, $third), substr($profile, $third, $third), substr($profile, 2 * $third));
    my $part    = sub { ["\xe2", "ICC_PROFILE\0" . pack('CC', $_[0], $_[1]) . $parts[$_[0] - 1]] };

    mkpicture('plain.jpg', 64, 48, kind => 'flat', colour => '40c060', quality => 95);
    my $colour = sub { probe(get("/small_light(of=png)/pictures/$_[0]")->content, '30,20')->{pixels}[0] };
    my ($plain, $p3) = ($colour->('plain.jpg'), $colour->('p3.jpg'));
    cmp_ok(abs($plain->[0] - $p3->[0]), '>', 20, 'a profile that shows');
    for my $case (
        ['in order', $p3, [1, 3], [2, 3], [3, 3]],
        ['reversed', $p3, [3, 3], [2, 3], [1, 3]],
        ['shuffled', $p3, [2, 3], [3, 3], [1, 3]],
        ['the first one missing', $plain, [2, 3], [3, 3]],
        ['the last one missing', $plain, [1, 3], [2, 3]],
        ['one doubled', $plain, [1, 3], [2, 3], [2, 3], [3, 3]],
        ['all doubled', $plain, [1, 3], [2, 3], [3, 3], [1, 3], [2, 3], [3, 3]],
        ['another count in one', $plain, [1, 3], [2, 4], [3, 3]],
        ['a count that is too small', $plain, [1, 2], [2, 2], [3, 2]],
    ) {
        my ($what, $wanted, @order) = @$case;
        spew('parts.jpg', with_segments('plain.jpg', map { $part->(@$_) } @order));
        near($colour->('parts.jpg'), $wanted, 0, "parts of a profile: $what");
    }
}

# ---- GIF ------------------------------------------------------------------------------------

my $with_gif = get('/small_light(of=png)/pictures/gif-screen-0x0.gif')->code != 415;
SKIP: {
    unless ($with_gif) {
        expect_log(qr/TC0004/);
        skip 'giflib is not built in', 1;
    }
    my $gif = slurp("$cases/gif-frame-wider-than-screen.gif");

    shows("gif-$_.gif", 'of=png', '40x30', 0, '0,0' => \@red, '39,29' => \@red) for qw(frame-wider-than-screen screen-0x0);
    shows('gif-screen-0x0.gif', 'of=png,dw=20', '20x15', 0, '19,14' => \@red);
    substr($gif, 6, 4) = pack 'vv', 60, 50;
    spew('displaced.gif', $gif =~ s/,\0\0\0\0/',' . pack('vv', 30, 40)/er);
    shows('displaced.gif', 'of=png', '70x70', 0,
        '29,45' => [0, 0, 0, 0], '30,39' => [0, 0, 0, 0], '30,40' => [@red, 255], '69,69' => [@red, 255]);
    spew('far.gif', $gif =~ s/,\0\0\0\0/',' . pack('vv', 65_000, 65_535)/er);
    my $far = get('/small_light(dw=10)/pictures/far.gif');
    is($far->code, 413, 'a frame far outside its screen: the size of both counts');
    like($far->content, qr/65040x65565/, '... and is named');
    expect_log(qr/TC0006: .*65040x65565/);
    spew('short.gif', substr $gif, 0, -2);
    shows('short.gif', 'of=png,cw=60,ch=50,cc=fff', '60x50', 0, '0,0' => \@red, '50,40' => \@white);
    # A palette of its own the frame has not, and the screen's is gone.
    substr($gif, 10, 9) = "\0\0\0";
    spew('bare.gif', $gif);
    shows('bare.gif', 'of=png', '60x50', 0, '0,0' => [0, 0, 0, 255]);
}

# ---- PNG ------------------------------------------------------------------------------------

shows('png-palette-small-window.png', 'of=png', '600x60', 0, 
    '0,0' => [3, 4, 5], '299,30' => [0, 1, 2], '10,59' => [9, 10, 11], '599,59' => [0, 1, 2]);

sub chunk { my ($name, $data) = @_; return pack('N', length $data) . $name . $data . pack('N', crc32("$name$data")) }

# One row of colours.
sub png {
    my ($type, $row, @chunks) = @_;
    my $pixels = length($row) / ($type == 2 ? 3 : 1);
    return "\x89PNG\r\n\x1a\n" . chunk('IHDR', pack('NNC5', $pixels, 1, 8, $type, 0, 0, 0))
        . join('', @chunks) . chunk('IDAT', compress("\0$row")) . chunk('IEND', '');
}

my $row  = pack 'C*', 55, 55, 55, 128, 128, 128, 220, 30, 30, 10, 200, 90;
my $gama = sub { chunk('gAMA', pack 'N', 100_000 * $_[0] + 0.5) };
my $chrm = sub { chunk('cHRM', pack 'N8', map { 100_000 * $_ + 0.5 } 0.3127, 0.3290, @_) };
my @srgb = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06);
my @wide = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06);
my @as_it_is = ([55, 55, 55], [128, 128, 128], [220, 30, 30], [10, 200, 90]);

# Light itself (ImageMagick's values), 1.8, and Adobe RGB's primaries, by the standards' matrices.
my @light = ([128, 128, 128], [188, 188, 188], [239, 96, 96], [56, 229, 160]);
my @mac   = ([71, 71, 71], [146, 146, 146], [227, 40, 40], [10, 210, 109]);
my @adobe = ([52, 52, 52], [129, 129, 129], [255, 24, 24], [0, 201, 80]);
# Display P3, by the matrix of its primaries.
my @p3    = ([55, 55, 55], [128, 128, 128], [239, 0, 0], [0, 204, 73]);
my $cicp  = sub { chunk('cICP', pack 'C4', @_) };
for my $case (
    ['Display P3', \@p3, $cicp->(12, 13, 0, 1)],
    ['light itself', \@light, $cicp->(1, 8, 0, 1)],
    ['light before an sRGB chunk', \@light, $cicp->(1, 8, 0, 1), chunk('sRGB', "\0")],
    ['sRGB before a gamma of 1', \@as_it_is, $cicp->(1, 13, 0, 1), $gama->(1)],
    ['of YCbCr', \@as_it_is, $cicp->(12, 13, 1, 1)],
    ['in narrow range', \@as_it_is, $cicp->(12, 13, 0, 0)],
    ['that is not told', \@as_it_is, $cicp->(2, 2, 0, 1)],
    ['of five bytes', \@as_it_is, chunk('cICP', pack 'C5', 12, 13, 0, 1, 0)],
) {
    my ($what, $wanted, @chunks) = @$case;
    spew('cicp.png', png(2, $row, @chunks));
    my $seen = probe(get('/small_light(of=png)/pictures/cicp.png')->content, map {"$_,0"} 0 .. 3);
    near([map { @{$_}[0 .. 2] } @{ $seen->{pixels} }], [map {@$_} @$wanted], 2, "cICP: $what");
}

my $managed = eval { mkpicture('p3.png', 8, 8, profile => 'p3') };

for my $case (
    ['a gamma of 1/2.2', \@as_it_is, $gama->(0.45455)],
    ['nearly that', \@as_it_is, $gama->(0.46)],
    ['with the primaries of sRGB', \@as_it_is, $gama->(0.45455), $chrm->(@srgb)],
    ['sRGB before a gamma of 1', \@as_it_is, chunk('sRGB', "\0"), $gama->(1)],
    ['primaries alone', \@as_it_is, $chrm->(@wide)],
    ['a gamma of nothing', \@as_it_is, $gama->(0)],
    ['a gamma of 50', \@as_it_is, $gama->(50)],
    ['light itself', \@light, $gama->(1)],
    ['light with the primaries of sRGB', \@light, $gama->(1), $chrm->(@srgb)],
    ['a gamma of 1/1.8', \@mac, $gama->(1 / 1.8)],
    ['Adobe RGB', \@adobe, $gama->(1 / 2.19921875), $chrm->(@wide)],
) {
    my ($what, $wanted, @chunks) = @$case;
  SKIP: {
        skip "gAMA: $what: Little CMS is not built in", 1 unless $managed || $wanted == \@as_it_is;
        spew('gama.png', png(2, $row, @chunks));
        my $seen = probe(get('/small_light(of=png)/pictures/gama.png')->content, map {"$_,0"} 0 .. 3);
        near([map { @{$_}[0 .. 2] } @{ $seen->{pixels} }], [map {@$_} @$wanted], 2, "gAMA: $what");
    }
}
SKIP: {
    skip 'Little CMS is not built in', 2 unless $managed;
    spew('gama.png', png(0, pack('C3', 55, 128, 200), $gama->(1)));
    shows('gama.png', 'of=png', '3x1', 1, '0,0' => [128, 128, 128], '1,0' => [188, 188, 188], '2,0' => [229, 229, 229]);
    # cICP comes before a profile, and one that says nothing does not.
    my $p3 = probe(get('/small_light(of=png)/pictures/p3.png')->content, '3,3')->{pixels}[0];
    my $raw = probe(slurp("$pictures/p3.png"), '3,3')->{pixels}[0];
    spew('p3-cicp.png', slurp("$pictures/p3.png") =~ s/(?=....iCCP)/$cicp->(1, 13, 0, 1)/ers);
    near(probe(get('/small_light(of=png)/pictures/p3-cicp.png')->content, '3,3')->{pixels}[0], $raw, 0,
        'cICP comes before a profile');
    spew('p3-cicp.png', slurp("$pictures/p3.png") =~ s/(?=....iCCP)/$cicp->(2, 2, 0, 1)/ers);
    near(probe(get('/small_light(of=png)/pictures/p3-cicp.png')->content, '3,3')->{pixels}[0], $p3, 0,
        '... but for one that says nothing');
    # A profile comes before gAMA.
    my $plain = probe(get('/small_light(of=png)/pictures/p3.png')->content, '3,3')->{pixels}[0];
    spew('p3-gama.png', slurp("$pictures/p3.png") =~ s/(?=....IDAT)/$gama->(1)/ers);
    near(probe(get('/small_light(of=png)/pictures/p3-gama.png')->content, '3,3')->{pixels}[0], $plain, 0,
        'a profile comes before gAMA');
}

# ---- source rectangles -----------------------------------------------------------------------

spew('dot.png', png(2, pack('C3', 1, 2, 3)));
shows('dot.png', $_, '1x1', 0, '0,0' => [1, 2, 3]) for "sx=60p", "sx=99p", "sy=60p", "sx=50p,sy=50p,sw=10p", "sx=0.7";
for my $outside (qw(sx=100p sy=1)) {
    is(get("/small_light($outside)/pictures/dot.png")->code, 400, "$outside begins outside");
}
expect_log(qr/TC0001: .*outside the picture/);

# ---- small and dear ---------------------------------------------------------------------------

# The seconds of an answer; the bound is far over what a busy machine needs.
sub at_once {
    my ($file, $status, $what) = @_;
    my $start  = time;
    my $answer = get("/small_light(dw=8,of=png)/pictures/$file");
    my $took   = time - $start;

    is($answer->code, $status, $what);
    cmp_ok($took, '<', 5, sprintf '... in %.3f s', $took);
    return;
}

at_once('zero5.png', 200, 'an ICC profile with tables of 15 dimensions');

# Bits, the lowest first, and codes of one symbol without any.
sub groups {
    my ($side, $groups) = @_;
    my $single = '1000';
    my $even = '0' . unpack('b4', chr 8) . '000' x 11 . '100' . '1' . '110' . unpack('b8', chr 254);
    my $bits = unpack('b8', "\x2f") . unpack('b14', pack 'v', $side - 1) x 2 . '0000' . '0' . '0' . '1' . '000' . '0'
        . $even x 2 . $single x 3;
    my $tiles = ($side / 4)**2;
    $bits .= unpack('B8', chr($_ % $groups & 255)) . unpack('B8', chr($_ % $groups >> 8)) for 0 .. $tiles - 1;
    $bits .= $single x (5 * $groups);
    my $stream = pack 'b*', $bits;
    $stream .= "\0" if length($stream) % 2;
    my $chunk = 'VP8L' . pack('V', length $stream) . $stream;
    return 'RIFF' . pack('V', 4 + length $chunk) . "WEBP$chunk";
}

SKIP: {
    spew('groups.webp', groups(64, 100));
    if (get('/small_light(dw=8,of=png)/pictures/groups.webp')->code == 415) {
        expect_log(qr/TC0004/);
        skip 'libwebp is not built in', 1;
    }
    at_once('groups.webp', 200, 'a WebP of 100 groups of codes');
    spew('groups.webp', groups(1024, 65_536));
    at_once('groups.webp', 422, 'a WebP of 65536 groups of codes');
}
spew('chunks.png', png(2, $row, (chunk('tEXt', '')) x 300_000));
at_once('chunks.png', 422, 'a PNG of 300000 chunks');
SKIP: {
    skip 'giflib is not built in', 1 unless $with_gif;
    my $gif = slurp("$cases/gif-frame-wider-than-screen.gif");
    my $at = index $gif, "\2!";
    spew('clear.gif', substr($gif, 0, $at + 1) . ("\xff" . "\x24\x49\x92" x 85) x 10_000 . "\0;");
    at_once('clear.gif', 422, 'a GIF of seven million clear codes');
}
my $quad = slurp("$pictures/quad.jpg");
spew('comments.jpg', substr($quad, 0, 2) . "\xff\xfe\0\2" x 500_000 . substr($quad, 2));
at_once('comments.jpg', 422, 'a JPEG of half a million comments');
expect_log(qr/TC0005: /);
done_testing();
