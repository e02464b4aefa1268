# SPDX-License-Identifier: Apache-2.0
# Signed URLs: as a function, through the filter and in a query; keys that change,
# time that runs out; and the examples of docs/signing.md, run as they stand there.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Digest::SHA qw(hmac_sha256_hex hmac_sha256_base64);
use File::Copy qw(copy);
use File::Path qw(make_path);

my $key = 'an example key of some length';
my $old = 'the key of the year before this';

sub sign {
    my ($params, $path, $with) = @_;
    return hmac_sha256_hex("$params\n$path", $with || $key);
}

sub url {
    my ($params, $path, $sig) = @_;
    $sig //= sign($params, $path);
    return '/small_light(' . ($params eq '' ? '' : "$params,") . "sig=$sig)$path";
}

my $picture = mkpicture('signed.jpg', 400, 300);
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
ProxyPass /far/ http://127.0.0.1:$self->{port}/pictures/
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

# ---- as a function ---------------------------------------------------------------------

serves(url('dw=100', $picture), 100, 'a signed URL');
serves(url('dw=100', $picture, uc sign('dw=100', $picture)), 100, 'in capitals');
serves(url('dw=100', $picture, sign('dw=100', $picture, $old)), 100, 'under the other key');
serves(url('dw=110,q=70;da=l', $picture), 110, 'with more parameters');
serves(url('', $picture), 400, 'with no parameter');
(my $base64 = hmac_sha256_base64("dw=100\n$picture", $key)) =~ tr{+/}{-_};
serves(url('dw=100', $picture, $base64), 100, 'in base64url');
serves(url('dw=100', '/alias/signed.jpg'), 100, 'through an alias');
serves('/alias/small_light(dw=90,sig=' . sign('dw=90', '/alias/signed.jpg') . ')/signed.jpg', 90, 'within a path');
serves(url('dw=100', '/moved/signed.jpg'), 100, 'a rewritten one is signed as the client has it');
(my $encoded = url('dw=95', $picture)) =~ s/signed/s%69gned/;
serves($encoded, 95, 'percent-encoded');
($encoded = url('dw=95', $picture)) =~ s/,sig=/%2Csig%3D/;
serves($encoded, 95, 'percent-encoded within the parentheses');
serves(url('p=thumb', $picture), 60, 'a pattern');

refuses("/small_light(dw=100)$picture", qr/must be signed/, 'an unsigned URL');
refuses("/small_light()$picture", qr/must be signed/, 'one without parameters');
refuses(url('dw=101', $picture, sign('dw=100', $picture)), qr/not that of these/, 'another parameter');
refuses(url('dw=100', $picture, sign('dw=100', '/pictures/other.jpg')), qr/not that of these/, 'another path');
refuses(url('dw=100', $picture, sign('dw=100', $picture, 'another key of some length')), qr/not that of these/,
    'another key');
refuses(url('dw=100', $picture, ''), qr/takes 64/, 'an empty signature');
refuses(url('dw=100', $picture, 'x' x 64), qr/takes 64/, 'no signature at all');
refuses(url('dw=100', $picture, substr sign('dw=100', $picture), 0, 63), qr/takes 64/, 'one cut short');
refuses("/small_light(sig=" . sign('dw=100', $picture) . ",dw=100)$picture", qr/last parameter/, 'one that is not last');
refuses('/small_light(dw=100,sig=' . sign('dw=100', $picture) . ",dw=300)$picture", qr/last parameter/,
    'something behind it');
