# SPDX-License-Identifier: Apache-2.0
# tools/experiment: its options, its report and whether that says what was measured,
# and that nothing is left of it, also when it is broken off.
# Alone: it counts the machine's negative dentries, and measures memory and time.
use TmpfsConvertTest;
use File::Path qw(make_path remove_tree);
use POSIX ();
use Time::HiRes qw(sleep time);

plan(skip_all => 'under a sanitizer the figures would be those of the sanitizer') if $ENV{TC_SANITIZER};

my $root = $TmpfsConvertTest::Site::ROOT;
my $place = "$root/build/t/experiment-$$";
my $dir = "$place/files";
my $report = "$place/report.html";
make_path($dir);
END { remove_tree($place) if $place && !$ENV{TC_KEEP} }
$ENV{APXS} = TmpfsConvertTest::Site::apxs();

# Start it in the background, its words in a file: its process id.
sub start {
    my @options = @_;
    defined(my $pid = fork) or die "fork: $!";
    return $pid if $pid;
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', "$place/words";
    open STDERR, '>&', \*STDOUT;
    exec $^X, "$root/tools/experiment", @options or POSIX::_exit(127);
}

sub words {
    open my $in, '<', "$place/words" or return '';
    local $/ = undef;
    return scalar(<$in>) // '';
}

sub run {
    waitpid start(@_), 0;
    return ($? >> 8, words());
}

# ---- what is left ------------------------------------------------------------------

sub names_in {
    my ($where) = @_;
    opendir my $list, $where or return;
    my @names = sort grep { !/^\.\.?$/ } readdir $list;
    return @names;
}

# Processes that have the test's folder in their command line, or work in it.
sub processes {
    my @found;
    for my $file (glob '/proc/[0-9]*/cmdline') {
        open my $in, '<', $file or next;
        my $line = <$in> // next;
        push @found, $line =~ tr/\0/ /r if index($line, $place) >= 0;
    }
    return @found;
}

# Two tests, after at most so many seconds: no process, no file where they were made.
sub nothing_left {
    my ($what, $patience) = @_;
    my $deadline = time + ($patience || 0);
    my (@processes, @files);
    while (@processes = processes(), @files = names_in($dir), @processes || @files) {
        last if time > $deadline;
        sleep 0.1;
    }
    is_deeply(\@processes, [], "$what: no process is left");
    is_deeply(\@files, [], '... and no file and no directory');
    return;
}

# ---- options -----------------------------------------------------------------------

for my $wrong (
    [['-t', 1], qr/--seconds 1: a whole number from 2 to 3600/],
    [['-t', 'x'], qr/--seconds x: a whole number/],
    [['-c', 65], qr/--connections 65: /],
    [['-r', 0], qr/--rate 0: /],
    [['--chapters', 'growth,none'], qr/--chapters none: one of growth hog system tmpfs/],
    [['-d', "$place/none"], qr/--dir \S+none is not a directory/],
    [['-o', "$place/report.txt"], qr/--output \S+: a name that ends in \.html/],
    [['-o', '/proc/none/report.html'], qr/--output \S+: \/proc cannot be written to/],
    [['--swap', 64], qr/--swap needs root/],
    [['--allow-system'], qr/--allow-system needs root/],
    [['more'], qr/more: no such argument/],
    [['--more'], qr/Unknown option: more/],
) {
    my ($options, $words) = @$wrong;
    my ($code, $said) = run(@$options);
    is($code, 2, "@$options: refused");
    like($said, $words, '... and says why');
}
my ($help, $said) = run('--help');
is($help, 0, '--help');
like($said, qr/--allow-system/, '... lists the options');

# ---- a run ---------------------------------------------------------------------------

my ($code, $summary) = run('-t', 4, '-c', 2, '-d', $dir, '-o', $report, '--chapters',
    'growth,hog,system,tmpfs', '--chapter-time', 2, '--yes');
is($code, 0, 'a run') or diag $summary;
like($summary, qr/^Report: \Q$report\E$/m, '... names its report');
nothing_left('after it');
my @kept = names_in($place);
is_deeply([grep { !/^(?:files|words|report\.html|report-[\w-]+\.csv|report-dentries\.svg)$/ } @kept], [],
    '... nor anything beside the report but its figures') or diag "@kept";

my $html = do {
    open my $in, '<', $report or die "$report: $!";
    local $/ = undef;
    <$in>;
};

my $chart = do {
    open my $in, '<', "$place/report-dentries.svg" or die "$place/report-dentries.svg: $!";
    local $/ = undef;
    <$in>;
};
like($chart, qr{\A<svg [^>]*xmlns="http://www\.w3\.org/2000/svg"[^>]* width="\d+"}, 'the chart is a picture of its own');
like($chart, qr/$_/, "... that has $_") for 'before: closed, then removed', 'after: the module.{1,6}s own way';

