# SPDX-License-Identifier: Apache-2.0
# Where only patterns or signed URLs may convert, a picture is converted once and is one
# file in mod_cache, in however many ways its URL, its Accept or its Host are written.
# Under event only: spellings of a URL; 30-url runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use Digest::SHA qw(hmac_sha256_hex);
use File::Find qw(find);
use JSON::PP ();

use constant WAYS => 50;

my $key     = 'an example key of some length';
my $picture = mkpicture('one-url.jpg', 400, 300);
my $origin  = TmpfsConvertTest::Httpd->new(plain => 1, conf => <<"CONF");
<Location "/varies/">
    Header set Vary Accept
</Location>
Alias "/varies/" "@{[docroot()]}/pictures/"
CONF

open my $in, '<', "$TmpfsConvertTest::Site::ROOT/conf/tmpfs_convert_cache.conf" or die $!;
my $reference = do { local $/ = undef; <$in> };

sub start {
    my ($more) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
        my ($self) = @_;
        my $root = $self->root;
        my $text = $reference;
        mkdir "$root/cache";
        $text =~ s{^(CacheRoot) .*}{$1 "$root/cache"}m or die;
        open my $out, '>', "$root/keys" or die $!;
        print $out "$key\n";
        close $out;
        chmod 0600, "$root/keys";
        return <<"CONF";
TmpfsConvert On
TmpfsConvertQuery On
TmpfsConvertPatternOnly On
TmpfsConvertPattern thumb "dw=60"
TmpfsConvertPattern auto "dw=60,of=auto"
$text
$more
CacheDisable /tmpstat
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
Alias /asked/ "$self->{documents}/pictures/"
# What has a query mod_cache keeps only when it is told how long.
<Location /asked/>
    Header set Cache-Control max-age=600
</Location>
Alias /signed/ "$self->{documents}/pictures/"
Alias /preset/ "$self->{documents}/pictures/"
<Location /signed/>
    TmpfsConvertSecretFile keys
    Header set Cache-Control max-age=600
</Location>
<Location /preset/>
    SetHandler tmpfs-convert
    TmpfsConvertDefaults "p=auto"
</Location>
RewriteEngine On
RewriteRule "^/thumbs/(.*)" "/small_light(p=thumb)/asked/\$1" [PT]
ProxyPass /far/ http://127.0.0.1:@{[$origin->port]}/pictures/
ProxyPass /varies/ http://127.0.0.1:@{[$origin->port]}/varies/
CONF
    });
    server($httpd);
    return $httpd;
}

sub conversions {
    my $status = JSON::PP->new->utf8->decode(get('/tmpstat?json')->content);
    my $sum = 0;
    $sum += $_->{conversions} for @{ $status->{conversions}{by_input_output} };
    return $sum;
}

sub cached {
    my $files = 0;
    find(sub { $files++ if /\.data$/ }, server()->root . '/cache');
    return $files;
}

sub signed {
    my ($url) = @_;
    (my $text = $url) =~ s/,sig=SIG//;
    my $sig = 'v2.' . hmac_sha256_hex($text, $key);
    return $url =~ s/SIG/$sig/r;
}

# Not from the cache either, once the time is over.
sub ends_with_its_time {
    my $until = time + 2;
    my $query = "dw=71&expires=$until";
    my %url = (
        'the function' => signed("/small_light(dw=72,expires=$until,sig=SIG)/signed/one-url.jpg"),
        'a query' => "/signed/one-url.jpg?$query&sig=v2." . hmac_sha256_hex("/signed/one-url.jpg\n$query", $key),
    );
    for my $what (sort keys %url) {
        is(get($url{$what})->code, 200, "signed for two seconds, $what");
        my $before = conversions();
        is(get($url{$what})->code, 200, '... and again');
        is(conversions(), $before, '... from the cache');
    }
    select undef, undef, undef, $until + 1.1 - time;
    is(get($url{$_})->code, 403, "... and refused behind that, $_") for sort keys %url;
    return;
}

