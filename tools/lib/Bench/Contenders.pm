# SPDX-License-Identifier: Apache-2.0
#
# Who takes part. Each contender has a `name`, a `kind` (ours, baseline, peer, floor),
# and can
#
#   takes(workload)           whether it has part in it
#   measure(workload)         one turn: {cpu => ms of CPU a picture, and for a server
#                             rate => pictures a second}
#   answers(workload, dir, q) writes an answer for each photograph: their files. `q` is
#                             the quality, if not the workload's
#   memory(workload)          KiB at its peak over what it has when idle, or undef
#   version()                 what it is, for the report, or undef
package Bench::Contenders;

use strict;
use warnings;
use File::Temp ();
use HTTP::Tiny ();
use Bench::Measure   ();
use Bench::Servers   ();
use Bench::Workloads ();

use constant { WORKERS => 2, CONNECTIONS => 8 };

# (the contenders, what is missing and why). Of option: folder, workloads, seconds,
# baseline, mpms.
sub gather {
    my (%option) = @_;
    my %shared = (folder => $option{folder}, seconds => $option{seconds});
    my (@all, @missing);
    my @ours = map { [$_, "ours, $_", 'ours', undef] } qw(prefork worker);
    push @ours, ['prefork', 'baseline, prefork', 'baseline', $option{baseline}] if $option{baseline};
    for my $row (@ours) {
        my ($mpm, $name, $kind, $module) = @$row;
        my $start = sub {
            my ($workers) = @_;
            return Bench::Servers::httpd(mpm => $mpm, workers => $workers, module => $module,
                folder => $option{folder});
        };
        my $server = $start->(WORKERS);
        for my $hint (0, 1) {
            push @all, Bench::Contender::Server->new(%shared, kind => $kind, server => $server,
                hint => $hint, name => $name . ($hint ? ', jpeghint=y' : ''), alike => "$kind$hint",
                start => $mpm eq 'prefork' ? $start : undef);
        }
    }
    for my $row (['nginx image_filter', \&Bench::Servers::nginx], ['sharp', \&Bench::Servers::sharp]) {
        my ($name, $begin) = @$row;
        my $start = sub {
            my ($workers) = @_;
            return $begin->(workers => $workers, folder => $option{folder}, workloads => $option{workloads});
        };
        my $server = eval { $start->(WORKERS) };
        push @missing, "$name: $@" unless $server;
        push @all, Bench::Contender::Server->new(%shared, kind => 'peer', name => $name,
            server => $server, start => $start) if $server;
    }
    push @all, Bench::Contender::Vips->new(%shared) if Bench::Contender::Vips::there();
    push @missing, "vipsthumbnail: not found\n" unless Bench::Contender::Vips::there();
    my $convert = Bench::Contender::Magick::there();
    push @all, Bench::Contender::Magick->new(%shared, program => $convert) if $convert;
    push @missing, "ImageMagick: no convert of its own found\n" unless $convert;
    push @all, map { Bench::Contender::Convert->new(%shared, hint => $_) } 0, 1;
    push @all, map { Bench::Contender::Floor->new(%shared, hint => $_) } 0, 1;
    return (\@all, \@missing);
}

# ---- servers ---------------------------------------------------------------------------

package Bench::Contender::Server;

sub new {
    my ($class, %self) = @_;
    return bless {%self}, $class;
}

sub takes {
    my ($self, $workload) = @_;
    return if $self->{hint} && $workload->{png};
    return $self->{server}->takes($workload);
}

# The workload's quality, or the one that was found for this contender.
sub quality {
    my ($self, $workload) = @_;
    return $self->{settled}{ $workload->{name} } // $workload->{q};
}

sub version { return $_[0]{server}->version }

sub _paths {
    my ($self, $workload, $server, $q) = @_;
    $q //= $self->quality($workload);
    return map { $server->path($workload, $_->{file}, $self->{hint}, $q) } @{ $workload->{files} };
}

# All its processes' time, from before the first request to after the last answer.
sub measure {
    my ($self, $workload) = @_;
    my $server = $self->{server};
    my $before = Bench::Measure::cpu_ms($server->pids);
    my $load = Bench::Measure::load($server->port, '-c', Bench::Contenders::CONNECTIONS(),
        '-t', $self->{seconds}, $self->_paths($workload, $server));
    my $count = Bench::Measure::only_good("$self->{name}, $workload->{name}", $load);
    my $cpu = Bench::Measure::cpu_ms($server->pids) - $before;
    return { cpu => $cpu / $count, rate => $count / $load->{seconds} };
}

sub answers {
    my ($self, $workload, $dir, $q) = @_;
    my $http = HTTP::Tiny->new(timeout => 60);
    my (@files, $number);
    for my $path ($self->_paths($workload, $self->{server}, $q)) {
        my $file = "$dir/" . ++$number . ".$workload->{answer}";
        my $answer = $http->mirror('http://127.0.0.1:' . $self->{server}->port . $path, $file);
        $answer->{success} or die "bench: $self->{name}: $path: $answer->{status} $answer->{reason}\n";
        push @files, $file;
    }
    return @files;
}

