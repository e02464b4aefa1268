# SPDX-License-Identifier: Apache-2.0
# X-Sendfile of a program or another server, through the filter.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Path qw(make_path);

my $root = docroot() . '/sendfile';
make_path($root);
my $picture = docroot() . mkpicture('sendfile.png', 64, 48, kind => 'quad');
for my $case (['show.cgi', 'image/png', $picture], ['text.cgi', 'text/plain', $TmpfsConvertTest::Site::ROOT . '/LICENSE'],
    ['none.cgi', 'image/png', '/nowhere']) {
    my ($name, $type, $file) = @$case;
    open my $out, '>', "$root/$name" or die $!;
    print $out "#!/bin/sh\nprintf 'Content-Type: $type\\nX-Sendfile: $file\\n\\n'\n";
    close $out;
    chmod 0755, "$root/$name";
}
my $own = "$TmpfsConvertTest::Site::ROOT/build/preload/mod_sendfile.so";
my $programs = <<"CONF";
AddHandler cgi-script .cgi
<Directory "$root">
    Options ExecCGI
</Directory>
CONF
my $origin = TmpfsConvertTest::Httpd->new(plain => 1, modules => [qw(cgi cgid)], conf => $programs);

for my $with (1, 0) {
    my $httpd = TmpfsConvertTest::Httpd->new(modules => [qw(cgi cgid)], conf => ($with ? "LoadModule sendfile_module $own\n" : '') . <<"CONF");
$programs
TmpfsConvert On
ProxyPass /far/ http://127.0.0.1:@{[$origin->port]}/
<VirtualHost *>
    ServerName all.test
</VirtualHost>
<VirtualHost *>
    ServerName always.test
    <Location /sendfile/>
        SetOutputFilter TMPFS_CONVERT
        TmpfsConvertDefaults dw=16
    </Location>
</VirtualHost>
<VirtualHost *>
    ServerName packed.test
    SetOutputFilter DEFLATE
</VirtualHost>
CONF
    server($httpd);
    for my $case (
        ['all', '/small_light(dw=32)/sendfile/show.cgi', 32],
        ['all', '/small_light(dw=32,of=webp)/far/sendfile/show.cgi', 32],
        ['all', '/sendfile/show.cgi', 64],
        ['all', '/small_light(dw=32)/sendfile/text.cgi', 415],
        ['all', '/small_light(dw=32)/sendfile/none.cgi', 415],
        ['always', '/sendfile/show.cgi', 16],
        ['packed', '/small_light(dw=32)/sendfile/show.cgi', 32],
    ) {
        my ($host, $url, $want) = @$case;
        my $answer = get($url, Host => "$host.test");
        $want = 415 if !$with && $url ne '/sendfile/show.cgi';
        if (!$with) {
            next if $url eq '/sendfile/show.cgi';
            is($answer->code, 415, "without the module: $host: $url: 415");
        }
        elsif ($want > 400) {
            is($answer->code, $want, "$host: $url: $want");
        }
        else {
            my $bytes = $answer->decoded_content(charset => 'none');
            my $seen = probe($bytes);
            is($seen->{error} // $seen->{width}, $want, "$host: $url: $want");
            is(head($url, Host => "$host.test")->code, 200, '... HEAD');
            is($answer->header('X-Sendfile'), undef, '... and no word of the file');
        }
    }
}
expect_log(qr/TC0002|AH/);
done_testing;
