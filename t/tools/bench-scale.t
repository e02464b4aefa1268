# SPDX-License-Identifier: Apache-2.0
# tools/bench scale, dearest and status: that they run and report.
use TmpfsConvertTest;
use TmpfsConvertTest::Bench;

plan(skip_all => 'under a sanitizer the figures would be those of the sanitizer') if $ENV{TC_SANITIZER};

my @photos = ('--photos', photos(), '--short');
my ($status, $report, $words) = bench('scale', @photos, '--workload', 'W3');
is($status, 0, 'scale') or diag $words;
like($report, qr/^\| $_, 1 +\| +\d+ \(\d+\)/m, "... of $_") for qw(prefork worker event);
like($report, qr/^\| 49\.9 .*1\/8/m, '... and of megapixels');

# Nothing that is let through takes much more than the limits: 3 s and 256 MiB.
($status, $report, $words) = bench('dearest', '--short', '--json', place() . '/dearest.json');
is($status, 0, 'dearest') or diag $words;
my $dearest = json_in('dearest.json');
cmp_ok($dearest->{found}{measured}, '>=', 2, '... measures what its plans say is dearest');
for my $format (sort keys %{ $dearest->{found}{best} }) {
    my $best = $dearest->{found}{best}{$format};
    like($report, qr/^\| \Q$best->{cpu}{params}\E /m, "... of $format");
    cmp_ok($best->{cpu}{cpu_ms}, '<', 2 * 3000, '... within the limit of time, with room for a busy machine');
    cmp_ok($best->{memory}{peak_kb}, '<', 256 * 1024 + 4096, '... and of memory');
}

SKIP: {
    skip missing('ab'), 2 if missing('ab');
    ($status, $report, $words) = bench('status', '-t', 1, '-n', 1);
    is($status, 0, 'status') or diag $words;
    like($report, qr/^\?metrics +\d+ +[\d.]+ +\d+/m, '... says what it costs');
}

done_testing;
