# SPDX-License-Identifier: Apache-2.0
# What the longest URLs and headers that httpd takes cost before anything is converted:
# time and memory in proportion to their length.
# Under event only: parsing; 30-url runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use POSIX ();

use constant LINE => 8000;    # of httpd's 8190 bytes

my $picture = mkpicture('long.jpg', 200, 150);
my $origin  = TmpfsConvertTest::Httpd->new(plain => 1);
my $httpd   = TmpfsConvertTest::Httpd->new(conf => sub {
    my ($self) = @_;
    open my $out, '>', $self->root . '/keys' or die $!;
    print $out "an example key of some length\n";
    close $out;
    chmod 0600, $self->root . '/keys';
    return <<"CONF";
LogLevel warn
TmpfsConvert On
TmpfsConvertQuery On
Alias /signed/ "$self->{documents}/pictures/"
Alias /patterns/ "$self->{documents}/pictures/"
<Location /signed/>
    TmpfsConvertSecretFile keys
</Location>
<Location /patterns/>
    TmpfsConvertPatternOnly On
</Location>
ProxyPass /far/ http://127.0.0.1:@{[$origin->port]}/pictures/
CONF
});
server($httpd);

# Seconds of processor that the children, and those of them that ended, have had; and the
# most memory that one of them had, in MB.
sub used {
    my ($ticks, $most) = (0, 0);
    for my $pid ($httpd->pid, $httpd->children) {
        open my $stat, '<', "/proc/$pid/stat" or next;
        my @field = split / /, (<$stat> // next) =~ s/.*\) //r;
        $ticks += $pid == $httpd->pid ? $field[13] + $field[14] : $field[11] + $field[12];
        open my $status, '<', "/proc/$pid/status" or next;
        while (<$status>) {
            $most = $1 / 1024 if /^VmHWM:\s+(\d+)/ && $1 / 1024 > $most;
        }
    }
    return ($ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK()), $most);
}

sub line { return substr $_[0] x LINE, 0, LINE }

my $etag = get('/small_light(dw=50)/far/long.jpg')->header('ETag');
like($etag, qr/^W\/".*-(\w+)"$/, 'a converted answer of another server');
my ($variant) = $etag =~ /-(\w+)"$/;
my $tags = substr +(join ',', (qq{"-$variant"}) x LINE), 0, LINE;

# What, the URL, the status, how often, and a header. httpd bounds a header's length after
# it has merged those of one name.
my @cases = (
    ['a function with commas', '/small_light(' . line('a,') . ")$picture", 400, 100],
    ['... unsigned', '/small_light(' . line('a,') . ')/signed/long.jpg', 403, 100],
    ['... where only patterns may be asked for', '/small_light(' . line(',') . ')/patterns/long.jpg', 302, 100],
    ['... of the signature', '/small_light(' . line('expires=1,') . ')/signed/long.jpg', 403, 100],
    ['a query with commas', "$picture?dw=" . line(','), 200, 100],
    ['a query with parameters', "$picture?" . line('q=9&'), 400, 100],
    ['a query with others', "$picture?" . line('y=9&') . '&dw=10', 200, 30],
    ['... unsigned', '/signed/long.jpg?' . line('sig=&') . '&dw=10', 403, 100],
    ['a path of dots', '/small_light(p=none)/patterns' . line('/.') . '/long.jpg', 302, 100],
    ['a path of dots and back', '/small_light()/patterns' . line('/a/..') . '/long.jpg', 302, 100],
    ['Accept', "/small_light(of=auto,dw=10)$picture", 200, 30, Accept => line('image/webp;q=0.')],
    ['... of weights', "/small_light(of=auto,dw=10)$picture", 200, 30, Accept => substr('image/webp;q=' . line('0'), 0, LINE)],
    ['If-None-Match', '/small_light(dw=50)/far/long.jpg', 200, 30, 'If-None-Match' => $tags],
    ['... of a file', "/small_light(dw=50)$picture", 200, 30, 'If-None-Match' => $tags],
);
my $slow = $ENV{TC_SANITIZER} ? 20 : 1;
for my $case (@cases) {
    my ($what, $url, $status, $times, $name, $value) = @$case;
    my $bytes = "GET $url HTTP/1.0\r\nConnection: close\r\n" . ($name ? "$name: $value\r\n" : '') . "\r\n";
    my ($time, $memory) = used();
    my %codes;
    for (1 .. $times) {
        my ($code) = raw($bytes) =~ m{^HTTP/1.1 (\d+)};
        $codes{ $code // 'none' }++;
    }
    my ($after, $most) = used();
    is(join(',', keys %codes), $status, $what);
    my $each = 1000 * ($after - $time) / $times;
    cmp_ok($each, '<', 8 * $slow, sprintf '... costs %.1f ms each', $each);
SKIP: {
        skip 'memory says nothing under a sanitizer', 1 if $ENV{TC_SANITIZER};
        cmp_ok($most - $memory, '<', 12, sprintf '... and %.1f MB', $most - $memory);
    }
}
expect_log(qr/TC0001|TC003[23]/);
no_leftovers();
server(TmpfsConvertTest::Httpd->shared);

done_testing;
