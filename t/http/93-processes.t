# SPDX-License-Identifier: Apache-2.0
# Processes that end, in order and otherwise, under load; and a clock that jumps.
use TmpfsConvertTest;
use TmpfsConvertTest::Fault;
use TmpfsConvertTest::Httpd;
use JSON::PP ();
use Time::HiRes qw(sleep time);
use lib "$TmpfsConvertTest::Site::ROOT/tools/lib";
use Soak::Load ();

my $picture = mkpicture('process.jpg', 300, 200);
my $path    = "/small_light(dw=200,of=png)$picture";

sub start {
    my ($conf) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(start => 0, conf => sub {
        my ($self) = @_;
        my ($temp, $root) = ($self->temp_dir, $self->root);
        return "TmpfsConvert On\nTmpfsConvertSpoolMemory 0\nTmpfsConvertTempDir $temp\n"
            . "TmpfsConvertTempMethod unlinked\nLogFormat \"%>s %{X-Soak}i\" plain\n"
            . "CustomLog \"$root/access_log\" plain\nGracefulShutdownTimeout 20\n"
            . "<Location /tmpstat>\nSetHandler tmpstat\n</Location>\n" . ($conf // '');
    });
    $httpd->{faults} = TmpfsConvertTest::Fault->new($httpd->root . '/faults');
    $httpd->start;
    server($httpd);
    return $httpd;
}

# What the clients of tools/soak are to ask for.
{
    package Asked;
    sub requests { return ([1, 'handler', $path, 200]) }
}

sub load {
    my ($httpd, $requests, $clients) = @_;
    return Soak::Load->start(bless({ httpd => $httpd }, 'Asked'),
        { clients => $clients || 4, requests => $requests, plant => {} });
}

sub finish {
    my ($load, $seconds) = @_;
    my $deadline = time + ($seconds || 60);
    until ($load->done) {
        $load->stop if time > $deadline;
        sleep 0.02;
    }
    return $load->result;
}

sub logged {
    my ($httpd) = @_;
    open my $in, '<', $httpd->root . '/access_log' or return 0;
    return scalar grep { /^200 handler/ } <$in>;
}

sub page { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content) }

# ---- in order ----------------------------------------------------------------------------

my $httpd = start();
my $load = load($httpd, 600);
my $restarts = 0;
until ($load->done) {
    if ($restarts < 4) {
        sleep 0.2;
        $httpd->graceful;
        $restarts++;
    }
    sleep 0.05;
}
my $result = $load->result;
is($restarts, 4, 'graceful restarts under load');
is("$result->{asked} $result->{lost} $result->{wrong}", '600 0 0', '... every request is answered')
    or diag explain $result->{why};
is(logged($httpd), 600, '... and every one is in the log');
my %code = map { $_->{code} => $_->{requests} } @{ page()->{conversions}{by_code} };
is($code{'2xx'}, 600, '... and counted: the counters outlive restarts');
no_leftovers('graceful restart');

$load = load($httpd, 100_000);
sleep 0.5;
my @children = $httpd->children;
kill WINCH => $httpd->pid;
for (1 .. 400) {
    last unless kill 0 => $httpd->pid and waitpid($httpd->pid, POSIX::WNOHANG()) == 0;
    sleep 0.05;
}
$load->stop;
$result = finish($load, 1);
my $answered = $result->{kinds}{handler}{answered};
cmp_ok($answered, '>', 20, "a graceful stop under load, after $answered answers");
is($result->{wrong}, 0, '... none of them wrong');
is(scalar(grep { /broken off/ } keys %{ $result->{why} }), 0, '... none broken off') or diag explain $result->{why};
is(logged($httpd) - 600, $answered, '... and each request that was taken is answered');
is(scalar(grep { kill 0 => $_ } @children), 0, '... and no child is left');
$httpd->stop;
no_leftovers('graceful stop');

# ---- the parent is killed --------------------------------------------------------------------

$httpd = start();
my ($fault, $parent) = ($httpd->{faults}, $httpd->pid);
$load = load($httpd, 200);
sleep 0.2;
@children = $httpd->children;
kill KILL => $parent;
waitpid $parent, 0;
$result = finish($load, 10);
# The children of a parent that was killed serve on; that is httpd's way. Who restarts it
# has to end them, as a service manager does: at once, in the middle of it.
$load = load($httpd, 100_000);
sleep 0.3;
note scalar(grep { kill 0 => $_ } @children) . ' of ' . @children . ' children serve on without a parent';
kill KILL => @children;
$load->stop;
finish($load, 5);
for (1 .. 100) {
    last unless grep { kill 0 => $_ } @children;
    sleep 0.05;
}
is(scalar(grep { kill 0 => $_ } @children), 0, 'parent and children are killed under load');
my @left = glob $httpd->temp_dir . '/*';
note scalar(@left) . ' temporary files have a name left';
delete $httpd->{pid};
$httpd->start;
is(get($path)->code, 200, '... it can be started again at once');
is(page()->{traffic}{conversions_in_progress}, 0, '... with nothing under way');
is_deeply([glob $httpd->temp_dir . '/*'], [], '... and what was left by name is gone');
expect_log(qr/exit signal|AH00545|not shut down properly|AH00098|pid file/);
no_leftovers('killed');

# ---- the clock ---------------------------------------------------------------------------------

$httpd->stop;
$httpd = start("TmpfsConvertMaxActive 2 8 20s\nTmpfsConvertHistory 1s\n");
$fault = $httpd->{faults};
my $right = get($path)->content;
my @words;
$load = load($httpd, 300);
for my $hours (0, 2, -3, 26, -26, 0) {
    $fault->set(clock => 3600 * $hours);
    sleep 0.1;
    # The parent takes a sample as it starts anew.
    $httpd->graceful;
    sleep 0.3;
    my $answer = get($path);
    push @words, $answer->code == 200 && $answer->content eq $right ? 'right' : $answer->code;
}
$result = finish($load, 60);
is_deeply(\@words, [('right') x 6], 'with a clock that jumps hours to and fro pictures come');
is("$result->{lost} $result->{wrong}", '0 0', '... and under load none is lost') or diag explain $result->{why};
my $page = JSON::PP->new->utf8->decode(get('/tmpstat?json&history=1')->content);
is("$page->{traffic}{conversions_in_progress} $page->{traffic}{conversions_queued}", '0 0',
    '... nothing is stuck in admission');
my ($total) = map { $_->{conversion_duration_seconds} } grep { $_->{stage} eq 'total' } @{ $page->{latency}{by_stage} };
cmp_ok($total->{sum}, '<', 60 * $total->{count}, '... no conversion took hours');
my @times = @{ $page->{history}{time} };
is_deeply(\@times, [sort { $a <=> $b } @times], '... and the history never goes back: ' . @times . ' samples');
cmp_ok(scalar @times, '>', 1, '... of which there is some');
cmp_ok($times[-1], '<=', time + 5, '... nor does it reach into the future');
is(get('/tmpstat')->code, 200, '... the page comes with its charts');
no_leftovers('clock');
$httpd->stop;
server(TmpfsConvertTest::Httpd->shared);

done_testing;
