# SPDX-License-Identifier: Apache-2.0
# tools/bench pictures: that answers of another kind are found out, that a mix is what it says,
# and that a quality is found by its SSIM.
use TmpfsConvertTest;
use TmpfsConvertTest::Bench;
use lib "$TmpfsConvertTest::Site::ROOT/tools/lib";
use Bench::Answers   ();
use Bench::Figures   ();
use Bench::Measure   ();
use Bench::Mix       ();
use Bench::Workloads ();

my $place = place();
Bench::Measure::tree($TmpfsConvertTest::Site::ROOT);

# ---- kinds of answers ------------------------------------------------------------

my $contender = { name => 'it' };
my $file = { file => 'x.jpg', to => [120, 90] };

sub verdict {
    my ($workload, $picture) = @_;
    my @size = eval { Bench::Answers::check($contender, { name => 'W0', %$workload }, $file, $picture) };
    return @size ? join 'x', @size : $@;
}
my %jpeg = (answer => 'jpg', q => 85);
my @jpeg = (120, 90, 'kind=photo');
is(verdict(\%jpeg, picture('right.jpg', @jpeg, 'quality=85')), '120x90', 'a JPEG as it must be');
like(verdict(\%jpeg, picture('better.jpg', @jpeg, 'quality=90')), qr/quality is 90, not 85/, '... of another quality');
like(verdict(\%jpeg, picture('full.jpg', @jpeg, 'quality=85', 'sampling=444')), qr/sampling is 1x1, not 2x2/,
    '... of another sampling');
like(verdict(\%jpeg, picture('scans.jpg', @jpeg, 'quality=85', 'progressive=1')), qr/progressive is 1, not 0/,
    '... progressive');
like(verdict(\%jpeg, picture('small.jpg', 119, 90, 'kind=photo', 'quality=85')), qr/size is 119x90, not 120x90/,
    '... of another size');
is(verdict({ %jpeg, mix => 1 }, "$place/small.jpg"), '119x90', '... which rounding may explain in a mix');
like(verdict({ %jpeg, mix => 1 }, picture('less.jpg', 118, 90, 'kind=photo', 'quality=85')), qr/size is 118x90/,
    '... but two pixels it may not');
like(verdict(\%jpeg, picture('right.png', @jpeg)), qr/format is png, not jpeg/, '... of another format');
is(verdict({ answer => 'png' }, "$place/right.png"), '120x90', 'a PNG');
SKIP: {
    my $webp = eval { picture('lossless.webp', @jpeg, 'lossless=1') };
    skip 'WebP is not built in', 2 unless $webp;
    like(verdict({ answer => 'webp' }, $webp), qr/lossless is 1, not 0/, 'a lossless WebP');
    is(verdict({ answer => 'webp' }, picture('lossy.webp', @jpeg, 'quality=80')), '120x90', 'a WebP');
}
SKIP: {
    my $avif = eval { picture('deep.avif', @jpeg, 'depth=16') };
    skip 'AVIF is not built in', 1 unless $avif;
    like(verdict({ answer => 'avif' }, $avif), qr/depth is 10, not 8/, 'an AVIF of ten bits');
}

# ---- originals and references ----------------------------------------------------

my $photo = photos() . '/one.jpg';
run(program('quality'), 'prepare', $photo, 400, 300, "$place/restart.jpg", 'restart=1');
is(values_of(program('picprobe'), "$place/restart.jpg")->{restart}, 400 / 16, 'restart markers after each row of MCUs');
run(program('quality'), 'prepare', $photo, 600, 400, "$place/whole.png");
run(program('quality'), 'reference', "$place/whole.png", 600, 400, "$place/middle.ref", 'wide=400', 'high=400');
run(program('quality'), 'encode', "$place/middle.ref", "$place/middle.png");
my ($middle) = pixels("$place/middle.png", '0,0', '399,399');
my ($whole) = pixels("$place/whole.png", '100,0', '499,399');
is($middle, $whole, 'the middle of a reference is the middle of the picture');
isnt((run(program('quality'), 'reference', "$place/whole.png", 600, 400, "$place/odd.ref", 'wide=401', 'high=400'))[0],
    0, '... which half a pixel would not be');

sub pixels {
    my ($picture, @places) = @_;
    my (undef, $text) = run(program('picprobe'), $picture, @places);
    return join ' ', $text =~ /^pixel \S+ (.*)$/mg;
}

# ---- the mix -------------------------------------------------------------------

mkdir "$place/mine" or die "$place: $!";
picture('mine/camera.jpg', 900, 600, 'kind=photo', 'sampling=422', 'restart=57', 'orientation=6', 'exif=1',
    'profile=p3');
picture('mine/phone.jpg', 600, 800, 'kind=photo', 'seed=2');
picture('mine/kept.jpg', 640, 480, 'kind=photo', 'sampling=444', 'progressive=1');
picture('mine/grey.jpg', 640, 480, 'kind=photo', 'space=grey');
picture('mine/icon.jpg', 299, 400, 'kind=photo');
open my $out, '>', "$place/mine/broken.jpg" or die "$place: $!";
print $out "\xff\xd8\xff\xe0\x00";
close $out;
my ($words, @mix) = Bench::Mix::draw("$place/mix", dir => "$place/mine", side => 300);
is(scalar @mix, 3, 'three of six photographs');
like($words, qr/^3 of 6 photographs, 0\.3 to 0\.5 megapixels, 1 together; 1 progressive; 1 with restart markers; sampled 1x1 \(1\), 2x1 \(1\), 2x2 \(1\);/,
    '... what they are') or diag $words;
