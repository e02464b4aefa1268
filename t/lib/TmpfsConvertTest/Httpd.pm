# SPDX-License-Identifier: Apache-2.0
#
# A server for one test, with a configuration of its own:
#
#   my $httpd = TmpfsConvertTest::Httpd->new(conf => "TmpfsConvert On\n");
#   get($httpd->url . '/cat.jpg');
#
# It ends with the test, however the test ends. `shared` is the server that
# t/TEST.PL started, seen through the same methods.
package TmpfsConvertTest::Httpd;

use strict;
use warnings;
use Carp qw(croak);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use IO::Socket::INET ();
use POSIX ':sys_wait_h';
use Time::HiRes qw(sleep time);
use TmpfsConvertTest::Site ();

# Under a sanitizer and on a busy machine httpd takes its time.
use constant PATIENCE => 60;

my %running;

# Killed by a signal Perl would not run END, and the servers would stay.
$SIG{$_} ||= sub { exit 130 } for qw(INT TERM HUP);

# new(...): makes the configuration and starts the server; croaks with its words
# when it does not come up.
#   conf      configuration at the end, for the whole server; text, or a sub
#             that is given the object and returns text
#   head      configuration before everything else
#   mpm       prefork, worker, event; TC_MPM's when not given
#   modules   more of httpd's modules by name: ['http2']
#   lacks     modules to leave out: ['cache', 'cache_disk']
#   plain     true: without the module under test
#   module    path of a module to test in place of the usual one
#   user, group   as root: the children's; without them www-data or nobody
#   env       {NAME => value} for the server; undef takes the name away
#   faults    a TmpfsConvertTest::Fault: what is to go wrong in it
#   scribble  a TmpfsConvertTest::Scribble: who writes over shared memory in it
#   wreck     a TmpfsConvertTest::Wreck: what breaks in its converters
#   full      with faults: directories (and "memfd") that its `space` is about
#   documents document root; the tests' pictures when not given
#   same_port this one, on which a server of this test was before; else one that is free
#   start     false: only make the configuration (for configtest)
sub new {
    my ($class, %option) = @_;
    my $self = bless { owner => $$, first => 1, mpm => TmpfsConvertTest::Site::mpm(), %option }, $class;

    make_path("$TmpfsConvertTest::Site::ROOT/build/t");
    $self->{scratch} = File::Temp->newdir('private-XXXXXX',
        DIR => "$TmpfsConvertTest::Site::ROOT/build/t", CLEANUP => 0);
    $self->{root} = $self->{scratch}->dirname;
    chmod 0755, $self->{root};
    mkdir "$self->{root}/tmp";
    # As the children's user when that is not ours.
    chmod 01777, "$self->{root}/tmp";
    $self->{documents} //= TmpfsConvertTest::Site::document_root();
    make_path($self->{documents});
    $self->start if $option{start} // 1;
    return $self;
}

# The server t/TEST.PL runs; its data are those Apache::Test saved.
sub shared {
    my ($class) = @_;
    require Apache::TestConfig;
    my $config = Apache::TestConfig->thaw;
    my $vars = $config->{vars};
    croak 'no shared server: run this through t/TEST.PL' unless $vars->{t_logs} && -e $vars->{t_pid_file};
    my $note = "$vars->{t_state}/asked";
    my $first = !-e $note;
    if ($first) {
        open my $out, '>', $note or croak "$note: $!";
    }
    return bless {
        shared => 1, first => $first, root => $vars->{serverroot}, port => $vars->{port}, mpm => $config->{mpm},
        documents => $vars->{documentroot}, pid => _number_in($vars->{t_pid_file}),
        error_log => "$vars->{t_logs}/error_log",
    }, $class;
}

sub url           { return "http://127.0.0.1:$_[0]{port}" }
sub port          { return $_[0]{port} }
sub pid           { return $_[0]{pid} }
sub mpm           { return $_[0]{mpm} }
sub root          { return $_[0]{root} }
sub temp_dir      { return "$_[0]{root}/tmp" }
sub document_root { return $_[0]{documents} }
sub error_log     { return $_[0]{error_log} || "$_[0]{root}/error_log" }

