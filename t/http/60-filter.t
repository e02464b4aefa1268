# SPDX-License-Identifier: Apache-2.0
# Originals that another server has: the output filter behind mod_proxy, with the
# two configurations of mod_small_light's manual, and a query instead of the function.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use IO::Compress::Gzip ();
use IO::Socket::INET ();
use JSON::PP ();

mkpicture('filtered.jpg', 400, 300, seed => 5, quality => 90);
mkpicture('filtered.png', 64, 48, kind => 'quad');
my $file = docroot() . '/pictures/filtered.jpg';
my $bytes = do { local (@ARGV, $/) = $file; <> };

# ---- the servers that have the originals -------------------------------------------------

my $origin = TmpfsConvertTest::Httpd->new(plain => 1, conf => <<"CONF");
Alias "/tagless/" "@{[docroot()]}/pictures/"
<Location "/tagless/">
    FileETag None
    Header set Content-MD5 "of-the-original"
</Location>
Redirect 301 /moved/ /pictures/
ErrorDocument 404 "no such picture, says the server that has them"
CONF

# What no sound server sends: each path an answer, byte for byte, and then the end.
my $half = substr $bytes, 0, length($bytes) / 2;
IO::Compress::Gzip::gzip(\$bytes, \my $packed);
sub chunked { my ($all, $end) = @_; return join '', (map { sprintf("%x\r\n%s\r\n", length, $_) } $all =~ /(.{1,5000})/gs), $end }
my %answer = (
    '/short.jpg'   => "Content-Length: @{[length $bytes]}\r\n\r\n$half",
    '/cut.jpg'     => "Transfer-Encoding: chunked\r\n\r\n" . chunked($half, ''),
    '/chunked.jpg' => "Transfer-Encoding: chunked\r\n\r\n" . chunked($bytes, "0\r\n\r\n"),
    '/closed.jpg'  => "\r\n$bytes",
    '/gzip.jpg'    => "Content-Encoding: gzip\r\nContent-Length: @{[length $packed]}\r\n\r\n$packed",
    '/page.html'   => "Content-Type: text/html\r\nContent-Length: 14\r\n\r\n<h1>hello</h1>",
    '/empty.jpg'   => "Content-Length: 0\r\n\r\n",
);
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 20, ReuseAddr => 1) or die $@;
my $odd_port = $listener->sockport;
my $odd = fork // die "fork: $!";
if (!$odd) {
    while (my $client = $listener->accept) {
        my ($path) = (<$client> // '') =~ m{ (\S+) };
        while (defined(my $line = <$client>)) { last if $line eq "\r\n" }
        print $client "HTTP/1.1 200 OK\r\nConnection: close\r\n$answer{$path}" if $answer{$path};
        close $client;
    }
    POSIX::_exit(0);
}
close $listener;
END { local $?; if ($odd) { kill KILL => $odd; waitpid $odd, 0 } }

# ---- the server under test ------------------------------------------------------------------

my $front = TmpfsConvertTest::Httpd->new(conf => sub {
    my $temp = $_[0]->temp_dir;
    return <<"CONF";
TmpfsConvertTempDir "$temp"
TmpfsConvertTempMethod tmpfile
TmpfsConvertMaxSource 200K
SmallLightPatternDefine thumb "dw=60,dh=60,da=s,cw=60,ch=60"
<Location "/tmpstat">
    SetHandler tmpstat
</Location>

# The manual's first example: the originals are here.
RewriteEngine On
RewriteRule ^/small_light[^/]*/(pictures/.+)\$ /\$1
# The second: they are on another server.
RewriteRule ^/small_light[^/]*/far/(.+)\$ http://127.0.0.1:@{[$origin->port]}/\$1 [P,L]
RewriteRule ^/small_light[^/]*/odd/(.+)\$ http://127.0.0.1:$odd_port/\$1 [P,L]
<LocationMatch "^/small_light[^/]*/">
    SetOutputFilter SMALL_LIGHT
</LocationMatch>

# And with the words of this module.
<Location "/ours/">
    TmpfsConvert On
    ProxyPass "http://127.0.0.1:@{[$origin->port]}/"
</Location>
<Location "/query/">
    TmpfsConvertQuery On
    ProxyPass "http://127.0.0.1:@{[$origin->port]}/"
</Location>
Alias "/files/" "@{[docroot()]}/pictures/"
<Location "/files/">
    TmpfsConvertQuery On
</Location>
<Location "/always/">
    SetOutputFilter TMPFS_CONVERT
    TmpfsConvertDefaults dw=50
    ProxyPass "http://127.0.0.1:@{[$origin->port]}/"
</Location>
<Location "/prefixed/">
    TmpfsConvert On
    TmpfsConvertRedirectPrefix /again/%s
    ProxyPass "http://127.0.0.1:@{[$origin->port]}/"
</Location>
<Location "/spooled/">
    TmpfsConvert On
    TmpfsConvertSpoolMemory 0
    ProxyPass "http://127.0.0.1:@{[$origin->port]}/"
</Location>
CONF
});
server($front);

sub picture_is {
    my ($answer, $format, $width, $height, $what) = @_;
    my $seen = probe($answer);
    is($answer->code, 200, $what);
    is("@$seen{qw(format width height)}", "$format $width $height", '... of the right size');
    is($answer->content_type, "image/$format", '... and type');
    is($answer->content_length, length $answer->content, '... and length');
    return;
}

# ---- pictures -------------------------------------------------------------------------------------

for my $case (
    ['/small_light(dw=100)/pictures/filtered.jpg', jpeg => 100, 75],
    ['/small_light(p=thumb)/pictures/filtered.jpg', jpeg => 60, 60],
    ['/small_light(dw=100)/far/pictures/filtered.jpg', jpeg => 100, 75],
    ['/small_light(dw=32,of=jpg)/far/pictures/filtered.png', jpeg => 32, 24],
    ['/small_light(p=thumb)/far/pictures/filtered.jpg', jpeg => 60, 60],
    ['/small_light(dw%3D100)/far/pictures/filtered.jpg', jpeg => 100, 75],
    ['/small_light(dw=100)/odd/chunked.jpg', jpeg => 100, 75],
    ['/small_light(dw=100)/odd/closed.jpg', jpeg => 100, 75],
    ['/small_light(dw=100)/odd/gzip.jpg', jpeg => 100, 75],
    ['/ours/small_light(dw=80)/pictures/filtered.jpg', jpeg => 80, 60],
    ['/query/pictures/filtered.jpg?dw=80&of=png', png => 80, 60],
    ['/query/pictures/filtered.jpg?x=1&DW=80', jpeg => 80, 60],
    ['/files/filtered.jpg?dw=80', jpeg => 80, 60],
    ['/always/pictures/filtered.jpg', jpeg => 50, 38],
    ['/always/small_light(dw=70)/../pictures/filtered.jpg', jpeg => 70, 53],
    ['/spooled/small_light(dw=100)/pictures/filtered.jpg', jpeg => 100, 75],
) {
    picture_is(get($case->[0]), @$case[1 .. 3], $case->[0]);
}
is(get('/small_light(dw=100)/far/pictures/filtered.jpg')->content,
    get('/small_light(dw=100)/pictures/filtered.jpg')->content,
    'from another server the same bytes as from a file');
is(get('/spooled/small_light(dw=100)/pictures/filtered.jpg')->content,
    get('/small_light(dw=100)/pictures/filtered.jpg')->content, 'through temporary files too');
for my $url ('/query/pictures/filtered.jpg', '/query/pictures/filtered.jpg?x=1', '/files/filtered.jpg?y=dw',
    '/small_light(e=dummy)/far/pictures/filtered.jpg', '/small_light(e=dummy)/pictures/filtered.jpg') {
    is(get($url)->content, $bytes, "$url: the original, byte for byte");
}

# ---- headers -------------------------------------------------------------------------------------------

my $url = '/small_light(dw=100)/far/pictures/filtered.jpg';
my $answer = get($url, Range => 'bytes=0-99', 'Accept-Encoding' => 'gzip');
picture_is($answer, jpeg => 100, 75, 'a range and gzip are not asked of the other server');
my $tag = $answer->header('ETag');
my $original = get($origin->url . '/pictures/filtered.jpg');
like($tag, qr{^W/"[^"]+-[0-9a-f]{12}"$}, 'a weak ETag');
isnt(get('/small_light(dw=101)/far/pictures/filtered.jpg')->header('ETag'), $tag,
    '... another for another size');
is($answer->header('Last-Modified'), $original->header('Last-Modified'), "the original's date");
is($answer->header('Accept-Ranges'), undef, 'no ranges are offered');
is(get($url, 'If-None-Match' => $tag)->code, 304, 'If-None-Match with it is 304');
is(get($url, 'If-None-Match' => "\"x\", $tag")->header('ETag'), $tag, '... which has it too');
is(get($url, 'If-None-Match' => $original->header('ETag'))->code, 200, "the original's own tag is none of ours");
is(get($url, 'If-None-Match' => '"other"', 'If-Modified-Since' => $answer->header('Last-Modified'))->code,
    200, '... and where a tag differs the date does not count');
is(get($url, 'If-Modified-Since' => $answer->header('Last-Modified'))->code, 200, '... nor without tags');
my $tagless = get('/small_light(dw=100)/far/tagless/filtered.jpg');
is($tagless->header('ETag'), undef, 'an original without a tag has none');
is($tagless->header('Content-MD5'), undef, "the original's Content-MD5 is gone");
my $head = head($url);
is($head->code, 200, 'HEAD');
is($head->content, '', '... has no body');
is($head->content_type, 'image/jpeg', '... the type');
is($head->header('ETag'), $tag, '... the tag');
is($head->header('Content-Length'), undef, "... and not the original's length");
is(head('/small_light(dw=100,of=png)/far/pictures/filtered.jpg')->content_type, 'image/png',
    '... and the format that was named');
like(get('/small_light(dw=100,info=1)/far/pictures/filtered.jpg')->header('X-SmallLight-Description'),
    qr/^transfer=\d+ms/, 'info=1');
is(request('POST', '/query/pictures/filtered.jpg?dw=80', ':content' => 'x')->content_type, 'image/jpeg',
    'POST is not converted');

# ---- answers that are no pictures ----------------------------------------------------------------

my $missing = get('/small_light(dw=100)/far/pictures/none.jpg');
is($missing->code, 404, "the other server's 404");
like($missing->content, qr/says the server that has them/, '... in its own words');
my $moved = get('/small_light(dw=100)/far/moved/filtered.jpg');
is($moved->code, 301, 'its redirect');
is($moved->header('Location'), 'http://127.0.0.1:' . $origin->port . '/pictures/filtered.jpg',
    '... goes where it said');
is(get('/prefixed/small_light(dw=100)/moved/filtered.jpg')->header('Location'),
    '/again/small_light(dw=100)/pictures/filtered.jpg', 'TmpfsConvertRedirectPrefix');
for my $case (
    ['/small_light(dw=100)/odd/short.jpg', 502, qr/TC0017: .*broke off after \d+/],
    ['/small_light(dw=100)/odd/cut.jpg', 502, qr/TC0017: .*broke off after \d+/],
    ['/small_light(dw=100)/odd/page.html', 415, qr/TC0002/],
    ['/small_light(dw=100)/odd/empty.jpg', 415, qr/TC0002/],
    ['/small_light(dw=abc)/far/pictures/filtered.jpg', 400, qr/TC0001: .*dw=abc/],
    ['/small_light(dw=abc)/pictures/filtered.jpg', 400, qr/TC0001: .*dw=abc/],
    ['/small_light(p=none)/far/pictures/filtered.jpg', 400, qr/TC0001: .*p=none/],
    ['/query/pictures/filtered.jpg?dw=abc', 400, qr/TC0001: .*dw=abc/],
) {
    my ($url, $code, $line) = @$case;
    my $mark = log_mark();
    my $refused = get($url);
    is($refused->code, $code, "$url: $code");
    unlike($refused->content, qr/\xff\xd8|<h1>hello/, '... without a byte of the original');
    is(scalar(error_log_lines($mark, $line)), 1, '... and one line that says why')
        or diag join "\n", error_log_lines($mark);
    expect_log($line);
}
expect_log(qr/AH01110|AH02609|AH01102|AH10134|proxy_http|proxy:error/);
mkpicture('toolarge.png', 900, 700, seed => 3);
is(get('/small_light(dw=100)/far/pictures/toolarge.png')->code, 413, 'over TmpfsConvertMaxSource: 413');
expect_log(qr/TC0006/);
no_leftovers();

# ---- what is counted ------------------------------------------------------------------------------------

my $now = JSON::PP->new->utf8->decode(get('/tmpstat?json')->content);
my %reason = map { $_->{reason} => $_->{errors} } @{ $now->{errors}{by_reason} };
is($reason{upstream}, 2, 'originals that broke off are counted');
is($now->{temp}{by_dir}[0]{temp_files_open}, 0, 'no temporary file is open');

done_testing;
