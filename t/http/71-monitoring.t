# SPDX-License-Identifier: Apache-2.0
# Alert rules and dashboard: what they ask for is exported, by a Prometheus that has scraped it;
# each alert is raised where it is due, by promtool; docs/monitoring.md names them all.
# Under event only: what is exported does not depend on the MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Temp ();
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ':sys_wait_h';
use Time::HiRes qw(sleep time);
use URI::Escape qw(uri_escape);

my $ROOT = $TmpfsConvertTest::Site::ROOT;

sub slurp {
    my ($file) = @_;
    open my $in, '<', "$ROOT/$file" or die "$file: $!";
    local $/ = undef;
    return scalar <$in>;
}

sub here { my ($program) = @_; return grep { -x "$_/$program" } split /:/, $ENV{PATH} }

server(TmpfsConvertTest::Httpd->new(conf => <<'CONF'));
TmpfsConvert On
TmpfsConvertPattern thumb dw=60
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
my $photo = mkpicture('status.jpg', 640, 480, seed => 2);
is(get("/small_light(p=thumb)$photo")->code, 200, 'a conversion');

# {series name: {label: {value: 1}}}, and the figures that this machine does not let be read.
my (%exported, %unreadable);
for (split /\n/, get('/tmpstat?metrics')->content) {
    my ($name, $labels) = /^(\w+)(?:\{(.*)\})? \S+$/ or next;
    my %label = ($labels // '') =~ /(\w+)="((?:[^"\\]|\\.)*)"/g;
    $exported{$name} //= {};
    $exported{$name}{$_}{ $label{$_} } = 1 for keys %label;
    $unreadable{"tmpfs_convert_$label{figure}"} = 1 if $name eq 'tmpfs_convert_unreadable_info';
}
cmp_ok(scalar keys %exported, '>', 50, 'metrics are exported');

# What an expression names that is not exported: metrics, labels, their values.
sub unknown {
    my ($expr) = @_;
    my @unknown;
    while ($expr =~ /\b(tmpfs_convert_\w+)(?:\{([^}]*)\})?/g) {
        my ($name, $matchers) = ($1, $2 // '');
        next if $unreadable{$name};
        push(@unknown, $name), next if !$exported{$name};
        while ($matchers =~ /(\w+)(=~|!~|!=|=)"([^"]*)"/g) {
            my ($label, $values) = ($1, $3);
            next if $label =~ /^(?:job|instance)$/;
            push @unknown, map {"$name\{$label=\"$_\"}"} grep { !$exported{$name}{$label}{$_} } split /\|/, $values;
        }
    }
    # by (...): of one of the metrics
    for my $label (map { split /,\s*/ } $expr =~ /\bby \(([^)]*)\)/g) {
        next if $label =~ /^(?:job|instance)$/;
        push @unknown, "by ($label)" unless grep { $exported{$_}{$label} } $expr =~ /\b(tmpfs_convert_\w+)/g;
    }
    return @unknown;
}
is_deeply([unknown('sum by (le, no) (tmpfs_convert_none) + tmpfs_convert_errors_total{reason=~"overload|none",code="1"}')],
    [qw(tmpfs_convert_none tmpfs_convert_errors_total{reason="none"} tmpfs_convert_errors_total{code="1"}), 'by (le)', 'by (no)'],
    'what is not exported is seen');

# ---- the dashboard -----------------------------------------------------------------

