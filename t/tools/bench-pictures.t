# SPDX-License-Identifier: Apache-2.0
# tools/bench pictures and instructions: that they run and report.
use TmpfsConvertTest;
use TmpfsConvertTest::Bench;

plan(skip_all => 'under a sanitizer the figures would be those of the sanitizer') if $ENV{TC_SANITIZER};

my @photos = ('--photos', photos(), '--short');
my ($status, $report, $words) = bench('pictures', @photos, '--workloads', 'W3,W5,W6', '--baseline',
    TmpfsConvertTest::Site::module(), '--json', place() . '/pictures.json');
is($status, 0, 'pictures') or diag $words;
my $json = json_in('pictures.json');
is(join(' ', map { $_->{name} } @{ $json->{workloads} }), 'W3 W5 W6', '... all workloads');
for my $workload (@{ $json->{workloads} }) {
    my %row = map { $_->{name} => $_ } @{ $workload->{rows} };
    my ($ours, $baseline, $floor) = @row{'ours, prefork', 'baseline, prefork', 'the least work'};
    like($report, qr/^### $workload->{name}: /m, "$workload->{name} is in the report");
    ok($ours->{median} > 0 && $ours->{rate} > 0 && $floor->{median} > 0, '... and was measured');
    ok($ours->{ssim} > 0.8 && $ours->{ssim} <= 1, '... and judged') or diag $ours->{ssim};
    cmp_ok($ours->{memory}, '>=', 0, '... with its memory');
    is($baseline->{bytes}, $ours->{bytes}, '... and the same module answers the same');
}
my %there = map { $_->{name} => 1 } @{ $json->{workloads}[0]{rows} };
for my $peer ('nginx image_filter', 'vipsthumbnail', 'ImageMagick') {
  SKIP: {
        skip "$peer is not on this machine: tools/deps --bench", 2 unless $there{$peer} || $report !~ /^Missing: $peer/m;
        ok($there{$peer}, "$peer took part");
        # How long it took is not asked: of pictures this small it is what two runs of a
        # process differ by, which on a busy machine is now and then less than nothing.
        is((grep { my $of = $_; grep { $_->{name} eq $peer && defined $_->{median} && $_->{ssim} > 0.8 } @{ $of->{rows} } }
                @{ $json->{workloads} }), 3, '... in each, with an answer of the right size');
    }
}
like($report, qr/^\| W6 .*ours, prefork.*best peer.*3\.00/m, 'the goals stand beside the figures')
    if grep { $there{$_} } 'nginx image_filter', 'vipsthumbnail', 'ImageMagick';

SKIP: {
    skip missing('valgrind'), 3 if missing('valgrind');
    ($status, $report, $words) = bench('instructions', @photos, '--workloads', 'W3,W5');
    is($status, 0, 'instructions') or diag $words;
    my ($decode, $resample, $encode, $rest, $all) = $report =~ /^\| W3 +((?:\| +[\d.]+ ){5})\|/m
        ? $1 =~ /([\d.]+)/g : ();
    ok($decode && $resample && $encode, '... each stage has some') or diag $report;
    cmp_ok(abs(($all // 0) - ($decode // 0) - ($resample // 0) - ($encode // 0) - ($rest // 0)), '<', 0.1,
        '... and they are all there is');
}

done_testing;
