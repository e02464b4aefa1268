#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# docs/messages.md lists every text that the module logs or answers, as it is printed, and no
# other. The texts are read from the sources, where a call whose text cannot be read fails, and
# so does a function that prints in a way that is not known here.
use strict;
use warnings;

use Cwd 'abs_path';
use File::Basename 'dirname';
use File::Find;
use Test::More;

BEGIN { chdir dirname(abs_path(__FILE__)) . '/../..' or die $! }
use lib 't/lib';
use TmpfsConvertTest::Source qw($STRING $QUOTED $NESTED $STATEMENT read_source functions arguments calls literal unquote);

# ---- what carries a text ----------------------------------------------------------------------

# name => [kind, argument of the text, what is put before it, argument of the level or TC_E_, or
# the TC_E_ itself]
my %carriers = (
    ap_log_error  => ['log', 4, '', 1],
    ap_log_rerror => ['log', 4, '', 1],
    tc_fail_set   => ['reason', 2, '', 1],
    tc_avif_refuse => ['reason', 1, 'AVIF: ', 'TC_E_DAMAGED'],
    png_error => ['reason', 1, 'PNG: ', 'TC_E_DAMAGED'],
);

# The functions whose own text is what they are given, by va_list.
my %defined_here = map { $_ => 1 } qw(tc_fail_set tc_avif_refuse);

# Other functions like printf. What they write is no log line and no answer of an error.
my %not_messages = (
    tc_putf => 'pages of /tmpstat',
    set_text => 'findings of /tmpstat',
);

# A text of png_error() that is never printed: the reason has been set before.
my %unprinted = map { ("PNG: $_" => 1) } qw(read write ended);

# Parts of a text that differ from line to line: variables and members by their own name, and
# functions by theirs. A literal must not hide behind one of these.
my %values = map { $_ => 1 } qw(
    TC_VERSION active by canonical cost_by dir encoding file filename help icon id interval key
    list name output_by path path_info pattern planned prefix queue samples text type unknown value
    wait word
);
$values{'dir ? path : "memfd"'} = 1;
$values{'client_name ? client_name : ""'} = 1;
my %value_calls = map { $_ => 1 } qw(
    tc_config_versions tc_log_name size_text tc_number_text tc_format_title tc_format_name
    tc_temp_method_name tc_lockdown_text
);

# Texts that others made: the system's, and libraries'; and reasons, listed on their own.
my %foreign = map { $_ => 1 } qw(
    apr_strerror avifResultToString GifErrorString zlib->msg tc_spool_reason rows->stream.why isal->damage text+2
    ap_check_cmd_context strerror
);

# Functions whose returned texts become part of another.
my %part_functions = map { $_ => 1 } qw(failure_words read_lines read_text check_header reason why_off);

# ---- the sources ------------------------------------------------------------------------------

my (%text_of, %function, @macros, @problems, %used);

sub problem {
    my ($where, $what) = @_;
    push @problems, "$where: $what";
    return;
}

