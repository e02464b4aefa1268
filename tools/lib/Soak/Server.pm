# SPDX-License-Identifier: Apache-2.0
#
# The servers of a soak: the one under test, and a plain one behind its proxy; what
# is asked of them.
package Soak::Server;

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use HTTP::Tiny ();
use JSON::PP ();
use Time::HiRes qw(sleep time);
use TmpfsConvertTest::Fault ();
use TmpfsConvertTest::Httpd ();

use constant {
    # Processes and threads stay as many as there are, so that a sum over all of
    # them says something of each.
    PROCESSES => 2,
    THREADS   => 8,
    PREFORK   => 10,
};

sub new {
    my ($class, $root, $option) = @_;
    -x "$root/mod_tmpfs_convert.so" && -x "$root/build/bin/mkpicture"
        or die "make -f Makefile.apxs all tools\n";
    my $self = bless { root => $root, option => $option, owner => $$ }, $class;
    my $documents = "$root/build/t/soak-$$";
    $self->{documents} = $documents;
    mkdir "$root/build/t";
    mkdir $documents or die "$documents: $!\n";
    $self->_make_pictures;
    $self->{behind} = TmpfsConvertTest::Httpd->new(mpm => 'event', plain => 1, documents => $documents);
    $self->{httpd} = TmpfsConvertTest::Httpd->new(
        mpm => $option->{mpm}, documents => $documents, start => 0, env => $option->{env},
        conf => sub { $self->_configuration(@_) });
    $self->_plant_at_start;
    $self->{temp} = $self->{httpd}->temp_dir . '/soak';
    mkdir $self->{temp} or die "$self->{temp}: $!\n";
    chmod 01777, $self->{temp};
    $self->{httpd}->start;
    $self->{converters} = $self->_converters;
    return $self;
}

sub threads { return $_[0]{option}{mpm} eq 'prefork' ? 1 : THREADS }
sub log_file { return $_[0]{httpd}->root . '/access_log' }

sub _processes {
    my ($self) = @_;
    return <<"PREFORK" if $self->{option}{mpm} eq 'prefork';
StartServers @{[PREFORK]}
MinSpareServers 1
MaxSpareServers @{[PREFORK]}
MaxRequestWorkers @{[PREFORK]}
PREFORK
    return <<"THREADS";
StartServers @{[PROCESSES]}
ThreadsPerChild @{[THREADS]}
MinSpareThreads 1
MaxSpareThreads @{[PROCESSES * THREADS]}
MaxRequestWorkers @{[PROCESSES * THREADS]}
THREADS
}

sub _configuration {
    my ($self, $httpd) = @_;
    return $self->_processes . <<"CONF";
LogLevel warn tmpfs_convert:crit
LogFormat "%>s %{X-Soak}i %P %U" soak
CustomLog "@{[$httpd->root]}/access_log" soak
KeepAlive On
KeepAliveTimeout 30
MaxKeepAliveRequests 500
GracefulShutdownTimeout 20
TmpfsConvert On
TmpfsConvertSpoolMemory 2K
TmpfsConvertMaxActive 16 16 10s
TmpfsConvertMaxOutput 4000x4000
TmpfsConvertTempDir "$self->{temp}"
TmpfsConvertTempMethod $self->{option}{method}
@{[$self->{option}{isolation} ? "TmpfsConvertIsolation $self->{option}{isolation}" : '']}
TmpfsConvertPattern thumb "dw=60,dh=60,da=s,cw=60,ch=60"
ProxyPass "/behind/" "http://127.0.0.1:@{[$self->{behind}->port]}/"
<Location "/tmpstat">
    SetHandler tmpstat
</Location>
CONF
}

# ---- what there is to ask for ---------------------------------------------------------

sub _make_pictures {
    my ($self) = @_;
    my $to = $self->{documents};
    for my $picture (
        ['small.jpg', 160, 120, 'kind=photo'],
        ['small.png', 64, 48, 'kind=photo'],
        ['alpha.png', 96, 64, 'kind=disc', 'type=rgba'],
        ['medium.jpg', 900, 700, 'kind=photo'],
        ['huge.jpg', 4000, 3000, 'kind=photo'],
        ['progressive.jpg', 2400, 1800, 'kind=photo', 'progressive=1'],
        ['interlaced.png', 1400, 1000, 'kind=photo', 'interlace=1'],
    ) {
        my ($name, @words) = @$picture;
        link $self->_made($name, @words), "$to/$name" or die "$to/$name: $!\n";
    }
    open my $in, '<:raw', "$to/medium.jpg" or die "$to/medium.jpg: $!\n";
    read $in, my $bytes, (-s $in) / 2;
    _write("$to/cut.jpg", $bytes);
    _write("$to/words.jpg", "This is no picture.\n" x 50);
    return;
}

