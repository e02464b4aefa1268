# SPDX-License-Identifier: Apache-2.0
#
# Where a URL means something else to this module than it meant to mod_small_light
# 1.1 ("a") or ngx_small_light 0.9 ("n"): one row a difference.
package Migrate::Differences;

use strict;
use warnings;

# All that a query string may mean to either original or to this module.
our %KEYS = map { $_ => 1 } qw(p e sx sy sw sh dw dh da ds cw ch cc dx dy bw bh bc pt q of jpeghint
    inhexif info sharpen unsharp blur angle progressive cmyk2rgb rmprof autoorient embedicon ix iy cx cy);

my $COORD = qr/^(?:s[xywh]|d[xywh])$/;
my $COLOUR = qr/^[cb]c$/;

# The pairs of a text as the original split it: mod_small_light at , and ; with the
# last of a key counting and case ignored; ngx_small_light at , with the first
# counting, lower case only, and an end where a value is missing.
sub original_pairs {
    my ($original, $text) = @_;
    my %value;
    for my $item (split $original eq 'a' ? qr/[,;]/ : qr/,/, $text) {
        my ($key, $value) = split /=/, $item, 2;
        next unless defined $key && length $key;
        if ($original eq 'a') {
            $value{ lc $key } = $value // '';
            next;
        }
        last unless defined $value && length $value;
        $value{$key} //= $value;
    }
    return \%value;
}

# As this module splits it.
sub our_pairs {
    my ($text) = @_;
    my %value;
    for my $item (split /[,;]/, $text) {
        my ($key, $value) = split /=/, $item, 2;
        $value{ lc $key } = $value // '' if defined $key && length $key;
    }
    return \%value;
}

sub any_key {
    my ($call, $keys, $values) = @_;
    return join ', ', grep { $_ =~ $keys && $call->{old}{$_} =~ $values } sort keys %{ $call->{old} };
}

