# SPDX-License-Identifier: Apache-2.0
# What strangers send: storms of parameters, paths that lead elsewhere, line ends where
# headers are made, and pictures that claim more than they are. A clear status each, one
# line in the log at most, bounded time and memory, and no child dies of it.
# Under event only: parsing and decoding; 20-errors and 25-damaged run under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Compress::Zlib qw(compress crc32);
use Time::HiRes qw(time);

my $photo = mkpicture('whole.jpg', 400, 300);
my $png   = mkpicture('whole.png', 64, 48);

# Its limits are the defaults, but for the memory that one conversion's rows may plan for.
my $httpd = TmpfsConvertTest::Httpd->new(conf => <<'CONF');
TmpfsConvert On
TmpfsConvertQuery On
TmpfsConvertTimeout 20
TmpfsConvertPattern thumb "dw=60"
TmpfsConvertRedirectPrefix "/converted/%s"
RedirectMatch 302 ^/away/(.*)$ /pictures/$1
CONF
server($httpd);
my $dir = docroot() . '/pictures';
my $secret = $httpd->root . '/secret.png';

sub slurp {
    open my $in, '<:raw', $_[0] or die "$_[0]: $!";
    local $/ = undef;
    return scalar <$in>;
}

sub spew {
    my ($file, $bytes) = @_;
    open my $out, '>:raw', $file or die "$file: $!";
    print $out $bytes;
    close $out or die "$file: $!";
    return;
}

