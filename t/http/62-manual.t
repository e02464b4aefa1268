# SPDX-License-Identifier: Apache-2.0
# The configurations of mod_small_light's manual as they are, and one of
# ngx_small_light translated: t/conf/*small_light*.conf.
# Under event only: a manual's examples; 30-url and 60-filter run under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Copy qw(copy);
use File::Path qw(make_path);

my $conf = "$TmpfsConvertTest::Site::ROOT/t/conf";
my $pictures = docroot() . '/pictures';
mkpicture('manual.jpg', 640, 480, seed => 5, quality => 90);
mkpicture('manual.png', 640, 480, seed => 5);
for my $folder ('your/local/images', 'your/images') {
    make_path(docroot() . "/$folder");
    copy("$pictures/$_", docroot() . "/$folder/$_") or die "$folder/$_: $!" for qw(manual.jpg manual.png);
}
my $bytes = do { local (@ARGV, $/) = "$pictures/manual.jpg"; <> };

sub picture_is {
    my ($url, $format, $width, $height, %headers) = @_;
    my $seen = probe(get($url, %headers));
    my $what = join ' ', $url, values %headers;
    is("@{[map { $_ // 'none' } @$seen{qw(format width height)}]}", "$format $width $height", $what)
        or diag $seen->{error} // '';
    return;
}

# The port is only known once the server has one: a proxy to itself goes there.
sub manual {
    my ($name, @define) = @_;
    return TmpfsConvertTest::Httpd->new(conf => sub {
        return join '', (map { "Define $_\n" } @define),
            "ServerName 127.0.0.1:@{[$_[0]->port]}\nInclude \"$conf/$name\"\n";
    });
}

# ---- for local use ----------------------------------------------------------------

server(my $local = manual('small_light-local.conf'));
is(get('/images/manual.jpg')->content, $bytes, 'the picture itself');
picture_is('/small_light(dw=300,dh=300)/manual.jpg', jpeg => 300, 225);
picture_is('/small_light(p=THUMB_SMALL)/manual.jpg', jpeg => 40, 40);
picture_is('/small_light(p=THUMB_MEDIUM,of=png)/manual.jpg', png => 96, 96);
picture_is('/small_light(p=THUMB_SMALL,q=80)/manual.png', jpeg => 40, 40);
picture_is('/resize/manual.jpg', jpeg => 400, 300);
is(get('/small_light(dw=300)/none.jpg')->code, 404, 'a picture that is not there');
is(get('/resize/none.jpg')->code, 404, '... also through the proxy to itself');

# ---- for dedicated use ---------------------------------------------------------------

my $origin = TmpfsConvertTest::Httpd->new(plain => 1);
server(my $dedicated = manual('small_light-dedicated.conf', 'IMG_HOST 127.0.0.1:' . $origin->port));
is(get('/images/manual.jpg')->content, $bytes, 'the picture itself, from the other server');
picture_is('/small_light(dw=300,dh=300)/manual.jpg', jpeg => 300, 225);
picture_is('/resize/manual.jpg', jpeg => 400, 300);
picture_is('/small_light(dw=64,of=png)/manual.jpg', png => 64, 48);
is(get('/small_light(dw=300)/none.jpg')->code, 404, 'a picture that is not there');

# ---- ngx_small_light, translated --------------------------------------------------------

my $nginx = TmpfsConvertTest::Httpd->new(conf => "Include \"$conf/ngx_small_light.conf\"\n");
server($nginx);
my @function = (Host => 'function.test');
my @query = (Host => 'query.test');
picture_is('/small_light(p=msize)/pictures/manual.jpg', jpeg => 500, 375, @function);
picture_is('/small_light(p=ssize)/pictures/manual.jpg', jpeg => 120, 90, @function);
picture_is('/small_light(dw=300,dh=300)/pictures/manual.jpg', jpeg => 300, 225, @function);
is(get('/pictures/manual.jpg?dw=200&dh=200', @function)->content, $bytes, 'no query where there is the function');
picture_is('/pictures/manual.jpg?dw=200&dh=200', jpeg => 200, 150, @query);
picture_is('/pictures/manual.jpg?p=ssize', jpeg => 120, 90, @query);
is(get('/pictures/manual.jpg', @query)->content, $bytes, 'without parameters the picture itself');
is(get('/small_light(dw=200)/pictures/manual.jpg', @query)->code, 404, 'no function where there is the query');
done_testing;
