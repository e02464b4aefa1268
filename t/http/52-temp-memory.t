# SPDX-License-Identifier: Apache-2.0
# TmpfsConvertTempMemory full: results go on to a disk with all they have, and
# where there is none they are refused; nothing grows over the bound.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use IO::Socket::INET ();
use JSON::PP ();

# Its result as PNG has about 10 MB, which no socket's buffer takes.
my $picture = mkpicture('large.png', 3000, 2500, seed => 6);
my $path    = "/small_light(dw=2900,of=png)$picture";

sub start {
    my ($conf) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
        my $dir = $_[0]->temp_dir . '/disk';
        mkdir $dir;
        chmod 01777, $dir;
        return <<"CONF";
TmpfsConvert On
TmpfsConvertSpoolMemory 0
TmpfsConvertTempDir "$dir"
$conf
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
    });
    server($httpd);
    return $httpd;
}

# The status page's figures of temporary files; {dir} by name.
sub temp {
    my $temp = JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{temp};
    my ($list) = grep { ref eq 'ARRAY' } values %$temp;
    $temp->{dir} = { map { $_->{dir} => $_ } @$list };
    return $temp;
}

my $kind = `stat -f -c %T @{[server()->root]}`;
chomp $kind;

my $httpd = start('TmpfsConvertTempMemory off');
my $whole = get($path);
is($whole->code, 200, 'without a bound a conversion');
my $size = length $whole->content;
cmp_ok($size, '>', 6 << 20, '... of some size');
is(temp()->{dir}{memfd}{temp_files_made}, 1, '... all in memory');
is(temp()->{temp_memory_limit_bytes}, undef, '... and no limit is told');
no_leftovers();
$httpd->stop;

# ---- to a disk -----------------------------------------------------------------------

SKIP: {
    skip "this is $kind, in memory", 17 if $kind =~ /^(?:tmpfs|ramfs)$/;
    $httpd = start('TmpfsConvertTempMemory 1M');
    my $disk   = $httpd->temp_dir . '/disk';
    my $answer = get($path);
    is($answer->code, 200, 'over the bound a conversion');
    ok($answer->content eq $whole->content, '... has all its bytes');
    my $temp = temp();
    is($temp->{dir}{memfd}{temp_files_moved_on}, 1, '... and moved on');
    is($temp->{dir}{$disk}{temp_files_made}, 1, '... to the disk');
    ok(becomes(sub { temp()->{temp_memory_bytes} == 0 }), 'nothing is held in memory then');
    is(temp()->{temp_memory_limit_bytes}, 1 << 20, 'the bound is told');
    no_leftovers();
    $httpd->stop;

    # Clients who do not read keep their results: memory is full, and stays so.
    $httpd = start('TmpfsConvertTempMemory 22M');
    $disk = $httpd->temp_dir . '/disk';
    my ($host, $port) = base_url() =~ m{//([^:/]+):(\d+)};
    my @slow;
    for (1 .. 4) {
        my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port) or die $@;
        $socket->syswrite("GET $path HTTP/1.0\r\n\r\n");
        push @slow, $socket;
        # As many as have their result are at it now.
        my $open = @slow;
        becomes(sub {
            my $by = temp()->{dir};
            return $by->{memfd}{temp_files_open} + $by->{$disk}{temp_files_open} >= $open
                && !JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{traffic}{conversions_in_progress};
        });
    }
    $temp = temp();
    cmp_ok($temp->{temp_memory_bytes}, '<=', 22 << 20, "four results of $size bytes: $temp->{temp_memory_bytes} in memory");
    cmp_ok($temp->{dir}{$disk}{temp_open_bytes}, '>=', $size, '... the rest is on the disk');
    my $text = get('/tmpstat')->content;
    ok($text =~ /Temporary files in memory take \d+ % of their limit of 22 MiB/, 'the page says so')
        or diag(JSON::PP->new->encode($temp));
    like(get('/tmpstat?auto')->content, qr/^TmpfsConvertTempMemoryBytes: \d+$/m, '... as text');
    like(get('/tmpstat?metrics')->content, qr/^tmpfs_convert_temp_memory_limit_bytes 23068672$/m, '... as metrics');
    my $good = 0;
    for my $socket (@slow) {
        my $answer = do { local $/ = undef; <$socket> };
        $good++ if (split /\r\n\r\n/, $answer, 2)[1] eq $whole->content;
    }
    is($good, 4, 'each gets all of it in the end');
    ok(becomes(sub { temp()->{temp_memory_bytes} == 0 }), 'then nothing is held');
    no_leftovers();
    $httpd->stop;
}

# ---- refused ---------------------------------------------------------------------------

$httpd = start("TmpfsConvertTempMethod memfd\nTmpfsConvertTempMemory 2M");
my $refused = get($path);
is($refused->code, 503, 'with memory only it is 503');
like($refused->header('Retry-After'), qr/^\d+$/, '... with Retry-After');
is(scalar(error_log_lines(qr/TC0008: .*memfd: all that TmpfsConvertTempMemory allows is taken/)), 1,
    '... and one line that says so');
expect_log(qr/TC0008/);
is(get("/small_light(dw=300,of=jpeg)$picture")->code, 200, 'a small one is served');
ok(becomes(sub { temp()->{temp_memory_bytes} == 0 }), 'nothing is held');
no_leftovers();
$httpd->stop;

# A killed child's files are gone, and what was accounted for them.
$httpd = start("TmpfsConvertTempMethod memfd\nTmpfsConvertTempMemory 64M");
my ($host, $port) = base_url() =~ m{//([^:/]+):(\d+)};
my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port) or die $@;
$socket->syswrite("GET /small_light(dw=2000,of=png)$picture HTTP/1.0\r\n\r\n");
ok(becomes(sub { temp()->{temp_memory_bytes} > 2 << 20 }), 'a client that does not read keeps memory')
    or diag(JSON::PP->new->encode(temp()));
expect_log(qr/exit signal Kill|killed successively|AH00545|AH10159|AH03490/);
kill KILL => $httpd->children;
ok(becomes(sub { my $answer = eval { temp() }; $answer && $answer->{temp_memory_bytes} == 0 }),
    'killed, it holds none');
no_leftovers();
$httpd->stop;
server(TmpfsConvertTest::Httpd->shared);

done_testing;
