# SPDX-License-Identifier: Apache-2.0
# tools/demo: its gallery and forms, the pictures of docs/parameters.md against what it
# answers, and how gallery and documents look in a browser.
use TmpfsConvertTest;
use TmpfsConvertTest::Browser;
use File::Basename qw(basename);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use HTTP::Tiny ();
use IO::Socket::INET ();

use lib "$TmpfsConvertTest::Site::ROOT/tools/lib";
use Demo::Gallery ();

plan(skip_all => 'the demo serves what it builds, not a module with a sanitizer') if $ENV{TC_SANITIZER};

my $root = $TmpfsConvertTest::Site::ROOT;
my $place = "$root/build/t/demo-$$";
make_path($place);
# With the flags that the tree is built with: nothing is built again.
$ENV{APXS} = TmpfsConvertTest::Site::apxs();

my $started;
END {
    my $status = $?;
    system "$root/tools/demo stop >/dev/null 2>&1" if $started;
    remove_tree($place) unless $ENV{TC_KEEP};
    $? = $status;
}

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!";
    local $/ = undef;
    return scalar(<$in>) // '';
}

sub spill {
    my ($file, $bytes) = @_;
    open my $out, '>:raw', $file or die "$file: $!";
    print $out $bytes;
    close $out or die "$file: $!";
    return;
}

sub demo {
    my (@words) = @_;
    $started = 1;
    open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', "$root/tools/demo", @words or die "tools/demo: $!";
    local $/ = undef;
    my $said = <$out> // '';
    close $out;
    return ($? >> 8, $said);
}

my $site;

sub start {
    my (@dir) = @_;
    my $free = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "no free port: $!";
    my $port = $free->sockport;
    close $free;
    $site = "http://127.0.0.1:$port";
    return demo('-p', $port, @dir);
}

sub fetch {
    my ($path) = @_;
    return HTTP::Tiny->new(max_redirect => 0, timeout => 120)->get($path =~ m{^/} ? "$site$path" : $path);
}

sub size_of {
    my ($answer) = @_;
    my $seen = probe($answer->{content});
    return $seen->{error} // "$seen->{width}x$seen->{height}";
}

# How far two pictures are apart: the mean over a grid of places and the samples there.
sub difference {
    my ($one, $other) = map { probe($_) } @_;
    return "$one->{width}x$one->{height}, not $other->{width}x$other->{height}"
        if "$one->{width} $one->{height}" ne "$other->{width} $other->{height}";
    my @places = map { my $x = $_; map { [int($x * $one->{width} / 24), int($_ * $one->{height} / 24)] } 0 .. 23 } 0 .. 23;
    ($one, $other) = map { join ' ', map { @$_ } @{ probe($_, @places)->{pixels} } } @_;
    my @one = split / /, $one;
    my @other = split / /, $other;
    @one == @other or return 'other samples';
    my $sum = 0;
    $sum += abs $one[$_] - $other[$_] for 0 .. $#one;
    return $sum / @one;
}

# ---- the gallery ---------------------------------------------------------------------

my ($code, $said) = start();
unless (is($code, 0, 'tools/demo starts')) {
    diag $said;
    done_testing;
    exit 1;
}
like($said, qr{^  the gallery +\Q$site/gallery/\E$}m, '... and names its gallery');
my $gallery = fetch('/gallery/');
is($gallery->{status}, 200, 'the gallery is there');
unlike($gallery->{content}, qr/<script|\son\w+=|https?:/, '... without scripts, and nothing from elsewhere');
is(fetch('/tmpstat')->{status}, 200, '... and /tmpstat');

my $doc = "$root/docs/parameters.md";
my @examples = map { @{ $_->{rows} } } Demo::Gallery::examples($doc);
my @absent = grep { index($gallery->{content}, '<img src="' . Demo::Gallery::url_of('/gallery/', $_) . '"') < 0 } @examples;
is_deeply(\@absent, [], 'it shows each example of docs/parameters.md');

# ---- its forms -----------------------------------------------------------------------

