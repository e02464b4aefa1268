# SPDX-License-Identifier: Apache-2.0
#
# tools/bench cluster: one, two and three nodes behind httpd's balancer with one cache in redis,
# cold and warm; the balancers beside each other; a node killed under load; one new picture for
# many. All of conf/cluster, on loopback. As root each node gets a share of the processors, as if
# it were a machine: else three nodes on one machine are no more than one.
package Bench::Cluster;

use strict;
use warnings;
use File::Path ();
use Getopt::Long ();
use JSON::PP ();
use TmpfsConvertTest::Cluster;
use TmpfsConvertTest::Site ();
use Bench::Measure ();
use Bench::Table   ();

my $HELP = <<'HELP';
usage: tools/bench cluster [options]

  -n, --rounds N        of each number of nodes and each balancer (3)
  -t, --seconds S       of each load with a full cache (4)
      --pictures N      new pictures of each load with an empty cache (150)
      --share PERCENT   of a processor, for each node; as root (30)
      --short           one round of short loads: only to see it work
      --json FILE       all figures
      --write           put the tables into docs/cluster.md
HELP

use constant { CONNECTIONS => 6, ORIGINALS => 5, FIRST_WIDTH => 100, AT_ONCE => 12 };

my $folder;
my $width;    # the next one that no cache has

sub main {
    local @ARGV = @_;
    my %option = (rounds => 3, seconds => 4, pictures => 150, share => 30);
    Getopt::Long::Configure('bundling');
    Getopt::Long::GetOptions(\%option, 'rounds|n=i', 'seconds|t=f', 'pictures=i', 'share=i', 'short', 'json=s',
        'write', 'help|h') && !@ARGV or die $HELP;
    if ($option{help}) {
        print $HELP;
        return 0;
    }
    @option{qw(rounds seconds pictures)} = (1, 0.5, 30) if $option{short};
    $option{rounds} >= 1 && $option{rounds} <= 100 && $option{seconds} > 0 && $option{seconds} <= 60
        && $option{pictures} >= 10 && $option{pictures} <= 2000 && $option{share} >= 5 && $option{share} <= 1000
        or die $HELP;
    my @lacking = lacking(qw(redis-server memcached haproxy varnishd));
    die "bench: missing: @lacking (tools/deps --test)\n" if @lacking;
    my $machine = Bench::Measure::machine();
    _originals();
    $width = FIRST_WIDTH;
    my %figures = (machine => $machine, option => \%option, bounded => _may_bound() ? 1 : 0);
    for my $round (1 .. $option{rounds}) {
        push @{ $figures{nodes}{$_} }, _nodes($_, \%option) for 1 .. 3;
        push @{ $figures{fronts}{$_} }, _front($_, \%option) for qw(httpd HAProxy Varnish);
        push @{ $figures{caches}{$_} }, _cache($_, \%option) for qw(redis memcached);
    }
    $figures{once} = { map { $_ => _once($_, $option{short} ? 3 : 20) } qw(hashed turns) };
    my $text = _text(\%figures);
    print $text;
    Bench::Table::save_json($option{json}, \%figures) if $option{json};
    Bench::Table::write_region('cluster', $text, 'cluster.md') if $option{write};
    return 0;
}

sub _originals {
    $folder = "$Bench::Measure::ROOT/build/bench/cluster";
    File::Path::make_path($folder);
    for my $at (1 .. ORIGINALS) {
        my $file = "$folder/$at.jpg";
        system("$Bench::Measure::ROOT/build/bin/mkpicture", $file, 2000, 1500, 'kind=photo', "seed=$at", 'quality=90') == 0
            or die "bench: no picture\n";
        # Old enough that a cache keeps it for its whole time.
        utime time - 1e6, time - 1e6, $file;
    }
    return;
}

sub _fresh {
    my ($count) = @_;
    return map { '/small_light(dw=' . ($width + int $_ / ORIGINALS) . ',of=jpeg)/' . (1 + $_ % ORIGINALS) . '.jpg' } 0 .. $count - 1;
}

sub _new_pictures {
    my ($count) = @_;
    my @urls = _fresh($count);
    $width += 1 + int($count / ORIGINALS);
    $width = FIRST_WIDTH if $width > 1900;
    return @urls;
}

# ---- a share of the processors -----------------------------------------------------------------

my $groups = '/sys/fs/cgroup/cpu';
sub _may_bound { return !$> && -w "$groups/cgroup.procs" && -e "$groups/cpu.cfs_quota_us" }

my %bounded;

sub _put {
    my ($file, $value) = @_;
    open my $out, '>', $file or die "bench: $file: $!\n";
    syswrite $out, $value or die "bench: $file: $!\n";
    return close $out;
}

# All processes of the node, and those they start.
sub _bound {
    my ($node, $percent) = @_;
    return $node unless _may_bound();
    my $group = "$groups/tmpfs-convert-bench-" . $node->pid;
    mkdir $group or die "bench: $group: $!\n";
    $bounded{$group} = $$;
    _put("$group/cpu.cfs_quota_us", $percent * 1000);
    _put("$group/cgroup.procs", $_) for $node->pid, $node->children;
    return $node;
}

