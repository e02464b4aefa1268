# SPDX-License-Identifier: Apache-2.0
# What one request may cost: over the limits 413 at once, in words that name the directive;
# within them done; raised by the operator, done or ended by the timeout.
# Under event only: limits of one request; 20-errors runs under each MPM, 60-memory too.
use strict;
use warnings;
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use JSON::PP ();
use Time::HiRes qw(time);

my $noise = mkpicture('noise.png', 400, 300, kind => 'noise');
my $alpha = mkpicture('noise-alpha.png', 300, 300, kind => 'noise', type => 'rgba');
mkpicture('large.jpg', 5000, 4000, kind => 'flat', colour => '8090a0', quality => 60);
my %built = map { ("$_->{format} $_->{direction}" => $_->{format_built}) }
    @{ JSON::PP->new->utf8->decode(get('/tmpstat?json')->content)->{formats}{by_format_direction} };

# ---- the defaults ------------------------------------------------------------------------

# [parameters, original, status, what the log names; of an answer its format and size]
my $whole = 'da=n,ds=s';
my @cases = (
    ["dw=8192,dh=8192,$whole,of=avif,q=100", $noise, 413, 'TmpfsConvertMaxOutputPixels'],
    ["dw=8192,dh=8192,$whole,of=webp", $noise, 413, 'TmpfsConvertMaxOutputPixels'],
    ["dw=8192,dh=8192,$whole,blur=0x10,of=jpeg", $noise, 413, 'TmpfsConvertMaxOutputPixels'],
    ["dw=5000,dh=5000,$whole,of=jpeg", $noise, 413, 'TmpfsConvertMaxOutputPixels'],
    ["cw=8192,ch=8192,dw=10,of=png", $noise, 413, 'TmpfsConvertMaxOutputPixels'],
    ["dw=4000,dh=4001,$whole,of=jpeg", $noise, 413, 'TmpfsConvertMaxOutputPixels'],
    ["dw=4000,dh=4000,$whole,of=jpeg", $noise, 200, 'jpeg', 4000, 4000],
    ["dw=4000,dh=4000,$whole,of=avif", $noise, 413, 'TmpfsConvertMaxMemory'],
    ["dw=4000,dh=4000,$whole,of=avif,q=100", $noise, 413, 'TmpfsConvertMaxMemory'],
    ["dw=4000,dh=4000,$whole,of=webp,q=100", $noise, 413, 'TmpfsConvertMaxMemory'],
    ["dw=2300,dh=2300,$whole,of=avif,q=100", $noise, 413, 'TmpfsConvertMaxCost'],
    ["dw=2500,dh=2500,$whole,of=webp", $alpha, 413, 'TmpfsConvert(?:MaxCost|MaxMemory)'],
    ["dw=4000,dh=4000,$whole,of=png,unsharp=0x10,sharpen=0x10,blur=0x10", $alpha, 413, 'TmpfsConvertMaxCost'],
    ['dw=300,dh=300', '/pictures/large.jpg', 200, 'jpeg', 300, 240],
    ['dw=4000,dh=4000', '/pictures/large.jpg', 200, 'jpeg', 4000, 3200],
    ['q=80', '/pictures/large.jpg', 413, 'TmpfsConvertMaxOutputPixels'],
);

