# SPDX-License-Identifier: Apache-2.0
# of=auto: the format by the Accept header, and answers that say so, wherever the
# word comes from: URL, pattern, defaults, query; by the handler and by the filter.
# Under event only: headers; 40-http runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use JSON::PP ();

my %built = map { ("$_->{format} $_->{direction}" => $_->{format_built}) }
    @{ JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{formats}{by_format_direction} };
plan(skip_all => 'WebP or AVIF is not built in') unless $built{'webp out'} && $built{'avif out'};

my $photo = mkpicture('accept.jpg', 320, 240, seed => 3);
my $disc = mkpicture('accept.png', 80, 80, kind => 'disc', type => 'rgba');
my $origin = TmpfsConvertTest::Httpd->new(plain => 1, conf => <<'CONF');
<Location "/pictures/accept.png">
    Header set Vary "Accept-Encoding, accept"
</Location>
CONF
my $httpd = TmpfsConvertTest::Httpd->new(conf => <<"CONF");
TmpfsConvert On
TmpfsConvertPattern modern "dw=40,of=auto"
ProxyPass "/far/" "http://127.0.0.1:@{[$origin->port]}/"
Alias "/asked/" "@{[TmpfsConvertTest::Httpd->shared->document_root]}/pictures/"
Alias "/preset/" "@{[TmpfsConvertTest::Httpd->shared->document_root]}/pictures/"
Alias "/cookie/" "@{[TmpfsConvertTest::Httpd->shared->document_root]}/pictures/"
<Location "/asked/">
    TmpfsConvertQuery On
</Location>
<Location "/preset/">
    SetHandler tmpfs-convert
    TmpfsConvertDefaults "dw=40,of=auto"
</Location>
<Location "/cookie/">
    SetHandler tmpfs-convert
    TmpfsConvertDefaults "dw=40,of=auto"
    Header merge Vary Cookie
</Location>
CONF
server($httpd);

my %type = (
    'image/avif,image/webp,image/apng,image/*,*/*;q=0.8' => 'image/avif',
    'image/webp,*/*' => 'image/webp',
    'image/webp;q=1,image/avif;q=0.1' => 'image/avif',
    'image/avif;q=0, image/webp' => 'image/webp',
    'image/avif ; q=0.000 ,image/webp;q=0' => 'image/jpeg',
    'IMAGE/WEBP;Q=0.1' => 'image/webp',
    'text/html, image/avif ; q=0.5' => 'image/avif',
    "image/png,\timage/webp" => 'image/webp',
    'image/webp;level=1;q=0' => 'image/jpeg',
    'image/webp;level="1,q=0"' => 'image/webp',
    'image/webpx, ximage/avif, image/avi' => 'image/jpeg',
    'image/png;note="image/avif,image/webp"' => 'image/jpeg',
    'image/*' => 'image/jpeg',
    '*/*' => 'image/jpeg',
    ',;,' => 'image/jpeg',
    '' => 'image/jpeg',
);
my $url = "/small_light(dw=40,of=auto)$photo";
my %etag;
for my $accept (sort keys %type) {
    my $answer = get($url, Accept => $accept);
    is($answer->code, 200, "Accept: $accept");
    is($answer->content_type, $type{$accept}, "... is $type{$accept}");
    is($answer->content_type, 'image/' . probe($answer)->{format}, '... truly');
    is($answer->header('Vary'), 'Accept', '... and the answer varies');
    push @{ $etag{$type{$accept}} }, $answer->header('ETag');
}
is($_->[0], $_->[-1], 'one format, one ETag') for values %etag;
my %different = map { $_->[0] => 1 } values %etag;
is(scalar keys %different, 3, 'three formats, three ETags');
is(get($url)->content_type, 'image/jpeg', 'no Accept at all');
is(get($url)->header('Vary'), 'Accept', '... still varies');
is(get("/small_light(dw=40)$photo")->header('ETag'), $etag{'image/jpeg'}[0],
    'what is kept is the same as without of');
is(get("/small_light(dw=40)$photo", Accept => 'image/avif')->header('Vary'), undef, '... which varies by nothing');
is(get("/small_light(dw=40,of=webp)$photo")->header('ETag'), $etag{'image/webp'}[0], 'nor does of=webp differ');

# Where the word comes from; each 200, HEAD and 304.
my %place = (
    'a URL' => $url,
    'a pattern' => "/small_light(p=modern)$photo",
    'a query' => '/asked/accept.jpg?dw=40&of=auto',
    'defaults' => '/preset/accept.jpg',
    'a URL, from another server' => "/far/small_light(dw=40,of=auto)$photo",
    'a pattern, from another server' => "/far/small_light(p=modern)$photo",
);
for my $place (sort keys %place) {
    my %tag;
    for my $format (qw(avif webp)) {
        my @accept = (Accept => "image/$format,*/*");
        my $answer = get($place{$place}, @accept);
        is($answer->content_type, "image/$format", "$place: $format");
        is($answer->header('Vary'), 'Accept', '... varies');
        $tag{$format} = $answer->header('ETag');
        my $head = head($place{$place}, @accept);
        is($head->content_type, "image/$format", '... HEAD has the type');
        is($head->header('Vary'), 'Accept', '... and varies');
        is($head->header('ETag'), $tag{$format}, '... with the same ETag');
        my $same = get($place{$place}, @accept, 'If-None-Match' => $tag{$format});
        is($same->code, 304, '... 304');
        is($same->header('Vary'), 'Accept', '... varies');
        is($same->header('ETag'), $tag{$format}, '... with the ETag');
    }
    isnt($tag{avif}, $tag{webp}, '... the ETags differ');
    is(get($place{$place}, Accept => 'image/webp', 'If-None-Match' => $tag{avif})->code, 200,
        "... one is not the other's");
}

# With what others vary by.
like(get('/cookie/accept.jpg', Accept => 'image/webp')->header('Vary'), qr/^(?:Accept, ?Cookie|Cookie, ?Accept)$/,
    'beside another Vary');
my $merged = get("/far/small_light(dw=40,of=auto)$disc", Accept => 'image/webp');
is(lc $merged->header('Vary'), 'accept', "the original's, which has it already, without Accept-Encoding: it was asked for unpacked");
my $seen = probe($merged, [20, 20], [0, 0]);
is($seen->{format}, 'webp', '... a PNG with alpha becomes a WebP');
is($seen->{pixels}[1][3], 0, '... with alpha');
is(get("/small_light(dw=40,of=auto)$disc", Accept => '*/*')->content_type, 'image/png',
    'or stays a PNG');

done_testing;
