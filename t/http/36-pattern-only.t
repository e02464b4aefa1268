# SPDX-License-Identifier: Apache-2.0
# TmpfsConvertPatternOnly: a pattern's name and nothing else, however it is asked.
# Under event only: configuration and parsing; 30-url runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;

my $picture = mkpicture('only.jpg', 400, 300);
my $origin = TmpfsConvertTest::Httpd->new(plain => 1);
my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
    my ($self) = @_;
    return <<"CONF";
TmpfsConvert On
TmpfsConvertQuery On
TmpfsConvertPatternOnly On
TmpfsConvertPattern thumb "dw=60,q=70"
TmpfsConvertPattern wide "dw=200"
TmpfsConvertPattern list "sizes=50x50c:80x80,dw=10"
Alias /preset/ "$self->{documents}/pictures/"
Alias /queried/ "$self->{documents}/pictures/"
Alias /free/ "$self->{documents}/pictures/"
<Location /preset/>
    SetHandler tmpfs-convert
    TmpfsConvertDefaults "p=wide,q=60"
</Location>
<Location /free/>
    TmpfsConvertPatternOnly Off
</Location>
<LocationMatch "^/quer(?:ies|ied)/">
    TmpfsConvertPatternQuery On
</LocationMatch>
Alias /longer/ "$self->{documents}/pictures/"
<Location /longer/>
    AcceptPathInfo On
</Location>
<Location /made/>
    SetOutputFilter TMPFS_CONVERT
    TmpfsConvertDefaults "p=wide"
</Location>
RewriteEngine On
RewriteRule ^/pretty/(.*) /pictures/\$1?x=1 [PT]
RewriteRule ^/thumbs/(.*) /pictures/\$1?p=thumb [PT]
RewriteRule ^/mixed/(.*) /pictures/\$1?p=thumb [PT,QSA]
RewriteCond %{QUERY_STRING} id=([a-z]+)
RewriteRule ^/found\$ /pictures/%1.jpg? [PT]
RewriteCond %{QUERY_STRING} id=([a-z]+)
RewriteRule ^/queries/found\$ /queried/%1.jpg? [PT]
ProxyPassMatch ^/(?:far|queries|made)/(.*) http://127.0.0.1:@{[$origin->port]}/pictures/\$1
CONF
});
server($httpd);

my @good = (
    ["/small_light(p=thumb)$picture", 60, 'a pattern'],
    ["/small_light(p=thumb,info=1)$picture", 60, '... with what does not change the picture'],
    ["$picture?p=thumb", 60, '... as a query'],
    ["/small_light(p=list,as=80x60)$picture", 80, '... with one of its sizes'],
    ["/small_light(p=list,as=50x50)$picture", 50, '... or another'],
    ["$picture?p=list&as=80x60", 80, '... as a query'],
    ["/small_light(p=list,as=80x60,info=1)$picture", 80, '... with what does not change the picture'],
    ["/small_light(p=list)$picture", 10, '... or with none'],
    ["$picture?p=thumb&info=1", 60, '... with what does not change the picture'],
    ['/small_light(p=thumb)/far/only.jpg', 60, '... of an original elsewhere'],
    ['/preset/only.jpg', 200, 'a pattern by the configuration'],
    ['/small_light()/preset/only.jpg', 200, '... with a call that asks for nothing'],
    ['/small_light(p=thumb)/preset/only.jpg', 60, '... or for another pattern'],
    ['/small_light(dw=100)/free/only.jpg', 100, 'anything, where it is Off'],
    ['/small_light(p=thumb,,P=thumb)/free/only.jpg?x=1', 60, '... in any spelling'],
    ['/pictures/small_light(p=thumb)/only.jpg', 60, 'the function further behind'],
    ['/small_light(p=thumb)/queries/only.jpg?x=1', 60, 'a query for an original elsewhere where PatternQuery is On'],
    ['/queries/only.jpg?x=1&p=thumb', 60, '... beside a pattern'],
    ['/small_light(p=thumb)/queries/found?id=only', 60, '... of a file that a rule finds by it'],
    ['/made/only.jpg', 200, 'an original elsewhere by the configuration'],
    ['/small_light(p=thumb)/longer/only.jpg', 60, 'where a path behind the name is allowed'],
    ['/small_light(p=thumb)/pretty/only.jpg', 60, 'where a rule takes the query'],
    ['/thumbs/only.jpg', 60, 'where a rule names the pattern'],
);
for my $case (@good) {
    my ($url, $width, $what) = @$case;
    my $answer = get($url);
    is($answer->code, 200, $what);
    is(probe($answer)->{width}, $width, '... converted');
}

