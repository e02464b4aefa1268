# SPDX-License-Identifier: Apache-2.0
#
# The servers that are measured: httpd with the module, and nginx with its image
# filter. Both have: url path of a workload's picture, pids, port, stop.
package Bench::Servers;

use strict;
use warnings;
use File::Temp ();
use IO::Socket::INET ();
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
    # default keeps some workers free, and all of them are to be measured. A baseline may
    # be older than that directive.
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
CONF
    return bless { httpd => $httpd }, 'Bench::Servers::Httpd';
}

my %nginx;    # process id => the process that started it

# nginx with so many workers; dies when it or its module is missing.
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
        "    location /$_->{name}/ { image_filter resize $w $w; }\n"
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
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        setpgrp;
        open STDOUT, '>', "$scratch/output";
        open STDERR, '>&', \*STDOUT;
        no warnings 'exec';
        exec $program, '-p', "$scratch", '-e', "$scratch/error_log", '-c', "$scratch/nginx.conf";
        POSIX::_exit(127);
    }
    $nginx{$pid} = $$;
    my $self = bless { pid => $pid, port => $port, scratch => $scratch }, 'Bench::Servers::Nginx';
    for (1 .. 200) {
        return $self if Bench::Measure::children_of($pid) >= $of{workers}
            && IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
        last if waitpid($pid, POSIX::WNOHANG()) > 0;
        select undef, undef, undef, 0.05;
    }
    $self->stop;
    die 'nginx did not start: ' . (Bench::Measure::text_of("$scratch/output") // '')
        . (Bench::Measure::text_of("$scratch/error_log") // '') . "\n";
}

sub end_nginx {
    my ($pid) = @_;
    return unless ($nginx{$pid} // 0) == $$;
    delete $nginx{$pid};
    kill TERM => $pid;
    waitpid $pid, 0;
    return;
}
END { local $?; end_nginx($_) for keys %nginx }

package Bench::Servers::Httpd;

sub port { return $_[0]{httpd}->port }
sub pids { return ($_[0]{httpd}->pid, $_[0]{httpd}->children) }
sub workers { return $_[0]{httpd}->children }
sub stop { return $_[0]{httpd}->stop }

sub path {
    my ($self, $workload, $file, $hint) = @_;
    return '/small_light(' . Bench::Workloads::params($workload, $hint) . ")/$file";
}

sub tiny {
    my ($self, $extension) = @_;
    return "/small_light(dw=32,dh=32)/tiny.$extension";
}

package Bench::Servers::Nginx;

sub port    { return $_[0]{port} }
sub pids    { return ($_[0]{pid}, Bench::Measure::children_of($_[0]{pid})) }
sub workers { return Bench::Measure::children_of($_[0]{pid}) }
sub stop    { return Bench::Servers::end_nginx($_[0]{pid}) }
sub path    { return "/$_[2]" }
sub tiny    { return "/tiny.$_[1]" }

1;