my @files = ('mod_tmpfs_convert.c');
find({no_chdir => 1, wanted => sub { push @files, $_ if /\.[ch]$/ }}, 'src');
@files = sort @files;
for my $file (@files) {
    my $names = join '|', keys %carriers;
    ($text_of{$file}, my @directives) = read_source($file);
    $function{$file} = [functions($file, $text_of{$file})];
    push @macros, map { "$file: a message in a macro: $_" } grep { /\b(?:$names)\s*\(/ } @directives;
}

# ---- texts ------------------------------------------------------------------------------------

# A text is [what is printed, {condition => which branch}]; "<s>" stands for a string that
# differs and "<n>" for a number. An expression has one or more texts; undef: it cannot be read.
our $here = ''; # the parameter of a wrapper that is looked for: "\0"

sub texts {
    my ($in, $expression, $depth) = @_;
    return if ($depth // 0) > 8;
    return ["\0", {}] if $expression eq $here;
    $used{$expression} = 1;
    return ['<s>', {}] if $foreign{$expression};
    my $value = $expression =~ s/\b(?:\w+(?:\[[^\]]*\])?(?:->|\.))+(\w+)/$1/gr;
    my $bare = $value =~ s/ //gr;
    $used{$_} = 1 for $value, $bare;
    return ['<s>', {}] if $values{$value} || $foreign{$bare};
    my $plain = literal($expression);
    return [$plain, {}] if defined $plain;
    return ['', {}] if $expression eq 'NULL';
    if ($expression =~ /^(\w+)\(($NESTED)\)$/s) {
        my ($name, @given) = ($1, arguments($2));
        $used{$name} = 1;
        return ['<s>', {}] if $value_calls{$name} || $foreign{$name};
        return formatted($in, [@given[1 .. $#given]], $depth) if $name eq 'apr_psprintf';
        return texts($in, $given[1], $depth) if $name eq 'apr_pstrdup';
        return error_text($given[0]) if $name eq 'tc_error_text';
        return optional($name) if $name eq 'named';
        return map { [$_->[0], {"$name()" => $_->[0]}] } parts($in->{file}, $name) if $part_functions{$name};
        return;
    }
    if ($expression =~ /^((?:[^?"']|$QUOTED)+?) \? (.+)$/s) {
        my ($condition, $rest) = ($1, $2);
        my ($yes, $no) = branches($rest) or return;
        return both($condition, [texts($in, $yes, $depth)], [texts($in, $no, $depth)]);
    }
    return local_texts($in, $expression, $depth) if $expression =~ /^\w+$/;
    return word_pairs($1) if $expression =~ /^words\[([01])\]$/;
    return;
}

sub branches {
    my ($rest) = @_;
    my ($depth, $yes) = (0, '');
    while ($rest =~ /($QUOTED)|(.)/gs) {
        my $piece = $1 // $2;
        $depth++ if $piece eq '?' || $piece eq '(';
        $depth-- if $piece eq ')';
        if ($piece eq ':' && $depth-- == 0) {
            return map { s/^\s+|\s+$//gr } $yes, substr $rest, pos $rest;
        }
        $yes .= $piece;
    }
    return;
}

sub both {
    my ($condition, $yes, $no) = @_;
    return if !@$yes || !@$no;
    return ((map { [$_->[0], {%{$_->[1]}, $condition => 1}] } @$yes),
            (map { [$_->[0], {%{$_->[1]}, $condition => 0}] } @$no));
}

# Of a local variable: all that is assigned to it.
sub local_texts {
    my ($in, $name, $depth) = @_;
    my (@found, $any);
    for my $value ($in->{body} =~ /(?<![\w.>])\Q$name\E\s*=(?!=)\s*($STATEMENT);/gs) {
        my ($first) = arguments($value);
        $any = 1;
        my @these = texts($in, $first, ($depth // 0) + 1) or return;
        push @found, @these;
    }
    return if !$any;
    my %seen;
    return map { [$_->[0], {%{$_->[1]}, $name => $_->[0]}] } grep { !$seen{$_->[0]}++ } @found;
}

# Texts that agree about their conditions, one after another.
sub joined {
    my (@parts) = @_;
    my @made = (['', {}]);
    for my $part (@parts) {
        my @next;
        for my $before (@made) {
            for my $after (@$part) {
                my %know = %{$before->[1]};
                next if grep { exists $know{$_} && $know{$_} ne $after->[1]{$_} }
                    keys %{$after->[1]};
                push @next, [$before->[0] . $after->[0], {%know, %{$after->[1]}}];
            }
        }
        @made = @next;
    }
    return @made;
}

# A format and its arguments.
sub formatted {
    my ($in, $given, $depth) = @_;
    my ($format, @rest) = @$given;
    my $text = literal($format // '');
    return if !defined $text;
    my @parts;
    while ($text =~ /\G([^%]+)|\G%([-+ #0]*)(\*|\d*)(?:\.(\*|\d+))?(?:hh|h|ll|l|z|j|t)?([diouxXcfgeEsp%])/g) {
        my ($plain, $width, $precision, $kind) = ($1, $3, $4, $5);
        if (defined $plain) {
            push @parts, [[$plain, {}]];
            next;
        }
        if ($kind eq '%') {
            push @parts, [['%', {}]];
            next;
        }
        shift @rest if ($width // '') eq '*';
        shift @rest if ($precision // '') eq '*';
        my $argument = shift @rest;
        return if !defined $argument;
        if ($kind ne 's') {
            push @parts, [['<n>', {}]];
            next;
        }
        my @texts = texts($in, $argument, $depth);
        @texts = (['<s>', {}]) if defined $precision;
        if (!@texts) {
            $in->{unread} = $argument;
            return;
        }
        push @parts, \@texts;
    }
    return joined(@parts);
}

# Literals among a function's results; the parts of other texts are listed within these.
my %parts;

sub parts {
    my ($file, $name) = @_;
    my ($in) = grep { $_->{name} eq $name } @{$function{$file}};
    return $in ? @{$parts{"$file $name"} //= [returned($in)]} : ();
}

sub returned {
    my ($in) = @_;
    my @found;
    for my $value ($in->{body} =~ /\breturn\b\s*($STATEMENT);/gs) {
        $value =~ s/\s+/ /g;
        next if $value eq 'NULL';
        my @texts = $value =~ /^\w+$/ && local_is_result($in, $value) ? () : texts($in, $value);
        if (!@texts && !($value =~ /^(\w+)(?:\(|$)/ && returns_texts($in, $1))) {
            problem("$in->{file}: $in->{name}()", "what it returns cannot be read: $value");
        }
        push @found, grep { $_->[0] ne '' } @texts;
    }
    return @found;
}

# `error` and the like: what another such function returned.
sub local_is_result {
    my ($in, $name) = @_;
    return $in->{body} =~ /\b$name\s*=\s*(\w+)\(/ && returns_texts($in, $1);
}

my %setters;

sub returns_texts {
    my ($in, $name) = @_;
    $used{$name} = 1;
    return 1 if $setters{$name} || $name eq 'ap_check_cmd_context';
    return $name =~ /^\w+$/ && $in->{name} ne $name && local_is_result($in, $name)
        if $in->{body} =~ /\bconst char \*(?:\w+[^;]*, \*)?$name\b/;
    return 0;
}

# The list of errors: its texts stand in bodies and, for some, in the log.
my %list;
{
    open my $handle, '<', 'src/base/error.h' or die $!;
    my $all = do { local $/; <$handle> };
    $list{"TC_E_$1"} = $2 while $all =~ /\bX\((\w+), "\w+",\s+"([^"]+)"\)/g;
    close $handle;
}

sub error_text {
    my ($error) = @_;
    return exists $list{$error} ? [$list{$error}, {}] : ['<s>', {}];
}

# " (DIRECTIVE)", or nothing.
sub optional {
    my ($name) = @_;
    my ($in) = grep { $_->{name} eq $name } map { @$_ } values %function;
    my @call = calls($in, 'snprintf');
    my @texts = @call == 1 ? formatted($in, [@{$call[0]}[4, 5]]) : ();
    return @texts == 1 ? (['', {$name => 0}], [$texts[0][0], {$name => 1}]) : ();
}

# The table of what is wrong with a directory, and what to do.
sub word_pairs {
    my ($column) = @_;
    my ($table) = $text_of{'src/server/startup.c'} =~ /errno_words\[\]\[2\] = \{(.*?)\};/s or return;
    my @found;
    push @found, unquote($column ? $2 : $1) while $table =~ /\{($STRING),\s*($STRING)\}/g;
    return map { [$found[$_], {words => $_}] } 0 .. $#found;
}

# ---- what is printed --------------------------------------------------------------------------

# text => {ids => {}, levels => {}, where => file:line}
my (%log, %reason, %config);
my ($responses) = $text_of{'src/server/respond.c'} =~ /responses\[TC_E_COUNT\] = \{(.*?)\n\};/s;
my %id_of = $responses =~ /\[(TC_E_\w+)\] = \{\w+, \w+, "(TC\d+)"\}/g;

# A wrapper of a carrier, whose parameter is the text or a part of it, is a carrier too.
my %wrappers; # file or "" => name => [...]

sub carrier {
    my ($file, $name) = @_;
    return $wrappers{$file}{$name} // $wrappers{''}{$name} // $carriers{$name};
}

sub record {
    my ($in, $line, $kind, $text, $key) = @_;
    return if $unprinted{$text} || $text eq '<s>';
    my $into = $kind eq 'log' ? \%log : \%reason;
    my $entry = $into->{$text} //= {where => "$in->{file}:$line"};
    if ($kind eq 'log') {
        my ($level) = $key =~ /APLOG_(?!STARTUP|MARK)(\w+)/;
        $level = lc($level // '');
        $entry->{keys}{$level eq 'err' ? 'error' : $level} = 1;
    } else {
        $entry->{keys}{$id_of{$key} // ''} = 1;
    }
    return;
}

# Which parameter of the function the expression is, or undef.
sub parameter {
    my ($in, $expression) = @_;
    for my $at (0 .. $#{$in->{params}}) {
        return $at if $in->{params}[$at] eq $expression && $in->{strings}[$at];
    }
    return;
}

sub read_call {
    my ($in, $name, $line, @given) = @_;
    my ($kind, $at, $before, $key, $after) = @{carrier($in->{file}, $name)};
    my $error = $key =~ /^\d+$/ ? $given[$key] // '' : $key;
    my $format = $given[$at];
    my $where = "$in->{file}:$line: $name()";

    return problem($where, 'no text') if !defined $format;
    my ($passed) = grep { defined parameter($in, $_) && ($_ eq 'text' || !$values{$_}) }
        @given[$at .. $#given];
    if (defined $passed && !$defined_here{$in->{name}}) {
        return wrap($in, $kind, $passed, $before, $error, [@given[$at .. $#given]], $where);
    }
    delete $in->{unread};
    my $plain = $wrappers{$in->{file}}{$name} || $wrappers{''}{$name} || $name eq 'png_error';
    my @texts = $plain ? texts($in, $format) : formatted($in, [@given[$at .. $#given]]);
    return problem($where, 'the text cannot be read: ' . ($in->{unread} // $format)) if !@texts;
    record($in, $line, $kind, $before . $_->[0] . ($after // ''), $error) for @texts;
    return;
}

sub wrap {
    my ($in, $kind, $passed, $before, $error, $rest, $where) = @_;
    my $format = $rest->[0];
    my $index = parameter($in, $passed);
    local $here = $passed;
    my @texts = $format eq $passed ? (["\0", {}]) : formatted($in, $rest);
    return problem($where, "the text cannot be read: $format")
        if @texts != 1 || $texts[0][0] !~ /^([^\0]*)\0([^\0]*)$/;
    my ($start, $end) = ($1, $2);
    my ($of) = grep { $in->{params}[$_] eq $error } 0 .. $#{$in->{params}};
    my $scope = $in->{head} =~ /^static\b|\bstatic\b/ ? $in->{file} : '';
    $wrappers{$scope}{$in->{name}} //= [$kind, $index, $before . $start, $of // $error, $end];
    return;
}

my @functions = map { @{$function{$_} // []} } @files;
my $known = 0;
while (1) { # until no more wrappers are found
    my $names = join '|', keys %carriers, map { keys %$_ } values %wrappers;
    (%log, %reason, @problems) = ();
    for my $in (@functions) {
        for my $call (calls($in, $names)) {
            read_call($in, @$call) if carrier($in->{file}, $call->[0]);
        }
    }
    my $now = map { keys %$_ } values %wrappers;
    last if $now == $known;
    $known = $now;
}

# Reasons that wait in a struct: of a temporary file's failure, and of an inflater's.
my @members = ([qr{^src/temp/}, 'reason', '', ''],
    [qr{/png_inflate}, 'why|damage', 'PNG: ', 'TC_E_DAMAGED']);
for my $in (@functions) {
    my $body = $in->{body};
    for my $kept (grep { $in->{file} =~ $_->[0] } @members) {
        my (undef, $member, $before, $error) = @$kept;
        while ($body =~ /(?:->|\.)(?:$member)\s*=(?!=)\s*($STATEMENT);/gs) {
            my $value = $1 =~ s/\s+/ /gr;
            my $line = $in->{line} + (substr($body, 0, $-[0]) =~ tr/\n//);
            my @texts = texts($in, $value);
            problem("$in->{file}:$line", "the reason cannot be read: $value") if !@texts;
            record($in, $line, 'reason', $before . $_->[0], $error) for grep { $_->[0] ne '' } @texts;
        }
    }
}

# What a directive's function returns is an error of the configuration.
my @setters = grep { $_->{takes} =~ /^cmd_parms \*/ && $_->{head} =~ /const char \*\s*\w+\(/ } @functions;
%setters = map { $_->{name} => 1 } @setters;
for my $in (@setters) {
    next if $part_functions{$in->{name}};
    $config{$_->[0]} //= {where => "$in->{file}: $in->{name}()"} for returned($in);
}

# ---- what is not known here -------------------------------------------------------------------

for my $file (@files) {
    my $source = $text_of{$file};
    my %allowed = map { $_ => 1 } keys %carriers, 'png_error';
    while ($source =~ /\b(ap_log_\w+|png_\w*(?:error|warning|benign)\w*)\(/g) {
        my $name = $1;
        problem($file, "$name(): not known to this test")
            if !$allowed{$name} && $name !~ /^png_(?:get_error_ptr|set_benign_errors)$/;
    }
    my $format = qr/__attribute__\(\(format\(/;
    while ($source =~ /(\w+)\([^;{}]*\)?\s*$format|$format[^)]*\)\)\)\s*\w+ \*?(\w+)\(/g) {
        my $name = $1 // $2;
        problem($file, "$name(): like printf, and not known to this test")
            if !$carriers{$name} && !$not_messages{$name};
    }
    problem($file, "a fail's text is written without tc_fail_set()")
        if $file ne 'src/base/error.c'
        && $source =~ /(?:print\w*|cpy\w*|cat\w*|memmove)\s*\([^;,]*\bfail(?:->|\.)text\b
                      |\bfail(?:->|\.)text(?:\[[^\]]*\])?\s*=[^=]/x;
    problem($file, 'writes to standard error')
        if $file ne 'src/base/buffer.c' && $source =~ /\b(?:fprintf|perror|vfprintf|puts|fputs|printf)\s*\(/;
    problem($file, 'an answer with a text of its own')
        if $file ne 'src/server/respond.c'
        && $source =~ /\b(?:ap_custom_response|ap_send_error_response)\s*\(|"error-notes"/;
}
# A call outside of what was taken for a function would not have been read.
for my $file (@files) {
    my $rest = $text_of{$file};
    for my $in (@{$function{$file} // []}) {
        my $at = index $rest, $in->{body};
        substr($rest, $at, length $in->{body}) = '';
    }
    my $names = join '|', keys %carriers;
    problem($file, "a message outside of any function: $1") if $rest =~ /^([ \t]+.*\b(?:$names)\(.*)/m;
}
push @problems, @macros;
for my $name (sort keys %values, keys %value_calls, keys %foreign, keys %part_functions) {
    problem($0, "$name: no longer in a text") if !$used{$name};
}
my @undocumented = grep { !exists $id_of{$_} } keys %list;
problem('src/server/respond.c', "no id for @undocumented") if @undocumented;

is(join("\n", @problems), '', 'every call has a text that can be read');
cmp_ok(scalar keys %log, '>=', 20, 'log lines are found');
cmp_ok(scalar keys %reason, '>=', 100, 'reasons are found');
cmp_ok(scalar keys %config, '>=', 20, 'errors of the configuration are found');

# ---- the document -----------------------------------------------------------------------------

my $page = 'docs/messages.md';
my (%listed, $section);
open my $doc, '<', $page or die "$page: $!";
while (my $line = <$doc>) {
    $section = $1 if $line =~ /^## (.*)/;
    next if $line !~ /^\| (.*?) \| `(.*)` \|$/;
    my ($key, $text) = ($1, $2);
    $text =~ s/<(?!n>)[a-z][a-z ]*>/<s>/g;
    push @{$listed{$section}{$text}}, [$key, $.];
}
close $doc;

sub compare {
    my ($title, $printed, $check) = @_;
    my $there = $listed{$title} // {};
    my @wrong;
    for my $text (sort keys %$printed) {
        push @wrong, "$printed->{$text}{where}: not listed: $text" if !$there->{$text};
    }
    for my $text (sort keys %$there) {
        my @rows = @{$there->{$text}};
        push @wrong, "$page:$rows[0][1]: not printed: $text" if !$printed->{$text};
        push @wrong, "$page:$rows[1][1]: listed twice: $text" if @rows > 1;
        next if !$printed->{$text} || !$check;
        my $missing = join ', ', grep { $_ ne '' && $rows[0][0] !~ /\b$_\b/ }
            sort keys %{$printed->{$text}{keys}};
        push @wrong, "$page:$rows[0][1]: $missing is missing: $text" if $missing ne '';
    }
    is(join("\n", @wrong), '', "$page: $title");
    return;
}

if (@ARGV && $ARGV[0] eq '--print') { # rows for the document
    for my $part (['Log lines', \%log], ['Reasons', \%reason], ['Configuration', \%config]) {
        print "## $part->[0]\n";
        for my $text (sort keys %{$part->[1]}) {
            my $entry = $part->[1]{$text};
            my $keys = join ', ', grep { $_ } sort keys %{$entry->{keys} // {}};
            print "| $keys | `$text` | $entry->{where}\n";
        }
    }
}
compare('Log lines', \%log, 1);
compare('Reasons', \%reason, 1);
compare('Configuration errors', \%config, 0);
my %bodies =
    map { $list{$_} => {where => 'src/base/error.h', keys => {$id_of{$_} => 1}} } keys %list;
compare('Bodies', \%bodies, 1);

done_testing();
