# SPDX-License-Identifier: Apache-2.0
# TmpfsConvertPatternOnly: a pattern's name and nothing else, however it is asked.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;

my $picture = mkpicture('only.jpg', 400, 300);
my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
    my ($self) = @_;
    return <<"CONF";
TmpfsConvert On
TmpfsConvertQuery On
TmpfsConvertPatternOnly On
TmpfsConvertPattern thumb "dw=60,q=70"
TmpfsConvertPattern wide "dw=200"
Alias /preset/ "$self->{documents}/pictures/"
Alias /free/ "$self->{documents}/pictures/"
<Location /preset/>
    SetHandler tmpfs-convert
    TmpfsConvertDefaults "p=wide,q=60"
</Location>
<Location /free/>
    TmpfsConvertPatternOnly Off
</Location>
ProxyPass /far/ http://127.0.0.1:$self->{port}/pictures/
CONF
});
server($httpd);

my @good = (
    ["/small_light(p=thumb)$picture", 60, 'a pattern'],
    ["/small_light(P=thumb)$picture", 60, '... in capitals'],
    ["/small_light(p=wide,p=thumb)$picture", 60, '... named twice'],
    ["/small_light(p=thumb,info=1)$picture", 60, '... with what does not change the picture'],
    ["/small_light(p=thumb,dw=)$picture", 60, '... with a parameter that has no value'],
    ["$picture?p=thumb", 60, '... as a query'],
    ["$picture?p=thumb&utm=1", 60, '... among keys of others'],
    ['/small_light(p=thumb)/far/only.jpg', 60, '... of an original elsewhere'],
    ['/preset/only.jpg', 200, 'a pattern by the configuration'],
    ['/small_light()/preset/only.jpg', 200, '... with a call that asks for nothing'],
    ['/small_light(p=thumb)/preset/only.jpg', 60, '... or for another pattern'],
    ['/small_light(dw=100)/free/only.jpg', 100, 'anything, where it is Off'],
);
for my $case (@good) {
    my ($url, $width, $what) = @$case;
    my $answer = get($url);
    is($answer->code, 200, $what);
    is(probe($answer)->{width}, $width, '... converted');
}

my @bad = (
    ["/small_light(dw=60)$picture", 'a size'],
    ["/small_light(p=thumb,dw=61)$picture", 'a size beside a pattern'],
    ["/small_light(p=thumb;q=71)$picture", 'a quality'],
    ["/small_light(p=thumb,%71=71)$picture", '... hidden'],
    ["/small_light(p=thumb,e=dummy)$picture", 'an engine'],
    ["/small_light(p=thumb,nonsense=1)$picture", 'an unknown parameter'],
    ["$picture?dw=60", 'a query'],
    ["$picture?p=thumb&q=71", '... beside a pattern'],
    ['/small_light(p=thumb,dw=61)/far/only.jpg', 'an original elsewhere'],
    ['/small_light(q=61)/preset/only.jpg', 'where the configuration names a pattern'],
);
for my $case (@bad) {
    my ($url, $what) = @$case;
    my $answer = get($url);
    is($answer->code, 403, $what);
    like($answer->content, qr/only a pattern may be asked for here, p=NAME/, '... and the answer says why');
}
is(scalar(error_log_lines(qr/:warn\].*TC0032: /)), scalar @bad, 'one line each in the log');
is(get("/small_light(p=none)$picture")->code, 400, 'an unknown pattern is 400');
expect_log(qr/TC0032|TC0001/);
no_leftovers();
server(TmpfsConvertTest::Httpd->shared);

done_testing;
