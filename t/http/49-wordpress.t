# SPDX-License-Identifier: Apache-2.0
# Debian's WordPress behind the rules of docs/recipes.md: what its pages link to is answered in
# the size that they say, and no file is made.
# Under event only: PHP makes the pages; rewriting and parameters are 47-recipes' and 36's.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use TmpfsConvertTest::WordPress;
use Encode qw(decode_utf8);
use File::Copy qw(copy);
use File::Find qw(find);
use URI::Escape qw(uri_unescape);

my $reason = TmpfsConvertTest::WordPress->missing;
plan skip_all => $reason if $reason;

my $ROOT = $TmpfsConvertTest::Site::ROOT;

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!";
    local $/ = undef;
    return scalar <$in>;
}

sub spew {
    my ($file, $text) = @_;
    open my $out, '>:raw', $file or die "$file: $!";
    print $out $text;
    close $out or die "$file: $!";
    return;
}

# The chapter as it stands in the document: configurations, and what is fenced, by language.
my ($chapter) = slurp("$ROOT/docs/recipes.md") =~ /^## WordPress\n(.*?)^## /ms or die 'docs/recipes.md: no WordPress';
my %fenced = $chapter =~ /^```(\w+)\n(.*?)^```$/msg;
(my $plain = $chapter) =~ s/^```\w.*?^```$//msg;
my ($rules, $others) = $plain =~ /((?:^    .*\n)+)/mg;

my $site = TmpfsConvertTest::WordPress->new;
my $httpd = TmpfsConvertTest::Httpd->new(documents => $site->documents, modules => ['proxy_fcgi'],
    conf => $site->conf . $rules);
server($httpd);
$site->install;
# As WordPress writes it for permalinks.
spew($site->documents . '/.htaccess', <<'CONF');
RewriteEngine On
RewriteBase /
RewriteRule ^index\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
CONF

# Files below uploads/, by their names.
sub files {
    my @found;
    find({ no_chdir => 1, wanted => sub { push @found, s{.*/}{}r if -f } }, $site->uploads);
    return sort @found;
}

# What a link leads to, as "format WxH", or its status.
my %answered;

