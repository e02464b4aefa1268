# SPDX-License-Identifier: Apache-2.0
# More than the server can carry: a bounded queue, then 503 at once; what a killed
# child held comes back.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use JSON::PP ();
use POSIX ':sys_wait_h';
use Time::HiRes qw(sleep time);

my $slow  = mkpicture('overload.png', 3000, 2500, seed => 6);
my $quick = mkpicture('quick.jpg', 40, 30);

sub start {
    my ($conf) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(conf => <<"CONF");
TmpfsConvert On
$conf
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
    server($httpd);
    return $httpd;
}

# A slow conversion in a process of its own; returns once it is under way.
sub begin_slow {
    my $url = base_url() . "/small_light(dw=2900,of=png)$slow";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my $answer = LWP::UserAgent->new(timeout => 60, env_proxy => 0)->get($url);
        POSIX::_exit($answer->code == 200 ? 0 : 1);
    }
    for (1 .. 200) {
        last if under_way();
        sleep 0.01;
    }
    return $pid;
}

sub traffic { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{traffic} }
sub under_way { return traffic()->{conversions_in_progress} }

sub ended {
    my ($pid) = @_;
    waitpid $pid, 0;
    return $? >> 8;
}

# ---- no queue: at once ------------------------------------------------------------

my $httpd = start("TmpfsConvertMaxActive 1 0");
my $first = begin_slow();
my $began = time;
my $refused = get("/small_light(dw=10)$quick");
my $took = time - $began;
is($refused->code, 503, 'a second conversion at once is 503');
like($refused->header('Retry-After'), qr/^\d+$/, '... with Retry-After');
cmp_ok($took, '<', 1, '... at once');
is(scalar(error_log_lines(qr/TC0018: \S*quick\.jpg: 1 conversions are at work/)), 1, '... and a line that says so');
expect_log(qr/TC0018/);
is(get($quick)->code, 200, 'a plain file is served meanwhile');
is(under_way(), 1, '... and the status page answers');
is(ended($first), 0, 'the first one is served');
is(get("/small_light(dw=10)$quick")->code, 200, 'then there is a place');
my %reason = map { $_->{reason} => $_->{errors} }
    @{ JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{errors}{by_reason} };
is($reason{overload}, 1, 'it is counted');
no_leftovers();

# A killed child's place.
$first = begin_slow();
kill KILL => $httpd->children;
expect_log(qr/exit signal Kill|killed successively|AH00545|AH10159|AH03490|TC0018/);
waitpid $first, 0;
my $code = 0;
for (1 .. 100) {
    $code = get("/small_light(dw=10)$quick")->code;
    last if $code == 200;
    sleep 0.1;
}
is($code, 200, 'what a killed child held comes back');
$httpd->stop;

# ---- a queue ------------------------------------------------------------------------

$httpd = start("TmpfsConvertMaxActive 1 4 30s");
$first = begin_slow();
is(get("/small_light(dw=10)$quick")->code, 200, 'with a queue the second one waits');
is(traffic()->{conversions_queued}, 0, '... and none is left in it');
is(ended($first), 0, 'the first one is served too');
no_leftovers();
$httpd->stop;

$httpd = start("TmpfsConvertMaxActive 1 4 50ms");
$first = begin_slow();
is(get("/small_light(dw=10)$quick")->code, 503, 'who waits in vain is 503');
expect_log(qr/TC0018: .*none ended in time/);
is(ended($first), 0, 'the first one is served');
no_leftovers();
$httpd->stop;

# ---- memory --------------------------------------------------------------------------

$httpd = start("TmpfsConvertMaxActive 0 0\nTmpfsConvertMemoryBudget 1K");
is(get("/small_light(dw=10)$quick")->code, 200, 'one that is over the budget runs alone');
$first = begin_slow();
is(get("/small_light(dw=10)$quick")->code, 503, '... and nothing beside it');
expect_log(qr/TC0018/);
is(ended($first), 0, 'the first one is served');
no_leftovers();
server(TmpfsConvertTest::Httpd->shared);

done_testing;
