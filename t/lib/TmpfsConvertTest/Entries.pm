# SPDX-License-Identifier: Apache-2.0
#
# One conversion by every way there is to ask for it, in a server of the test's own:
#
#   my $entries = TmpfsConvertTest::Entries->new(conf => "TmpfsConvertRadiusMax 20\n");
#   my $answer = $entries->same('dw=32,q=90', 'quad.png', 'what is tested');
#
# the function for a file, the function for an original that another server has, and
# the query. `same` is one test: that all three gave the same.
package TmpfsConvertTest::Entries;

use strict;
use warnings;
use TmpfsConvertTest ();
use TmpfsConvertTest::Httpd ();

# conf: directives for the whole server, beside those of the entries.
sub new {
    my ($class, %option) = @_;
    my $pictures = TmpfsConvertTest::docroot() . '/pictures';
    my $origin = TmpfsConvertTest::Httpd->new(plain => 1);
    my $front = TmpfsConvertTest::Httpd->new(conf => sub {
        my $port = $origin->port;
        my $root = $_[0]->root;
        my $conf = ref $option{conf} ? $option{conf}->($_[0]) : $option{conf} // '';
        return <<"CONF";
$conf
Alias "/file/" "$pictures/"
<Location "/file/">
    TmpfsConvert On
</Location>
<Location "/far/">
    TmpfsConvert On
    ProxyPass "http://127.0.0.1:$port/pictures/"
</Location>
Alias "/query/" "$pictures/"
<Location "/query/">
    TmpfsConvertQuery On
</Location>
CONF
    });
    return bless { origin => $origin, front => $front }, $class;
}

sub front { return $_[0]{front} }

# The three URLs for parameters and picture. In a query + stands for a blank.
sub urls {
    my ($self, $params, $file) = @_;
    my $query = $params =~ s/[,;]/&/gr;
    my @urls = ("/file/small_light($params)/$file", "/far/small_light($params)/$file");
    push @urls, "/query/$file?$query" if $params =~ /=/;
    return @urls;
}

# The handler's answer, after all have been asked.
sub same {
    my ($self, $params, $file, $what) = @_;
    my ($first, @others) = map { TmpfsConvertTest::get($_) } $self->urls($params, $file);
    my $say = sub {
        my $length = $_[0]->header('Content-Length');
        my $right = !defined $length || $length == length $_[0]->content ? '' : ' of another length';
        return join ' ', $_[0]->code, $_[0]->content_type // '', length $_[0]->content, $right;
    };
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @wrong = grep { $say->($_) ne $say->($first) || $_->content ne $first->content } @others;
    Test::More::ok(!@wrong && $say->($first) !~ /of another/, $what)
        or Test::More::diag(map { $say->($_) . "\n" } $first, @others);
    return $first;
}

1;
