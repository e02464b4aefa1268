# SPDX-License-Identifier: Apache-2.0
# Damaged originals, by the hundred (TC_DAMAGED in the environment: how many): each is
# answered with a picture or a status of 4xx, in good time, and no child dies of one.
use strict;
use warnings;
use TmpfsConvertTest;
use File::Path qw(make_path remove_tree);
use Time::HiRes qw(time);

use constant PATIENCE => 30; # seconds; a sound picture of these sizes takes milliseconds

my $count = $ENV{TC_DAMAGED} || 150;
my $root  = $TmpfsConvertTest::Site::ROOT;
my $dir   = docroot() . "/pictures/damaged-$$";
my @parameters = (
    'dw=20,dh=20', 'dw=300,ds=s,of=png', 'da=s,cw=30,ch=30,cc=80ff0040,of=png',
    'sx=3,sy=10p,sw=8,sh=9,dw=5,of=jpeg', 'dw=30p,jpeghint=y,autoorient=n',
);

make_path($dir);
is(system("$root/build/bin/damage", "$root/build/seeds/pictures", $dir, $count, 2), 0, "$count damaged files");
my @files = sort glob "$dir/*";
is(scalar @files, $count, 'they are there');

my @children = server()->children;
my ($slowest, $slowest_file, %statuses, @bad) = (0, '');
for my $at (0 .. $#files) {
    my ($name) = $files[$at] =~ m{([^/]+)\z};
    my $params = $parameters[$at % @parameters];
    my $started = time;
    my $answer = get("/small_light($params)/pictures/damaged-$$/$name");
    my $took = time - $started;
    my $code = $answer->code;

    ($slowest, $slowest_file) = ($took, $name) if $took > $slowest;
    $statuses{$code}++;
    my $good = $code == 200
        ? $answer->content_type =~ m{\Aimage/} && length $answer->content == $answer->header('Content-Length')
        : $code =~ /\A4\d\d\z/ && $answer->content_type =~ m{\Atext/};
    push @bad, "$name ($params): $code" unless $good;
}
is_deeply(\@bad, [], 'each is a picture or refused');
cmp_ok($statuses{422} || 0, '>', $count / 5, '... a fifth or more as damaged');
ok($statuses{200}, '... and some are pictures');
cmp_ok($slowest, '<', PATIENCE, "... none takes long ($slowest_file)");
note join ', ', map {"$_: $statuses{$_}"} sort keys %statuses;
note sprintf 'slowest: %.3f s, %s', $slowest, $slowest_file;

my %now = map { $_ => 1 } server()->children;
is_deeply([grep { !$now{$_} } @children], [], 'the children are those of before');
expect_log(qr/TC000[1-9]: /);
remove_tree($dir);
done_testing();
