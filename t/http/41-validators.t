# SPDX-License-Identifier: Apache-2.0
# What a client's copy is worth after the configuration changed: entity tags know, dates do
# not. And FileETag.
# Under event only: headers; 40-http runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);

my $root = docroot() . '/valid';
remove_tree($root);
make_path(map { "$root/$_" } qw(pictures icons named default none size inode digest));
my $picture = docroot() . mkpicture('valid.png', 64, 48, kind => 'quad');
my $icon    = docroot() . mkpicture('icon.png', 8, 8, kind => 'quad');
my $other   = docroot() . mkpicture('icon2.png', 8, 8, kind => 'flat');
copy($picture, "$root/$_/one.png") or die $! for qw(pictures named default none size inode digest);
copy($icon, "$root/icons/mark.png") or die $!;
my $long_ago = time - 50_000;
utime $long_ago, $long_ago, glob "$root/*/*.png";

my $origin = TmpfsConvertTest::Httpd->new(plain => 1, conf => <<"CONF");
<Location "/valid/none/">
    FileETag None
</Location>
CONF
my $far = 'http://127.0.0.1:' . $origin->port;

# ---- the same URLs before and after --------------------------------------------------------------

my $changing;
my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
    my $home = $_[0]->root;
    mkdir "$home/cache";
    chmod 0777, "$home/cache";
    $changing = "$home/changing.conf";
    change('dw=32', 'dw=30');
    return <<"CONF";
TmpfsConvert On
TmpfsConvertQuery On
AddType text/css .css
TmpfsConvertMaterialDir "$root/icons"
Include "$changing"
RewriteEngine On
RewriteRule ^/thumb/(.*)\$ /small_light(p=changing)/valid/pictures/\$1 [PT]
RewriteRule ^/old/small_light[^/]*/(.*)\$ /valid/pictures/\$1
<LocationMatch "^/old/small_light">
    TmpfsConvert Off
    SetOutputFilter SMALL_LIGHT
</LocationMatch>
ProxyPass /far/ $far/valid/
<Location "/far/default/">
    SetOutputFilter TMPFS_CONVERT
</Location>
<Directory "$root/named">
    SetHandler tmpfs-convert
</Directory>
CONF
});
server($httpd);

sub change {
    my ($pattern, $default) = @_;
    open my $out, '>', $changing or die "$changing: $!";
    print $out <<"CONF";
TmpfsConvertPattern changing "$pattern"
<LocationMatch "/(named|default)/">
    TmpfsConvertDefaults "$default"
</LocationMatch>
CONF
    close $out or die;
    return;
}

my @urls = (
    '/small_light(p=changing)/valid/pictures/one.png',
    '/valid/pictures/one.png?p=changing',
    '/thumb/one.png',
    '/old/small_light(p=changing)/one.png',
    '/small_light(p=changing)/far/pictures/one.png',
    '/far/pictures/one.png?p=changing',
    '/small_light(p=changing)/far/none/one.png',
    '/small_light(dw=32,embedicon=mark.png)/valid/pictures/one.png',
    '/small_light(dw=32,embedicon=mark.png)/far/pictures/one.png',
    '/valid/named/one.png',
    '/far/default/one.png',
);
my %before = map { $_ => get($_) } @urls;
is($before{$_}->code, 200, "$_: before") for @urls;

sub graceful {
    my $generation = () = $httpd->log_text =~ /resuming normal/g;
    $httpd->graceful;
    for (1 .. 600) {
        last if (() = $httpd->log_text =~ /resuming normal/g) > $generation;
        select undef, undef, undef, 0.05;
    }
    return;
}

# An icon that is not newer than the original: no date tells of it.
change('dw=16', 'dw=15');
copy($other, "$root/icons/mark.png") or die $!;
utime $long_ago - 10_000, $long_ago - 10_000, "$root/icons/mark.png";
graceful();