my $dashboard = JSON::PP->new->utf8->decode(slurp('conf/tmpfs_convert_grafana.json'));
my (@exprs, %id, %taken);
for my $panel (@{ $dashboard->{panels} }) {
    my $title = $panel->{title};
    ok(!$id{ $panel->{id} }++, "$title: an id of its own");
    my ($x, $y, $w, $h) = @{ $panel->{gridPos} }{qw(x y w h)};
    my @overlap = grep { $taken{$_}++ } map { my $column = $_; map {"$column,$_"} $y .. $y + $h - 1 } $x .. $x + $w - 1;
    ok(!@overlap && $x + $w <= 24, '... a place of its own');
    next if $panel->{type} eq 'row';
    ok($panel->{description}, '... says what it shows');
    my @targets = @{ $panel->{targets} };
    ok(@targets > 0, '... asks for something');
    is_deeply([map { unknown($_->{expr}) } @targets], [], '... which is exported');
    push @exprs, map { [$title, $_->{expr}] } @targets;
}
cmp_ok(scalar @exprs, '>', 30, 'the dashboard has queries');
push @exprs, map { [$_->{name}, $_->{expr}] } @{ $dashboard->{annotations}{list} };
for my $variable (grep { $_->{type} eq 'query' } @{ $dashboard->{templating}{list} }) {
    is_deeply([unknown($variable->{definition})], [], "the variable $variable->{name}");
}

# ---- the rules ------------------------------------------------------------------------

my $rules = slurp('conf/tmpfs_convert_alerts.yml');
my @alerts = $rules =~ /^ +- alert: (\w+)$/mg;
my $spec = slurp('t/conf/alerts_test.yml');
my $document = slurp('docs/monitoring.md');
cmp_ok(scalar @alerts, '>', 8, 'there are alerts');
my %severity = $rules =~ /- alert: (\w+)\n.*?severity: (\w+)\n/sg;
my %told = $document =~ /^\| `(\w+)` \| (\w+) \|/mg;
is_deeply(\%told, \%severity, 'docs/monitoring.md has each alert and its severity');
for my $alert (@alerts) {
    my ($expr) = $rules =~ /- alert: $alert\n +expr: (?:>-\n)?(.*?)\n +(?:for|labels):/s;
    is_deeply([unknown($expr)], [], "$alert: what it asks for is exported");
    my @checks = $spec =~ /^ +alertname: $alert\n( +exp_alerts:)?/mg;
    my @raised = grep {defined} @checks;
    ok(@raised > 0, '... a test raises it');
    ok(@checks > @raised || $alert eq 'TmpfsConvertChildrenDie', '... and one does not') or diag scalar @checks;
}

SKIP: {
    skip 'promtool is not here: tools/deps --test', 2 unless here('promtool');
    my $words = `cd '$ROOT' && promtool check rules conf/tmpfs_convert_alerts.yml 2>&1`;
    is($?, 0, 'promtool reads the rules') or diag $words;
    $words = `cd '$ROOT' && promtool test rules t/conf/alerts_test.yml 2>&1`;
    is($?, 0, 'each alert is raised when it is due, and not before') or diag $words;
}

# ---- a Prometheus ------------------------------------------------------------------------

my ($prometheus, $agent, $port);
END { local $?; kill(TERM => $prometheus), waitpid($prometheus, 0) if $prometheus }

# The data of an answer of its API; undef and the reason where it refuses.
sub api {
    my ($path) = @_;
    $agent ||= LWP::UserAgent->new(timeout => 60, env_proxy => 0);
    my $answer = $agent->get("http://127.0.0.1:$port/api/v1/$path");
    my $json = eval { JSON::PP->new->utf8->decode($answer->content) } || { error => $answer->status_line };
    return ($json->{data}, $json->{error});
}

# Until the condition, which may take a busy machine a while.
sub until_true {
    my ($condition) = @_;
    for (my $deadline = time + 120; time < $deadline; sleep 0.3) {
        return 1 if $condition->();
        return 0 if waitpid($prometheus, WNOHANG) != 0;
    }
    return 0;
}

sub start_prometheus {
    my ($folder, $config) = @_;
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "no port: $@";
    $port = $socket->sockport;
    close $socket;
    open my $out, '>', "$folder/prometheus.yml" or die $!;
    print $out $config;
    close $out or die $!;
    defined($prometheus = fork) or die "fork: $!";
    if (!$prometheus) {
        open STDOUT, '>', "$folder/log";
        open STDERR, '>&', \*STDOUT;
        chdir $folder;
        exec 'prometheus', "--config.file=$folder/prometheus.yml", "--storage.tsdb.path=$folder/data",
            "--web.listen-address=127.0.0.1:$port", '--log.level=warn' or POSIX::_exit(127);
    }
    return;
}