# One URL a picture: all others are redirected to it.
my $one = "/small_light(p=thumb)$picture";
my @moved = (
    ["/small_light(P=thumb)$picture", $one, 'in capitals'],
    ["/small_light(p=thumb,p=thumb)$picture", $one, 'named twice'],
    ["/small_light(p=wide,p=thumb)$picture", $one, 'another one named before'],
    ["/small_light(p=thumb,,,)$picture", $one, 'more commas'],
    ["/small_light(;p=thumb)$picture", $one, '... or semicolons'],
    ["/small_light(%20p%20=%09thumb)$picture", $one, 'blanks'],
    ["/small_light(p=th%75mb)$picture", $one, 'an encoded letter'],
    ["/small_light(p=thumb,dw=)$picture", $one, 'a parameter that has no value'],
    ["/small_light(p=thumb,info=0)$picture", $one, 'what is so anyway'],
    ["/small_light(info=1,p=thumb)$picture", "/small_light(p=thumb,info=1)$picture", 'another order'],
    ["/small_light(as=80x60,p=list)$picture", "/small_light(p=list,as=80x60)$picture", '... of a size'],
    ["/small_light(p=list,as=50x50,AS=80x60)$picture", "/small_light(p=list,as=80x60)$picture", 'a size named twice'],
    ["$picture?as=80x60&p=list&x=1", "$picture?p=list&as=80x60", '... in a query'],
    ["/%73mall%5flight%28p=thumb%29$picture", $one, 'the function encoded'],
    ["/.$one", $one, 'a dot before it'],
    ["/pictures/..$one", $one, '... or two'],
    [$one =~ s{/only}{/.//./only}r, $one, 'dots within'],
    [$one =~ s{only}{%6Fnl%79}r, $one, 'letters encoded'],
    ["$one?x=1", $one, 'a query'],
    ["$one?", $one, '... an empty one'],
    ["$picture?p=thumb&utm=1", "$picture?p=thumb", 'a query with keys of others'],
    ["$picture?x&p=thumb&", "$picture?p=thumb", '... and signs'],
    ["$picture?p=wide&p=%74humb", "$picture?p=thumb", '... and letters encoded'],
    ['/preset/only.jpg?x=1', '/preset/only.jpg', 'a query where the configuration names a pattern'],
    ['/preset/./only.jpg', '/preset/only.jpg', '... or a dot'],
    ['/small_light(,)/preset/only.jpg', '/small_light()/preset/only.jpg', '... or a comma'],
    ['/small_light(p=thumb)/far//only.jpg', '/small_light(p=thumb)/far/only.jpg', 'slashes, of an original elsewhere'],
    ['/queries/only.jpg?p=wide&p=thumb', '/queries/only.jpg?p=thumb', '... named twice'],
    ['/made/.//only.jpg', '/made/only.jpg', '... by the configuration'],
    ['/thumbs/only.jpg/../only.jpg', '/thumbs/only.jpg', 'where a rule names the pattern'],
    ['/thumbs/only.jpg?x=1', '/thumbs/only.jpg', '... and drops the query'],
    ['/mixed/only.jpg?x=1', '/mixed/only.jpg', '... or adds it'],
    ['/mixed/only.jpg?x=1&p=wide&p=thumb', '/mixed/only.jpg?p=thumb', '... with another pattern in it'],
    ['/small_light(p=thumb)/found?id=only&x=1', '/small_light(p=thumb)/found', 'where a rule finds a file by its query', 404],
);
for my $case (@moved) {
    my ($url, $to, $what, $then) = @$case;
    my $answer = get($url);
    is($answer->code, 302, $what);
    is($answer->header('Location'), $to, '... is redirected to the one URL');
    is($answer->header('Cache-Control'), 'no-store', '... which no cache keeps');
    is(get($to)->code, $then // 200, '... which is good');
}
is(head("$one?x=1")->code, 302, 'HEAD is redirected too');
is(get("/small_light(p=thumb)/pictures/none.jpg")->code, 404, 'what is not there is 404');
like(raw("GET http://127.0.0.1$one HTTP/1.0\r\n\r\n"), qr{^HTTP/1.1 200 }, 'an absolute URI is the same URL');
like(raw("GET /$one HTTP/1.0\r\n\r\n"), qr{^HTTP/1.1 (?:200|302) }, 'slashes before it');

for my $size (qw(81x60 80x61 79x60 80x59 50x51 400x300 1x1 60x80)) {
    my $answer = get("/small_light(p=list,as=$size)$picture");
    is($answer->code, 404, "as=$size is not one of the pattern's sizes: 404");
    like($answer->content, qr/as=$size: not a size of this picture, 400x300/, '... and the answer says so');
}
for my $params ('p=list,as=080x60', 'p=list,as=80x60x1', 'p=list,as=0x0', 'p=thumb,as=60x45') {
    is(get("/small_light($params)$picture")->code, 400, "$params is 400");
}
is(get("/small_light(p=list,as=80x60,sizes=70x70)$picture")->code, 403, 'a list of sizes is for the pattern');
is(scalar(error_log_lines(qr/:warn\].*TC0037/)), 0, 'sizes that do not exist are no warning');
is(scalar(error_log_lines(qr/:info\].*TC0037: /)), 8, '... but are logged');
my $refused = () = error_log_lines(qr/:warn\].*TC0032: /);

