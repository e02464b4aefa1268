# SPDX-License-Identifier: Apache-2.0
# What an original's headers say: no-transform, and the name to save it under.
# Under event only: headers; 40-http runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Path qw(make_path);

my $png  = docroot() . mkpicture('headers.png', 64, 48, kind => 'quad');
my $jpeg = docroot() . mkpicture('headers.jpg', 64, 48, kind => 'quad');
# A file that was changed within the last second has a weak tag.
utime time - 60, time - 60, $png, $jpeg;
sub bytes { open my $in, '<:raw', $_[0] or die $!; local $/; return scalar <$in> }
my %whole = (png => bytes($png), jpg => bytes($jpeg));

my @control = ('no-transform', 'max-age=60, No-Transform', 'public,no-transform,max-age=60', 'no-transformer', 'max-age=60');
my @names = (
    # What the original says, then what a WebP and a JPEG made of it say; undef: the same.
    ['inline; filename="a photo.png"', 'inline; filename="a photo.webp"', 'inline; filename="a photo.jpg"'],
    ['attachment; filename=a.PNG', 'attachment; filename=a.webp', 'attachment; filename=a.jpg'],
    ['attachment;filename="a.jpeg"', 'attachment;filename="a.webp"', undef],
    ['attachment; filename="a.png"; filename*=UTF-8\'\'na%C3%AFve.png', 'attachment; filename="a.webp"; filename*=UTF-8\'\'na%C3%AFve.webp',
        'attachment; filename="a.jpg"; filename*=UTF-8\'\'na%C3%AFve.jpg'],
    ['attachment; FileName = "x;y=.png"; size=5', 'attachment; FileName = "x;y=.webp"; size=5', 'attachment; FileName = "x;y=.jpg"; size=5'],
    ['attachment; filename="a.png.tar"', undef, undef],
    ['attachment; filename="png"', undef, undef],
    ['attachment; filename=".png"', undef, undef],
    ['attachment; name="a.png"', undef, undef],
    ['inline', undef, undef],
    ['a.png', undef, undef],
    ['attachment; filename="open.png', 'attachment; filename="open.webp', 'attachment; filename="open.jpg'],
    ['attachment; filename=', undef, undef],
    ['attachment; filename="say \\"a.png\\".gif"', 'attachment; filename="say \\"a.png\\".webp"', 'attachment; filename="say \\"a.png\\".jpg"'],
    ['attachment; filename="a.tiff"; x', 'attachment; filename="a.webp"; x', 'attachment; filename="a.jpg"; x'],
);
sub quoted { return q(") . $_[0] =~ s{([\\"])}{\\$1}gr =~ s{%}{%%}gr . q(") }
my $conf = '';
for my $at (0 .. $#control) {
    $conf .= "Alias /control$at/ \"@{[docroot()]}/pictures/\"\n<Location /control$at/>\nHeader set Cache-Control " . quoted($control[$at]) . "\n</Location>\n";
}
for my $at (0 .. $#names) {
    $conf .= "Alias /name$at/ \"@{[docroot()]}/pictures/\"\n<Location /name$at/>\nHeader set Content-Disposition " . quoted($names[$at][0]) . "\n</Location>\n";
}
my $origin = TmpfsConvertTest::Httpd->new(plain => 1, conf => $conf);

my $httpd = TmpfsConvertTest::Httpd->new(conf => <<"CONF");
TmpfsConvert On
TmpfsConvertQuery On
TmpfsConvertPattern thumb dw=16
ProxyPass /far/ http://127.0.0.1:@{[$origin->port]}/
Alias /late/ "@{[docroot()]}/pictures/"
<Location /late/>
    Header set Cache-Control no-transform
</Location>
CONF
server($httpd);

# ---- no-transform ----------------------------------------------------------------------------------

for my $at (0 .. $#control) {
    my $final = $at < 3;
    for my $url ("/small_light(dw=32,of=webp)/far/control$at/headers.png",
        "/far/small_light(p=thumb)/control$at/headers.png", "/far/control$at/headers.png?dw=32") {
        my $answer = get($url);
        is($answer->code, 200, "$control[$at]: $url");
        if ($final) {
            is($answer->content, $whole{png}, '... the original, byte for byte');
            is($answer->content_type, 'image/png', '... by its type');
            is($answer->header('ETag'), get("/far/control$at/headers.png")->header('ETag'), '... and tag');
            is(get($url, Range => 'bytes=1-3')->content, 'PNG', '... and ranges');
            is(head($url)->content_type, 'image/png', '... HEAD too');
        }
        else {
            isnt(probe($answer)->{width}, 64, '... converted');
        }
    }
}
is(get('/small_light(dw=abc)/far/control0/headers.png')->code, 400, 'a wrong parameter is 400 all the same');
is(get('/small_light(dw=32)/far/control0/none.png')->code, 404, 'a missing original 404');
my $late = get('/small_light(dw=32)/late/headers.png');
is(probe($late)->{width}, 32, "a file's header is about the answer: converted");
is($late->header('Cache-Control'), 'no-transform', '... and said of it');
expect_log(qr/TC0001/);

# ---- Content-Disposition -----------------------------------------------------------------------------

for my $at (0 .. $#names) {
    my ($name, @want) = @{ $names[$at] };
    my @format = qw(webp jpeg);
    for my $to (0, 1) {
        my $url = "/small_light(dw=32,of=$format[$to])/far/name$at/headers.png";
        for my $method (qw(GET HEAD)) {
            my $answer = request($method, $url);
            is($answer->code, 200, "$method $url");
            is($answer->header('Content-Disposition'), $want[$to] // $name, "... $name");
        }
    }
}
is(get('/small_light(e=dummy,of=webp)/far/name0/headers.png')->header('Content-Disposition'), $names[0][0], 'what passes keeps its name');
is(get('/small_light(dw=32)/far/name2/headers.jpg')->header('Content-Disposition'), $names[2][0], 'the same format, the same name');

done_testing;
