# SPDX-License-Identifier: Apache-2.0
# conf/tmpfs_convert_cache.conf: what is asked for at once is converted once, what
# is in the cache not at all, and a changed original is noticed.
# Under event only: mod_cache's configuration, under the MPM with several processes of several threads.
use TmpfsConvertTest;
use TmpfsConvertTest::Fault;
use TmpfsConvertTest::Httpd;
use File::Copy qw(copy);
use File::Path qw(make_path);
use JSON::PP ();
use Time::HiRes qw(sleep);

my $large = mkpicture('overload.png', 3000, 2500, seed => 6);
# Large, so that who asks at the same time comes while the first is at work.
my $one   = mkpicture('changing-1.png', 2000, 1500);
my $other = mkpicture('changing-2.png', 2000, 1500, seed => 8);

open my $in, '<', "$TmpfsConvertTest::Site::ROOT/conf/tmpfs_convert_cache.conf" or die $!;
my $reference = do { local $/ = undef; <$in> };

# The ready configuration, with its directories in the test's own; of mod_cache's
# stores the disk, or with $socache shared memory.
sub start {
    my ($more, $socache, @how) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(@how, conf => sub {
        my ($self) = @_;
        my $root = $self->root;
        my $text = $reference;
        mkdir "$root/cache";
        $text =~ s{^(CacheRoot) .*}{$1 "$root/cache"}m or die;
        if ($socache) {
            $text =~ s{^(CacheRoot|CacheDir|CacheMaxFileSize).*\n}{}mg;
            $text =~ s{^(\s+)CacheEnable disk}{$1CacheEnable socache}m or die;
            $text =~ s{cache_disk_module}{cache_socache_module};
            $text .= "CacheSocache shmcb:$root/socache(8388608)\nCacheSocacheMaxSize 400000\n";
        }
        return <<"CONF";
TmpfsConvert On
MaxRequestWorkers 64
TmpfsConvertMaxActive 8 24 60s
$text
CacheDisable /tmpstat
ProxyPass /far/ http://127.0.0.1:$self->{port}/pictures/ disablereuse=On
CacheDisable /pictures/
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
$more
CONF
    });
    server($httpd);
    return $httpd;
}

sub status { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content) }

sub conversions {
    my $sum = 0;
    $sum += $_->{conversions} for @{ status()->{conversions}{by_input_output} };
    return $sum;
}

# Ask `$count` times at once; how many came out as the first one did.
sub at_once {
    my ($count, $url) = @_;
    my (@pipes, %seen);
    $url = base_url() . $url;
    for (1 .. $count) {
        my $pid = open my $pipe, '-|';
        die "fork: $!" unless defined $pid;
        if (!$pid) {
            my $answer = LWP::UserAgent->new(timeout => 60, env_proxy => 0)->get($url);
            print $answer->code, ' ', length $answer->content, "\n";
            close STDOUT;
            POSIX::_exit(0);
        }
        push @pipes, $pipe;
    }
    for my $pipe (@pipes) {
        my $line = <$pipe> // 'nothing';
        chomp $line;
        $seen{$line}++;
        close $pipe;
    }
    return \%seen;
}

for my $store ('disk', 'socache') {
    my $path = "/small_light(dw=600,of=jpeg)$large";
    my $httpd = start('', $store eq 'socache');
    my $before = conversions();
    my $seen = at_once(20, $path);
    is(join(',', values %$seen), '20', "$store: twenty at once get the same") or diag(explain($seen));
    like((keys %$seen)[0], qr/^200 \d{4}/, '... a picture');
    is(conversions() - $before, 1, '... and one of them was converted');
    is(status()->{traffic}{conversions_queued}, 0, '... nobody waits any more');

    my $hit = get($path);
    is($hit->code, 200, 'once more');
    like($hit->header('X-Cache') // '', qr/^HIT/, '... from the cache');
    is(conversions() - $before, 1, '... without a conversion');
    is(get($path, 'If-None-Match' => $hit->header('ETag'))->code, 304, '... with the same validator');
    is(get("/small_light(dw=601,of=jpeg)$large")->code, 200, 'another size');
    is(conversions() - $before, 2, '... is another conversion');

    $before = conversions();
    $seen = at_once(12, '/small_light(dw=610,of=jpeg)/far/overload.png');
    is(join(',', values %$seen), '12', 'of an original elsewhere twelve at once get the same') or diag(explain($seen));
    is(conversions() - $before, 1, '... converted once');
    is(scalar(error_log_lines(qr/TC0018/)), 0, 'nobody was sent away');
    no_leftovers($store);
    $httpd->stop;
}

# ---- a leader who fails, or leaves -----------------------------------------------------------

my $fault = TmpfsConvertTest::Fault->new(server()->root . '/faults');
my $httpd = start("TmpfsConvertTimeout 1\n", 0, faults => $fault->set(slow => 20_000));
my $seen = at_once(6, "/small_light(dw=602,of=jpeg)$large");
is(join(',', map { (split)[0] } keys %$seen), '503', 'what takes too long is 503 for all of them') or diag(explain($seen));
expect_log(qr/TC0030/);
no_leftovers();
$httpd->stop;

# What no cache may keep is converted each time, and nobody waits for ever.
$httpd = start("Header set Cache-Control no-store\n");
$seen = at_once(6, "/small_light(dw=300,of=jpeg)$large");
is(join(',', values %$seen), '6', 'what is not to be kept comes all the same') or diag(explain($seen));
cmp_ok(conversions(), '>=', 2, '... by more than one conversion');
no_leftovers();
$httpd->stop;

# ---- a changed original -----------------------------------------------------------------------

$httpd = start(<<'CONF');
CacheDefaultExpire 1
CacheMaxExpire 1
CacheLastModifiedFactor 0
CacheMinExpire 0
CONF
make_path(docroot() . '/changing');
my $file = docroot() . '/changing/cat.png';
my $url  = '/small_light(dw=50)/changing/cat.png';
copy(docroot() . $one, $file) or die $!;
utime time - 5000, time - 5000, $file;
my $first = get($url);
is($first->code, 200, 'an original');
my $before = conversions();
sleep 2.2;
my $again = get($url);
is($again->code, 200, 'expired');
ok($again->content eq $first->content, '... and the same');
is(conversions(), $before, '... it is revalidated without a conversion');
copy(docroot() . $other, $file) or die $!;
sleep 2.2;
$seen = at_once(8, $url);
is(join(',', values %$seen), '8', 'a changed one, eight times at once') or diag(explain($seen));
my $new = get($url);
is($new->code, 200, '... and once more');
isnt($new->content, $first->content, '... is another picture after its time');
isnt($new->header('ETag'), $first->header('ETag'), '... with another validator');
is(conversions(), $before + 1, '... by one conversion');
unlink $file;
no_leftovers();
server(TmpfsConvertTest::Httpd->shared);

done_testing;