# The whole error log as text.
sub log_text {
    my ($self) = @_;
    open my $in, '<', $self->error_log or return '';
    local $/ = undef;
    return scalar(<$in>) // '';
}

# Process ids of the server's children that serve requests.
sub children {
    my ($self) = @_;
    return map { $_->[0] } grep { $_->[1] ne 'tc-keeper' } _children_of($self->pid);
}

# The process that keeps the converters, and the converters.
sub keeper {
    my ($self) = @_;
    return map { $_->[0] } grep { $_->[1] eq 'tc-keeper' } _children_of($self->pid);
}

sub converters {
    my ($self) = @_;
    return map { $_->[0] } map { _children_of($_) } $self->keeper;
}

# [process id, name] of each.
sub _children_of {
    my ($parent) = @_;
    my @found;
    return unless $parent;
    for my $file (glob '/proc/[0-9]*/stat') {
        open my $in, '<', $file or next;
        my $line = <$in> // next;
        push @found, [$1, $2] if $line =~ /^(\d+) \((.*)\) [^Z] (\d+) / && $3 == $parent;
    }
    @found = sort { $a->[0] <=> $b->[0] } @found;
    return @found;
}

# Check the configuration as `httpd -t` does: (what it printed, exit status).
sub configtest {
    my ($self, @options) = @_;
    $self->_write_conf;
    my $pid = open my $out, '-|';
    croak "fork: $!" unless defined $pid;
    $self->_become_httpd('-t', @options) unless $pid;
    my $text = do { local $/ = undef; <$out> };
    close $out;
    return ($text // '', $? >> 8);
}

sub start {
    my ($self) = @_;
    for my $attempt (1 .. 5) {
        $self->_write_conf;
        defined(my $pid = fork) or croak "fork: $!";
        if (!$pid) {
            # Not in the terminal's group: Ctrl-C is for the test, which stops us.
            setpgrp;
            open STDOUT, '>', "$self->{root}/output";
            $self->_become_httpd('-DFOREGROUND');
        }
        $self->{pid} = $pid;
        $running{$pid} = $self->{root};
        return $self if $self->_wait_until_up;
        my $words = $self->_output . $self->log_text;
        $self->stop;
        # Another process may have taken the port since it was seen free.
        next if $words =~ /could not bind|Address already in use/ && $attempt < 5;
        croak "httpd did not start:\n$words";
    }
    return;
}

# End the server and wait for it. Returns its exit status (-1: it was not
# running). The scratch folder stays until the object goes, with the error log.
sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return -1;
    return -1 unless delete $running{$pid};
    return _end($pid);
}

sub graceful {
    my ($self) = @_;
    return kill 'USR1', $self->pid;
}

sub _end {
    my ($pid) = @_;
    my $deadline = time + PATIENCE;
    kill 'TERM', $pid;
    while (waitpid($pid, WNOHANG) == 0) {
        if (time > $deadline) {
            kill 'KILL', -$pid;
            waitpid $pid, 0;
        }
        sleep 0.02;
    }
    return $?;
}

sub _wait_until_up {
    my ($self) = @_;
    my $deadline = time + PATIENCE;
    while (time < $deadline) {
        if (waitpid($self->{pid}, WNOHANG) != 0) {
            delete $running{ delete $self->{pid} };
            return 0;
        }
        return 1 if _number_in("$self->{root}/httpd.pid")
            && $self->children
            && IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port});
        sleep 0.05;
    }
    return 0;
}

sub _output {
    my ($self) = @_;
    open my $in, '<', "$self->{root}/output" or return '';
    local $/ = undef;
    return scalar(<$in>) // '';
}

sub _number_in {
    my ($file) = @_;
    open my $in, '<', $file or return 0;
    my $line = <$in> // '';
    return $line =~ /^(\d+)/ ? $1 : 0;
}

