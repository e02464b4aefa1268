# SPDX-License-Identifier: Apache-2.0
# Faults of the system under a request: memory, space, descriptors and system calls
# that fail at every place, one after the other. The answer is the right picture, or
# an error that says to come again; never another picture, and never a dead child.
use TmpfsConvertTest;
use TmpfsConvertTest::Fault;
use TmpfsConvertTest::Httpd;
use JSON::PP ();

my $jpeg  = mkpicture('fault.jpg', 120, 90);
my $png   = mkpicture('fault.png', 60, 44, kind => 'disc', type => 'rgba');
my $large = mkpicture('fault-large.jpg', 500, 380);

# A plain server whose files come through the filter.
my $behind = TmpfsConvertTest::Httpd->new(plain => 1, mpm => 'event');

my $fault;

# A server with faults; `$conf` is given the directory of its temporary files.
sub start {
    my ($conf, @more) = @_;
    my $httpd;
    $httpd = TmpfsConvertTest::Httpd->new(start => 0, @more, conf => sub {
        my $temp = $_[0]->temp_dir;
        mkdir "$temp/$_" for qw(first second);
        return "TmpfsConvert On\nProxyPass /behind/ " . $behind->url . "/\n" . $conf->($temp)
            . "<Location /tmpstat>\nSetHandler tmpstat\n</Location>\n";
    });
    $fault = $httpd->{faults} = TmpfsConvertTest::Fault->new($httpd->root . '/faults');
    $httpd->start;
    server($httpd);
    return $httpd;
}

