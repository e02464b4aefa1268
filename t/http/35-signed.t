# SPDX-License-Identifier: Apache-2.0
# Signed URLs: as a function, through the filter and in a query, in both forms; what each
# form covers; keys that change, time that runs out.
# Under event only: parsing and comparing; 30-url runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Digest::SHA qw(hmac_sha256_hex hmac_sha256_base64);

my $key = 'an example key of some length';
my $old = 'the key of the year before this';

# The first form: parameters and the original's path.
sub sign {
    my ($params, $path, $with) = @_;
    return hmac_sha256_hex("$params\n$path", $with || $key);
}

sub url {
    my ($params, $path, $sig) = @_;
    $sig //= sign($params, $path);
    return '/small_light(' . ($params eq '' ? '' : "$params,") . "sig=$sig)$path";
}

# The second form: a URL with "SIG" in the place of the signature, signed; `$text` is what
# is signed where it is not the URL as it stands.
sub second {
    my ($url, $text) = @_;
    ($text //= $url) =~ s/,?sig=SIG//;
    $text =~ s/[?&]$//;
    $text =~ s/\?/\n/;
    my $sig = 'v2.' . hmac_sha256_hex($text, $key);
    return $url =~ s/SIG/$sig/r;
}

my $picture = mkpicture('signed.jpg', 400, 300);
# Two originals of one name, one of them further down.
mkpicture('signed.png', 200, 100);
mkpicture('down/signed.png', 200, 50);
my $origin = TmpfsConvertTest::Httpd->new(plain => 1);
my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
    my ($self) = @_;
    my $root = $self->root;
    open my $out, '>', "$root/keys" or die $!;
    print $out "# keys\n$old\n\n$key\n";
    close $out;
    chmod 0600, "$root/keys";
    return <<"CONF";
TmpfsConvert On
TmpfsConvertQuery On
TmpfsConvertPattern thumb "dw=60"
TmpfsConvertSecretFile keys
Alias /plain/ "$self->{documents}/pictures/"
Alias /both/ "$self->{documents}/pictures/"
Alias /alias/ "$self->{documents}/pictures/"
<Location /plain/>
    TmpfsConvertSecretFile none
</Location>
<Location /both/>
    TmpfsConvertPatternOnly On
</Location>
<Location /always/>
    SetHandler tmpfs-convert
    TmpfsConvertDefaults "dw=50"
</Location>
Alias /always/ "$self->{documents}/pictures/"
RewriteEngine On
RewriteRule ^/moved/(.*)\$ /pictures/\$1 [PT]
RewriteRule ^/old/small_light[^/]*/(.+)\$ http://127.0.0.1:$self->{port}/pictures/\$1 [P,L]
<LocationMatch "^/old/small_light[^/]*/">
    TmpfsConvert Off
    SetOutputFilter SMALL_LIGHT
</LocationMatch>
RewriteCond %{QUERY_STRING} id=([a-z]+)
RewriteRule ^/found\$ /pictures/%1.jpg? [PT]
RewriteRule /small_light[^/]*/(.+\.png)\$ http://127.0.0.1:$self->{port}/pictures/\$1 [P,L]
<LocationMatch "\.png\$">
    TmpfsConvert Off
    SetOutputFilter SMALL_LIGHT
</LocationMatch>
ProxyPass /far/ http://127.0.0.1:@{[$origin->port]}/pictures/
CONF
});
server($httpd);

my $refused = 0;

