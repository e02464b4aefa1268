# SPDX-License-Identifier: Apache-2.0
#
# Several nodes and what stands in front of them, from the very files in conf/cluster, on
# loopback:
#
#   my $redis = redis();
#   my @nodes = map { node($redis) } 1 .. 3;
#   my $front = balancer(@nodes);       # or haproxy(@nodes), varnish(@nodes)
#
# Each has url, port, pid; `kill_hard` ends it as a machine that fails does. All end with the
# test.
package TmpfsConvertTest::Cluster;

use strict;
use warnings;
use Exporter qw(import);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use IO::Socket::INET ();
use POSIX ':sys_wait_h';
use Time::HiRes qw(sleep time);
use TmpfsConvertTest::Httpd ();
use TmpfsConvertTest::Site ();

our @EXPORT = qw(lacking block command redis memcached node balancer haproxy haproxy_cache varnish placed asked requests through kill_hard
    under_load failed free_port wait_for);

use constant PATIENCE => 60;

my %running;

# Those of the programs that are not here.
sub lacking {
    my @names = @_;
    my @path = (split(/:/, $ENV{PATH}), '/usr/sbin');
    return grep { my $name = $_; !grep { -x "$_/$name" } @path } @names;
}

sub free_port { return TmpfsConvertTest::Httpd::_free_port() }

# Until the sub says true: its value; after a minute nothing.
sub wait_for {
    my ($what) = @_;
    my $deadline = time + PATIENCE;
    while (time < $deadline) {
        my $found = $what->();
        return $found if $found;
        sleep 0.01;
    }
    return;
}

# ---- programs ----------------------------------------------------------------------------

# A program in the foreground, in a folder and on a port of its own, by the command that the sub
# returns for them; up when its port accepts.
sub _start {
    my ($name, $command) = @_;
    make_path("$TmpfsConvertTest::Site::ROOT/build/t");
    my $root = File::Temp->newdir("$name-XXXXXX", DIR => "$TmpfsConvertTest::Site::ROOT/build/t", CLEANUP => 0)->dirname;
    my $self = bless { name => $name, root => $root, owner => $$ }, __PACKAGE__;
    for my $attempt (1 .. 5) {
        $self->{port} = free_port();
        $self->_run($command->($self));
        my $up = wait_for(sub {
            return -1 if waitpid($self->{pid}, WNOHANG) > 0;
            return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) ? 1 : 0;
        });
        return $self if ($up // 0) > 0;
        $self->stop;
        # Another process may have taken the port since it was seen free.
        next if $attempt < 5 && _text_of("$root/output") =~ /bind|in use|listen/i;
        die "$name did not start:\n" . _text_of("$root/output");
    }
    return;
}

sub _run {
    my ($self, @command) = @_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        setpgrp;
        $ENV{PATH} .= ':/usr/sbin';
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$self->{root}/output";
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    $running{$pid} = $$;
    return;
}

sub url  { return "http://127.0.0.1:$_[0]{port}" }
sub port { return $_[0]{port} }
sub pid  { return $_[0]{pid} }
sub root { return $_[0]{root} }

