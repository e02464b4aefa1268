# SPDX-License-Identifier: Apache-2.0
# The URL function: prefixes, aliases, rewriting, access control, patterns, handlers.
use strict;
use warnings;
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;

mkpicture('photo.jpg', 400, 300);
my $pictures = docroot() . '/pictures';
for my $dir (qw(secret always off protected-location redirected)) {
    mkdir docroot() . "/$dir";
    system('cp', "$pictures/photo.jpg", docroot() . "/$dir/photo.jpg") == 0 or die 'cp';
}

sub size_of {
    my ($url, %header) = @_;
    my $answer = get($url, %header);
    return $answer->code if $answer->code != 200;
    my $seen = probe($answer->content);
    return "$seen->{width}x$seen->{height}";
}

is(size_of('/small_light(dw=100)/pictures/photo.jpg'), '100x75', 'the function at the start');
is(size_of('/pictures/small_light(dw=100)/photo.jpg'), '100x75', 'the function behind a prefix');
is(size_of('/small_light(dw=100)/pictures/photo.jpg?x=1'), '100x75', 'a query string is no matter');
is(size_of('/small_light%28dw=100%29/pictures/photo.jpg'), '100x75', 'parentheses encoded');
is(size_of('/small_light(dw=100)/alias/photo.jpg'), '100x75', 'Alias applies to the original');
is(size_of('/small_light(dw=100)/rewritten/photo.jpg'), '100x75',
    'RewriteRule applies to the original');
is(size_of('/small_light(dw=100)/redirected/photo.jpg'), '100x75',
    'a rewrite in a directory keeps the function');
is(size_of('/small_light(dw=100)/pictures/photo'), '100x75', 'MultiViews finds the original');

# A protected original stays protected.
is(size_of('/secret/photo.jpg'), 401, 'the original asks for a password');
is(size_of('/small_light(dw=100)/secret/photo.jpg'), 401, '... through the function too');
is(size_of('/secret/small_light(dw=100)/photo.jpg'), 401, '... behind a prefix too');
my @auth = (Authorization => 'Basic dXNlcjpwYXNz');
is(size_of('/small_light(dw=100)/secret/photo.jpg', @auth), '100x75', '... with it there is one');
is(size_of('/protected-location/photo.jpg'), 403, 'a Location that denies');
is(size_of('/small_light(dw=100)/protected-location/photo.jpg'), 403, '... denies the function');
is(size_of('/small_light(dw=100)/pictures/../protected-location/photo.jpg'), 403,
    '... by a detour too');

is(size_of('/small_light(dw=100)/off/photo.jpg'), 403, 'TmpfsConvert Off in a directory refuses');
expect_log(qr/TC0014/);

# Patterns: what is inherited stays, what is added counts, the URL wins.
is(size_of('/small_light(p=thumb)/pictures/photo.jpg'), '60x60', 'a pattern of the server');
is(size_of('/small_light(p=thumb,cw=80)/pictures/photo.jpg'), '80x60', 'the URL over the pattern');
is(size_of('/small_light(p=old)/pictures/photo.jpg'), '32x24', "mod_small_light's directive");
is(size_of('/small_light(p=local)/always/photo.jpg'), '44x33', 'a pattern of the directory');
is(size_of('/small_light(p=thumb)/always/photo.jpg'), '60x60', '... beside the inherited ones');
is(size_of('/small_light(p=old)/always/photo.jpg'), '36x27', '... one of which it replaces');
is(size_of('/small_light(p=local)/pictures/photo.jpg'), 400, '... and only there');
expect_log(qr/TC0001.*p=local/);
# SetHandler with defaults.
is(size_of('/always/photo.jpg'), '120x90', 'a directory that is always resized');
is(size_of('/small_light(dw=30)/always/photo.jpg'), '30x23', '... the URL over the defaults');

# e=dummy is the file as it is.
my $whole = get('/pictures/photo.jpg')->content;
is(get('/small_light(e=dummy,dw=10)/pictures/photo.jpg')->content, $whole, 'e=dummy passes through');
is(size_of("/small_light(e=$_,dw=40)/pictures/photo.jpg"), '40x30', "e=$_ is accepted")
    for qw(imlib2 imagemagick gd);

# Error documents are not originals.
open my $own, ">", docroot() . "/own404.txt" or die $!;
print $own "own 404\n";
close $own;
is(get('/errdoc404/small_light(dw=10)/none.jpg')->content, "own 404\n",
    'an error document is not converted');

my $status = get("/tmpstat");
is($status->code, 200, '/tmpstat answers');
like($status->content, qr/dentries.*negative/s, '... with the dentry cache');
like($status->header('Cache-Control'), qr/no-store/, '... not to be stored');

# A virtual host with a pattern of its own, in a server of its own because
# Apache::Test moves virtual hosts to other ports.
my $hosts = TmpfsConvertTest::Httpd->new(conf => sub {
    my $port = $_[0]->port;
    return <<"CONF";
TmpfsConvert On
TmpfsConvertPattern thumb "dw=60,dh=60,da=s,cw=60,ch=60"
TmpfsConvertPattern both "dw=20"
<VirtualHost 127.0.0.1:$port>
ServerName first.test
</VirtualHost>
<VirtualHost 127.0.0.1:$port>
ServerName second.test
TmpfsConvertPattern hosts "dw=52"
TmpfsConvertPattern both "dw=40"
</VirtualHost>
CONF
});
server($hosts);
my @host = (Host => 'second.test');
is(size_of('/small_light(p=hosts)/pictures/photo.jpg', @host), '52x39', "a virtual host's own");
is(size_of('/small_light(p=thumb)/pictures/photo.jpg', @host), '60x60',
    "... does not lose the main server's");
is(size_of('/small_light(p=both)/pictures/photo.jpg', @host), '40x30', '... and may replace it');
is(size_of('/small_light(p=both)/pictures/photo.jpg'), '20x15', '... for itself alone');
is(size_of('/small_light(p=hosts)/pictures/photo.jpg'), 400, '... as is what it adds');
expect_log(qr/TC0001.*p=hosts/);

done_testing();