sub refused {
    my ($case, $why) = @_;
    my ($params, $file, $status, $named) = @$case;
    my $mark  = log_mark();
    my $began = time;
    my $answer = get("/small_light($params)$file");
    my $took  = time - $began;
    is($answer->code, $status, "($params) is $status: $why");
    cmp_ok($took, '<', 3, sprintf '... at once: %.3f s, and it would have taken longer', $took);
    my @lines = grep {/TC\d{4}/} error_log_lines($mark);
    is(scalar @lines, 1, '... with one log line');
    like($lines[0] // '', qr/TC0006: .*over the limit of .*\($named\)/, "... that names $named");
    expect_log(qr/TC0006/);
    return;
}

sub done {
    my ($case, $why) = @_;
    my ($params, $file, undef, @expected) = @$case;
    my $is = probe(get("/small_light($params)$file"));
    is("$is->{format} $is->{width}x$is->{height}", "$expected[0] $expected[1]x$expected[2]", "($params): $why");
    return;
}

for my $case (@cases) {
    my ($format) = $case->[0] =~ /of=(\w+)/;
  SKIP: {
        skip "$format is not built in", 1 if $format && $format =~ /^(?:avif|webp)$/ && !$built{"$format out"};
        $case->[2] == 200 ? done($case, 'by default') : refused($case, 'by default');
    }
}

# ---- other limits ------------------------------------------------------------------------

my $documents = docroot();
my $httpd = TmpfsConvertTest::Httpd->new(documents => $documents, conf => <<"CONF");
TmpfsConvert On
TmpfsConvertTempReserve 0
<Location "/raised/">
    TmpfsConvertMaxOutputPixels 70000000
    TmpfsConvertMaxMemory 4G
    TmpfsConvertMaxCost 60
</Location>
<Location "/timed/">
    TmpfsConvertMaxOutputPixels 70000000
    TmpfsConvertMaxMemory 0
    TmpfsConvertMaxCost 0
    TmpfsConvertTimeout 1
</Location>
<Location "/small/">
    TmpfsConvertMaxOutputPixels 10000
</Location>
<Location "/tight/">
    TmpfsConvertMaxMemory 20K
</Location>
TmpfsConvertMemoryBudget 4G
Alias /raised/ $documents/
Alias /timed/ $documents/
Alias /small/ $documents/
Alias /tight/ $documents/
CONF
server($httpd);

# Done, or ended within the time and a second: encoding that cannot be interrupted is not
# begun when what is left of the time is less than it takes.
sub bounded {
    my ($params, $prefix, $seconds, @codes) = @_;
    my $began  = time;
    my $answer = get("/small_light($params)$prefix$noise");
    my $took   = time - $began;
    like($answer->code, qr/^(?:@{[ join '|', @codes ]})$/, "$prefix ($params): " . $answer->code);
    cmp_ok($took, '<', $seconds, sprintf '... after %.1f s', $took);
    expect_log(qr/TC0006|TC0030/);
    return;
}

done(["dw=5000,dh=5000,$whole,of=jpeg", "/raised$noise", 200, 'jpeg', 5000, 5000], 'raised');
refused(["dw=200,dh=100,$whole,of=jpeg", "/small$noise", 413, 'TmpfsConvertMaxOutputPixels'], 'lowered');
done(["dw=100,dh=100,$whole,of=jpeg", "/small$noise", 200, 'jpeg', 100, 100], 'lowered, and within');
refused(["dw=100,dh=100,$whole,of=jpeg", "/tight$noise", 413, 'TmpfsConvertMaxMemory'], 'lowered');
for my $format (qw(avif webp)) {
  SKIP: {
        skip "$format is not built in", 1 if !$built{"$format out"};
        refused(["dw=8192,dh=8192,$whole,of=$format,q=100", "/timed$noise", 413, 'TmpfsConvertTimeout'],
            'over what the timeout allows');
        # What is planned for less than the timeout may be ended by it all the same.
        bounded("dw=1000,dh=1000,$whole,of=$format", '/timed', 2.5, 200, 413, 503);
    }
}
no_leftovers();
$httpd->stop;

# A plan over the whole server's budget would never be admitted: it does not wait either.
$httpd = TmpfsConvertTest::Httpd->new(documents => $documents, conf => <<'CONF');
TmpfsConvert On
TmpfsConvertMemoryBudget 1M
CONF
server($httpd);
done(["dw=100,dh=100,$whole,of=jpeg", $noise, 200, 'jpeg', 100, 100], 'within the budget');
refused(["dw=4000,dh=4000,$whole,of=jpeg,progressive=y", $noise, 413, 'TmpfsConvertMemoryBudget'], 'over the budget');
no_leftovers();
$httpd->stop;
server(TmpfsConvertTest::Httpd->shared);

done_testing;