sub stop {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return;
    return unless delete $running{$pid};
    kill $signal // 'TERM', $signal ? -$pid : $pid;
    my $gone = wait_for(sub { waitpid($pid, WNOHANG) != 0 });
    return if $gone;
    kill 'KILL', -$pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY {
    my ($self) = @_;
    return if ($self->{owner} // 0) != $$;
    local ($?, $@, $!);
    $self->stop;
    remove_tree($self->{root}) unless $ENV{TC_KEEP};
    return;
}

END {
    local $?;
    for my $pid (grep { $running{$_} == $$ } keys %running) {
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
}

sub _text_of {
    my ($file) = @_;
    open my $in, '<', $file or return '';
    local $/ = undef;
    return scalar(<$in>) // '';
}

sub _text {
    my ($file) = @_;
    open my $in, '<', "$TmpfsConvertTest::Site::ROOT/$file" or die "$file: $!";
    local $/ = undef;
    return scalar <$in>;
}

sub _write {
    my ($self, $name, $text) = @_;
    open my $out, '>', "$self->{root}/$name" or die "$self->{root}/$name: $!";
    print $out $text;
    close $out or die "$self->{root}/$name: $!";
    return "$self->{root}/$name";
}

# An indented block of docs/cluster.md, the first behind the line that begins with `$behind`.
sub block {
    my ($behind) = @_;
    my ($block) = _text('docs/cluster.md') =~ /^\Q$behind\E.*\n(?:(?!\#|    ).*\n)*((?:    .*\n)+)/m
        or die "docs/cluster.md has no block behind '$behind'";
    return $block =~ s/^    //mgr;
}

# Its lines as commands, with these places: exit status.
sub command {
    my ($behind, %place) = @_;
    local $ENV{PATH} = "$ENV{PATH}:/usr/sbin";
    return system 'sh', '-ec', "exec >&2\n" . placed(block($behind), %place);
}

# As docs/cluster.md configures them.
sub redis {
    return _start('redis', sub {
        my ($self) = @_;
        return ('redis-server', $self->_write('redis.conf', placed(block('/etc/redis/redis.conf'),
            'bind 10.0.0.20' => 'bind 127.0.0.1', 'port 6379' => "port $self->{port}") . "dir $self->{root}\n"));
    });
}

sub memcached {
    my @account = $> ? () : ('-u', 'nobody');
    return _start('memcached', sub {
        return ('memcached', @account, split ' ', placed(block('/etc/memcached.conf'),
            '10.0.0.20' => '127.0.0.1', 11211 => $_[0]->port));
    });
}

# ---- nodes -------------------------------------------------------------------------------

# Addresses of an example become those of this machine.
sub placed {
    my ($text, %place) = @_;
    for my $from (sort { length $b <=> length $a } keys %place) {
        $text =~ s/\Q$from\E/$place{$from}/g;
    }
    return $text;
}

# One node: conf/cluster/node.conf with that cache, undef for none. documents, more: as for
# TmpfsConvertTest::Httpd.
sub node {
    my ($cache, %option) = @_;
    my $text = _text('conf/cluster/node.conf');
    my $memcache = $cache && $cache->{name} eq 'memcached';
    if ($memcache) {
        $text =~ s/^\s*CacheSocache redis:.*\n//m or die 'no CacheSocache';
        $text =~ s/^(\s*)#(CacheSocache memcache:)/$1$2/m or die 'no other CacheSocache';
    }
    elsif (!$cache) {
        $text =~ s/^\s*Cache(?:Socache|Enable|QuickHandler|Key|Default|Min|Max|Lock|Ignore|Header).*\n//mg;
        $text =~ s/^\s*TmpfsConvertOnce.*\n//m;
    }
    my $edit = $option{edit} // sub { return $_[0] };
    # Its head names the module for redis, and the one that takes its place.
    my %modules = TmpfsConvertTest::Site::modules_named($text);
    push @{ $modules{modules} }, 'socache_memcache' if $memcache;
    my $documents = $option{documents} // TmpfsConvertTest::Site::document_root();
    return TmpfsConvertTest::Httpd->new(same_port => $option{port},
        %modules, documents => $documents, conf => sub {
            my ($httpd) = @_;
            return 'CustomLog "' . $httpd->root . "/access_log\" \"%>s %r\"\n" . ($option{conf} // '')
                . placed($edit->($text),
                    '*:80' => '*:' . $httpd->port,
                    '"/srv/pictures"' => "\"$documents\"",
                    '10.0.0.20:6379' => '127.0.0.1:' . ($cache ? $cache->port : 0),
                    '10.0.0.20:11211' => '127.0.0.1:' . ($cache ? $cache->port : 0),
                    '10.0.0.0/8' => '127.0.0.0/8');
        });
}

# At once and without a word to anybody, all its processes: (time before, time when all were
# dead).
sub kill_hard {
    my ($node) = @_;
    my @pids = ($node->pid, $node->children);
    my $before = time;
    kill 'KILL', @pids;
    my $after;
    for my $pid (@pids) {
        # Dead ones may wait until their parent asks for them. The first thread is dead before the
        # others, which have its sockets until they are.
        wait_for(sub {
            my @threads = glob "/proc/$pid/task/*";
            return @threads <= 1 && _text_of("/proc/$pid/stat") !~ /^\d+ \(.*\) [^ZX] /;
        }) or die "$pid lives on";
    }
    $after = time;
    $node->stop;
    return [$before, $after];
}

# Conversions that a node was asked for, by URL, as its log has them.
sub asked {
    my ($node) = @_;
    my %seen;
    for my $line (split /\n/, _text_of($node->root . '/access_log')) {
        $seen{$1}++ if $line =~ m{^\d+ GET (/small_light\S+)};
    }
    return \%seen;
}

# How many over all URLs, or those named.
sub requests {
    my ($nodes, @urls) = @_;
    my $sum = 0;
    for my $node (@$nodes) {
        my $seen = asked($node);
        $sum += $_ // 0 for @urls ? @$seen{@urls} : values %$seen;
    }
    return $sum;
}

# `get` for each URL, and then until the nodes have them all in their logs, which they write
# when the client has its last byte: how many were not 200.
sub through {
    my ($nodes, $get, @urls) = @_;
    my %once = map { $_ => 1 } @urls;
    my $before = requests($nodes, keys %once);
    my $wrong = grep { $get->($_)->code != 200 } @urls;
    wait_for(sub { requests($nodes, keys %once) >= $before + @urls }) or $wrong = "not all in the nodes' logs, $wrong";
    return $wrong;
}

sub _addresses {
    my @nodes = @_;
    my $at = 0;
    return map { ('10.0.0.' . (11 + $at) . ':80' => '127.0.0.1:' . $nodes[$at++]->port) } @nodes;
}

# ---- what stands in front ------------------------------------------------------------------

# The last argument may be a sub that changes its configuration.
sub balancer {
    my @nodes = @_;
    my $edit = ref $nodes[-1] eq 'CODE' ? pop @nodes : undef;
    my $text = _text('conf/cluster/balancer.conf');
    $text = $edit->($text) if $edit;
    return TmpfsConvertTest::Httpd->new(plain => 1,
        TmpfsConvertTest::Site::modules_named($text),
        conf => sub { return placed($text, '*:80' => '*:' . $_[0]->port, _addresses(@nodes)) });
}

sub haproxy {
    my @nodes = @_;
    return _start('haproxy', sub {
        my ($self) = @_;
        return ('haproxy', '-db', '-f', $self->_write('haproxy.cfg', placed(_text('conf/cluster/haproxy.cfg'),
            'bind :80' => "bind 127.0.0.1:$self->{port}", '/run/haproxy' => $self->{root}, _addresses(@nodes))));
    });
}

# Between a node and this cache: goes to node() in its place.
sub haproxy_cache {
    my ($cache) = @_;
    my ($mine, $port) = $cache->{name} eq 'redis' ? (6379, 11211) : (11211, 6379);
    my $self = _start('haproxy-cache', sub {
        my ($self) = @_;
        return ('haproxy', '-db', '-f', $self->_write('haproxy.cfg', placed(_text('conf/cluster/haproxy-cache.cfg'),
            "bind 127.0.0.1:$mine" => "bind 127.0.0.1:$self->{port}", "bind 127.0.0.1:$port" => 'bind 127.0.0.1:' . free_port(),
            "10.0.0.20:$mine" => '127.0.0.1:' . $cache->port, "10.0.0.20:$port" => '127.0.0.1:' . $cache->port)));
    });
    $self->{name} = $cache->{name};
    return $self;
}

sub varnish {
    my @nodes = @_;
    my $at = 0;
    my %place = map { ('"10.0.0.' . (11 + $at) . '"; .port = "80"' => '"127.0.0.1"; .port = "' . $nodes[$at++]->port . '"') } @nodes;
    return _start('varnish', sub {
        my ($self) = @_;
        my $file = $self->_write('pictures.vcl', placed(_text('conf/cluster/pictures.vcl'), %place));
        return ('varnishd', '-F', '-j', 'none', '-a', "127.0.0.1:$self->{port}", '-f', $file,
            '-s', 'malloc,64m', '-n', "$self->{root}/work");
    });
}

# ---- load ------------------------------------------------------------------------------------

# Clients, each of which asks for one URL after the other, at least one, with a connection each
# time, until `during` has returned, which is given a sub that tells how many have been answered.
# Returns what they saw: [start, end, status or 0, bytes, url]; and what `during` returned.
sub under_load {
    my ($front, $urls, $clients, $during) = @_;
    my $place = File::Temp->newdir('load-XXXXXX', DIR => "$TmpfsConvertTest::Site::ROOT/build/t");
    my @pids;
    for my $client (1 .. $clients) {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            $SIG{TERM} = 'DEFAULT';
            open my $out, '>', "$place/$client" or POSIX::_exit(1);
            $out->autoflush(1);
            for (my $at = $client; ; $at++) {
                POSIX::_exit(0) if $at > $client && -e "$place/enough";
                my $url = $urls->[$at % @$urls];
                my $start = time;
                my ($status, $bytes) = _ask($front->port, $url);
                printf $out "%.6f %.6f %d %d %s\n", $start, time, $status, $bytes, $url;
            }
        }
        push @pids, $pid;
        $running{$pid} = $$;
    }
    my $result = eval { $during->(sub {
        my $count = 0;
        for my $file (glob "$place/[0-9]*") {
            open my $in, '<', $file or next;
            $count++ while defined(my $line = <$in>);
        }
        return $count;
    }) };
    my $wrong = $@;
    open my $enough, '>', "$place/enough";
    for my $pid (@pids) {
        waitpid $pid, 0;
        delete $running{$pid};
    }
    die $wrong if $wrong;
    my @seen;
    for my $file (glob "$place/[0-9]*") {
        open my $in, '<', $file or next;
        while (defined(my $line = <$in>)) { push @seen, [split ' ', $line] }
    }
    return (\@seen, $result);
}

# (status, bytes of the body); 0: no whole answer.
sub _ask {
    my ($port, $url) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => PATIENCE) or return (0, 0);
    local $SIG{PIPE} = 'IGNORE';
    print {$socket} "GET $url HTTP/1.1\r\nHost: pictures.example\r\nConnection: close\r\n\r\n";
    my $answer = '';
    1 while $socket->sysread($answer, 65536, length $answer);
    my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)};
    my ($length) = ($head // '') =~ /^Content-Length: (\d+)/mi;
    return (0, 0) if !$status || !defined $body || (defined $length && $length != length $body);
    return ($status, length $body);
}

sub failed { return grep { $_->[2] != 200 } @{ $_[0] } }

1;