sub _become_httpd {
    my ($self, @options) = @_;
    $ENV{TMPDIR} = "$self->{root}/tmp";
    for my $name (keys %{ $self->{env} || {} }) {
        my $value = $self->{env}{$name};
        if (defined $value) { $ENV{$name} = $value } else { delete $ENV{$name} }
    }
    if ($self->{faults}) {
        my $full = $self->{full} || [];
        $full = $full->($self) if ref $full eq 'CODE';
        $ENV{TC_FAULTS} = $self->{faults}->file;
        $ENV{TC_FULL_DIRS} = join ':', @$full;
        _preload('faults');
    }
    if ($self->{scribble}) {
        $ENV{TC_SCRIBBLE} = $self->{scribble}->file;
        _preload('scribble');
    }
    if ($self->{wreck}) {
        $ENV{TC_WRECK} = $self->{wreck}->file;
        _preload('wreck');
    }
    open STDERR, '>&', \*STDOUT;
    exec { TmpfsConvertTest::Site::httpd() } TmpfsConvertTest::Site::httpd(),
        '-d', $self->{root}, '-f', "$self->{root}/httpd.conf", @options
        or POSIX::_exit(127);
}

sub _preload {
    my ($name) = @_;
    my $library = "$TmpfsConvertTest::Site::ROOT/build/preload/$name.so";
    -e $library or print("$library is missing: make -f Makefile.apxs tools\n"), POSIX::_exit(127);
    # A wrapper with a sanitizer's runtime to preload puts this behind it.
    $ENV{TC_PRELOAD} = $library;
    $ENV{LD_PRELOAD} = $library unless $ENV{TC_HTTPD};
    return;
}

sub _free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1)
        or croak "no free port: $@";
    return $socket->sockport;
}

sub _write_conf {
    my ($self) = @_;
    my $root = $self->{root};
    my $types = "$TmpfsConvertTest::Site::ROOT/t/conf/mime.types";
    my $account = '';

    $self->{port} = $self->{same_port} // _free_port();
    if (!$>) {
        my $user = $self->{user} || (getpwnam 'www-data' ? 'www-data' : 'nobody');
        my $group = $self->{group} || getgrgid((getpwnam $user)[3]);
        $account = "User $user\nGroup $group\n";
    }
    my $conf = $self->{conf} // '';
    $conf = $conf->($self) if ref $conf;
    my $head = $self->{head} // '';
    my $modules = TmpfsConvertTest::Site::load_modules(
        $self->{mpm}, $self->{module} || $self->{plain}, @{ $self->{modules} || [] });
    $modules =~ s/^LoadModule ${_}_module .*\n//mg for @{ $self->{lacks} || [] };
    my $settings = TmpfsConvertTest::Site::mpm_settings($self->{mpm});
    my $level = $self->{plain} ? 'info' : 'info tmpfs_convert:debug';

    open my $out, '>', "$root/httpd.conf" or croak "$root/httpd.conf: $!";
    print $out <<"CONF";
$head
$modules
ServerRoot "$root"
ServerName 127.0.0.1:$self->{port}
Listen 127.0.0.1:$self->{port}
DocumentRoot "$self->{documents}"
DefaultRuntimeDir "$root"
PidFile "$root/httpd.pid"
ErrorLog "$root/error_log"
LogLevel $level
TypesConfig "$types"
$account$settings
<Directory />
    AllowOverride None
    Require all denied
</Directory>
<Directory "$self->{documents}">
    Require all granted
</Directory>
$conf
CONF
    close $out or croak "$root/httpd.conf: $!";
    return;
}

sub DESTROY {
    my ($self) = @_;
    # Not in a forked child of the test, nor for the shared server.
    return if $self->{shared} || ($self->{owner} // 0) != $$;
    local ($?, $@, $!);
    $self->stop;
    remove_tree($self->{root}) unless $ENV{TC_KEEP};
    return;
}

my $owner = $$;

END {
    if ($$ == $owner) {
        local $?;
        _end($_) for keys %running;
        %running = ();
    }
}

1;
