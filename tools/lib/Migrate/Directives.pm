# SPDX-License-Identifier: Apache-2.0
#
# What becomes of each directive of an old configuration: one row a directive. A row
# gets the directive and what was found before it, and returns [what to do, words,
# the line to write instead], or nothing when it is none of our affair.
#   keep    stays as it is
#   change  write the line given instead
#   drop    has no use here
#   look    needs a decision
package Migrate::Directives;

use strict;
use warnings;

sub quoted {
    my ($text) = @_;
    return $text =~ /[\s"]/ ? '"' . $text =~ s/(["\\])/\\$1/gr . '"' : $text;
}

# ---- httpd with mod_small_light -----------------------------------------------------

sub is_filter { return scalar grep { uc eq 'SMALL_LIGHT' } map { split /;/ } @_ }

my %apache = (
    loadmodule => sub {
        my ($directive) = @_;
        my ($symbol, $file) = @{ $directive->{arguments} };
        return ['change', 'the new module', 'LoadModule tmpfs_convert_module modules/mod_tmpfs_convert.so']
            if $symbol eq 'small_light_module';
        return ['keep', 'mod_small_light allowed only this; worker and event work too, with less memory']
            if $symbol eq 'mpm_prefork_module';
        return;
    },
    smalllightpatterndefine => sub {
        my ($directive, $seen) = @_;
        my ($name, $text) = @{ $directive->{arguments} };
        $seen->{patterns}{$name} = $text // '';
        return ['keep', 'TmpfsConvertPattern is the new name; a host also has the main server\'s patterns now'];
    },
    setoutputfilter => sub {
        my ($directive, $seen) = @_;
        return unless is_filter(@{ $directive->{arguments} });
        $seen->{filter} = 1;
        return ['keep', 'the filter also goes by this name; where the original is a file it is read in place'];
    },
    addoutputfilter => sub {
        my ($directive, $seen) = @_;
        return unless is_filter($directive->{arguments}[0] // '');
        $seen->{filter} = 1;
        return ['keep', 'the filter also goes by this name'];
    },
    filterprovider => sub {
        my ($directive, $seen) = @_;
        return unless is_filter($directive->{arguments}[1] // '');
        $seen->{filter} = 1;
        return ['keep', 'the filter also goes by this name'];
    },
    rewriterule => sub {
        my ($directive) = @_;
        return unless join(' ', @{ $directive->{arguments} }) =~ /small_light/;
        return ['keep', 'parameters are read from the URL as the client sent it'];
    },
    ifmodule => sub {
        my ($directive) = @_;
        my $name = $directive->{arguments}[0] // '';
        return unless $name =~ /^!?(?:mod_small_light\.c|small_light_module)$/;
        my $not = $name =~ /^!/ ? '!' : '';
        return ['change', 'the module has another name, so this would be passed over', "<IfModule ${not}tmpfs_convert_module>"];
    },
    requestheader => sub {
        my ($directive) = @_;
        return unless join(' ', @{ $directive->{arguments} }) =~ /X-SmallLight-Base-URI/i;
        my $base = $directive->{arguments}[2];
        return ['change', 'a header that a client can send too no longer decides where a redirect leads',
            'TmpfsConvertRedirectPrefix ' . quoted($base // '/small_light(...)')];
    },
);
$apache{addoutputfilterbytype} = $apache{addoutputfilter};
for my $name (qw(setenv passenv)) {
    $apache{$name} = sub {
        my ($directive) = @_;
        return unless ($directive->{arguments}[0] // '') eq 'TMPDIR';
        return ['look', 'TMPDIR is read from the server\'s own environment at its start; TmpfsConvertTempDir names directories',
            $directive->{arguments}[1] ? 'TmpfsConvertTempDir ' . quoted($directive->{arguments}[1]) : ()];
    };
}

# ---- nginx with ngx_small_light ------------------------------------------------------

# "on" of either switch: which directive it becomes depends on the other.
sub switch {
    my ($ours) = @_;
    return sub {
        my ($directive) = @_;
        my $on = lc($directive->{arguments}[0] // '') eq 'on' ? 'On' : 'Off';
        return ['change', '', "$ours $on"];
    };
}

my %nginx = (
    load_module => sub {
        my ($directive) = @_;
        return unless ($directive->{arguments}[0] // '') =~ /ngx_http_small_light_module/;
        return ['change', 'the new module', 'LoadModule tmpfs_convert_module modules/mod_tmpfs_convert.so'];
    },
    small_light => switch('TmpfsConvert'),
    small_light_getparam_mode => sub {
        my ($directive, $seen) = @_;
        return ['drop', 'the function is the default'] if lc($directive->{arguments}[0] // '') ne 'on';
        $seen->{query} = 1;
        return ['change', 'the function in the path was off in this mode: write TmpfsConvert Off for that',
            'TmpfsConvertQuery On'];
    },
    small_light_pattern_define => sub {
        my ($directive, $seen) = @_;
        my ($name, $text) = @{ $directive->{arguments} };
        $seen->{patterns}{$name} = $text // '';
        return ['change', '', 'TmpfsConvertPattern ' . quoted($name) . ' "' . ($text // '') . '"'];
    },
    small_light_material_dir => sub {
        return ['change', '', 'TmpfsConvertMaterialDir ' . quoted($_[0]{arguments}[0] // '')];
    },
    small_light_radius_max => sub {
        return ['change', '', 'TmpfsConvertRadiusMax ' . ($_[0]{arguments}[0] // '')];
    },
    small_light_sigma_max => sub {
        return ['change', '', 'TmpfsConvertSigmaMax ' . ($_[0]{arguments}[0] // '')];
    },
    small_light_imlib2_temp_dir => sub {
        return ['drop', 'no file is needed for converting; TmpfsConvertTempDir is for large results and originals'];
    },
    small_light_buffer => sub {
        return ['change', 'it bounded originals of unknown length; this bounds all, 64M without it',
            'TmpfsConvertMaxSource ' . uc($_[0]{arguments}[0] // '1m')];
    },
    rewrite => sub {
        my ($directive, $seen) = @_;
        my ($location) = grep { /small_light/ } @{ $directive->{sections} } or return;
        # What stands before the function is neither asked for by the pattern nor kept.
        $seen->{drops_prefix} = 1 if $location !~ m{\((?!\?).*small_light|\^/?\\?small_light};
        return ['drop', 'with TmpfsConvert On the function is taken out of the path before anything else looks at it'];
    },
    image_filter => sub { return ['look', 'another module\'s; name what it does as parameters, such as TmpfsConvertDefaults "dw=300,dh=300"'] },
);

my %rows = (apache => \%apache, nginx => \%nginx);

# What a section of nginx is here, roughly.
sub section {
    my (@sections) = @_;
    my @ours = map {
            /^location\s+(?:=\s*|\^~\s*)?(\/\S*)$/ ? "<Location $1>"
          : /^location\s+~\*?\s+(\S+)$/            ? "<LocationMatch $1>"
          : /^server$/                             ? '<VirtualHost>'
          : ()
    } @sections;
    return join ' ', @ours;
}

# all($configuration): ([{ directive, action, words, instead, where }], what was seen).
sub all {
    my ($configuration) = @_;
    my (%seen, @rows) = (patterns => {});
    my $rows = $rows{ $configuration->{kind} };
    for my $directive (@{ $configuration->{found} }) {
        my $row = $rows->{ $configuration->{kind} eq 'apache' ? lc $directive->{name} : $directive->{name} };
        if (!$row) {
            push @rows, { directive => $directive, action => 'look', words => 'not known to this program', instead => undef }
                if $directive->{name} =~ /^small_?light/i;
            next;
        }
        my $verdict = $row->($directive, \%seen) or next;
        my $where = $configuration->{kind} eq 'nginx' ? section(@{ $directive->{sections} }) : '';
        push @rows, { directive => $directive, action => $verdict->[0], words => $verdict->[1],
            instead => $verdict->[2], where => $where };
    }
    return (\@rows, \%seen);
}

1;
