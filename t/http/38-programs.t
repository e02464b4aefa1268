# SPDX-License-Identifier: Apache-2.0
# A program is run, never read: through the function, a query or a filter no file's text comes
# out that httpd itself would not serve. Handlers by name and by content type, mod_actions,
# mod_negotiation, mod_include, and a module like mod_php (t/module/program.c).
# Under event only: how a request is mapped; 30-url and 66-slow-origin run under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);

my $root = docroot() . '/programs';
remove_tree($root);
make_path(map { "$root/$_" } qw(by-type by-name cgi-type cgi-name gated included maps always filtered));
my $picture = docroot() . mkpicture('program.png', 64, 48, kind => 'quad');
my $gif     = docroot() . mkpicture('program.gif', 64, 48, kind => 'quad');

sub spew {
    my ($name, $text, $mode) = @_;
    open my $out, '>', "$root/$name" or die "$root/$name: $!";
    print $out $text;
    close $out or die;
    chmod $mode || 0644, "$root/$name";
    return;
}
sub slurp { local (@ARGV, $/) = $_[0]; return scalar <> }

# What must never come out; a picture's first bytes do not make a program one.
my $text = "<?php \$password = 'SOURCE'; ?>\n";
for my $dir (qw(by-type by-name always filtered)) {
    spew("$dir/$_", $text) for qw(page.php draw.php);
    copy($picture, "$root/$dir/draw.php.out") or die $!;
    spew("$dir/two.php.png", slurp($picture) . $text);
    spew("$dir/masked.php", slurp($picture) . $text);
    copy($picture, "$root/$dir/plain.png") or die $!;
}
for my $dir (qw(cgi-type cgi-name)) {
    spew("$dir/page.cgi", "#!/bin/sh\n# SOURCE\nprintf 'Content-Type: text/html\\r\\n\\r\\npage.cgi ran\\n'\n", 0755);
    spew("$dir/draw.cgi", "#!/bin/sh\n# SOURCE\nprintf 'Content-Type: image/png\\r\\n\\r\\n'\ncat '$picture'\n", 0755);
}
copy($gif, "$root/gated/secret.gif") or die $!;
spew('gated/note.gated', "SOURCE\n");
spew('gate.cgi', "#!/bin/sh\nprintf 'Content-Type: text/html\\r\\n\\r\\ngate.cgi ran for %s\\n' \"\$PATH_INFO\"\n", 0755);
spew('included/page.shtml', "<!--#set var=\"x\" value=\"SOURCE\" --><p>page.shtml ran</p>\n");
spew('included/page.html', "<!--#set var=\"x\" value=\"SOURCE\" --><p>page.html ran</p>\n", 0755);
copy($picture, "$root/maps/one.png") or die $!;
spew('maps/one.var', "URI: one.png\nContent-Type: image/png\nDescription: \"SOURCE\"\n");
spew('maps/sent.asis', "Content-Type: text/html\nX-Own: yes\n\nsent.asis ran\n");

my $cgi = mpm() eq 'prefork' ? 'cgi' : 'cgid';
my $httpd = TmpfsConvertTest::Httpd->new(modules => ['actions', 'include', 'asis', $cgi], conf => sub {
    my $own = "$TmpfsConvertTest::Site::ROOT/build/preload/mod_program.so";
    return <<"CONF";
LoadModule program_module "$own"
TmpfsConvert On
TmpfsConvertQuery On
AddType image/gif .gif
<Directory "$root/by-type">
    AddType application/x-httpd-php .php
</Directory>
<Directory "$root/by-name">
    AddHandler application/x-httpd-php .php
</Directory>
<Directory "$root/cgi-type">
    Options +ExecCGI
    AddType application/x-httpd-cgi .cgi
</Directory>
<Directory "$root/cgi-name">
    Options +ExecCGI
    AddHandler cgi-script .cgi
</Directory>
ScriptAlias /cgi-bin/ "$root/"
<Directory "$root/gated">
    AddType application/x-gated .gated
    Action image/gif /cgi-bin/gate.cgi
    Action application/x-gated /cgi-bin/gate.cgi
</Directory>
<Directory "$root/included">
    Options +Includes
    XBitHack On
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
</Directory>
<Directory "$root/maps">
    AddHandler type-map .var
    AddHandler send-as-is .asis
</Directory>
# All files but those that a program is for.
<Directory "$root/always">
    AddType application/x-httpd-php .php
    SetHandler tmpfs-convert
    TmpfsConvertDefaults dw=32
    <FilesMatch "\\.php\$">
        SetHandler None
    </FilesMatch>
</Directory>
<Directory "$root/filtered">
    AddType application/x-httpd-php .php
    SetOutputFilter SMALL_LIGHT
    TmpfsConvertDefaults dw=32
</Directory>
CONF
});
server($httpd);

