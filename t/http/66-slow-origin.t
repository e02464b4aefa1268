# SPDX-License-Identifier: Apache-2.0
# Originals that come slowly or never: the time for one is bounded, a client that
# left ends the wait, and either way worker and connection are free at once.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use TmpfsConvertTest::Origin;
use Cwd ();
use File::Path qw(make_path);
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(sleep time);

use constant BOUND => 1;

mkpicture('slow.jpg', 400, 300, seed => 5, quality => 90);
my $bytes = do { local (@ARGV, $/) = docroot() . '/pictures/slow.jpg'; <> };
my $ok = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: image/jpeg\r\n";
my $length = "Content-Length: @{[length $bytes]}\r\n\r\n";
my $chunked = "Transfer-Encoding: chunked\r\n\r\n";

my %path = (
    '/sound.jpg' => sub { print { $_[0] } "$ok$length$bytes" },
    # All of it, with pauses that together stay within the bound.
    '/patient.jpg' => sub {
        print { $_[0] } substr "$ok$length", 0, 20;
        sleep 0.1;
        print { $_[0] } substr "$ok$length", 20;
        for (my $at = 0; $at < length $bytes; $at += 20_000) {
            print { $_[0] } substr $bytes, $at, 20_000;
            sleep 0.05;
        }
    },
    '/drip.jpg'      => sub { print { $_[0] } "$ok$length" . substr $bytes, 0, 500; $_[0]->drip('x', 0.05) },
    '/close.jpg'     => sub { print { $_[0] } "$ok\r\n" . substr $bytes, 0, 500; $_[0]->drip('x', 0.05) },
    '/chunks.jpg'    => sub { print { $_[0] } "$ok$chunked"; $_[0]->drip("1\r\nx\r\n", 0.05) },
    '/silent.jpg'    => sub { print { $_[0] } "$ok$length" . substr $bytes, 0, 500; $_[0]->hold },
    '/half.jpg'      => sub { print { $_[0] } "$ok$chunked"; print { $_[0] } "4\r\nxx"; $_[0]->hold },
    '/extension.jpg' => sub { print { $_[0] } "$ok$chunked" . '4;'; $_[0]->drip('x', 0.05) },
    '/trailer.jpg'   => sub { print { $_[0] } "$ok${chunked}1\r\nx\r\n0\r\n"; $_[0]->drip("A: b\r\n", 0.05) },
    '/nothing.jpg'   => sub { $_[0]->hold },
    '/status.jpg'    => sub { print { $_[0] } 'HTTP/1.1 200 '; $_[0]->drip('x', 0.05) },
    '/header.jpg'    => sub { print { $_[0] } "${ok}X: "; $_[0]->drip('x', 0.05) },
    '/headers.jpg'   => sub { print { $_[0] } $ok; $_[0]->drip("X: y\r\n", 0.05) },
    '/waiting.jpg'   => sub { $_[0]->drip("HTTP/1.1 102 Processing\r\n\r\n", 0.5) },
    # Over TmpfsConvertMaxSource, told or not.
    '/large.jpg'     => sub { print { $_[0] } "${ok}Content-Length: 1000000000\r\n\r\n"; $_[0]->drip('x', 0.05) },
    '/endless.jpg'   => sub { print { $_[0] } "$ok\r\n"; $_[0]->drip('x' x 65536, 0) },
    '/endless2.jpg'  => sub { print { $_[0] } "$ok$chunked"; $_[0]->drip("10000\r\n" . 'x' x 65536 . "\r\n", 0) },
    # Wrong from its first byte on.
    '/page.jpg'      => sub { print { $_[0] } "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnone" },
);
my $origin = TmpfsConvertTest::Origin->new(%path);

my $cgi = docroot() . '/../cgi';
make_path($cgi, "$cgi/../words");
open my $page, '>', "$cgi/../words/page.txt" or die "page.txt: $!";
print $page 'a page';
close $page;
sub script {
    my ($name, $text) = @_;
    open my $out, '>', "$cgi/$name" or die "$cgi/$name: $!";
    print $out "#!/usr/bin/env perl\n\$| = 1;\nopen my \$in, '<', '@{[docroot()]}/pictures/slow.jpg';\n"
        . "read \$in, my \$bytes, 1e6;\nprint \"Content-Type: image/jpeg\\n\";\n$text";
    close $out;
    chmod 0755, "$cgi/$name";
    return;
}
script('sound.pl', 'print "\n$bytes";');
script('patient.pl', 'print "\n"; print(substr $bytes, $_ * 20000, 20000), select undef, undef, undef, 0.05 for 0 .. 3;');
script('drip.pl', 'print "\n"; print("x"), select undef, undef, undef, 0.05 while 1;');
script('silent.pl', 'print "\nx"; sleep 40;');
# Blocks of nothing, which unpacked never fill a buffer.
script('endless.pl', 'print "\n"; 1 while print "x" x 65536;');
script('packed.pl', 'print "Content-Encoding: gzip\n\n\x1f\x8b\x08\0\0\0\0\0\0\x03";'
    . ' print("\0\0\0\xff\xff"), select undef, undef, undef, 0.05 while 1;');

