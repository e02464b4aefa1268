# SPDX-License-Identifier: Apache-2.0
#
# The contenders' answers: that they are the same kind of file, how like the reference they
# are, and the quality at which each gives a certain likeness.
package Bench::Answers;

use strict;
use warnings;
use File::Temp ();
use Bench::Measure   ();
use Bench::Workloads ();

# What picprobe must say of an answer, by its format. Sampling, progression and tables decide
# what a JPEG costs and how good it is. The quality is 0 for tables that are not libjpeg's own.
my %KIND = (
    jpg => sub { { format => 'jpeg', sampling => '2x2', progressive => 0, quality => $_[0] } },
    png => sub { { format => 'png', interlaced => 0 } },
    webp => sub { { format => 'webp', lossless => 0 } },
    avif => sub { { format => 'avif', sampling => 'YUV420', depth => 8 } },
);

# Dies when the answer is not of the workload's format, quality and size. A size may differ by
# the rounding of one side where the photographs' shapes are not ours. Returns its size.
sub check {
    my ($contender, $workload, $file, $answer) = @_;
    my $is = { Bench::Measure::output_of("$Bench::Measure::ROOT/build/bin/picprobe", $answer) =~ /^(\w+): (\S+)$/mg };
    my $must = $KIND{ $workload->{answer} }->($workload->{q});
    my @wrong = map { "$_ is " . ($is->{$_} // 'missing') . ", not $must->{$_}" }
        grep { ($is->{$_} // '') ne $must->{$_} } sort keys %$must;
    my ($w, $h) = @{ $file->{to} };
    my $room = $workload->{mix} ? 1 : 0;
    push @wrong, "its size is $is->{width}x$is->{height}, not ${w}x$h"
        if abs($is->{width} - $w) > $room || abs($is->{height} - $h) > $room;
    die "bench: $contender->{name}, $workload->{name}, $file->{file}: " . join('; ', @wrong) . "\n" if @wrong;
    return @$is{qw(width height)};
}

# Means over the photographs: {ssim, psnr, bytes}. `q` stands for the contender's own quality.
sub judge {
    my ($contender, $workload, $folder, $q) = @_;
    my $dir = File::Temp->newdir('bench-XXXXXX', TMPDIR => 1);
    my @answers = $contender->answers($workload, "$dir", $q);
    my %mean;
    for my $at (0 .. $#answers) {
        my $file = $workload->{files}[$at];
        my @size = check($contender, $workload, $file, $answers[$at]);
        my $reference = Bench::Workloads::reference($Bench::Measure::ROOT, $folder, $workload, $file, @size);
        my ($ssim, $psnr, undef, undef, $bytes) = split ' ', Bench::Measure::output_of(
            "$Bench::Measure::ROOT/build/bin/quality", 'compare', "$folder/$reference", $answers[$at]);
        $mean{ssim} += $ssim / @answers;
        $mean{psnr} += $psnr / @answers;
        $mean{bytes} += $bytes / @answers;
    }
    return \%mean;
}

# For a workload whose quality is `like` another's: the SSIM that the first of the module's
# own has there, and for each contender the least quality that reaches it, or 99 where none
# does: 100 is lossless in some. Contenders of one `alike` share it.
sub settle {
    my ($contenders, $workload, $folder, $progress) = @_;
    my @taking = grep { $_->takes($workload) } @$contenders;
    my ($ours) = grep { $_->{kind} eq 'ours' && !$_->{hint} } @taking;
    my $twin = Bench::Workloads::named($workload->{like});
    $workload->{target} = judge($ours, { %$workload, %$twin, files => $workload->{files} }, $folder)->{ssim};
    my %found;
    for my $contender (@taking) {
        my $alike = $contender->{alike} // $contender->{name};
        $progress->("the quality of $workload->{like}'s SSIM: $contender->{name}");
        $contender->{settled}{ $workload->{name} } = $found{$alike} //= _least($contender, $workload, $folder);
    }
    return;
}

# SSIM rises with the quality.
sub _least {
    my ($contender, $workload, $folder) = @_;
    my ($low, $high) = (1, 99);
    while ($low < $high) {
        my $middle = int(($low + $high) / 2);
        if (judge($contender, $workload, $folder, $middle)->{ssim} >= $workload->{target}) {
            $high = $middle;
        }
        else {
            $low = $middle + 1;
        }
    }
    return $low;
}

1;
