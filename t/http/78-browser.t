# SPDX-License-Identifier: Apache-2.0
# A gallery in a real browser: Chromium without a window opens a page with 100 thumbnails
# over HTTP/2 and TLS, with Debian's settings of the MPM and every directive of the module at
# its default. A browser does not ask again for a picture that was refused.
# Under event only: a browser sees no MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use TmpfsConvertTest::Browser;
use File::Temp ();

use constant PICTURES => 100;

for my $name ('http2', 'ssl') {
    plan(skip_all => "this httpd has no mod_$name") unless -e TmpfsConvertTest::Site::ask('LIBEXECDIR') . "/mod_$name.so";
}
plan(skip_all => 'openssl is not on this machine: tools/deps --test')
    unless grep { -x "$_/openssl" } split /:/, $ENV{PATH};

my $missing = TmpfsConvertTest::Browser::missing();
plan(skip_all => $missing) if $missing;

# ---- the page -------------------------------------------------------------------------------

my @originals = map { mkpicture("browser-$_.jpg", 1632, 1224, kind => 'photo', seed => $_) } 1 .. 6;
my @images = map { sprintf '<img src="/small_light(dw=%d,dh=300)%s">', 200 + $_, $originals[$_ % @originals] }
    1 .. PICTURES;
my $page = docroot() . '/browser.html';
open my $out, '>', $page or die "$page: $!";
print $out <<"PAGE", @images, "</body></html>\n";
<!DOCTYPE html>
<html><head><title>gallery</title><link rel="icon" href="data:,">
<script>
addEventListener('load', () => {
    const seen = performance.getEntriesByType('resource').map(of => [of.responseStatus, of.nextHopProtocol]);
    const widths = Array.from(document.images, image => image.naturalWidth);
    const result = document.createElement('pre');
    result.id = 'result';
    result.textContent = JSON.stringify({widths, seen});
    document.body.append(result);
});
</script></head><body>
PAGE
close $out or die "$page: $!";

sub made_by {
    my @command = @_;
    my $words = `@command 2>&1`;
    $? == 0 or die "@command: $words";
    return;
}

my $scratch = File::Temp->newdir('browser-XXXXXX', TMPDIR => 1);
made_by('openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost',
    "-keyout $scratch/key.pem -out $scratch/certificate.pem");

my $httpd = TmpfsConvertTest::Httpd->new(modules => ['http2', 'ssl'], conf => <<"CONF");
StartServers 2
ThreadsPerChild 25
MinSpareThreads 25
MaxSpareThreads 75
MaxRequestWorkers 150
Protocols h2 http/1.1
SSLEngine On
SSLCertificateFile $scratch/certificate.pem
SSLCertificateKeyFile $scratch/key.pem
TmpfsConvert On
CONF
server($httpd);

my ($dom, $said) = TmpfsConvertTest::Browser::browse('https://127.0.0.1:' . $httpd->port . '/browser.html', $ENV{TC_SANITIZER} ? 600 : 240);
my $result = TmpfsConvertTest::Browser::result($dom);
ok($result, 'the page has loaded') or diag "$dom\n$said";
$result //= { widths => [], seen => [] };

my %seen;
$seen{"@$_"}++ for @{ $result->{seen} };
is_deeply(\%seen, { '200 h2' => PICTURES }, 'every picture was answered 200, over HTTP/2');
is(scalar(grep { $_ > 0 } @{ $result->{widths} }), PICTURES, '... and has a naturalWidth')
    or diag "@{ $result->{widths} }";
is_deeply($result->{widths}, [map { 200 + $_ } 1 .. PICTURES], '... the one that was asked for');
expect_log(qr/\[ssl:warn\]/);    # of the certificate, and of the library
no_leftovers();
$httpd->stop;
server(TmpfsConvertTest::Httpd->shared);
unlink $page;

done_testing;
