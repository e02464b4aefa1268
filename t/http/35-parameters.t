# SPDX-License-Identifier: Apache-2.0
# Every parameter and its values: sizes and colours, from a file, from another server and
# by the query.
# Under event only: parsing and drawing; 10-resize runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Entries;
use POSIX ();

mkpicture('quad.png', 64, 48, kind => 'quad');
mkpicture('quad.jpg', 64, 48, kind => 'quad', quality => 95);
mkpicture('photo.jpg', 400, 300);
mkpicture('grey.png', 64, 48, kind => 'flat', colour => '808080', type => 'grey');
mkpicture('disc.png', 80, 80, kind => 'disc', type => 'rgba', colour => 'ff0000', colour2 => '00ff00');
mkpicture('tones.png', 80, 80, kind => 'disc', colour => '404040', colour2 => 'c0c0c0');
mkpicture('adobe.jpg', 64, 48, kind => 'flat', colour => '3060c0', space => 'cmyk', adobe => 1);
mkpicture('ycck.jpg', 64, 48, kind => 'flat', colour => '3060c0', space => 'ycck');
mkpicture("turn$_.jpg", 64, 48, kind => 'quad', orientation => $_, quality => 95) for 1 .. 8;
my $pictures = docroot() . '/pictures';

my $material;
my $entries = TmpfsConvertTest::Entries->new(conf => sub {
    $material = $_[0]->root . '/material';
    mkdir $material;
    mkpicture("dot.png", 20, 20, kind => 'disc', type => 'rgba', colour => '0000ff');
    mkpicture("plate.jpg", 16, 8, kind => 'flat', colour => '00ff00', quality => 95);
    mkpicture("turned.jpg", 16, 8, kind => 'flat', colour => '00ff00', quality => 95, orientation => 6);
    system('cp', (map { "$pictures/$_" } qw(dot.png plate.jpg turned.jpg)), $material) == 0 or die 'cp';
    return <<"CONF";
TmpfsConvertMaterialDir "$material"
TmpfsConvertPattern small "dw=16,q=90"
CONF
});
server($entries->front);

my ($R, $G, $B, $W, $K) = ([255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]);
my $grey = [128, 128, 128];

# The samples of a pixel that are further off than that.
sub off {
    my ($got, $want, $within) = @_;
    return grep { abs($got->[$_] - $want->[$_]) > $within } 0 .. $#$want;
}