SKIP: {
    skip 'prometheus is not here: tools/deps --test', 1 unless here('prometheus');
    my $folder = File::Temp->newdir('prometheus-XXXXXX', TMPDIR => 1);
    # As the document has it, but for this server, these rules and the test's patience.
    my ($config) = $document =~ /^```yaml\n(.*?)^```$/ms;
    my $own = base_url() =~ s{^http://}{}r;
    ok($config =~ s{^  scrape_interval: \w+$}{  scrape_interval: 1s\n  evaluation_interval: 1s}m
        && $config =~ s{/etc/prometheus/(tmpfs_convert_alerts\.yml)}{$ROOT/conf/$1}
        && $config =~ s{'www1:80', 'www2:80'}{'$own'}, 'the configuration of the document is for two servers');
    start_prometheus("$folder", $config);
    ok(until_true(sub {
        my ($data) = api('query?query=' . uri_escape('count_over_time(tmpfs_convert_well[1m])'));
        return $data && @{ $data->{result} } && $data->{result}[0]{value}[1] >= 3;
    }), 'Prometheus scrapes the server') or diag do { local (@ARGV, $/) = "$folder/log"; scalar <> };
    for my $query (@exprs) {
        my ($title, $expr) = @$query;
        (my $asked = $expr) =~ s/\$__rate_interval/1m/g;
        $asked =~ s/\$(?:job|instance)/.*/g;
        my ($data, $error) = api('query?query=' . uri_escape($asked));
        # A comparison may leave nothing, and cgroups are not everywhere.
        my $may_be_empty = $expr =~ /[<>]/ || grep { $expr =~ /$_/ } keys %unreadable;
        ok($data && (@{ $data->{result} } || $may_be_empty), "$title: has an answer") or diag "$asked: " . ($error // 'nothing');
    }
    my @evaluated;
    until_true(sub {
        my ($data) = api('rules');
        @evaluated = map { @{ $_->{rules} } } @{ ($data || {})->{groups} || [] };
        return @evaluated && !grep { $_->{health} eq 'unknown' } @evaluated;
    });
    is_deeply([sort map { $_->{name} } @evaluated], [sort @alerts], 'it has the rules');
    is_deeply([map {"$_->{name}: " . ($_->{lastError} // $_->{health})} grep { $_->{health} ne 'ok' } @evaluated], [], '... and reads them');
    my @raised = grep { $_->{state} eq 'firing' } @evaluated;
    is_deeply([map { $_->{name} } @raised], [], 'nothing is raised by a server that has just begun');
    my $slow = mkpicture('slow.png', 4000, 3500, seed => 4);
    defined(my $asking = fork) or die "fork: $!";
    if (!$asking) {
        local $_ = 3900; # one after the other, until none is answered
        my $agent = LWP::UserAgent->new(timeout => 60);
        1 while $_ > 3800 && eval { $agent->get(base_url() . "/small_light(dw=$_,of=png)$slow")->is_success } && $_--;
        POSIX::_exit(0);
    }
    ok(until_true(sub { get('/tmpstat?metrics')->content =~ /^tmpfs_convert_conversions_in_progress 1$/m }), 'a conversion is under way');
    kill KILL => server()->children;
    waitpid $asking, 0;
    ok(until_true(sub {
        my ($data) = api('rules');
        @raised = grep { $_->{state} eq 'firing' } map { @{ $_->{rules} } } @{ ($data || {})->{groups} || [] };
        return @raised;
    }), 'its child is killed, and that is raised');
    is_deeply([map { $_->{name} } @raised], ['TmpfsConvertChildDied'], '... by its name');
    expect_log(qr/exit signal Kill|AH00545|AH10159|AH03490|scoreboard/i);
}
done_testing;
