# SPDX-License-Identifier: Apache-2.0
#
# What is converted: the workloads, and their pictures, made once from photographs by
# build/bin/quality, that is plain libjpeg and libpng.
package Bench::Workloads;

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use File::Basename qw(basename);
use File::Path qw(make_path);
use Bench::Measure ();
use Bench::Mix     ();

use constant {
    QUALITY => 85,
    PHOTOGRAPHS => '/usr/share/backgrounds/mate/nature',
};

# The most detailed of Debian's mate-backgrounds: the others compress to little.
my @CHOSEN = qw(Dune RainDrops TwoWings Wood);

# w, h and how the original is written; to, which the answer is to have, fitted into a
# square or a rectangle of its shape. answer: its format, if not the original's, and q its
# quality, if not QUALITY. fill: of what the picture becomes by covering `to`, the middle.
# like: the quality is the one that gives the SSIM of that workload's answer by the module.
# mix: the originals are the photographs as they are, and `to` is the square.
my @ALL = (
    { name => 'W1', words => '4000x3000 JPEG to 300x300', w => 4000, h => 3000, how => ['quality=90'],
        to => [300, 225] },
    { name => 'W2', words => '1600x1200 JPEG to 300x300', w => 1600, h => 1200, how => ['quality=85'],
        to => [300, 225] },
    { name => 'W3', words => '640x480 JPEG to 120x120', w => 640, h => 480, how => ['quality=85'],
        to => [120, 90] },
    { name => 'W4', words => '1600x1200 PNG to 300x300', w => 1600, h => 1200, how => [],
        to => [300, 225], png => 1 },
    { name => 'W5', words => '800x600 PNG with alpha to 200x200', w => 800, h => 600, how => ['alpha=1'],
        to => [200, 150], png => 1 },
    { name => 'W6', words => '4000x3000 progressive JPEG to 300x300', w => 4000, h => 3000,
        how => ['quality=90', 'progressive=1'], to => [300, 225] },
    { name => 'W7', words => '4000x3000 JPEG to 1600x1200', w => 4000, h => 3000, how => ['quality=90'],
        to => [1600, 1200] },
    { name => 'W8', words => "W2's original to WebP 300x300, quality 80", w => 1600, h => 1200,
        how => ['quality=85'], to => [300, 225], answer => 'webp', q => 80 },
    { name => 'W9', words => "W2's original to AVIF 300x300, of the SSIM of W8", w => 1600, h => 1200,
        how => ['quality=85'], to => [300, 225], answer => 'avif', like => 'W8' },
    { name => 'W10', words => '4000x3000 JPEG with restart markers to 300x300', w => 4000, h => 3000,
        how => ['quality=90', 'restart=1'], to => [300, 225] },
    # Three to two, so that it covers the square with whole pixels: 600x400.
    { name => 'W11', words => '4248x2832 JPEG to 400x400, filled', w => 4248, h => 2832, how => ['quality=90'],
        to => [400, 400], fill => [600, 400] },
    { name => 'W12', words => 'a mix of photographs to 300x300', to => [300, 300], mix => 1 },
);

for my $row (@ALL) {
    $row->{extension} = $row->{png} ? 'png' : 'jpg';
    $row->{answer} //= $row->{extension};
    $row->{q} //= QUALITY unless $row->{like};
}

sub names { return map { $_->{name} } @ALL }

# The row of a workload.
sub named {
    my ($name) = @_;
    my ($row) = grep { $_->{name} eq $name } @ALL;
    return $row // die "no workload $name\n";
}

