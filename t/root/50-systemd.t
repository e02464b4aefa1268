# SPDX-License-Identifier: Apache-2.0
# conf/systemd.conf: what systemd makes of it, and a server under what it asks for, as far as
# that goes without systemd as the first process: its tmpfs, capabilities, limits and
# no_new_privs are set; system calls, sockets, mappings and files written are looked at.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use File::Path qw(make_path);
use File::Temp ();
use JSON::PP ();
use Time::HiRes qw(sleep);

plan(skip_all => 'not root') if $>;
sub missing {
    return grep { my $name = $_; !grep { -x "$_/$name" } split /:/, $ENV{PATH} } @_;
}
my @missing = missing(qw(systemd-analyze strace setpriv unshare));
plan(skip_all => "not on this machine: @missing (tools/deps --test)") if @missing;

my $file = "$TmpfsConvertTest::Site::ROOT/conf/systemd.conf";
open my $in, '<', $file or die "$file: $!";
my $text = do { local $/ = undef; <$in> };
my %set;
push @{ $set{$1} }, $2 while $text =~ /^(\w+)=(.*)$/mg;

# ---- what systemd says -----------------------------------------------------------

make_path("$TmpfsConvertTest::Site::ROOT/build/t");
my $scratch = File::Temp->newdir('systemd-XXXXXX', DIR => "$TmpfsConvertTest::Site::ROOT/build/t");
my $place = $scratch->dirname;
chmod 0755, $place;
make_path("$place/etc/systemd/system/apache2.service.d", "$place/usr/lib/systemd/system");
my ($unit) = grep { -e } map { "$_/systemd/system/apache2.service" } '/usr/lib', '/lib';
sub put {
    my ($to, $what) = @_;
    open my $out, '>', $to or die "$to: $!";
    print $out $what;
    close $out;
    return;
}
# Debian's unit, or what it comes to.
my $debian = "[Service]\nType=forking\nExecStart=/usr/sbin/apachectl start\nKillMode=mixed\nPrivateTmp=true\n";
if ($unit) {
    open my $from, '<', $unit or die "$unit: $!";
    local $/ = undef;
    $debian = <$from>;
}
put("$place/usr/lib/systemd/system/apache2.service", $debian);