sub serves {
    my ($url, $width, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = get($url);
    is($answer->code, 200, $what) or return diag($answer->content);
    return is(probe($answer)->{width}, $width, '... converted');
}

sub refuses {
    my ($url, $why, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = get($url);
    $refused++;
    is($answer->code, 403, $what);
    return like($answer->content, $why, '... and says why');
}

# Redirected to where it is converted, and nowhere else.
sub moves {
    my ($url, $to, $width, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = get($url);
    is($answer->code, 302, $what);
    is($answer->header('Location'), $to, '... is redirected');
    is($answer->header('Cache-Control'), 'no-store', '... which no cache keeps');
    return serves($to, $width, '... to a URL that is good');
}

# ---- as a function ---------------------------------------------------------------------

serves(url('dw=100', $picture), 100, 'a signed URL');
moves(url('dw=100', $picture, uc sign('dw=100', $picture)), url('dw=100', $picture), 100, 'in capitals');
serves(url('dw=100', $picture, sign('dw=100', $picture, $old)), 100, 'under the other key');
serves(url('dw=110,q=70;da=l', $picture), 110, 'with more parameters');
serves(url('', $picture), 400, 'with no parameter');
(my $base64 = hmac_sha256_base64("dw=100\n$picture", $key)) =~ tr{+/}{-_};
serves(url('dw=100', $picture, $base64), 100, 'in base64url');
moves(url('dw=100', $picture, "$base64="), url('dw=100', $picture, $base64), 100, '... with its last sign');
serves(url('dw=100', '/alias/signed.jpg'), 100, 'through an alias');
serves('/alias/small_light(dw=90,sig=' . sign('dw=90', '/alias/signed.jpg') . ')/signed.jpg', 90, 'within a path');
serves(url('dw=100', '/moved/signed.jpg'), 100, 'a rewritten one is signed as the client has it');
(my $encoded = url('dw=95', $picture)) =~ s/signed/s%69gned/;
moves($encoded, url('dw=95', $picture), 95, 'percent-encoded');
($encoded = url('dw=95', $picture)) =~ s/,sig=/%2Csig%3D/;
moves($encoded, url('dw=95', $picture), 95, 'percent-encoded within the parentheses');
serves(url('p=thumb', $picture), 60, 'a pattern');

refuses("/small_light(dw=100)$picture", qr/must be signed/, 'an unsigned URL');
refuses("/small_light()$picture", qr/must be signed/, 'one without parameters');
refuses(url('dw=101', $picture, sign('dw=100', $picture)), qr/does not match these/, 'another parameter');
refuses(url('dw=100', $picture, sign('dw=100', '/pictures/other.jpg')), qr/does not match these/, 'another path');
refuses(url('dw=100', $picture, sign('dw=100', $picture, 'another key of some length')), qr/does not match these/,
    'another key');
refuses(url('dw=100', $picture, ''), qr/takes 64/, 'an empty signature');
refuses(url('dw=100', $picture, 'x' x 64), qr/takes 64/, 'no signature at all');
refuses(url('dw=100', $picture, substr sign('dw=100', $picture), 0, 63), qr/takes 64/, 'one cut short');
refuses("/small_light(sig=" . sign('dw=100', $picture) . ",dw=100)$picture", qr/last parameter/, 'one that is not last');
refuses('/small_light(dw=100,sig=' . sign('dw=100', $picture) . ",dw=300)$picture", qr/last parameter/,
    'something behind it');
refuses('/small_light(dw=100,sig=' . sign('dw=100', $picture) . ",)$picture", qr/last parameter/, 'a comma behind it');
refuses(url('dw=100,sig=' . ('0' x 64), $picture), qr/given only once/, 'two signatures');
refuses('/small_light(dw=100%0a,sig=' . sign("dw=100\n", $picture) . ")$picture", qr/line break/, 'a line feed');
refuses(second("/small_light(dw=100,sig=SIG)$picture%0Av=3", "/small_light(dw=100)$picture\nv=3"), qr/line break/,
    '... in the path, where it would be a query');
refuses("$picture?dw=100%0A&sig=" . sign("dw=100\n", $picture), qr/line break/, '... in a query, which is not the path');
refuses(url('dw=100', "$picture%0Dx", sign('dw=100', "$picture\rx")), qr/line break/, '... and the other end of a line');
is(get($picture)->code, 200, 'the original itself needs none');
serves('/always/signed.jpg', 50, 'nor what the configuration asks for');

my $head = head("/small_light(dw=100)$picture");
is($head->code, 403, 'HEAD needs one too');
$refused++;
my $etag = get(url('dw=100', $picture))->header('ETag');
is(get("/small_light(dw=100)$picture", 'If-None-Match' => $etag)->code, 403, '... and a condition');
$refused++;

# ---- time ----------------------------------------------------------------------------------

my $later = time + 600;
serves(url("dw=100,expires=$later", $picture), 100, 'before its time is over');
serves(url("expires=$later,dw=100", $picture), 100, '... wherever that stands');
my $over = time - 60;
refuses(url("dw=100,expires=$over", $picture), qr/expired \d+ seconds ago/, 'afterwards');
refuses(url("dw=100,expires=$later", $picture, sign("dw=100,expires=$over", $picture)), qr/does not match these/,
    'another time');
refuses(url('dw=100,expires=soon', $picture), qr/takes seconds/, 'no time');
refuses(url('dw=100,expires=', $picture), qr/takes seconds/, '... at all');

# ---- as a query ----------------------------------------------------------------------------

my $sig = sign('dw=100,dh=90', $picture);
serves("$picture?dw=100&dh=90&sig=$sig", 100, 'a signed query, with the signature of the function');
moves("$picture?utm=1&dw=100&x=y&dh=90&sig=$sig&z=0", "$picture?dw=100&dh=90&sig=$sig", 100, '... among keys of others');
serves("/moved/signed.jpg?dw=70&sig=" . sign('dw=70', '/moved/signed.jpg'), 70, '... rewritten');
serves("$picture?dw=80&expires=$later&sig=" . sign("dw=80,expires=$later", $picture), 80, '... with a time');
refuses("$picture?dw=100&dh=90", qr/must be signed/, 'an unsigned query');
refuses("$picture?dw=100&dh=91&sig=$sig", qr/does not match these/, 'another parameter in it');
refuses("$picture?sig=$sig&dw=100&dh=90", qr/last parameter/, 'the signature first');
is(get("$picture?sig=$sig")->header('Content-Length'), -s docroot() . $picture,
    'a signature alone is somebody else\'s: the original');

# ---- through the filter --------------------------------------------------------------------

serves(url('dw=100', '/far/signed.jpg'), 100, 'an original of another server');
refuses('/small_light(dw=100)/far/signed.jpg', qr/must be signed/, '... unsigned');
serves(second('/old/small_light(dw=85,sig=SIG)/signed.jpg'), 85, 'mod_small_light\'s rewriting');
refuses('/old/small_light(dw=85)/signed.jpg', qr/must be signed/, '... unsigned');
refuses(second('/old/small_light(dw=85,sig=SIG)/signed.jpg', '/old/small_light(dw=85)/other.jpg'), qr/does not match these/,
    '... signed for another path');

# ---- what the second form covers -------------------------------------------------------------

my @covered = (
    [second("/small_light(dw=100,sig=SIG)$picture"), 100, 'the second form'],
    [second("/small_light(sig=SIG)$picture", "/small_light()$picture"), 400, '... with no parameter'],
    [second("/small_light(dw=100;dh=9,expires=$later,sig=SIG)$picture"), 12, '... with more of them'],
    [second('/alias/small_light(dw=90,sig=SIG)/signed.jpg'), 90, '... within a path'],
    [second('/moved/small_light(dw=90,sig=SIG)/signed.jpg'), 90, '... rewritten'],
    [second("/small_light(dw=100,sig=SIG)$picture?v=3"), 100, "... with a file's query"],
    [second('/small_light(dw=100,sig=SIG)/far/signed.jpg'), 100, '... of an original elsewhere'],
    [second('/small_light(dw=100,sig=SIG)/far/signed.jpg?id=1&b=%2C+'), 100, '... with its query'],
    [second("$picture?dw=100&sig=SIG"), 100, '... in a query'],
    [second("$picture?x=1&dw=100&dh=%39&sig=SIG"), 12, '... among other keys'],
    [second('/far/signed.jpg?dw=100&id=1&sig=SIG'), 100, '... of an original elsewhere'],
    [second('/small_light(dw=20,sig=SIG)/down/signed.png'), 20, '... through a rule that is not anchored'],
    [second('/down/small_light(dw=20,sig=SIG)/signed.png'), 20, '... with the function further behind'],
);
serves(@$_) for @covered;

sub swap {
    my ($url, $from, $to) = @_;
    $url =~ s/\Q$from\E/$to/ or die "$url has no $from";
    return $url;
}

my $deep = second('/small_light(dw=20,sig=SIG)/down/signed.png');
my ($digits) = $deep =~ /sig=v2\.(\w+)/;
my @uncovered = (
    [swap(second('/small_light(dw=100,sig=SIG)/far/signed.jpg?id=1'), 'id=1', 'id=2'), "another query"],
    [swap(second('/small_light(dw=100,sig=SIG)/far/signed.jpg?id=1'), '?id=1', ''), '... or none'],
    [swap(second('/small_light(dw=100,sig=SIG)/far/signed.jpg?a=1&b=2'), 'a=1&b=2', 'b=2&a=1'), '... or in another order'],
    [swap(second('/small_light(dw=100,sig=SIG)/far/signed.jpg?a=1'), 'a=1', '%61=1'), '... or spelled otherwise'],
    [second("/small_light(dw=100,sig=SIG)$picture") . '?x=1', "a file's query added"],
    [swap(second("$picture?dw=100&x=1&sig=SIG"), 'x=1', 'x=2'), 'another key in a query'],
    [swap(second("$picture?dw=100&sig=SIG"), 'dw=100', 'dw=%3100'), 'a query spelled otherwise'],
    [swap(second("/small_light(dw=100,dh=50,sig=SIG)$picture"), 'dw=100,dh=50', 'dh=50,dw=100'), 'another order'],
    [swap(second("/small_light(dw=100,sig=SIG)$picture"), 'dw=100', 'dw=100,'), 'another comma'],
    [swap(second("/small_light(dw=100,sig=SIG)$picture"), 'dw=100', ' dw=100'), 'a blank'],
    [swap(second("/small_light(dw=100,sig=SIG)$picture"), 'dw=100', 'DW=100'), 'capitals'],
    ["/down/small_light(dw=20,sig=v2.$digits)/signed.png", 'the function moved'],
    ['/x' . second('/small_light(dw=20,sig=SIG)/down/signed.png'), 'a path before it'],
    ["/small_light(dw=20,sig=$digits)/down/signed.png", 'taken for the first form'],
    ["/small_light(dw=100,sig=v2." . sign('dw=100', $picture) . ")$picture", 'the first form taken for the second'],
    ['/small_light(dw=20,sig=' . second('SIG', "dw=20\n/down/signed.png") . ')/down/signed.png', '... and its text'],
);
refuses($_->[0], qr/does not match these/, $_->[1]) for @uncovered;
refuses(second("$picture?dw=100&sig=SIG") . '&x=1', qr/last key/, 'a key behind the signature');
refuses(second("/small_light(dw=100,sig=SIG)$picture") =~ s/v2\./v2./r =~ s/.\)/)/r, qr/takes v2\. and 64/, 'one cut short');

# Other spellings of the same are redirected to it, before anything is converted.
my $plain = second("/small_light(dw=100,sig=SIG)$picture");
moves(swap($plain, '(dw', '%28dw'), $plain, 100, 'a parenthesis encoded');
moves(swap($plain, 'signed', '%73igne%64'), $plain, 100, 'letters encoded');
moves(swap($plain, '/pictures', '/.//pictures/../pictures/.'), $plain, 100, 'a path with dots and slashes');
moves(swap($plain, 'v2.' . ($plain =~ /v2\.(\w+)/)[0], 'v2.' . uc +($plain =~ /v2\.(\w+)/)[0]), $plain, 100, 'capitals in the signature');
moves(swap($plain, ',sig', ';SIG'), $plain, 100, "capitals in the signature's key");
moves("$plain?", $plain, 100, 'an empty query');
my $query = second("$picture?dw=100&sig=SIG");
moves(swap($query, '&sig=', '&s%69g='), $query, 100, 'in a query');
like(raw("GET http://127.0.0.1$plain HTTP/1.0\r\n\r\n"), qr{^HTTP/1.1 200 }, 'an absolute URI is the same URL');

# ---- what the first form covers ---------------------------------------------------------------

serves(url('dw=20', '/down/signed.png'), 20, 'the first form with the function at the start');
refuses('/down/small_light(dw=20,sig=' . sign('dw=20', '/down/signed.png') . ')/signed.png', qr/the function's place in the path/,
    '... is not good for another place');
refuses('/old/small_light(dw=85,sig=' . sign('dw=85', '/old/signed.jpg') . ')/signed.jpg', qr/the function's place in the path/,
    '... even if that was meant');
refuses(url('dw=100', '/far/signed.jpg') . '?id=1', qr/the original's query/, 'an original elsewhere with a query');
refuses(url('dw=100', '/found') . '?id=signed', qr/the original's query/, 'a file that a rule finds by its query');
serves(second('/small_light(dw=100,sig=SIG)/found?id=signed'), 100, '... takes the second form');
refuses('/far/signed.jpg?dw=100&sig=' . sign('dw=100', '/far/signed.jpg'), qr/the original's query/, '... as a query');
moves(url('dw=100', $picture) . '?x=1', url('dw=100', $picture), 100, "a file's query is dropped");
moves("$picture?sig2=1&dw=100&dh=90&sig=$sig&z=0", "$picture?dw=100&dh=90&sig=$sig", 100, '... and other keys');

# ---- one reading ----------------------------------------------------------------------------

# What the parser of parameters takes for the time of its end is the end.
for my $text ("dw=100, expires=$over", "dw=100,expires =$over", "dw=100;\texpires= $over ", "dw=100,EXPIRES=$over",
    " expires=$over,dw=100") {
    my $encoded = $text =~ s/([\t ])/sprintf '%%%02X', ord $1/ger;
    refuses(swap(url('TEXT', $picture, sign($text, $picture)), 'TEXT', $encoded), qr/expired \d+ seconds ago/, "over: '$text'");
    refuses(swap(second("/small_light(TEXT,sig=SIG)$picture", "/small_light($text)$picture"), 'TEXT', $encoded),
        qr/expired \d+ seconds ago/, '... in the second form');
}
for my $text ("expires=$over,dw=100,expires=$later", "expires=$later,expires=$over") {
    refuses(url($text, $picture), qr/given only once/, "twice: $text");
    refuses("$picture?" . ($text =~ tr/,/&/r) . "&dw=9&sig=" . sign("$text,dw=9", $picture), qr/given only once/, '... in a query');
}
refuses(swap(url('dw=100', $picture), ',sig=', ',,sig='), qr/does not match these/, 'a comma more than was signed');
moves(swap(url('dw=100', $picture), 'sig=', '%20sig%20=%20'), url('dw=100', $picture), 100, "blanks about the signature's key");

# ---- other scopes ----------------------------------------------------------------------------

serves('/small_light(dw=100)/plain/signed.jpg', 100, 'none takes it back');
serves('/small_light(dw=100,sig=none)/plain/signed.jpg', 100, '... and ignores a signature');
serves('/small_light(p=thumb)/both/signed.jpg', 60, 'with PatternOnly a pattern needs none');
serves(url('dw=100', '/both/signed.jpg'), 100, '... and a signed URL asks for anything');
refuses(url('p=thumb', '/both/signed.jpg', 'x' x 64), qr/takes 64/, '... while a bad signature is none');
my $only = get('/small_light(dw=100)/both/signed.jpg');
is($only->code, 403, '... and an unsigned one not');
like($only->content, qr/only p=NAME/, '... which it says');

is(scalar(error_log_lines(qr/:warn\].*TC0033: /)), $refused, 'one line each in the log');
is(scalar(error_log_lines(qr/\Q$key\E|\Q$old\E/)), 0, 'and no key in it');
expect_log(qr/TC003[23]/);
no_leftovers();
$httpd->stop;

server(TmpfsConvertTest::Httpd->shared);
done_testing;
