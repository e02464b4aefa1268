# SPDX-License-Identifier: Apache-2.0
# The server is up, the module is in it, and one picture comes out resized.
use TmpfsConvertTest;

# From the start of the log: nothing may have gone wrong on the way up either.
server();

my $picture = mkpicture('photo.jpg', 640, 480);

my $original = get($picture);
is($original->code, 200, 'the original is served');
like($original->header('Server'), qr/^Apache/, 'by httpd');
is($original->header('Content-Type'), 'image/jpeg', 'as what it is');

my $small = get("/small_light(dw=120,dh=120)$picture");
is($small->code, 200, 'a resize is answered');
is($small->header('Content-Type'), 'image/jpeg', 'with a JPEG');
my $seen = probe($small);
is("$seen->{format} $seen->{width}x$seen->{height}", 'jpeg 120x90', 'of the size asked for');

is(get('/tmpstat')->code, 200, '/tmpstat answers');

my $mpm = mpm();
like(server()->log_text, qr/^.*\[mpm_$mpm:/m, "under the MPM that was asked for, $mpm");

done_testing;
