# SPDX-License-Identifier: Apache-2.0
# Sizes, formats, colours and orientation, from file to answer.
use strict;
use warnings;
use TmpfsConvertTest;

mkpicture('photo.jpg', 400, 300);
mkpicture('quad.png', 64, 48, kind => 'quad');
mkpicture('deep.png', 64, 48, kind => 'ramp', depth => 16);
mkpicture('ramp.png', 64, 48, kind => 'ramp');
mkpicture('palette.png', 64, 48, kind => 'quad', type => 'palette');
mkpicture('grey.png', 64, 48, type => 'grey');
mkpicture('laced.png', 64, 48, kind => 'quad', interlace => 1);
mkpicture('disc.png', 80, 80, kind => 'disc', type => 'rgba', colour => 'ff0000',
    colour2 => '00ff00');
mkpicture('progressive.jpg', 400, 300, progressive => 1);
mkpicture('greyscale.jpg', 400, 300, space => 'grey');
mkpicture('adobe.jpg', 64, 48, kind => 'flat', colour => '3060c0', space => 'cmyk', adobe => 1);
mkpicture('plain.jpg', 64, 48, kind => 'flat', colour => '3060c0', space => 'cmyk', adobe => 0);
mkpicture('ycck.jpg', 64, 48, kind => 'flat', colour => '3060c0', space => 'ycck');
mkpicture("turn$_.jpg", 64, 48, kind => 'quad', orientation => $_, quality => 95) for 1 .. 8;

# The parameters, the original, and what the answer must be.
my @cases = (
    ['dw=200,dh=200', 'photo.jpg', jpeg => 200, 150],
    ['dw=200', 'photo.jpg', jpeg => 200, 150],
    ['dh=150', 'photo.jpg', jpeg => 200, 150],
    ['dw=200,dh=200,da=s', 'photo.jpg', jpeg => 267, 200],
    ['dw=200,dh=200,da=n', 'photo.jpg', jpeg => 200, 200],
    ['dw=50p', 'photo.jpg', jpeg => 200, 150],
    ['dw=50px', 'photo.jpg', jpeg => 50, 38],
    ['', 'photo.jpg', jpeg => 400, 300],
    ['dw=800', 'photo.jpg', jpeg => 400, 300],
    ['dw=800,ds=s', 'photo.jpg', jpeg => 800, 600],
    ['sx=100,sy=100,sw=200,sh=100', 'photo.jpg', jpeg => 200, 100],
    ['sx=50p,sy=50p,dw=100', 'photo.jpg', jpeg => 100, 75],
    ['dw=100,dh=100,cw=120,ch=110', 'photo.jpg', jpeg => 120, 110],
    ['dw=100,dh=100,da=s,cw=100,ch=100', 'photo.jpg', jpeg => 100, 100],
    ['dw=100,of=png', 'photo.jpg', png => 100, 75],
    ['dw=32,of=jpg', 'quad.png', jpeg => 32, 24],
    ['dw=32', 'quad.png', png => 32, 24],
    ['dw=32', 'deep.png', png => 32, 24],
    ['dw=32', 'palette.png', png => 32, 24],
    ['dw=32', 'laced.png', png => 32, 24],
    ['dw=100', 'progressive.jpg', jpeg => 100, 75],
    ['DW=100;dh=90;dw=50', 'photo.jpg', jpeg => 50, 38],
    ['dw=,dh=30', 'photo.jpg', jpeg => 40, 30],
    ['dw%3D200%2Cdh=200', 'photo.jpg', jpeg => 200, 150],
);

for my $case (@cases) {
    my ($params, $file, $format, $w, $h) = @$case;
    my $answer = get("/small_light($params)/pictures/$file");
    is($answer->code, 200, "($params) $file is answered") or diag $answer->content;
    is($answer->content_type, "image/$format", "... as $format");
    my $seen = probe($answer->content);
    is("$seen->{format} $seen->{width}x$seen->{height}", "$format ${w}x$h", "... ${w}x$h");
    is($answer->content_length, length $answer->content, '... with its length');
}

is(probe(get('/small_light(dw=20)/pictures/grey.png')->content)->{model}, 'grey',
    'a grey PNG stays grey');
is(probe(get('/small_light(dw=20)/pictures/greyscale.jpg')->content)->{model}, 'grey',
    'a grey JPEG stays grey');
is(probe(get('/small_light(dw=20)/pictures/disc.png')->content)->{model}, 'rgba',
    'alpha stays alpha');

