# SPDX-License-Identifier: Apache-2.0
# A child that was taken over writes over all memory that the processes share, while they
# serve, restart and die. The parent lives on, pages around that memory stay untouched,
# files and the status page are served, and conversions are right or refused; once it is
# over, a graceful restart makes it as before.
#
#   TC_SCRIBBLE_SECONDS   how long (8)
#   TC_SCRIBBLE_SEED      what is written (chosen and printed)
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use TmpfsConvertTest::Scribble;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

my $seconds = $ENV{TC_SCRIBBLE_SECONDS} || 8;
my $seed    = $ENV{TC_SCRIBBLE_SEED} || (time * 1000 ^ $$ << 24) % 2**52;
note "TC_SCRIBBLE_SEED=$seed TC_SCRIBBLE_SECONDS=$seconds";
srand $seed;

use constant CLIENTS => 4;

# The ring of samples is another one after a restart now and then.
sub set_history {
    my ($httpd, $samples) = @_;
    open my $out, '>', $httpd->root . '/history.conf' or die $!;
    print $out "TmpfsConvertHistory 1s $samples\n";
    return close $out;
}

my $httpd = TmpfsConvertTest::Httpd->new(start => 0, conf => sub {
    my ($self) = @_;
    my ($temp, $root) = ($self->temp_dir, $self->root);
    set_history($self, 500);
    return "TmpfsConvert On\nTmpfsConvertOnce On\nTmpfsConvertSpoolMemory 0\nTmpfsConvertTempDir $temp\n"
        . "TmpfsConvertMaxActive 2 8 1s\nTmpfsConvertPattern thumb dw=60\nInclude $root/history.conf\n"
        . "<Location /tmpstat>\nSetHandler tmpstat\n</Location>\n";
});
my $scribble = $httpd->{scribble} = TmpfsConvertTest::Scribble->new($httpd->root . '/scribble');
$scribble->set(seed => $seed);
$httpd->start;
server($httpd);

my $picture = mkpicture('scribble.jpg', 300, 200);
my $convert = "/small_light(dw=120,of=png)$picture";
my $plain = get($picture)->content;
my $right = get($convert)->content;
my $thumb = get("/small_light(p=thumb)$picture")->content;
cmp_ok($scribble->get('guarded'), '>=', 4, 'the memory that processes share has guarded ends');

# ---- what comes, in a word -------------------------------------------------------------------

sub is_json {
    my ($page) = eval { JSON::PP->new->utf8->decode($_[0]) };
    return $page && $page->{schema} && $page->{temp};
}

# As text, every line of it for the program that it is made for.
sub is_lines {
    my ($text, $line) = @_;
    return !grep { !/$line/ } split /\n/, $text;
}

