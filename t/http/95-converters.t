# SPDX-License-Identifier: Apache-2.0
# Converter processes: what breaks in one costs the request that it was for, and no other; they
# follow restarts and ends of the server, and nothing of them is left.
#
#   TC_CONVERTERS_REQUESTS   conversions for each kind of crash (300); from 3000 on every
#                            hundredth breaks, and 30000 make 100,000 requests in all
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use TmpfsConvertTest::Wreck;
use HTTP::Tiny ();
use JSON::PP ();
use Time::HiRes qw(sleep);

use constant CLIENTS => 4;

my $requests = $ENV{TC_CONVERTERS_REQUESTS} || 300;
# Every how many-th, and of those that wait for a limit or a timeout fewer.
my ($every_crash, $every_wait, $waits) = $requests < 3000 ? (10, 20, 80) : (100, 100, $requests / 10);
my $picture  = mkpicture('converter.jpg', 300, 200);
my $png      = mkpicture('converter.png', 200, 150, kind => 'disc', type => 'rgba');
my $wreck;

sub start {
    my ($conf) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(start => 0, conf => sub {
        my ($self) = @_;
        return "TmpfsConvert On\nTmpfsConvertIsolation on\nLogFormat \"%>s %U\" plain\n"
            . "CustomLog \"" . $self->root . "/access_log\" plain\n"
            . "<Location /tmpstat>\nSetHandler tmpstat\n</Location>\n"
            . "Alias /short/ \"" . $self->document_root . "/\"\n"
            . "<Location /short/>\nTmpfsConvertTimeout 2\n</Location>\n" . ($conf // '');
    });
    $wreck = $httpd->{wreck} = TmpfsConvertTest::Wreck->new($httpd->root . '/wreck');
    $httpd->start;
    server($httpd);
    return $httpd;
}

sub page { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content) }

# The same by one program, for counts that would have Perl at work for minutes. That pictures are
# whole is told by their bytes.
sub ask_often {
    my ($count, $path) = @_;
    my @command = ("$TmpfsConvertTest::Site::ROOT/build/bin/load", -p => server()->port, -c => CLIENTS,
        -t => 3600, -T => 60);
    my ($one, $all) = map {
        open my $in, '-|', @command, -n => $_, $path or die "load: $!";
        JSON::PP->new->decode(join '', <$in>)->{answers};
    } 1, $count - 1;
    my %seen = map { $_ => $all->{$_}{count} } keys %$all;
    $seen{wrong} = delete $seen{200} if $all->{200}{bytes} != $one->{200}{bytes} * $seen{200};
    $seen{$_} += $one->{$_}{count} for keys %$one;
    return \%seen;
}

