# SPDX-License-Identifier: Apache-2.0
# /tmpstat: each format, by query and by Accept, methods, conditions, and what is counted.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use JSON::PP ();

# "Key: value" lines as a hash: what a scraper of mod_status does.
sub auto {
    my ($url) = @_;
    my %value;
    for (split /\n/, get($url || '/tmpstat?auto')->content) {
        my ($key, $value) = /^([^:]+): (.*)$/ or next;
        $value{$key} = $value;
    }
    return \%value;
}

sub json { return JSON::PP->new->utf8->decode(get($_[0] || '/tmpstat?json')->content) }

# A server of its own: its counters are this test's.
server(TmpfsConvertTest::Httpd->new(conf => sub {
    my $httpd = shift;
    my $tmp = $httpd->temp_dir;
    mkdir "$tmp/a \"b<i>&c";
    return <<"CONF";
TmpfsConvert On
TmpfsConvertTempDir "$tmp" "$tmp/a \\"b<i>&c"
TmpfsConvertTempMethod unlinked
TmpfsConvertSpoolMemory 4K
TmpfsConvertPattern thumb dw=60
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
<Location "/server-status">
    SetHandler server-status
</Location>
ExtendedStatus On
CONF
}));
my $photo = mkpicture('status.jpg', 640, 480, seed => 2);

# ---- formats ---------------------------------------------------------------------

my %type = (
    ''        => 'text/html; charset=utf-8',
    '?auto'   => 'text/plain; charset=utf-8',
    '?json'   => 'application/json',
    '?metrics' => 'text/plain; version=0.0.4; charset=utf-8',
    '?html'   => 'text/html; charset=utf-8',
    '?nonsense=1' => 'text/html; charset=utf-8',
);
for my $query (sort keys %type) {
    my $answer = get("/tmpstat$query");
    is($answer->code, 200, "/tmpstat$query");
    is($answer->header('Content-Type'), $type{$query}, '... of its type');
    is($answer->header('Cache-Control'), 'no-store', '... not to be stored');
    my $head = head("/tmpstat$query");
    is($head->code, 200, '... HEAD');
    is($head->header('Content-Type'), $type{$query}, '... has the type');
    is($head->content, '', '... and no body');
    my $since = get("/tmpstat$query", 'If-Modified-Since' => 'Thu, 01 Jan 2037 00:00:00 GMT',
        'If-None-Match' => '*');
    is($since->code, 200, '... is always new: no 304');
    cmp_ok(length $since->content, '>', 500, '... and whole');
    for my $method (qw(POST PUT DELETE)) {
        my $refused = request($method, "/tmpstat$query", ':content' => 'x=1');
        is($refused->code, 405, "... $method is 405");
        like($refused->header('Allow'), qr/\bGET\b/, '... and says what is allowed');
    }
}

my %accept = (
    'application/json'                 => 'application/json',
    'application/json, text/html;q=0.5' => 'application/json',
    'text/html, application/json;q=0.9' => 'text/html; charset=utf-8',
    '*/*'                              => 'text/html; charset=utf-8',
    'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1' =>
        'application/openmetrics-text; version=1.0.0; charset=utf-8',
    'text/plain;version=0.0.4;q=0.5,*/*;q=0.1' => 'text/plain; version=0.0.4; charset=utf-8',
);
for my $accept (sort keys %accept) {
    my $answer = get('/tmpstat', Accept => $accept);
    is($answer->header('Content-Type'), $accept{$accept}, "Accept: $accept");
    like($answer->header('Vary'), qr/\bAccept\b/, '... and the answer says that it depends on it');
}
is(get('/tmpstat?json', Accept => 'text/html')->content_type, 'application/json',
    'the query is stronger than Accept');
is(get('/tmpstat?metrics', Accept => 'application/openmetrics-text')->content_type,
    'application/openmetrics-text', 'of the two kinds of metrics Accept chooses');
is(get('/tmpstat?refresh=7')->header('Refresh'), 7, '?refresh=7');
is(get('/tmpstat?refresh')->header('Refresh'), 10, '?refresh');
is(get('/tmpstat')->header('Refresh'), undef, 'else the page stays');

# ---- the page --------------------------------------------------------------------