# A group can go when it is empty.
sub _unbound {
    for my $group (grep { $bounded{$_} == $$ } keys %bounded) {
        delete $bounded{$group} if wait_for(sub { rmdir $group });
    }
    return;
}
END { local $?; _unbound() }

sub _start {
    my ($count, $cache, $share) = @_;
    return map { _bound(node($cache, documents => $folder, conf => "LogLevel crit\n"), $share) } 1 .. $count;
}

sub _stop {
    $_->stop for @_;
    _unbound();
    return;
}

# ---- figures -------------------------------------------------------------------------------------

sub _conversions {
    my $sum = 0;
    for my $node (@_) {
        my $json = Bench::Measure::output_of('curl', '-sSf', $node->url . '/tmpstat?json');
        $sum += $_->{conversions} // 0 for @{ JSON::PP->new->decode($json)->{conversions}{by_input_output} };
    }
    return $sum;
}

sub _load {
    my ($what, $front, @arguments) = @_;
    my $load = Bench::Measure::load($front->port, '-k', '-c', CONNECTIONS, @arguments);
    my $count = Bench::Measure::only_good($what, $load);
    return { count => $count, rate => $count / $load->{seconds}, p50 => $load->{answers}{200}{p50},
        p99 => $load->{answers}{200}{p99} };
}

# As visitors ask: some pictures often, many seldom. The n-th is asked for in proportion to 1/n.
sub _mixed {
    my @urls = @_;
    my @until;
    my $sum = 0;
    push @until, $sum += 1 / (1 + $_) for 0 .. $#urls;
    srand 1;
    return map {
        my $at = rand $sum;
        my ($hit) = grep { $until[$_] > $at } 0 .. $#urls;
        $urls[$hit];
    } 1 .. 4 * @urls;
}

# balancer.conf has three: the digits of those that are not there go to the first.
sub _with_nodes {
    my ($count, $text) = @_;
    for my $at ($count .. 2) {
        my $route = (qw(a b c))[$at];
        my $address = 11 + $at;
        $text =~ s/picture_node=$route$/picture_node=a/m or die "bench: balancer.conf has no node $route\n";
        $text =~ s{^.*BalancerMember "http://10\.0\.0\.$address:80".*\n}{}m or die "bench: balancer.conf has no $address\n";
    }
    return $text;
}

sub _nodes {
    my ($count, $option) = @_;
    my $redis = redis();
    my @nodes = _start($count, $redis, $option->{share});
    my $front = balancer(@nodes, sub { return _with_nodes($count, @_) });
    my @urls = _new_pictures($option->{pictures});
    my $cold = _load('cold', $front, '-n', scalar @urls, @urls);
    my $before = _conversions(@nodes);
    my $warm = _load('warm', $front, '-t', $option->{seconds}, @urls);
    my $again = _conversions(@nodes) - $before;
    my @mixed = _mixed(_new_pictures($option->{pictures}));
    $before = _conversions(@nodes);
    my $mixed = _load('mixed', $front, '-n', scalar @mixed, @mixed);
    my %distinct = map { $_ => 1 } @mixed;
    my $converted = _conversions(@nodes) - $before;
    _stop(@nodes, $front);
    return { cold => $cold, warm => { %$warm, converted => $again },
        mixed => { %$mixed, distinct => scalar keys %distinct, converted => $converted, hits => 1 - $converted / $mixed->{count} } };
}

# Three nodes, the cache full: what it answers; then new pictures while one is killed.
sub _front {
    my ($name, $option) = @_;
    my $redis = redis();
    my @nodes = _start(3, $redis, $option->{share});
    my $front = { httpd => \&balancer, HAProxy => \&haproxy, Varnish => \&varnish }->{$name}->(@nodes);
    my @urls = _new_pictures($option->{pictures});
    _load('cold', $front, '-n', scalar @urls, @urls);
    my $warm = _load('warm', $front, '-t', $option->{seconds}, @urls);
    my $at;
    my @new = _new_pictures(10 * $option->{pictures});
    my ($seen) = under_load($front, \@new, CONNECTIONS, sub {
        my ($answered) = @_;
        wait_for(sub { $answered->() >= 30 });
        $at = kill_hard($nodes[1]);
        my $so_far = $answered->();
        wait_for(sub { $answered->() >= $so_far + $option->{pictures} });
    });
    my @failed = failed($seen);
    my $killed = { requests => scalar @$seen, failed => scalar @failed,
        under_way => scalar(grep { $_->[0] <= $at->[1] && $_->[1] >= $at->[0] } @$seen),
        others => scalar(grep { $_->[0] > $at->[1] || $_->[1] < $at->[0] } @failed),
        longest => 1000 * Bench::Measure::most(map { $_->[1] - $_->[0] } grep { $_->[1] >= $at->[0] } @$seen) };
    _stop(@nodes, $front);
    return { warm => $warm, killed => $killed };
}