sub near {
    my ($got, $want, $within, $what) = @_;
    my @off = grep { abs($got->[$_] - $want->[$_]) > $within } 0 .. $#$want;
    ok(!@off, $what) or diag "got @$got, wanted @$want within $within";
}

for my $file (qw(adobe plain ycck)) {
    my $seen = probe(get("/small_light(dw=32)/pictures/$file.jpg")->content, [16, 12]);
    is($seen->{model}, 'rgb', "$file CMYK becomes RGB");
    near($seen->{pixels}[0], [0x30, 0x60, 0xc0], 6, '... in the right colour');
}

# Without cc a JPEG from alpha lies on white, and the garbage under alpha 0 does not show.
my $white = probe(get('/small_light(of=jpeg,q=95)/pictures/disc.png')->content, [2, 2], [40, 40]);
near($white->{pixels}[0], [255, 255, 255], 4, 'transparent to JPEG is white');
near($white->{pixels}[1], [254, 0, 0], 6, '... and the opaque part keeps its colour');
my $blue = probe(get('/small_light(of=jpeg,q=95,cc=00f)/pictures/disc.png')->content, [2, 2]);
near($blue->{pixels}[0], [0, 0, 255], 6, 'cc=00f is blue under alpha');
my $on_canvas = probe(get('/small_light(cw=100,ch=100,cc=0f0)/pictures/disc.png')->content,
    [2, 2], [12, 12], [50, 50]);
near($on_canvas->{pixels}[0], [0, 255, 0, 255], 0, 'the canvas around the picture');
near($on_canvas->{pixels}[1], [0, 255, 0, 255], 0, 'the canvas under the picture');
near($on_canvas->{pixels}[2], [255, 0, 0, 255], 0, 'the picture over the canvas');
my $clear = probe(get('/small_light(cw=100,ch=100,cc=0f00)/pictures/disc.png')->content,
    [2, 2], [50, 50]);
is($clear->{pixels}[0][3], 0, 'a transparent canvas stays transparent');
near($clear->{pixels}[1], [255, 0, 0, 255], 0, '... and does not lose the picture');
my $black = probe(get('/small_light(dw=32,cw=64,ch=64,q=95)/pictures/quad.png')->content, [1, 1]);
near($black->{pixels}[0], [0, 0, 0], 0, 'a canvas without cc is black');
my $placed = probe(
    get('/small_light(cw=100,ch=100,dx=-32,dy=60,cc=808080)/pictures/quad.png')->content,
    [1, 61], [40, 61], [1, 99]);
near($placed->{pixels}[0], [0, 255, 0], 0, 'dx=-32 cuts the left half off');
near($placed->{pixels}[1], [0x80, 0x80, 0x80], 0, '... and the canvas is right of it');

# Red, green / blue, white, as the viewer sees it, whatever the camera's position.
my @corners = ([8, 6], [40, 6], [8, 30], [40, 30]);
my @colours = ([254, 0, 0], [0, 255, 1], [0, 0, 254], [255, 255, 255]);
for my $turn (1 .. 8) {
    my $seen = probe(get("/small_light(dw=48,q=95)/pictures/turn$turn.jpg")->content, @corners);
    is("$seen->{width}x$seen->{height}", '48x36', "orientation $turn is upright");
    near($seen->{pixels}[$_], $colours[$_], 24, "... corner $_") for 0 .. 3;
    is($seen->{exif_orientation}, 'none', '... and says nothing of orientation');
    my $crop = probe(
        get("/small_light(sx=32,sy=24,sw=32,sh=24,of=png)/pictures/turn$turn.jpg")->content,
        [16, 12]);
    near($crop->{pixels}[0], [255, 255, 255], 24, '... crops are in the upright picture');
}
my $stored = probe(get('/small_light(autoorient=n)/pictures/turn6.jpg')->content);
is("$stored->{width}x$stored->{height}", '48x64', 'autoorient=n leaves it as stored');

# q does something, and hint or not the size is the same.
my ($low, $high) = map { length get("/small_light(q=$_)/pictures/photo.jpg")->content } 20, 95;
cmp_ok($low, '<', $high / 2, 'q=20 is far smaller than q=95');
my $hint = probe(get('/small_light(dw=60,jpeghint=y)/pictures/photo.jpg')->content);
is("$hint->{width}x$hint->{height}", '60x45', 'jpeghint=y gives the same size');
my $part = probe(
    get('/small_light(sx=50p,sy=0,sw=50p,sh=50p,dw=8,jpeghint=y,of=png)/pictures/turn1.jpg')
        ->content, [4, 3]);
near($part->{pixels}[0], [0, 255, 1], 24, 'with jpeghint a crop is where it should be');

done_testing();
