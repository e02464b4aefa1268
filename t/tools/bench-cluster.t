# SPDX-License-Identifier: Apache-2.0
# tools/bench cluster: that it runs, and what does not depend on the machine: each picture is
# converted once, and no request fails but those that a killed node had.
use TmpfsConvertTest;
use TmpfsConvertTest::Bench;
use TmpfsConvertTest::Cluster qw(lacking);

my @lacking = lacking(qw(redis-server memcached haproxy varnishd));
plan(skip_all => "not on this machine: @lacking (tools/deps --test)") if @lacking;
plan(skip_all => 'under a sanitizer the figures would be those of the sanitizer') if $ENV{TC_SANITIZER};

my ($status, $report, $words) = bench('cluster', '--short', '--json', place() . '/cluster.json');
is($status, 0, 'cluster') or diag $words;
my $figures = json_in('cluster.json');
for my $count (1 .. 3) {
    my ($turn) = @{ $figures->{nodes}{$count} };
    like($report, qr/^\| $count +\| +\d+ \| +\d+ /m, "nodes: $count");
    is($turn->{mixed}{converted}, $turn->{mixed}{distinct}, '... each picture is converted once');
    is($turn->{warm}{converted}, 0, '... and none again');
}
for my $front (qw(httpd HAProxy Varnish)) {
    my ($turn) = @{ $figures->{fronts}{$front} };
    like($report, qr/^\| $front +\| +\d+ /m, $front);
    is($turn->{killed}{others}, 0, '... a node killed: no request fails but those that it had');
}
is($figures->{caches}{$_}[0]{converted}, 0, "$_ has what was converted") for qw(redis memcached);
is($figures->{once}{hashed}, 1, 'at once: one conversion where the URL decides');
done_testing;