# A server of one worker, new, which has answered with one tiny picture of the kind: so its
# code is in memory, and its heap as small as it ever is. Processes that it has besides count
# too.
sub memory {
    my ($self, $workload) = @_;
    my $start = $self->{start} or return;
    my $server = $start->(1);
    my $ask = sub { Bench::Measure::only_good($self->{name}, Bench::Measure::load($server->port, '-n', 1, @_)) };
    $ask->($server->tiny($workload));
    my @processes = $server->workers;
    my @idle = map { Bench::Measure::status_kb($_, 'VmRSS') } @processes;
    Bench::Measure::reset_peak($_) for @processes;
    $ask->($self->_paths($workload, $server));
    my @peak = map { Bench::Measure::status_kb($_, 'VmHWM') } @processes;
    $server->stop;
    return if !@peak || grep { !defined } @idle, @peak;
    return Bench::Measure::sum(@peak) - Bench::Measure::sum(@idle);
}

# ---- programs that are started ---------------------------------------------------------

package Bench::Contender::Program;

our @ISA = ('Bench::Contender::Server');

sub takes { return 1 }
sub version { return $_[0]{version} }

# What `usage` says of one run.
sub _run {
    my ($self, @command) = @_;
    return Bench::Measure::values_of('usage', @command);
}

sub _tiny {
    my ($self, $workload) = @_;
    return $self->{tiny}{"$workload->{extension} $workload->{answer}"} //= do {
        my $dir = File::Temp->newdir('bench-XXXXXX', TMPDIR => 1);
        my $file = "$self->{folder}/tiny.$workload->{extension}";
        # The least of five: what it takes to start and stop.
        my @runs = map { $self->_run($self->command($workload, "$dir", $file)) } 1 .. 5;
        my %least = map { my $key = $_; $key => Bench::Measure::least(map { $_->{$key} } @runs) }
            qw(cpu_ms peak_kb);
        \%least;
    };
}

sub memory {
    my ($self, $workload) = @_;
    my $dir = File::Temp->newdir('bench-XXXXXX', TMPDIR => 1);
    my @peaks = map {
        $self->_run($self->command($workload, "$dir", "$self->{folder}/$_->{file}"))->{peak_kb}
    } @{ $workload->{files} };
    return Bench::Measure::most(@peaks) - $self->_tiny($workload)->{peak_kb};
}

sub answers {
    my ($self, $workload, $dir, $q) = @_;
    local $self->{settled}{ $workload->{name} } = $q // $self->{settled}{ $workload->{name} };
    return map {
        my ($file) = ($_->{file});
        $self->_run($self->command($workload, $dir, "$self->{folder}/$file"));
        my ($stem) = $file =~ m{([^/]+)\.\w+$};
        "$dir/$stem.$workload->{answer}";
    } @{ $workload->{files} };
}

# vipsthumbnail converts many files in one process.
package Bench::Contender::Vips;

our @ISA = ('Bench::Contender::Program');

sub there { return grep { -x "$_/vipsthumbnail" } split /:/, $ENV{PATH} }

sub new {
    my ($class, %self) = @_;
    my ($version) = qx(vipsthumbnail --version) =~ /^(vips-[\d.]+)/;
    return bless { %self, kind => 'peer', name => 'vipsthumbnail', version => $version }, $class;
}

sub command {
    my ($self, $workload, $dir, @files) = @_;
    my ($w, $h) = @{ $workload->{to} };
    my %how = (jpg => 'Q=', png => 'compression=1,filter=sub', webp => 'effort=3,Q=', avif => 'effort=0,Q=');
    my $how = $how{ $workload->{answer} };
    $how .= $self->quality($workload) if $how =~ /=$/;
    my @size = $workload->{fill} ? ('-s', "${w}x$h", '--smartcrop', 'centre') : ('-s', "${w}x$w>");
    return ('vipsthumbnail', '--vips-concurrency=1', @size, '-o', "$dir/%s.$workload->{answer}\[$how]", @files);
}

# Each picture several times, under names of their own: a file that it has already had
# it would take from its cache.
sub measure {
    my ($self, $workload) = @_;
    my $dir = File::Temp->newdir('bench-XXXXXX', TMPDIR => 1);
    my $copies = $workload->{mix} ? 1 : $workload->{w} * $workload->{h} > 4e6 ? 2 : 6;
    $copies = 1 if $self->{seconds} < 0.5;
    my @files;
    mkdir "$dir/$_" or die "$dir: $!\n" for qw(in out);
    for my $copy (1 .. $copies) {
        for my $file (@{ $workload->{files} }) {
            (my $name = $file->{file}) =~ s{.*/}{};
            symlink "$self->{folder}/$file->{file}", "$dir/in/$copy-$name" or die "$dir: $!\n";
            push @files, "$dir/in/$copy-$name";
        }
    }
    my $took = $self->_run($self->command($workload, "$dir/out", @files));
    return { cpu => ($took->{cpu_ms} - $self->_tiny($workload)->{cpu_ms}) / @files };
}

