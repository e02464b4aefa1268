# SPDX-License-Identifier: Apache-2.0
# docs/signing.md: its table of signatures, and its examples, run as they stand there.
# Under event only: a manual's examples; 30-url runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Digest::SHA qw(hmac_sha256_hex);
use File::Copy qw(copy);
use File::Path qw(make_path);

my $key = 'an example key of some length';
my $picture = mkpicture('signed.jpg', 400, 300);

open my $in, '<', "$TmpfsConvertTest::Site::ROOT/docs/signing.md" or die $!;
my $manual = do { local $/ = undef; <$in> };

sub sign { return hmac_sha256_hex($_[0], $key) }

my $rows = 0;
while ($manual =~ /^\| (`.*`) \| `([0-9a-f]{64})` \|$/mg) {
    my ($text, $signature) = ($1, $2);
    $text =~ s/, line feed, /\n/;
    $text =~ tr/`//d;
    is($signature, sign($text), 'the signature to compare with, of ' . $text =~ s/\n/ and /r);
    $rows++;
}
is($rows, 3, 'there are three of them');

my $origin = TmpfsConvertTest::Httpd->new(plain => 1);
my $documents = $origin->root . '/signed';
make_path("$documents/img");
copy(docroot() . $picture, "$documents/img/$_.jpg") or die $! for 'cat', "gr\xc3\xb6\xc3\x9fe";
my $httpd = TmpfsConvertTest::Httpd->new(documents => $documents, conf => sub {
    open my $out, '>', $_[0]->root . '/keys' or die $!;
    print $out "$key\n";
    close $out;
    chmod 0600, $_[0]->root . '/keys';
    return "TmpfsConvert On\nTmpfsConvertSecretFile keys\n"
        . "ProxyPass /api/picture http://127.0.0.1:@{[$origin->port]}$picture\n";
});
server($httpd);

# What a URL is signed as, by the manual's words.
sub signed_as {
    my ($url) = @_;
    my ($path, $query) = split /\?/, $url;
    $path =~ s/,sig=v2\.\w+//;
    $path =~ s/%([0-9A-F]{2})/chr hex $1/ge;
    return defined $query ? "$path\n$query" : $path;
}

for my $language (['perl', 'perl'], ['python', 'python3'], ['php', 'php'], ['javascript', 'node'], ['sh', 'sh', 'openssl']) {
    my ($name, $program, @more) = @$language;
    my ($code) = $manual =~ /^```\Q$name\E\n(.*?)^```$/ms;
    ok($code, "the manual has an example in $name");
    my ($missing) = grep { my $it = $_; !grep { -x "$_/$it" } split /:/, $ENV{PATH} } $program, @more;
SKIP: {
        skip "$name: there is no $missing here", 9 if $missing;
        my $file = $httpd->root . "/example.$name";
        open my $out, '>', $file or die $!;
        print $out $code;
        close $out;
        my @urls = split /\n/, `$program $file`;
        is(scalar @urls, 2, '... which prints two URLs');
        for my $url (@urls) {
            my ($signature) = $url =~ /sig=v2\.(\w+)/;
            is($signature, sign(signed_as($url)), "... $url");
            my $answer = get($url);
            is($answer->code, 200, '... is served') or diag($answer->content);
            is(probe($answer)->{width}, 267, '... converted');
            is(get($url =~ s/dw=300/dw=301/r)->code, 403, '... and good for nothing else');
        }
    }
}
expect_log(qr/TC0033/);
no_leftovers();
server(TmpfsConvertTest::Httpd->shared);

done_testing;