my @bad = (
    ["/small_light(dw=60)$picture", 'a size'],
    ["/small_light(p=thumb,dw=61)$picture", 'a size beside a pattern'],
    ["/small_light(p=thumb;q=71)$picture", 'a quality'],
    ["/small_light(p=thumb,%71=71)$picture", '... hidden'],
    ["/small_light(p=thumb,e=dummy)$picture", 'an engine'],
    ["/small_light(p=list,as=80x60,q=71)$picture", 'a quality beside a size'],
    ["/small_light(sizes=80x80,as=80x60)$picture", 'a list of sizes without a pattern'],
    ["/small_light(p=thumb,nonsense=1)$picture", 'an unknown parameter'],
    ["$picture?dw=60", 'a query'],
    ["$picture?p=thumb&q=71", '... beside a pattern'],
    ['/small_light(p=thumb,dw=61)/far/only.jpg', 'an original elsewhere'],
    ['/small_light(q=61)/preset/only.jpg', 'where the configuration names a pattern'],
);
my @behind = (
    ['/small_light(p=thumb)/longer/only.jpg/x', 'a path behind the name'],
    ['/longer/only.jpg/x?p=thumb', '... and the pattern in a query'],
);
my @queries = (
    ['/small_light(p=thumb)/far/only.jpg?x=1', 'a query for an original elsewhere'],
    ['/far/only.jpg?x=1&p=thumb', '... beside the pattern'],
    ['/made/only.jpg?x=1', '... where the configuration names one'],
);
for my $case (@queries) {
    my ($url, $what) = @$case;
    my $answer = get($url);
    is($answer->code, 403, $what);
    like($answer->content, qr/needs TmpfsConvertPatternQuery On, or a signature/, '... and the answer says why');
}
for my $case (@behind) {
    my ($url, $what) = @$case;
    my $answer = get($url);
    is($answer->code, 403, $what);
    like($answer->content, qr/a path after a file's name is not converted here/, '... and the answer says why');
}
for my $case (@bad) {
    my ($url, $what) = @$case;
    my $answer = get($url);
    is($answer->code, 403, $what);
    like($answer->content, qr/only p=NAME, a pattern, is allowed here/, '... and the answer says why');
}
is(scalar(error_log_lines(qr/:warn\].*TC0032: /)), @bad + @queries + @behind + $refused, 'one line each in the log');
is(get("/small_light(p=none)$picture")->code, 400, 'an unknown pattern is 400');
expect_log(qr/TC0032|TC0001/);
no_leftovers();
server(TmpfsConvertTest::Httpd->shared);

done_testing;
