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
my @peers = ('nginx image_filter', 'sharp', 'vipsthumbnail', 'ImageMagick');
for my $peer (@peers) {
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
    if grep { $there{$_} } @peers;
is(scalar(grep { /sharp/ } @{ $json->{versions} }), $there{sharp} ? 1 : 0, '... with the versions of what took part');

# Other formats, restart markers, a filled square, and photographs as they are.
($status, $report, $words) = bench('pictures', @photos, '--no-memory', '--workloads', 'W8,W9,W10,W11,W12',
    '--json', place() . '/more.json');
is($status, 0, 'other workloads') or diag $words;
my %more = map { $_->{name} => $_ } @{ json_in('more.json')->{workloads} };
for my $name (qw(W8 W9 W10 W11 W12)) {
    my %row = map { $_->{name} => $_ } @{ $more{$name}{rows} };
    ok($row{'ours, prefork'}{median} > 0 && $row{'ours, prefork'}{ssim} > 0.8, "$name was measured and judged")
        or diag explain $row{'ours, prefork'};
    my @absent = grep { $there{$_} && !$row{$_} } @peers;
    # nginx writes no format but the original's.
    is("@absent", $there{'nginx image_filter'} && $name =~ /W[89]/ ? 'nginx image_filter' : '', '... with all peers that can');
    is(exists $row{'the least work'} ? 1 : 0, $name =~ /W[89]/ ? 0 : 1, '... and the least work where it can');
}
for my $row (@{ $more{W9}{rows} }) {
    ok($row->{ssim} >= $more{W9}{target} || $row->{quality} == 99, "W9: $row->{name} has at least the SSIM of W8")
        or diag "$row->{ssim} $more{W9}{target} at $row->{quality}";
}
like($report, qr/^The photographs: 1 of 2 photographs, 0\.8 to 0\.8 megapixels/m, 'what the mix contains is told');

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
