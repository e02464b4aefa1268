# SPDX-License-Identifier: Apache-2.0
# conf/*.conf: each as it stands there, in a server with the modules that Debian's package
# enables and those that the file's head names, asked what the head says is answered.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Digest::SHA qw(hmac_sha256_hex);
use File::Basename qw(basename);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use Time::HiRes qw(sleep);

my $conf = "$TmpfsConvertTest::Site::ROOT/conf";
my $key = 'a key for the signed example';
my $documents = docroot() . '/conf';
remove_tree($documents);
make_path("$documents/img");
my $cat = docroot() . mkpicture('cat.jpg', 640, 480, seed => 5);
for my $name (qw(cat.jpg .hidden.jpg page.html)) {
    copy($cat, "$documents/img/$name") or die "$name: $!";
    utime time - 5000, time - 5000, "$documents/img/$name";
}

# What these are about is tested elsewhere, each whole.
my %elsewhere = map { $_ => 1 } qw(tmpfs_convert.conf tmpfs_convert_cache.conf tmpfs_convert_log.conf systemd.conf);
my @files = grep { !$elsewhere{ basename($_) } } glob "$conf/*.conf";
cmp_ok(scalar @files, '>=', 6, 'there are configurations');

sub text_of {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!";
    local $/ = undef;
    return scalar <$in>;
}

# A file with the places of this machine for those of a site.
my %used;
sub placed {
    my ($text, $httpd) = @_;
    my $root = $httpd->root;
    my @places = (
        [qr{\*:80\b} => '*:' . $httpd->port],
        [qr{"/srv/pictures"} => "\"$documents\""],
        [qr{"/etc/apache2/pictures\.keys"} => "\"$root/keys\""],
        [qr{"/run/pictures"} => "\"$root/tmp\""],
        [qr{(?<=RemoteIPTrustedProxy )10\.0\.0\.0/8} => '127.0.0.0/8'],
        [qr{(?<=CacheRoot )/var/cache/apache2/mod_cache_disk} => "\"$root/cache\""],
    );
    for my $place (@places) {
        $used{ $place->[0] } += $text =~ s/$place->[0]/$place->[1]/g;
    }
    return $text;
}

sub put {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out or die "$file: $!";
    return;
}

sub start {
    my ($text) = @_;
    return TmpfsConvertTest::Httpd->new(
        documents => $documents, TmpfsConvertTest::Site::modules_named($text), conf => sub {
            my ($httpd) = @_;
            my $root = $httpd->root;
            make_path("$root/cache", "$root/conf-available");
            put("$root/keys", "$key\n");
            chmod 0600, "$root/keys";
            put("$root/conf-available/$_", placed(text_of("$conf/$_"), $httpd))
                for qw(tmpfs_convert_cache.conf tmpfs_convert_log.conf);
            # As the module's package enables it.
            return "Define APACHE_LOG_DIR \"$root\"\n" . text_of("$conf/tmpfs_convert.conf") . placed($text, $httpd);
        });
}

sub signed {
    my ($url) = @_;
    my $plain = $url =~ s/,sig=v2\.SIGNATURE//r;
    return $url =~ s/SIGNATURE/hmac_sha256_hex($plain, $key)/er;
}

for my $file (@files) {
    my $name = basename($file);
    my $text = text_of($file);
    my @rows = $text =~ m{^\#   (/\S*)\s+(\S.*)$}mg;
    cmp_ok(scalar @rows, '>=', 6, "$name says what comes of it");
    my $httpd = start($text);
    server($httpd);
    while (my ($url, $want) = splice @rows, 0, 2) {
        my $answer = get(signed($url), 'X-Forwarded-For' => '203.0.113.9');
        my %want = map { $_ => 1 } split ' ', $want;
        my ($size) = grep { /^\d+x\d+$/ } keys %want;
        my ($status) = grep { /^\d{3}$/ } keys %want;
        my @types = grep { m{^image/} } keys %want;
        my @control = grep { /^(?:no-store|(?:s-)?max-?age=\d+)$/ } keys %want;
        my $known = @types + @control + !!$size + !!$status + !!$want{cached};
        is($known, scalar keys %want, "$name: '$want' has only words that are known");
        is($answer->code, $status // 200, "$name: $url: $want");
        if ($size) {
            my $seen = probe($answer->content);
            is($seen->{error} // "$seen->{width}x$seen->{height}", $size, '... of that size');
        }
        is($answer->content_type, $_, '... of that type') for @types;
        like($answer->header('Cache-Control') // 'none', qr/(?:^|[\s,])\Q$_\E(?:,|$)/, '... to be kept so long') for @control;
        like($answer->header('X-Cache') // 'none', qr/^HIT/, '... from the cache') if $want{cached};
    }
    expect_log(qr/TC0001|TC0032|TC0033|AH01630|TC0018/);
    no_leftovers($name);
}

# The log that production.conf asks for is written.
server(my $httpd = start(text_of("$conf/production.conf")));
get('/small_light(p=page)/img/cat.jpg');
# The line is written once the client has its last byte.
my $log = $httpd->root . '/tmpfs_convert.log';
for (1 .. 600) {
    last if -s $log;
    sleep 0.05;
}
like(text_of($log), qr/p=page.* 200 .*how=converted .*pattern=page/, 'production.conf writes its log');
ok($used{$_}, "$_ stands in a file") for sort keys %used;
done_testing;
