# SPDX-License-Identifier: Apache-2.0
# The function among httpd's other modules: redirects, rewriting, sections, FallbackResource,
# pages with queries of their own, caching headers. One table of URLs a subject.
# Under event only: how a request is mapped; 30-url runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);

my $root = docroot() . '/home';
remove_tree($root);
make_path(map { "$root/$_" } qw(open closed folder off on speling dav member typed));
my $picture = docroot() . mkpicture('home.png', 64, 48, kind => 'quad');
my $gif     = docroot() . mkpicture('home.gif', 64, 48, kind => 'quad');
for my $dir (qw(open closed folder off on speling dav member typed)) {
    copy($picture, "$root/$dir/one.png") or die $!;
    copy($gif, "$root/$dir/one.gif") or die $!;
    utime time - 5000, time - 5000, glob "$root/$dir/one.*";
}
sub spew {
    my ($name, $text) = @_;
    open my $out, '>', "$root/$name" or die "$root/$name: $!";
    print $out $text;
    close $out or die;
    return;
}
spew('open/index.html', "<p>a page</p>\n");
spew('open/style.css', "a { b: c }\n");
spew('open/logo.svg', "<svg xmlns='http://www.w3.org/2000/svg'/>\n");
spew('open/plain', "no type at all\n");
copy($picture, "$root/open/untyped") or die $!;
spew('typed/page.html', "<p>a page of some length</p>\n");
spew('typed/plain', "no type at all\n");
copy($picture, "$root/speling/Photo.png") or die $!;

my $origin = TmpfsConvertTest::Httpd->new(plain => 1, conf => <<'CONF');
<Location "/pictures/">
    Header merge Vary "Accept-Encoding, X-Own"
</Location>
Redirect 302 /there/ /pictures/
Redirect 302 /cdn/ http://cdn.test/pictures/
CONF
my $far = 'http://127.0.0.1:' . $origin->port;

