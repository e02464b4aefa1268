# SPDX-License-Identifier: Apache-2.0
# As root, real file systems: a tmpfs that is full at any page, one that is unmounted
# while the server writes to it, or read-only, and a directory that is another user's.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use JSON::PP ();
use Time::HiRes qw(sleep);

plan(skip_all => 'not root') if $>;

use constant PAGE => 4096;    # of which a tmpfs is made

my $path = '/small_light(dw=280,of=png)/pictures/root-fault.jpg';
my ($right, @mounted);

sub unmount { system 'umount', '-l', shift @mounted while @mounted; return }
END { local $?; unmount() }

sub mount_tmpfs {
    my ($dir, $size) = @_;
    mkdir $dir;
    return if system 'mount', '-t', 'tmpfs', '-o', "size=$size,mode=1777", 'tmpfs', $dir;
    push @mounted, $dir;
    return 1;
}

sub remount {
    my ($dir, $options) = @_;
    return system('mount', '-o', "remount,$options", $dir) == 0;
}

sub start {
    my ($method, @dirs) = @_;
    my $mounts = 1;
    my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
        my $root = $_[0]->root;
        for my $dir (@dirs) {
            $mounts &&= mount_tmpfs("$root/$dir", '8m') if $dir =~ /^tmpfs/;
            mkdir "$root/$dir";
            chmod 01777, "$root/$dir";
        }
        return "TmpfsConvert On\nTmpfsConvertSpoolMemory 0\nTmpfsConvertTempReserve 0\n"
            . "TmpfsConvertTempMethod $method\nTmpfsConvertTempDir " . join(' ', map { "$root/$_" } @dirs)
            . "\n<Location /tmpstat>\nSetHandler tmpstat\n</Location>\n";
    });
    server($httpd);
    return $mounts ? $httpd : undef;
}

sub word {
    my ($answer) = @_;
    my $code = $answer->code;
    return $code . (($answer->header('Retry-After') // '') =~ /^\d+$/ ? ' retry' : '') if $code != 200;
    return $answer->content eq $right ? 'right' : 'another picture';
}

sub moved {
    my ($dir) = @_;
    my $page = JSON::PP->new->utf8->decode(get('/tmpstat?json')->content);
    my ($moved) = map { $_->{temp_files_moved_on} } grep { $_->{dir} =~ m{/\Q$dir\E$} } @{ $page->{temp}{by_dir} };
    return $moved;
}

# The file system takes exactly so many bytes more: what is over is in a file there.
sub leave {
    my ($dir, $bytes) = @_;
    unlink "$dir/filler";
    my $free = `df --output=avail -B1 $dir | tail -1`;
    open my $out, '>', "$dir/filler" or die "$dir/filler: $!";
    my $fill = $free - $bytes;
    my $block = "\0" x PAGE;
    syswrite $out, $block for 1 .. $fill / PAGE;
    close $out;
    return;
}

my $httpd = start('tmpfile', 'tmpfs', 'disk');
plan(skip_all => 'tmpfs cannot be mounted here') unless $httpd;
my $first = $httpd->root . '/tmpfs';
mkpicture('root-fault.jpg', 300, 220);
$right = get($path)->content;
my $length = length $right;
note "$length bytes";
my @words;
for (my $room = 0; $room <= $length + PAGE; $room += PAGE) {
    leave($first, $room);
    push @words, word(get($path));
}
is(scalar(grep { $_ ne 'right' } @words), 0, 'a tmpfs with room for 0, 1, ... ' . @words . ' pages: the picture');
cmp_ok(moved('tmpfs'), '>=', int($length / PAGE), '... by way of the next directory');
unlink "$first/filler";

# ---- it goes away ----------------------------------------------------------------------------

ok(remount($first, 'ro'), 'the tmpfs is made read-only');
is(word(get($path)), 'right', '... the next directory serves');
ok(remount($first, 'rw'), '... and writable again');
is(system('umount', '-l', $first), 0, 'it is unmounted');
@mounted = ();
is(word(get($path)), 'right', '... the directory below serves, or the next one');
chmod 0700, $first;
is(word(get($path)), 'right', 'the first directory is root\'s alone: the next one serves');
chmod 0700, $httpd->root . '/disk';
is(word(get($path)), 500, 'and the next one too: an error');
expect_log(qr/TC0010: \S+root-fault\.jpg: \S+disk: Permission denied/);
chmod 01777, $first;
is(word(get($path)), 'right', '... until one is open again');
no_leftovers('away');
$httpd->stop;

# ---- under load ----------------------------------------------------------------------------------

for my $method (qw(tmpfile unlinked)) {
    $httpd = start($method, 'tmpfs-load', 'disk');
    my $dir = $httpd->root . '/tmpfs-load';
    my $pid = open my $pipe, '-|';
    defined $pid or die "fork: $!";
    if (!$pid) {
        my %seen;
        $seen{ word(get($path)) }++ for 1 .. 150;
        print join ', ', map { "$_ x $seen{$_}" } sort keys %seen;
        close STDOUT;
        POSIX::_exit(0);
    }
    my $turns = 0;
    my $ended = '';
    vec($ended, fileno $pipe, 1) = 1;
    until (select my $ready = $ended, undef, undef, 0.01) {
        my $turn = $turns++ % 4;
        if    ($turn == 0) { leave($dir, PAGE * int rand $length / PAGE) }
        elsif ($turn == 1) { unlink "$dir/filler" }
        # With files open in it: those stay whole. What lies below is root's alone.
        elsif ($turn == 2) { unmount() }
        else               { mount_tmpfs($dir, '8m') }
    }
    is(scalar(<$pipe>), 'right x 150', "$method: full, unmounted and there again, $turns times under load");
    close $pipe;
    unlink "$dir/filler";
    no_leftovers($method);
    $httpd->stop;
    unmount();
}

done_testing;
