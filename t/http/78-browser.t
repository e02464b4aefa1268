# SPDX-License-Identifier: Apache-2.0
# A gallery in a real browser: Chromium without a window opens a page with 100 thumbnails
# over HTTP/2 and TLS, with Debian's settings of the MPM and every directive of the module at
# its default. A browser does not ask again for a picture that was refused.
# Under event only: a browser sees no MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Path qw(make_path);
use File::Temp ();
use IO::Select ();
use JSON::PP ();
use Time::HiRes qw(time);

use constant PICTURES => 100;

for my $name ('http2', 'ssl') {
    plan(skip_all => "this httpd has no mod_$name") unless -e TmpfsConvertTest::Site::ask('LIBEXECDIR') . "/mod_$name.so";
}
for my $name ('chromium', 'openssl') {
    plan(skip_all => "$name is not on this machine: tools/deps --test")
        unless grep { -x "$_/$name" } split /:/, $ENV{PATH};
}

make_path("$TmpfsConvertTest::Site::ROOT/build/t");
my $scratch = File::Temp->newdir('browser-XXXXXX', DIR => "$TmpfsConvertTest::Site::ROOT/build/t");
# Chromium's socket lies in TMPDIR, and its name has no more than 107 characters.
my $short = File::Temp->newdir('browser-XXXXXX', DIR => -w '/tmp' ? '/tmp' : $scratch);

# The document at $url after its load event, as text, and what the browser said meanwhile.
# A user without a home (nobody) has one here.
sub browse {
    my ($url, $seconds) = @_;
    my $words = "$scratch/words";
    my $pid = open my $out, '-|';
    defined $pid or die "fork: $!";
    if (!$pid) {
        setpgrp;
        open STDERR, '>', $words;
        @ENV{qw(HOME XDG_CONFIG_HOME XDG_CACHE_HOME)} = ("$scratch") x 3;
        $ENV{TMPDIR} = "$short";
        $ENV{DBUS_SESSION_BUS_ADDRESS} = $ENV{DBUS_SYSTEM_BUS_ADDRESS} = 'disabled:';
        # Its sandbox needs what containers do not allow; the pages are the test's own.
        exec 'chromium', '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
            '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-extensions',
            '--no-proxy-server', '--ignore-certificate-errors', "--user-data-dir=$scratch/profile", '--dump-dom', $url
            or POSIX::_exit(127);
    }
    my ($text, $end, $select) = ('', time + $seconds, IO::Select->new($out));
    while (time < $end) {
        next unless $select->can_read($end - time);
        last unless sysread $out, $text, 65536, length $text;
    }
    kill KILL => -$pid if time >= $end;
    close $out;
    open my $in, '<', $words or return ($text, '');
    local $/ = undef;
    return ($text, <$in> // '');
}

my ($up, $why) = browse('data:text/html,<p>up', 120);
plan(skip_all => 'Chromium does not start here: ' . substr $why =~ s/\s+/ /gr, -500) unless $up =~ /<p>up/;

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

my ($dom, $said) = browse('https://127.0.0.1:' . $httpd->port . '/browser.html', $ENV{TC_SANITIZER} ? 600 : 240);
my ($json) = $dom =~ m{<pre id="result">(.*?)</pre>}s;
ok($json, 'the page has loaded') or diag "$dom\n$said";
my $result = $json ? JSON::PP->new->decode($json) : { widths => [], seen => [] };

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
