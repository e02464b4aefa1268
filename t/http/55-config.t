# SPDX-License-Identifier: Apache-2.0
# What configtest says: the directive and the fix.
# Under event only: what configtest says, before there is a process or a thread.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;

sub configtest {
    my ($conf, @option) = @_;
    my $httpd = TmpfsConvertTest::Httpd->new(conf => $conf, start => 0, @option);
    return $httpd->configtest;
}

my $dir = server()->root;
open my $out, '>', "$dir/plain-file" or die $!;
close $out;
mkdir "$dir/locked";
chmod 0500, "$dir/locked";

sub key_file {
    my ($name, $text) = @_;
    open my $out, '>', "$dir/$name" or die $!;
    print $out $text;
    close $out;
    chmod 0600, "$dir/$name";
    return "$dir/$name";
}
key_file('no-keys', "# nothing\n\n");
key_file('short-key', "# one\n0123456789abcdef\nsecret\n");
key_file('nearly-a-key', "0123456789abcde\n");
key_file('largest', ('#' x 63 . "\n") x 1023 . '0123456789abcdef' . "\n" x 48);
key_file('too-large', ('#' x 63 . "\n") x 1023 . '0123456789abcdef' . "\n" x 49);
key_file('keys', "# two\n0123456789abcdef\n\n  fedcba9876543210 \r\n");