sub check {
    my ($params, $file, $size, $pixels, $within) = @_;
    my $answer = $entries->same($params, $file, "($params) $file: the same every way");
    my @places = sort keys %{ $pixels // {} };
    my $seen = probe($answer, @places);

    is("$seen->{width}x$seen->{height}", $size, "... $size") or diag $answer->content =~ /<p>(.*)<\/p>/;
    my @wrong = map { "$places[$_] is @{$seen->{pixels}[$_]}, not @{$pixels->{$places[$_]}}" }
        grep { off($seen->{pixels}[$_], $pixels->{ $places[$_] }, $within // 0) } 0 .. $#places;
    is("@wrong", '', '... with the right colours') if @places;
    return ($answer, $seen);
}

my @rows = (
    # parameters, picture, size, colours at places, distance
    ['q=90', 'quad.png', '64x48', { '0,0' => $R, '63,0' => $G, '0,47' => $B, '63,47' => $W }],
    ['p=small', 'quad.png', '16x12'],
    ['sizes=32x32,as=32x24', 'quad.png', '32x24', { '0,0' => $R, '31,0' => $G, '0,23' => $B, '31,23' => $W }],
    ['sizes=16x:32x,as=32x24', 'turn6.jpg', '32x24', { '1,1' => $R, '30,1' => $G, '1,22' => $B, '30,22' => $W }, 12],
    ['sizes=20x20c,as=20x20', 'quad.png', '20x20', { '0,0' => $R, '19,0' => $G, '0,19' => $B, '19,19' => $W }],
    ['sizes=100x40c,as=64x40', 'quad.png', '64x40', { '0,0' => $R, '63,39' => $W }],
    ['sizes=32x32,as=32x24,dw=10,of=jpeg,q=95', 'quad.png', '32x24', { '2,2' => $R, '29,2' => $G }, 8],
    ['p=small,dw=8', 'quad.png', '8x6'],
    ['e=imlib2,dw=16', 'quad.png', '16x12'],
    ['e=imagemagick,dw=16', 'quad.png', '16x12'],
    ['e=gd,dw=16', 'quad.png', '16x12'],
    # the source rectangle
    ['sx=32', 'quad.png', '32x48', { '0,0' => $G, '0,47' => $W }],
    ['sy=24', 'quad.png', '64x24', { '0,0' => $B, '63,0' => $W }],
    ['sx=50p,sy=50p', 'quad.png', '32x24', { '0,0' => $W, '31,23' => $W }],
    ['sw=32', 'quad.png', '32x48', { '31,0' => $R, '31,47' => $B }],
    ['sh=24', 'quad.png', '64x24', { '31,23' => $R, '32,23' => $G }],
    ['sw=50p,sh=50p', 'quad.png', '32x24', { '31,23' => $R }],
    ['sx=16,sy=12,sw=32,sh=24', 'quad.png', '32x24', { '15,11' => $R, '16,11' => $G, '15,12' => $B, '16,12' => $W }],
    ['sx=32,sy=0,sw=32,sh=24,dw=8', 'quad.png', '8x6', { '0,0' => $G, '7,5' => $G }],
    # the destination
    ['dw=32', 'quad.png', '32x24', { '1,1' => $R, '30,1' => $G, '1,22' => $B, '30,22' => $W }],
    ['dh=24', 'quad.png', '32x24'],
    ['dw=50p', 'quad.png', '32x24'],
    ['dh=50p', 'quad.png', '32x24'],
    ['dw=16,dh=16', 'quad.png', '16x12'],
    ['dw=16,dh=16,da=l', 'quad.png', '16x12'],
    ['dw=16,dh=16,da=s', 'quad.png', '21x16'],
    ['dw=16,dh=16,da=n', 'quad.png', '16x16', { '1,1' => $R, '14,14' => $W }],
    ['dw=128', 'quad.png', '64x48'],
    ['dw=128,ds=n', 'quad.png', '64x48'],
    ['dw=128,ds=s', 'quad.png', '128x96', { '2,2' => $R, '125,93' => $W }],
    # the canvas
    ['cw=80,ch=60', 'quad.png', '80x60', { '0,0' => $K, '8,6' => $R, '71,53' => $W, '79,59' => $K }],
    ['cw=80,ch=60,cc=808080', 'quad.png', '80x60', { '0,0' => $grey, '8,6' => $R }],
    ['cw=80,ch=60,cc=0f0,dx=0,dy=0', 'quad.png', '80x60', { '0,0' => $R, '64,0' => $G, '0,48' => $G }],
    ['cw=80,ch=60,dx=10p,dy=25p', 'quad.png', '80x60', { '5,12' => $K, '6,12' => $R, '6,11' => $K }],
    ['cw=32,ch=24', 'quad.png', '32x24', { '15,11' => $R, '16,11' => $G, '15,12' => $B, '16,12' => $W }],
    ['cw=32,ch=24,dx=-32,dy=-24', 'quad.png', '32x24', { '0,0' => $W, '31,23' => $W }],
    ['cw=0,ch=24', 'quad.png', '64x48'],
    ['cw=90,ch=90,cc=0000', 'disc.png', '90x90', { '0,0' => [0, 0, 0, 0], '45,45' => [@$R, 255] }],
    # the border
    ['bw=4', 'quad.png', '64x48', { '3,0' => $K, '4,0' => $R, '59,0' => $G, '60,0' => $K, '3,47' => $K }],
    ['bh=4', 'quad.png', '64x48', { '0,3' => $K, '0,4' => $R, '63,43' => $W, '63,44' => $K }],
    ['bw=4,bh=2,bc=f0f', 'quad.png', '64x48', { '0,0' => [255, 0, 255], '3,9' => [255, 0, 255], '4,2' => $R, '9,1' => [255, 0, 255] }],
    ['bw=4,bc=0000ff80', 'quad.png', '64x48', { '0,0' => [127, 0, 128], '4,0' => $R }],
    ['bw=2,bh=2,bc=0f0,cw=80,ch=60,cc=808080', 'quad.png', '80x60', { '1,1' => $G, '2,2' => $grey, '8,6' => $R, '78,30' => $G }],
    ['bw=40,bh=1,bc=ff000080', 'grey.png', '64x48', { '0,0' => [192, 64, 64], '31,24' => [192, 64, 64] }, 1],
    ['bw=3', 'disc.png', '80x80', { '2,40' => [0, 0, 0, 255], '3,3' => [0, 0, 0, 0], '40,40' => [@$R, 255] }],
    ['dw=32,bw=1,bh=1,bc=fff', 'quad.jpg', '32x24', { '0,0' => $W, '8,6' => $R }, 30],
    # the quality and the format
    ['q=0', 'quad.jpg', '64x48'],
    ['q=1', 'quad.jpg', '64x48'],
    ['q=100', 'quad.jpg', '64x48', { '8,6' => $R, '56,42' => $W }, 8],
    ['of=jpeg', 'quad.png', '64x48', { '8,6' => $R }, 8],
    ['of=jpg', 'quad.png', '64x48'],
    ['of=png', 'quad.jpg', '64x48'],
    ['of=jpeg', 'disc.png', '80x80', { '1,1' => $W, '40,40' => $R }, 8],
    ['of=jpeg,cc=00f', 'disc.png', '80x80', { '1,1' => $B, '40,40' => $R }, 8],
    ['of=jpeg,cw=100,ch=100,cc=0f0', 'disc.png', '100x100', { '1,1' => $G, '12,12' => $G, '50,50' => $R }, 8],
    ['dw=60,jpeghint=y', 'photo.jpg', '60x45'],
    ['jpeghint=y', 'photo.jpg', '400x300'],
    ['sx=32,sy=24,dw=8,jpeghint=y,of=png', 'quad.jpg', '8x6', { '4,3' => $W }, 8],
    # effects
    ['blur=4x2', 'quad.png', '64x48', { '8,6' => $R, '31,6' => [153, 102, 0], '32,6' => [102, 153, 0], '0,0' => $R, '63,47' => $W }, 2],
    ['blur=0x1', 'disc.png', '80x80', { '40,40' => [@$R, 255], '2,2' => [0, 0, 0, 0] }, 1],
    ['blur=3', 'quad.png', '64x48', { '8,6' => $R }],
    ['sharpen=2x1', 'tones.png', '80x80', { '40,40' => [64, 64, 64], '2,2' => [192, 192, 192] }],
    ['unsharp=2x5+0.5+0', 'tones.png', '80x80', { '40,40' => [64, 64, 64] }],
    ['unsharp=2x1+1+1', 'tones.png', '80x80', { '40,7' => [192, 192, 192], '40,9' => [64, 64, 64] }],
    ['unsharp=2x1', 'tones.png', '80x80'],
    ['dw=40,unsharp=2x1+1+0,sharpen=1x0.5,blur=1x0.5,bw=1,embedicon=dot.png', 'quad.png', '40x30', { '10,10' => $B, '0,0' => $K }],
    # angle
    ['angle=0', 'quad.png', '64x48', { '0,0' => $R }],
    ['angle=90', 'quad.png', '48x64', { '0,0' => $B, '47,0' => $R, '0,63' => $W, '47,63' => $G }],
    ['angle=180', 'quad.png', '64x48', { '0,0' => $W, '63,0' => $B, '0,47' => $G, '63,47' => $R }],
    ['angle=270', 'quad.png', '48x64', { '0,0' => $G, '47,0' => $W, '0,63' => $R, '47,63' => $B }],
    ['angle=90,sx=24,sy=0,sw=24,sh=32', 'quad.png', '24x32', { '0,0' => $R, '23,31' => $R }],
    ['angle=90,dw=24', 'quad.png', '24x32', { '1,1' => $B }],
    # the icon
    ['embedicon=dot.png', 'quad.png', '64x48', { '0,0' => $R, '10,10' => $B, '30,10' => $R }],
    ['embedicon=dot.png,ix=40,iy=20', 'quad.png', '64x48', { '50,30' => $B, '40,20' => $G, '10,10' => $R }],
    ['embedicon=dot.png,ix=-10,iy=-10', 'quad.png', '64x48', { '0,0' => $B, '10,10' => $R }],
    ['embedicon=dot.png,ix=54,iy=38', 'quad.png', '64x48', { '63,47' => $B, '54,38' => $W }],
    ['embedicon=dot.png,ix=64', 'quad.png', '64x48', { '63,10' => $G }],
    ['embedicon=plate.jpg,ix=8,iy=8', 'quad.png', '64x48', { '8,8' => $G, '23,15' => $G, '24,8' => $R, '8,16' => $R }, 8],
    ['embedicon=turned.jpg,ix=8,iy=8', 'quad.png', '64x48', { '23,15' => $G, '24,15' => $R, '23,16' => $R }, 8],
    ['embedicon=dot.png', 'grey.png', '64x48', { '10,10' => $B, '40,40' => $grey }],
    ['embedicon=dot.png,cw=100,ch=100', 'quad.png', '100x100', { '10,10' => $B, '30,30' => $R }],
    ['embedicon=dot.png,ix=30,iy=30', 'disc.png', '80x80', { '40,40' => [@$B, 255], '0,0' => [0, 0, 0, 0] }],
    ['embedicon=dot.png,bw=64', 'quad.png', '64x48', { '10,10' => $B, '0,0' => $K }],
    # the rest
    ['progressive=y', 'photo.jpg', '400x300'],
    ['progressive=y,dw=100', 'quad.png', '64x48'],
    ['cmyk2rgb=y,dw=32', 'adobe.jpg', '32x24', { '16,12' => [0x30, 0x60, 0xc0] }, 6],
    ['cmyk2rgb=n,dw=32', 'ycck.jpg', '32x24', { '16,12' => [0x30, 0x60, 0xc0] }, 6],
    ['rmprof=y', 'quad.png', '64x48'],
    ['inhexif=n', 'quad.png', '64x48'],
    ['autoorient=n', 'turn6.jpg', '48x64'],
    ['autoorient=y', 'turn6.jpg', '64x48'],
);
check(@$_) for @rows;

is(probe(get('/file/small_light(progressive=y,dw=100)/photo.jpg'))->{progressive}, 1, 'progressive=y');
is(probe(get('/file/small_light(progressive=n,dw=100)/photo.jpg'))->{progressive}, 0, 'progressive=n');
is(probe(get('/file/small_light(bw=1,bc=f00)/grey.png'))->{model}, 'rgb', 'a border with a colour makes grey a colour');
is(probe(get('/file/small_light(bw=1,bc=777)/grey.png'))->{model}, 'grey', '... one without does not');

# Sharpening goes past the tones at an edge; the disc's is eight pixels from the top.
for my $sharp ('sharpen=2x1', 'unsharp=2x1+1+0') {
    my $seen = probe(get("/file/small_light($sharp)/tones.png"), '40,7', '40,8');
    cmp_ok($seen->{pixels}[0][0], '>', 200, "$sharp: the light side is lighter");
    cmp_ok($seen->{pixels}[1][0], '<', 56, '... the dark side darker');
}

# All orientations with all angles: the corners, turned by hand.
my %turned = (0 => [$R, $G, $B, $W], 90 => [$B, $R, $W, $G], 180 => [$W, $B, $G, $R], 270 => [$G, $W, $R, $B]);
for my $angle (0, 90, 180, 270) {
    for my $turn (1 .. 8) {
        my ($w, $h) = $angle % 180 ? (48, 64) : (64, 48);
        my @corner = ('2,2', ($w - 3) . ',2', '2,' . ($h - 3), ($w - 3) . ',' . ($h - 3));
        my $seen = probe(get("/file/small_light(angle=$angle,of=png)/turn$turn.jpg"), @corner);
        my @wrong = grep { off($seen->{pixels}[$_], $turned{$angle}[$_], 24) } 0 .. 3;
        is("$seen->{width}x$seen->{height} @wrong", "${w}x$h ", "orientation $turn, angle $angle");
    }
}

# ---- passing through -------------------------------------------------------------------------

sub slurp { open my $in, '<:raw', $_[0] or die "$_[0]: $!"; local $/; return scalar <$in> }
my $quad = slurp("$pictures/quad.png");
for my $case (
    ['e=dummy', 1], ['e=dummy,dw=5', 1],
    ['pt=ptss,dw=100,dh=100', 1], ['pt=ptss,dw=65,dh=65', 1], ['pt=ptss,dw=65,dh=48', 0], ['pt=ptss,dw=64', 0], ['pt=ptss,dw=32', 0],
    ['pt=ptss,dw=65', 1], ['pt=ptss', 0], ['pt=ptss,cw=65,ch=49', 1], ['pt=ptss,cw=65,ch=48', 0],
    ['pt=ptss,dw=10,cw=100,ch=100', 1], ['pt=ptss,dw=100,cw=50,ch=50', 0],
    ['pt=ptls,dw=32', 1], ['pt=ptls,dw=64', 0], ['pt=ptls,dw=100,dh=100', 0], ['pt=ptls,cw=63,ch=60', 1],
    ['pt=ptls', 0], ['pt=n,dw=100', 0], ['pt=ptss,dw=300,bw=4,of=jpeg', 1],
) {
    my ($params, $passes) = @$case;
    my $answer = $entries->same($params, 'quad.png', "($params) the same every way");
    is($answer->code, 200, '... answered');
    ok(($answer->content eq $quad) == !!$passes, $passes ? '... as it is' : '... converted');
    is($answer->content_type, 'image/png', '... of its type') if $passes;
}
my $plain = get('/file/quad.png');
my $passed = get('/file/small_light(pt=ptss,dw=100)/quad.png');
is($passed->header('ETag'), $plain->header('ETag'), 'what is passed has its own ETag');
is(get('/file/small_light(pt=ptss,dw=100)/quad.png', 'If-None-Match' => $passed->header('ETag'))->code, 304,
    '... and conditions');
is(head('/file/small_light(pt=ptss,dw=100)/quad.png')->content_length, length $quad, '... and length');
isnt(get('/file/small_light(pt=ptss,dw=10)/quad.png')->header('ETag'), $plain->header('ETag'),
    'what is not has another');
my $far = get('/far/small_light(pt=ptss,dw=100)/quad.png');
is($far->header('ETag'), $plain->header('ETag'), "through the filter it is the other server's");
is(get('/far/small_light(pt=ptss,dw=100)/photo.jpg')->header('ETag') =~ /^W/, 1, '... unless converted');
is(head('/far/small_light(pt=ptss,dw=100)/quad.png')->header('ETag'), undef, 'HEAD there cannot tell');
is(get('/file/small_light(pt=ptss,dw=100,info=1)/quad.png')->header('X-SmallLight-Description'), undef,
    'there is nothing to be told of a picture passed through');
like(get('/file/small_light(dw=10,info=1)/quad.png')->header('X-SmallLight-Description'),
    qr/^transfer=\d+ms, modify image=\d+ms \(load=\d+ms, scale=\d+ms, save=\d+ms\)$/, 'info=1');
is(get('/file/small_light(dw=10,info=0)/quad.png')->header('X-SmallLight-Description'), undef, 'info=0');

# ---- the icon's file ----------------------------------------------------------------------------

open my $note, '>', "$material/note.txt" or die $!;
print $note "no picture\n";
close $note;
open my $broken, '>:raw', "$material/broken.png" or die $!;
print $broken substr slurp("$material/dot.png"), 0, 60;
close $broken;
open my $half, '>:raw', "$material/half.jpg" or die $!;
print $half substr slurp("$pictures/photo.jpg"), 0, 1000;
close $half;
mkdir "$material/folder";
symlink "$pictures/quad.png", "$material/link.png" or die $!;
POSIX::mkfifo("$material/pipe", 0644) or die $!;
system('cp', "$material/dot.png", "$material/.hidden.png") == 0 or die;
system('cp', "$material/dot.png", $entries->front->root . '/outside.png') == 0 or die;

for my $case (
    ['../outside.png', 400], ['..', 400], ['.', 400], ['.hidden.png', 400], ['folder/dot.png', 400], ['/etc/passwd', 400],
    ['..%2Foutside.png', 400], ['dot.png%00', 400], ['a%01', 400], ['a\\b', 400], ['x' x 64, 400],
    ['none.png', 404], ['folder', 404], ['link.png', 404], ['pipe', 404], ['note.txt', 404], ['broken.png', 404],
    ['half.jpg', 404],
) {
    my ($name, $status) = @$case;
    my $mark = log_mark();
    # In the function's parentheses a slash ends it, and a zero byte no path has: by the query.
    my $answer = get("/query/quad.png?embedicon=$name");
    is($answer->code, $status, "embedicon=$name is $status");
    my @lines = grep {/TC\d{4}/} error_log_lines($mark);
    my $id = $status == 400 ? 'TC0001' : 'TC0034';
    is(scalar(grep {/$id: .*embedicon/} @lines) . ' ' . @lines, '1 1', "... with $id") or diag @lines;
    expect_log(qr/$id/);
}
my $before = get('/file/small_light(embedicon=dot.png)/quad.png');
system('cp', "$material/plate.jpg", "$material/dot.png") == 0 or die;
my $after = get('/file/small_light(embedicon=dot.png)/quad.png', 'If-None-Match' => $before->header('ETag'));
is($after->code, 200, 'another icon of the name is another picture');
isnt($after->content, $before->content, '... seen at once');
server(TmpfsConvertTest::Httpd->shared);
is(get('/small_light(embedicon=dot.png)/pictures/quad.png')->code, 404, 'without TmpfsConvertMaterialDir there is no icon');
expect_log(qr/TC0034: .*TmpfsConvertMaterialDir is not set/);
server($entries->front);

# ---- what is refused --------------------------------------------------------------------------------

for my $wrong (qw(sx=-1 sy=x sw=0 sh=0p dw=-3 dh=abc da=x ds=y cw=-1 ch=1p cc=12 dx=1e3 dy=-- bw=-1 bh=3p bc=zz pt=y q=101 q=-1
    of=bmp jpeghint=1 inhexif=1 info=2 sharpen=x sharpen=1x0 sharpen=1x2+3+4 sharpen=-1x2 blur=2x blur=x2 blur=1001x1 blur=3xx2
    unsharp=2x1+101 unsharp=2x1+1+2 unsharp=2x1+1+0+0 unsharp=2x1+ angle=45 angle=-90 progressive=1 cmyk2rgb=x rmprof=yes
    autoorient=0 ix=1.5 iy=1p e=vips p=a/b blur=11x1 sharpen=11x1 unsharp=11x1 blur=5x11 unsharp=3x10.5)) {
    my ($key) = $wrong =~ /^(\w+)/;
    my ($params) = $wrong;
    my $answer = get('/query/quad.png?' . $params =~ s/\+/%2B/gr);
    is($answer->code, 400, "$wrong is 400");
    like($answer->content, qr/\b$key\b/, '... and the body names the key');
    expect_log(qr/TC0001/);
}
is(get('/file/small_light(of=tiff)/quad.png')->code, 415, 'of=tiff is 415');
expect_log(qr/TC0004/);
is(get('/file/small_light(nosuch=1,dw=10)/quad.png')->code, 200, 'unknown keys are ignored');
is(get('/file/small_light(DW=10;dW=20)/quad.png')->content, get('/file/small_light(dw=20)/quad.png')->content,
    'keys ignore case, ; separates, the last wins');

done_testing();
