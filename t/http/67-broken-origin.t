# SPDX-License-Identifier: Apache-2.0
# Originals that come packed, wrongly packed, cut off or in part: each is an answer
# with a reason in one line, soon, and nothing of it is held.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use TmpfsConvertTest::Origin;
use Compress::Raw::Zlib ();
use File::Path qw(make_path);
use IO::Compress::Gzip ();
use Time::HiRes qw(time);

mkpicture('packed.jpg', 400, 300, seed => 5, quality => 90);
my $bytes = do { local (@ARGV, $/) = docroot() . '/pictures/packed.jpg'; <> };

sub gz {
    my ($what) = @_;
    IO::Compress::Gzip::gzip(\$what, \my $packed) or die 'gzip';
    return $packed;
}

# 64 MB of zeroes in 64 KB; and what is packed to a hundredth only, 20 MB of it.
my $zeroes = gz("\0" x (64 << 20));
srand 4;
my $hundredth = gz(join '', map { join('', map { chr int rand 256 } 1 .. 100) . "\0" x 10_000 } 1 .. 2000);
my $packed = gz($bytes);
my $half = substr $bytes, 0, length($bytes) / 2;

sub with { my ($text, $at, $what) = @_; substr $text, $at, length $what, $what; return $text }
sub sized { my ($encoding, $body) = @_; return ($encoding ? "Content-Encoding: $encoding\r\n" : '') . "Content-Length: @{[length $body]}\r\n\r\n$body" }
sub chunked {
    my ($encoding, $body, $end) = @_;
    return ($encoding ? "Content-Encoding: $encoding\r\n" : '') . "Transfer-Encoding: chunked\r\n\r\n"
        . join('', map { sprintf "%x\r\n%s\r\n", length, $_ } unpack '(a5000)*', $body) . ($end // "0\r\n\r\n");
}

# What comes after the status line and the type; what becomes of it, in the log too.
my $broken = qr/TC0017: .*could not be decompressed/;
my @case = (
    # Packed, and right.
    ['gzip', sized(gzip => $packed), 200],
    ['x-gzip', sized('x-gzip' => $packed), 200],
    ['gzip, in chunks', chunked(gzip => $packed), 200],
    ['gzip, until the end', "Content-Encoding: gzip\r\n\r\n$packed", 200],
    ['gzip, and identity on top', sized('gzip, identity' => $packed), 200],
    ['gzip, and something behind', sized(gzip => "${packed}garbage"), 200],
    # Said to be packed, and not.
    ['no gzip', sized(gzip => $bytes), 200],
    ['no brotli', sized(br => $bytes), 200],
    # Out of all proportion.
    ['zeroes', sized(gzip => $zeroes), 502, $broken],
    ['zeroes, in chunks', chunked(gzip => $zeroes), 502, $broken],
    ['zeroes, until the end', "Content-Encoding: gzip\r\n\r\n$zeroes", 502, $broken],
    ['zeroes, packed twice', sized('gzip, gzip' => gz($zeroes)), '502|415', qr/TC0017|TC0002/],
    ['a hundred times too much', sized(gzip => $hundredth), 413, qr/TC0006/],
    # Packed, and wrong.
    ['cut off', sized(gzip => substr $packed, 0, length($packed) / 2), 502, $broken],
    ['cut off, in chunks', chunked(gzip => substr $packed, 0, length($packed) / 2), 502, $broken],
    ['without its last bytes', sized(gzip => substr $packed, 0, length($packed) - 4), 502, $broken],
    ['in its header', sized(gzip => substr $packed, 0, 7), 502, $broken],
    ['nothing', sized(gzip => ''), 502, $broken],
    ['a wrong sum', sized(gzip => with($packed, length($packed) - 8, 'abcd')), 502, $broken],
    ['a wrong length', sized(gzip => with($packed, length($packed) - 4, 'abcd')), 502, $broken],
    ['damaged', sized(gzip => with($packed, 20, "\xff" x 50)), 502, $broken],
    ['unknown flags', sized(gzip => with($packed, 3, "\xe0")), 502, $broken],
    ['broken off', "Content-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n" . substr($packed, 0, 9000), 502, qr/TC0017/],
    ['broken off, in chunks', chunked(gzip => substr($packed, 0, 9000), ''), 502, qr/TC0017/],
    # Packed, and not ours to unpack.
    ['brotli', sized(br => "\x0b\x02\x80hello\x03"), 415, qr/TC0002: .*the original has Content-Encoding 'br'/],
    ['deflate', sized(deflate => Compress::Raw::Zlib::Deflate->new ? "\x78\x9c\x03\0\0\0\0\x01" : ''), 415, qr/TC0002: .*the original has Content-Encoding 'deflate'/],
    ['packed twice', sized('gzip, gzip' => gz($packed)), 415, qr/TC0002: .*the original has Content-Encoding 'gzip'/],
    ['a longer name', sized("x\x01y'<b>" => 'xxxx'), '415|502', qr/TC0002|AH0110|TC0017/],
    # Cut off, which only the picture tells.
    ['half, until the end', "\r\n$half", 422, qr/TC0005/],
    ['half, and said so', sized('' => $half), 422, qr/TC0005/],
    # Cut off, as the header tells.
    ['less than said', "Content-Length: 100000\r\n\r\n$bytes", 502, qr/TC0017: .*broke off/],
    ['chunks that end', chunked('' => $bytes, ''), 502, qr/TC0017: .*broke off/],
    ['a chunk that is none', chunked('' => $half, "zz\r\n$half"), 502, qr/TC0017: .*broke off/],
    ['a chunk of too many digits', chunked('' => $half, "fffffffffffffffff\r\n$half"), 502, qr/TC0017: .*broke off/],
    ['more than said', "Content-Length: 1000\r\n\r\n$bytes", 422, qr/TC0005/],
    ['a trailer', chunked('' => $bytes, "0\r\nX-Sum: 5\r\nContent-Length: 3\r\n\r\n"), 200],
    # Not what was asked for.
    ['a part', ["206 Partial Content", "Content-Range: bytes 0-999/@{[length $bytes]}\r\n" . sized('' => substr $bytes, 0, 1000)],
        502, qr/TC0017: .*the original arrived in part/],
    ['all of it as a part', ["206 Partial Content", "Content-Range: bytes 0-@{[length($bytes) - 1]}/@{[length $bytes]}\r\n" . sized('' => $bytes)],
        502, qr/TC0017: .*the original arrived in part/],
);
my %path;
for my $at (0 .. $#case) {
    my ($status, $rest) = ref $case[$at][1] ? @{ $case[$at][1] } : ('200 OK', $case[$at][1]);
    for my $version ('1.1', '1.0') {
        next if $version eq '1.0' && $rest =~ /^Transfer-Encoding/m;
        $path{"/$version/$at.jpg"} =
            sub { print { $_[0] } "HTTP/$version $status\r\nConnection: close\r\nContent-Type: image/jpeg\r\n$rest" };
    }
}
my $origin = TmpfsConvertTest::Origin->new(%path);

# The same from programs, whose output httpd has in one bucket.
my $cgi = docroot() . '/../cgi-packed';
make_path($cgi);
for my $script (['zeroes.pl', $zeroes], ['cut.pl', substr $packed, 0, 9000], ['right.pl', $packed]) {
    my ($name, $body) = @$script;
    open my $data, '>', "$cgi/$name.gz" or die "$cgi/$name.gz: $!";
    print $data $body;
    close $data;
    open my $out, '>', "$cgi/$name" or die "$cgi/$name: $!";
    print $out "#!/bin/sh\nprintf 'Content-Type: image/jpeg\\nContent-Encoding: gzip\\n\\n'\nexec cat '$cgi/$name.gz'\n";
    close $out;
    chmod 0755, "$cgi/$name";
}

my $front = TmpfsConvertTest::Httpd->new(
    modules => [mpm() eq 'prefork' ? 'cgi' : 'cgid'],
    conf => sub {
        my $temp = $_[0]->temp_dir;
        my $sock = mpm() eq 'prefork' ? '' : qq{ScriptSock "$temp/../cgisock"};
        return <<"CONF";
TmpfsConvertTempDir "$temp"
TmpfsConvertMaxSource 4M
TmpfsConvertSpoolMemory 16K
$sock
TmpfsConvert On
ProxyPass "/far/" "http://127.0.0.1:@{[$origin->port]}/"
ScriptAlias "/cgi/" "$cgi/"
<Directory "$cgi">
    Require all granted
</Directory>
CONF
    });
server($front);
# What httpd and mod_deflate say beside our one line.
my $theirs = qr/AH013\d\d|AH014\d\d|AH026[25]0|AH01110|AH01102|AH02609|AH10124|AH01106|AH10404|AH015\d\d|AH01574|deflate:/;

sub check {
    my ($url, $what, $code, $line) = @_;
    my ($mark, $began) = (log_mark(), time);
    my $answer = get($url);
    my $took = time - $began;
    like($answer->code, qr/^(?:$code)$/, "$what: $code");
    cmp_ok($took, '<', 5, sprintf '... after %.2f s', $took);
    is($answer->header('Content-Encoding'), undef, '... not packed');
    if ($code eq '200') {
        is(probe($answer)->{width}, 100, '... converted');
        return;
    }
    unlike($answer->content, qr/\xff\xd8/, '... with nothing of the original');
    like($answer->content, qr/<title>\d+/, '... and with words');
    is(scalar(error_log_lines($mark, qr/tmpfs_convert:(?:warn|err)/)), 1, '... and one line') or diag join "\n", error_log_lines($mark);
    is(scalar(error_log_lines($mark, $line)), 1, '... that says why') or diag join "\n", error_log_lines($mark);
    return;
}

for my $version ('1.1', '1.0') {
    for my $at (grep { $path{"/$version/$_.jpg"} } 0 .. $#case) {
        my ($what, undef, $code, $line) = @{ $case[$at] };
        expect_log(qr/tmpfs_convert:warn.*\/$version\/$at\.jpg/, $theirs);
        check("/far/small_light(dw=100)/$version/$at.jpg", "HTTP/$version, $what", $code, $line);
    }
}
no_leftovers();
for my $case (['right.pl', 200], ['zeroes.pl', 502, $broken], ['cut.pl', 502, $broken]) {
    expect_log(qr/TC0017/, $theirs);
    check("/cgi/small_light(dw=100)/$case->[0]", $case->[0], @$case[1, 2]);
}
no_leftovers();

done_testing;