# What a program answers: its own words, or a picture of 64x48.
my ($ran, $drawn) = (qr/ran\b/, 'png 64x48');
my @programs = (
    (map { (["$_/page.php", $ran], ["$_/draw.php", $drawn], ["$_/masked.php", $ran]) } qw(by-type by-name)),
    (map { (["$_/page.cgi", $ran], ["$_/draw.cgi", $drawn]) } qw(cgi-type cgi-name)),
    ['by-name/two.php.png', $ran],
    ['gated/secret.gif', qr/gate\.cgi ran for \S+secret\.gif/],
    ['gated/note.gated', qr/gate\.cgi ran for \S+note\.gated/],
    ['included/page.shtml', $ran],
    ['included/page.html', $ran],
    ['maps/one.var', $drawn],
    ['maps/sent.asis', $ran],
);

sub seen {
    my ($answer) = @_;
    return $answer->content if $answer->content_type !~ m{^image/};
    my $seen = probe($answer->content);
    return $seen->{error} // "$seen->{format} $seen->{width}x$seen->{height}";
}

for my $program (@programs) {
    my ($path, $whole) = @$program;
    my $is_picture = !ref $whole;
    my %body = (whole => $whole, small => 'png 32x24');
    # A page's query is its own.
    my %query = %body;
    $query{small} = $whole unless $is_picture;
    for my $case (
        ["/programs/$path", 200, $whole],
        ["/small_light(e=dummy)/programs/$path", 200, $whole],
        ["/programs/small_light(e=dummy)/$path", 200, $whole],
        ["/programs/$path?e=dummy", 200, $whole],
        ["/small_light(dw=32)/programs/$path", $is_picture ? (200, 'png 32x24') : (415, undef)],
        ["/small_light(dw=640,dh=640,pt=ptss)/programs/$path", $is_picture ? (200, 'png 64x48') : (415, undef)],
        ["/programs/$path?dw=32", 200, $query{small}],
        ["/programs/$path?dw=640&dh=640&pt=ptss", 200, $whole],
    ) {
        my ($url, $code, $body) = @$case;
        my $answer = get($url);
        is($answer->code, $code, "$url: $code");
        ref $body ? like(seen($answer), $body, '... its own words') : is(seen($answer), $body, "... $body") if $body;
        unlike($answer->as_string, qr/SOURCE|<\?php|#!\/bin/, '... and nothing of its text');
    }
}
expect_log(qr/TC0002/);

# Pictures beside them are read in place: with the strong tag of a file.
for my $case (
    ['/small_light(dw=32)/programs/by-type/plain.png', 'png 32x24'],
    ['/programs/by-name/plain.png?dw=32', 'png 32x24'],
    ['/small_light(dw=32)/programs/by-type/two.php.png', 'png 32x24'],
    ['/programs/always/plain.png', 'png 32x24'],
    ['/programs/filtered/plain.png', 'png 32x24'],
    ['/small_light(dw=16)/programs/always/plain.png', 'png 16x12'],
    ['/small_light(dw=16)/programs/filtered/plain.png', 'png 16x12'],
) {
    my ($url, $size) = @$case;
    my $answer = get($url);
    is(seen($answer), $size, "$url: $size");
    like($answer->header('ETag') // '', qr/^"/, '... by its own handler');
}

# A directory whose every picture is converted.
for my $dir (qw(always filtered)) {
    for my $url ("/programs/$dir/page.php", "/small_light(e=dummy)/programs/$dir/page.php",
        "/programs/$dir/masked.php", "/small_light(dw=16)/programs/$dir/masked.php")
    {
        my $answer = get($url);
        like($answer->code, qr/^(?:200|415)$/, "$url: " . $answer->code);
        unlike($answer->content, qr/SOURCE/, '... and nothing of its text');
    }
    is(seen(get("/small_light(dw=32)/programs/$dir/draw.php")), 'png 32x24', "$dir: what it draws is converted");
}

# ---- methods ---------------------------------------------------------------------------------

# TRACE is the core's to add, and to answer: it has nothing to do with a file.
sub allowed { return join ',', grep { $_ ne 'TRACE' } sort split /,\s*/, $_[0]->header('Allow') // '' }

for my $method (qw(POST PUT DELETE PATCH PROPFIND MKCOL COPY MOVE LOCK)) {
    my $answer = request($method, '/small_light(dw=32)/programs/by-type/page.php', ':content' => 'x');
    is($answer->code, 405, "$method through the function: 405");
    is(allowed($answer), 'GET,HEAD,OPTIONS', '... and what is allowed');
}
my $options = request('OPTIONS', '/small_light(dw=32)/programs/by-type/page.php');
is($options->code, 200, 'OPTIONS');
is(allowed($options), 'GET,HEAD,OPTIONS', '... says the same');
done_testing;