like($words, qr/left out: 1 not a Huffman-coded JPEG, 1 smaller than 300, 1 without colour, or CMYK$/,
    '... and what is left out');
my %by_stem = map { $_->{file} =~ /^(\w+)-/ => $_ } @mix;
my %camera = %{ values_of(program('picprobe'), "$place/mix/$by_stem{camera}{file}") };
is("$camera{exif_orientation} $camera{icc} $camera{restart} $camera{sampling}", 'none 0 57 2x1',
    'a copy has no metadata, and the scans it had');
is(pixels("$place/mix/$by_stem{camera}{file}", '5,5', '300,500'), pixels("$place/mine/camera.jpg", '5,5', '300,500'),
    '... and its pixels');
is(join('x', @{ $by_stem{phone}{to} }), '225x300', 'the answer has its shape');
is(scalar(my (undef, @few) = Bench::Mix::draw("$place/mix", dir => "$place/mine", side => 300, most => 2)), 3,
    'of more photographs than are wanted');
is(join(' ', map { $_->{file} =~ /^(\w+)-/ } @few), 'camera kept', '... some from all over the list');
(my $without, @few) = Bench::Mix::draw("$place/mix", dir => "$place/mine", side => 300,
    objection => sub { $_[0] =~ /phone/ ? 'no phones' : undef });
is(scalar(@few) . ($without =~ /left out: .*1 no phones/ ? ' and said' : ''), '2 and said', 'an objection counts');
is(eval { Bench::Mix::draw("$place/mix", dir => "$place/mine", side => 5000); 1 }, undef, 'none at all');
like($@, qr/no photograph for the mix/, '... is said');

is(scalar Bench::Workloads::photographs("$place/mine"), 5, 'the other workloads take what can be read');

# ---- a quality by its SSIM ---------------------------------------------------------

# A contender that encodes the reference itself, so that what it answers is known.
package Known;

sub takes { return 1 }

sub answers {
    my ($self, $workload, $dir, $q) = @_;
    push @{ $self->{asked} }, $q // $workload->{q};
    TmpfsConvertTest::Bench::run(TmpfsConvertTest::Bench::program('quality'), 'encode', "$self->{folder}/r-120x90.ref",
        "$dir/it.jpg", 'quality=' . ($q // $workload->{q}));
    return "$dir/it.jpg";
}

package main;

run(program('quality'), 'reference', $photo, 120, 90, "$place/r-120x90.ref");
my $known = bless { kind => 'ours', name => 'known', folder => $place }, 'Known';
my %like = (name => 'W9', like => 'W1', extension => 'jpg', answer => 'jpg', files => [{ file => 'r.jpg', to => [120, 90] }]);
{
    # The qualities that are tried are none of the workload's.
    no warnings 'redefine';
    local *Bench::Answers::check = sub { return (120, 90) };
    Bench::Answers::settle([$known], \%like, $place, sub { });
    is($known->{settled}{W9}, 85, "the quality of W1's answer is found again by its SSIM");
    cmp_ok(scalar @{ $known->{asked} }, '<=', 9, '... in few steps');
}

# ---- processes -------------------------------------------------------------------

# A server's time is that of all below it: it may have processes that start others.
my $server = open(my $told, '-|', 'sh', '-c', 'sh -c "echo ready; sleep 60; :" & wait') or die "sh: $!";
my $ready = <$told>;
my @below = Bench::Measure::descendants_of($$);
my @first = Bench::Measure::children_of($$);
ok((grep { $_ == $server } @first), 'a child is among the children');
my @deeper = grep { my $pid = $_; !grep { $_ == $pid } @first } @below;
ok(@deeper >= 1, '... and its own children are only below it');
kill TERM => $server, @deeper;
close $told;

# ---- figures ---------------------------------------------------------------------

my %seen = (
    'ours, prefork' => { cpu => [2, 4, 3], rate => [10, 20, 30], ssim => 0.97, memory => 100 },
    'quick' => { cpu => [4, 8, 9], rate => [5, 8, 10], ssim => 0.5 },
    'frugal' => { cpu => [3, 7, 8], ssim => 0.9 },
    'the least work' => { cpu => [4, 4, 4], ssim => 0.98 },
);
my @contenders = map { bless { %$_ }, 'Known' } { name => 'ours, prefork', kind => 'ours' },
    { name => 'quick', kind => 'peer' }, { name => 'frugal', kind => 'peer' }, { name => 'the least work', kind => 'floor' };
sub Known::quality { return 85 }
my $report = Bench::Figures::report({ name => 'W2', words => 'two', answer => 'jpg' }, \@contenders, \%seen);
my ($ours) = @{ $report->{rows} };
is("$report->{best} $report->{fastest}", 'frugal quick', 'the best of all peers, and the fastest server');
is("$ours->{floor} $ours->{peer} $ours->{faster}", '0.75 1.75 2.5', 'quotients are medians of the rounds');
like(Bench::Figures::summary($report), qr/^\| W2: two \| +3\.00 \| +0\.75 \| +1\.75 \| +frugal \| +2\.50 \| +quick \| +100 \|$/m,
    '... in the table of all workloads');
my $goals = Bench::Figures::goals($report);
like($goals, qr/over the floor, at most \| +0\.90 \| +0\.75 \| +yes/, 'a goal that is met');
like($goals, qr/SSIM under the ceiling, at most \| +0\.0008 \| +0\.0100 \| +NO/, '... and one that is not');

done_testing;
