# SPDX-License-Identifier: Apache-2.0
# AVIF files that are unusual, and AVIF files that are hostile: crops at odd places, brands
# far back, tables that are dear to read. No child dies, and other answers do not wait.
# Under event only: a decoder's subject; 25-damaged runs under each MPM.
use TmpfsConvertTest;
use File::Copy qw(copy);
use File::Path qw(make_path);
use JSON::PP ();
use Time::HiRes qw(time);

my %built = map { ("$_->{format} $_->{direction}" => $_->{format_built}) }
    @{ JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{formats}{by_format_direction} };
plan(skip_all => 'AVIF is not built in') unless $built{'avif in'};

my $root = $TmpfsConvertTest::Site::ROOT;
my $dir  = docroot() . '/pictures/avif';
make_path($dir);

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$in>;
}

sub spew {
    my ($name, $bytes) = @_;
    open my $out, '>:raw', "$dir/$name" or die "$dir/$name: $!";
    print {$out} $bytes or die "$dir/$name: $!";
    close $out or die "$dir/$name: $!";
    return "/pictures/avif/$name";
}

sub box { my ($type, $body) = @_; return pack('N a4', 8 + length $body, $type) . $body }
sub full_box { my ($type, $version, $body) = @_; return box($type, pack('N', $version << 24) . $body) }

my @children = server()->children;

# ---- a clean aperture that begins with an odd row ----------------------------------------

copy("$root/t/http/clap-odd-row-444.avif", "$dir/clap.avif") or die $!;
for my $params ('dw=300,of=png', 'of=jpeg', 'dw=40,of=png', 'sx=3,sy=5,sw=31,sh=17,of=png') {
    my $answer = get("/small_light($params)/pictures/avif/clap.avif");
    is($answer->code, 200, "a crop from row 51 on ($params)") or diag $answer->content;
}
my $cropped = probe(get('/small_light(of=png)/pictures/avif/clap.avif'));
is("$cropped->{width}x$cropped->{height}", '200x150', '... is shown in its size');

# ---- the brand among others ---------------------------------------------------------------

# The file with `more` brands between its first box's first and its own, and the places of
# its items moved by as much.
sub with_brands {
    my ($file, $more) = @_;
    my $size = unpack 'N', $file;
    my $ftyp = box('ftyp', 'mif1' . "\0" x 4 . 'MA1B' x $more . 'avif');
    my $by = length($ftyp) - $size;
    my $rest = substr $file, $size;
    my $at = index($rest, 'iloc') + 4;
    my ($sizes, undef, $count) = unpack 'x4 C C n', substr $rest, $at;
    die 'another iloc than libavif 0.11 writes' if $sizes != 0x44;
    $at += 8;
    for (1 .. $count) {
        my $extents = unpack 'x4 n', substr $rest, $at;
        $at += 6;
        for (1 .. $extents) {
            substr($rest, $at, 4) = pack 'N', $by + unpack 'N', substr $rest, $at;
            $at += 8;
        }
    }
    return $ftyp . $rest;
}

mkpicture('quad.avif', 64, 48, kind => 'quad', quality => 95);
my $quad = slurp(docroot() . '/pictures/quad.avif');
for my $more (0, 3, 4, 5, 100, 1022) {
    my $answer = get('/small_light(dw=32,of=png)' . spew("brand$more.avif", with_brands($quad, $more)));
    is($answer->code, 200, "avif behind @{[1 + $more]} other brands") or diag $answer->content;
    is_deeply([map { $_ > 200 } @{ probe($answer, [24, 18])->{pixels}[0] }[0 .. 2]], [1, 1, 1],
        '... and the picture is the same');
}
is(get('/small_light(dw=32,of=png)' . spew('brand1100.avif', with_brands($quad, 1100)))->code, 415,
    'behind a thousand it is not looked for');
expect_log(qr/TC0002/);

# ---- tables that are dear to read ---------------------------------------------------------

my $hdlr = full_box('hdlr', 0, "\0\0\0\0pict" . "\0" x 13);
my $ftyp = box('ftyp', "avif\0\0\0\0avifmif1miaf");
my $many = 100_000;
my %hostile = (
    'items in iloc' => $ftyp . full_box('meta', 0, $hdlr
        . full_box('iloc', 2, pack('n N', 0x4400, $many) . join '', map { pack 'N x6', $_ } 1 .. $many)),
    'items in iinf' => $ftyp . full_box('meta', 0, $hdlr
        . full_box('iinf', 1, pack('N', $many) . join '', map { full_box('infe', 3, pack 'N n a4 x', $_, 0, 'av01') } 1 .. $many)),
    'references' => $ftyp . full_box('meta', 0, $hdlr
        . full_box('iref', 1, join '', map { box('cdsc', pack 'N n N', $_, 1, 1) } 1 .. $many)),
    'boxes of the file' => $ftyp . box('free', '') x (10 * $many),
    'a meta box of 60 MB' => $ftyp . full_box('meta', 0, $hdlr . box('idat', "\0" x 60_000_000)),
);
for my $what (sort keys %hostile) {
    my $path = spew($what =~ tr/ /-/r . '.avif', $hostile{$what});
    my $started = time;
    my $answer = get("/small_light(dw=32)$path");
    my $took = time - $started;

    is($answer->code, 422, "$many $what: damaged") or diag $answer->content;
    cmp_ok($took, '<', 5, sprintf '... told in %.3f s', $took);
    unlink docroot() . $path;
}
expect_log(qr/TC0005/);

is_deeply([server()->children], \@children, 'no child has died') if mpm() ne 'prefork';
is(get('/small_light(dw=32,of=png)/pictures/quad.avif')->code, 200, 'and pictures are answered');

done_testing();