my @wrong = (
    ["TmpfsConvertSecretFile $dir/none", qr{TmpfsConvertSecretFile \Q$dir\E/none: No such file}],
    ["TmpfsConvertSecretFile $dir/no-keys", qr{no-keys: there is no key in the file}],
    ["TmpfsConvertSecretFile $dir/short-key", qr{short-key: the key in line 3 is shorter than 16}],
    ["TmpfsConvertSecretFile $dir/nearly-a-key", qr{nearly-a-key: the key in line 1 is shorter than 16}],
    ["TmpfsConvertSecretFile $dir/too-large", qr{too-large: not a key file}],
    ["TmpfsConvertSecretFile $dir", qr{TmpfsConvertSecretFile \Q$dir\E: not a key file \(expected one key per line\)}],
    ['TmpfsConvertOnce perhaps', qr{TmpfsConvertOnce must be On or Off}],
    ['TmpfsConvertPatternOnly perhaps', qr{TmpfsConvertPatternOnly must be On or Off}],
    ['TmpfsConvertPatternQuery perhaps', qr{TmpfsConvertPatternQuery must be On or Off}],
    ["TmpfsConvertTempDir $dir/none", qr{TempDir \Q$dir\E/none: the directory is missing}],
    ["TmpfsConvertTempDir $dir/plain-file", qr{plain-file: the directory is not a directory}],
    ["TmpfsConvertTempDir $dir/locked", qr{locked: .*not writable for the server's User}],
    ['TmpfsConvertTempMethod mmap', qr{TmpfsConvertTempMethod mmap: takes auto, memfd}],
    ['TmpfsConvertTempReserve 101%', qr{TmpfsConvertTempReserve 101%: takes}],
    ['TmpfsConvertTempMemory 101%', qr{TmpfsConvertTempMemory 101%: takes}],
    (map { ["TmpfsConvertTempMemory $_", qr{TmpfsConvertTempMemory \Q$_\E: takes}] }
        qw(100.1% .5% 5.% 1.2.3% 0x10% 1e1% nan% 12.5), "1,5%"),
    ['TmpfsConvertTempMemory -1', qr{TmpfsConvertTempMemory -1: takes bytes}],
    ['TmpfsConvertTempPerClient 101%', qr{TmpfsConvertTempPerClient 101%: takes}],
    ['TmpfsConvertTempPerClient some', qr{TmpfsConvertTempPerClient some: takes bytes}],
    ['TmpfsConvertIsolation perhaps', qr{TmpfsConvertIsolation perhaps: takes on, off or require}],
    ["<VirtualHost *>\nTmpfsConvertIsolation on\n</VirtualHost>", qr{TmpfsConvertIsolation}],
    ['TmpfsConvertFetchTimeout 1m', qr{TmpfsConvertFetchTimeout 1m: takes whole seconds from 0 to}],
    ['TmpfsConvertFetchTimeout -1', qr{TmpfsConvertFetchTimeout -1: takes}],
    ["<VirtualHost *>\nTmpfsConvertTempPerClient 1M\n</VirtualHost>", qr{TmpfsConvertTempPerClient}],
    ['TmpfsConvertMaxPixels 12K3', qr{TmpfsConvertMaxPixels 12K3: takes}],
    ['TmpfsConvertMaxPixels 0', qr{TmpfsConvertMaxPixels 0: takes}],
    ['TmpfsConvertMaxSource -1', qr{TmpfsConvertMaxSource -1: takes}],
    ['TmpfsConvertSpoolMemory 5X', qr{TmpfsConvertSpoolMemory 5X: takes}],
    ['TmpfsConvertRadiusMax 0', qr{TmpfsConvertRadiusMax 0: takes}],
    ['TmpfsConvertSigmaMax 2000', qr{TmpfsConvertSigmaMax 2000: takes}],
    ['TmpfsConvertCompat loose', qr{TmpfsConvertCompat loose: takes fixed\|strict}],
    ['TmpfsConvertDamaged keep', qr{TmpfsConvertDamaged keep: takes refuse\|serve}],
    ["TmpfsConvertMaterialDir $dir/none", qr{TmpfsConvertMaterialDir \Q$dir\E/none: there is no such directory}],
    ["TmpfsConvertMaterialDir $dir/plain-file", qr{plain-file: there is no such directory}],
    ['TmpfsConvertMaxOutput 100', qr{TmpfsConvertMaxOutput 100: takes WIDTHxHEIGHT}],
    ['TmpfsConvertMaxOutput 0x5', qr{TmpfsConvertMaxOutput 0x5: takes WIDTHxHEIGHT}],
    ['TmpfsConvertMaxOutputPixels 0', qr{TmpfsConvertMaxOutputPixels 0: takes a whole number from 1 to}],
    ['TmpfsConvertMaxMemory 1T', qr{TmpfsConvertMaxMemory 1T: takes a whole number}],
    ['TmpfsConvertMaxCost 3x', qr{TmpfsConvertMaxCost 3x: takes whole seconds from 0 to}],
    ['TmpfsConvertMaxCost 25h', qr{TmpfsConvertMaxCost 25h: takes whole seconds}],
    ['TmpfsConvertPattern a/b dw=3', qr{TmpfsConvertPattern: the name}],
    ['TmpfsConvertPattern thumb dw=x', qr{TmpfsConvertPattern: dw=x: takes}],
    ['TmpfsConvertDefaults q=500', qr{TmpfsConvertDefaults: q=500: takes}],
    ['TmpfsConvertMaxActive x', qr{TmpfsConvertMaxActive x: takes ACTIVE}],
    ['TmpfsConvertMaxActive 4 70000', qr{TmpfsConvertMaxActive 4 70000: takes}],
    ['TmpfsConvertMaxActive 4 4 soon', qr{TmpfsConvertMaxActive 4 4 soon: takes}],
    ['TmpfsConvertTimeout -1s', qr{TmpfsConvertTimeout -1s: takes whole seconds from 0 to}],
    ['TmpfsConvertTimeout 1500ms', qr{TmpfsConvertTimeout 1500ms: takes whole seconds}],
    ['TmpfsConvertTimeout 30K', qr{TmpfsConvertTimeout 30K: takes whole seconds}],
    ['TmpfsConvertTimeout 99999999999999999999s', qr{TmpfsConvertTimeout 9+s: takes whole seconds}],
    ['TmpfsConvertMemoryBudget lots', qr{TmpfsConvertMemoryBudget lots: takes}],
    ['TmpfsConvertHistory 0', qr{TmpfsConvertHistory 0: takes off, or the time}],
    ['TmpfsConvertHistory soon', qr{TmpfsConvertHistory soon: takes}],
    ['TmpfsConvertHistory 10s 1', qr{TmpfsConvertHistory 10s 1: takes from 2 to}],
    ['TmpfsConvertHistory off 50', qr{TmpfsConvertHistory off: takes}],
    ["<VirtualHost *>\nTmpfsConvertTempMethod auto\n</VirtualHost>", qr{TmpfsConvertTempMethod}],
);
for my $case (@wrong) {
    my ($text, $status) = configtest("$case->[0]\n");
    my ($what) = $case->[0] =~ /^(?:<.*\n)?(.*)/;
    isnt($status, 0, "'$what' does not pass");
    like($text, $case->[1], '... and the message tells why');
}

my ($text, $status) = configtest(<<'CONF');
TmpfsConvert On
TmpfsConvertDefaults "dw=800, q=75"
TmpfsConvertPattern thumb dw=100;dh=100
SmallLightPatternDefine old dw=1
TmpfsConvertSpoolMemory 1M
TmpfsConvertMaxSource 16M
TmpfsConvertMaxPixels 50000000
TmpfsConvertMaxOutput 4000x3000
TmpfsConvertMaxOutputPixels 12000000
TmpfsConvertMaxMemory 512M
TmpfsConvertMaxCost 10
TmpfsConvertRadiusMax 20
TmpfsConvertSigmaMax 12
TmpfsConvertCompat Strict
TmpfsConvertDamaged serve
TmpfsConvertKeepCopyright On
TmpfsConvertMaterialDir /usr
TmpfsConvertTempMethod unlinked
TmpfsConvertTempReserve 64M
TmpfsConvertTempMemory off
TmpfsConvertTempPerClient 5%
TmpfsConvertTempPerClient 300M
TmpfsConvertTempPerClient Off
TmpfsConvertFetchTimeout 0
TmpfsConvertFetchTimeout 2mi
TmpfsConvertTimeout 30s
TmpfsConvertTimeout 1h
TmpfsConvertTimeout 2000ms
TmpfsConvertMaxCost 3s
TmpfsConvertTempMemory 12.5%
TmpfsConvertTempMemory 100.0%
TmpfsConvertTempReserve 0.25%
TmpfsConvertIsolation Off
TmpfsConvertIsolation On
TmpfsConvertHistory 30s 100
TmpfsConvertMaxActive 4 20 500ms
TmpfsConvertMemoryBudget 256M
TmpfsConvertMemoryBudget 30%
CONF
is($status, 0, 'a right one passes') or diag $text;
($text, $status) = configtest("TmpfsConvertDefaults wd=800\n");
is($status, 0, 'a parameter that does not exist passes');
like($text, qr/TC0102.*'wd'/, '... with a warning');

# Directives that are sound one by one and do not work together.
my @no_cache = (lacks => [qw(cache cache_disk cache_socache)]);
for my $case (
    ["TmpfsConvertPatternOnly On", qr/TC0124: \S+httpd\.conf:\d+: TmpfsConvertPatternOnly On: no pattern/],
    ["<VirtualHost *>\nTmpfsConvertPatternOnly On\n</VirtualHost>\n<VirtualHost *>\nTmpfsConvertPattern a dw=3\n</VirtualHost>", qr/TC0124/],
    ["<Location /a>\nTmpfsConvertPatternOnly On\n</Location>", qr/TC0124/],
    ["TmpfsConvertPatternOnly Off", undef],
    ["TmpfsConvertPatternOnly On\nSmallLightPatternDefine a dw=3", undef],
    ["<VirtualHost *>\nTmpfsConvertPatternOnly On\n</VirtualHost>\nTmpfsConvertPattern a dw=3", undef],
    ["<Location /a>\nTmpfsConvertPatternOnly On\nTmpfsConvertPattern a dw=3\n</Location>", undef],
    ["TmpfsConvertPatternOnly On\nTmpfsConvertSecretFile $dir/keys", undef],
    ["TmpfsConvertPattern a dw=3\nTmpfsConvertPattern b p=a,q=5", qr/TC0122: TmpfsConvertPattern b: p=a in a pattern is ignored/],
    ["TmpfsConvertPattern a dw=3\nSmallLightPatternDefine a dw=4", qr/TC0123: SmallLightPatternDefine a: defined twice in one place/],
    ["TmpfsConvertPattern a dw=3\n<Location /a>\nTmpfsConvertPattern a dw=4\n</Location>", undef],
    ["TmpfsConvertPattern a dw=3\n<VirtualHost *>\nTmpfsConvertPattern a dw=4\n</VirtualHost>", undef],
    ["TmpfsConvertOnce On", qr/TC0125: \S+:\d+: TmpfsConvertOnce On: mod_cache is not loaded/, @no_cache],
    ["<Directory />\nTmpfsConvertOnce On\n</Directory>", qr/TC0125/, @no_cache],
    ["TmpfsConvertOnce Off", undef, @no_cache],
    ["TmpfsConvertOnce On", undef],
    ["TmpfsConvertDefaults p=a", qr/TC0126: \S+:\d+: TmpfsConvertDefaults p=a: there is no such pattern/],
    ["TmpfsConvertDefaults p=a\nTmpfsConvertPattern a dw=3", undef],
) {
    my ($conf, $warning, @option) = @$case;
    ($text, $status) = configtest("$conf\n", @option);
    is($status, 0, $conf =~ s/\n/; /gr . ' passes');
    if ($warning) { like($text, $warning, '... with a warning') }
    else { unlike($text, qr/TC01/, '... without a warning') }
}

($text, $status) = configtest("TmpfsConvertSecretFile $dir/keys\n");
is($status, 0, 'a key file passes') or diag $text;
unlike($text, qr/TC0121/, '... without a warning');
is(-s "$dir/largest", 65536, 'one of 64 KiB');
($text, $status) = configtest("TmpfsConvertSecretFile $dir/largest\n");
is($status, 0, '... passes') or diag $text;
chmod 0644, "$dir/keys";
($text, $status) = configtest("TmpfsConvertSecretFile $dir/keys\n");
is($status, 0, 'one that everybody may read passes');
like($text, qr/TC0121: TmpfsConvertSecretFile \Q$dir\E\/keys: the file is readable or writable by every user/, '... with a warning');

# Workers are processes with prefork and threads with the others: 16 and 32 here.
for my $case (['12 3', 0], ['12 500', 1], ['40', 1], ['40 0', 1], ['0', 0], ['1', 0]) {
    ($text, $status) = configtest("TmpfsConvertMaxActive $case->[0]\n");
    is($status, 0, "TmpfsConvertMaxActive $case->[0] passes");
    my $warns = $text =~ /TC0120: TmpfsConvertMaxActive \d+ \d+: .* all (?:16|32) workers/ ? 1 : 0;
    is($warns, $case->[1], $case->[1] ? '... with a warning' : '... without a warning');
}

# The reference configuration names every directive of the module, and is sound.
my $root = $TmpfsConvertTest::Site::ROOT;

sub slurp {
    open my $in, '<', $_[0] or die "$_[0]: $!";
    local $/ = undef;
    return scalar <$in>;
}

my $reference = slurp("$root/conf/tmpfs_convert.conf");
my $manual    = slurp("$root/docs/directives.md");
my %directive = map { $_ => 1 }
    slurp("$root/src/server/directives.h") =~ /"((?:TmpfsConvert|SmallLight)\w*)"/g;
cmp_ok(scalar keys %directive, '>=', 10, 'the module has its directives');
for my $name (sort keys %directive) {
    like($reference, qr/\b$name\b/, "$name is in the reference configuration");
    like($manual, qr/`$name /, '... and in the manual');
}
(my $all = $reference) =~ s/^#(TmpfsConvert)/$1/mg;
($text, $status) = configtest($all);
is($status, 0, 'with every line active the reference configuration is sound') or diag $text;

# Every id that the sources log is documented.
my $messages = slurp("$root/docs/messages.md");
my %ids = map { $_ => 1 } map { slurp($_) =~ /\b(TC\d{4})\b/g } glob "$root/src/server/*.c";
like($messages, qr/\b$_\b/, "$_ is documented") for sort keys %ids;

done_testing;
