# SPDX-License-Identifier: Apache-2.0
# conf/cluster behind HAProxy and Varnish, as docs/cluster.md has them: where URLs go, draining,
# purging, a node killed under load.
# Under event only: programs in front of it; 86-cluster has the nodes under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Cluster;
use TmpfsConvertTest::Httpd;
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use Time::HiRes qw(time);

my $documents = docroot() . '/front';
remove_tree($documents);
make_path("$documents/img");
my $picture = docroot() . mkpicture('cluster.jpg', 640, 480, seed => 5);
for my $name ('cat.jpg', 'dog.jpg') {
    copy($picture, "$documents/img/$name") or die "$name: $!";
    utime time - 50000, time - 50000, "$documents/img/$name";
}

my $next = 20;    # widths that nobody has asked for yet
sub fresh {
    my ($count) = @_;
    return map { "/small_light(dw=@{[ $next++ ]})/img/cat.jpg" } 1 .. $count;
}

sub killed_under_load {
    my ($what, $front, $node) = @_;
    my @urls = fresh(400);
    my $at;
    my ($seen) = under_load($front, \@urls, 4, sub {
        my ($count) = @_;
        wait_for(sub { $count->() >= 40 });
        $at = kill_hard($node);
        my $so_far = $count->();
        wait_for(sub { $count->() >= $so_far + 60 });
    });
    my @late = grep { $_->[0] > $at->[1] || $_->[1] < $at->[0] } failed($seen);
    my $during = grep { $_->[0] <= $at->[1] && $_->[1] >= $at->[0] } @$seen;
    cmp_ok(scalar(grep { $_->[0] > $at->[1] } @$seen), '>=', 60, "$what: the load went on without a node");
    is(scalar @late, 0, '... of ' . @$seen . " requests, $during under way, " . failed($seen) . ' failed, none but those under way')
        or diag map { sprintf "%.3f to %.3f: %d %s\n", $_->[0] - $at->[0], $_->[1] - $at->[0], @$_[2, 4] } @late;
    return;
}

sub start { return map { node(undef, documents => $documents) } 1 .. 3 }

# ---- HAProxy ---------------------------------------------------------------------------------

SKIP: {
    my @lacking = lacking(qw(haproxy socat));
    skip("not on this machine: @lacking (tools/deps --test)", 1) if @lacking;
    my @nodes = start();
    my $haproxy = haproxy(@nodes);
    server($nodes[0]);
    my $own = sub { get($haproxy->url . $_[0]) };
    my @urls = fresh(30);
    is(through(\@nodes, $own, @urls, @urls), 0, 'HAProxy: every picture is answered');
    my %at;
    for my $node (@nodes) { $at{$_}++ for keys %{ asked($node) } }
    is(scalar(grep { ($at{$_} // 0) != 1 } @urls), 0, '... each by one node');
    is(scalar(grep { requests([$_]) >= 2 } @nodes), 3, '... and each node has some');

    my @place = ('/run/haproxy' => $haproxy->root);
    is(command('### HAProxy', @place), 0, 'the command that drains a node');
    my $before = requests([$nodes[1]]);
    is(through(\@nodes, $own, @urls), 0, '... every picture is answered');
    is(requests([$nodes[1]]) - $before, 0, '... and the node gets nothing');
    is(command('### HAProxy', @place, 'state drain' => 'state ready'), 0, '... it is in again');
    ok(wait_for(sub { $own->($_) for @urls; return requests([$nodes[1]]) > $before }), '... and is asked again');
    killed_under_load('HAProxy', $haproxy, $nodes[2]);
    no_leftovers('behind HAProxy');
}

# ---- HAProxy before a cache that hangs -------------------------------------------------------

SKIP: {
    my @lacking = lacking(qw(haproxy redis-server memcached));
    skip("not on this machine: @lacking (tools/deps --test)", 1) if @lacking;
    for my $cache (redis(), memcached()) {
        my $what = $cache->{name};
        my $between = haproxy_cache($cache);
        my $node = node($between, documents => $documents);
        server($node);
        my $hit = sub { (get('/small_light(dw=20)/img/dog.jpg')->header('X-Cache') // '') =~ /^HIT/ };
        ok(wait_for($hit), "$what through HAProxy: pictures come from the cache");
        kill 'STOP', $cache->pid;
        is(scalar(grep { get($_)->code != 200 } fresh(4), '/small_light(dw=20)/img/dog.jpg'), 0,
            '... it hangs: pictures are converted');
        kill 'CONT', $cache->pid;
        ok(wait_for($hit), '... it is back: pictures come from it again');
        expect_log(qr/AH03478|AH03479|AH0079[01]|AH02386/);
        no_leftovers("with $what that hangs");
    }
}

# ---- Varnish ---------------------------------------------------------------------------------

SKIP: {
    my @lacking = lacking(qw(varnishd varnishadm));
    skip("not on this machine: @lacking (tools/deps --test)", 1) if @lacking;
    my @nodes = start();
    my $varnish = varnish(@nodes);
    server($nodes[0]);
    my $own = sub { my ($url, %headers) = @_; return get($varnish->url . $url, %headers) };
    my @urls = fresh(30);
    is(through(\@nodes, $own, @urls), 0, 'Varnish: every picture is answered');
    is(scalar(grep { $own->($_)->code != 200 } @urls), 0, '... and a second time');
    my %at;
    for my $node (@nodes) { $at{$_} += asked($node)->{$_} for keys %{ asked($node) } }
    is(scalar(grep { ($at{$_} // 0) != 1 } @urls), 0, '... and each was asked for once, of one node');
    is(scalar(grep { requests([$_]) >= 2 } @nodes), 3, '... and each node has some');

    # Three kinds of client, and no more copies.
    my $auto = '/small_light(dw=40,of=auto)/img/cat.jpg';
    my %type;
    my @accept = ( 'image/avif,image/webp,*/*', 'image/webp,image/png', '*/*', 'image/png', 'text/html,image/avif;q=0.9');
    $type{ $own->($auto, Accept => $_)->content_type }++ for @accept;
    wait_for(sub { requests(\@nodes, $auto) >= keys %type });
    is(requests(\@nodes, $auto), scalar keys %type, 'of=auto: a copy for each kind of client: ' . join ' ', sort keys %type);

    my $other = '/small_light(dw=21)/img/dog.jpg';
    is(through(\@nodes, $own, $other), 0, 'another original');
    is(command('### Varnish: PURGE', 'http://pictures.example' => $varnish->url), 0, 'the command that purges');
    is(through(\@nodes, $own, @urls), 0, '... leaves nothing of that one');
    $own->($other);
    # A request of its own, so that what it might have caused is in the log.
    is(through(\@nodes, $own, fresh(1)), 0, '... and another picture');
    is(requests(\@nodes, $other), 1, '... leaves other originals');

    my @place = ('varnishadm' => 'varnishadm -n ' . $varnish->root . '/work');
    is(command('### Varnish', @place), 0, 'the command that drains a node');
    my $before = requests([$nodes[1]]);
    @urls = fresh(30);
    is(through(\@nodes, $own, @urls), 0, '... every picture is answered');
    is(requests([$nodes[1]]) - $before, 0, '... and the node gets nothing');
    is(command('### Varnish', @place, ' b sick' => ' b auto'), 0, '... it is in again');
    ok(wait_for(sub { $own->($_) for fresh(10); return requests([$nodes[1]]) > $before }), '... and is asked again');
    killed_under_load('Varnish', $varnish, $nodes[2]);
}
done_testing;
