# SPDX-License-Identifier: Apache-2.0
# EXIF, profiles and damage: what of them an answer has, by parameter and by directive.
# Under event only: the encoders' subject; 10-resize runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Entries;

mkpicture('exif.jpg', 64, 48, kind => 'quad', orientation => 6, exif => 1, quality => 95);
mkpicture('exif.png', 64, 48, kind => 'quad', orientation => 3, exif => 1);
mkpicture('bare.jpg', 64, 48, kind => 'quad', orientation => 6, quality => 95);
my $pictures = docroot() . '/pictures';

my $entries = TmpfsConvertTest::Entries->new(conf => <<"CONF");
Alias "/kept/" "$pictures/"
<Location "/kept/">
    TmpfsConvert On
    TmpfsConvertKeepCopyright On
</Location>
Alias "/served/" "$pictures/"
<Location "/served/">
    TmpfsConvert On
    TmpfsConvertDamaged serve
</Location>
CONF
server($entries->front);

sub exif { return pack 'H*', probe($_[0])->{exif} // '' }

# ---- EXIF --------------------------------------------------------------------------------------

for my $case (['exif.jpg', 'jpeg'], ['exif.jpg', 'png'], ['exif.png', 'png'], ['exif.png', 'jpeg']) {
    my ($file, $of) = @$case;
    my $answer = $entries->same("inhexif=y,of=$of,dw=32", $file, "inhexif=y, $file as $of");
    my $seen = probe($answer);
    is($seen->{exif_orientation}, 1, '... its orientation is 1');
    is("$seen->{width}x$seen->{height}", '32x24', '... for it is upright');
    my $exif = pack 'H*', $seen->{exif};
    like($exif, qr/Ann Artist\0.*\(c\) 2020 Ann Artist\0/s, '... it has the texts');
    unlike($exif, qr/THUMB/, '... and no thumbnail');
    is($answer->content_length, length $answer->content, '... the length is right');
    my $without = $entries->same("of=$of,dw=32", $file, 'without inhexif');
    is(exif($without), '', '... there is none');
    is(exif(get("/file/small_light(inhexif=n,of=$of,dw=32)/$file")), '', '... nor with inhexif=n');
    is(exif(get("/file/small_light(inhexif=y,rmprof=y,of=$of,dw=32)/$file")), '', 'rmprof=y takes it away');
    my $kept = get("/kept/small_light(of=$of,dw=32)/$file");
    like(exif($kept), qr/Ann Artist\0.*\(c\) 2020 Ann Artist\0/s, 'TmpfsConvertKeepCopyright keeps the texts');
    is(probe($kept)->{exif_orientation}, 'none', '... and nothing else');
    like(exif(get("/kept/small_light(rmprof=y,of=$of,dw=32)/$file")), qr/\(c\) 2020/, '... even with rmprof=y');
    is(probe(get("/kept/small_light(inhexif=y,of=$of,dw=32)/$file"))->{exif_orientation}, 1, '... all of it with inhexif=y');
    isnt($kept->header('ETag'), get("/file/small_light(of=$of,dw=32)/$file")->header('ETag'),
        'the directive is part of the ETag');
}
my $bare = probe(get('/file/small_light(inhexif=y)/bare.jpg'));
is($bare->{exif_orientation}, 1, 'a block with nothing but an orientation');
is(exif(get('/kept/small_light(dw=32)/bare.jpg')), '', '... has no copyright to keep');

# ---- profiles ------------------------------------------------------------------------------------

my $lcms = `$TmpfsConvertTest::Site::ROOT/build/bin/mkpicture $pictures/probe-lcms.png 1 1 profile=srgb 2>&1`;
SKIP: {
    skip 'Little CMS is not built in: no profiles to be made', 1 if $lcms;
    for my $end ('jpg', 'png') {
        my @q = $end eq 'jpg' ? (quality => 100) : ();
        mkpicture("p3.$end", 64, 48, kind => 'flat', colour => '3060c0', profile => 'p3', @q);
        mkpicture("srgb.$end", 64, 48, kind => 'flat', colour => '3060c0', profile => 'srgb', @q);
        mkpicture("light.$end", 64, 48, kind => 'flat', colour => '404040', profile => 'gamma1', @q,
            $end eq 'jpg' ? (space => 'grey') : (type => 'grey'));
    }
    mkpicture('swapped.jpg', 64, 48, kind => 'flat', colour => '3060c0', space => 'cmyk', profile => 'swapped');
    mkpicture('swappedycck.jpg', 64, 48, kind => 'flat', colour => '3060c0', space => 'ycck', profile => 'swapped');

    # Display P3 to sRGB in light, by the matrices of both.
    my @light = map { my $v = $_ / 255; $v <= 0.04045 ? $v / 12.92 : (($v + 0.055) / 1.055)**2.4 } 0x30, 0x60, 0xc0;
    my @srgb = map {
        my ($r, $g, $b) = @$_;
        my $sum = $r * $light[0] + $g * $light[1] + $b * $light[2];
        $sum = $sum < 0 ? 0 : $sum > 1 ? 1 : $sum;
        255 * ($sum <= 0.0031308 ? $sum * 12.92 : 1.055 * $sum**(1 / 2.4) - 0.055);
    } [1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979];
    my $grey = 255 * (1.055 * (0x40 / 255)**(1 / 2.4) - 0.055);

    for my $case (
        ['p3.jpg', \@srgb], ['p3.png', \@srgb], ['srgb.jpg', [0x30, 0x60, 0xc0]], ['srgb.png', [0x30, 0x60, 0xc0]],
        ['light.jpg', [($grey) x 3]], ['light.png', [($grey) x 3]],
        ['swapped.jpg', [0x60, 0x30, 0xc0]], ['swappedycck.jpg', [0x60, 0x30, 0xc0]],
    ) {
        my ($file, $want) = @$case;
        for my $params ('dw=32,of=png', 'dw=32,of=jpeg,q=95', 'of=png,cw=80,ch=60,dx=0,dy=0', 'of=png,rmprof=y', 'of=png,angle=90,dw=20') {
            my $seen = probe($entries->same($params, $file, "($params) $file"), '10,10');
            my @off = grep { abs($seen->{pixels}[0][$_] - $want->[$_]) > 4 } 0 .. 2;
            ok(!@off, '... has the colour that its profile means') or diag "@{$seen->{pixels}[0]}, not @$want";
            is($seen->{icc}, 0, '... and no profile');
        }
    }
    is(probe(get('/file/small_light(dw=32)/light.jpg'))->{model}, 'grey', 'grey stays grey');
}

# ---- damage ----------------------------------------------------------------------------------------

mkpicture('whole.jpg', 400, 300);
mkpicture('whole-p.jpg', 400, 300, progressive => 1);
mkpicture('whole.png', 400, 300);

sub cut {
    my ($file, $part, $name) = @_;
    open my $in, '<:raw', "$pictures/$file" or die $!;
    my $bytes = do { local $/; <$in> };
    open my $out, '>:raw', "$pictures/$name" or die $!;
    print $out substr $bytes, 0, length($bytes) * $part;
    close $out or die;
}

for my $case (['whole.jpg', 0.8, 1], ['whole.jpg', 0.2, 0], ['whole-p.jpg', 0.5, 1], ['whole-p.jpg', 0.02, 0], ['whole.png', 0.8, 1],
    ['whole.png', 0.2, 0], ['whole.jpg', 0.01, 0]) {
    my ($file, $part, $served) = @$case;
    my ($end) = $file =~ /(\.\w+)$/;
    my $name = "cut-$part$end";
    cut($file, $part, $name);
    is(get("/file/small_light(dw=100)/$name")->code, 422, "$part of $file is refused");
    expect_log(qr/TC0005/);
    my $mark = log_mark();
    my $answer = get("/served/small_light(dw=100,of=png)/$name");
    is($answer->code, $served ? 200 : 422, $served ? '... or served' : '... is too little to be served');
    next unless $served;
    my $seen = probe($answer, '50,5');
    is("$seen->{width}x$seen->{height}", '100x75', '... in its size');
    my $whole = probe(get("/file/small_light(dw=100,of=png)/$file"), '50,5');
    my @off = grep { abs($seen->{pixels}[0][$_] - $whole->{pixels}[0][$_]) > 20 } 0 .. 2;
    ok(!@off, '... with the rows that are there');
    is(scalar(grep {/TC0035: \S*\Q$name\E: damaged, served/} error_log_lines($mark)), 1, '... and a warning');
    expect_log(qr/TC0035/);
    isnt(get("/served/small_light(dw=100)/$file")->header('ETag'), get("/file/small_light(dw=100)/$file")->header('ETag'),
        'the directive is part of the ETag');
}
is(get('/served/small_light(dw=100)/whole.jpg')->content, get('/file/small_light(dw=100)/whole.jpg')->content,
    'what is whole is the same either way');

done_testing();
