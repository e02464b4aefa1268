# SPDX-License-Identifier: Apache-2.0
# /tmpstat's kernel figures: true ones where httpd was started as root, though the
# children that answer are not root, and estimates where it was not.
use TmpfsConvertTest;
use TmpfsConvertTest::Httpd;
use JSON::PP ();

plan(skip_all => 'not root') if $>;

my $slabinfo = do { local (@ARGV, $/) = '/proc/slabinfo'; <> };
my ($dentries) = ($slabinfo // '') =~ /^dentry\s+\d+\s+(\d+)/m;

sub conf { return "<Location \"/tmpstat\">\nSetHandler tmpstat\n</Location>\n" }
sub json { return JSON::PP->new->utf8->decode(get('/tmpstat?json')->content) }

# Each MPM has a parent that samples; each is another loop around the monitor hook.
for my $mpm (qw(prefork worker event)) {
    my $httpd = TmpfsConvertTest::Httpd->new(mpm => $mpm, conf => conf());
    server($httpd);
    my $now = json();
    SKIP: {
        skip '/proc/slabinfo has no dentry line here', 4 unless $dentries;
        is($now->{dentries}{host_slabinfo_readable}, 1, "$mpm: a child of User www-data has slabinfo's figures");
        my $seen = $now->{dentries}{host_dentry_slab_objects} // 0;
        ok($seen > $dentries / 2 && $seen < $dentries * 2 + 100000, "$mpm: ... the kernel's: $seen of $dentries");
        is_deeply($now->{estimated}, [], "$mpm: ... nothing is an estimate");
        is($now->{slab}{by_cache}[0]{cache}, 'dentry', "$mpm: ... and the dentry cache heads the table");
    }
    # No child may hold a descriptor that only root could open.
    my @held = grep { /slabinfo|kernel\/slab/ } map { readlink // () }
        map { glob "/proc/$_/fd/*" } $httpd->children;
    is_deeply(\@held, [], "$mpm: no child has a privileged file open");
    no_leftovers();
    # The parent's next sample comes through the monitor hook.
    my $first = $now->{dentries}{host_slab_sample_timestamp_seconds};
    my $later;
    for (1 .. 150) {
        last unless $mpm eq 'event' && $first;
        select undef, undef, undef, 0.1;
        $later = json()->{dentries}{host_slab_sample_timestamp_seconds};
        last if $later != $first;
    }
    if ($mpm eq 'event') {
        SKIP: {
            skip 'no slab figures here', 2 unless $first;
            cmp_ok($later, '>', $first, 'the parent samples again');
            cmp_ok($later - $first, '<=', 14, '... after about ten seconds');
        }
    }
    $httpd->stop;
}

# The same module started by an ordinary user.
my $dir = File::Temp->newdir('/tmp/tc-status-XXXXXX');    # the parent's, to remove
my $pid = fork // die "fork: $!";
if (!$pid) {
    my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
    chown $uid, $gid, "$dir";
    $) = "$gid $gid"; $( = $gid; $< = $> = $uid;
    my $page = eval { as_user("$dir") } // "failed: $@";
    print {*STDERR} $page unless $page eq 'ok';
    POSIX::_exit($page eq 'ok' ? 0 : 1);
}
waitpid $pid, 0;
is($?, 0, 'started as a user: the page says that the slab is an estimate');

# In a child process: TAP is the parent's affair.
sub as_user {
    my ($dir) = @_;
    my $port = TmpfsConvertTest::Httpd::_free_port();
    open my $out, '>', "$dir/httpd.conf" or die "$dir: $!";
    print $out TmpfsConvertTest::Site::load_modules('event'), <<"CONF", conf();
ServerRoot "$dir"
ServerName 127.0.0.1
Listen 127.0.0.1:$port
PidFile "$dir/pid"
DefaultRuntimeDir "$dir"
ErrorLog "$dir/log"
DocumentRoot "$dir"
TypesConfig "$TmpfsConvertTest::Site::ROOT/t/conf/mime.types"
<Location "/">
    Require local
</Location>
CONF
    close $out or die "$dir: $!";
    system(TmpfsConvertTest::Site::httpd(), '-f', "$dir/httpd.conf") == 0
        or die 'httpd does not start: ' . `cat $dir/log`;
    my $agent = LWP::UserAgent->new(timeout => 20, env_proxy => 0);
    my ($html, $json);
    for (1 .. 50) {
        $html = $agent->get("http://127.0.0.1:$port/tmpstat");
        last if $html->is_success;
        select undef, undef, undef, 0.1;
    }
    $json = $agent->get("http://127.0.0.1:$port/tmpstat?json");
    open my $in, '<', "$dir/pid" or die "no pid file: $!";
    my $httpd = <$in>;
    kill TERM => $httpd;
    for (1 .. 50) { last unless kill 0, $httpd; select undef, undef, undef, 0.1 }
    die 'the page: ' . $html->status_line unless $html->is_success;
    die 'no estimate on the page' unless $html->content =~ /\(estimate\)/
        && $html->content =~ /is an estimate, 195 bytes a dentry/;
    my $data = JSON::PP->new->decode($json->content);
    die 'no estimate in the JSON' unless "@{ $data->{estimated} }" eq 'host_dentry_slab_bytes'
        && $data->{dentries}{host_dentry_slab_bytes} == 195 * $data->{dentries}{host_dentries}
        && !$data->{dentries}{host_slabinfo_readable};
    die 'no reason' unless $data->{unreadable}{host_dentry_slab_objects};
    return 'ok';
}

done_testing;