my $httpd = TmpfsConvertTest::Httpd->new(modules => [qw(speling dav dav_fs filter session session_cookie auth_form request)], conf => sub {
    my $home = $_[0]->root;
    mkdir "$home/dav";
    return <<"CONF";
DavLockDB "$home/dav/lock"
<VirtualHost *>
    ServerName on.test
    TmpfsConvert On
    TmpfsConvertQuery On
    Redirect permanent /home/moved/ /home/open/
    Redirect 302 /home/other/ https://www.test/home/open/
    Redirect 307 /home/query/ /home/open/one.png?a=b
    RewriteEngine On
    RewriteRule ^/home/forced/(.*)\$ https://secure.test%{REQUEST_URI} [R=301,L]
    RewriteRule ^/home/marked/(.*)\$ /home/open/\$1?a=\\%22&b=\\%3C [R=302,L,NE]
    RewriteRule ^/home/again/(.*)\$ /home/open/\$1 [R=302,L]
    RewriteRule ^/thumb/(\\d+)/(.*)\$ /small_light(dw=\$1)/home/open/\$2 [PT]
    RewriteRule ^/bad/(.*)\$ /small_light(dw=abc)/home/open/\$1 [PT]
    RewriteRule ^/inner/(.*)\$ /home/open/\$1 [PT]
    <Directory "$root/folder">
        RewriteEngine On
        RewriteRule ^go/(.*)\$ http://www.test/home/open/\$1 [R=302,L]
        RewriteRule ^sized/(.*)\$ /small_light(dw=24)/home/open/\$1 [L]
    </Directory>
    <Directory "$root/off">
        TmpfsConvert Off
    </Directory>
    <Directory "$root/dav">
        DAV On
    </Directory>
    FallbackResource /home/open/one.png
    ProxyPass /far/ $far/
    ProxyPassReverse /far/ $far/

    # Sections of the function's URL, and of the original's.
    <LocationMatch "^/closed/small_light\\(">
        Require all denied
    </LocationMatch>
    <LocationMatch "/small_light\\(dw=20[,)]">
        Require expr %{HTTP:X-Key} == 'yes'
        Header set X-Section function
        ExpiresActive On
        ExpiresByType image/png "access plus 1 year"
    </LocationMatch>
    <LocationMatch "/small_light\\(dw=21[,)]">
        AuthType Basic
        AuthName function
        AuthUserFile "$TmpfsConvertTest::Site::ROOT/t/conf/passwords"
        Require valid-user
    </LocationMatch>
    <Location "/home/open/">
        Header set X-Original yes
    </Location>
    <Location "/home/closed/">
        Require all denied
    </Location>
    <Location "/mapped/">
        ProxyPass $far/pictures/
    </Location>
    <LocationMatch "^/(?<sign>linked)/(?<rest>.*)">
        Alias "$root/open/%{env:MATCH_REST}"
    </LocationMatch>

    AddType text/css .css
    ExpiresActive On
    ExpiresByType image/png "access plus 1 hour"
    ExpiresByType image/gif "access plus 2 hours"
    ExpiresByType image/webp "access plus 3 hours"
    ExpiresByType image/jpeg "access plus 4 hours"
</VirtualHost>
<VirtualHost *>
    ServerName sections.test
    <LocationMatch "^/small_light">
        TmpfsConvert On
    </LocationMatch>
    <Location "/home/open/">
        TmpfsConvert On
    </Location>
</VirtualHost>
<VirtualHost *>
    ServerName speling.test
    TmpfsConvert On
    CheckSpelling On
</VirtualHost>
<VirtualHost *>
    ServerName directory.test
    <Directory "$root/on">
        TmpfsConvert On
    </Directory>
</VirtualHost>
<VirtualHost *>
    ServerName pages.test
    TmpfsConvert On
    ErrorDocument 403 http://www.test/sorry.html
    ErrorDocument 404 http://www.test/none/%{escape:%{REQUEST_URI}}
    Redirect 302 /home/moved/ http://www.test/home/open/
    <Directory "$root/member">
        AuthType form
        AuthName member
        AuthFormProvider file
        AuthUserFile "$TmpfsConvertTest::Site::ROOT/t/conf/passwords"
        Session On
        SessionCookieName session path=/
        AuthFormLoginRequiredLocation "http://www.test/login.html"
        Require valid-user
    </Directory>
    <Directory "$root/closed">
        Require all denied
    </Directory>
    <LocationMatch "/small_light\\(dw=22[,)]">
        AuthType form
        AuthName member
        AuthFormProvider file
        AuthUserFile "$TmpfsConvertTest::Site::ROOT/t/conf/passwords"
        Session On
        SessionCookieName session path=/
        AuthFormLoginRequiredLocation "http://www.test/login.html"
        Require valid-user
    </LocationMatch>
</VirtualHost>
<VirtualHost *>
    ServerName typed.test
    TmpfsConvert On
    TmpfsConvertDefaults "dw=32"
    AddOutputFilterByType TMPFS_CONVERT image/png
    ProxyPass /far/ $far/
</VirtualHost>
<VirtualHost *>
    ServerName filter.test
    RewriteEngine On
    RewriteRule ^/small_light[^/]*/(pictures/.+)\$ $far/\$1 [P,L]
    RewriteRule ^/small_light[^/]*/(.+)\$ /\$1
    <LocationMatch "^/small_light[^/]*/">
        SetOutputFilter SMALL_LIGHT
    </LocationMatch>
</VirtualHost>
CONF
});
server($httpd);
my $here = $httpd->url;

sub size {
    my ($answer) = @_;
    return $answer->code if $answer->code != 200;
    return $answer->content_type if $answer->content_type !~ m{^image/(?!svg)};
    my $seen = probe($answer->content);
    return $seen->{error} // "$seen->{width}x$seen->{height}";
}

# ---- redirects keep the function ---------------------------------------------------------------