my $front = TmpfsConvertTest::Httpd->new(
    modules => [mpm() eq 'prefork' ? 'cgi' : qw(http2 cgid)],
    conf => sub {
        my $temp = $_[0]->temp_dir;
        my $sock = mpm() eq 'prefork' ? '' : qq{ScriptSock "$temp/../cgisock"};
        return <<"CONF";
Protocols h2c http/1.1
TmpfsConvertTempDir "$temp"
TmpfsConvertMaxSource 2M
$sock
TmpfsConvert On
TmpfsConvertFetchTimeout @{[BOUND]}
KeepAlive On
ProxyPass "/far/" "http://127.0.0.1:@{[$origin->port]}/"
ProxyPass "/long/" "http://127.0.0.1:@{[$origin->port]}/"
ScriptAlias "/cgi/" "$cgi/"
<Directory "$cgi">
    Require all granted
    TmpfsConvertSpoolMemory 0
</Directory>
<Location "/long/">
    TmpfsConvertFetchTimeout 0
</Location>
<Location "/longcgi/">
    TmpfsConvertFetchTimeout 0
</Location>
ScriptAlias "/longcgi/" "$cgi/"
ProxyPass "/worded/" "http://127.0.0.1:@{[$origin->port]}/"
<Location "/worded/">
    ErrorDocument 504 "late, says the operator"
</Location>
ProxyPass "/paged/" "http://127.0.0.1:@{[$origin->port]}/"
<Location "/paged/">
    ErrorDocument 504 /words/page.txt
</Location>
Alias "/words/" "$cgi/../words/"
<Directory "$cgi/../words">
    Require all granted
</Directory>
<Location "/server-status">
    SetHandler server-status
</Location>
CONF
    });
server($front);

# Workers that do something, beside the one that answers this.
sub busy {
    my ($text) = get('/server-status?auto')->content =~ /^BusyWorkers: (\d+)/m;
    return $text - 1;
}

sub is_idle {
    my ($what) = @_;
    ok(becomes(sub { !busy() }, 5), "$what: no worker is held") or diag(busy());
    ok(becomes(sub { !$origin->open }, 5), "$what: nor a connection to the other server");
    return;
}

# ---- within the bound ---------------------------------------------------------------

for my $path (qw(far/sound.jpg far/patient.jpg long/patient.jpg cgi/sound.pl cgi/patient.pl)) {
    my ($folder, $name) = $path =~ m{(.*)/(.*)};
    my $answer = get("/$folder/small_light(dw=100)/$name");
    is($answer->code, 200, "$path: 200");
    is(probe($answer)->{width}, 100, '... converted');
}
no_leftovers();

# ---- over it --------------------------------------------------------------------------

sub ask {
    my ($path) = @_;
    my ($folder, $name) = $path =~ m{(.*)/(.*)};
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $front->port) or die $@;
    $socket->syswrite("GET /$folder/small_light(dw=100)/$name HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return $socket;
}

# A few at a time, so that prefork has a process for each.
sub batches {
    my ($size, @all) = @_;
    my @batch;
    push @batch, [splice @all, 0, $size] while @all;
    return @batch;
}

# What httpd says of an original's server that begins a header and does not end it.
my $at_fault = qr/AH01102|AH10404|AH01106|AH00898/;
my @by_us = map { "$_.jpg" } qw(drip close chunks silent half extension trailer nothing);
my @by_httpd = map { "$_.jpg" } qw(status header headers waiting);
my @programs = qw(drip.pl silent.pl packed.pl);
for my $batch (batches(5, (map { "far/$_" } @by_us, @by_httpd), map { "cgi/$_" } @programs)) {
    my ($mark, $began) = (log_mark(), time);
    my %socket = map { $_ => ask($_) } @$batch;
    my %answer = map { my $socket = $socket{$_}; $_ => do { local $/ = undef; <$socket> } } @$batch;
    my $took = time - $began;
    cmp_ok($took, '<', BOUND + 4, sprintf '%.2f s', $took);
    for my $path (@$batch) {
        my ($name) = $path =~ m{/(.*)};
        like($answer{$path}, qr{^HTTP/1\.1 504 }m, "$path: 504");
        is(scalar(error_log_lines($mark, qr/TC0160: \S+\Q$name\E: the original did not arrive within the 1 seconds of TmpfsConvertFetchTimeout/)),
            1, '... with one line that says why') or diag join "\n", error_log_lines($mark);
    }
    expect_log(qr/TC0160/);
    expect_log($at_fault) if grep { my $name = $_; grep { "far/$_" eq $name } @by_httpd } @$batch;
    is_idle("@$batch");
    no_leftovers();
}

