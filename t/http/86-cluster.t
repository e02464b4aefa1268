# SPDX-License-Identifier: Apache-2.0
# conf/cluster: nodes, one cache in redis or memcached, and httpd's balancer, as docs/cluster.md
# has them: where URLs go, what is converted how often, draining, purging, a node killed, a cache
# gone.
use TmpfsConvertTest;
use TmpfsConvertTest::Cluster;
use TmpfsConvertTest::Httpd;
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use JSON::PP ();
use Time::HiRes qw(time);

my @lacking = lacking(qw(redis-server redis-cli memcached));
plan(skip_all => "not on this machine: @lacking (tools/deps --test)") if @lacking;

my $documents = docroot() . '/cluster';
remove_tree($documents);
make_path("$documents/img");
my $picture = docroot() . mkpicture('cluster.jpg', 640, 480, seed => 5);
for my $name ('cat.jpg', 'dog.jpg') {
    copy($picture, "$documents/img/$name") or die "$name: $!";
    utime time - 50000, time - 50000, "$documents/img/$name";
}

sub conversions {

    my $sum = 0;
    for my $node (@_) {
        server($node);
        my $figures = JSON::PP->new->utf8->decode(get('/tmpstat?json')->content);
        $sum += $_->{conversions} // 0 for @{ $figures->{conversions}{by_input_output} };
    }
    return $sum;
}

