# SPDX-License-Identifier: Apache-2.0
#
# The mix: photographs as cameras and phones wrote them, and as people keep them. The scans
# are left as they are: sampling, quality, progression, restart intervals. The metadata are
# left out: contenders differ in what they make of orientation and profiles.
package Bench::Mix;

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use File::Basename qw(basename);
use File::Path qw(make_path);
use Bench::Measure ();

use constant {
    MOST => 24,    # photographs of a mix
    MATE => '/usr/share/backgrounds/mate/nature',
    LOMIRI => '/usr/share/backgrounds',
};

# Of Debian's mate-backgrounds those with the EXIF of a camera; of lomiri-wallpapers-16.04
# and -20.04 the photographs, in the size that the camera or phone gave them.
my %DEBIAN = (
    MATE, [qw(Blinds Dune Storm Wood)],
    LOMIRI, [qw(Bridge_by_Sander_Klootwijk Dragonfly_by_Bolly Kleiber_by_Lukas_Baubkus
        Painting-Colors_by__herobrine7gamer Picture_1A_by_freespace Wine_by_Jakkub_Mede
        aitzgorri_by_Aitzol_Berasategi free_by_Peter_Nerlich friends_by_Aitzol_Berasategi
        greentock_by_Peter_Nerlich life_by_Aitzol_Berasategi picosdeeuropa_by_Aitzol_Berasategi
        seeding_by_Clements_Engelhardt sunset_by_Aitzol_Berasategi)],
);

sub files {
    my ($dir) = @_;
    my @found = sort grep { /\.jpe?g$/i && -f } glob "\Q$dir\E/*";
    die "$dir: no JPEG files in it\n" unless @found;
    return @found;
}

sub _debian {
    my @found;
    for my $dir (MATE, LOMIRI) {
        push @found, grep { -f } map { "$dir/$_.jpg" } @{ $DEBIAN{$dir} };
    }
    die 'W12: no photographs in ' . MATE . ': tools/deps --bench, or --photos DIR' . "\n" unless @found;
    return @found;
}

# What the markers of a JPEG say up to its first scan: {w, h, components, progressive,
# sampling, restart, kept => what is no metadata, scan => where the scans begin}. Nothing for
# a file that is cut short or not Huffman-coded.
sub markers {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!\n";
    return unless _take($in, 2) eq "\xff\xd8";
    my ($kept, %seen) = ("\xff\xd8", restart => 0);
    while (length(my $head = _take($in, 2)) == 2) {
        my ($begin, $marker) = unpack 'CC', $head;
        return if $begin != 0xff;
        if ($marker == 0xff) {
            seek $in, -1, 1;
            next;
        }
        return $seen{w} ? { %seen, kept => $kept, scan => tell($in) - 2 } : undef if $marker == 0xda;
        my $size = _take($in, 2);
        my $length = length $size == 2 ? unpack('n', $size) - 2 : return;
        my $segment = _take($in, $length);
        return if length $segment != $length;
        if ($marker >= 0xc0 && $marker <= 0xc2) {
            @seen{qw(h w components)} = unpack 'xnnC', $segment;
            $seen{progressive} = $marker == 0xc2 ? 1 : 0;
            $seen{sampling} = join 'x', map { ($_ >> 4, $_ & 15) } unpack 'x7C', $segment;
        }
        $seen{restart} = unpack 'n', $segment if $marker == 0xdd;
        $kept .= $head . $size . $segment unless _is_metadata($marker);
    }
    return;
}

sub _take {
    my ($in, $length) = @_;
    my $bytes = '';
    read $in, $bytes, $length if $length > 0;
    return $bytes;
}

# Comments and applications' segments, but for JFIF's and Adobe's, which say what the
# samples are.
sub _is_metadata {
    my ($marker) = @_;
    return $marker == 0xfe || $marker >= 0xe1 && $marker <= 0xef && $marker != 0xee;
}

# Copies without metadata, made once in `folder`: (words that say what they are, and for each
# {file => its name there, to => its size in a square of `side`}). Of: dir, most, side. Of more
# than MOST photographs that many, from all over the list; the others are not opened. objection:
# says of a copy why it is to be left out, or nothing.
sub draw {
    my ($folder, %of) = @_;
    my @all = defined $of{dir} ? files($of{dir}) : _debian();
    my $most = $of{most} // MOST;
    my (@drawn, @seen, %left_out);
    make_path($folder);
    for my $path (_spread($most, @all)) {
        my $seen = markers($path);
        my $why = !$seen ? 'not a Huffman-coded JPEG'
            : $seen->{components} != 3 ? 'without colour, or CMYK'
            : $seen->{w} < $of{side} || $seen->{h} < $of{side} ? "smaller than $of{side}" : undef;
        my $name = _name($path);
        _copy($path, $seen, "$folder/$name") unless $why || -s "$folder/$name";
        $why //= $of{objection}->("$folder/$name") if $of{objection};
        if ($why) {
            $left_out{$why}++;
            next;
        }
        my $scale = $of{side} / ($seen->{w} > $seen->{h} ? $seen->{w} : $seen->{h});
        push @drawn, { file => $name, to => [map { int($_ * $scale + 0.5) || 1 } @$seen{qw(w h)}] };
        push @seen, $seen;
        last if @seen == $most;
    }
    @seen or die 'W12: no photograph for the mix' . ($of{dir} ? " in $of{dir}" : '') . "\n";
    return (_words(\@seen, scalar @all, \%left_out), @drawn);
}

# All of them in an order that begins with `most` from all over the list.
sub _spread {
    my ($most, @all) = @_;
    my $stride = int((@all + $most - 1) / $most) || 1;
    return map { my $from = $_; map { $all[$from + $_ * $stride] // () } 0 .. $most - 1 } 0 .. $stride - 1;
}

# Another file of the same name has another.
sub _name {
    my ($path) = @_;
    my ($stem) = basename($path) =~ /^(.*)\.\w+$/;
    $stem =~ s/[^\w-]/_/g;
    return "$stem-" . substr(md5_hex(join ':', $path, (stat $path)[7, 9]), 0, 6) . '.jpg';
}

sub _copy {
    my ($path, $seen, $to) = @_;
    open my $out, '>:raw', "$to.new" or die "$to: $!\n";
    print $out $seen->{kept}, substr(Bench::Measure::bytes_of($path), $seen->{scan});
    close $out or die "$to: $!\n";
    rename "$to.new", $to or die "$to: $!\n";
    return;
}

sub _words {
    my ($photos, $all, $left_out) = @_;
    my @mega = sort { $a <=> $b } map { $_->{w} * $_->{h} / 1e6 } @$photos;
    my %sampling;
    $sampling{ $_->{sampling} }++ for @$photos;
    my $text = sprintf '%d of %d photographs, %.1f to %.1f megapixels, %.0f together; %d progressive;'
        . ' %d with restart markers; sampled %s',
        scalar @$photos, $all, $mega[0], $mega[-1], Bench::Measure::sum(@mega), scalar(grep { $_->{progressive} } @$photos),
        scalar(grep { $_->{restart} } @$photos),
        join ', ', map { "$_ ($sampling{$_})" } sort keys %sampling;
    $text .= "; left out: " . join ', ', map { "$left_out->{$_} $_" } sort keys %$left_out if %$left_out;
    return $text;
}

1;
