# SPDX-License-Identifier: Apache-2.0
#
# An httpd of the experiment's own, on 127.0.0.1 and in its scratch directory, with
# the module of this tree; the system's httpd and its configuration are not touched.
package Experiment::Server;

use strict;
use warnings;
use HTTP::Tiny ();
use IO::Socket::INET ();
use JSON::PP ();
use Time::HiRes qw(sleep time);
use Experiment::Machine ();

use constant PATIENCE => 60;

# new(keeper, tree, scratch, apxs): finds httpd; dies when it or the module is missing.
sub new {
    my ($class, %self) = @_;
    my $self = bless {%self}, $class;
    $self->{httpd} = $self->_ask('SBINDIR') . '/' . $self->_ask('PROGNAME');
    $self->{modules} = $self->_ask('LIBEXECDIR');
    $self->{module} = "$self->{tree}/mod_tmpfs_convert.so";
    -x $self->{httpd} or die "$self->{httpd}, which $self->{apxs} names as the server, is not there\n";
    -r $self->{module} or die "$self->{module} is missing: make -f Makefile.apxs\n";
    $self->{account} = _account() if !$>;
    return $self;
}

sub _ask {
    my ($self, $name) = @_;
    open my $out, '-|', $self->{apxs}, '-q', $name
        or die "$self->{apxs}: $!: run tools/deps\n";
    my $value = <$out> // '';
    close $out or die "$self->{apxs} -q $name failed\n";
    chomp $value;
    return $value;
}

# Root's httpd needs an account for its children.
sub _account {
    for my $name (qw(www-data apache nobody)) {
        my (undef, undef, $uid, $gid) = getpwnam $name or next;
        return { name => $name, uid => $uid, gid => $gid };
    }
    die "no account www-data, apache or nobody for the children of root's httpd\n";
}

# As whom the children serve.
sub user { return $_[0]{account} ? $_[0]{account}{name} : scalar(getpwuid $>) // $> }

# Give a directory or file to the children.
sub give {
    my ($self, $path) = @_;
    my $account = $self->{account} or return;
    chown $account->{uid}, $account->{gid}, $path or die "$path: $!\n";
    return;
}

# Whether the children can enter a directory.
sub can_enter {
    my ($self, $dir) = @_;
    my $account = $self->{account} or return -x $dir;
    my $pid = $self->{keeper}->fork_worker(sub {
        $) = "$account->{gid} $account->{gid}";
        $> = $account->{uid};
        -x $dir or die "not for $account->{name}\n";
    }, 'quiet');
    return $self->{keeper}->wait_for($pid) == 0;
}

# ---- the configuration -----------------------------------------------------------------

sub _load_modules {
    my ($self) = @_;
    open my $out, '-|', $self->{httpd}, '-l' or die "$self->{httpd}: $!\n";
    my %built_in = map { /^\s*(\S+)\.c\s*$/ ? ($1 => 1) : () } <$out>;
    close $out;
    my $mpm = grep { /^(?:event|worker|prefork)$/ } keys %built_in;
    my @wanted = (($mpm ? () : $self->_mpm), qw(unixd authz_core mime));
    my $text = '';
    for my $name (@wanted) {
        next if $built_in{"mod_$name"} || !-e "$self->{modules}/mod_$name.so";
        $text .= "LoadModule ${name}_module \"$self->{modules}/mod_$name.so\"\n";
    }
    return $text . "LoadModule tmpfs_convert_module \"$self->{module}\"\n";
}

sub _mpm {
    my ($self) = @_;
    for my $name (qw(mpm_event mpm_worker mpm_prefork)) {
        return $name if -e "$self->{modules}/mod_$name.so";
    }
    return;
}

sub _free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1)
        or die "no free port: $@\n";
    return $socket->sockport;
}

sub _configuration {
    my ($self, %of) = @_;
    my $root = $self->{root};
    my $account = $self->{account};
    my $user = $account ? "User \"$account->{name}\"\nGroup \"#$account->{gid}\"\n" : '';
    return $self->_load_modules . <<"CONF";
ServerRoot "$root"
ServerName 127.0.0.1:$self->{port}
Listen 127.0.0.1:$self->{port}
DefaultRuntimeDir "$root"
PidFile "$root/httpd.pid"
ErrorLog "$root/error_log"
LogLevel warn
TypesConfig "$self->{tree}/t/conf/mime.types"
DocumentRoot "$self->{scratch}/pictures"
${user}KeepAlive On
MaxKeepAliveRequests 0
<Directory "/">
    AllowOverride None
    Require all granted
</Directory>
TmpfsConvert On
TmpfsConvertSpoolMemory 0
TmpfsConvertTempDir "$of{temp}"
TmpfsConvertTempMethod $of{method}
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
}

# ---- its life ----------------------------------------------------------------------------

# start(name, method, temp): the server whose conversions make temporary files by
# this method in this directory.
sub start {
    my ($self, %of) = @_;
    $self->{root} = "$self->{scratch}/httpd-$of{name}";
    mkdir $self->{root}, 0755 or die "$self->{root}: $!\n";
    for my $attempt (1 .. 5) {
        $self->{port} = _free_port();
        _write("$self->{root}/httpd.conf", $self->_configuration(%of));
        $self->{pid} = $self->{keeper}->spawn(
            mark    => $self->{root},
            out     => "$self->{root}/output",
            env     => { TMPDIR => $of{temp} },
            command => [$self->{httpd}, '-d', $self->{root}, '-f', "$self->{root}/httpd.conf",
                '-DFOREGROUND'],
        );
        return if $self->_is_up;
        my $words = join '', map { Experiment::Machine::text_of("$self->{root}/$_") // '' }
            qw(output error_log);
        $self->stop;
        # Another program may have taken the port since it was seen free.
        next if $words =~ /could not bind|Address already in use/ && $attempt < 5;
        die "httpd did not start:\n$words";
    }
    return;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    $self->{keeper}->end($pid);
    return;
}

sub _write {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
    return;
}

sub _is_up {
    my ($self) = @_;
    my $deadline = time + PATIENCE;
    until ($self->{keeper}->ended($self->{pid}) || time > $deadline) {
        return 1 if eval { $self->status };
        sleep 0.05;
    }
    return 0;
}

# ---- what it tells ----------------------------------------------------------------------

# /tmpstat?json, read.
sub status {
    my ($self) = @_;
    # Kept alive: no connection of ours is closed while the load is on.
    $self->{agent} ||= HTTP::Tiny->new(keep_alive => 1, timeout => 10, no_proxy => ['127.0.0.1']);
    my $answer = $self->{agent}->get("http://127.0.0.1:$self->{port}/tmpstat?json");
    $answer->{success} or die "/tmpstat: $answer->{status} $answer->{reason}\n";
    return JSON::PP->new->decode($answer->{content});
}

# One picture, for its status and size.
sub get {
    my ($self, $path) = @_;
    return $self->{agent}->get("http://127.0.0.1:$self->{port}$path");
}

# Lines of its log at error and above, without what only repeats.
sub complaints {
    my ($self) = @_;
    my $text = Experiment::Machine::text_of("$self->{root}/error_log") // '';
    my %seen;
    return grep { !$seen{s/^(?:\[[^\]]*\] )+//r}++ }
        grep { /\[(?:\w+:)?(?:emerg|alert|crit|error)\]/ } split /\n/, $text;
}

1;