refuses('/small_light(dw=100%0a,sig=' . sign("dw=100\n", $picture) . ")$picture", qr/line's end/, 'a line feed');
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
refuses(url("dw=100,expires=$over", $picture), qr/over 6\d seconds ago/, 'afterwards');
refuses(url("dw=100,expires=$later", $picture, sign("dw=100,expires=$over", $picture)), qr/not that of these/,
    'another time');
refuses(url('dw=100,expires=soon', $picture), qr/takes seconds/, 'no time');
refuses(url('dw=100,expires=', $picture), qr/takes seconds/, '... at all');

# ---- as a query ----------------------------------------------------------------------------

my $sig = sign('dw=100,dh=90', $picture);
serves("$picture?dw=100&dh=90&sig=$sig", 100, 'a signed query, with the signature of the function');
serves("$picture?utm=1&dw=100&x=y&dh=90&sig=$sig&z=0", 100, '... among keys of others');
serves("/moved/signed.jpg?dw=70&sig=" . sign('dw=70', '/moved/signed.jpg'), 70, '... rewritten');
serves("$picture?dw=80&expires=$later&sig=" . sign("dw=80,expires=$later", $picture), 80, '... with a time');
refuses("$picture?dw=100&dh=90", qr/must be signed/, 'an unsigned query');
refuses("$picture?dw=100&dh=91&sig=$sig", qr/not that of these/, 'another parameter in it');
refuses("$picture?sig=$sig&dw=100&dh=90", qr/last parameter/, 'the signature first');
is(get("$picture?sig=$sig")->header('Content-Length'), -s docroot() . $picture,
    'a signature alone is somebody else\'s: the original');

# ---- through the filter --------------------------------------------------------------------

serves(url('dw=100', '/far/signed.jpg'), 100, 'an original of another server');
refuses('/small_light(dw=100)/far/signed.jpg', qr/must be signed/, '... unsigned');
serves('/old/small_light(dw=85,sig=' . sign('dw=85', '/old/signed.jpg') . ')/signed.jpg', 85, 'mod_small_light\'s rewriting');
refuses('/old/small_light(dw=85)/signed.jpg', qr/must be signed/, '... unsigned');
refuses('/old/small_light(dw=85,sig=' . sign('dw=85', '/pictures/signed.jpg') . ')/signed.jpg', qr/not that of these/,
    '... signed for another path');

# ---- other scopes ----------------------------------------------------------------------------

serves('/small_light(dw=100)/plain/signed.jpg', 100, 'none takes it back');
serves('/small_light(dw=100,sig=none)/plain/signed.jpg', 100, '... and ignores a signature');
serves('/small_light(p=thumb)/both/signed.jpg', 60, 'with PatternOnly a pattern needs none');
serves(url('dw=100', '/both/signed.jpg'), 100, '... and a signed URL asks for anything');
refuses(url('p=thumb', '/both/signed.jpg', 'x' x 64), qr/takes 64/, '... while a bad signature is none');
my $only = get('/small_light(dw=100)/both/signed.jpg');
is($only->code, 403, '... and an unsigned one not');
like($only->content, qr/only a pattern/, '... which it says');

is(scalar(error_log_lines(qr/:warn\].*TC0033: /)), $refused, 'one line each in the log');
is(scalar(error_log_lines(qr/\Q$key\E|\Q$old\E/)), 0, 'and no key in it');
expect_log(qr/TC003[23]/);
no_leftovers();
$httpd->stop;

# ---- the manual --------------------------------------------------------------------------------

open my $in, '<', "$TmpfsConvertTest::Site::ROOT/docs/signing.md" or die $!;
my $manual = do { local $/ = undef; <$in> };
my $vector = sign('dw=300,dh=200', '/img/cat.jpg');
like($manual, qr/^    \Q$vector\E$/m, 'the manual\'s signature to compare with');
($base64 = hmac_sha256_base64("dw=300,dh=200\n/img/cat.jpg", $key)) =~ tr{+/}{-_};
like($manual, qr/^    \Q$base64\E$/m, '... in base64url too');

my $documents = server(TmpfsConvertTest::Httpd->shared)->root . '/signed';
make_path("$documents/img");
copy(docroot() . $picture, "$documents/img/cat.jpg") or die $!;
$httpd = TmpfsConvertTest::Httpd->new(documents => $documents, conf => sub {
    open my $out, '>', $_[0]->root . '/keys' or die $!;
    print $out "$key\n";
    close $out;
    chmod 0600, $_[0]->root . '/keys';
    return "TmpfsConvert On\nTmpfsConvertSecretFile keys\n";
});
server($httpd);
for my $language (['perl', 'perl'], ['python', 'python3'], ['php', 'php'], ['sh', 'sh']) {
    my ($name, $program) = @$language;
    my ($code) = $manual =~ /^```\Q$name\E\n(.*?)^```$/ms;
    ok($code, "the manual has an example in $name");
SKIP: {
        skip "there is no $program here", 2 unless grep { -x "$_/$program" } split /:/, $ENV{PATH};
        my $file = $httpd->root . "/example.$name";
        open my $out, '>', $file or die $!;
        print $out $code;
        close $out;
        my $url = `$program $file`;
        chomp $url;
        serves($url, 267, "... and its URL is served");
    }
}
no_leftovers();
server(TmpfsConvertTest::Httpd->shared);

done_testing;