# One node, asked directly for what is in the cache.
sub _cache {
    my ($name, $option) = @_;
    my $cache = $name eq 'redis' ? redis() : memcached();
    my ($node) = _start(1, $cache, $option->{share});
    my @urls = _new_pictures($option->{pictures});
    _load('cold', $node, '-n', scalar @urls, @urls);
    my $before = _conversions($node);
    my $warm = _load('warm', $node, '-t', $option->{seconds}, @urls);
    my $converted = _conversions($node) - $before;
    _stop($node);
    return { %$warm, converted => $converted };
}

# Conversions for each of `count` new pictures that many ask for at once: the URL hashed to a node,
# or nodes by turns.
sub _once {
    my ($how, $count) = @_;
    my $redis = redis();
    my @nodes = _start(3, $redis, 100);
    my $front = balancer(@nodes, $how eq 'turns' ? sub { $_[0] =~ s/^\s*RequestHeader set Cookie .*\n//mr } : ());
    my $sum = 0;
    for my $url (_new_pictures($count * ORIGINALS)) {
        next unless $url =~ m{/1\.jpg$};
        my $before = _conversions(@nodes);
        Bench::Measure::load($front->port, '-c', AT_ONCE, '-n', AT_ONCE, $url);
        $sum += _conversions(@nodes) - $before;
    }
    _stop(@nodes, $front);
    return $sum / $count;
}

# ---- what it says --------------------------------------------------------------------------------

sub _median { my ($turns, @path) = @_; return Bench::Measure::median(map { my $at = $_; $at = $at->{$_} for @path; $at } @$turns) }

sub _sum { my ($turns, $key) = @_; my $sum = 0; $sum += $_->{killed}{$key} for @$turns; return $sum }

sub _text {
    my ($figures) = @_;
    my $option = $figures->{option};
    my $share = $figures->{bounded}
        ? "each node bounded to $option->{share} % of a processor"
        : 'nodes are not bounded (that needs root and the cpu controller of cgroup v1), so that more of them are not more'
            . ' than this machine';
    my ($nodes, $fronts, $caches) = @$figures{qw(nodes fronts caches)};
    return "$figures->{machine}.\n\n"
        . "Photographs of 3 megapixels to widths from @{[ FIRST_WIDTH ]}, JPEG; @{[ CONNECTIONS ]} connections; $share."
        . " Medians of $option->{rounds} rounds.\n\n"
        . Bench::Table::markdown(
        ['nodes, httpd, redis', 'cold, pictures/s', 'warm, pictures/s', 'p99, ms', 'mixed: requests', 'pictures', 'converted', 'hits'],
        map { my $turns = $nodes->{$_}; [$_, sprintf('%.0f', _median($turns, qw(cold rate))),
            sprintf('%.0f', _median($turns, qw(warm rate))), sprintf('%.0f', _median($turns, qw(warm p99))),
            _median($turns, qw(mixed count)), _median($turns, qw(mixed distinct)), _median($turns, qw(mixed converted)),
            sprintf('%.1f %%', 100 * _median($turns, qw(mixed hits)))] } 1 .. 3)
        . "\nCold: each picture is new. Warm: each is in the cache. Mixed: from an empty cache, the n-th picture asked for in"
        . " proportion to 1/n; each is converted once, whatever the number of nodes.\n\n"
        . Bench::Table::markdown(
        ['three nodes behind', 'warm, pictures/s', 'p99, ms', 'a node killed: requests', 'under way', 'failed of these', 'failed of others', 'longest, ms'],
        map { my $turns = $fronts->{$_}; [$_, sprintf('%.0f', _median($turns, qw(warm rate))),
            sprintf('%.1f', _median($turns, qw(warm p99))), _sum($turns, 'requests'), _sum($turns, 'under_way'),
            _sum($turns, 'failed') - _sum($turns, 'others'), _sum($turns, 'others'),
            sprintf('%.0f', Bench::Measure::most(map { $_->{killed}{longest} } @$turns))] } qw(httpd HAProxy Varnish))
        . "\nVarnish answers from its own memory. Killed: SIGKILL to all processes of a node, new pictures all the while; the"
        . " sum of the rounds.\n\n"
        . Bench::Table::markdown(['one node, asked directly', 'warm, pictures/s', 'p99, ms'],
        map { my $turns = $caches->{$_}; [$_, sprintf('%.0f', _median($turns, 'rate')), sprintf('%.1f', _median($turns, 'p99'))] }
            qw(redis memcached))
        . "\n"
        . Bench::Table::markdown(["@{[ AT_ONCE ]} requests at once for a new picture, three nodes", 'conversions a picture'],
        ['the URL decides', sprintf('%.2f', $figures->{once}{hashed})], ['nodes by turns', sprintf('%.2f', $figures->{once}{turns})]);
}

1;
