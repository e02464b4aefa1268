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

use constant {
    QUALITY => 85,
    PHOTOGRAPHS => '/usr/share/backgrounds/mate/nature',
};

# The most detailed of Debian's mate-backgrounds: the others compress to little.
my @CHOSEN = qw(Dune RainDrops TwoWings Wood);

# width, height and how it is written; what it is to become, to fit into a square or
# a rectangle of its shape.
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
        how => ['quality=90', 'progressive=1'], to => [300, 225], cut => 1 },
    { name => 'W7', words => '4000x3000 JPEG to 1600x1200', w => 4000, h => 3000, how => ['quality=90'],
        to => [1600, 1200] },
);

sub names { return map { $_->{name} } @ALL }

sub photographs {
    my ($dir) = @_;
    if (defined $dir) {
        my @found = sort grep { /\.jpe?g$/i && -f } glob "\Q$dir\E/*";
        die "$dir: no JPEG files in it\n" unless @found;
        return @found > 8 ? @found[0 .. 7] : @found;
    }
    my @found = grep { -f } map { PHOTOGRAPHS . "/$_.jpg" } @CHOSEN;
    die 'no photographs in ' . PHOTOGRAPHS . ": tools/deps --bench, or --photos DIR\n" unless @found;
    return @found;
}

# Make what is not there yet. Returns the folder, which servers may serve, and the
# workloads of @names, each with its `files`: a list of {file, reference, ceiling,
# cut}, paths below the folder. `most`: so many photographs at most.
sub prepare {
    my ($root, %of) = @_;
    for my $name (@{ $of{names} }) {
        die "$name: one of @{[ names() ]}\n" unless grep { $_ eq $name } names();
    }
    my @photos = photographs($of{photos});
    splice @photos, $of{most} if $of{most} && @photos > $of{most};
    my $identity = join "\0", map { join ':', $_, (stat)[7, 9] } @photos;
    my $folder = "$root/build/bench/" . substr md5_hex($identity), 0, 8;
    my %wanted = map { $_ => 1 } @{ $of{names} };
    my @made;
    for my $row (grep { $wanted{ $_->{name} } } @ALL) {
        make_path("$folder/$row->{name}");
        my @files = map { _picture($root, $folder, $row, $_) } @photos;
        my $workload = {%$row, files => \@files, extension => $row->{png} ? 'png' : 'jpg' };
        $workload->{reduce} = [map { _reduction($folder, $workload, $_) } 0, 1] unless $row->{png};
        push @made, $workload;
    }
    for my $tiny (['jpg'], ['png', 'alpha=1']) {
        my ($extension, @how) = @$tiny;
        _make("$folder/tiny.$extension",
            sub { ["$root/build/bin/quality", 'prepare', $photos[0], 64, 48, $_[0], @how] });
    }
    return ($folder, @made);
}

sub _picture {
    my ($root, $folder, $row, $photo) = @_;
    my $extension = $row->{png} ? 'png' : 'jpg';
    (my $name = basename($photo)) =~ s/\.\w+$//;
    $name =~ s/[^\w-]/_/g;
    my $base = "$row->{name}/$name";
    my $quality = "$root/build/bin/quality";
    my ($w, $h) = @{ $row->{to} };
    my %file = (file => "$base.$extension", reference => "$base.ref", ceiling => "$base-ceiling.$extension");
    my %path = map { $_ => "$folder/$file{$_}" } keys %file;
    _make($path{file}, sub { [$quality, 'prepare', $photo, $row->{w}, $row->{h}, $_[0], @{ $row->{how} }] });
    _make($path{reference}, sub { [$quality, 'reference', $path{file}, $w, $h, $_[0]] });
    _make($path{ceiling}, sub { [$quality, 'encode', $path{reference}, $_[0], 'quality=' . QUALITY] });
    if ($row->{cut}) {
        $file{cut} = "$base-cut.$extension";
        _make("$folder/$file{cut}", sub { ["$root/build/bin/floor", '--cut', $path{file}, $_[0]] });
    }
    return \%file;
}

# By how much our plan has libjpeg itself reduce the workload's pictures.
sub _reduction {
    my ($folder, $workload, $hint) = @_;
    return Bench::Measure::values_of('tcconvert', '-v', params($workload, $hint),
        "$folder/$workload->{files}[0]{file}", '-')->{reduce};
}

# A photograph as a JPEG of any size, made once: its path below the folder.
sub picture {
    my ($root, $folder, $photo, $w, $h) = @_;
    my $path = "sizes/${w}x$h.jpg";
    make_path("$folder/sizes");
    _make("$folder/$path",
        sub { ["$root/build/bin/quality", 'prepare', $photo, $w, $h, $_[0], 'quality=90'] });
    return $path;
}

# Under its name only when it is whole.
sub _make {
    my ($path, $command) = @_;
    return if -s $path;
    my ($stem, $extension) = $path =~ /^(.*)(\.\w+)$/;
    my $new = "$stem-new-$$" . $extension;
    my @words = @{ $command->($new) };
    system(@words) == 0 or die "bench: @words failed\n";
    rename $new, $path or die "$path: $!\n";
    return;
}

# The URL's parameters for one of ours.
sub params {
    my ($row, $hint) = @_;
    my ($w) = @{ $row->{to} };
    # Fitted into a square as a gallery does, W7 into its own shape: it is the same.
    return "dw=$w,dh=$w" . ($row->{png} ? '' : ',q=' . QUALITY) . ($hint ? ',jpeghint=y' : '');
}

1;