# A picture of build/bin/mkpicture's, kept for the next time.
sub _made {
    my ($self, $name, @words) = @_;
    my $program = "$self->{root}/build/bin/mkpicture";
    my $store = "$self->{root}/build/t/made/" . join '-', 'soak', @words, $name;
    return $store if -e $store && -M $program >= -M $store;
    make_path(dirname($store));
    my $new = dirname($store) . "/new-$$-$name";
    system($program, $new, @words) == 0 or die "mkpicture $name failed\n";
    rename $new, $store or die "$store: $!\n";
    return $store;
}

sub _write {
    my ($file, $bytes) = @_;
    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out $bytes;
    close $out or die "$file: $!\n";
    return;
}

# How many of a thousand; what for; its path; the status that is right. An answer that
# is larger than what sockets hold is what the client of `aborted` runs away from.
sub requests {
    return (
        [420, 'handler', '/small_light(dw=80,dh=60)/small.jpg', 200],
        [120, 'handler', '/small_light(dw=32,dh=32,of=png)/small.png', 200],
        [60,  'handler', '/small_light(p=thumb)/alpha.png', 200],
        [40,  'handler', '/small_light(dw=100,dh=100,cw=110,ch=110,cc=ff8800,of=png)/small.jpg', 200],
        [8,   'handler', '/small_light(dw=400,q=90)/medium.jpg', 200],
        [2,   'huge',    '/small_light(dw=300,dh=300)/huge.jpg', 200],
        [1,   'huge',    '/small_light(dw=600,of=png)/progressive.jpg', 200],
        [1,   'huge',    '/small_light(dw=300)/interlaced.png', 200],
        [150, 'filter',  '/small_light(dw=80,dh=60)/behind/small.jpg', 200],
        [1,   'filter',  '/small_light(dw=500)/behind/huge.jpg', 200],
        [25,  'bad',     '/small_light(dw=80)/none.jpg', 404],
        [20,  'bad',     '/small_light(dw=80)/words.jpg', 415],
        [20,  'bad',     '/small_light(dw=80)/cut.jpg', 422],
        [25,  'bad',     '/small_light(dw=x)/small.jpg', 400],
        [15,  'bad',     '/small_light(dw=80,dh=60,cw=9000,ch=9000)/small.jpg', 413],
        [15,  'bad',     '/small_light(p=none)/small.jpg', 400],
        [15,  'bad',     '/small_light(dw=80)/behind/none.jpg', 404],
        [10,  'bad',     '/small_light(dw=80)/behind/cut.jpg', 422],
        [20,  'head',    '/small_light(dw=80,dh=60)/small.jpg', 200],
        [7,   'plain',   '/small.jpg', 200],
        [5,   'plain',   '/tmpstat?json', 200],
        [12,  'aborted', '/small_light(dw=890,of=png)/medium.jpg', 200],
        [8,   'aborted', '/small_light(dw=890,of=png)/behind/medium.jpg', 200],
    );
}

# ---- afterwards -------------------------------------------------------------------------

sub status {
    my ($self) = @_;
    my $agent = HTTP::Tiny->new(keep_alive => 0, timeout => 20, no_proxy => ['127.0.0.1']);
    my $answer = $agent->get($self->{httpd}->url . '/tmpstat?json', { headers => { 'X-Soak' => 'plain' } });
    $answer->{success} or die "/tmpstat: $answer->{status} $answer->{content}\n";
    my $page = JSON::PP->new->utf8->decode($answer->{content});
    my %now = (
        in_progress => $page->{traffic}{conversions_in_progress},
        queued      => $page->{traffic}{conversions_queued},
        temp_open   => 0, temp_made => 0, swept => $page->{traffic}{temp_files_swept},
        conversions => 0);
    $now{temp_open} += $_->{temp_files_open} for @{ $page->{temp}{by_dir} };
    $now{temp_made} += $_->{temp_files_made} for @{ $page->{temp}{by_dir} };
    $now{requests}{ substr $_->{code}, 0, 1 } = $_->{requests} for @{ $page->{conversions}{by_code} };
    $now{conversions} += $_->{conversions} for @{ $page->{conversions}{by_input_output} };
    return \%now;
}