sub exposure {
    my $said = `systemd-analyze security --offline=true --root='$place' apache2.service 2>&1`;
    return ($said =~ /Overall exposure level for apache2.service: ([\d.]+)/ ? $1 : undef, $said);
}
my ($before) = exposure();
put("$place/etc/systemd/system/apache2.service.d/pictures.conf", $text);
my ($after, $said) = exposure();
cmp_ok($before // 0, '>', 9, 'the unit alone leaves nearly everything open');
cmp_ok($after // 10, '<=', 2.7, "with the drop-in its exposure is $after") or diag $said;
unlike($said, qr/Unknown|Failed to parse|ignoring/i, 'every line is understood');

# ---- a server under it ---------------------------------------------------------------

# The calls of systemd's groups, groups in groups too.
my %calls;
sub calls_of {
    my ($name) = @_;
    return $name if $name !~ /^@/;
    return @{ $calls{$name} ||= [
        map { calls_of($_) } map { /^\s+([@\w-]+)\s*$/ ? $1 : () } `systemd-analyze syscall-filter '$name' 2>&1`
    ] };
}
my %may;
for my $line (@{ $set{SystemCallFilter} }) {
    my $out = $line =~ s/^~//;
    for my $call (map { calls_of($_) } split ' ', $line) {
        if ($out) { delete $may{$call} } else { $may{$call} = 1 }
    }
}
cmp_ok(scalar keys %may, '>', 200, 'there are calls that it may use');
ok(!$may{$_}, "$_ is not among them") for qw(ptrace mount bpf init_module reboot userfaultfd);

my ($private, $options) = $set{TemporaryFileSystem}[0] =~ /^(\S+?):(\S+)$/;
my %bit = (CAP_CHOWN => 0, CAP_KILL => 5, CAP_SETGID => 6, CAP_SETUID => 7, CAP_NET_BIND_SERVICE => 10);
my $bits = 0;
$bits |= 1 << ($bit{$_} // die "which bit is $_?") for split ' ', $set{CapabilityBoundingSet}[0];
my $capabilities = join ',', '-all', map { '+' . lc s/^CAP_//r } split ' ', $set{CapabilityBoundingSet}[0];
my $trace = "$place/trace";
put("$place/inside", <<"SH");
#!/bin/sh
mount -t tmpfs -o '$options' tmpfs '$place$private' || exit 1
exec strace -D -f -qq -o '$trace'.\$\$ -e signal=none \\
    setpriv --bounding-set=$capabilities --inh-caps=-all --no-new-privs '@{[TmpfsConvertTest::Site::httpd()]}' "\$@"
SH
chmod 0755, "$place/inside";
# In a view of mounts of its own, as the unit's processes are.
put("$place/httpd", "#!/bin/sh\nexec unshare -m '$place/inside' \"\$@\"\n");
chmod 0755, "$place/httpd";
make_path("$place$private");

if (system("unshare -m mount -t tmpfs -o '$options' tmpfs '$place$private'")) {
    diag 'this machine mounts no tmpfs: only what systemd says is tested';
    done_testing;
    exit;
}

my @own;
my @asked = ('/small_light(dw=300,of=png)', '/small_light(dw=200)', '/small_light(dw=100,of=webp)');
# Each way of converting; `require` does not start without its locks.
for my $isolation (qw(off require)) {
    # The wrapper is for the server alone: what `httpd -l` says is asked without it.
    TmpfsConvertTest::Site::load_modules(mpm());    # remembered
    local $ENV{TC_HTTPD} = "$place/httpd";
    my $httpd = TmpfsConvertTest::Httpd->new(conf => sub {
        my $root = $_[0]->root;
        return <<"CONF";
TmpfsConvert On
TmpfsConvertTempDir "$place$private"
TmpfsConvertTempMethod tmpfile
TmpfsConvertIsolation $isolation
TmpfsConvertSpoolMemory 0
CustomLog "$root/access_log" "%r"
CacheRoot "$root/cache"
<LocationMatch "of=webp">
    CacheEnable disk
</LocationMatch>
CacheQuickHandler off
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
    });
    server($httpd);
    my $photo = mkpicture('systemd.jpg', 1200, 900, seed => 4);
    push @own, $httpd->root;
    my @pids = ($httpd->pid, $httpd->children);
    for my $pid (@pids) {
        open my $status, '<', "/proc/$pid/status" or next;
        my $words = do { local $/ = undef; <$status> };
        like($words, qr/^NoNewPrivs:\s+1$/m, "$pid gets no new rights");
        is($words =~ /^CapBnd:\s+(\S+)/m ? hex $1 : undef, $bits, '... and can have the capabilities of the drop-in');
    }
    for my $round (1, 2) {
        is(probe(get("$_$photo"))->{error}, undef, "$_ under the drop-in, isolation $isolation, round $round") for @asked;
        my $figures = JSON::PP->new->utf8->decode(get('/tmpstat?json')->content);
        my ($dir) = grep { ($_->{dir} // '') eq "$place$private" } @{ $figures->{temp}{by_dir} };
        is($dir->{temp_fs_size_bytes}, 256 << 20, 'the tmpfs has its bound') or diag JSON::PP->new->pretty->encode($figures);
        cmp_ok($dir->{temp_files_made} // 0, '>=', 2, '... and the results');
        last if $round == 2;
        $httpd->graceful;
        for (1 .. 600) {
            last if $httpd->log_text =~ /configured -- resuming normal operations.*configured -- resuming/s;
            sleep 0.05;
        }
    }
    no_leftovers("under the drop-in, isolation $isolation");
    $httpd->stop;
}

my (%seen, %family, %written, $executable);
my @traces = glob "$trace.*";
is(scalar @traces, 2, 'both servers were watched');
for my $file (@traces) {
    open my $log, '<', $file or die "$file: $!";
    while (my $line = <$log>) {
        next unless $line =~ /^\d+\s+(?:<\.\.\. )?(\w+)(?:\(| resumed)/;
        $seen{$1}++;
        $family{$1}++ if $line =~ /\bsocket\((\w+)/;
        $executable = $line if $line =~ /\bm(?:map|protect)\(.*PROT_WRITE\|PROT_EXEC/;
        $written{$1}++ if $line =~ /\bopenat\(\w+, "([^"]*)", [^)]*\bO_(?:WRONLY|RDWR)/ && $line !~ / = -1 /;
    }
    close $log;
}
cmp_ok(scalar keys %seen, '>', 40, 'system calls were seen');
my @forbidden = grep { !$may{$_} } sort keys %seen;
is_deeply(\@forbidden, [], 'each is one that the drop-in allows');
my %address = map { $_ => 1 } split ' ', $set{RestrictAddressFamilies}[0];
is_deeply([grep { !$address{$_} } sort keys %family], [], 'so is each family of sockets');
is($executable, undef, 'no memory is both written to and executed');
my $places = join '|', map { quotemeta } @own, $place;
my @elsewhere = grep { !m{^(?:$places|/dev/|/tmp/|/var/tmp/|/run/|/var/run/|memfd:)} } sort keys %written;
is_deeply(\@elsewhere, [], 'files are written in the places of the server alone');
done_testing;
