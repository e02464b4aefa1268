# SPDX-License-Identifier: Apache-2.0
# WebP, AVIF and GIF, from files and from another server; and what is said of a
# format that is not built in.
# Under event only: the codecs know nothing of threads or processes; 10-resize runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use JSON::PP ();

sub formats { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{formats} }

sub built {
    return map { ("$_->{format} $_->{direction}" => $_->{format_built}) }
        @{ formats()->{by_format_direction} };
}

my %built = built();
my @missing = grep { !$built{$_} } 'webp in', 'webp out', 'avif in', 'avif out', 'gif in';
plan(skip_all => "not built in: @missing") if @missing;

sub near {
    my ($got, $expected, $most, $what) = @_;
    my @off = grep { abs(($got->[$_] // -999) - $expected->[$_]) > $most } 0 .. $#$expected;
    ok(!@off, $what) or diag "got @{$got || []}, expected @$expected";
    return;
}

my @quad = ([255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [255, 255, 255, 255]);

for my $end (qw(webp avif)) {
    mkpicture("quad.$end", 64, 48, kind => 'quad', quality => 95);
    mkpicture("disc.$end", 80, 80, kind => 'disc', type => 'rgba', colour => 'ff0000', quality => 90);
    mkpicture("turn$_.$end", 64, 48, kind => 'quad', orientation => $_, quality => 95) for 1 .. 8;
}
mkpicture('exact.webp', 64, 48, kind => 'photo', lossless => 1);
mkpicture('deep.avif', 64, 48, kind => 'quad', depth => 16, quality => 95);
mkpicture('photo.webp', 640, 480, quality => 85);
mkpicture('quad.gif', 64, 48, kind => 'quad', frames => 3);
mkpicture('laced.gif', 64, 48, kind => 'quad', interlace => 1);
mkpicture('disc.gif', 80, 80, kind => 'disc', type => 'rgba', colour => 'ff0000');
mkpicture('quad.png', 64, 48, kind => 'quad');
mkpicture('grey.jpg', 64, 48, space => 'grey');
mkpicture('photo.jpg', 640, 480);

my $origin = TmpfsConvertTest::Httpd->new(plain => 1);
my $far = TmpfsConvertTest::Httpd->new(conf => <<"CONF");
TmpfsConvert On
ProxyPass "/far/" "http://127.0.0.1:@{[$origin->port]}/"
CONF

# ---- sizes and formats, by the handler and by the filter ------------------------------

my @cases = (
    ['dw=32', 'quad.webp', webp => 32, 24],
    ['dw=32', 'quad.avif', avif => 32, 24],
    ['dw=32', 'deep.avif', avif => 32, 24],
    ['dw=32,of=png', 'quad.gif', png => 32, 24],
    ['dw=32', 'quad.gif', jpeg => 32, 24],
    ['dw=32,of=png', 'laced.gif', png => 32, 24],
    ['dw=32,of=webp', 'quad.gif', webp => 32, 24],
    ['dw=32,of=jpeg,q=95', 'quad.webp', jpeg => 32, 24],
    ['dw=32,of=png', 'quad.avif', png => 32, 24],
    ['dw=32,of=avif', 'quad.webp', avif => 32, 24],
    ['dw=32,of=webp', 'quad.avif', webp => 32, 24],
    ['dw=32,of=webp', 'quad.png', webp => 32, 24],
    ['dw=32,of=avif', 'quad.png', avif => 32, 24],
    ['dw=32,of=webp,q=100', 'quad.png', webp => 32, 24],
    ['dw=32,of=avif,q=100', 'quad.png', avif => 32, 24],
);
for my $case (@cases) {
    my ($params, $file, $format, $w, $h) = @$case;
    server(TmpfsConvertTest::Httpd->shared);
    my $answer = get("/small_light($params)/pictures/$file");
    is($answer->code, 200, "($params) $file is answered") or diag $answer->content;
    is($answer->content_type, "image/$format", "... as $format");
    my $seen = probe($answer, [8, 6], [24, 6], [8, 18], [24, 18]);
    is($seen->{format}, $format, '... which it is');
    is("$seen->{width}x$seen->{height}", "${w}x$h", '... of its size');
    near($seen->{pixels}[$_], $quad[$_], 12, "... quarter $_") for 0 .. 3;
    server($far);
    my $proxied = get("/far/small_light($params)/pictures/$file");
    is($proxied->code, 200, '... and from another server');
    is($proxied->content_type, "image/$format", '... as the same');
    ok($proxied->content eq $answer->content, '... byte for byte');
}
server(TmpfsConvertTest::Httpd->shared);

my $photo = get('/small_light(dw=100)/pictures/photo.webp');
is(probe($photo)->{width}, 100, 'a reduced WebP');
cmp_ok(length $photo->content, '<', 6000, '... is lossy');
is(probe(get('/small_light(dw=32)/pictures/exact.webp'))->{lossless}, 1, 'a lossless WebP stays so');
is(probe(get('/small_light(dw=32,q=82)/pictures/exact.webp'))->{lossless}, 0, '... unless a quality is named');
is(probe(get('/small_light(dw=32,of=webp)/pictures/quad.png'))->{lossless}, 0, 'a PNG becomes a lossy one');
is(probe(get('/small_light(of=webp,q=100)/pictures/quad.png'))->{lossless}, 1, '... with q=100 a lossless one');
isnt(get('/small_light(dw=32,q=82)/pictures/exact.webp')->header('ETag'),
    get('/small_light(dw=32)/pictures/exact.webp')->header('ETag'), '... of which the validators know');
is(probe(get('/small_light(of=avif)/pictures/grey.jpg'))->{model}, 'grey', 'grey stays grey in AVIF');
my @bytes = map { length get("/small_light(dw=400,of=avif,q=$_)/pictures/photo.jpg")->content } 30, 60, 90;
ok($bytes[0] < $bytes[1] && $bytes[1] < $bytes[2], "quality counts in AVIF: @bytes");

# ---- alpha, orientation ---------------------------------------------------------------

for my $file ('disc.webp', 'disc.avif', 'disc.gif') {
    for my $format (qw(webp avif png)) {
        my $seen = probe(get("/small_light(dw=40,of=$format)/pictures/$file"), [20, 20], [1, 1]);
        near($seen->{pixels}[0], [255, 0, 0, 255], 8, "$file to $format: the disc");
        cmp_ok($seen->{pixels}[1][3] // 255, '<', 8, '... and nothing around it');
    }
    my $seen = probe(get("/small_light(dw=40,of=jpeg,cc=00f)/pictures/$file"), [20, 20], [1, 1]);
    near($seen->{pixels}[0], [255, 0, 0], 12, "$file to JPEG: the disc");
    near($seen->{pixels}[1], [0, 0, 255], 12, '... on the canvas colour');
}
is(get('/small_light(dw=40)/pictures/disc.gif')->content_type, 'image/png', 'a GIF with alpha becomes a PNG');
for my $end (qw(webp avif)) {
    for my $orientation (1 .. 8) {
        my $seen = probe(get("/small_light(dw=32,of=png)/pictures/turn$orientation.$end"),
            [8, 6], [24, 6], [8, 18], [24, 18]);
        is("$seen->{width}x$seen->{height}", '32x24', "$end, orientation $orientation");
        near($seen->{pixels}[$_], $quad[$_], 12, "... quarter $_") for 0 .. 3;
    }
}

# ---- damage ------------------------------------------------------------------------------

for my $name ('quad.webp', 'quad.avif', 'quad.gif') {
    my ($end) = $name =~ /(\w+)$/;
    mkpicture("cut.$end", 64, 48, kind => 'quad', ($end eq 'gif' ? () : (quality => 95)));
    truncate docroot() . "/pictures/cut.$end", (-s docroot() . "/pictures/cut.$end") - 30;
    my $answer = get("/small_light(dw=32)/pictures/cut.$end");
    is($answer->code, 422, "a $end that is cut off");
    like($answer->content, qr/ends before the picture|data/, '... is told of');
    expect_log(qr/TC0005: \S*cut\.$end/);
}

# ---- what cannot be written, or is not built in -------------------------------------------

sub refused {
    my ($url, $words, $what) = @_;
    my $mark = log_mark();
    my $answer = get($url);
    is($answer->code, 415, $what);
    like($answer->content, $words, '... and the body says why');
    is(scalar(error_log_lines($mark, qr/TC0004: .*$words/)), 1, '... and so does the log');
    is(head($url)->code, 415, '... HEAD too');
    expect_log(qr/TC0004/);
    return;
}

sub write_file {
    my ($name, $bytes) = @_;
    open my $out, '>:raw', docroot() . "/pictures/$name" or die "$name: $!";
    print $out $bytes;
    close $out;
    return;
}

write_file('a.tiff', "II*\0\10\0\0\0" . "\0" x 40);
refused('/small_light(of=gif)/pictures/quad.png', qr/of=gif: writing GIF is not built into this server/, 'of=gif');
refused('/small_light(of=tiff)/pictures/quad.png', qr/of=tiff: writing TIFF is not built into this server/, 'of=tiff');
refused('/small_light(dw=9)/pictures/a.tiff', qr/the picture is TIFF, and reading TIFF is not built into this server/,
    'a TIFF');
no_leftovers();

my $bare = "$TmpfsConvertTest::Site::ROOT/build/bare/mod_tmpfs_convert.so";
die "$bare is missing: make -f Makefile.apxs bare\n" unless -e $bare;
server(TmpfsConvertTest::Httpd->new(module => $bare, conf => <<'CONF'));
TmpfsConvert On
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
my %title = (webp => 'WebP', avif => 'AVIF', gif => 'GIF');
for my $format (sort keys %title) {
    refused("/small_light(of=$format)/pictures/quad.png",
        qr/of=$format: writing $title{$format} is not built into this server/, "bare: of=$format");
    refused("/small_light(dw=32)/pictures/quad.$format",
        qr/the picture is $title{$format}, and reading $title{$format} is not built into this server/,
        "bare: a $title{$format} picture");
}
is(get('/small_light(dw=32)/pictures/quad.png')->code, 200, 'bare: a PNG is answered');
my $auto = get('/small_light(dw=32,of=auto)/pictures/quad.png', Accept => 'image/avif,image/webp');
is($auto->content_type, 'image/png', "bare: of=auto stays with the original's format");
is($auto->header('Vary'), 'Accept', '... and varies, for it may be built in elsewhere');

# ---- the status page ------------------------------------------------------------------------

my %bare = built();
is_deeply([map { $bare{"$_ in"} . $bare{"$_ out"} } qw(jpeg png gif tiff webp avif)],
    [qw(11 11 00 00 00 00)], 'bare: what is built in, in JSON');
my %library = map { $_->{format} => $_->{format_library} } @{ formats()->{by_format} };
is($library{webp}, 'not built in', '... by what library');
like($library{png}, qr/^libpng \d/, '... which has a version');
like(get('/tmpstat?metrics')->content, qr/^tmpfs_convert_format_built\{format="webp",direction="in"\} 0$/m,
    '... in metrics');
like(get('/tmpstat?auto')->content, qr/^TmpfsConvertFormatBuilt\[webp,in\]: 0$/m, '... in text');
like(get('/tmpstat?html')->content, qr/Formats.*not built in/s, '... on the page');
no_leftovers();
server(TmpfsConvertTest::Httpd->shared);
is_deeply([map { $built{"$_ in"} . $built{"$_ out"} } qw(jpeg png gif tiff webp avif)],
    [qw(11 11 10 00 11 11)], 'here: what is built in');
like(get('/tmpstat?metrics')->content, qr/^tmpfs_convert_format_built\{format="webp",direction="in"\} 1$/m,
    '... in metrics');
like(get('/tmpstat?metrics')->content,
    qr/^tmpfs_convert_format_library_info\{format="webp",format_library="libwebp [\d.]+"\} 1$/m,
    '... with the library');
like(get('/tmpstat?auto')->content, qr/^TmpfsConvertFormatLibrary\[avif\]: libavif [\d.]+ \(/m, '... in text');

done_testing;
