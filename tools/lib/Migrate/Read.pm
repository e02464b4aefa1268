# SPDX-License-Identifier: Apache-2.0
#
# Reads a configuration of httpd or nginx as far as image conversion is concerned:
# directives with the file, the line and the sections they stand in. Not a check of
# the rest: what it does not know it passes over.
package Migrate::Read;

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Spec ();

# Files that include each other end here.
use constant DEPTH => 16;

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$in>;
}

# 'nginx' or 'apache', by what the text is made of.
sub kind {
    my ($text) = @_;
    return 'apache' if $text =~ /^\s*(?:<\w|LoadModule\s|SmallLight|SetOutputFilter\s|RewriteRule\s)/mi;
    return 'nginx' if $text =~ /^\s*(?:small_light\w*\s|location\s|server\s*\{|http\s*\{)/m;
    die "this is neither an httpd nor an nginx configuration that resizes pictures; name it with --from\n";
}

# ---- httpd ------------------------------------------------------------------------

# The words of a line; quotes and \" as httpd has them.
sub words {
    my ($line) = @_;
    my @words;
    while ($line =~ /\G\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+))/gc) {
        my $word = $1 // $2 // $3;
        $word =~ s/\\(["'\\])/$1/g if defined $1 || defined $2;
        push @words, $word;
    }
    return @words;
}

# The files that Include's argument names.
sub included {
    my ($state, $argument) = @_;
    my $path = File::Spec->file_name_is_absolute($argument)
        ? $argument : File::Spec->catfile($state->{root}, $argument);
    $path .= '/*' if -d $path;
    return sort grep { -f } glob qq("$path");
}

# Lines of one file, with what backslashes join; calls itself for Include.
sub apache_file {
    my ($state, $path, $depth) = @_;
    my ($number, $begun, $line) = (0, 0, '');
    for my $part (split /\n/, slurp($path)) {
        $number++;
        $begun ||= $number;
        if ($part =~ s/\\\s*$//) {
            $line .= "$part ";
            next;
        }
        $line .= $part;
        apache_line($state, $path, $begun, $line, $depth);
        ($begun, $line) = (0, '');
    }
    return;
}

sub apache_line {
    my ($state, $path, $number, $line, $depth) = @_;
    return if $line =~ /^\s*(?:#|$)/;
    if ($line =~ m{^\s*</}) {
        pop @{ $state->{sections} };
        return;
    }
    my ($name, @arguments) = words($line =~ /^\s*<(.*?)>?\s*$/ ? $1 : $line);
    my %directive = (name => $name, arguments => \@arguments, file => $path, line => $number,
        sections => [@{ $state->{sections} }]);
    if ($line =~ /^\s*</) {
        push @{ $state->{sections} }, join ' ', $name, @arguments;
        push @{ $state->{found} }, { %directive, section => 1 };
        return;
    }
    $state->{root} = $arguments[0] if lc $name eq 'serverroot' && @arguments;
    push @{ $state->{found} }, \%directive;
    if ($name =~ /^include(?:optional)?$/i && @arguments && $depth < DEPTH) {
        my @files = included($state, $arguments[0]);
        push @{ $state->{missing} }, "$path:$number: $name $arguments[0]: no such file here, not looked into"
            unless @files || lc $name eq 'includeoptional';
        apache_file($state, $_, $depth + 1) for @files;
    }
    return;
}

# ---- nginx ------------------------------------------------------------------------

# Tokens with their lines: words, { } and ;
sub nginx_tokens {
    my ($text) = @_;
    my ($line, @tokens) = (1);
    while ($text =~ /\G(?:(\n)|[ \t\r]+|#[^\n]*|([{};])|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|((?:\\.|\$\{|[^\s{};"'\\])(?:\\.|\$\{\w*\}|[^\s{};\\])*))/gc) {
        if (defined $1) { $line++; next }
        if (defined $2) { push @tokens, [$2, $line, 1]; next }
        my $word = $3 // $4 // $5;
        next unless defined $word;
        push @tokens, [$word, $line, 0];
        $line += $word =~ tr/\n//;
    }
    return @tokens;
}

sub nginx_file {
    my ($state, $path, $depth) = @_;
    my @words;
    for my $token (nginx_tokens(slurp($path))) {
        my ($word, $line, $sign) = @$token;
        if (!$sign) {
            push @words, [$word, $line];
        } elsif ($word eq '}') {
            pop @{ $state->{sections} };
            @words = ();
        } elsif (@words) {
            my ($name, @arguments) = map { $_->[0] } @words;
            my %directive = (name => $name, arguments => \@arguments, file => $path,
                line => $words[0][1], sections => [@{ $state->{sections} }], section => $word eq '{');
            push @{ $state->{found} }, \%directive;
            push @{ $state->{sections} }, join ' ', $name, @arguments if $word eq '{';
            if ($name eq 'include' && $word eq ';' && @arguments && $depth < DEPTH) {
                my @files = included($state, $arguments[0]);
                push @{ $state->{missing} }, "$path:$line: include $arguments[0]: no such file here, not looked into"
                    unless @files || $arguments[0] =~ /[*?]/;
                nginx_file($state, $_, $depth + 1) for @files;
            }
            @words = ();
        } elsif ($word eq '{') {
            push @{ $state->{sections} }, '';
        }
    }
    return;
}

# configuration($path, $kind): { kind, found => [directives], missing => [lines] }; a
# directive is { name, arguments, file, line, sections, section }. Dies when it
# cannot be read.
sub configuration {
    my ($path, $kind) = @_;
    $kind ||= kind(slurp($path));
    my %state = (kind => $kind, root => dirname(File::Spec->rel2abs($path)), found => [],
        missing => [], sections => []);
    ($kind eq 'nginx' ? \&nginx_file : \&apache_file)->(\%state, $path, 0);
    return \%state;
}

# ---- URLs ---------------------------------------------------------------------------

# The request's target in a line: a bare URL or path, or a line of an access log.
sub target {
    my ($line) = @_;
    return $1 if $line =~ m{"[A-Z]+ (\S+)(?: HTTP/[\d.]+)?"};
    return $1 if $line =~ m{^\s*(?:\w+://[^/\s]+)?(/\S*)\s*$};
    return;
}

1;