# An answer as one word: 200 with these bytes, or its status and whether to come again.
sub word {
    my ($answer, $right) = @_;
    my $code = $answer->code;
    return $answer->content eq $right ? 'right' : 'another picture' if $code == 200;
    return $code . (($answer->header('Retry-After') // '') =~ /^\d+$/ ? ' retry' : '');
}

# What came, how often: {word => number}.
sub tally {
    my %seen;
    $seen{$_}++ for @_;
    return join ', ', map { "$_ x $seen{$_}" } sort keys %seen;
}

sub page { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content) }

sub at_rest {
    my ($what) = @_;
    $fault->clear;
    my ($traffic, $open);
    for (1 .. 50) {
        my $page = page();
        $open = 0;
        $open += $_->{temp_files_open} for @{ $page->{temp}{by_dir} };
        $traffic = $page->{traffic};
        last unless $open || $traffic->{conversions_in_progress} || $traffic->{conversions_queued};
        Time::HiRes::sleep(0.05);
    }
    is("$traffic->{conversions_in_progress} $traffic->{conversions_queued} $open", '0 0 0',
        "$what: nothing is under way, waiting or open afterwards");
    return;
}

# ---- memory --------------------------------------------------------------------------

SKIP: {
    skip 'the allocator is the sanitizer\'s; t/unit/test_faults.c makes it fail', 1 if $ENV{TC_SANITIZER};
    my $httpd = start(sub { "TmpfsConvertTempDir $_[0]\nTmpfsConvertSpoolMemory 1K\n" });
    my @children = $httpd->children;
    expect_log(qr/TC0007/);
    for my $path ("/small_light(dw=60,of=jpeg)$jpeg", "/small_light(dw=60,cw=80,ch=80,cc=f00,of=png)$jpeg",
        "/small_light(dw=40,of=jpeg)$png", "/small_light(dw=60,of=png)/behind$jpeg",
        "/small_light(dw=50,sharpen=0x1,of=webp)$png") {
        my $whole = get($path);
        if ($whole->code == 415) {
            expect_log(qr/TC0004/);
            note "$path: not tried, the format is not built in";
            next;
        }
        my $right = $whole->content;
        for my $after (0, 1) {
            my @words;
            for my $at (1 .. 500) {
                $fault->set(alloc_at => 0, alloc_after => $after, alloc_seen => 0, alloc_hit => 0);
                $fault->set(alloc_at => $at);
                my $answer = get($path);
                $fault->set(alloc_at => 0);
                last unless $fault->get('alloc_hit');
                push @words, word($answer, $right);
            }
            my $name = $after ? 'each allocation and all after it fail' : 'each allocation fails';
            cmp_ok(scalar @words, '>=', 15, "$path: $name (" . @words . ')');
            is_deeply([grep { $_ ne '503 retry' && $_ ne 'right' } @words], [],
                '... 503, or the same picture: ' . tally(@words));
        }
        is(word(get($path), $right), 'right', '... and then it is as it was');
    }
    is_deeply([$httpd->children], \@children, 'no child has ended of it') if mpm() ne 'prefork';
    at_rest('memory');
    no_leftovers('memory');
}

# ---- space -----------------------------------------------------------------------------

# Around every boundary of the chunks in which results are made, kept and moved.
sub places_in {
    my ($length) = @_;
    my @at = (0, 1, 2, $length - 1, $length, $length + 1, map { int rand $length } 1 .. 12);
    for (my $chunk = 16 * 1024; $chunk < $length; $chunk += 16 * 1024) {
        push @at, $chunk - 1, $chunk, $chunk + 1;
    }
    return @at;
}

my $seed = srand;
note "random places: srand($seed)";
my $path = "/small_light(dw=480,of=png)$large";

for my $threshold ('0', '100K') {
    my $httpd = start(sub { "TmpfsConvertTempDir $_[0]/first $_[0]/second\nTmpfsConvertTempMethod tmpfile\n"
        . "TmpfsConvertSpoolMemory $threshold\nTmpfsConvertTempReserve 0\n" },
        full => sub { [$_[0]->temp_dir . '/first'] });
    my $right = get($path)->content;
    cmp_ok(length $right, '>', 200_000, "a result of some size, $threshold of it in memory");
    my @words = map { $fault->set(space => 1 + $_); word(get($path), $right) } places_in(length $right);
    is(tally(@words), 'right x ' . @words, '... goes to the next directory wherever the first runs full');
    my ($moved) = map { $_->{temp_files_moved_on} } grep { $_->{dir} =~ /first/ } @{ page()->{temp}{by_dir} };
    cmp_ok($moved, '>=', @words - 4, "... which it did $moved times");
    for my $error (qw(EDQUOT EFBIG EIO)) {
        $fault->set(space => 70_001, space_errno => eval "POSIX::$error()");
        is(word(get($path), $right), 'right', "... and when it says $error");
    }
    at_rest("space, $threshold");
    no_leftovers("space, $threshold");
}

my $httpd = start(sub { "TmpfsConvertTempDir $_[0]/first $_[0]/second\nTmpfsConvertTempReserve 0\n"
    . "TmpfsConvertSpoolMemory 0\n" }, full => sub { ['memfd', $_[0]->temp_dir] });
my $right = get($path)->content;
expect_log(qr/TC0008/);
for my $path ($path, $path =~ s{/pictures}{/behind/pictures}r) {
    my (@over, @within);
    for my $at (places_in(length $right)) {
        $fault->set(space => 1 + $at);
        # The original takes a file too, on the way through the filter.
        push @{ $at >= length $right ? \@within : \@over }, word(get($path), $right);
    }
    is(tally(@over), '503 retry x ' . @over, 'all places full: come again');
    is(tally(@within), 'right x ' . @within, '... with room for all of it the picture');
}
at_rest('all full');
no_leftovers('all full');

# ---- what a kernel or a filter of system calls does not have -------------------------------

$httpd = start(sub { "TmpfsConvertTempDir $_[0]/first\nTmpfsConvertSpoolMemory 0\n" });
$right = get($path)->content;

sub made {
    my %made;
    for my $dir (@{ page()->{temp}{by_dir} }) {
        my $name = $dir->{dir} eq 'memfd' ? 'memfd' : 'dir';
        $made{$name} += $dir->{temp_files_made};
        $made{held} += $dir->{temp_files_removed_while_held};
    }
    return \%made;
}

for my $row (
    ['with all of it', 'memfd', []],
    ['memfd_create says ENOSYS', 'dir', [no_memfd => POSIX::ENOSYS()]],
    ['memfd_create says EPERM', 'dir', [no_memfd => POSIX::EPERM()]],
    ['memfd_create says ENOMEM', 'dir', [no_memfd => POSIX::ENOMEM()]],
    ['O_TMPFILE says EOPNOTSUPP too', 'held', [no_memfd => POSIX::ENOSYS(), no_tmpfile => POSIX::EOPNOTSUPP()]],
    ['O_TMPFILE says EISDIR too', 'held', [no_memfd => POSIX::ENOSYS(), no_tmpfile => POSIX::EISDIR()]],
) {
    my ($name, $where, $set) = @$row;
    $fault->clear->set(@$set);
    my $before = made();
    is(word(get($path), $right), 'right', "$name: the picture");
    my $after = made();
    is($after->{$where} - $before->{$where}, 1, "... by way of $where");
}
no_leftovers('methods');

# ---- descriptors -----------------------------------------------------------------------------

expect_log(qr/TC0041: \S+fault-large\.jpg: /);
for my $error (qw(EMFILE ENFILE)) {
    $fault->clear->set(no_file => eval "POSIX::$error()");
    is(word(get($path), $right), '503 retry', "$error: come again");
    is(word(get($path =~ s{/pictures}{/behind/pictures}r), $right), '503 retry', '... through the filter');
}
$fault->clear;
is(word(get($path), $right), 'right', '... then it is as it was');
no_leftovers('descriptors');

# ---- system calls that do a part, or nothing -----------------------------------------------------

for my $row ([part => 1009], [part => 7], [interrupt => 2], [part => 4093, interrupt => 3]) {
    for my $through ('', '/behind') {
        my $asked = $path =~ s{/pictures}{$through/pictures}r;
        $fault->clear->set(@$row);
        is(word(get($asked), $right), 'right', "@$row$through: the same bytes");
        cmp_ok($fault->get('calls'), '>', 5, '... of ' . $fault->get('calls') . ' calls');
    }
}
at_rest('calls');
no_leftovers('calls');
$httpd->stop;
$behind->stop;
server(TmpfsConvertTest::Httpd->shared);

done_testing;