my $try = fetch('/gallery/try?params=dw%3D90%2Cdh%3D90%2Cda%3Ds%2Ccw%3D90%2Cch%3D90&file=%2Fgallery%2Flighthouse.jpg');
is($try->{status}, 302, 'the form with the URL leads on');
is($try->{headers}{location}, "$site/small_light(dw=90,dh=90,da=s,cw=90,ch=90)/gallery/lighthouse.jpg", '... to that URL');
is(size_of(fetch($try->{headers}{location})), '90x90', '... which is answered');
isnt(fetch("/gallery/try?params=dw%3D90&file=$_")->{status}, 302, "... but not for $_")
    for '%2F%2Fwww.example%2Fcat.jpg', 'http%3A%2F%2Fwww.example%2Fcat.jpg';

# Each picture is a button, the fields its query; most stay empty.
my ($form) = $gallery->{content} =~ m{<form method="get" target="result">(.*?)</form>}s;
my @names = $form =~ /<(?:input|select) name="(\w+)"/g;
my @buttons = $form =~ /<button formaction="([^"]+)"/g;
is(scalar @buttons, 4, 'the form with fields has the four originals');
my %values = (dw => 64, angle => 90, of => 'png');
my $query = join '&', map { "$_=" . ($values{$_} // '') } @names;
my $answer = fetch("$buttons[0]?$query");
is(size_of($answer), '64x96', '... and what is filled in counts') or diag "$buttons[0]?$query: $answer->{status}";
is($answer->{headers}{'content-type'}, 'image/png', '... the format too');

# ---- docs/parameters.md --------------------------------------------------------------

for my $row (@examples) {
    my $now = fetch(Demo::Gallery::url_of('/gallery/', $row));
    my $kept = "$root/docs/pictures/$row->{picture}";
    my $far = $now->{success} && -e $kept ? difference($now->{content}, slurp($kept)) : "$now->{status}, $kept";
    cmp_ok($far =~ /^[\d.e-]+$/ ? $far : 255, '<', 0.5, "$row->{picture} is what $row->{params} of $row->{original} gives")
        or diag "$far: if that is right, dev/pictures parameters";
}
my ($plain, $coarse) = map { slurp("$root/docs/pictures/$_") } 'dw.jpg', 'q.jpg';
cmp_ok(difference($plain, $coarse), '>', 0.5, 'a lower quality would have been seen');

# Keys are in the first column of the table under "Keys".
my ($table) = slurp($doc) =~ /^## Keys\n(.*?)^## /ms;
my @keys = map { /`(\w+)`/g } $table =~ /^\| ((?:`\w+`(?:, )?)+) \|/mg;
my ($others) = slurp($doc) =~ /^The other parameters do not change what[^:]*:\s*(.*?)\.$/ms;
my %exempt = map { $_ => 1 } $others =~ /`(\w+)`/g;
my %shown = map { $_ => 1 } map { $_->{params} =~ /(\w+)=/g } @examples;
cmp_ok(scalar @keys, '>', 30, 'the table of keys is read');
is_deeply([grep { !$shown{$_} && !$exempt{$_} } @keys], [], 'each parameter has a picture, or is said to need none');
is_deeply([grep { $shown{$_} && $exempt{$_} } @keys], [], '... not both');

# What an example without one of its parameters is apart from it, at most of all examples.
my %seen;
for my $row (@examples) {
    my $with = slurp("$root/docs/pictures/$row->{picture}");
    for my $key ($row->{params} =~ /(\w+)=/g) {
        my $params = join ',', grep { !/^$key=/ } split /,/, $row->{params};
        my $without = fetch(Demo::Gallery::url_of('/gallery/', { %$row, params => $params }));
        my $far = $without->{success} ? difference($with, $without->{content}) : 255;    # refused
        $far = 255 if $far !~ /^[\d.e-]+$/;    # another size, or transparent
        $seen{$key} = $far if $far > ($seen{$key} // -1);
    }
}
note join ", ", map { sprintf "%s %.2f", $_, $seen{$_} } sort keys %seen;
is_deeply([grep { $seen{$_} <= 0.5 } sort keys %shown], [], 'each picture shows what its parameter does')
    or diag join ', ', map { sprintf '%s %.2f', $_, $seen{$_} } sort keys %seen;

my %value = (e => 'imlib2', progressive => 'y', inhexif => 'y', rmprof => 'y', cmyk2rgb => 'y', info => 1);
is_deeply([sort keys %exempt], [sort keys %value], 'those without a picture are known');
for my $key (sort keys %value) {
    my $now = fetch("/gallery/small_light(dw=180,$key=$value{$key})/lighthouse.jpg");
    is(difference($now->{content}, $plain), 0, "... and $key=$value{$key} does not change the look");
}

# ---- a folder of one's own -----------------------------------------------------------

my $name = "my cat & dog's.jpg";
make_path("$place/own/gallery");
copy("$root/docs/pictures/dw.jpg", "$place/own/$name") or die "$place/own/$name: $!";
($code, $said) = start("$place/own");
is($code, 0, 'tools/demo DIR') or diag $said;
like($said, qr{\Q$site/gallery-/\E$}m, '... has its gallery next to a folder of that name');
my $own = fetch('/gallery-/')->{content};
like($own, qr{<button formaction="/my%20cat%20%26%20dog%27s\.jpg">}, '... with its pictures');
is(size_of(fetch('/my%20cat%20%26%20dog%27s.jpg?dw=45')), '45x30', '... which the form converts');
$try = fetch('/gallery-/try?params=dw%3D45&file=%2Fmy+cat+%26+dog%27s.jpg' =~ s/\+/%20/gr =~ s/%20&%20/%20%26%20/r);
is(size_of(fetch($try->{headers}{location} // '/none')), '45x30', '... both do') or diag $try->{headers}{location} // $try->{status};

# ---- in a browser --------------------------------------------------------------------

# The pages as Chromium lays them out in a window of a desk and of a telephone.
sub look_at {
    my ($what, @urls) = @_;
    spill("$root/build/demo/gallery/measure.html", TmpfsConvertTest::Browser::measuring_page([1280, 390], @urls));
    my ($dom, $words) = TmpfsConvertTest::Browser::browse("$site/measure.html", 300);
    my $result = TmpfsConvertTest::Browser::result($dom);
    is(scalar @{ $result // [] }, 2 * @urls, "$what: opened at both widths") or diag "$dom\n$words";
    for my $page (@{ $result // [] }) {
        my $which = "$page->{url}, $page->{width} pixels:";
        is_deeply($page->{broken}, [], "$which no picture is broken, of $page->{images}");
        is_deeply([$page->{scrollWidth} - $page->{width}, @{ $page->{wide} }], [0], "$which nothing reaches over its edge");
        is_deeply($page->{tiny}, [], "$which no text is tiny");
    }
    return $result // [];
}

# Each document, and what it shows, below the demo's own folder.
sub put_documents {
    my $folder = "$root/build/demo/gallery/documents";
    make_path("$folder/docs/pictures");
    for my $file (glob "$root/docs/*.svg $root/docs/pictures/*") {
        copy($file, $folder . substr $file, length $root) or die "$file: $!";
    }
    my @urls;
    for my $file ("$root/README.md", glob "$root/docs/*.md") {
        my $url = '/documents' . (substr $file, length $root) =~ s/\.md$/.html/r;
        spill("$root/build/demo/gallery$url", TmpfsConvertTest::Browser::document($file));
        push @urls, $url;
    }
    return @urls;
}

SKIP: {
    my $missing = TmpfsConvertTest::Browser::missing();
    skip $missing, 1 if $missing;
    ($code, $said) = start();
    is($code, 0, 'tools/demo once more') or diag $said;
    look_at('the gallery', '/gallery/');

    $missing = TmpfsConvertTest::Browser::no_documents();
    skip $missing, 1 if $missing;
    my ($readme) = grep { $_->{width} == 1280 && $_->{url} =~ /README/ } @{ look_at('the documents', put_documents()) };
    # A screen of 1280x1200.
    note "README.md is $readme->{height} pixels high";
    cmp_ok($readme->{height}, '<=', 2400, 'README.md is two screens');
    remove_tree("$root/build/demo/gallery/documents", "$root/build/demo/gallery/measure.html");
}

($code, $said) = demo('stop');
is($said, "demo: ended\n", 'tools/demo stop');
$started = 0;
ok(!fetch('/tmpstat')->{success}, '... ends it');

done_testing;
