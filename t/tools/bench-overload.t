# SPDX-License-Identifier: Apache-2.0
# tools/bench overload and burst: that they run and report.
use TmpfsConvertTest;
use TmpfsConvertTest::Bench;

plan(skip_all => 'under a sanitizer the figures would be those of the sanitizer') if $ENV{TC_SANITIZER};

my @photos = ('--photos', photos(), '--short');
my ($status, $report, $words) = bench('overload', @photos, '--workload', 'W2', '--json', place() . '/overload.json');
is($status, 0, 'overload') or diag $words;
my $overload = json_in('overload.json');
for my $mpm (qw(prefork worker event)) {
    like($report, qr/^\| $mpm +\| +\d+ /m, "... of $mpm");
    my $answers = $overload->{turns}{$mpm}[0]{load}{answers};
    ok($answers->{200} && $answers->{503}, '... some answered, and what is too much refused')
        or diag join ' ', %$answers;
}

SKIP: {
    skip missing('h2load'), 13 if missing('h2load');
    ($status, $report, $words) = bench('burst', '--short', '--mpm', 'event', '--json', place() . '/burst.json');
    # 1: something was not as fast as it must be, which in seconds and on a busy machine is no news.
    like($status, qr/^[01]$/, 'burst') or diag $words;
    like($report, qr/^\| page +\| +event +\| +100 of 100 in /m, '... a page');
    like($report, qr/^\| pages +\| +event +\| +20 of 20 in /m, '... four pages');
    like($report, qr/^\| clients +\| +event +\| +600 of 600 in /m, '... ten clients');
    like($report, qr/^\| workers +\| +event +\| +2: 60 of 60 +\| +yes/m, '... few workers');
    # A picture takes milliseconds of processor, and a refusal a part of one.
    my ($picture, $refusal) = $report =~ /^\| overload +\| +event +\| .*CPU ms: a picture ([\d.]+), a refusal ([\d.]+), a/m;
    ok($picture && $picture > 1 && $refusal < $picture, '... what each answer takes') or diag $report;
    like($report, qr/^\| \.\.\. refused +\| +event +\| +\d+, p99 [\d.]+ ms, \d+ with Retry-After/m, '... overload');
    like($report, qr/^\| hog: thumbnails, HTTP\/$_ +\| +event +\| +six in /m, "... a hog of HTTP/$_") for '1.1', '2';
    ($status, $report, $words) = bench('burst', '--short', '--mpm', 'worker', '--only', 'overload', '--threads', 75);
    like($status, qr/^[01]$/, 'burst with two processes of 75 threads') or diag $words;
    like($report, qr/^\| overload \| with 75 threads a process, /m, '... which it says');
    like($report, qr/^\| overload +\| +worker +\| +\d+\/s accepted/m, '... and measures');
    ($status) = bench('burst', '--threads', 151);
    isnt($status, 0, 'more threads than there are workers are an error');
}

done_testing;