sub photographs {
    my ($dir) = @_;
    if (defined $dir) {
        my @found;
        for my $path (Bench::Mix::files($dir)) {
            push @found, $path if (Bench::Mix::markers($path) // { components => 4 })->{components} < 4;
            last if @found == 8;
        }
        die "$dir: no JPEG file of a photograph in it\n" unless @found;
        return @found;
    }
    my @found = grep { -f } map { PHOTOGRAPHS . "/$_.jpg" } @CHOSEN;
    die 'no photographs in ' . PHOTOGRAPHS . ": tools/deps --bench, or --photos DIR\n" unless @found;
    return @found;
}

# Make what is not there yet. Returns the folder, which servers may serve, and the
# workloads of @names, each with its `files`: a list of {file, reference, ceiling,
# cut, to, reduce}, paths below the folder. `most`: that many photographs at most.
sub prepare {
    my ($root, %of) = @_;
    my %wanted = map { named($_)->{name} => 1 } @{ $of{names} };
    my @photos = photographs($of{photos});
    @photos = splice @photos, 0, $of{most} if $of{most} && @photos > $of{most};
    my $identity = join "\0", map { join ':', $_, (stat)[7, 9] } @photos;
    my $folder = "$root/build/bench/" . substr md5_hex($identity), 0, 8;
    my @made;
    for my $row (grep { $wanted{ $_->{name} } } @ALL) {
        make_path("$folder/$row->{name}");
        my $workload = {%$row};
        my @originals = $row->{mix} ? _mixed($folder, $workload, %of)
            : map { _original($root, $folder, $row, $_) } @photos;
        $workload->{files} = [map { _picture($root, $folder, $workload, $_) } @originals];
        push @made, $workload;
    }
    for my $tiny (['jpg'], ['png', 'alpha=1']) {
        my ($extension, @how) = @$tiny;
        make("$folder/tiny.$extension",
            sub { ["$root/build/bin/quality", 'prepare', $photos[0], 64, 48, $_[0], @how] });
    }
    return ($folder, @made);
}

# A photograph cut and reduced to the workload's original: its path below the folder.
sub _original {
    my ($root, $folder, $row, $photo) = @_;
    (my $name = basename($photo)) =~ s/\.\w+$//;
    $name =~ s/[^\w-]/_/g;
    my $file = "$row->{name}/$name.$row->{extension}";
    make("$folder/$file",
        sub { ["$root/build/bin/quality", 'prepare', $photo, $row->{w}, $row->{h}, $_[0], @{ $row->{how} }] });
    return { file => $file };
}

# The photographs of the mix, and in the workload what they are.
sub _mixed {
    my ($folder, $workload, %of) = @_;
    my ($words, @files) = Bench::Mix::draw("$folder/$workload->{name}",
        dir => $of{photos}, most => $of{most}, side => $workload->{to}[0],
        objection => sub { _refused($workload, @_) });
    $workload->{mixture} = $words;
    return map { { %$_, file => "$workload->{name}/$_->{file}" } } @files;
}

# A damaged photograph would end the run: no server answers with a picture.
sub _refused {
    my ($workload, $path) = @_;
    my $converted = eval { Bench::Measure::values_of('tcconvert', params($workload, 0), $path, '-') };
    return $converted ? undef : 'refused by the module';
}

# All that goes with an original.
sub _picture {
    my ($root, $folder, $workload, $file) = @_;
    my $path = "$folder/$file->{file}";
    (my $base = $file->{file}) =~ s/\.\w+$//;
    $file->{to} //= $workload->{to};
    $file->{reference} = reference($root, $folder, $workload, $file, @{ $file->{to} });
    if ($workload->{answer} eq $workload->{extension}) {
        $file->{ceiling} = "$base-ceiling.$workload->{extension}";
        make("$folder/$file->{ceiling}", sub { ["$root/build/bin/quality", 'encode',
            "$folder/$file->{reference}", $_[0], "quality=$workload->{q}"] });
    }
    return $file if $workload->{png};
    $file->{reduce} = [map { _reduction($workload, $path, $_) } 0, 1];
    if (grep({ $_ == 8 } @{ $file->{reduce} }) && Bench::Mix::markers($path)->{progressive}) {
        $file->{cut} = "$base-cut.jpg";
        make("$folder/$file->{cut}", sub { ["$root/build/bin/floor", '--cut', $path, $_[0]] });
    }
    return $file;
}

# What an answer of this size is compared with: its path below the folder.
sub reference {
    my ($root, $folder, $workload, $file, $w, $h) = @_;
    (my $path = $file->{file}) =~ s/\.\w+$/-${w}x$h.ref/;
    my @cut = $workload->{fill} ? ("wide=$w", "high=$h") : ();
    make("$folder/$path", sub { ["$root/build/bin/quality", 'reference', "$folder/$file->{file}",
        $workload->{fill} ? @{ $workload->{fill} } : ($w, $h), $_[0], @cut] });
    return $path;
}

# By how much our plan has libjpeg itself reduce the picture.
sub _reduction {
    my ($workload, $path, $hint) = @_;
    return Bench::Measure::values_of('tcconvert', '-v', params($workload, $hint), $path, '-')->{reduce};
}

# A photograph as a JPEG of any size, made once: its path below the folder.
sub picture {
    my ($root, $folder, $photo, $w, $h) = @_;
    my $path = "sizes/${w}x$h.jpg";
    make_path("$folder/sizes");
    make("$folder/$path",
        sub { ["$root/build/bin/quality", 'prepare', $photo, $w, $h, $_[0], 'quality=90'] });
    return $path;
}

# Under its name only when it is whole.
sub make {
    my ($path, $command) = @_;
    return if -s $path;
    my ($stem, $extension) = $path =~ /^(.*)(\.\w+)$/;
    my $new = "$stem-new-$$" . $extension;
    my @words = @{ $command->($new) };
    system(@words) == 0 or die "bench: @words failed\n";
    rename $new, $path or die "$path: $!\n";
    return;
}

# The parameters by which the module is asked for the answer; a `q` in place of the workload's
# own quality.
sub params {
    my ($workload, $hint, $q) = @_;
    my ($w) = @{ $workload->{to} };
    # Fitted into a square as a gallery does, W7 into its own shape: it is the same.
    my @words = ("dw=$w", "dh=$w");
    push @words, 'da=s', "cw=$w", "ch=$w" if $workload->{fill};
    push @words, "of=$workload->{answer}" if $workload->{answer} =~ /webp|avif/;
    push @words, 'q=' . ($q // $workload->{q} // QUALITY) unless $workload->{answer} eq 'png';
    push @words, 'jpeghint=y' if $hint;
    return join ',', @words;
}

1;
