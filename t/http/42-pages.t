# SPDX-License-Identifier: Apache-2.0
# SetHandler tmpfs-convert for a directory that has pages, too.
# Under event only: how a request is mapped; 30-url runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);

my $root = docroot() . '/album';
remove_tree($root);
make_path("$root/empty", "$root/old");
my $picture = docroot() . mkpicture('album.png', 64, 48, kind => 'quad');
copy($picture, "$root/$_") or die $! for qw(one.png old/one.png untyped);
my %text = (
    'index.html' => "<p>an album</p>\n", 'style.css' => "a { b: c }\n", 'app.js' => "a();\n",
    'logo.svg' => "<svg xmlns='http://www.w3.org/2000/svg'/>\n", 'read.txt' => "words\n",
    'data.json' => "{}\n", 'clip.mp4' => "a film\n", 'face.woff2' => "a font\n",
    'run.cgi' => "#!/bin/sh\necho secret\n", 'run.php' => "<?php secret ?>\n", 'run.pl' => "secret();\n",
    'x.bin' => "secret\n", 'page.shtml' => "<!--#echo var=\"REQUEST_METHOD\" -->\n", 'bad.png' => "no picture\n",
);
while (my ($name, $text) = each %text) {
    open my $out, '>', "$root/$name" or die $!;
    print $out $text;
    close $out;
}
chmod 0755, "$root/run.cgi";

my $httpd = TmpfsConvertTest::Httpd->new(modules => [qw(cgi cgid include)], conf => <<"CONF");
TmpfsConvert On
AddType text/html .html .shtml
AddType text/css .css
AddType text/javascript .js
AddType image/svg+xml .svg
AddType text/plain .txt
AddType application/json .json
AddType video/mp4 .mp4
AddType font/woff2 .woff2
AddType application/x-httpd-php .php
AddType text/x-perl .pl
AddType application/octet-stream .bin
AddHandler cgi-script .cgi
AddOutputFilter INCLUDES .shtml
<Directory "$root">
    SetHandler tmpfs-convert
    TmpfsConvertDefaults dw=32
    Options ExecCGI Includes
    DirectoryIndex index.html
</Directory>
<VirtualHost *>
    ServerName plain.test
</VirtualHost>
<VirtualHost *>
    ServerName query.test
    TmpfsConvertQuery On
</VirtualHost>
<VirtualHost *>
    ServerName only.test
    TmpfsConvertPatternOnly On
    TmpfsConvertPattern small dw=16
</VirtualHost>
<VirtualHost *>
    ServerName expr.test
    <Directory "$root">
        SetHandler "expr=%{REQUEST_METHOD} == 'GET' ? 'tmpfs-convert' : 'tmpfs-convert'"
    </Directory>
    <Directory "$root/old">
        AddHandler tmpfs-convert .png .svg
        SetHandler none
    </Directory>
</VirtualHost>
CONF
server($httpd);

for my $host (qw(plain.test query.test only.test)) {
    for my $name (qw(index.html style.css app.js logo.svg read.txt data.json clip.mp4 face.woff2)) {
        for my $query ('', $host eq 'query.test' ? ('?q=5', '?dw=abc') : ()) {
            my $answer = get("/album/$name$query", Host => $host);
            is($answer->code, 200, "$host: $name$query: 200");
            is($answer->content, $text{$name}, '... as it is');
        }
    }
    my $index = get('/album/', Host => $host);
    is($index->code, 200, "$host: DirectoryIndex");
    is($index->content, $text{'index.html'}, '... the page');
    is(get('/album', Host => $host)->code, 301, '... and without the slash');
    is(get('/album/page.shtml', Host => $host)->content, "GET\n", 'a page that a filter puts together');
    is(probe(get('/album/one.png', Host => $host))->{width}, 32, 'a picture is converted');
    is(probe(get('/album/untyped', Host => $host))->{width}, 32, '... one of no type too');
    for my $name (qw(run.cgi run.php run.pl x.bin bad.png)) {
        my $answer = get("/album/$name", Host => $host);
        is($answer->code, 415, "$name: 415");
        unlike($answer->content, qr/secret/, '... neither run nor shown');
    }
    is(get('/album/empty/', Host => $host)->code, 404, 'a directory without a page');
    is(get('/small_light(p=small)/album/style.css', Host => $host)->code, $host eq 'only.test' ? 415 : 400, 'the function says it is a picture');
}
my $page = get('/album/index.html', Host => 'plain.test');
is(get('/album/index.html', Host => 'plain.test', 'If-None-Match' => $page->header('ETag'))->code, 304, 'a page: 304 by its tag');
is(get('/album/index.html', Host => 'plain.test', 'If-Modified-Since' => $page->header('Last-Modified'))->code, 304, '... and by its date');
is(get('/album/style.css', Host => 'plain.test', Range => 'bytes=0-1')->content, 'a ', '... a range');
is(request('POST', '/album/one.png', Host => 'plain.test', ':content' => 'x')->code, 405, 'POST to a picture: 405');
is(get('/album/index.html', Host => 'expr.test')->content, $text{'index.html'}, 'SetHandler by an expression');
is(probe(get('/album/old/one.png', Host => 'expr.test'))->{width}, 32, 'AddHandler tmpfs-convert');
expect_log(qr/TC0001|TC0002|TC0003|TC0005/);
done_testing;