my @on = (Host => 'on.test');
for my $case (
    ['/small_light(dw=32)/home/moved/one.png', 301, '/small_light(dw=32)/home/open/one.png'],
    ['/home/small_light(dw=32)/moved/one.png', 301, '/home/small_light(dw=32)/open/one.png'],
    ['/small_light%28dw=32,q=80%29/home/moved/one.png', 301, '/small_light(dw=32,q=80)/home/open/one.png'],
    ['/small_light(dw=32)/home/other/one.png', 302, 'https://www.test/small_light(dw=32)/home/open/one.png'],
    ['/small_light(dw=32)/home/query/', 307, qr{^(?:http://on.test(?::\d+)?)?/small_light\(dw=32\)/home/open/one\.png\?a=b$}],
    ['/small_light(dw=32)/home/forced/one.png', 301, 'https://secure.test/small_light(dw=32)/home/forced/one.png'],
    ['/home/small_light(dw=32)/forced/one.png', 301, 'https://secure.test/home/small_light(dw=32)/forced/one.png'],
    ['/small_light(dw=32)/home/again/one.png', 302, '/small_light(dw=32)/home/open/one.png'],
    ['/small_light(dw=32)/home/folder/go/one.png', 302, 'http://www.test/small_light(dw=32)/home/open/one.png'],
    ['/small_light(dw=32)/home/folder', 301, '/small_light(dw=32)/home/folder/'],
    ['/small_light(dw=32)/home/speling/photo.png', 301, '/small_light(dw=32)/home/speling/Photo.png', 'speling.test'],
    ['/small_light(dw=32)/far/there/home.png', 302, '/small_light(dw=32)/far/pictures/home.png'],
    ['/far/small_light(dw=32)/there/home.png', 302, '/far/small_light(dw=32)/pictures/home.png'],
    # Another server's word, which leads to one that knows nothing of the function.
    ['/small_light(dw=32)/far/cdn/home.png', 302, 'http://cdn.test/pictures/home.png'],
    ['/small_light(dw=32)/home/marked/one.png', 302, '/small_light(dw=32)/home/open/one.png?a=%22&b=%3C'],
    # What has no function gets none.
    ['/home/moved/one.png', 301, '/home/open/one.png'],
    ['/home/moved/one.png?dw=32', 301, '/home/open/one.png?dw=32'],
) {
    my ($url, $code, $location, $host) = @$case;
    $host ||= 'on.test';
    for my $method (qw(GET HEAD)) {
        my $answer = request($method, $url, Host => $host);
        is($answer->code, $code, "$method $url: $code");
        my $got = $answer->header('Location') // '';
        ref $location ? like($got, $location, "... to $location")
            : is($got =~ s{^http://\Q$host\E(?::\d+)?(?=/)}{}r, $location, "... to $location");
        next if $method eq 'HEAD' || $url =~ m{/far/};
        my ($link) = $answer->content =~ /href="([^"]*)"/;
        is(($link // '') =~ s/&amp;/&/gr, $got, '... by its link too');
        is($answer->content_length, length $answer->content, '... of the right length') if defined $answer->content_length;
    }
}

# ---- redirects to pages about the answer do not ---------------------------------------------------------

for my $case (
    ['/small_light(dw=32)/home/closed/one.png', 'http://www.test/sorry.html'],
    ['/small_light(dw=32)/none.png', 'http://www.test/none//none.png'],
    ['/small_light(dw=32)/home/member/one.png', 'http://www.test/login.html'],
    ['/small_light(dw=22)/home/open/one.png', 'http://www.test/login.html'],
    ['/home/small_light(dw=32)/member/one.png', 'http://www.test/login.html'],
    ['/small_light(dw=32)/home/moved/one.png', 'http://www.test/small_light(dw=32)/home/open/one.png'],
) {
    my ($url, $location) = @$case;
    my $answer = get($url, Host => 'pages.test');
    is($answer->code, 302, "$url: 302");
    is($answer->header('Location'), $location, "... to $location");
}

# ---- what maps and what counts -------------------------------------------------------------------

my @key  = ('X-Key' => 'yes');
my @user = (Authorization => 'Basic dXNlcjpwYXNz');
for my $case (
    # [PT], and a rewrite in a directory, bring the function in.
    ['on', '/thumb/32/one.png', '32x24'],
    ['on', '/thumb/32/none.png', '32x24'],    # FallbackResource
    ['on', '/bad/one.png', 400],
    ['on', '/home/folder/sized/one.png', '24x18'],
    ['on', '/small_light(dw=32)/inner/one.png', '32x24'],
    ['on', '/small_light(dw=32)/small_light(dw=16)/home/open/one.png', '32x24'],
    # A page that there is not, through the function.
    ['on', '/small_light(dw=32)/home/open/none.png', '32x24'],
    ['on', '/home/open/none.png', '64x48'],
    # Access: both URLs must allow.
    ['on', '/small_light(dw=20)/home/open/one.png', 403],
    ['on', '/small_light(dw=20)/home/open/one.png', '20x15', @key],
    ['on', '/home/small_light(dw=20)/open/one.png', 403],
    ['on', '/small_light%28dw=20%29/home/open/one.png', 403],
    ['on', '/small_light(%64w=20)/home/open/one.png', 403],
    ['on', '/small_light(dw=20)/home/closed/one.png', 403, @key],
    ['on', '/small_light(dw=32)/home/closed/one.png', 403],
    ['on', '/closed/small_light(dw=32)/one.png', 403],
    ['on', '/small_light(dw=21)/home/open/one.png', 401],
    ['on', '/small_light(dw=21)/home/open/one.png', '21x16', @user],
    ['on', '/small_light(dw=21)/home/closed/one.png', 403, @user],
    ['on', '/thumb/20/one.png', 403],
    ['on', '/thumb/20/one.png', '20x15', @key],
    # Mapped by the original's sections.
    ['on', '/small_light(dw=32)/mapped/home.png', '32x24'],
    ['on', '/small_light(dw=32)/linked/one.png', '32x24'],
    # Where it is turned on and off.
    ['on', '/small_light(dw=32)/home/off/one.png', 403],
    ['on', '/home/off/one.png?dw=32', '64x48'],
    ['on', '/home/off/one.png?dw=abc', '64x48'],
    ['sections', '/small_light(dw=32)/home/off/one.png', '32x24'],
    ['sections', '/small_light(dw=32)/home/open/one.png', '32x24'],
    ['sections', '/home/open/small_light(dw=32)/one.png', '32x24'],
    ['sections', '/home/small_light(dw=32)/open/one.png', '32x24'],
    ['sections', '/home/small_light(dw=32)/off/one.png', 404],
    ['directory', '/small_light(dw=32)/home/on/one.png', '32x24'],
    ['directory', '/home/on/small_light(dw=32)/one.png', '32x24'],
    ['directory', '/small_light(dw=32)/home/open/one.png', 404],
    # A query is a page's own.
    ['on', '/home/open/index.html?p=123', 'text/html'],
    ['on', '/home/open/?q=cats', 'text/html'],
    ['on', '/home/open/style.css?q=5', 'text/css'],
    ['on', '/home/open/logo.svg?q=5', 'image/svg+xml'],
    ['on', '/home/open/index.html?dw=abc&p=none', 'text/html'],
    ['on', '/home/open/one.png?p=123', 400],
    ['on', '/home/open/one.png?dw=32', '32x24'],
    ['on', '/far/pictures/home.png?dw=32', '32x24'],
    ['on', '/far/pictures/home.png?dw=abc', 400],
    ['on', '/far/index.html?q=5', 'text/html'],
    # The filter and encoded parentheses.
    ['filter', '/small_light(dw=32)/home/open/one.png', '32x24'],
    ['filter', '/small_light%28dw%3D32%29/home/open/one.png', '32x24'],
    ['filter', '/small%5Flight(dw=32)/home/open/one.png', '32x24'],
    ['filter', '/%73mall_light%28dw=32%29/pictures/home.png', '32x24'],
    ['filter', '/small_light(dw=32/home/open/one.png', 400],
    ['filter', '/small_light/home/open/one.png', 400],
    ['filter', '/small_light%28/home/open/one.png', 400],
    ['filter', '/home/open/one.png', '64x48'],
) {
    my ($host, $url, $want, @headers) = @$case;
    is(size(get($url, Host => "$host.test", @headers)), $want, "$host: $url: $want");
}
is(get('/home/open/plain?dw=10', @on)->content, "no type at all\n", 'a file without a type stays, unless it is a picture');
is(size(get('/home/open/untyped?dw=32', @on)), '32x24', '... and one that is a picture is converted');
my $css = get('/home/open/style.css?q=5', @on);
is(get('/home/open/style.css?q=5', @on, 'If-None-Match' => $css->header('ETag'))->code, 304, "a page's query: 304 by its own tag");
is(get('/home/open/style.css?q=5', @on, Range => 'bytes=0-3')->content, 'a { ', '... and ranges');
my $page = get('/far/index.html?q=5', @on);
is(get('/far/index.html?q=5', @on, 'If-None-Match' => $page->header('ETag'))->code, 304, '... behind a proxy too');
my $both = get('/small_light(dw=20)/home/open/one.png', @on, @key);
is($both->header('X-Section'), 'function', "the function's section counts");
is($both->header('X-Original'), 'yes', "... and the original's");
is($both->header('Cache-Control'), 'max-age=31536000', "... of what both set the function's");
expect_log(qr/TC0001|TC0014|AH01630|AH01797|AH01617|AH01276|AH10410|AH0312[0-9]/);

# ---- by the answer's type, as mod_filter finds it -----------------------------------------------------

my @typed = (Host => 'typed.test');
for my $case (
    ['/home/typed/one.png', '32x24'],
    ['/far/pictures/home.png', '32x24'],
    ['/small_light(dw=16)/home/typed/one.png', '16x12'],
    ['/small_light(dw=16)/home/typed/one.gif', '16x12'],
    ['/small_light(dw=16)/far/pictures/home.png', '16x12'],
) {
    my ($url, $want) = @$case;
    is(size(get($url, @typed)), $want, "by type: $url: $want");
}
is(length get($_, @typed)->content, -s $gif, "by type: $_: as it is") for qw(/home/typed/one.gif /far/pictures/home.gif);
is(get('/home/typed/plain', @typed)->content, "no type at all\n", 'a file of no type is none of them');
my $other = get('/home/typed/page.html', @typed);
is(get('/home/typed/page.html', @typed, 'If-None-Match' => $other->header('ETag'))->code, 304, "a page's tag holds");
is(get('/home/typed/page.html', @typed, Range => 'bytes=0-2')->content, '<p>', '... and its ranges');
unlike(get('/home/typed/one.png', @typed)->header('ETag'), qr/^"/, "the original's strong tag is not that of the answer");

# ---- methods ----------------------------------------------------------------------------------------

for my $method (qw(PUT DELETE PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK POST)) {
    my $answer = request($method, '/small_light(dw=32)/home/dav/one.png', @on, ':content' => 'overwritten');
    is($answer->code, 405, "$method through the function, DAV On: 405");
}
is(-s "$root/dav/one.png", -s $picture, 'the original is untouched');
is(request('POST', '/small_light(dw=32)/home/dav/one.png', Host => 'filter.test', ':content' => 'x')->code, 405, 'POST through the filter: 405');

# ---- caching headers ---------------------------------------------------------------------------------

for my $case (
    ['/small_light(dw=32)/home/open/one.png', 3600],
    ['/small_light(dw=32,of=webp)/home/open/one.png', 10800],
    ['/small_light(dw=32,of=auto)/home/open/one.png', 10800, Accept => 'image/webp'],
    ['/small_light(dw=32,of=jpeg)/home/open/one.gif', 14400],
    ['/small_light(dw=32)/home/open/one.gif', undef],
    ['/home/open/one.gif?dw=32', undef],
    ['/small_light(dw=32,of=webp)/far/pictures/home.png', 10800],
    ['/small_light(dw=640,dh=640,pt=ptss)/home/open/one.gif', 7200],
    ['/small_light(e=dummy)/home/open/one.gif', 7200],
) {
    my ($url, $age, @headers) = @$case;
    my $full = get($url, @on, @headers);
    my $same = get($url, @on, @headers, 'If-None-Match' => $full->header('ETag'));
    is($full->code, 200, $url);
    is($full->header('Cache-Control'), "max-age=$age", "... $age seconds") if $age;
    is($same->code, 304, '... 304');
    is($same->header($_), $full->header($_), "... with the same $_") for qw(Cache-Control ETag Vary);
}
my $vary = get('/small_light(dw=32)/far/pictures/home.png', @on);
is($vary->header('Vary'), 'X-Own', 'a proxied answer does not vary by Accept-Encoding');
done_testing;
