# SPDX-License-Identifier: Apache-2.0
# The faults of mod_small_light and ngx_small_light, one by one, as they must not be; and
# TmpfsConvertCompat strict, which keeps some for those who have come to rely on them.
# Under event only: parsing and drawing; 10-resize runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Entries;

mkpicture('quad.png', 64, 48, kind => 'quad');
mkpicture('quad.jpg', 64, 48, kind => 'quad', quality => 95);
mkpicture('photo.jpg', 400, 300, quality => 90, seed => 3);
mkpicture('large.png', 1000, 900);
mkpicture('disc.png', 80, 80, kind => 'disc', type => 'rgba', colour => 'ff0000', colour2 => '00ff00');
mkpicture('plain.jpg', 64, 48, kind => 'flat', colour => '3060c0', space => 'cmyk', adobe => 0);
mkpicture('adobe.jpg', 64, 48, kind => 'flat', colour => '3060c0', space => 'cmyk', adobe => 1);
mkpicture('ycck.jpg', 64, 48, kind => 'flat', colour => '3060c0', space => 'ycck');
mkpicture('turn6.jpg', 64, 48, kind => 'quad', orientation => 6, exif => 1, quality => 95);
my $pictures = docroot() . '/pictures';

my $entries = TmpfsConvertTest::Entries->new(conf => sub {
    my $port = $_[0]->port;
    return <<"CONF";
TmpfsConvertMaxSource 8M
TmpfsConvertPattern tall "dh=50px,dw=50px,da=n"
Alias "/strict/" "$pictures/"
<Location "/strict/">
    TmpfsConvert On
    TmpfsConvertCompat strict
</Location>
# As mod_small_light's manual has it.
RewriteEngine On
RewriteRule ^/small_light[^/]*/(?:old|oldfixed|ours)/(.+)\$ /pictures/\$1
<LocationMatch "^/small_light[^/]*/old">
    SetOutputFilter SMALL_LIGHT
</LocationMatch>
<LocationMatch "^/small_light[^/]*/old/">
    TmpfsConvertCompat strict
</LocationMatch>
<LocationMatch "^/small_light[^/]*/ours/">
    SetOutputFilter TMPFS_CONVERT
    TmpfsConvertCompat strict
</LocationMatch>
CONF
});
server($entries->front);

sub near {
    my ($got, $want, $within, $what) = @_;
    my @off = grep { abs($got->[$_] - $want->[$_]) > $within } 0 .. $#$want;
    ok(!@off, $what) or diag "got @$got, wanted @$want within $within";
}

sub size { my $seen = probe($_[0]); return "$seen->{width}x$seen->{height}" }

# Every way the same; its picture, with the pixels at the places.
sub same {
    my ($params, $file, @places) = @_;
    return probe($entries->same($params, $file, "($params) $file"), @places);
}

# ---- the faults -----------------------------------------------------------------------------

is(same('dw=50px', 'quad.png')->{width}, 50, '50px are pixels, not percent');
near(same('cw=70,ch=50,cc=fff', 'quad.png', '0,0')->{pixels}[0], [255, 255, 255], 0, 'fff is white, not 15,15,15');
is(size($entries->same('dw=,dh=5', 'quad.png', 'an empty dw')), '7x5', '... does not lose dh=5');
for my $negative (qw(dw=-5 dh=-5 sx=-1 sw=-3 cw=-7 bw=-1 q=-1)) {
    is($entries->same($negative, 'quad.png', $negative)->code, 400, '... is refused');
    expect_log(qr/TC0001/);
}
is(size($entries->same('sx=32,sy=24', 'quad.png', 'a crop where nothing is scaled')), '32x24', '... is done');
near(same('sx=32,sy=0,sw=32,sh=24,dw=8,dh=6,jpeghint=y,of=png', 'quad.jpg', '4,3')->{pixels}[0], [0, 255, 1], 24,
    'with jpeghint a crop in pixels is where it should be');
is(size($entries->same('jpeghint=y', 'photo.jpg', 'jpeghint without dw')), '400x300', '... is answered');
for my $try (1 .. 5) {
    is(get('/file/small_light(pt=ptss,dw=100)/quad.png')->content, do { open my $in, '<:raw', "$pictures/quad.png"; local $/; <$in> },
        "pass-through answers the file's bytes, time and again");
}
my $exif = get('/file/small_light(inhexif=y,dw=40)/turn6.jpg');
is($exif->content_length, length $exif->content, 'inhexif: the length has the EXIF in it');
like(pack('H*', probe($exif)->{exif}), qr/Ann Artist/, '... which is there');
my $clear = same('cw=100,ch=100,cc=0000', 'disc.png', '50,50', '2,2');
near($clear->{pixels}[0], [255, 0, 0, 255], 0, 'a transparent canvas does not lose the picture');
is($clear->{pixels}[1][3], 0, '... and is transparent');
near(same('of=jpeg', 'disc.png', '1,1')->{pixels}[0], [255, 255, 255], 4, 'transparent PNG to JPEG is white, not black');
near(same('of=png', "$_.jpg", '30,20')->{pixels}[0], [0x30, 0x60, 0xc0], 6, "$_: CMYK has its colours")
    for qw(plain adobe ycck);