# The status, and everything else, of a raw request line's answer.
sub ask {
    my ($target, @headers) = @_;
    my $answer = raw("GET $target HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        . join('', map { "$_\r\n" } @headers) . "\r\n");
    my ($status) = $answer =~ m{^HTTP/1\.1 (\d+) };
    return ($status // 0, $answer);
}

my @children = $httpd->children;

# ---- parameters ----------------------------------------------------------------------------

my $many  = join ',', map { "x$_=$_" } 1 .. 900;
my $again = join ',', map { "dw=$_" } 1 .. 900;
for my $case (
    [414, "/small_light(" . 'a' x 9000 . ")$photo", 'a function of 9,000 bytes'],
    [414, "$photo?dw=" . '1' x 9000, 'a query of 9,000 bytes'],
    [400, "/small_light($many,dw=50)$photo", 'nine hundred unknown parameters'],
    [400, "/small_light($again)$photo", 'one nine hundred times'],
    [200, "$photo?" . join('&', map { "x$_=$_" } 1 .. 900) . '&dw=50', 'nine hundred in a query'],
    [200, '/small_light(' . ',' x 4000 . "dw=50)$photo", 'four thousand commas'],
    [400, '/small_light(dw=' . '9' x 4000 . ")$photo", 'a number of 4,000 digits'],
    [400, '/small_light(dw=0.' . '0' x 4000 . "1)$photo", '... behind a point'],
    [400, '/small_light(p=' . 'p' x 4000 . ")$photo", 'a name of 4,000 bytes'],
    [400, "/small_light(dw=1e9)$photo", 'an exponent'],
    [400, "/small_light(dw=nan)$photo", 'no number'],
    [400, "/small_light(dw=inf)$photo", '... at all'],
    [400, "/small_light(dw=-1)$photo", 'a negative one'],
    [400, "/small_light(dw=0x10)$photo", 'another base'],
    [404, '/small_light(' . '(' x 200 . ")$photo/small_light(", 'parentheses: the path behind it names no file'],
    [413, "/small_light(dw=65000,dh=65000,da=n,ds=s)$photo", 'a result of 4 gigapixels'],
    [413, "/small_light(cw=900000,ch=900000)$photo", '... as a canvas'],
    )
{
    my ($status, $target, $what) = @$case;
    my $began = time;
    my ($got) = ask($target);
    is($got, $status, "$what: $status");
    cmp_ok(time - $began, '<', 10, '... in bounded time');
}

# ---- paths ---------------------------------------------------------------------------------

# A picture outside the document root, and one below it that nobody may have.
spew($secret, slurp("$dir/whole.png"));
my $up = '../' x 12;
# Each as it is, as a query's, and behind a second slash; httpd itself refuses most of them.
for my $case (
    ["/$up$secret", 400, 400, 400],
    ["/pictures/$up$secret", 400, 400, 400],
    ['/%2e%2e/%2e%2e/secret.png', 400, 400, 400],
    ["/..%2f..%2f..%2f..$secret", 404, 404, 404],
    ['/pictures/..%5c..%5csecret.png', 404, 404, 404],
    ['/pictures/whole.png%00.jpg', 404, 404, 404],
    ['/pictures/%00', 404, 404, 404],
    ['/pictures/\\..\\..\\secret.png', 404, 404, 404],
    ['//../secret.png', 404, 400, 404],
    ['/pictures/' . 'a' x 3000 . '.png', 403, 403, 403],
    ['/pictures/' . 'a/' x 1000 . 'x.png', 404, 404, 404],
    ['/pictures/whole.png/extra', 404, 404, 404],
    ['/pictures/', 404, 403, 404],
    ['/.htaccess', 404, 404, 404],
    ['/pictures/~root/whole.png', 404, 404, 404],
    )
{
    my ($path, @statuses) = @$case;
    for my $target ("/small_light(dw=10)$path", "$path?dw=10", "/small_light(dw=10)/$path") {
        my ($got, $answer) = ask($target);
        my $short = length $target > 60 ? substr($target, 0, 60) . '...' : $target;
        my $status = shift @statuses;
        is($got, $status, "$short: $status");
        unlike($answer, qr/\x89PNG|root:/, '... and no picture');
    }
}
# In a function an encoded slash or zero is httpd's 404, and a slash the function's end.
for my $case (['../../etc/passwd', 404], ['..%2f..%2fsecret.png', 404], ['%2e%2e%2fsecret', 404], ['/etc/passwd', 400],
    ['%00', 404], ['thumb%00', 404], ['a%5cb', 400])
{
    my ($value, $status) = @$case;
    for my $key (qw(p e of cc dw sx embedicon)) {
        my ($got, $answer) = ask("/small_light($key=$value)$photo");
        is($got, $status, "$key=$value: $status");
        unlike($answer, qr/root:/, '... and nothing of a file');
        ($got, $answer) = ask("$photo?$key=$value");
        is($got, 400, '... as a query: 400');
    }
}

# ---- line ends -------------------------------------------------------------------------------

my @taken = (400, 400, 400, 200, 400, 400, 400, 200, 302, 404, 302);
my @zero  = (404, 404, 404, 404, 404, 400, 400, 200, 404, 404, 404);
for my $bad ('%0d%0aX-Injected:%20yes', '%0aX-Injected:%20yes', '%0d%0a%0d%0a<script>', '%00%0d%0aX-Injected:1') {
    my @statuses = $bad =~ /^%00/ ? @zero : @taken;
    for my $target ("/small_light(dw=$bad)$photo", "/small_light(p=$bad)$photo", "/small_light(of=$bad)$photo",
        "/small_light($bad=1,info=1,dw=10)$photo", "/small_light(info=$bad)$photo", "$photo?dw=$bad", "$photo?p=$bad",
        "$photo?info=1&dw=10&x=$bad", "/small_light(dw=10,x=$bad)/away/whole.jpg", "/small_light(dw=10)/pictures/$bad.jpg",
        "/small_light(dw=10)/away/$bad")
    {
        my ($got, $answer) = ask($target);
        my ($head, $body) = split /\r\n\r\n/, $answer, 2;
        my $status = shift @statuses;
        is($got, $status, "$target: $status");
        unlike($head, qr/^X-Injected/mi, '... no header of the client\'s making');
        unlike($body // '', qr/<script>/, '... and no script');
    }
}
is(scalar(grep { /[\x00-\x08\x0b-\x1f]/ } error_log_lines()), 0, 'no control character in the log');
is(scalar(error_log_lines(qr/^X-Injected/)), 0, 'no line of the client\'s making in it');

# ---- pictures --------------------------------------------------------------------------------

sub chunk {
    my ($type, $data) = @_;
    return pack('N', length $data) . $type . $data . pack('N', crc32($type . $data));
}

# A PNG of one colour: its data, packed, are a thousandth of what they unpack to.
sub png_of {
    my ($width, $height, $interlace, @more) = @_;
    my $flat = compress("\0" x (3 * $width * $height + 2 * $height + 64), 9);
    return "\x89PNG\r\n\x1a\n" . chunk('IHDR', pack 'NNCCCCC', $width, $height, 8, 2, 0, 0, $interlace)
        . join('', @more) . chunk('IDAT', $flat) . chunk('IEND', '');
}

sub segment {
    my ($marker, $data) = @_;
    return pack 'Cca*', 0xff, $marker - 256, pack('n', 2 + length $data) . $data;
}

# A JPEG with `@segments` behind its first marker.
my $jpeg = slurp("$dir/whole.jpg");
sub jpeg_with { return substr($jpeg, 0, 2) . join('', @_) . substr $jpeg, 2 }

# An EXIF directory whose `next` and whose values point at themselves.
sub exif {
    my ($entries, $next, @entry) = @_;
    return segment(0xe1, "Exif\0\0II*\0" . pack('V', 8) . pack('v', $entries) . join('', @entry) . pack('V', $next));
}

# Progressive: a flat grey picture whose last scan comes again and again.
my $progressive = slurp(docroot() . mkpicture('scans.jpg', 640, 480, progressive => 1));
my @scans = split /(?=\xff\xda)/, substr $progressive, 0, -2;
my $scans = join('', @scans) . $scans[-1] x 2000 . "\xff\xd9";

my $claims = sub { my ($w, $h, $i) = @_; return "\x89PNG\r\n\x1a\n"
    . chunk('IHDR', pack 'NNCCCCC', $w, $h, 8, 6, 0, 0, $i || 0) . chunk('IDAT', "\x78\x9c\x63\x00\x00") };
my @pictures = (
    ['bomb-flat.png', png_of(9000, 9000, 0), 200, 'a PNG of 81 megapixels in few bytes'],
    ['bomb-interlaced.png', png_of(5000, 5000, 1), 200, '... interlaced'],
    ['bomb-claims.png', $claims->(60000, 60000), 413, '... that only claims to be so large'],
    ['bomb-wide.png', $claims->(0x7fffffff, 1), 413, '... or so wide'],
    ['bomb-interlaced-claims.png', $claims->(9999, 9999, 1), 413, '... interlaced, with no data'],
    ['texts.png', png_of(100, 100, 0, map { chunk('tEXt', "Comment\0" . 'x' x 20) } 1 .. 50_000), 200, '50,000 text chunks'],
    ['ztexts.png', png_of(100, 100, 0, (chunk('zTXt', "Comment\0\0" . compress("\0" x 30_000_000))) x 100), 200,
        'packed text of 3 gigabytes'],
    ['icc.png', png_of(100, 100, 0, chunk('iCCP', "x\0\0" . compress("\0" x 60_000_000))), 200, 'a profile of 60 megabytes'],
    ['exif.png', png_of(100, 100, 0, chunk('eXIf', 'x' x 3_000_000)), 422, 'EXIF of 3 megabytes'],
    ['chunks.png', png_of(100, 100, 0, (chunk('abCd', '')) x 200_000), 200, '200,000 empty chunks'],
    ['idats.png', substr(png_of(100, 100, 0), 0, -12) . chunk('IDAT', '') x 200_000 . chunk('IEND', ''), 200,
        '... of data'],
    ['length.png', "\x89PNG\r\n\x1a\n" . pack('N', 0xffffffff) . 'IHDR' . 'x' x 100, 422, 'a chunk of 4 gigabytes'],
    ['scans.jpg', $scans, 422, 'a JPEG of 2,000 scans'],
    ['comments.jpg', jpeg_with((segment(0xfe, 'x' x 65533)) x 200), 200, '13 megabytes of comments'],
    ['exif-loop.jpg', jpeg_with(exif(1, 8, pack 'vvVV', 0x112, 3, 1, 6)), 200, 'EXIF that is its own next'],
    ['exif-count.jpg', jpeg_with(exif(0xffff, 0)), 200, '... with 65,535 entries that are not there'],
    ['exif-huge.jpg', jpeg_with(exif(1, 0xffffffff, pack 'vvVV', 0x8769, 4, 0xffffffff, 0xffffffff)), 200,
        '... that points beyond itself'],
    ['exif-many.jpg', jpeg_with((exif(1, 8, pack 'vvVV', 0x112, 3, 1, 6)) x 2000), 200, '... two thousand times'],
    ['icc-count.jpg', jpeg_with(segment(0xe2, "ICC_PROFILE\0\xff\xff" . 'x' x 1000)), 200, 'a profile that is a part of 255'],
    ['icc-many.jpg', jpeg_with(map { segment(0xe2, "ICC_PROFILE\0" . chr($_) . "\xff" . 'x' x 65000) } 1 .. 255), 200,
        '... all of them, 16 megabytes'],
    ['icc-same.jpg', jpeg_with((segment(0xe2, "ICC_PROFILE\0\x01\x02" . 'x' x 60000)) x 200), 200, '... or one 200 times'],
    ['dimensions.jpg', do { my $copy = $jpeg; $copy =~ s{(\xff\xc0..\x08)....}{$1\xff\xdc\xff\xdc}s; $copy }, 413,
        'a JPEG that claims 4 gigapixels'],
);

# The most that a child, or a converter, has ever had in memory, in KiB.
sub peak {
    my $most = 0;
    for my $pid ($httpd->children, $httpd->converters) {
        my ($peak) = slurp("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m;
        $most = $peak if defined $peak && $peak > $most;
    }
    return $most;
}

mkdir "$dir/abuse";
my $idle = peak();
for my $case (@pictures) {
    my ($name, $bytes, $status, $what) = @$case;
    spew("$dir/abuse/$name", $bytes);
    my $mark   = log_mark();
    my $began  = time;
    my $answer = get("/small_light(dw=40,of=jpeg)/pictures/abuse/$name");
    my $took   = time - $began;
    is($answer->code, $status, sprintf '%s: %d, %d KiB of file', $what, $answer->code, length($bytes) / 1024)
        or diag($answer->content =~ /<p>(.*?)<\/p>/);
    cmp_ok($took, '<', 20, sprintf '... in bounded time, %.2f s', $took);
    my @lines = error_log_lines($mark, qr/:(?:warn|error)\]/);
    cmp_ok(scalar @lines, '<=', 1, '... with one line at most') or diag(join "\n", @lines);
    unlink "$dir/abuse/$name";
}
SKIP: {
    # A sanitizer keeps what is freed.
    skip 'memory is not the module\'s own under a sanitizer', 1 if $ENV{TC_SANITIZER};
    my $grown = peak() - $idle;
    # Interlaced, 25 megapixels are 75 MB, which the plan counts; all else is rows.
    cmp_ok($grown, '<', 160 * 1024, "no child grew by more than the largest plan: $grown KiB");
}
rmdir "$dir/abuse";
# Those of the beginning, and of others that httpd may have started meanwhile none by a signal.
my %now = map { $_ => 1 } $httpd->children;
is_deeply([grep { !$now{$_} } @children], [], 'no child died of it');
is_deeply([error_log_lines(qr/AH0005[12]:/)], [], '... nor one that began since');
is_deeply([error_log_lines(qr/TC0131:/)], [], '... nor a converter');
is(get("/small_light(dw=10)$photo")->code, 200, 'and the server answers as before');
expect_log(qr/TC0\d\d\d|AH\d+/);
no_leftovers();
unlink $secret;
server(TmpfsConvertTest::Httpd->shared);

done_testing;