sub seen {
    my ($url, $accept) = @_;
    return $answered{ server()->root . ' ' . ($accept // '') . " $url" } //= ask($url, $accept);
}

sub ask {
    my ($url, $accept) = @_;
    my $answer = get($url =~ s{^http://[^/]+}{}r, $accept ? (Accept => $accept) : ());
    return $answer->code unless $answer->code == 200;
    my $seen = probe($answer->content);
    # As a browser shows it.
    @$seen{qw(width height)} = @$seen{qw(height width)} if ($seen->{exif_orientation} // '') =~ /^[5-8]$/;
    return $seen->{error} // "$seen->{format} $seen->{width}x$seen->{height}";
}

# ---- the list of sizes -----------------------------------------------------------

my ($list) = $rules =~ /sizes=([^,"]+)/;
{
    local $ENV{HTTP_HOST} = 'localhost';
    spew($site->documents . '/../sizes.sh', $fenced{sh});
    my $printed = `cd '@{[$site->documents]}' && sh ../sizes.sh 2>&1`;
    is($printed, "$list\n", 'the command of the document prints the sizes of WordPress, and the pattern has these');
}

# ---- uploads -----------------------------------------------------------------------

my %upload = (
    'wide.jpg'          => [mkpicture('wide.jpg', 2580, 1720, seed => 1), 'a photograph over the threshold'],
    'tall.jpg'          => [mkpicture('wp-tall.jpg', 1200, 1600, seed => 2), 'an upright one'],
    'turned.jpg'        => [mkpicture('wp-turned.jpg', 900, 1201, seed => 3, orientation => 6), 'one that its camera turned'],
    'large-turned.jpg'  => [mkpicture('wp-large.jpg', 1500, 2571, seed => 3, orientation => 8), '... over the threshold'],
    'CAMERA.JPG'        => [mkpicture('wp-camera.jpg', 1000, 667, seed => 4), 'a name in capitals'],
    "gr\xc3\xb6\xc3\x9fe.jpg" => [mkpicture('wp-utf8.jpg', 640, 480, seed => 5), 'a name in Unicode'],
    'odd-300x200.jpg'   => [mkpicture('wp-odd.jpg', 800, 600, seed => 6), 'a name that ends like a size'],
    'panorama.jpg'      => [mkpicture('wp-panorama.jpg', 600, 2048, seed => 7), 'one of whose sizes has the width of another'],
    'small.jpg'         => [mkpicture('wp-small.jpg', 200, 100, seed => 8), 'one that is smaller one way than a crop'],
    'tiny.jpg'          => [mkpicture('wp-tiny.jpg', 100, 75, seed => 9), 'one that is smaller than all sizes'],
    'alpha.png'         => [mkpicture('wp-alpha.png', 501, 333, kind => 'disc', type => 'rgba'), 'a PNG with alpha'],
    'photo.webp'        => [mkpicture('wp-photo.webp', 777, 501, seed => 1), 'a WebP'],
);

# {name: {size: {width, height, source_url}}} of all uploads.
sub upload_all {
    my ($prefix) = @_;
    my %sizes;
    for my $name (sort keys %upload) {
        my $media = $site->upload("$prefix$name", slurp(docroot() . $upload{$name}[0]));
        $sizes{$name} = { %{ $media->{media_details}{sizes} }, full =>
            { %{ $media->{media_details} }{qw(width height)}, source_url => $media->{source_url}, id => $media->{id} } };
    }
    return \%sizes;
}

my $sizes = upload_all('');
my @made = files();
my %wanted = map { my $of = $sizes->{$_}; map { $_ => 1 } map { uri_unescape($of->{$_}{source_url}) =~ s{.*/}{}r } keys %$of } keys %$sizes;
# As WordPress has always worked: it made them.
is(join(' ', grep { !-s $site->uploads . "/$_" && !{ map { $_ => 1 } @made }->{$_} } sort keys %wanted), '', 'WordPress made its files');
my @generated = grep { /-\d+x\d+\.\w+$/ && !/^odd-300x200\.jpg$/ } @made;
cmp_ok(scalar @generated, '>', 30, '... many');
my ($folder) = $sizes->{'wide.jpg'}{full}{source_url} =~ m{^http://[^/]+(/.*)/};
my $on_disk = $site->documents . $folder;
is(seen("$folder/wide-300x200.jpg", 'image/webp'), 'jpeg 300x200', 'a file that is there is served as it is');
unlink map { "$on_disk/$_" } @generated;
%answered = ();
my @kept = files();
is(scalar(grep {/-300x/} @kept), scalar(grep {/odd/} @kept), 'all are deleted');
ok((grep { $_ eq 'wide-scaled.jpg' } @kept) && (grep { $_ eq 'turned-rotated.jpg' } @kept)
    && (grep { $_ eq 'large-turned-scaled.jpg' } @kept), 'what is not a size is still there') or diag "@kept";

my $WEBP = 'image/webp,*/*;q=0.8';

sub answers_all {
    my ($sizes, $what) = @_;
    for my $name (sort keys %$sizes) {
        my ($format) = $name =~ /\.(\w+)$/;
        $format = 'jpeg' if lc $format eq 'jpg';
        my (@wrong, @asked);
        for my $size (sort keys %{ $sizes->{$name} }) {
            next if $size eq 'full';
            my $of = $sizes->{$name}{$size};
            push @asked, $size;
            my @cases = ['webp', $WEBP];
            push @cases, [$format, undef], ['avif', 'image/avif,image/webp,*/*'] if $of->{width} <= 300;
            for my $case (@cases) {
                my $want = "$case->[0] $of->{width}x$of->{height}";
                my $seen = seen($of->{source_url}, $case->[1]);
                push @wrong, "$of->{source_url}: $seen, not $want" if $seen ne $want;
            }
        }
        is("@wrong", '', "$what, $upload{$name}[1], each size by Accept: " . (join(' ', @asked) || 'none'));
    }
    return;
}

answers_all($sizes, 'deleted');
is(join(' ', files()), "@kept", 'nothing was made on disk');
my $wide = "$folder/wide";
for my $size (qw(301x200 300x201 299x200 200x300 2560x1707 2580x1720 1x1 151x151 0300x200 300x0200)) {
    is(seen("$wide-$size.jpg"), 404, "$size is 404");
}
is(seen("$wide-99999x99999.jpg"), 400, 'a size that nothing has is 400');
is(seen("$folder/wide-scaled.jpg"), 'jpeg 2560x1707', 'the reduced original is served');
is(seen("/small_light(p=wordpress,as=301x201)$wide.jpg"), 404, 'nor by the function');
is(seen("/small_light(dw=301)$wide.jpg"), 403, 'a stranger may not ask for a size of his own');

# A file of a size's name that came another way than by WordPress is itself, and has sizes.
copy(docroot() . $upload{'odd-300x200.jpg'}[0], "$on_disk/wide-150x100.jpg") or die $!;
is(seen("$folder/wide-150x100.jpg", 'image/webp'), 'jpeg 800x600', 'an upload whose own name ends like a size');
is(seen("$folder/wide-150x100-300x225.jpg", 'image/webp'), 'webp 300x225', '... has sizes');
unlink "$on_disk/wide-150x100.jpg";

# ---- a page --------------------------------------------------------------------------

# Each link of the page's pictures, with the width that it announces where it does.
sub links {
    my ($html) = @_;
    my @links;
    for my $tag ($html =~ /<img\b[^>]*>/g) {
        my %has = $tag =~ /\b([\w-]+)="([^"]*)"/g;
        push @links, map { [split] } split /,\s*/, $has{srcset} // '';
        push @links, [$has{src}, $has{src} =~ /-(\d+)x\d+\.\w+$/ ? "$1w" : undef] if ($has{src} // '') =~ /uploads/;
    }
    return @links;
}

sub page_is_right {
    my ($sizes, $prefix) = @_;
    my $content = '';
    for my $name (sort keys %$sizes) {
        my $of = $sizes->{$name};
        my $size = $of->{large} ? 'large' : $of->{medium} ? 'medium' : 'full';
        $content .= qq(<!-- wp:image {"id":$of->{full}{id},"sizeSlug":"$size"} -->\n<figure class="wp-block-image size-$size">)
            . qq(<img src="$of->{$size}{source_url}" alt="" class="wp-image-$of->{full}{id}"/></figure>\n<!-- /wp:image -->\n);
    }
    my $post = $site->rest('POST', '/wp/v2/posts', { title => "${prefix}Pictures", status => 'publish',
        content => $content, featured_media => $sizes->{'wide.jpg'}{full}{id} });
    my $page = get($post->{link} =~ s{^http://[^/]+}{}r);
    my @links = links($page->content);
    cmp_ok(scalar @links, '>', 40, "$prefix: the theme's page has links to pictures") or diag $page->as_string;
    my $before = join ' ', files();
    my @wrong;
    for my $link (@links) {
        my ($url, $width) = @$link;
        my $seen = seen($url, $WEBP);
        my ($w) = $seen =~ / (\d+)x/;
        push @wrong, "$url: $seen" if !$w || ($width && "${w}w" ne $width);
        push @wrong, "$url: $seen, not WebP" if $url =~ /-\d+x\d+\.\w+$/ && $url !~ /odd-300x200/ && $seen !~ /^webp/;
    }
    is("@wrong", '', '... each is answered, in the width that srcset announces');
    is(join(' ', files()), $before, '... and nothing is made on disk');
    return;
}

page_is_right($sizes, 'deleted');
is($site->errors, '', 'PHP has nothing to say');

# ---- nothing generated to begin with -----------------------------------------------------

copy("$ROOT/conf/tmpfs_convert_wordpress.php", $site->plugins . '/') or die $!;
my $before = join ' ', files();
my $virtual = upload_all('p-');
my @new = grep { " $before " !~ / \Q$_\E / } files();
is(scalar @new, scalar keys %upload, 'with the plugin an upload is one file') or diag "@new";
answers_all($virtual, 'with the plugin');
page_is_right($virtual, 'plugin');
my $edited = $site->rest('POST', "/wp/v2/media/$virtual->{'tall.jpg'}{full}{id}/edit",
    { src => $virtual->{'tall.jpg'}{full}{source_url}, rotation => 90 });
is(ask($edited->{media_details}{sizes}{medium}{source_url}, $WEBP), 'webp 300x225', 'a picture that was turned in the editor')
    or diag explain $edited;
for my $name (sort keys %upload) {
    my ($was, $is) = map { my $of = $_->{$name}; join ' ', map {"$_:$of->{$_}{width}x$of->{$_}{height}"} grep { $_ ne 'full' } sort keys %$of }
        $sizes, $virtual;
    is($is, $was, "$upload{$name}[1]: the same sizes as without it: $was");
}
is("$virtual->{'turned.jpg'}{full}{width}x$virtual->{'turned.jpg'}{full}{height}",
    "$sizes->{'turned.jpg'}{full}{width}x$sizes->{'turned.jpg'}{full}{height}", 'a turned picture is noted upright');
is($site->errors, '', 'PHP has nothing to say');
is($site->rest('DELETE', "/wp/v2/media/$virtual->{'wide.jpg'}{full}{id}&force=1")->{deleted}, 1, 'it is deleted as ever');
is(ask("$folder/p-wide-300x200.jpg"), 404, '... and its sizes with it');
is($site->errors, '', '... without a complaint');

# ---- rounding ------------------------------------------------------------------------------

# WordPress's own arithmetic on sizes of which few are even.
{
    local $ENV{HTTP_HOST} = 'localhost';
    my @boxes = ('15x15c', '31x31', '77x', '103x103', '154x154', '7x23');
    my @pictures = map { [101 + 37 * $_ % 211, 87 + 53 * $_ % 197] } 1 .. 30;
    spew($site->documents . '/../round.php', '<?php require "wp-load.php"; foreach (explode(" ", $argv[1]) as $picture) {'
        . ' [$w, $h] = explode("x", $picture); foreach (explode(" ", $argv[2]) as $box) {'
        . ' preg_match("/^(\d*)x(\d*)(c?)$/", $box, $b);'
        . ' $to = image_resize_dimensions($w, $h, (int) $b[1], (int) $b[2], $b[3] === "c");'
        . ' if ($to) echo "$picture $to[4]x$to[5]\n"; } }');
    my @words = ("@{[map {qq($_->[0]x$_->[1])} @pictures]}", "@boxes");
    open my $out, '-|', 'sh', '-c', 'cd "$0" && php ../round.php "$1" "$2"', $site->documents, @words or die $!;
    my @asked = map { [split] } <$out>;
    close $out or die 'php';
    server(TmpfsConvertTest::Httpd->new(documents => $site->documents,
        conf => "TmpfsConvert On\nTmpfsConvertPattern r \"sizes=" . join(':', @boxes) . "\"\n"));
    my @wrong;
    for my $case (@asked) {
        my ($w, $h) = split /x/, $case->[0];
        my $picture = mkpicture("r$case->[0].png", $w, $h, kind => 'flat', colour => '808080');
        my $seen = seen("/small_light(p=r,as=$case->[1])$picture");
        push @wrong, "$case->[0] as $case->[1]: $seen" if $seen ne "png $case->[1]";
    }
    cmp_ok(scalar @asked, '>', 150, 'WordPress makes ' . @asked . ' sizes of ' . @pictures . ' pictures');
    is("@wrong", '', '... and each is a size here');
}

# ---- a folder's .htaccess; the cache ---------------------------------------------------------

my ($turn_on) = $rules =~ /((?:^ *TmpfsConvert.*\n)+)/m;
spew($site->uploads . '/.htaccess', $fenced{apache});
server(TmpfsConvertTest::Httpd->new(documents => $site->documents, conf => "$turn_on<Directory \"@{[$site->documents]}\">\nAllowOverride FileInfo\n</Directory>\n"));
answers_all({ map { $_ => $sizes->{$_} } grep { /^(?:wide|CAMERA|gr|odd)/ } keys %$sizes }, '.htaccess');
is(seen("$wide-301x200.jpg"), 404, 'another size is 404');
is(seen("/small_light(dw=301)$wide.jpg"), 403, 'a stranger may not ask for a size of his own');
unlink $site->uploads . '/.htaccess';

(my $cache = slurp("$ROOT/conf/tmpfs_convert_cache.conf")) =~ s/^CacheRoot .*/CacheRoot "@{[$site->documents]}\/..\/cache"/m;
mkdir $site->documents . '/../cache';
server(TmpfsConvertTest::Httpd->new(documents => $site->documents, conf => $rules . $cache));
for my $accept ('*/*', 'image/webp', 'image/avif,image/webp') {
    my $first = get("$wide-300x200.jpg", Accept => $accept);
    my $again = get("$wide-300x200.jpg", Accept => "$accept,text/html");
    is($first->code . ' ' . ($first->header('X-Cache') // 'none') =~ s/ from.*//r, '200 MISS', "$accept: a size is converted");
    is($again->code . ' ' . ($again->header('X-Cache') // 'none') =~ s/ from.*//r, '200 HIT', '... once');
    ok($again->content eq $first->content, '... and is the same');
}

# ---- originals that were deleted -------------------------------------------------------------

(my $behind = $others) =~ s/^ *(?:TmpfsConvert|RewriteEngine).*\n//mg;
server(TmpfsConvertTest::Httpd->new(documents => $site->documents, conf => $rules . $behind));
unlink map { "$on_disk/$_" } qw(wide.jpg turned.jpg);
delete @$sizes{ grep { !/^(?:wide|turned|tall)\.jpg$/ } keys %$sizes };
answers_all($sizes, 'from what was kept');
is(seen("$wide-301x200.jpg"), 404, 'another size is 404');
done_testing;
