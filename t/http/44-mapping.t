# SPDX-License-Identifier: Apache-2.0
# ProxyPass that maps or sends on what is not decoded: mapping=encoded, mapping=servlet,
# nocanon. And signed URLs through the filter in spellings of their own.
# Under event only: how a request is mapped; 30-url and 60-filter run under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Digest::SHA qw(hmac_sha256_hex);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);

my $root = docroot() . '/mapping';
remove_tree($root);
make_path("$root/a b", "$root/secret");
my $picture = docroot() . mkpicture('mapping.png', 64, 48, kind => 'quad');
copy($picture, "$root/$_") or die $! for ('one.png', 'a b/two (1).png', 'secret/one.png');

my $origin = TmpfsConvertTest::Httpd->new(plain => 1, conf => <<"CONF");
AllowEncodedSlashes NoDecode
Alias /raw%2Fslash.png "$root/one.png"
AliasMatch "^/mapping/x%2[Ff]y[.]png\$" "$root/one.png"
Redirect 302 /there/ /mapping/
CONF
my $far = 'http://127.0.0.1:' . $origin->port;

my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
    my $home = $_[0]->root;
    open my $out, '>', "$home/keys" or die $!;
    print $out "an example key of some length\n";
    close $out;
    chmod 0600, "$home/keys";
    return <<"CONF";
<VirtualHost *>
    ServerName map.test
    TmpfsConvert On
    TmpfsConvertQuery On
    AllowEncodedSlashes NoDecode
    ProxyPass /encoded/ $far/ mapping=encoded
    ProxyPass /servlet/ $far/ mapping=servlet
    ProxyPass /nocanon/ $far/ nocanon
    ProxyPass /both/ $far/ mapping=encoded nocanon
    ProxyPass /plain/ $far/
    ProxyPassMatch "^/match/(.*)\$" $far/\$1 nocanon
    ProxyPassReverse /encoded/ $far/
    ProxyPassReverse /servlet/ $far/
    ProxyPassReverse /nocanon/ $far/
    ProxyPassReverse /both/ $far/
    ProxyPassReverse /plain/ $far/
    <Location "/section/">
        ProxyPass $far/ mapping=encoded
    </Location>
    <LocationMatch "^/small_light\\(dw=20\\)">
        Require all denied
    </LocationMatch>
    <LocationMatch "/secret/">
        Require all denied
    </LocationMatch>
</VirtualHost>
<VirtualHost *>
    ServerName off.test
    ProxyPass /encoded/ $far/ mapping=encoded
</VirtualHost>
<VirtualHost *>
    ServerName signed.test
    TmpfsConvertSecretFile "$home/keys"
    RewriteEngine On
    RewriteRule ^/+small_light[^/]*/(.+)\$ $far/\$1 [P,L]
    <LocationMatch "^/small_light">
        SetOutputFilter SMALL_LIGHT
    </LocationMatch>
</VirtualHost>
CONF
});
server($httpd);

sub size {
    my ($answer) = @_;
    return $answer->code if $answer->code != 200;
    my $seen = probe($answer->content);
    return $seen->{error} // "$seen->{width}x$seen->{height}";
}

for my $how (qw(encoded servlet nocanon both plain match section)) {
    for my $case (
        ["/small_light(dw=32)/$how/mapping/one.png", '32x24'],
        ["/$how/small_light(dw=32)/mapping/one.png", '32x24'],
        ["/$how/mapping/small_light(dw=32)/one.png", '32x24'],
        ["/small_light%28dw=32%29/$how/mapping/one.png", '32x24'],
        ["/small_light(dw%3D32)/$how/mapping/one.png", '32x24'],
        ["/small%5Flight(dw=32)/$how/mapping/one.png", '32x24'],
        ["/small_light(dw=32)/$how/mapping/a%20b/two%20(1).png", '32x24'],
        ["/$how/small_light(dw=32)/mapping/a%20b/two%20%281%29.png", '32x24'],
        ["/small_light(dw=32)/$how/mapping/none.png", 404],
        ["/small_light(dw=abc)/$how/mapping/one.png", 400],
        ["/small_light(dw=20)/$how/mapping/one.png", 403],
        ["/small_light(dw=32)/$how/mapping/secret/one.png", 403],
        ["/$how/mapping/secret/one.png", 403],
        ["/$how/mapping/one.png", '64x48'],
        ["/$how/mapping/one.png?dw=32", '32x24'],
        ["/small_light(dw=32)/$how/mapping/one.png?x=%2F", '32x24'],
    ) {
        my ($url, $want) = @$case;
        is(size(get($url, Host => 'map.test')), $want, "$how: $url: $want");
    }
    is(request('PUT', "/small_light(dw=32)/$how/mapping/one.png", Host => 'map.test', ':content' => 'x')->code, 405, '... PUT: 405');
    next if $how =~ /match|section/;
    my $moved = get("/small_light(dw=32)/$how/there/one.png", Host => 'map.test');
    is($moved->code, 302, '... a redirect of the other server');
    like($moved->header('Location'), qr{/small_light\(dw=32\)/}, '... keeps the function');
}
# What these exist for: an encoded slash gets to the other server.
is(size(get("/small_light(dw=32)/$_/mapping/x%2Fy.png", Host => 'map.test')), '32x24', "$_: an encoded slash behind the function")
    for qw(encoded both);
is(size(get("/$_/small_light(dw=32)/mapping/x%2Fy.png", Host => 'map.test')), '32x24', "$_: ... behind the prefix")
    for qw(encoded nocanon both);
is(get('/encoded/small_light(dw=32)/mapping/one.png', Host => 'off.test')->code, 404, 'without TmpfsConvert the path is what it is');
expect_log(qr/TC0001|AH01136|AH01630/);

# ---- signed, through the filter --------------------------------------------------------------------------

my @at = (Host => 'signed.test');
sub signed { my ($text) = @_; return 'v2.' . hmac_sha256_hex($text, 'an example key of some length') }
my $sig  = signed('/small_light(dw=32)/mapping/one.png');
my $path = "/small_light(dw=32,sig=$sig)/mapping/one.png";
is(size(get($path, @at)), '32x24', 'signed, through the filter');
my ($port) = $httpd->url =~ /:(\d+)$/;
my $first = hmac_sha256_hex("dw=32\n/mapping/one.png", 'an example key of some length');
for my $form ($sig, $first) {
    my $one = "/small_light(dw=32,sig=$form)/mapping/one.png";
    for my $case (
        ["http://signed.test$one", 200, 'an absolute URI'],
        ["http://signed.test:$port$one", 200, '... with a port'],
        ["/$one", 302, 'two slashes before the function'],
        [$one =~ s{/mapping}{//mapping}r, 302, '... behind it'],
        [$one =~ s{/one}{/./one}r, 302, 'a segment of a dot'],
        ["http://signed.test/$one", 302, 'an absolute URI with two slashes'],
        ["http://signed.test" . $one =~ s/dw=32/dw=33/r, 403, 'an absolute URI, changed'],
    ) {
        my ($target, $code, $what) = @$case;
        my $answer = raw("GET $target HTTP/1.1\r\nHost: signed.test\r\nConnection: close\r\n\r\n");
        my ($status) = $answer =~ m{^HTTP/1.1 (\d+)};
        is($status, $code, "$what: $code");
        my ($location) = $answer =~ /^Location: (\S+)/m;
        is(($location // '') =~ s{^http://[^/]*}{}r, $one, '... to the one URL') if $code == 302;
    }
}
expect_log(qr/TC0033/);
done_testing;
