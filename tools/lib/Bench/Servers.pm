# SPDX-License-Identifier: Apache-2.0
#
# The servers that are measured: httpd with the module, nginx with its image filter, and
# sharp under Node. All have: url path of a workload's picture and of the tiny one, takes,
# pids, workers, port, version, stop.
package Bench::Servers;

use strict;
use warnings;
use File::Temp ();
use HTTP::Tiny ();
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ();
use TmpfsConvertTest::Httpd ();
use Bench::Measure   ();
use Bench::Workloads ();

# httpd with this many workers, and no more: processes under prefork, else the threads
# of one process. `module`: another build's; `conf`: more configuration; `settings`: the
# MPM's, when these are not to be it.
sub httpd {
    my (%of) = @_;
    local $ENV{TC_MODULE} = $of{module} if $of{module};
    my $workers = $of{workers};
    my $settings = $of{settings} // ($of{mpm} eq 'prefork'
        ? "ServerLimit $workers\nStartServers $workers\nMinSpareServers $workers\nMaxSpareServers "
            . ($workers + 1) . "\n"
        : "ServerLimit 1\nStartServers 1\nThreadLimit $workers\nThreadsPerChild $workers\n"
            . "MinSpareThreads 1\nMaxSpareThreads $workers\n");
    # At the end, over what the tests' configuration says. No bound on conversions: the
    # default keeps some workers free, and all of them are to be measured. In the workers
    # themselves, as the peers do it, on every machine: what isolation adds is measured apart.
    # A baseline may be older than these directives.
    my $httpd = TmpfsConvertTest::Httpd->new(mpm => $of{mpm}, documents => $of{folder},
        conf => $settings . <<"CONF" . ($of{conf} // ''));
MaxRequestWorkers $workers
MaxConnectionsPerChild 0
KeepAlive @{[ $of{keep} ? 'On' : 'Off' ]}
KeepAliveTimeout 60
MaxKeepAliveRequests 0
ListenBackLog 4096
LogLevel crit
TmpfsConvert On
<IfDirective TmpfsConvertMaxActive>
    TmpfsConvertMaxActive 0
</IfDirective>
<IfDirective TmpfsConvertIsolation>
    TmpfsConvertIsolation off
</IfDirective>
CONF
    return bless { httpd => $httpd, folder => $of{folder} }, 'Bench::Servers::Httpd';
}

my %started;    # process id => the process that started it

# A server of its own process, with that many children when it is ready; else dies with what
# it said.
sub _begin {
    my ($class, $of, $port, $scratch, @command) = @_;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        setpgrp;
        open STDOUT, '>', "$scratch/output";
        open STDERR, '>&', \*STDOUT;
        no warnings 'exec';
        exec @command;
        POSIX::_exit(127);
    }
    $started{$pid} = $$;
    my $self = bless { pid => $pid, port => $port, scratch => $scratch }, $class;
    for (1 .. 200) {
        return $self if Bench::Measure::children_of($pid) >= $of->{workers}
            && IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
        last if waitpid($pid, POSIX::WNOHANG()) > 0;
        select undef, undef, undef, 0.05;
    }
    $self->stop;
    die "$command[0] did not start: " . (Bench::Measure::text_of("$scratch/output") // '')
        . (Bench::Measure::text_of("$scratch/error_log") // '') . "\n";
}

sub end {
    my ($pid) = @_;
    return unless ($started{$pid} // 0) == $$;
    delete $started{$pid};
    kill TERM => $pid;
    waitpid $pid, 0;
    return;
}
END { local $?; end($_) for keys %started }

# nginx with that many workers; dies when it or its module is missing.
sub nginx {
    my (%of) = @_;
    my ($program) = grep { -x } map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin';
    die "nginx is missing\n" unless $program;
    my ($modules) = qx($program -V 2>&1) =~ /--modules-path=(\S+)/;
    $modules //= '/usr/lib/nginx/modules';
    my $filter = "$modules/ngx_http_image_filter_module.so";
    -e $filter or die "nginx's image filter is missing\n";

    my $scratch = File::Temp->newdir("$Bench::Measure::ROOT/build/bench/nginx-XXXXXX");
    chmod 0755, "$scratch";
    my $port = TmpfsConvertTest::Httpd::_free_port();
    my $locations = join '', map {
        my ($w) = @{ $_->{to} };
        my $how = $_->{fill} ? 'crop' : 'resize';
        "    location /$_->{name}/ { image_filter $how $w $w; }\n"
    } @{ $of{workloads} };
    my $user = $> ? '' : 'user ' . (getpwnam('www-data') ? 'www-data' : 'nobody') . ";\n";
    open my $out, '>', "$scratch/nginx.conf" or die "$scratch: $!\n";
    print $out <<"CONF";
load_module $filter;
${user}worker_processes $of{workers};
daemon off;
pid $scratch/pid;
error_log $scratch/error_log crit;
events { worker_connections 1024; }
http {
  access_log off;
  default_type image/jpeg;
  types { image/png png; image/jpeg jpg; }
  client_body_temp_path $scratch/body;
  proxy_temp_path $scratch/proxy;
  fastcgi_temp_path $scratch/fastcgi;
  uwsgi_temp_path $scratch/uwsgi;
  scgi_temp_path $scratch/scgi;
  image_filter_buffer 256M;
  image_filter_jpeg_quality ${\ Bench::Workloads::QUALITY() };
  image_filter_transparency on;
  server {
    listen 127.0.0.1:$port backlog=4096;
    root $of{folder};
    location = /tiny.jpg { image_filter resize 32 32; }
    location = /tiny.png { image_filter resize 32 32; }
$locations  }
}
CONF
    close $out or die "$scratch: $!\n";
    my ($version) = qx($program -v 2>&1) =~ m{(nginx/[\d.]+)};
    my $self = _begin('Bench::Servers::Nginx', \%of, $port, $scratch,
        $program, '-p', "$scratch", '-e', "$scratch/error_log", '-c', "$scratch/nginx.conf");
    $self->{version} = $version;
    return $self;
}

# Where tools/deps puts sharp, as root and as anybody, or where TC_SHARP says.
sub _sharp_folder {
    my @places = defined $ENV{TC_SHARP} ? $ENV{TC_SHARP}
        : map { "$_/lib/tmpfs-convert-bench" } '/usr/local', ($ENV{HOME} // '') . '/.local';
    my ($found) = grep { -e "$_/node_modules/sharp/package.json" } @places;
    return $found // die 'sharp is not in ' . join(' or ', @places) . ": tools/deps --bench\n";
}

# sharp under Node with that many processes; dies when either is missing.
sub sharp {
    my (%of) = @_;
    my ($node) = grep { -x } map { "$_/node" } split /:/, $ENV{PATH};
    die "node is missing: tools/deps --bench\n" unless $node;
    my $modules = _sharp_folder() . '/node_modules';
    my $scratch = File::Temp->newdir('bench-sharp-XXXXXX', TMPDIR => 1);
    my $port = TmpfsConvertTest::Httpd::_free_port();
    my %work = map { $_->{name} => {
        width => $_->{to}[0], height => $_->{to}[0], fit => $_->{fill} ? 'cover' : 'inside',
        format => { jpg => 'jpeg' }->{ $_->{answer} } // $_->{answer}, quality => $_->{q} // 0,
    } } @{ $of{workloads} };
    # One thread a process: for what libvips does by itself, and for what Node starts at once.
    local @ENV{qw(NODE_PATH UV_THREADPOOL_SIZE VIPS_CONCURRENCY)} = ($modules, 1, 1);
    my $script = "$Bench::Measure::ROOT/tools/measure/sharp-server.js";
    my ($version) = Bench::Measure::output_of($node, $script, '--version') =~ /^(.+)$/;
    my $self = _begin('Bench::Servers::Sharp', \%of, $port, $scratch,
        $node, $script, $port, $of{folder}, $of{workers}, JSON::PP->new->canonical->encode(\%work));
    $self->{version} = $version;
    return $self;
}

package Bench::Servers::Httpd;

sub port { return $_[0]{httpd}->port }
sub pids { return ($_[0]{httpd}->pid, $_[0]->workers) }
sub workers { return Bench::Measure::descendants_of($_[0]{httpd}->pid) }
sub converters { return $_[0]{httpd}->converters }
sub stop { return $_[0]{httpd}->stop }

sub takes { return 1 }

# httpd's, and those of the libraries that the module is built with.
sub version {
    my ($self) = @_;
    my ($version) = qx(@{[ TmpfsConvertTest::Site::httpd() ]} -v 2>&1) =~ m{(Apache/[\d.]+)};
    my $asked = Bench::Servers::httpd(mpm => 'prefork', workers => 1, folder => $self->{folder},
        conf => "<Location /tmpstat>\n    SetHandler tmpstat\n    Require all granted\n</Location>\n");
    my $answer = HTTP::Tiny->new->get('http://127.0.0.1:' . $asked->port . '/tmpstat?json');
    $asked->stop;
    my $formats = $answer->{success} ? JSON::PP->new->decode($answer->{content})->{formats}{by_format} : [];
    my %library = map { $_->{format_library} => 1 } @$formats;
    return join ', ', "the module in $version", sort grep { $_ ne 'not built in' } keys %library;
}

# CPU time of all its processes so far: of converters that are gone too, which their keeper
# has waited for.
sub cpu_ms {
    my ($self) = @_;
    my $httpd = $self->{httpd};
    my $ms = Bench::Measure::cpu_ms($self->pids);
    for my $keeper ($httpd->keeper) {
        my ($user, $system) = (Bench::Measure::text_of("/proc/$keeper/stat") // next) =~ /\) \S(?: \S+){12} (\d+) (\d+) /;
        $ms += 1000 * ($user + $system) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
    }
    return $ms;
}

sub path {
    my ($self, $workload, $file, $hint, $q) = @_;
    return '/small_light(' . Bench::Workloads::params($workload, $hint, $q) . ")/$file";
}

sub tiny {
    my ($self, $workload) = @_;
    my $of = $workload->{answer} =~ /webp|avif/ ? ",of=$workload->{answer}" : '';
    return "/small_light(dw=32,dh=32$of)/tiny.$workload->{extension}";
}

package Bench::Servers::Nginx;

sub port    { return $_[0]{port} }
sub pids    { return ($_[0]{pid}, $_[0]->workers) }
sub workers { return Bench::Measure::descendants_of($_[0]{pid}) }
sub stop    { return Bench::Servers::end($_[0]{pid}) }
sub path    { return "/$_[2]" }
sub tiny    { return "/tiny.$_[1]{extension}" }
sub version { return $_[0]{version} }

# Its answers have their originals' format.
sub takes { return $_[1]{answer} eq $_[1]{extension} }

package Bench::Servers::Sharp;

our @ISA = ('Bench::Servers::Nginx');

sub takes { return 1 }

sub path {
    my ($self, $workload, $file, $hint, $q) = @_;
    return "/$file" . (defined $q ? "?q=$q" : '');
}

sub tiny {
    my ($self, $workload) = @_;
    return "/tiny.$workload->{extension}?of=$workload->{name}";
}

1;
