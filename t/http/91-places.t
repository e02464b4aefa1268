# SPDX-License-Identifier: Apache-2.0
# Temporary directories that go away, are closed, or are somebody else's trap.
use TmpfsConvertTest;
use TmpfsConvertTest::Fault;
use TmpfsConvertTest::Httpd;

my $picture = mkpicture('place.jpg', 200, 150);
my $path    = "/small_light(dw=150,of=png)$picture";
my $right;

sub start {
    my ($method, @dirs) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(start => 0, conf => sub {
        my $temp = $_[0]->temp_dir;
        mkdir "$temp/$_" for qw(first second);
        my @paths = map { m{^/} ? $_ : "$temp/$_" } @dirs;
        return "TmpfsConvert On\nTmpfsConvertSpoolMemory 0\nTmpfsConvertTempReserve 0\n"
            . "TmpfsConvertTempMethod $method\nTmpfsConvertTempDir @paths\n";
    });
    symlink 'first', $httpd->temp_dir . '/link' if "@dirs" eq 'link';
    $httpd->{faults} = TmpfsConvertTest::Fault->new($httpd->root . '/faults');
    $httpd->start;
    server($httpd);
    $right //= get($path)->content;
    return ($httpd, $httpd->temp_dir);
}

# The client has its last byte a little before the server has removed the file.
sub remove_dir {
    my ($dir) = @_;
    for (1 .. 100) {
        return if rmdir $dir;
        Time::HiRes::sleep(0.02);
    }
    die "$dir: $!";
}

sub word {
    my ($answer) = @_;
    return $answer->code if $answer->code != 200;
    return $answer->content eq $right ? 'right' : 'another picture';
}

# ---- directories that go away while the server runs ---------------------------------------

for my $method (qw(tmpfile unlinked named)) {
    my ($httpd, $temp) = start($method, qw(first second));
    expect_log(qr/TC0103/) if $method eq 'named';
    is(word(get($path)), 'right', "$method: a picture");
    remove_dir("$temp/first");
    is(word(get($path)), 'right', '... with the first directory removed');
    # A file with a name cannot be removed from a directory that is read-only by then.
    for (1 .. 100) {
        last unless glob "$temp/second/*";
        Time::HiRes::sleep(0.02);
    }
    chmod 0500, "$temp/second";
    is(word(get($path)), 500, '... and the second read-only, an error');
    expect_log(qr/TC0010: \S+place\.jpg: \S+second: Permission denied/);
    mkdir "$temp/first", 0700;
    is(word(get($path)), 'right', '... with the first one made again');
    remove_dir("$temp/first");
    open my $file, '>', "$temp/first" or die "$temp/first: $!";
    close $file;
    chmod 0700, "$temp/second";
    is(word(get($path)), 'right', '... and with a file in its place');
    unlink "$temp/first";
    no_leftovers($method);
}

# ---- directories of others --------------------------------------------------------------------

for my $method (qw(tmpfile unlinked)) {
    my ($httpd, $temp) = start($method, 'link');
    is(word(get($path)), 'right', "$method: a directory by way of a symbolic link");
    unlink "$temp/link";
    symlink 'second', "$temp/link";
    is(word(get($path)), 'right', '... that leads elsewhere meanwhile');
    unlink "$temp/link";
    symlink 'nowhere', "$temp/link";
    is(word(get($path)), 500, '... or nowhere');
    expect_log(qr/TC0010: \S+place\.jpg: \S+link: No such file/);
    unlink "$temp/link";
    no_leftovers("$method, link");
}
SKIP: {
    my @shm = stat '/dev/shm';
    skip '/dev/shm is not a directory of another user, for all, and sticky', 2
        unless @shm && $shm[4] != $> && ($shm[2] & 01777) == 01777;
    start('unlinked', '/dev/shm');
    is(word(get($path)), 'right', 'a directory of another user that is for all, and sticky');
    no_leftovers('/dev/shm');
}

# ---- who knows the name of the next file ----------------------------------------------------------

# What src/temp/tempfile.c makes when all that should be random is zero.
sub name_of {
    my ($pid) = @_;
    my $letters = join '', 'a' .. 'z', 2 .. 7;
    my $text = '';
    for (1 .. 5) {
        $text = substr($letters, $pid % 32, 1) . $text;
        $pid = int $pid / 32;
    }
    return "tc-$text" . 'a' x 15;
}

for my $method (qw(unlinked named)) {
    my ($httpd, $temp) = start($method, qw(first second));
    expect_log(qr/TC0103/) if $method eq 'named';
    my $victim = "$temp/victim";
    open my $out, '>', $victim or die "$victim: $!";
    print $out "precious\n";
    close $out;
    for my $trap (
        ['a symbolic link', sub { symlink $victim, $_[0] }],
        ['a symbolic link to nothing', sub { symlink "$temp/new", $_[0] }],
        ['a hard link', sub { link $victim, $_[0] }],
        ['a FIFO', sub { POSIX::mkfifo($_[0], 0600) }],
        ['a directory', sub { mkdir $_[0] }],
    ) {
        my ($what, $set) = @$trap;
        my @names = map { "$temp/first/" . name_of($_) } $httpd->children;
        $set->($_) or die "$_: $!" for @names;
        my @before = map { join ' ', (lstat)[0 .. 7, 9, 10] } @names, $victim;
        $httpd->{faults}->set(random => 1);
        is(word(get($path)), 'right', "$method: where the name is taken by $what the next directory serves");
        $httpd->{faults}->set(random => 0);
        is_deeply([map { join ' ', (lstat)[0 .. 7, 9, 10] } @names, $victim], \@before, '... and it is untouched');
        ok(!-e "$temp/new", '... and nothing is written through it');
        is(word(get($path)), 'right', '... and with another name the first one serves');
        # Of a killed child files are removed, but none of these.
        if ($what =~ /symbolic link$|FIFO/ && $method eq 'unlinked') {
            kill KILL => $httpd->children;
            expect_log(qr/exit signal Kill|killed successively|AH00545|AH10159|AH03490/);
            my $code = 0;
            for (1 .. 100) {
                $code = get($path)->code;
                last if $code == 200;
                Time::HiRes::sleep(0.1);
            }
            is($code, 200, '... after children were killed it serves');
            is_deeply([map { join ' ', (lstat)[0 .. 7, 9, 10] } @names, $victim], \@before, '... and takes away no trap');
        }
        -d && !-l ? rmdir : unlink for @names;
    }
    unlink $victim;
    no_leftovers("$method, names");
}
server(TmpfsConvertTest::Httpd->shared);

done_testing;
