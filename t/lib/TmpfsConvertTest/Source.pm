# SPDX-License-Identifier: Apache-2.0
#
# C sources as this project formats them, for tests that read them: functions, calls with their
# arguments, and the texts of string literals.
package TmpfsConvertTest::Source;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw($STRING $QUOTED $NESTED $STATEMENT read_source functions arguments calls literal unquote);

our $STRING = qr/"(?:[^"\\]|\\.)*"/;
our $QUOTED = qr/$STRING|'(?:[^'\\]|\\.)*'/;
our $NESTED; # as much as has its parentheses in pairs
$NESTED = qr/(?:[^()"']|$QUOTED|\((??{$NESTED})\))*/;
our $STATEMENT = qr/(?:[^();"']|$QUOTED|\($NESTED\))*/;

my %macro; # of a text

# What APR and libc write conversions as.
$macro{"APR_${_}_T_FMT"} = '"lu"' for qw(INT64 UINT64 SIZE SSIZE OFF TIME);
$macro{PRIu64} = '"lu"';

# A file without comments and preprocessor lines, on the same line numbers, and these lines.
sub read_source {
    my ($file) = @_;
    open my $handle, '<', $file or die "$file: $!";
    my $text = do { local $/ = undef; <$handle> };
    close $handle;
    my @directives;
    $text =~ s{($QUOTED)|(/\*.*?\*/)}{defined $1 ? $1 : $2 =~ tr/\n//cdr}gse;
    while ($text =~ /^#define\s+(\w+)\s+($STRING(?:\s*$STRING)*)\s*$/mg) {
        $macro{$1} = $2;
    }
    $text =~ s{^(\#(?:[^\n\\]|\\.)*)}{push @directives, $1; $1 =~ tr/\n//cdr}gmse;
    return ($text, @directives);
}

# Functions as clang-format leaves them: a head, "{" and "}" in the first column.
sub functions {
    my ($file, $source) = @_;
    my @found;
    while ($source =~ /^([A-Za-z_](?:[^;{}"]|$STRING)*?\b(\w+)\(($NESTED)\))\s*\n\{\n(.*?)^\}/gmsx) {
        my ($head, $name, $params, $body, $at) = ($1, $2, $3, $4, $-[4]);
        my @params = map { s/^\s+|\s+$//gr } split /,(?![^()]*\))/, $params;
        my @names = map { /(\w+)(?:\[[^\]]*\])?$/ ? $1 : '' } @params;
        my @strings = map { /const char \*\w+$|png_const_charp/ ? 1 : 0 } @params;
        push @found, {
            file => $file, name => $name, head => $head, body => $body,
            line => 1 + (substr($source, 0, $at) =~ tr/\n//),
            params => \@names, strings => \@strings, takes => $params[0] // '',
        };
    }
    return @found;
}

# The arguments at the top level of what stands between parentheses.
sub arguments {
    my ($text) = @_;
    my ($depth, $now, @found) = (0, '');
    while ($text =~ /($QUOTED)|(.)/gs) {
        my $piece = $1 // $2;
        if (!defined $1) {
            $depth++ if $piece =~ /[(\[{]/;
            $depth-- if $piece =~ /[)\]}]/;
            if ($piece eq ',' && !$depth) {
                push @found, $now;
                $now = '';
                next;
            }
        }
        $now .= $piece;
    }
    return map { s/^\s+|\s+$//gr =~ s/\s+/ /gr } @found, $now;
}

# All calls of `names` in a function: [name, line, arguments].
sub calls {
    my ($in, $names) = @_;
    my @found;
    while ($in->{body} =~ /(?<![\w>.])($names)\(/g) {
        my ($name, $at) = ($1, pos $in->{body});
        substr($in->{body}, $at) =~ /^($NESTED)\)/ or next;
        my $line = $in->{line} + (substr($in->{body}, 0, $at) =~ tr/\n//);
        push @found, [$name, $line, arguments($1)];
    }
    return @found;
}

sub unquote {
    my ($literal) = @_;
    my $text = join '', map { substr $_, 1, -1 } $literal =~ /$STRING/g;
    $text =~ s/\\n/\n/g;
    return $text =~ s/\\(.)/$1/gr;
}

# Literals and macros next to each other: one text. undef: something else.
sub literal {
    my ($expression) = @_;
    my $text = '';
    for my $piece ($expression =~ /$STRING|\S+/g) {
        $piece = $macro{$piece} if exists $macro{$piece};
        return if $piece !~ /^"/;
        $text .= unquote($piece);
    }
    return $text;
}

1;