sub from_cache { return (get($_[0])->header('X-Cache') // 'none') =~ /^HIT/ ? 1 : 0 }

# ---- redis and the balancer ------------------------------------------------------------------

my $redis = redis();
my @nodes = map { node($redis, documents => $documents) } 1 .. 3;
my $front = balancer(@nodes);
my @urls = map { "/small_light(dw=$_)/img/cat.jpg" } 21 .. 50;

server($front);
is(through(\@nodes, \&get, (@urls) x 3), 0, 'every picture is answered through the balancer');
my @share = map { scalar keys %{ asked($_) } } @nodes;
is($share[0] + $share[1] + $share[2], scalar @urls, 'each URL went to one node')
    or diag "@share";
is(scalar(grep { $_ >= 3 } @share), 3, "... and each node got some: @share");
is(conversions(@nodes), scalar @urls, 'each was converted once');

server($nodes[0]);
is(scalar(grep { !from_cache($_) } @urls), 0, 'any node answers what another has converted, from redis');
is(conversions(@nodes), scalar @urls, '... and converts nothing');

# Many at once for one that no cache has.
my @cold = ('/small_light(dw=301,q=90)/img/cat.jpg');
my ($seen) = under_load($front, \@cold, 8, sub { return });
is(scalar(failed($seen)), 0, scalar(@$seen) . ' requests at once for a new picture are answered');
is(conversions(@nodes), @urls + 1, '... by one conversion, over all nodes');

# A query is part of the URL, and a client's cookie does not decide.
server($front);
my %before = map { $_ => asked($nodes[$_])->{ $urls[0] } // 0 } 0 .. 2;
for my $route (qw(a b c)) {
    is(through(\@nodes, sub { get($_[0], Cookie => "node=.$route") }, $urls[0]), 0, "with a cookie for node $route");
}
my @more = grep { (asked($nodes[$_])->{ $urls[0] } // 0) > $before{$_} } 0 .. 2;
is(scalar @more, 1, 'a cookie of a client does not choose the node');

# ---- names in the cache ----------------------------------------------------------------------

my %room;
server($nodes[1]);
for my $bytes (118, 119, 120, 121) {
    my $rest = $bytes - length 'http://p1/small_light(dw=20)/img/.jpg?';
    my $name = 'n' x $rest . '.jpg';
    copy($picture, "$documents/img/$name") or die "$name: $!";
    utime time - 50000, time - 50000, "$documents/img/$name";
    get("/small_light(dw=20)/img/$name");
    $room{$bytes} = from_cache("/small_light(dw=20)/img/$name");
}
is_deeply(\%room, { 118 => 1, 119 => 1, 120 => 0, 121 => 0 }, 'a key has room for 119 bytes');

# ---- purging ---------------------------------------------------------------------------------

server($front);
get($_) for @urls[0 .. 4], '/small_light(dw=21)/img/dog.jpg';
is(command('### redis: PURGE', '-h 10.0.0.20' => '-h 127.0.0.1 -p ' . $redis->port), 0, 'the command that purges in redis');
ok(from_cache('/small_light(dw=21)/img/dog.jpg'), '... leaves other originals');
is(scalar(grep { from_cache($_) } @urls[0 .. 4]), 0, '... and nothing of that one');

# ---- draining --------------------------------------------------------------------------------

sub drained {
    my ($on) = @_;
    my $manager = $front->url . '/balancer-manager';
    is(command('### httpd', 'http://127.0.0.1/balancer-manager' => $manager,
        'http://10.0.0.12:80' => $nodes[1]->url, 'w_status_D=1' => "w_status_D=$on"), 0, "w_status_D=$on");
    server($front);
    my $before = requests([$nodes[1]]);
    is(through(\@nodes, \&get, @urls), 0, '... every picture is answered');
    return requests([$nodes[1]]) - $before;
}
is(drained(1), 0, 'a node that is disabled gets nothing');
is(drained(0), $share[1], '... and its share again');

# ---- a node killed under load -----------------------------------------------------------------

# Those that failed were under way when it was killed; @$at is from before it to after it.
sub only_in_flight {
    my ($what, $seen, $at) = @_;
    my @late = grep { $_->[0] > $at->[1] || $_->[1] < $at->[0] } failed($seen);
    my $during = grep { $_->[0] <= $at->[1] && $_->[1] >= $at->[0] } @$seen;
    is(scalar(map { sprintf '%.3f to %.3f: %d', $_->[0] - $at->[0], $_->[1] - $at->[0], $_->[2] } @late), 0,
        "$what: of " . @$seen . ' requests, ' . $during . ' under way, ' . failed($seen) . ' failed, none but those under way')
        or diag map { sprintf "%.3f to %.3f: %d %s\n", $_->[0] - $at->[0], $_->[1] - $at->[0], @$_[2, 4] } @late;
    cmp_ok(scalar(failed($seen)), '<=', $during, '... and no more of these than there were');
    return;
}

server($front);
my $at;
($seen) = under_load($front, \@urls, 4, sub {
    my ($count) = @_;
    wait_for(sub { $count->() >= 40 });
    $at = kill_hard($nodes[1]);
    my $so_far = $count->();
    wait_for(sub { $count->() >= $so_far + 60 });
});
cmp_ok(scalar(grep { $_->[0] > $at->[1] } @$seen), '>=', 60, 'the load went on without the node');
only_in_flight('killed', $seen, $at);

# It is back on the same address: the checks find it, and it gets its share.
my $gone = $nodes[1];
$nodes[1] = node($redis, documents => $documents, port => $gone->port);
server($front);
my $back = wait_for(sub {
    get($_) for @urls;
    return scalar keys %{ asked($nodes[1]) };
});
ok($back, 'a node that is back is asked again');
expect_log(qr/AH01102|AH00957|AH01114|AH0[23]\d\d\d.*balancer|AH01167|AH03247|AH03248|proxy_http:error|proxy:error|proxy_hcheck/);
no_leftovers('behind the balancer');

# ---- no redis --------------------------------------------------------------------------------

server($nodes[0]);
no_leftovers('with redis');
$redis->stop('KILL');
is(get("/small_light(dw=$_)/img/cat.jpg")->code, 200, 'without redis pictures are converted') for 71, 21;
expect_log(qr/AH03478|AH03479|AH02386|socache/);
no_leftovers('without redis');

# ---- two redis -------------------------------------------------------------------------------

{
    my @redis = (redis(), redis());
    my $both = join ',', map { '127.0.0.1:' . $_->port } @redis;
    server(node($redis[0], documents => $documents, edit => sub { return placed($_[0], '10.0.0.20:6379' => $both) }));
    get($_) for @urls;
    is(scalar(grep { !from_cache($_) } @urls), 0, 'two redis: all pictures are kept');
    my @keys = map { my $port = $_->port; scalar(() = `redis-cli -p $port --scan`) } @redis;
    is("$keys[0] and $keys[1]" =~ /^[1-9]\d* and [1-9]\d*$/ && $keys[0] + $keys[1], scalar @urls, "... each in one of them: @keys");
    $redis[0]->stop('KILL');
    is(scalar(grep { get($_)->code != 200 } @urls), 0, '... without one of them all are answered');
    ok(scalar(grep { from_cache($_) } @urls), '... and those of the other are still there');
    expect_log(qr/AH03478|AH03479|AH02386|socache/);
    no_leftovers('with two redis');
}

# ---- memcached -------------------------------------------------------------------------------

my $memcached = memcached();
@nodes = map { node($memcached, documents => $documents) } 1 .. 2;
server($nodes[0]);
get($_) for @urls[0 .. 9];
server($nodes[1]);
is(scalar(grep { !from_cache($_) } @urls[0 .. 9]), 0, 'any node answers what another has converted, from memcached');
is(conversions(@nodes), 10, '... and converts nothing');
server($nodes[0]);
no_leftovers('with memcached');
$memcached->stop('KILL');
is(get("/small_light(dw=$_)/img/cat.jpg")->code, 200, 'without memcached pictures are converted') for 71, 21;
expect_log(qr/AH0078[0-9]|AH02386|socache/);
no_leftovers('without memcached');

# ---- a cache of one machine ------------------------------------------------------------------

SKIP: {
    skip('htcacheclean is not on this machine: tools/deps --test', 1) if lacking('htcacheclean');
    open my $in, '<', "$TmpfsConvertTest::Site::ROOT/conf/tmpfs_convert_cache.conf" or die $!;
    my $text = do { local $/ = undef; <$in> };
    my $cache;
    server(TmpfsConvertTest::Httpd->new(documents => $documents, conf => sub {
        $cache = $_[0]->root . '/cache';
        make_path($cache);
        return "TmpfsConvert On\n" . placed($text, '/var/cache/apache2/mod_cache_disk' => $cache);
    }));
    my $other = '/small_light(dw=21)/img/dog.jpg';
    get($_) for @urls[0 .. 4], $other;
    ok(wait_for(sub { from_cache($_[0] // $other) }), 'pictures are kept on the disk');
    is(scalar(grep { !from_cache($_) } @urls[0 .. 4]), 0, '... all of them');
    is(command('### mod_cache_disk: PURGE', '/var/cache/apache2/mod_cache_disk' => $cache), 0, 'the command that purges there');
    ok(from_cache($other), '... leaves other originals');
    is(scalar(grep { from_cache($_) } @urls[0 .. 4]), 0, '... and nothing of that one');
}
done_testing;
