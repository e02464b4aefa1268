# SPDX-License-Identifier: Apache-2.0
# conf/tmpfs_convert_cache.conf behind access rules: what one client may see no other gets
# from the cache, whole or converted, and what is a user's own is not stored.
# Under event only: access rules; 30-url has them under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Digest::SHA qw(sha1_base64);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use MIME::Base64 ();

my $root = docroot() . '/cached';
my $picture = docroot() . mkpicture('cached.png', 64, 48, kind => 'quad');
remove_tree($root);
for my $dir (qw(open inside basic both users private nostore cookies)) {
    make_path("$root/$dir");
    copy($picture, "$root/$dir/one.png") or die $!;
    utime time - 5000, time - 5000, "$root/$dir/one.png";
    for my $name (qw(draw.php page.php)) {
        open my $out, '>', "$root/$dir/$name" or die $!;
        print $out "program\n";
        close $out;
    }
    copy($picture, "$root/$dir/draw.php.out") or die $!;
}
my $passwords = "$TmpfsConvertTest::Site::ROOT/build/t/cached-passwords-" . mpm();
open my $users, '>', $passwords or die "$passwords: $!";
print $users "$_:{SHA}", sha1_base64('pass'), "=\n" for qw(ann bob);
close $users or die;

open my $in, '<', "$TmpfsConvertTest::Site::ROOT/conf/tmpfs_convert_cache.conf" or die $!;
my $reference = do { local $/ = undef; <$in> };