# A rule puts the function in; the URL that the client is sent to is without it.
sub is_redirected_to_what_it_asked {
    is(get('/thumbs/one-url.jpg')->code, 200, 'a function that a rule brings in');
    my $answer = get('/thumbs/./one-%75rl.jpg');
    is($answer->code, 302, '... otherwise spelled: a redirect');
    like($answer->header('Location'), qr{^(?:http://[^/]+)?/thumbs/one-url\.jpg$}, '... to the same without a function');
    like($answer->header('Cache-Control'), qr/no-store/, '... that is not kept');
    return;
}

# The first $bits letters behind the last slash, those that $number has encoded.
sub encode_some {
    my ($url, $number) = @_;
    my ($head, $tail) = $url =~ m{(.*/)(.*)};
    my $bit = 0;
    $tail =~ s/([a-z])/$number >> $bit++ & 1 ? sprintf '%%%02x', ord $1 : $1/ge;
    return "$head$tail";
}

# Ask $one, then in 50 ways. $way gets URL and number, and gives a URL and headers.
sub is_one {
    my ($what, $one, $way, @answers) = @_;
    my ($first, @headers) = $way->($one, 0);
    my %codes;
    is(get($one, @headers)->code, 200, "$what: one");
    my ($before, $files) = (conversions(), cached());
    for my $number (1 .. WAYS) {
        my ($url, %header) = $way->($one, $number);
        $codes{ get($url, %header)->code }++;
    }
    is(conversions(), $before, '... and no other conversion in ' . WAYS . ' ways');
    is(cached(), $files, '... nor another file in the cache');
    return is(join(',', sort keys %codes), join(',', @answers), "... which are answered @answers");
}

my $function = "/small_light(p=thumb)$picture";
my %function = (
    'a query' => [$function, sub { ("$_[0]?x=$_[1]") }, 302],
    'a pattern repeated' => [$function, sub { ($_[0] =~ s/(p=thumb)/join ',', ($1) x ($_[1] + 1)/er) }, 302],
    'commas' => [$function, sub { ($_[0] =~ s/(p=thumb)/$1 . ',' x $_[1]/er) }, 302],
    'blanks' => [$function, sub { ($_[0] =~ s/(p=thumb)/$1 . '%20' x $_[1]/er) }, 302],
    'dots' => [$function, sub { ('/.' x $_[1] . $_[0]) }, 302],
    'slashes' => [$function, sub { ($_[0] =~ s{/one}{'/' x ($_[1] + 1) . 'one'}er) }, 302],
    'folders and back' => [$function, sub { ($_[0] =~ s{/one}{"/n$_[1]/../one"}er) }, 302],
    'letters encoded' => [$function, sub { (encode_some(@_)) }, 302],
    'an end' => [$function, sub { ($_[0] =~ s/thumb/"thumb,expires=$_[1]"/er) }, 403],
    'Host' => [$function, sub { ($_[0], Host => "host$_[1].example") }, 200],
    "Host's port" => [$function, sub { ($_[0], Host => '127.0.0.1:' . (1000 + $_[1])) }, 200],
    'Accept' => ["/small_light(p=auto)$picture", sub { ($_[0], Accept => "image/webp, x/$_[1], */*;q=0.$_[1]") }, 200],
    'Accept, elsewhere' => ['/small_light(p=auto)/far/one-url.jpg', sub { ($_[0], Accept => "image/webp, x/$_[1]") }, 200],
    'Accept, by which the original varies' =>
        ['/small_light(p=thumb)/varies/one-url.jpg', sub { ($_[0], Accept => "image/webp, x/$_[1]") }, 200],
    'a query, elsewhere' => ['/small_light(p=thumb)/far/one-url.jpg', sub { ($_[1] ? "$_[0]?x=$_[1]" : $_[0]) }, 403],
    'signed, a query' => [signed('/small_light(dw=70,sig=SIG)/signed/one-url.jpg'), sub { ("$_[0]?x=$_[1]") }, 403],
    'signed, letters encoded' => [signed('/small_light(dw=70,sig=SIG)/signed/one-url.jpg'), sub { (encode_some(@_)) }, 302],
    'signed, capitals' => [signed('/small_light(dw=70,sig=SIG)/signed/one-url.jpg'),
        sub {
            my ($url, $number) = @_;
            my $bit = 0;
            return $url =~ s{v2\.(\w+)}{'v2.' . $1 =~ s/([a-f])/$number >> $bit++ & 1 ? uc $1 : $1/ger}er;
        }, 302],
    'signed, Accept' => [signed('/small_light(p=auto,sig=SIG)/signed/one-url.jpg'),
        sub { ($_[0], Accept => "image/avif, x/$_[1]") }, 200],
);
my %other = (
    'a query' => ['/asked/one-url.jpg?p=thumb', sub { ("$_[0]&x=$_[1]") }, 302],
    'Accept, in a query' => ['/asked/one-url.jpg?p=auto', sub { ($_[0], Accept => "image/webp, x/$_[1]") }, 200],
    'a query, by the configuration' => ['/preset/one-url.jpg', sub { ("$_[0]?x=$_[1]") }, 302],
    'Accept, by the configuration' => ['/preset/one-url.jpg', sub { ($_[0], Accept => "image/webp, x/$_[1]") }, 200],
);

# Sections come too late for the quick handler, and hold the function alone.
my $everything = "CacheEnable disk /\nUseCanonicalName On\n";
for my $run (['as shipped', '', \%function], ['quick', "CacheQuickHandler on\n$everything", \%function],
    ['not quick', "CacheQuickHandler off\n$everything", \%other]) {
    my ($name, $conf, $ways) = @$run;
    my $httpd = start($conf);
    for my $what (sort keys %$ways) {
        is_one("$name, $what", @{ $ways->{$what} });
    }
    if ($name eq 'not quick') {
        ends_with_its_time();
        is_redirected_to_what_it_asked();
    }
    expect_log(qr/TC003[23]/);
    no_leftovers($name);
    $httpd->stop;
}
server(TmpfsConvertTest::Httpd->shared);

done_testing;