# The status when nothing is under way any more, or after some seconds.
sub settle {
    my ($self) = @_;
    my $deadline = time + 15;
    my $now;
    while (1) {
        $now = eval { $self->status };
        last if $now && !grep { $now->{$_} } qw(in_progress queued temp_open);
        last if time > $deadline;
        sleep 0.2;
    }
    return $now || die "the server does not answer at the end: $@";
}

# How many converters there are, when they are as many as the last time.
sub _converters {
    my ($self) = @_;
    my ($count, $before) = (0, -1);
    for (1 .. 50) {
        $count = () = $self->{httpd}->converters;
        last if $count == $before;
        $before = $count;
        sleep 0.1;
    }
    return $count;
}

# How many there are at the end, once those that were killed had time to be replaced.
sub converters_again {
    my ($self) = @_;
    my ($deadline, $count) = (time + 10, 0);
    while (time < $deadline) {
        $count = () = $self->{httpd}->converters;
        last if $count == $self->{converters};
        sleep 0.1;
    }
    kill CONT => $self->{httpd}->keeper if $self->{option}{plant}{converters};
    return $count;
}

# The access log's requests for conversions by class of status, those of clients
# that ran away apart.
sub log_by_status {
    my ($self) = @_;
    my (%all, %whole);
    open my $in, '<', $self->log_file or die $self->log_file . ": $!\n";
    while (my $line = <$in>) {
        my ($class, $kind) = $line =~ /^(\d)\d\d (\S+)/ or next;
        next if $kind eq 'plain';
        $all{$class}++;
        $whole{$class}++ if $kind ne 'aborted';
    }
    return { all => \%all, whole => \%whole };
}

# Words of the error log that a healthy server does not say.
sub complaints {
    my ($self) = @_;
    my %seen;
    return grep { !$seen{ s/^(?:\[[^\]]*\] )+//r =~ s/\d+/N/gr }++ }
        grep { /\[(?:\w+:)?(?:emerg|alert|crit)\]|exit signal (?!Killed)|Sanitizer|runtime error:/ }
        split /\n/, $self->{httpd}->log_text;
}

# ---- what is made to fail, for the test ----------------------------------------------------

sub _plant_at_start {
    my ($self) = @_;
    my $plant = $self->{option}{plant};
    return unless $plant->{memory} || $plant->{descriptors};
    my $httpd = $self->{httpd};
    $httpd->{faults} = TmpfsConvertTest::Fault->new($httpd->root . '/faults');
    $httpd->{faults}->set(leak_bytes => 131_072) if $plant->{memory};
    $httpd->{faults}->set(leak_files => 1) if $plant->{descriptors};
    return;
}

# From the first second on the server stops for a while: nobody is answered.
sub be_silent {
    my ($self, $time) = @_;
    return $time < 1 ? undef : $self->_signal($time < 7 ? 'STOP' : 'CONT');
}

# Whenever the load was done.
sub end_silence { return $_[0]->_signal('CONT') }

sub _signal {
    my ($self, $signal) = @_;
    return if ($self->{signal} // '') eq $signal;
    kill $signal => $self->{httpd}->pid, $self->{httpd}->children;
    $self->{signal} = $signal;
    return;
}

sub is_silent { return ($_[0]{signal} // '') eq 'STOP' }

sub plant_at_end {
    my ($self) = @_;
    my $plant = $self->{option}{plant};
    _write("$self->{temp}/tc-planted", 'left') if $plant->{file};
    if ($plant->{converters}) {
        # A converter is missing, and nobody replaces it.
        kill STOP => $self->{httpd}->keeper;
        kill KILL => ($self->{httpd}->converters)[0];
    }
    if ($plant->{dentries}) {
        # Closed, then removed: on ext4, xfs and btrfs each leaves one.
        for my $number (1 .. 20_000) {
            _write("$self->{temp}/planted-$number", '');
            unlink "$self->{temp}/planted-$number";
        }
    }
    if ($plant->{log}) {
        open my $out, '>>', $self->log_file or die "the log: $!\n";
        print $out "200 handler 1 /planted\n" for 1 .. 3;
        close $out;
    }
    return;
}

sub DESTROY {
    my ($self) = @_;
    return if ($self->{owner} // 0) != $$;
    unlink glob "$self->{documents}/*";
    rmdir $self->{documents};
    return;
}

1;
