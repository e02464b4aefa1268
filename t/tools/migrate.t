#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# tools/migrate-check: what it says of old configurations and of the URLs that were
# asked with them.
use strict;
use warnings;
use File::Temp ();
use JSON::PP ();
use Test::More;

my $scratch = File::Temp->newdir('migrate-test-XXXXXX', TMPDIR => 1);

sub spew {
    my ($name, $text) = @_;
    open my $out, '>', "$scratch/$name" or die "$name: $!";
    print $out $text;
    close $out or die "$name: $!";
    return "$scratch/$name";
}

# (exit code, output, errors) of tools/migrate-check.
sub check {
    my @arguments = @_;
    my $errors = "$scratch/errors";
    my $pid = open(my $out, '-|') // die "fork: $!";
    if (!$pid) {
        open STDERR, '>', $errors or die $!;
        exec 'tools/migrate-check', @arguments or die $!;
    }
    my $text = do { local $/; <$out> } // '';
    close $out;
    my $code = $? >> 8;
    open my $in, '<', $errors or die $!;
    return ($code, $text, do { local $/; <$in> } // '');
}

sub report {
    my ($code, $text, $errors) = check('--json', @_);
    is($errors, '', 'no complaint');
    return (JSON::PP::decode_json($text), $code);
}

sub row {
    my ($report, $name) = @_;
    return (grep { lc $_->{name} eq lc $name } @{ $report->{directives} })[0] || {};
}

sub call {
    my ($report, $raw) = @_;
    return (grep { $_->{raw} eq $raw } @{ $report->{urls}{calls} })[0] || {};
}

sub texts { return join "\n", map { $_->{text} } @{ $_[0]{differences} || [] } }

# ---- httpd ------------------------------------------------------------------------

spew('patterns.conf', qq(SmallLightPatternDefine THUMB "dw=40,dh=40,cc=fff,of=jpeg"\nSmallLightPatternDefine plain dw=40,of=png\n));
my $httpd = spew('httpd.conf', <<'CONF');
# LoadModule commented_module x
LoadModule small_light_module modules/mod_small_light.so
LoadModule mpm_prefork_module modules/mod_mpm_prefork.so
Include patterns.conf
Include gone.conf
SetEnv TMPDIR /dev/shm
<IfModule mod_small_light.c>
    RewriteRule ^/small_light[^/]*/(.+)$ \
        http://img.example.com/$1 [P,L]
    <LocationMatch "^/small_light[^/]*/">
        SetOutputFilter SMALL_LIGHT
        RequestHeader set X-SmallLight-Base-URI http://www.example.com/small
    </LocationMatch>
</IfModule>
SetOutputFilter DEFLATE
CONF
my ($report, $code) = report($httpd);
is($report->{original}, 'mod_small_light', 'an httpd configuration');
is($code, 1, 'something needs a decision');
like(row($report, 'LoadModule')->{instead}, qr/^LoadModule tmpfs_convert_module /, 'LoadModule: the new module');
is(row($report, 'SmallLightPatternDefine')->{action}, 'keep', 'patterns stay');
like(row($report, 'SmallLightPatternDefine')->{file}, qr/patterns\.conf$/, '... and are found in what is included');
is(row($report, 'IfModule')->{instead}, '<IfModule tmpfs_convert_module>', 'IfModule has the new name');
is(row($report, 'RewriteRule')->{line}, 8, 'a continued line has the number of its beginning');
is(row($report, 'SetOutputFilter')->{action}, 'keep', 'the filter stays');
is(scalar(grep { $_->{name} eq 'SetOutputFilter' } @{ $report->{directives} }), 1, '... and another filter is no affair of ours');
is(row($report, 'RequestHeader')->{instead}, 'TmpfsConvertRedirectPrefix http://www.example.com/small', 'the base URI is a directive');
is(row($report, 'SetEnv')->{action}, 'look', 'TMPDIR needs a decision');
like("@{ $report->{missing} }", qr/:5: Include gone\.conf/, 'an Include that is not here is told');
like($report->{patterns}{plain}{means}, qr{^dw=40,}, 'a pattern in our words');
like(texts($report->{patterns}{THUMB}), qr/^cc: of a short colour/, 'what differs in a pattern');
is(texts($report->{patterns}{plain}), '', '... and nothing where nothing does');

# One call each: what is said of it, by mod_small_light's reading.
my @apache = (
    ['dw=300,of=jpeg', undef],
    ['dw=300', qr/keeps the original's format/],
    ['dw=50px,of=jpeg', qr/^dw: .*px is pixels/],
    ['sx=-5,of=jpeg', qr/400: sx=-5/],
    ['dx=-5,of=jpeg', qr/^dx: a negative number/],
    ['cc=f00,cw=1,ch=1,of=png', qr/^cc: of a short colour/],
    ['cc=ff0000,cw=1,ch=1,of=png', undef],
    ['sx=10,sw=50,of=png', qr/was not cropped either/],
    ['sx=10,sw=50,ds=s,of=png', undef],
    ['angle=90,of=png', qr/^angle did nothing there/],
    ['dw=5,pt=ptss,of=png', qr/^pt compared with the canvas/],
    ['dw=5,dh=5,cw=5,ch=5,pt=ptss,of=png', undef],
    ['dw%3D5,of=png', qr/^%xx was not decoded/],
    ['dw=abc', qr/^is answered 400: dw=abc/],
    ['p=none', qr/^is answered 400: p=none: no such pattern/],
    ['p=plain,dw=80', undef],
    ['p=THUMB,dw=80', undef],
    ['dw=' . '1' x 520, qr/512 characters|400/],
    ['dw=5;dh=6,of=png', undef],
    ['dw=5,DW=6,of=png', undef],
    ['inhexif=y,e=imagemagick,of=jpeg', qr/only with e=imlib2/],
);
my $urls = spew('urls', join '', map { "/small_light($_->[0])/img/cat.jpg\n" } @apache);
($report) = report($httpd, $urls);
is($report->{urls}{lines}, scalar @apache, 'every URL is read');
for my $case (@apache) {
    my ($raw, $expected) = @$case;
    my $said = texts(call($report, $raw));
    defined $expected ? like($said, $expected, $raw) : is($said, '', "$raw: means the same");
}
is(call($report, 'dw=5;dh=6,of=png')->{means} =~ /^dw=5,dh=6/ ? 1 : 0, 1, 'the meaning in one spelling');

# ---- nginx ------------------------------------------------------------------------

my $nginx = spew('nginx.conf', <<'CONF');
load_module modules/ngx_http_small_light_module.so;
http {
    server { # a comment; with signs {
        small_light on;
        small_light_pattern_define msize "dw=500,dh=500,jpeghint=y";
        small_light_material_dir /var/material;
        small_light_radius_max 20; small_light_sigma_max 5;
        small_light_imlib2_temp_dir /tmp/x 1 2;
        small_light_buffer 8m;
        location ~ small_light[^/]*/(.+)$ { set $file $1; rewrite ^ /$file; }
        location /old/ { rewrite ^/old/(.*)$ /new/$1; }
        location /query/ {
            small_light_getparam_mode on;
        }
    }
}
CONF
my $log = spew('access_log', <<'LOG');
127.0.0.1 - - [25/Nov/2026:10:00:00 +0000] "GET /small_light(dw=5,dw=6)/a.jpg HTTP/1.1" 200 1000
127.0.0.1 - - [25/Nov/2026:10:00:01 +0000] "GET /small_light(dw=5,dw=6)/b.jpg HTTP/1.1" 200 1000 "-" "agent"
127.0.0.1 - - [25/Nov/2026:10:00:02 +0000] "GET /query/a.jpg?dw=70&v=3 HTTP/1.1" 200 1000
127.0.0.1 - - [25/Nov/2026:10:00:03 +0000] "GET /index.html HTTP/1.1" 200 1000
http://img.example.com/small_light(DW=5)/a.jpg
http://img.example.com/small_light(q,dw=5)/a.jpg
http://img.example.com/small_light(dw=5;dh=6)/a.jpg
http://img.example.com/small_light(dw=5,dh=6,cw=9,ch=9,pt=ptls)/a.jpg
LOG
($report) = report($nginx, $log);
is($report->{original}, 'ngx_small_light', 'an nginx configuration');
my %instead = (
    load_module => 'LoadModule tmpfs_convert_module modules/mod_tmpfs_convert.so',
    small_light => 'TmpfsConvert On',
    small_light_pattern_define => 'TmpfsConvertPattern msize "dw=500,dh=500,jpeghint=y"',
    small_light_material_dir => 'TmpfsConvertMaterialDir /var/material',
    small_light_radius_max => 'TmpfsConvertRadiusMax 20',
    small_light_sigma_max => 'TmpfsConvertSigmaMax 5',
    small_light_buffer => 'TmpfsConvertMaxSource 8M',
    small_light_getparam_mode => 'TmpfsConvertQuery On',
);
is(row($report, $_)->{instead}, $instead{$_}, $_) for sort keys %instead;
is(row($report, 'small_light_imlib2_temp_dir')->{action}, 'drop', 'no file for imlib2');
is(row($report, 'small_light_getparam_mode')->{where}, '<VirtualHost> <Location /query/>', 'where it stands');
is(scalar(grep { $_->{name} eq 'rewrite' } @{ $report->{directives} }), 1, "only the function's rewrite is meant");
is($report->{urls}{without_call}, 1, 'a line without a call is counted as such');
is(call($report, 'dw=5,dw=6')->{count}, 2, 'calls are counted by their text');
like(texts(call($report, 'dw=5,dw=6')), qr/named twice \(dw\)/, 'the first counted there');
my $prefixed = spew('prefixed', <<'LOG');
/cdn/small_light(dw=8)/a.jpg
http://img.example.com/cdn/small_light%28dw=8%29/b.jpg
/x/y/small_light(dw=8)/a.jpg
/small_light(dw=8)/a.jpg
LOG
($report) = report($nginx, $prefixed);
my @prefixed = @{ $report->{urls}{calls} };
is(scalar @prefixed, 3, 'a prefix that nginx drops is a way of its own');
like(texts((grep { $_->{count} == 2 } @prefixed)[0]), qr{without /cdn, .* RewriteRule \^/cdn/\(\.\*\)\$ /\$1 \[PT\]}, '... and told, with the rule');
is(scalar(grep { texts($_) eq '' } @prefixed), 1, '... and nothing without one');
for my $location ('^/small_light[^/]*/(.+)$', '^(.*)/small_light[^/]*/(.+)$') {
    my ($other) = report(spew('other.conf', "server { small_light on; location ~ $location { rewrite ^ /\$1; } }\n"), $prefixed);
    is(scalar(grep { texts($_) =~ /dropped/ } @{ $other->{urls}{calls} }), 0, "$location drops none unseen");
}
($report) = report($httpd, $prefixed);
is(scalar(grep { texts($_) =~ /dropped/ } @{ $report->{urls}{calls} }), 0, 'nor does httpd');
($report) = report($nginx, $log);
is(call($report, 'dw=70')->{count}, 1, 'a query is read, without what is no parameter');
like(texts(call($report, 'DW=5')), qr/capitals \(DW\)/, 'capitals');
like(texts(call($report, 'q,dw=5')), qr/ended the reading/, 'a key without a value');
like(texts(call($report, 'dw=5;dh=6')), qr/^; parted nothing/, 'a semicolon');
like(texts(call($report, 'dw=5,dh=6,cw=9,ch=9,pt=ptls')), qr/^pt compared with dw x dh/, 'pt on a canvas');

# ---- the program --------------------------------------------------------------------

my ($text, $errors);
($code, $text) = check($nginx, $log);
is($code, 1, 'differences: 1');
like($text, qr/^  2 x  dw=5,dw=6$/m, 'the most frequent first, with their number');
like($text, qr/^    such as  \/small_light\(dw=5,dw=6\)\/a\.jpg$/m, '... and an example');
($code, $text) = check('--most', 1, $nginx, $log);
like($text, qr/and 5 more, less frequent/, '--most bounds them');
my $simple = spew('simple.conf', "SmallLightPatternDefine t dw=40,of=png\nSetOutputFilter SMALL_LIGHT\n");
($code) = check($simple, spew('same', "/small_light(p=t)/a.png\n"));
is($code, 0, 'nothing differs: 0');
($code, undef, $errors) = check("$scratch/none.conf");
is($code, 2, 'no configuration: 2');
like($errors, qr/none\.conf/, '... and its name');
($code, undef, $errors) = check(spew('odd.conf', "hello\n"));
is($code, 2, 'neither httpd nor nginx: 2');
like($errors, qr/--from/, '... and what to do');
($code) = check('--from', 'iis', $httpd);
is($code, 2, 'an unknown --from: 2');
($code, $text) = check('--help');
is($code, 0, '--help: 0');
done_testing();