# What `$count` requests were answered, by several clients: {status => number}.
sub ask {
    my ($count, $path) = @_;
    my (@from, %seen);
    my $url = base_url();
    return ask_often($count, $path // "/small_light(dw=100)$picture") if $count >= 3000;
    for my $client (1 .. CLIENTS) {
        my $pid = open(my $in, '-|') // die "fork: $!";
        if (!$pid) {
            my $http = HTTP::Tiny->new(timeout => 60, keep_alive => 0);
            for my $number (1 .. $count / CLIENTS) {
                my $answer = $http->get($url . ($path // "/small_light(dw=100)$picture"));
                my $word = $answer->{status};
                $word = 'wrong' if $word == 200 && $answer->{content} !~ /^\xff\xd8.*\xff\xd9\z/s;
                print "$word\n";
            }
            close STDOUT;
            POSIX::_exit(0);
        }
        push @from, $in;
    }
    for my $in (@from) {
        while (defined(my $word = <$in>)) {
            chomp $word;
            $seen{$word}++;
        }
        close $in;
    }
    return \%seen;
}

sub alike { return join ', ', map { "$_[0]{$_} x $_" } sort keys %{ $_[0] } }

sub logged {
    my ($httpd) = @_;
    my %seen;
    open my $in, '<', $httpd->root . '/access_log' or return {};
    while (<$in>) { $seen{$1}++ if m{^(\d+) (?!/tmpstat)} }
    return \%seen;
}

# The most that a child has open. Of MaxActive 3 children keep three converters, a descriptor
# each, and any of them all three.
use constant KEPT => 3;

sub descriptors {
    my ($httpd) = @_;
    my $most = 0;
    for my $pid ($httpd->children) {
        my $count = () = glob "/proc/$pid/fd/*";
        $most = $count if $count > $most;
    }
    return $most;
}

# ---- as they are ------------------------------------------------------------------------------

my $httpd = start("TmpfsConvertMaxActive 3\nTmpfsConvertMaxCost 0\nTmpfsConvertMaxMemory 16M\n");
is(scalar($httpd->keeper), 1, 'one process keeps the converters');
ok(becomes(sub { $httpd->converters == 6 }), '... as many as conversions may run at once, and as many that children keep');
ok(becomes(sub { page()->{traffic}{converters} == 6 }), '... and the status page counts them');
my $right = get("/small_light(dw=100)$picture");
is($right->code, 200, 'one converts');
is(probe($right)->{width}, 100, '... to the size that was asked for');
is(get("/small_light(dw=60,of=jpg)$png")->code, 200, 'another format');
is(get("/small_light(dw=100)/none.jpg")->code, 404, 'no original, no converter needed');
is(head("/small_light(dw=100)$picture")->code, 200, 'HEAD');
ask(40);
my $most = descriptors($httpd) + KEPT;
ask(200);
ok(becomes(sub { descriptors($httpd) <= $most }), 'no descriptor is left after 200 conversions');
no_leftovers('as they are');

# ---- what breaks ------------------------------------------------------------------------------

my @ways = (
    # what, mode, the answer, how often, how many requests; whether it is killed by httpd
    ['SIGSEGV', 1, 500, $every_crash, $requests],
    ['abort', 2, 500, $every_crash, $requests],
    ['an exit', 5, 500, $every_crash, $requests],
    ['memory without an end', 4, 500, $every_wait, $waits],
    ['a system call that no decoder needs', 6, 500, $every_crash, $every_crash * 10],
    ['a loop without an end', 3, 503, $every_wait, $waits, 'killed'],
    ['a wait without an end', 7, 503, $every_wait, $waits, 'killed'],
);
for my $way (@ways) {
    my ($what, $mode, $status, $every, $count, $killed) = @$way;
    if ($mode == 4 && $ENV{TC_SANITIZER}) {
        SKIP: { skip "$what: address space has no limit under a sanitizer", 1 }
        next;
    }
    my ($traffic, $log, $mark) = (page()->{traffic}, logged($httpd), log_mark());
    $wreck->set(jobs => 0, hit => 0, bytes => 0, every => $every, mode => $mode);
    my $seen = ask($count, $killed ? "/small_light(dw=100)/short$picture" : ());
    $wreck->set(mode => 0);
    my $broken = $count / $every;
    is($wreck->get('hit'), $broken, "$what in $broken of $count conversions");
    is(alike($seen), alike({ 200 => $count - $broken, $status => $broken }),
        "... is $status for each of these, and 200 for all others");
    my $id = $status == 503 ? 'TC0030' : 'TC0043';
    is(scalar(error_log_lines($mark, qr/$id: .*converter\.jpg/)), $broken, "... logged, $id");
    is(scalar(error_log_lines($mark, qr/exit signal/)), 0, '... no child of httpd died');
    # The answer to a request whose converter is killed does not wait for its end to be noticed.
    my $counter = $killed ? 'converter_kills' : 'converter_deaths';
    my $dead = sub { page()->{traffic}{$counter} - $traffic->{$counter} };
    becomes(sub { $dead->() >= $broken });
    is($dead->(), $broken, '... and the dead are counted');
    ok(becomes(sub { $httpd->converters == 6 }), '... and there are as many converters as before');
    my $written = sub {
        my $after = logged($httpd);
        return alike({ map { $_ => ($after->{$_} // 0) - ($log->{$_} // 0) } 200, $status });
    };
    becomes(sub { $written->() eq alike($seen) });
    is($written->(), alike($seen), '... as in the access log');
    cmp_ok($wreck->get('bytes'), '<', 64 * 2**20, '... and its memory was bounded') if $mode == 4;
    ok(becomes(sub { descriptors($httpd) <= $most }), '... and no descriptor is left');
    expect_log(qr/TC0043/, qr/TC0030/, qr/TC0131/);
    no_leftovers($what);
}
my %code = map { $_->{code} => $_->{requests} } @{ page()->{conversions}{by_code} };
my $log = logged($httpd);
my %class;
$class{ substr($_, 0, 1) . 'xx' } += $log->{$_} for keys %$log;
is($code{$_} // 0, $class{$_} // 0, "the counter of $_ is the access log's") for qw(2xx 4xx 5xx);
is(get("/small_light(dw=100)$picture")->content, $right->content, 'and the picture is what it was');

# ---- a client that has left, in the middle of a library ------------------------------------------

$wreck->set(jobs => 0, hit => 0, every => 1, mode => 3);
{
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port) or die $!;
    my $kills = page()->{traffic}{converter_kills};
    print $socket "GET /small_light(dw=99)$picture HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    ok(becomes(sub { $wreck->get('hit') == 1 }), 'a library that works for long');
    close $socket;
    $wreck->set(mode => 0);
    ok(becomes(sub { page()->{traffic}{converter_kills} == $kills + 1 }, 15),
        '... ends when the client leaves, long before the timeout');
}

# ---- restarts ------------------------------------------------------------------------------------

my ($keeper) = $httpd->keeper;
my @old = $httpd->converters;
my $pid = fork // die $!;
if (!$pid) {
    my $seen = ask(400);
    POSIX::_exit(keys %$seen == 1 && ($seen->{200} // 0) == 400 ? 0 : 1);
}
for (1 .. 3) {
    sleep 0.3;
    $httpd->graceful;
}
waitpid $pid, 0;
is($?, 0, 'graceful restarts under load lose no request');
is(($httpd->keeper)[0], $keeper, '... the process that forks converters is the one of before');
ok(becomes(sub { $httpd->converters == 6 }), '... which has those of the last configuration alone');
is(scalar(grep { kill 0 => $_ } @old), 0, '... and none of the first');
no_leftovers('restarts');

# ---- ends that are not in order -----------------------------------------------------------------

# A signal takes a moment: until then a converter may take an order, and that request fails.
my @waiting = $httpd->converters;
kill KILL => @waiting;
ok(becomes(sub { !grep { kill 0 => $_ } @waiting }), 'converters that wait are killed');
is(alike(ask(40)), '40 x 200', '... and replaced, and no request fails');
ok(becomes(sub { $httpd->converters == 6 }), '... all of them');
kill KILL => $keeper;
ok(becomes(sub { (($httpd->keeper)[0] // $keeper) != $keeper }), 'the process that forks them is replaced too');
is(alike(ask(40)), '40 x 200', '... and conversions go on');
# By then httpd may not know it any more.
for (1 .. 2) {
    $keeper = ($httpd->keeper)[0];
    kill KILL => $keeper;
    $httpd->graceful;
    ok(becomes(sub { (($httpd->keeper)[0] // $keeper) != $keeper && $httpd->converters == 6 }),
        'killed right before a restart it is replaced');
}
ok(becomes(sub { page()->{traffic}{converters} == 6 }), '... and /tmpstat counts those that there are');
expect_log(qr/TC0133/);
expect_log(qr/long lost child came home/);
no_leftovers('kills');

my @all = ($httpd->keeper, $httpd->converters);
$httpd->stop;
ok(becomes(sub { !grep { kill 0 => $_ } @all }), 'the end of the server is the end of all of them');

$httpd = start("GracefulShutdownTimeout 10\n");
get("/small_light(dw=100)$picture");
@all = ($httpd->keeper, $httpd->converters);
kill WINCH => $httpd->pid;
ok(becomes(sub { waitpid($httpd->pid, POSIX::WNOHANG()) != 0 }), 'a graceful stop');
ok(becomes(sub { !grep { kill 0 => $_ } @all }), '... is so as well');
$httpd->stop;

$httpd = start();
get("/small_light(dw=100)$picture");
@all = ($httpd->keeper, $httpd->converters);
my @children = $httpd->children;
kill KILL => $httpd->pid;
waitpid $httpd->pid, 0;
kill KILL => @children;
ok(becomes(sub { !grep { kill 0 => $_ } @all }), 'and so is the sudden death of the parent and its children');
$httpd->stop;
no_leftovers('ends');

# ---- limits ------------------------------------------------------------------------------------

# Address space that a converter cannot raise its limit over, in MiB; undef: as much as it likes.
sub hard_limit {
    my ($conf) = @_;
    my $with = start("TmpfsConvertMaxActive 1\n$conf");
    get("/small_light(dw=100)$picture"); # by which time it is locked
    my ($pid) = $with->converters;
    open my $in, '<', "/proc/$pid/limits" or die "/proc/$pid/limits: $!";
    my ($hard) = map { /^Max address space +\S+ +(\d+)/ ? $1 / 2**20 : () } <$in>;
    $with->stop;
    return $hard;
}

SKIP: {
    skip 'address space is the sanitizer\'s', 1 if $ENV{TC_SANITIZER};
    my $hard = hard_limit("TmpfsConvertMemoryBudget 0\nTmpfsConvertMaxMemory 16M\n");
    cmp_ok($hard, '>', 2 * 256, 'memory: a converter has a hard limit');
    for my $case (
        [600, "TmpfsConvertMemoryBudget 0\n<Location /large/>\nTmpfsConvertMaxMemory 600M\n</Location>\n"],
        [64, "TmpfsConvertMemoryBudget 64M\n"],
    ) {
        my ($most, $conf) = @$case;
        my $more = hard_limit($conf) - $hard;
        # What there was before is not quite the same each time.
        cmp_ok(abs($more - 2 * ($most - 256)), '<', 16, "... twice the largest plan, $most MiB");
    }
    is(hard_limit("TmpfsConvertMemoryBudget 0\nTmpfsConvertMaxMemory 0\n"), undef, '... and none where a plan has none');
}

# ---- processes ---------------------------------------------------------------------------------

# A limit for the user's processes (ulimit -u), of the one that forks converters: those that
# were there are killed. Requests meanwhile, and once it is lifted.
sub without_forks {
    my ($with) = @_;
    server($with);
    get("/small_light(dw=100)$picture");
    my ($keeper) = $with->keeper;
    my ($was) = map { (split)[0] } qx(prlimit --pid $keeper --nproc --output SOFT --noheadings);
    system('prlimit', '--pid', $keeper, '--nproc=1:') == 0 or die 'prlimit';
    # One may have been on its way.
    becomes(sub { kill KILL => $with->converters; $with->converters == 0 });
    ok(becomes(sub { $with->log_text =~ /TC0132: .*Resource temporarily unavailable/ }),
        'a converter that cannot be forked is told of');
    my ($mark, $began) = (log_mark(), Time::HiRes::time());
    my $seen = ask(40);
    my $took = Time::HiRes::time() - $began;
    my $retry = get("/small_light(dw=100)$picture")->header('Retry-After');
    system('prlimit', '--pid', $keeper, "--nproc=$was:") == 0 or die 'prlimit';
    ok(becomes(sub { $with->converters == 4 }), '... and they come again once they can');
    is(alike(ask(40)), '40 x 200', '... and convert');
    expect_log(qr/TC0044/, qr/TC0132/);
    $with->stop;
    return (alike($seen), $took, $retry, scalar(error_log_lines($mark, qr/TC0044: .*no converter/)));
}

my ($seen, $took, $retry, $lines) = without_forks(start("TmpfsConvertMaxActive 2\n"));
is($seen, '40 x 503', 'where converters are asked for, and none can be forked, it is 503');
cmp_ok($took, '<', 15, '... at once, not after the timeout');
ok($retry && $retry > 0, '... with Retry-After');
cmp_ok($lines, '>', 0, '... and a line in the log');

# ---- by default ------------------------------------------------------------------------------

# Where the kernel has the locks and a change of process is cheap; and httpd says why not.
sub default_of {
    local $ENV{TC_ISOLATION} = '';
    my $with = TmpfsConvertTest::Httpd->new(conf => "TmpfsConvert On\n");
    server($with);
    is(get("/small_light(dw=100)$picture")->code, 200, 'without the line a picture is converted');
    my ($said, $why) = $with->log_text =~ /\] (\d+) converters, |TmpfsConvertIsolation is not set, and off: (.*)/;
    my $there = becomes(sub { $with->converters == ($said // 0) });
    $with->stop;
    ok($there, 'as many converters as httpd says');
    return ($said // 0, $why // '');
}

sub keeps_translations {
    return 1 if (POSIX::uname())[4] eq 'aarch64';
    open my $in, '<', '/proc/cpuinfo' or return 0;
    my ($flags) = grep { /^flags\s*:/ } <$in>;
    return ($flags // '') =~ /\bpcid\b/;
}

my ($count, $why) = default_of();
SKIP: {
    skip "no converters by default: $why", 5 if !$count;
    local $ENV{TC_ISOLATION} = '';
    my ($some) = without_forks(TmpfsConvertTest::Httpd->new(conf => "TmpfsConvert On\nTmpfsConvertMaxActive 2\n"));
    is($some, '40 x 200', '... and httpd converts itself while none can be forked');
}
if ($why =~ /seccomp/) {
    is($count, 0, 'none by default, as the kernel lacks a lock');
} elsif (keeps_translations()) {
    ok($count > 0 && !$why, "$count by default, as changes of process are cheap: $why");
} else {
    ok($count == 0 && $why =~ /PCID/, "none by default, as changes of process are dear: $why");
}

# ---- many ------------------------------------------------------------------------------------

# More than a socket queues (net.unix.max_dgram_qlen), and more descriptors on their way.
$httpd = start("TmpfsConvertMaxActive 40\n");
ok(becomes(sub { $httpd->converters == 72 }), 'forty converters, and those that children keep');
my $now = join ' ', $httpd->converters;
is(alike(ask(80)), '80 x 200', '... that convert');
is(join(' ', $httpd->converters), $now, '... and are the same afterwards');
no_leftovers('many');
$httpd->stop;

done_testing();