my $page = get('/tmpstat');
my ($nonce) = ($page->header('Content-Security-Policy') // '') =~
    /^default-src 'none'; style-src 'nonce-([A-Za-z0-9+\/=]{20,})'/;
ok($nonce, 'a strict Content-Security-Policy');
my $html = $page->content;
is(() = $html =~ /<style/g, 1, 'one style sheet');
like($html, qr/<style nonce="\Q$nonce\E">/, '... that the policy allows');
unlike($html =~ s{ xmlns="http://www\.w3\.org/2000/svg"}{}gr,
    qr/<script|\sstyle="|\son\w+=|javascript:|src=|https?:/i,
    'no script, no style in attributes, nothing from elsewhere');
isnt((get('/tmpstat')->header('Content-Security-Policy')), $page->header('Content-Security-Policy'),
    'each page has its own nonce');
is(() = $html =~ /<svg/g, 5, 'five charts');
like($html, qr/>Requests refused, and how long others waited</, '... one of waits and refusals');
like($html, qr/role="status"><strong>All is well/, 'the sentence at the top');
like($html, qr/prefers-color-scheme:dark/, 'for a dark scheme');
like($html, qr/name="viewport"/, 'for a telephone');
for my $span ('15m', '1h', '24h', '90', '99999999999999999999', '-5', 'x', '1h%3Cscript%3E') {
    my $answer = get("/tmpstat?span=$span");
    is($answer->code, 200, "span=$span");
    unlike($answer->content, qr/<script/, '... nothing of it comes back');
}
unlike(get('/tmpstat/%3Cscript%3E?%22%3E%3Cscript%3E')->content, qr/<script/,
    'a hostile path and query do not come back');

# ---- what is counted ------------------------------------------------------------

my $before = json();
is($before->{schema}, 1, 'JSON has a schema number');
my $converted = get("/small_light(dw=100)$photo");
is($converted->code, 200, 'a conversion');
is(get("/small_light(dw=600,of=png)$photo")->code, 200, '... one through a file');
is(get("/small_light(p=thumb)$photo")->code, 200, '... one by a pattern');
is(get("/small_light(dw=100)$photo", 'If-None-Match' => $converted->header('ETag'))
    ->code, 304, '... one not modified');
is(get("/small_light(dw=abc)$photo")->code, 400, '... one refused');
is(get('/small_light(dw=9)/none.jpg')->code, 404, '... one not there');
expect_log(qr/TC0001/);
no_leftovers();

# The answer is out before its transaction is logged.
my $now;
for (1 .. 50) {
    $now = json();
    my %class = map { $_->{code} => $_->{requests} } @{ $now->{conversions}{by_code} };
    last if $class{'4xx'} >= 2;
    select undef, undef, undef, 0.05;
}
my %class = map { $_->{code} => $_->{requests} } @{ $now->{conversions}{by_code} };
is_deeply(\%class, { '1xx' => 0, '2xx' => 3, '3xx' => 1, '4xx' => 2, '5xx' => 0 },
    'answers by class') or diag explain \%class;
my %pair = map { ("$_->{input} $_->{output}" => $_->{conversions}) }
    @{ $now->{conversions}{by_input_output} };
is($pair{'jpeg jpeg'}, 2, 'conversions by format');
is($pair{'jpeg png'}, 1, '... of the result too');
my %error = map { $_->{reason} => $_->{errors} } @{ $now->{errors}{by_reason} };
is($error{param}, 1, 'errors by reason');
is($error{damaged}, 0, '... and no other');
my %pattern = map { $_->{pattern} => $_->{pattern_conversions} } @{ $now->{patterns}{by_pattern} };
is_deeply(\%pattern, { '' => 2, thumb => 1 }, 'conversions by pattern');
my %dir = map { $_->{dir} => $_ } @{ $now->{temp}{by_dir} };
my $first = $dir{ server()->temp_dir };
ok($first, 'temporary files by directory') or diag explain $now->{temp};
is($first->{temp_files_made}, 1, '... one made');
is($first->{temp_files_removed_while_held}, 1, '... removed while it was held');
is($first->{temp_files_removed_after_close}, 0, '... none after its close');
cmp_ok($first->{temp_written_bytes}, '>', 4096, '... with bytes in it');
is($first->{temp_files_open}, 0, '... and none open now');
like($first->{temp_fs}, qr/^\w+$/, '... on a file system');
is($now->{dentries}{temp_dentries_left}, 0, 'no dentry of ours is left');
is($now->{traffic}{conversions_in_progress}, 0, 'nothing under way');
cmp_ok($now->{traffic}{source_pixels}, '==', 3 * 640 * 480, 'pixels');
my %stage = map { $_->{stage} => $_->{conversion_duration_seconds} } @{ $now->{latency}{by_stage} };
is_deeply([sort keys %stage], [sort qw(queue read decode_resample encode send total)], 'stages');
for my $stage (sort keys %stage) {
    is($stage{$stage}{count}, 3, "$stage: three times");
    cmp_ok($stage{$stage}{p50}, '<=', $stage{$stage}{p99}, '... half no longer than 99 %');
}
cmp_ok($stage{total}{sum}, '>=', $stage{encode}{sum}, 'the total is no less than a part');

my $auto = auto();
is($auto->{'TmpfsConvertConversions[jpeg,png]'}, 1, '?auto has the same');
is($auto->{TmpfsConvertWell}, 1, '... and whether all is well');
my $metrics = get('/tmpstat?metrics')->content;
like($metrics, qr/^tmpfs_convert_conversions_total\{input="jpeg",output="png"\} 1$/m,
    '?metrics has the same');
like($metrics, qr/\n# EOF\n\z/, '... to the end');

# Every figure is in the documentation, and promtool has nothing to say.
my $doc = do {
    local (@ARGV, $/) = "$TmpfsConvertTest::Site::ROOT/docs/status.md";
    <>;
};
my %section = map { $_ => $now->{$_} } grep { ref $now->{$_} eq 'HASH' && $_ ne 'unreadable' } keys %$now;
my %name = map { $_ => 1 } map {
    my $section = $_;
    map { /^by_/ ? map { keys %$_ } @{ $section->{$_} } : $_ } keys %$section
} values %section;
my @missing = grep { $doc !~ /`$_`/ && $doc !~ /\| [a-z, ]*\b$_\b[a-z, ]* \|/ } sort keys %name;
is_deeply(\@missing, [], 'every figure is in docs/status.md');

SKIP: {
    skip 'promtool is not here: tools/deps --test', 1 unless grep { -x "$_/promtool" } split /:/, $ENV{PATH};
    open my $check, '|-', 'promtool check metrics >/dev/null 2>&1' or die "promtool: $!";
    print $check $metrics;
    close $check;
    is($?, 0, 'promtool accepts the metrics without a complaint');
}

# ---- hostile names ------------------------------------------------------------------

my $odd = server()->temp_dir . '/a "b<i>&c';
ok($dir{$odd}, 'a hostile path in JSON');
like($metrics, qr/dir="[^"]*\/a \\"b<i>&c"/, '... in metrics');
like(get('/tmpstat')->content, qr/\/a &quot;b&lt;i&gt;&amp;c/, '... in HTML');
unlike(get('/tmpstat')->content, qr/<i>/, '... nowhere as it is');
ok((grep { /a%20%22b%3Ci%3E%26c\]$/ } keys %$auto), '... in text');

