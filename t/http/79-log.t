# SPDX-License-Identifier: Apache-2.0
# The access log's notes, by the shipped LogFormat.
# Under event only: a log format; 20-errors runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Time::HiRes qw(sleep);

my $picture = mkpicture('logged.jpg', 400, 300);
my $bytes = -s docroot() . $picture;
my $conf = do { local (@ARGV, $/) = "$TmpfsConvertTest::Site::ROOT/conf/tmpfs_convert_log.conf"; <> };

my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
    my ($self) = @_;
    my $root = $self->root;
    return "TmpfsConvert On\nTmpfsConvertPattern thumb dw=60,of=png\n" . $conf =~ s/\$\{APACHE_LOG_DIR\}/$root/r;
});
server($httpd);

# The line of the request that was answered last.
sub logged {
    for (1 .. 200) {
        open my $in, '<', $httpd->root . '/tmpfs_convert.log' or die $!;
        my @lines = <$in>;
        close $in;
        return $lines[-1] if @lines >= $_[0];
        sleep 0.02;
    }
    return '';
}

my $answer = get("/small_light(dw=100)$picture");
my $length = length $answer->content;
like(logged(1), qr/ 200 $length \d+ id=- how=converted queue=\d+ read=\d+ decode=[1-9]\d* encode=[1-9]\d* source=jpeg\/120000\/$bytes result=jpeg\/$length pattern=-$/,
    'a conversion');
$answer = get("/small_light(p=thumb)$picture");
$length = length $answer->content;
like(logged(2), qr/ how=converted .* result=png\/$length pattern=thumb$/, '... by a pattern');
my $tag = get("/small_light(dw=10)$picture")->header('ETag');
logged(3); # a request is logged after its answer: another thread's line could come first
get("/small_light(dw=10)$picture", 'If-None-Match' => $tag);
like(logged(4), qr/ 304 .* id=- how=- .* source=-\/-\/- /, 'one that has not changed has none of them');
get("/small_light(dw=x)$picture");
like(logged(5), qr/ 400 .* id=TC0001 how=- /, 'an error has the id of its message');
get($picture);
like(logged(6), qr/ 200 .* id=- how=- /, 'a plain file has none of them');
expect_log(qr/TC0001/);
no_leftovers();
$httpd->stop;
server(TmpfsConvertTest::Httpd->shared);

done_testing;