is(size($entries->same('q=90', 'turn6.jpg', 'orientation')), '64x48', '... is not lost');
cmp_ok(length $entries->same('', 'photo.jpg', 'a picture that only goes through')->content, '<', -s "$pictures/photo.jpg",
    '... does not grow');
my $head = head('/file/small_light(dw=10,of=jpeg)/quad.png');
is($head->code . ' ' . $head->content_type, '200 image/jpeg', 'HEAD is answered as converted');
near(same('cw=164,ch=148,cc=808080', 'quad.png', '50,50', '49,50', '113,97', '114,97')->{pixels}[$_->[0]], $_->[1], 0,
    'a small picture is in the middle of a larger canvas')
    for [0, [255, 0, 0]], [1, [128, 128, 128]], [2, [255, 255, 255]], [3, [128, 128, 128]];
for my $greedy ('blur=500x1', 'blur=1x500', 'sharpen=11', 'unsharp=99x9', 'cw=60000,ch=60000', 'dw=60000,ds=s') {
    my $answer = $entries->same($greedy, 'quad.png', $greedy);
    like($answer->code, qr/^4(?:00|13)$/, '... is refused before there is work');
    expect_log(qr/TC000[16]/);
}
cmp_ok(-s "$pictures/large.png", '>', 1 << 20, 'a source of more than 1 MB');
is(size($entries->same('dw=100', 'large.png', '... is taken, every way')), '100x90', '... and converted');

# ---- strict -----------------------------------------------------------------------------------

for my $case (
    ['dw=50px', 'quad.png', '32x24', 'px behind a number is percent'],
    ['dw=33', 'quad.png', '33x24', 'sizes are cut to whole pixels'],
    ['sx=32,sy=24', 'quad.png', '64x48', 'what is not scaled is not cropped'],
    ['sx=32,sy=24,dw=100', 'quad.png', '64x48', '... nor with a larger target'],
    ['sx=32,sy=24,sw=32,sh=24,ds=s', 'quad.png', '32x24', '... but with ds=s'],
    ['sw=32,sh=24,dw=16', 'quad.png', '16x12', '... and when it is scaled down'],
    ['sx=16,sy=12,sw=32,sh=24,dw=20', 'quad.png', '64x48', 'sx counts against sw, sy against sh'],
    ['p=tall', 'quad.png', '32x24', 'in a pattern too'],
) {
    my ($params, $file, $size, $what) = @$case;
    is(size(get("/strict/small_light($params)/$file")), $size, "strict: $what");
    isnt(size(get("/file/small_light($params)/$file")), $size, '... not else') unless $params =~ /ds=s|dw=16|sx=32,sy=24,dw=100/;
}
is(size(get('/strict/small_light(cw=100,ch=100)/quad.png')), '100x100', 'strict: the canvas is there without scaling');
near(probe(get('/strict/small_light(cw=70,ch=50,cc=fff)/quad.png'), '0,0')->{pixels}[0], [15, 15, 15], 0,
    'strict: short colours are not expanded');
near(probe(get('/strict/small_light(cw=70,ch=50,cc=ffffff)/quad.png'), '0,0')->{pixels}[0], [255, 255, 255], 0, '... long ones are as ever');
isnt(get('/strict/small_light(dw=32)/quad.png')->header('ETag'), get('/file/small_light(dw=32)/quad.png')->header('ETag'),
    'the reading is part of the ETag');
is(get('/small_light(dw=32)/old/quad.png')->content_type, 'image/jpeg', 'strict: under mod_small_light\'s filter the default is JPEG');
is(get('/small_light(dw=32,of=png)/old/quad.png')->content_type, 'image/png', '... a default');
is(get('/small_light(dw=32)/oldfixed/quad.png')->content_type, 'image/png', '... and not where Compat is fixed');
is(get('/small_light(dw=32)/ours/quad.png')->content_type, 'image/png', "... nor under our own filter's name");
is(get('/strict/small_light(dw=32)/quad.png')->content_type, 'image/png', '... nor by the function');

done_testing();