# ---- in mod_status -------------------------------------------------------------------

my $status = get('/server-status');
is($status->code, 200, 'mod_status answers');
like($status->content, qr/<h1>mod_tmpfs_convert<\/h1>\s*<p>All is well/, '... with our section');
like($status->content, qr/Temporary files/, '... and its tables');
my $short = auto('/server-status?auto');
is($short->{'TmpfsConvertConversions[jpeg,png]'}, 1, '... and our keys in ?auto');
ok(exists $short->{BusyWorkers}, '... beside its own');
unlike(get('/server-status?notable')->content, qr/<h2>Temporary files/, '... without tables if asked');

# ---- a killed child --------------------------------------------------------------------

# What it had under way is void once the parent has seen its end.
my $slow = mkpicture('slow.png', 4000, 3500, seed => 4);
my $asking = fork // die "fork: $!";
if (!$asking) {
    eval { LWP::UserAgent->new(timeout => 60)->get(base_url() . "/small_light(dw=3900,of=png)$slow") };
    POSIX::_exit(0);
}
my $seen = 0;
for (1 .. 100) {
    $seen = json()->{traffic}{conversions_in_progress};
    last if $seen;
    select undef, undef, undef, 0.02;
}
is($seen, 1, 'a conversion is seen while it is under way');
kill KILL => server()->children;
expect_log(qr/exit signal Kill|AH00545|AH10159|AH03490|scoreboard/i);
waitpid $asking, 0;
for (1 .. 100) {
    $seen = eval { json()->{traffic}{conversions_in_progress} } // 1;
    last if !$seen;
    select undef, undef, undef, 0.1;
}
is($seen, 0, '... and is not any more when its child was killed');
is(json()->{traffic}{children_died_converting}, 1, '... which is counted');

# ---- samples over time, restarts ---------------------------------------------------

my $history = json('/tmpstat?json&history')->{history};
cmp_ok(scalar @{ $history->{time} }, '>=', 1, 'samples over time');
is(scalar @{ $history->{dentries} }, scalar @{ $history->{time} }, '... each with its figures');
ok(!exists $now->{history}, '... only when asked for');

$now = json();
my $since = $now->{server}{counting_since_timestamp_seconds};
my ($made) = map { $_->{temp_files_made} }
    grep { $_->{dir} eq server()->temp_dir } @{ $now->{temp}{by_dir} };
server()->graceful;
for (1 .. 100) {
    $now = json();
    last if $now->{server}{start_time_seconds} != $before->{server}{start_time_seconds};
    select undef, undef, undef, 0.1;
}
%pair = map { ("$_->{input} $_->{output}" => $_->{conversions}) }
    @{ $now->{conversions}{by_input_output} };
is($pair{'jpeg png'}, 1, 'counters outlive a graceful restart');
is($now->{server}{counting_since_timestamp_seconds}, $since, '... and count since then');
%dir = map { $_->{dir} => $_ } @{ $now->{temp}{by_dir} };
is($dir{ server()->temp_dir }{temp_files_made}, $made, '... those of directories too');
is(get("/small_light(p=thumb)$photo")->code, 200, '... and count on');
%pattern = map { $_->{pattern} => $_->{pattern_conversions} } @{ json()->{patterns}{by_pattern} };
is($pattern{thumb}, 2, '... in the same slot');

done_testing;