# What does not nest, as XML has it; nothing when all is well.
sub malformed {
    my ($text) = @_;
    my @open;
    $text =~ s/\A<!DOCTYPE html>//;
    return 'a bare & at ' . substr $text, $-[0], 40 if $text =~ /&(?!(?:amp|lt|gt|quot|#\d+);)/;
    while ($text =~ /<(.*?)>/gs) {
        my $tag = $1;
        return "not a tag: $tag"
            unless $tag =~ m{^(?:/?[a-zA-Z][\w]*|[a-zA-Z]\w*(?:\s+[\w:-]+="[^"<]*")*\s*/?)\s*$};
        next if $tag =~ m{/$};
        if ($tag =~ m{^/(\w+)}) {
            my $last = pop @open // 'nothing';
            return "$1 closes $last" if $last ne $1;
        }
        elsif ($tag =~ /^(\w+)/) {
            push @open, $1;
        }
    }
    return @open ? "open at the end: @open" : '';
}

is(malformed($html), '', 'the report is well-formed');
unlike($html, qr/<script|<link|\ssrc=|\shref=|url\(|\@import|https?:/i, '... and all in one file');
for my $title ('Negative dentries, since the start', 'Dentry slab growth', 'Before: dentry slab',
    'After: dentry slab', 'Conversions a second', 'Before: memory of this host',
    'After: memory of this host') {
    is(() = $html =~ /<title>\Q$title\E(?: \(estimated\))?<\/title>/g, 2,
        "a chart, broad and narrow: $title");
}
unlike($html, qr/no samples yet/, '... none of them is empty');
like($html, qr/estimate/, 'figures that are root\'s to read are called estimates');

# ---- the verdict, and the figures it rests on ------------------------------------------

sub row {
    my ($name) = @_;
    my ($cells) = $html =~ m{<tr><th scope="row">\Q$name\E</th>(.*?)</tr>};
    return map { tr/,//dr } ($cells // '') =~ m{<td[^>]*>([^<]*)</td>}g;
}

my ($card_named, $card_auto) = $html =~ m{id="card-(?:named|auto)">.*?<b>(-?[\d.]+)</b>}gs;
my @made = row('Temporary files made, by the module\'s own count');
my @retained = row('Negative dentries that the directory retained');
my @closed = row('… closed first and then removed');
my ($verdict) = $html =~ m{role="status"><strong>(.*?)</strong>};
cmp_ok($made[$_], '>', 300, "run $_: temporary files were made") for 0, 1;
is($closed[0], $made[0], 'before: all were closed first');
is($closed[1], 0, 'after: none');
is($card_named, sprintf('%.3f', $retained[0] / $made[0]), 'the number shown is that of the table');

my $kind = `stat -f -c %T '$dir'`;
chomp $kind;
my $knob = do { open my $in, '<', '/proc/sys/fs/dentry-negative'; $in ? <$in> : 0 };
cmp_ok(abs $card_auto, '<', 0.05, 'the module\'s own way leaves none');
if ($kind =~ m{^(?:ext2/ext3|xfs|btrfs)$} && $knob == 0) {
    cmp_ok($card_named, '>=', 0.9, "closed, then removed: one each on $kind");
    like($verdict, qr/^Temporary files that are closed and then removed each left their name/,
        '... and the verdict says so');
    like($verdict, qr/The module's own way left none\.$/, '... and of the other way too');
    like($html, qr/id="growth">.*?(?:As was to be expected: \w+ keeps the name|churn cannot tell)/s,
        '... as does churn, unless it is too slow here to tell');
}
else {
    cmp_ok(abs $card_named, '<', 0.05, "closed, then removed: none on $kind");
    like($verdict, qr/^On this machine not even files that are closed/, '... and the verdict says so');
}
like($html, qr/id="hog">.*?(?:The longest wait for one MiB|Not run here: )/s, 'memory: measured, or why not');
like($html, qr/id="system">.*?Not run here: .*--allow-system/s, 'the system: only when asked for');
like($html, qr/id="tmpfs">.*?(?:0\.000 a file|Not run here: )/s, 'tmpfs: none, or why not');

open my $csv, '<', "$place/report-named.csv" or die "$place/report-named.csv: $!";
my ($head, @rows) = <$csv>;
like($head, qr/^time,dentries,negative,slab,/, 'the figures as CSV');
cmp_ok(scalar @rows, '>=', 4, '... a row a second');

# ---- broken off -----------------------------------------------------------------------

# Whether its first server is under load.
sub under_load {
    return grep { -s } glob "$dir/*/httpd-named/httpd.pid";
}

for my $signal (qw(TERM KILL)) {
    unlink glob "$place/report*";
    my $pid = start('-t', 60, '-c', 2, '-d', $dir, '-o', $report, '--chapters', 'none');
    for (1 .. 200) {
        last if under_load();
        sleep 0.1;
    }
    ok(under_load(), "SIG$signal: its server runs");
    sleep 1;
    kill $signal => $pid;
    waitpid $pid, 0;
    is($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, $signal eq 'TERM' ? 143 : 'signal 9', '... it ends');
    nothing_left("after SIG$signal", $signal eq 'TERM' ? 0 : 20);
    is_deeply([grep { /^report/ } names_in($place)], [], '... and no report');
}

done_testing;