sub is_crop {
    my ($call) = @_;
    return scalar grep { length($call->{old}{$_} // '') } qw(sx sy sw sh);
}

# [originals, whether TmpfsConvertCompat strict keeps the old reading, test, text]. A
# test gets { raw, old }: the text as it stands in the URL, and the pairs as the original
# read them, its pattern's among them; what it returns goes for %s.
my @ROWS = (
    ['a', 0, sub { length $_[0]{raw} >= 512 },
        'is 512 characters or longer, which was answered 400; here it is read'],
    ['n', 0, sub { length $_[0]{raw} >= 8192 }, 'is over 8 KiB, which was refused; here it is read'],
    ['n', 0, sub { $_[0]{raw} =~ /;/ }, '; parted nothing; here it parts parameters as , does'],
    ['n', 0, sub { join ', ', grep { $_ ne lc } map { (split /=/)[0] // '' } split /[,;]/, $_[0]{raw} },
        'keys with capitals (%s) were not known; here case does not count'],
    ['n', 0, sub {
            my %seen;
            join ', ', grep { $seen{$_}++ == 1 } map { lc((split /=/)[0] // '') } split /[,;]/, $_[0]{raw};
        }, 'of a key named twice (%s) the first counted; here the last does'],
    ['n', 0, sub { $_[0]{raw} =~ /(?:^|,)[^=,]+=?(?:,|$)/ },
        'a key without a value ended the reading; here what comes after it counts too'],
    ['an', 0, sub { $_[0]{raw} =~ /%[0-9A-Fa-f]{2}/ }, '%xx was not decoded; here it is, once'],
    ['an', 1, sub { any_key($_[0], $COORD, qr/^[\d.]+p./) },
        '%s: anything that began with p after a number was percent; here px is pixels'],
    ['an', 0, sub { any_key($_[0], $COORD, qr/^-/) },
        '%s: a negative number had no defined meaning; here dx and dy take it, others are answered 400'],
    ['an', 1, sub { any_key($_[0], $COLOUR, qr/^[0-9A-Fa-f]{3,4}$/) },
        '%s: of a short colour each digit was a value of 0 to 15; here f is ff'],
    ['an', 1, sub { is_crop($_[0]) && ($_[0]{old}{ds} // '') !~ /^s/ },
        'a picture that needed no scaling was not cropped either; here it is'],
    ['an', 0, sub { is_crop($_[0]) && ($_[0]{old}{jpeghint} // '') =~ /^y/ && any_key($_[0], qr/^s[xywh]$/, qr/^[\d.]+$/) },
        'with jpeghint a crop in pixels (%s) met the reduced picture, and so the wrong place; here the place is right'],
    ['n', 0, sub { ($_[0]{old}{jpeghint} // '') =~ /^y/ && !length($_[0]{old}{dw} // '') },
        'jpeghint without dw failed; here it works'],
    ['a', 1, sub { !length($_[0]{old}{of} // '') },
        'without of the answer was a JPEG whatever the original; here it keeps the original\'s format'],
    ['a', 0, sub { join ', ', grep { length($_[0]{old}{$_} // '') } qw(angle progressive cmyk2rgb rmprof autoorient embedicon jpeghint) },
        '%s did nothing there; here it does'],
    ['n', 0, sub { ($_[0]{old}{inhexif} // '') =~ /^y/ }, 'inhexif did nothing there; here EXIF is kept'],
    ['a', 0, sub { ($_[0]{old}{inhexif} // '') =~ /^y/ && ($_[0]{old}{e} // '') ne 'imlib2' && length($_[0]{old}{e} // '') },
        'inhexif did something only with e=imlib2; here it always does'],
    ['a', 0, sub { ($_[0]{old}{pt} // 'n') =~ /^(?:ptss|ptls)$/ && !length($_[0]{old}{cw} // '') },
        'pt compared with the canvas and there is none; here it compares with dw x dh then'],
    ['n', 0, sub { ($_[0]{old}{pt} // 'n') =~ /^(?:ptss|ptls)$/ && length($_[0]{old}{cw} // '') },
        'pt compared with dw x dh; here it compares with the canvas where there is one'],
    ['n', 0, sub { join ', ', grep { length($_[0]{old}{$_} // '') } qw(cx cy) }, '%s is not known here; name dx and dy'],
    ['n', 0, sub { ($_[0]{old}{of} // '') =~ /^png$/ && length($_[0]{old}{q} // '') },
        'q meant the effort of compressing with PNG; here a PNG has no quality'],
);

# The differences of one call, as { text, strict }; without those that its pattern
# has by itself.
sub of_call {
    my ($original, $raw, $pattern) = @_;
    my $all = !defined $pattern ? $raw : $original eq 'a' ? "$pattern,$raw" : "$raw,$pattern";
    my %call = (raw => $raw, old => original_pairs($original, $all));
    my %known = defined $pattern ? map { $_->{text} => 1 } of_call($original, $pattern) : ();
    my @found;
    for my $row (@ROWS) {
        my ($originals, $strict, $test, $text) = @$row;
        next unless index($originals, $original) >= 0;
        my $value = $test->(\%call) or next;
        $text =~ s/%s/$value/;
        push @found, { text => $text, strict => $strict } unless $known{$text};
    }
    return @found;
}

# What holds for every URL.
our %ALWAYS = (
    a => [
        'A picture that a camera wrote lying on its side comes out upright; autoorient=n leaves it.',
        'An error has its own body (400, 404, 413, 415, 422), never the original\'s bytes with a 400.',
        'Sizes are rounded to the nearest pixel, at least 1; there they were cut off (strict cuts them off).',
        'Quality without q is 82; there it was the engine\'s (75 to 85).',
        'X-SmallLight-Base-URI from a client changes nothing; TmpfsConvertRedirectPrefix does that work.',
        'e=imlib2 and e=imagemagick both mean the built-in engine; e=dummy answers the original as before.',
    ],
    n => [
        'A picture that a camera wrote lying on its side comes out upright; autoorient=n leaves it.',
        'Metadata is dropped (there only with rmprof=y); inhexif=y keeps EXIF.',
        'What cannot be converted is answered 400, 404, 413, 415 or 422, not always 415.',
        'A pattern that is not defined is answered 400; there the original was converted with the defaults.',
        'Sizes are rounded to the nearest pixel, at least 1; there they were cut off (strict cuts them off).',
        'Quality without q is 82; there it was the engine\'s (75 to 92).',
        'Originals over 1 MB (small_light_buffer) work; TmpfsConvertMaxSource is the bound.',
        'e=imagemagick, e=imlib2 and e=gd all mean the built-in engine.',
    ],
);

1;
