# SPDX-License-Identifier: Apache-2.0
# docs/recipes.md: each recipe as it stands there, a virtual host of its own.
# Under event only: a manual's examples; 30-url runs under each MPM.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);

my $documents = docroot() . '/recipes';
remove_tree($documents);
make_path("$documents/img");
copy(docroot() . mkpicture('cat.jpg', 640, 480, seed => 5), "$documents/img/cat.jpg") or die $!;
# The same where other programs keep pictures, and as WordPress names what it has reduced or turned.
my %also = (
    'wp-content/uploads/2026/11' => ['cat.jpg', 'large-scaled.jpg'],
    'images/a/ab' => ['Cat.jpg'],
);
for my $folder (sort keys %also) {
    make_path("$documents/$folder");
    copy("$documents/img/cat.jpg", "$documents/$folder/$_") or die $! for @{ $also{$folder} };
}
copy(docroot() . mkpicture('tall.jpg', 480, 640, seed => 5), "$documents/wp-content/uploads/2026/11/turned-rotated.jpg") or die $!;

my (@recipes, $title);
open my $in, '<', "$TmpfsConvertTest::Site::ROOT/docs/recipes.md" or die "docs/recipes.md: $!";
while (my $line = <$in>) {
    next if $line =~ /^```/ ... $line =~ /^```$/; # for other programs
    if ($line =~ /^## (.*)/) { $title = $1 }
    elsif ($line =~ /^    (.*\n)/) {
        push @recipes, { title => $title, conf => '', rows => [] } if !@recipes || @{ $recipes[-1]{rows} };
        $recipes[-1]{conf} .= $1;
    }
    elsif ($line =~ /^\| `(\S+)` \| (.*) \|$/) { push @{ $recipes[-1]{rows} }, [$1, $2] }
}
close $in;
cmp_ok(scalar @recipes, '>=', 19, 'there are recipes');

my $origin = TmpfsConvertTest::Httpd->new(plain => 1, documents => $documents);
my $far = 'http://127.0.0.1:' . $origin->port;
my $conf = '';
for my $at (0 .. $#recipes) {
    my $lines = $recipes[$at]{conf} =~ s{http://originals\.example}{$far}gr;
    $conf .= "<VirtualHost *>\nServerName r$at.test\nDocumentRoot \"$documents\"\n$lines</VirtualHost>\n";
}
server(TmpfsConvertTest::Httpd->new(documents => $documents, conf => $conf));

for my $at (0 .. $#recipes) {
    my $recipe = $recipes[$at];
    ok(@{ $recipe->{rows} }, "$recipe->{title}: a recipe says what comes of it");
    for my $row (@{ $recipe->{rows} }) {
        my ($url, $want) = @$row;
        my $answer = get($url, Host => "r$at.test");
        my ($size)     = $want =~ /\b(\d+x\d+)\b/;
        my ($status)   = $want =~ /^(\d{3})\b(?!x)/;
        my ($location) = $want =~ m{`(http\S+)`};
        my ($age)      = $want =~ /`(max-age=\d+)`/;
        is($answer->code, $status // 200, "$recipe->{title}: $url: $want");
        if ($size) {
            my $seen = probe($answer->content);
            is($seen->{error} // "$seen->{width}x$seen->{height}", $size, '... of that size');
        }
        is($answer->header('Location'), $location, '... to there') if $location;
        is($answer->header('Cache-Control'), $age, '... for so long') if $age;
        is($answer->header('Content-Type'), 'image/jpeg', '... a picture') if $size && $status;
    }
}
expect_log(qr/TC0032|AH01630/);
done_testing;