my %kind = (
    plain   => [$picture, sub { $_[0] eq $plain }],
    convert => [$convert, sub { $_[0] eq $right }],
    pattern => ["/small_light(p=thumb)$picture", sub { $_[0] eq $thumb }],
    html    => ['/tmpstat', sub { $_[0] =~ m{\A<!DOCTYPE html>.*</svg>.*</html>\s*\z}s }],
    json    => ['/tmpstat?json&history', \&is_json],
    auto    => ['/tmpstat?auto', sub { is_lines($_[0], qr/^TmpfsConvert[^:]*: /) }],
    metrics => ['/tmpstat?metrics', sub { is_lines($_[0], qr/^(?:# |tmpfs_convert_\w+(?:\{[^\n]*\})? \S+$)/) }],
);

sub word {
    my ($kind) = @_;
    my ($path, $is_right) = @{ $kind{$kind} };
    my $answer = get($path);
    # LWP's own: a child was killed in the middle of it.
    return 'broken off' if ($answer->header('Client-Warning') // '') eq 'Internal response';
    return $answer->code if $answer->code != 200;
    return 'broken off' if length $answer->content < ($answer->header('Content-Length') // 0);
    return $is_right->($answer->content) ? 'right' : 'wrong';
}

# Clients that ask for one thing after the other until the file $over is there, and then
# print what came, how often.
my $over = $httpd->root . '/over';
sub start_client {
    my $pid = open my $pipe, '-|';
    defined $pid or die "fork: $!";
    return $pipe if $pid;
    srand($seed + $$);
    my %seen;
    my @kinds = sort keys %kind;
    until (-e $over) {
        my $kind = rand() < .5 ? 'convert' : $kinds[rand @kinds];
        $seen{"$kind " . word($kind)}++;
    }
    print JSON::PP->new->encode(\%seen);
    close STDOUT;
    POSIX::_exit(0);
}

sub total {
    my ($seen, $match) = @_;
    my $sum = 0;
    $sum += $seen->{$_} for grep { /$match/ } keys %$seen;
    return $sum;
}

# ---- written over ---------------------------------------------------------------------------

my ($restarts, $killed) = (0, 0);
my $began = time;
$scribble->set(mode => 1, hurry => 8);
my @clients = map { start_client() } 1 .. CLIENTS;

# A child that writes was often one of those that were killed, on a slow machine: then longer.
sub is_over {
    my $for = time - $began;
    return 1 if !readlink '/proc/' . $httpd->pid . '/exe'; # the parent has ended: seen below
    return $for > 10 * $seconds + 60
        || $for > $seconds && $scribble->get('rounds') > 5 * $seconds && $scribble->get('hurried') > $seconds / 2;
}

while (!is_over()) {
    sleep 0.2 + rand 0.8;
    # Each way for a while, all of them in turn else.
    $scribble->set(mode => rand() < .5 ? 1 : 2 + int rand 6);
    my $what = rand;
    if ($what < .4) {
        set_history($httpd, 2 + int rand 900) if rand() < .5;
        $httpd->graceful;
        $restarts++;
    }
    elsif ($what < .6) {
        my @children = $httpd->children;
        $killed += kill KILL => $children[rand @children] if @children;
    }
}
open my $end, '>', $over or die $!;
close $end or die $!;
my %seen;
for my $client (@clients) {
    my $text = do { local $/ = undef; <$client> };
    close $client;
    my $found = JSON::PP->new->decode($text);
    $seen{$_} += $found->{$_} for keys %$found;
}
$scribble->set(mode => 0, hurry => 0);
note join ', ', map { "$_ x $seen{$_}" } sort keys %seen;
note "$restarts graceful restarts, $killed children killed, ", $scribble->get('rounds'), ' rounds of writing, ',
    $scribble->get('hurried'), ' samples taken meanwhile';
is(kill(0 => $httpd->pid) && waitpid($httpd->pid, POSIX::WNOHANG()), 0, 'the parent is alive');
cmp_ok($scribble->get('rounds'), '>', 5 * $seconds, '... after much writing');
cmp_ok($scribble->get('hurried'), '>', $seconds / 2, '... and many samples');
is($scribble->get('broken'), 0, 'nothing was written beyond the memory');
is(total(\%seen, qr/wrong/), 0, 'no answer was wrong');
is_deeply([grep { !/ (?:right|broken off)$/ && !/^(?:convert|pattern) 503$/ } sort keys %seen], [],
    'files and the status page were served, conversions right or refused');
cmp_ok(total(\%seen, qr/broken off/), '<=', $killed * CLIENTS, 'no more was broken off than children were killed');
for my $kind (sort keys %kind) {
    cmp_ok(total(\%seen, qr/^$kind right/), '>', 0, "$kind: some were right") if $kind !~ /convert|pattern/;
}
is(scalar(error_log_lines(qr/exit signal (?!Killed)/)), 0, 'no process died but those that were killed');

# The parent takes some, more than it needs to believe what it sees.
sub take_samples {
    my $before = $scribble->get('hurried');
    $scribble->set(hurry => 5);
    for (1 .. 400) {
        last if $scribble->get('hurried') >= $before + 5;
        sleep 0.05;
    }
    return $scribble->set(hurry => 0);
}

# ---- and then ---------------------------------------------------------------------------------

# Not all of it zeros at the end: those would add up.
my $rounds = $scribble->get('rounds');
$scribble->set(mode => 4);
for (1 .. 400) {
    last if $scribble->get('rounds') > $rounds + 3;
    sleep 0.05;
}
$scribble->set(mode => 0);
sleep 0.5;
take_samples();
cmp_ok(scalar(error_log_lines(qr/TC0130/)), '>', 0, 'the log says that admission does not add up');
is(word('plain'), 'right', 'after it a file is served without a restart');
my $mark = log_mark();
my $parent = $httpd->pid;
$httpd->graceful;
for (1 .. 400) {
    last if error_log_lines($mark, qr/resuming normal operations/);
    sleep 0.05;
}
is($httpd->pid, $parent, 'a graceful restart of the same parent');
my @words;
for (1 .. 100) {
    push @words, word($_ % 2 ? 'convert' : 'pattern');
    last if @words >= 20 && !grep { $_ ne 'right' } @words[-20 .. -1];
    sleep 0.05;
}
is_deeply([grep { $_ ne 'right' } @words[-20 .. -1]], [], '... after which conversions are right');
my $traffic;
for (1 .. 200) {
    $traffic = JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{traffic};
    last unless $traffic->{conversions_in_progress} || $traffic->{conversions_queued};
    sleep 0.05;
}
is("$traffic->{conversions_in_progress} $traffic->{conversions_queued}", '0 0', '... and nothing is under way');
take_samples();
is(scalar(error_log_lines($mark, qr/TC0130/)), 0, '... and admission adds up');
is(word($_), 'right', "... $_") for sort keys %kind;
expect_log(qr/exit signal Killed|children are killed successively|TC0008|TC0018|TC0130|TC0161|AH00288|AH00362|AH10159|AH00485|AH00484/);
no_leftovers();
$httpd->stop;
is($scribble->get('broken'), 0, 'nothing was written beyond the memory until the end');

done_testing;