my $date = $before{ $urls[0] }->header('Last-Modified');
for my $url (@urls) {
    my ($tag, $old) = (scalar $before{$url}->header('ETag'), $before{$url}->content);
    my $now = get($url);
    # Children of before may still serve for a moment.
    for (1 .. 200) {
        last if $now->content ne $old;
        select undef, undef, undef, 0.05;
        $now = get($url);
    }
    isnt($now->content, $old, "$url: another picture now");
    for my $case (
        ['a date', 200, 'If-Modified-Since' => $date],
        ['a later date', 200, 'If-Modified-Since' => $before{$url}->header('Date')],
        ['the old tag', 200, $tag ? ('If-None-Match' => $tag) : ()],
        ['the old tag and a date', 200, $tag ? ('If-None-Match' => $tag) : (), 'If-Modified-Since' => $date],
        ['a part, by a date', 200, Range => 'bytes=10-19', 'If-Range' => $date],
        ['a part, unmodified since', 200, Range => 'bytes=10-19', 'If-Unmodified-Since' => $date],
        ['the new tag', $now->header('ETag') ? 304 : 200, 'If-None-Match' => $now->header('ETag') // '"none"'],
        ['the new tag and a date', $now->header('ETag') ? 304 : 200, 'If-None-Match' => $now->header('ETag') // '"none"', 'If-Modified-Since' => $date],
    ) {
        my ($what, $code, @headers) = @$case;
        my $answer = get($url, @headers);
        is($answer->code, $code, "... $what: $code");
        is($answer->content, $now->content, '... the whole of it') if $code == 200;
    }
}
is(get('/small_light(dw=32)/valid/pictures/one.png', 'If-Unmodified-Since' => 'Mon, 01 Jan 2001 00:00:00 GMT')->code,
    412, 'that the original is newer a date does tell');

# Other files keep their conditions by date.
open my $out, '>', "$root/pictures/style.css" or die $!;
print $out "a { b: c }\n";
close $out;
utime $long_ago, $long_ago, "$root/pictures/style.css";
for my $url ('/valid/pictures/style.css?q=5', '/valid/pictures/one.png', '/valid/pictures/one.png?x=1') {
    is(get($url, 'If-Modified-Since' => $date)->code, 304, "$url: a date counts");
}
# ... behind a proxy too, where its name tells.
is(get('/far/pictures/style.css?q=5', 'If-Modified-Since' => $date)->code, 304, '/far/pictures/style.css?q=5: a date counts');

# ---- mod_cache ------------------------------------------------------------------------------------

for my $quick (qw(On Off)) {
    my $cached = TmpfsConvertTest::Httpd->new(conf => sub {
        my $home = $_[0]->root;
        mkdir "$home/cache";
        chmod 0777, "$home/cache";
        return <<"CONF";
TmpfsConvert On
TmpfsConvertQuery On
CacheRoot "$home/cache"
CacheQuickHandler $quick
CacheEnable disk /
Header set Cache-Control max-age=3600
CONF
    });
    server($cached);
    for my $url ('/small_light(dw=32)/valid/pictures/one.png', $quick eq 'Off' ? '/valid/pictures/one.png?dw=32' : ()) {
        my $full = get($url);
        is(get($url, 'If-Modified-Since' => $date)->code, 200, "CacheQuickHandler $quick: $url: a date is no condition");
        is(get($url, 'If-None-Match' => $full->header('ETag'))->code, 304, '... a tag is');
    }
}

# ---- FileETag ----------------------------------------------------------------------------------------

my $tagged = TmpfsConvertTest::Httpd->new(conf => <<"CONF");
TmpfsConvert On
<Directory "$root/none">
    FileETag None
</Directory>
<Directory "$root/size">
    FileETag Size
</Directory>
<Directory "$root/inode">
    FileETag INode
</Directory>
<Directory "$root/digest">
    FileETag Digest
</Directory>
CONF
server($tagged);

# Columns: whether the tag stays when the file is touched, when it is replaced by a copy of
# the same date, and when a byte of it changes and neither size nor date do.
my $flip = "$root/flip.png";
for my $case (
    ['named', 0, 1, 1], ['size', 1, 1, 1], ['inode', 1, 0, 1], ['digest', 1, 1, 0],
) {
    my ($name, @stays) = @$case;
    my ($file, $url) = ("$root/$name/one.png", "/small_light(dw=32)/valid/$name/one.png");
    my $tag = get($url)->header('ETag');
    like($tag, qr/^"[0-9a-f]{24}"$/, "$name: a strong tag");
    isnt($tag, get("/valid/$name/one.png")->header('ETag'), "... not the original's");
    isnt(get("/small_light(dw=31)/valid/$name/one.png")->header('ETag'), $tag, '... another for another size');
    is(get($url, 'If-None-Match' => $tag)->code, 304, '... 304 by it');
    my @does = (
        sub { utime $long_ago + 5, $long_ago + 5, $file },
        sub { copy($file, $flip); utime $long_ago + 5, $long_ago + 5, $flip; rename $flip, $file },
        # A byte behind the end of the picture.
        sub { open my $io, '+<', $file or die $!; seek $io, -1, 2; print $io "\x83"; close $io; utime $long_ago + 5, $long_ago + 5, $file },
    );
    for my $step (0 .. 2) {
        $does[$step]->();
        my $now = get($url)->header('ETag');
        my $what = (qw(touched replaced changed))[$step];
        if ($stays[$step]) { is($now, $tag, "... $what: the same") }
        else { isnt($now, $tag, "... $what: another") }
        $tag = $now;
    }
}
my $none = get('/small_light(dw=32)/valid/none/one.png');
is($none->code, 200, 'FileETag None');
is($none->header('ETag'), undef, '... no tag');
is($none->header('Last-Modified'), get('/valid/none/one.png')->header('Last-Modified'), "... the original's date");
is(get('/small_light(dw=32)/valid/none/one.png', 'If-Modified-Since' => $date)->code, 200, '... which is no condition');

done_testing;