# ---- the client has left ----------------------------------------------------------------

for my $batch (batches(3, (map { "long/$_" } @by_us, @by_httpd), map { "longcgi/$_" } @programs)) {
    my @socket = map { ask($_) } @$batch, @$batch;
    ok(becomes(sub { busy() >= @socket }, 5), "@$batch: all wait") or diag(busy());
    sleep 0.2; # what there is has been read
    my $left = time;
    close $_ for @socket;
    is_idle('when the clients have left');
    my $took = time - $left;
    cmp_ok($took, '<', 4, sprintf '... after %.2f s', $took);
    expect_log($at_fault) if grep { my $name = $_; grep { "long/$_" eq $name } @by_httpd } @$batch;
    no_leftovers();
}
is(get('/far/small_light(dw=100)/sound.jpg')->code, 200, 'all is well after that');

# Over HTTP/2, where a client that leaves has its streams reset.
SKIP: {
    skip 'mod_http2 does not work under prefork', 5 if mpm() eq 'prefork';
    my $curl = `curl --version 2>&1` // '';
    skip 'no curl that speaks HTTP/2', 5 unless $curl =~ /^Features:.*\bHTTP2\b/m;
    my @pid;
    for my $name (qw(drip silent nothing)) {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            exec qw(curl -s --http2-prior-knowledge -m 2 -o /dev/null),
                $front->url . "/long/small_light(dw=100)/$name.jpg" or POSIX::_exit(127);
        }
        push @pid, $pid;
    }
    ok(becomes(sub { $origin->open == 3 }, 5), 'three streams are waited for') or diag($origin->open);
    waitpid $_, 0 for @pid;
    is_idle('HTTP/2');
    no_leftovers();
}

# ---- what is refused is not read to its end ---------------------------------------------------

for my $path (qw(long/large.jpg long/endless.jpg long/endless2.jpg longcgi/endless.pl)) {
    my ($folder, $name) = $path =~ m{(.*)/(.*)};
    my ($mark, $began) = (log_mark(), time);
    is(get("/$folder/small_light(dw=100)/$name")->code, 413, "$name: 413");
    my $took = time - $began;
    cmp_ok($took, '<', 3, sprintf '... after %.2f s', $took);
    is(scalar(error_log_lines($mark, qr/TC0006/)), 1, '... with one line');
    expect_log(qr/TC0006/);
    is_idle($name);
}
is(get('/far/small_light(dw=100)/page.jpg')->content, 'none', "another's 404 passes");

# ---- what was ended leaves the client's connection as it was -----------------------------------------

for my $name (qw(nothing.jpg drip.jpg endless.jpg)) {
    my $one = "GET /far/small_light(dw=100)/$name HTTP/1.1\r\nHost: x\r\n\r\n";
    my $two = "GET /far/small_light(dw=100)/page.jpg HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    my ($first, $rest) = split /(?=HTTP\/1\.1 404)/, raw("$one$two"), 2;
    like($first, qr{^HTTP/1\.1 (?:504|413) .*</html>\s*\z}s, "$name: one answer, whole");
    # 413 closes the connection, by httpd's rules.
    like($rest, qr/\r\n\r\nnone\z/, '... and the next behind it') if $first =~ / 504 /;
    expect_log(qr/TC0160|TC0006/);
}
no_leftovers();

# ---- the administrator's own words -------------------------------------------------------------------------

is(get('/worded/small_light(dw=100)/drip.jpg')->content, 'late, says the operator', 'ErrorDocument with a text');
my $paged = get('/paged/small_light(dw=100)/drip.jpg');
is($paged->code, 504, 'ErrorDocument with a page');
is($paged->content, 'a page', '... which is the answer');
is($paged->header('Content-Encoding'), undef, '... and nothing of the original is in its header');
expect_log(qr/TC0160/);

# ---- programs have ended -------------------------------------------------------------------------------------

my @left;
ok(becomes(sub {
    @left = grep { -o $_ && (readlink("$_/cwd") // '') eq Cwd::realpath($cgi) } glob '/proc/[0-9]*';
    !@left;
}), 'no program is left') or diag "@left";

done_testing;