# ImageMagick's convert, one process a picture.
package Bench::Contender::Magick;

our @ISA = ('Bench::Contender::Program');

# Its own, and not another program of that name.
sub there {
    for my $program ('/usr/bin/convert', map { "$_/convert-im6" } split /:/, $ENV{PATH}) {
        return $program if -x $program && qx($program -version 2>/dev/null) =~ /ImageMagick/;
    }
    return;
}

sub new {
    my ($class, %self) = @_;
    my ($version) = qx($self{program} -version) =~ /^Version: (ImageMagick [\d.-]+)/;
    return bless { %self, kind => 'peer', name => 'ImageMagick', version => $version }, $class;
}

# With the hint that its manual recommends: decode no more than twice the size.
sub command {
    my ($self, $workload, $dir, $file) = @_;
    my ($w, $h) = @{ $workload->{to} };
    my ($stem) = $file =~ m{([^/]+)\.\w+$};
    my $answer = $workload->{answer};
    my @how = $answer eq 'png' ? qw(-define png:compression-level=1 -define png:compression-filter=1)
        : ('-quality', $self->quality($workload));
    push @how, qw(-sampling-factor 2x2 -interlace none) if $answer eq 'jpg';
    push @how, qw(-define webp:method=3) if $answer eq 'webp';
    push @how, qw(-define heic:speed=9) if $answer eq 'avif';
    my @size = $workload->{fill} ? ('-thumbnail', "${w}x$h^", qw(-gravity center -extent), "${w}x$h")
        : ('-thumbnail', "${w}x$w>");
    return ($self->{program}, qw(-limit thread 1), '-define', 'jpeg:size=' . 2 * $w . 'x' . 2 * $h, $file,
        @size, @how, "$dir/$stem.$answer");
}

sub measure {
    my ($self, $workload) = @_;
    my $dir = File::Temp->newdir('bench-XXXXXX', TMPDIR => 1);
    my $cpu = 0;
    $cpu += $self->_run($self->command($workload, "$dir", "$self->{folder}/$_->{file}"))->{cpu_ms}
        for @{ $workload->{files} };
    return { cpu => $cpu / @{ $workload->{files} } - $self->_tiny($workload)->{cpu_ms} };
}

# ---- ours without a server ---------------------------------------------------------------

package Bench::Contender::Convert;

our @ISA = ('Bench::Contender::Server');

sub new {
    my ($class, %self) = @_;
    return bless { %self, kind => 'ours', name => 'ours, no server' . ($self{hint} ? ', jpeghint=y' : ''),
        alike => "ours$self{hint}" }, $class;
}

sub takes   { return !($_[0]{hint} && $_[1]{png}) }
sub version { return }

sub _convert {
    my ($self, $workload, $q, $file, $out, @options) = @_;
    return Bench::Measure::values_of('tcconvert', '-v', @options,
        Bench::Workloads::params($workload, $self->{hint}, $q // $self->quality($workload)),
        "$self->{folder}/$file->{file}", $out);
}

sub measure {
    my ($self, $workload) = @_;
    my $files = $workload->{files};
    my $cpu = 0;
    $cpu += $self->_convert($workload, undef, $_, '-', '-t', $self->{seconds} / @$files)->{cpu_ms} for @$files;
    return { cpu => $cpu / @$files };
}

sub answers {
    my ($self, $workload, $dir, $q) = @_;
    return map {
        my ($stem) = $_->{file} =~ m{([^/]+)\.\w+$};
        my $out = "$dir/$stem.$workload->{answer}";
        $self->_convert($workload, $q, $_, $out);
        $out;
    } @{ $workload->{files} };
}

sub memory { return }

# ---- the floor -------------------------------------------------------------------------

package Bench::Contender::Floor;

our @ISA = ('Bench::Contender::Server');

sub new {
    my ($class, %self) = @_;
    return bless { %self, kind => 'floor', name => 'the least work' . ($self{hint} ? ', jpeghint=y' : '') },
        $class;
}

# Of the answer's format, as the floor encodes no other than it decodes.
sub takes {
    my ($self, $workload) = @_;
    return $workload->{answer} eq $workload->{extension} && !($self->{hint} && $workload->{png});
}

sub version { return }

# At 1/8 a progressive picture needs not all its scans.
sub measure {
    my ($self, $workload) = @_;
    my $cpu = 0;
    for my $file (@{ $workload->{files} }) {
        my $reduce = $file->{reduce} ? $file->{reduce}[$self->{hint}] : 1;
        my $from = $reduce == 8 && $file->{cut} ? $file->{cut} : $file->{file};
        $cpu += Bench::Measure::values_of('floor', '-s', 8 / $reduce,
            '-t', $self->{seconds} / @{ $workload->{files} },
            "$self->{folder}/$from", "$self->{folder}/$file->{ceiling}")->{cpu_ms};
    }
    return { cpu => $cpu / @{ $workload->{files} } };
}

sub answers {
    my ($self, $workload) = @_;
    return map { "$self->{folder}/$_->{ceiling}" } @{ $workload->{files} };
}

sub memory { return }

1;
