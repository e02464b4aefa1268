# SPDX-License-Identifier: Apache-2.0
# The original changes while it is read: a whole picture, the old one or the new, or an
# error; never half of one, and never SIGBUS.
# Under event only: reading a file; 90-faults has what fails meanwhile under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Fault;
use TmpfsConvertTest::Httpd;
use File::Copy qw(copy move);
use Time::HiRes qw(sleep time);

my $httpd = TmpfsConvertTest::Httpd->new(start => 0, conf => "TmpfsConvert On\n");
my $fault = $httpd->{faults} = TmpfsConvertTest::Fault->new($httpd->root . '/faults');
$httpd->start;
server($httpd);

# The same scene otherwise: as large, and as good a picture.
for my $kind (
    ['jpg', 'q=100', {}],
    ['jpg', 'progressive', { progressive => 1 }],
    ['png', 'plain', {}],
) {
    my ($end, $name, $options) = @$kind;
    my ($old, $new) = map { mkpicture("change-$name-$_.$end", 900, 700, kind => 'photo', seed => $_,
            ($end eq 'jpg' ? (quality => 95) : ()), %$options) } 1, 2;
    my $url  = "/pictures/changing-$name.$end";
    my $file = docroot() . $url;
    my %file = map { $_ => docroot() . ($_ eq 'old' ? $old : $new) } qw(old new);
    my %right = map { $_ => get("/small_light(dw=300,of=jpeg)" . ($_ eq 'old' ? $old : $new))->content } qw(old new);
    isnt($right{old}, $right{new}, "$end, $name: two pictures");
    my $length = -s $file{old};
    note "$length bytes";

    # Each: what happens to the file, the answers that are right.
    my %change = (
        'cut to half'           => [sub { truncate $file, $length / 2 }, qr/^503$/],
        'emptied'               => [sub { truncate $file, 0 }, qr/^503$/],
        'written over'          => [sub { overwrite($file, $file{new}) }, qr/^503$/],
        'written over by part'  => [sub { overwrite($file, $file{new}, $length / 2) }, qr/^503$/],
        'replaced'              => [sub { copy($file{new}, "$file.new"); move("$file.new", $file) }, qr/^old$/],
        'removed'               => [sub { unlink $file }, qr/^old$/],
    );
    for my $what (sort keys %change) {
        my ($do, $expected) = @{ $change{$what} };
        my $word = during($url, $file, $file{old}, \%right, undef, $do);
        like($word, $expected, "$end, $name: $what while it is read");
    }
    # At any moment, before and after the reading too: before it a file that is half the new
    # one is what there is.
    copy($file{old}, $file);
    $change{'written over by part'}[0]->();
    my $mixed = get("/small_light(dw=300,of=jpeg)$url");
    $right{mixed} = $mixed->content if $mixed->code == 200;
    my %seen;
    for (1 .. 8) {
        my ($do) = @{ $change{ (sort keys %change)[rand keys %change] } };
        $seen{ during($url, $file, $file{old}, \%right, rand 0.25, $do) }++;
    }
    is_deeply([grep { !/^(?:old|new|mixed|503|422|415|404)$/ } keys %seen], [],
        "... at random moments: " . join(', ', map { "$_ x $seen{$_}" } sort keys %seen));
    unlink $file;
}
expect_log(qr/TC0040|TC0005|TC0002|TC0013/);
is(scalar(grep { /exit signal/ } error_log_lines()), 0, 'no child has ended of it');
no_leftovers();

sub overwrite {
    my ($file, $from, $most) = @_;
    open my $in, '<:raw', $from or die "$from: $!";
    read $in, my $bytes, $most || -s $from;
    open my $out, '+<:raw', $file or die "$file: $!";
    syswrite $out, $bytes;
    close $out;
    return;
}

# Ask, and `$do` so many seconds later, or when part of the file is read: what was answered.
sub during {
    my ($url, $file, $old, $right, $after, $do) = @_;
    unlink $file;
    copy($old, $file) or die "$file: $!";
    # So that a date of the same tick is not the reason that nothing is noticed.
    utime time - 100, time - 100, $file;
    if (defined $after) {
        # The reading of all of it takes so long.
        $fault->clear->set(slow => int(0.18e6 * 65536 / -s $file));
    }
    else {
        $fault->clear->set(hold => 3);
    }
    my $pid = open my $pipe, '-|';
    defined $pid or die "fork: $!";
    if (!$pid) {
        my $answer = get("/small_light(dw=300,of=jpeg)$url");
        my ($which) = grep { $answer->content eq $right->{$_} } sort keys %$right;
        print $answer->code == 200 ? $which || 'half' : $answer->code;
        close STDOUT;
        POSIX::_exit(0);
    }
    if (defined $after) {
        sleep $after;
    }
    else {
        my $deadline = time + 30;
        sleep 0.002 while $fault->get('reads') < 3 && time < $deadline;
    }
    $do->();
    $fault->set(hold => 0);
    my $word = <$pipe>;
    close $pipe;
    $fault->clear;
    return $word;
}
server(TmpfsConvertTest::Httpd->shared);

done_testing;