# The ready configuration; `$query`: with its part for the query too; $socache: in shared memory.
sub start {
    my (%option) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(modules => ['authz_host'], conf => sub {
        my ($self) = @_;
        my $home = $self->root;
        my $text = $reference;
        mkdir "$home/cache";
        $text =~ s{^(CacheRoot) .*}{$1 "$home/cache"}m or die;
        $text =~ s{^#(?=</?LocationMatch|    CacheEnable|    Use)}{}mg if $option{query};
        if ($option{socache}) {
            $text =~ s{^(CacheRoot|CacheDir|CacheMaxFileSize).*\n}{}mg;
            $text =~ s{^(\s+)CacheEnable disk}{$1CacheEnable socache}mg or die;
            $text =~ s{cache_disk_module}{cache_socache_module};
            $text .= "CacheSocache shmcb:$home/socache(8388608)\nCacheSocacheMaxSize 400000\n";
        }
        my $basic = "AuthType Basic\nAuthName cached\nAuthUserFile \"$passwords\"\nRequire valid-user\n";
        return <<"CONF";
LoadModule program_module "$TmpfsConvertTest::Site::ROOT/build/preload/mod_program.so"
AddType application/x-httpd-php .php
TmpfsConvert On
TmpfsConvertQuery On
$text
@{[$option{more} // '']}
<Directory "$root/inside">
    Require ip 127.0.0.2
</Directory>
<Directory "$root/basic">
    $basic
</Directory>
<Directory "$root/both">
    $basic
    Header set Cache-Control "public, max-age=600"
</Directory>
<Directory "$root/users">
    $basic
    Header set Cache-Control "public, max-age=600"
</Directory>
<Directory "$root/private">
    Header set Cache-Control "private, max-age=600"
</Directory>
<Directory "$root/nostore">
    Header set Cache-Control "no-store"
</Directory>
<Directory "$root/cookies">
    Header add Set-Cookie "session=1"
</Directory>
CONF
    });
    server($httpd);
    return $httpd;
}

my %agent = map { $_ => LWP::UserAgent->new(env_proxy => 0, max_redirect => 0, local_address => $_, parse_head => 0) }
    qw(127.0.0.1 127.0.0.2);
sub ask {
    my ($from, $method, $url, @headers) = @_;
    return $agent{$from}->request(HTTP::Request->new($method, base_url() . $url, \@headers));
}
sub hit  { return ($_[0]->header('X-Cache') // '') =~ /^HIT/ ? 1 : 0 }
sub size { my $seen = probe($_[0]->content); return $seen->{error} // "$seen->{width}x$seen->{height}" }
my ($stranger, $insider) = ('127.0.0.1', '127.0.0.2');
my %login = map { my $code = MIME::Base64::encode_base64("$_:pass", ''); ($_ => [Authorization => "Basic $code"]) } qw(ann bob);

for my $store (qw(disk socache)) {
    my $httpd = start(socache => $store eq 'socache', query => 1, more => "<LocationMatch \"\\.png\$\">\nExpiresActive On\nExpiresDefault \"access plus 1 hour\"\n</LocationMatch>\n");

    # Require ip: a stranger, somebody inside, the stranger again.
    for my $url ('/small_light(dw=32)/cached/inside/one.png', '/cached/inside/small_light(dw=16)/one.png', '/cached/inside/one.png?dw=20',
        '/cached/inside/one.png')
    {
        is(ask($stranger, GET => $url)->code, 403, "$store: $url: 403 for a stranger");
        my $first = ask($insider, GET => $url);
        is($first->code, 200, '... 200 for a client that may');
        my $second = ask($insider, GET => $url);
        is(hit($second), 1, '... which then has it from the cache');
        ok($second->content eq $first->content, '... the same bytes');
        my @tag = ('If-None-Match' => $first->header('ETag'));
        is(ask($insider, GET => $url, @tag)->code, 304, '... or 304');
        for my $case (['GET'], ['HEAD'], ['GET', Range => 'bytes=0-9'], ['GET', @tag], ['HEAD', @tag],
            ['GET', 'If-Modified-Since' => 'Fri, 01 Jan 2038 00:00:00 GMT'], ['GET', 'Cache-Control' => 'only-if-cached'])
        {
            my $answer = ask($stranger, @$case[0], $url, @$case[1 .. $#$case]);
            is($answer->code, 403, "... @$case: still 403 for the stranger");
            unlike($answer->content, qr/PNG/, '... without a byte of it');
        }
    }

    # A password: what is asked for with one is not stored, unless it is said to be public; then
    # it is answered to those with a password.
    for my $dir (qw(basic both)) {
        my $url = "/small_light(dw=32)/cached/$dir/one.png";
        is(ask($stranger, GET => $url)->code, 401, "$store: $url: 401 without a password");
        is(ask($stranger, GET => $url, @{ $login{ann} })->code, 200, '... 200 with it') for 1 .. 2;
        my $last = ask($stranger, GET => $url, @{ $login{bob} });
        is($last->code, 200, '... for another too');
        is(hit($last), $dir eq 'both' ? 1 : 0, $dir eq 'both' ? '... from the cache' : '... not from the cache');
        is(ask($stranger, GET => $url)->code, 401, '... and 401 without one');
    }

    # What a program makes for a user is that user's, whatever it says of itself.
    for my $url ('/small_light(dw=32)/cached/users/draw.php', '/cached/users/draw.php', '/cached/users/page.php',
        '/small_light(e=dummy)/cached/users/page.php')
    {
        for my $user (qw(ann bob ann)) {
            my $answer = ask($stranger, GET => $url, @{ $login{$user} });
            is($answer->code, 200, "$store: $url for $user");
            is($answer->header('X-For'), $user, '... is that user\'s');
            is(hit($answer), 0, '... and not from the cache');
        }
    }

    # What says that it is private, or sets a cookie, is not stored.
    for my $url (map { ("/small_light(dw=32)/cached/$_/one.png", "/cached/$_/one.png?dw=32", "/cached/$_/one.png") } qw(private nostore cookies)) {
        is(ask($stranger, GET => $url)->code, 200, "$store: $url") for 1 .. 2;
        is(hit(ask($stranger, GET => $url)), 0, '... is never from the cache');
    }
    expect_log(qr/AH01630/);
    no_leftovers($store);
    $httpd->stop;
}

# ---- what is one entry and what is not ---------------------------------------------------------

# Everything in the cache, by the operator's own line, and rewriting that hides the function.
start(more => <<'CONF');
CacheEnable disk /
SmallLightPatternDefine small "dw=8"
RewriteEngine On
RewriteRule ^/thumbs/small_light[^/]*/(.+)$ /cached/open/$1 [PT]
RewriteRule ^/sized/(\d+)/(.+)$ /small_light(dw=$1)/cached/open/$2 [PT]
<LocationMatch "^/cached/open/">
    SetOutputFilter SMALL_LIGHT
</LocationMatch>
CONF
my %sizes = (
    '/cached/open/one.png' => '64x48', '/small_light(dw=32)/cached/open/one.png' => '32x24',
    '/small_light(dw=16)/cached/open/one.png' => '16x12', '/cached/small_light(dw=20)/open/one.png' => '20x15',
    '/small_light(p=small)/cached/open/one.png' => '8x6',
    '/sized/40/one.png' => '40x30', '/sized/44/one.png' => '44x33',
    '/small_light%28dw=36%29/cached/open/one.png' => '36x27',
);
for my $round (1 .. 2) {
    for my $url (sort keys %sizes) {
        my $answer = get($url);
        is(size($answer), $sizes{$url}, "$url: $sizes{$url}, round $round");
        is(hit($answer), 1, '... from the cache') if $round == 2;
    }
}
# Another name of the host is not another entry.
for my $host (1 .. 3) {
    is(hit(get('/small_light(dw=32)/cached/open/one.png', Host => "host$host.test")), 1, "Host: host$host.test: from the cache");
}
# Pages are not what the ready configuration keeps.
server()->stop;
start();
my @pages = ('/cached/open/one.png', '/cached/open/page.php', '/cached/open/draw.php', '/cached/open/one.png?dw=32');
get($_) for @pages, @pages;
is(hit(get($_)), 0, "$_ is not in the cache") for @pages;
unlink $passwords;
done_testing;
