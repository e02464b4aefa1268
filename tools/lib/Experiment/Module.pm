# SPDX-License-Identifier: Apache-2.0
#
# Part 1: the same load of conversions on two servers, one after the other. One
# makes its temporary files as most programs do, the other as the module does
# unless told otherwise. What a server's directory retained is the drop of the
# kernel's count of negative dentries when the directory is removed: nobody else
# on the host has part in that.
package Experiment::Module;

use strict;
use warnings;
use Time::HiRes qw(sleep time);
use Experiment::Load    ();
use Experiment::Machine ();
use Experiment::Page    ();

use constant {
    MB          => 2**20,
    IDLE        => 2,       # seconds to see what the rest of the host does to the count
    LEAK_FROM   => 0.90,    # negative dentries a file; between the two nothing is said
    CLEAN_TO    => 0.05,
    LEAST_FILES => 200,     # below it a ratio says little
    BUCKET      => 10**0.1, # a bound of the module's histograms, of the one before
};

# The pictures, and the requests: thumbnails, as an image server is asked for most.
my @PICTURES = (
    ['photo.jpg', qw(640 480 kind=photo)],
    ['upright.jpg', qw(480 640 kind=photo seed=7 orientation=6)],
    ['disc.png', qw(300 300 kind=disc type=rgba colour=d03030 colour2=00ff00)],
);
my @PATHS = (
    '/small_light(dw=160,dh=120)/photo.jpg',
    '/small_light(dw=120,dh=160)/upright.jpg',
    '/small_light(dw=100,dh=100)/disc.png',
    '/small_light(dw=80,dh=80,da=s,cw=80,ch=80)/photo.jpg',
);

sub paths { return @PATHS }

sub make_pictures {
    my ($context) = @_;
    my $dir = "$context->{scratch}/pictures";
    mkdir $dir, 0755 or die "$dir: $!\n";
    chmod 0755, $dir;
    for my $picture (@PICTURES) {
        my ($name, @how) = @$picture;
        my ($code, $words) = $context->{keeper}->run(
            mark    => $dir,
            out     => "$context->{scratch}/words",
            command => ["$context->{tree}/build/bin/mkpicture", "$dir/$name", @how],
        );
        die "mkpicture $name: $words" if $code;
        chmod 0644, "$dir/$name";
    }
    return;
}

# run($context, name, method): one server under load; all its figures.
sub run {
    my ($context, %of) = @_;
    my $keeper = $context->{keeper};
    my $server = $context->{server};
    my $temp = "$context->{scratch}/temp-$of{name}";
    my %run = (%of, temp => $temp, fs => Experiment::Machine::file_system($context->{scratch}),
        knob => Experiment::Machine::knob('fs/dentry-negative'), rows => [], stopped => '');

    mkdir $temp, 0700 or die "$temp: $!\n";
    $server->give($temp);
    $run{idle} = _idle_rate();
    $run{at_start} = Experiment::Machine::retained_gauge();
    $server->start(name => $of{name}, method => $of{method}, temp => $temp);
    _try_each($server);
    my $load = Experiment::Load->start(
        keeper => $keeper, port => $server->{port}, paths => \@PATHS,
        map { $_ => $context->{option}{$_} } qw(connections seconds rate));
    _watch($context, \%run, $load);
    $run{load} = $load->result;
    $run{status} = $server->status;
    $server->stop;
    $run{complaints} = [$server->complaints];
    $run{at_end} = Experiment::Machine::retained_gauge();
    _measure(\%run);
    _sum_up(\%run);
    return \%run;
}

sub _idle_rate {
    my $before = Experiment::Machine::retained_gauge();
    sleep IDLE;
    return (Experiment::Machine::retained_gauge() - $before) / IDLE;
}

# Before the load: is every request answered as it should be?
sub _try_each {
    my ($server) = @_;
    for my $path (@PATHS) {
        my $answer = $server->get($path);
        $answer->{success} or die "$path: $answer->{status} $answer->{reason}\n"
            . join '', map { "$_\n" } $server->complaints;
    }
    return;
}

# ---- while the load is on -----------------------------------------------------------------

sub _watch {
    my ($context, $run, $load) = @_;
    my $start = time;
    my $tick = 0;
    my $before = _poll($context, $run, $start, undef);
    until ($load->done) {
        sleep 0.05;
        next if time < $start + $tick + 1;
        $tick = int(time - $start);
        $before = _poll($context, $run, $start, $before);
        $context->{progress}->(sprintf '%3d s, %s conversions, %+d negative dentries', $tick,
            Experiment::Page::grouped($before->{conversions}),
            ($before->{negative} // 0) - ($run->{rows}[0]{negative} // 0));
        last if $run->{stopped} = _guard($run, $before);
        $run->{stopped} = 'it did not end in time' if $tick > $load->{seconds} + 60;
        last if $run->{stopped};
    }
    # A connection that is told to end reports what it did up to then.
    $load->stop if $run->{stopped};
    _poll($context, $run, $start, $before);
    $context->{progress}->('');
    return;
}

# One row of figures at a whole second since the start.
sub _poll {
    my ($context, $run, $start, $before) = @_;
    my $status = $context->{server}->status;
    my %now = Experiment::Machine::dentries();
    my %memory = Experiment::Machine::memory();
    my ($slab, $estimated) = Experiment::Machine::dentry_slab();
    my $buckets = _total_buckets($status);
    my %row = (
        time        => time - $start,
        dentries    => $now{all},
        negative    => $now{negative} // $now{all},
        slab        => $slab,
        free        => $memory{MemFree},
        cached      => ($memory{Buffers} // 0) + ($memory{Cached} // 0),
        all_slab    => $memory{Slab},
        available   => $memory{MemAvailable} // $memory{MemFree},
        swap_used   => ($memory{SwapTotal} // 0) - ($memory{SwapFree} // 0),
        conversions => _sum($status->{conversions}{by_input_output}, 'conversions'),
        made        => _sum($status->{temp}{by_dir}, 'temp_files_made'),
        buckets     => $buckets,
    );
    $row{used} = $memory{MemTotal} - $row{free} - $row{cached} - $row{all_slab};
    $run->{estimated} ||= $estimated;
    if ($before) {
        my $span = $row{time} - $before->{time};
        # The last row comes when it comes; what is too near to the one before is none.
        return $before if $span < 0.5;
        $row{per_second} = ($row{conversions} - $before->{conversions}) / $span;
        @row{qw(p50 p99)} = _quantiles($before->{buckets}, $buckets, 0.5, 0.99);
    }
    push @{ $run->{rows} }, \%row;
    return \%row;
}

sub _sum {
    my ($rows, $field) = @_;
    my $sum = 0;
    $sum += $_->{$field} // 0 for @{ $rows || [] };
    return $sum;
}

# The histogram of whole conversions: {upper bound in seconds => count}.
sub _total_buckets {
    my ($status) = @_;
    my ($total) = grep { $_->{stage} eq 'total' } @{ $status->{latency}{by_stage} };
    return { map { ($_->[0] // 1000) => $_->[1] }
            @{ $total->{conversion_duration_seconds}{buckets} } };
}

# The times that parts of what came between two readings took less than, each within
# its bucket by its place in it; undef when nothing came.
sub _quantiles {
    my ($from, $to, @parts) = @_;
    my %count = map { $_ => $to->{$_} - ($from->{$_} // 0) } keys %$to;
    my $all = 0;
    $all += $_ for values %count;
    return map {undef} @parts unless $all;
    my @found;
    for my $part (@parts) {
        my $seen = 0;
        for my $bound (sort { $a <=> $b } keys %count) {
            my $here = $count{$bound} or next;
            $seen += $here;
            next if $seen < $part * $all;
            my $lower = $bound / BUCKET;
            push @found, $bound - ($bound - $lower) * ($seen - $part * $all) / $here;
            last;
        }
    }
    return @found;
}

# Why to stop, so that the machine does not suffer from what is to be shown on it.
sub _guard {
    my ($run, $now) = @_;
    my %memory = Experiment::Machine::memory();
    my $grown = (($now->{negative} // 0) - ($run->{rows}[0]{negative} // 0))
        * Experiment::Machine::DENTRY_BYTES();
    my $most = 0.1 * ($memory{MemAvailable} // $memory{MemTotal});
    $most = 512 * MB if $most > 512 * MB;
    return sprintf 'stopped early: the dentry cache had grown by %.0f MiB', $grown / MB
        if $grown > $most;
    return 'stopped early: less than 256 MiB of memory were available'
        if ($memory{MemAvailable} // $memory{MemFree}) < 256 * MB;
    return '';
}

# ---- afterwards --------------------------------------------------------------------------

sub _measure {
    my ($run) = @_;
    # Files that stayed would keep the directory from going; they are counted, too.
    $run->{left} = _empty($run->{temp});
    # Held open, or the removal would leave a negative dentry: the directory's own.
    opendir my $held, $run->{temp} or die "$run->{temp}: $!\n";
    my $before = Experiment::Machine::retained_gauge();
    my $began = time;
    rmdir $run->{temp} or die "$run->{temp}: $!\n";
    $run->{gave_back_seconds} = time - $began;
    $run->{retained} = $before - Experiment::Machine::retained_gauge();
    return;
}

# Remove the files in a directory; how many there were.
sub _empty {
    my ($dir) = @_;
    opendir my $list, $dir or die "$dir: $!\n";
    return scalar grep { !/^\.\.?$/ && unlink "$dir/$_" } readdir $list;
}

# What the tables show.
sub _sum_up {
    my ($run) = @_;
    my $temp = $run->{status}{temp}{by_dir};
    my $rows = $run->{rows};
    my $last = $rows->[-1];

    $run->{conversions} = _sum($run->{status}{conversions}{by_input_output}, 'conversions');
    $run->{made} = _sum($temp, 'temp_files_made');
    $run->{held} = _sum($temp, 'temp_files_removed_while_held');
    $run->{closed} = _sum($temp, 'temp_files_removed_after_close');
    $run->{written} = _sum($temp, 'temp_written_bytes');
    $run->{places} = [map { $_->{dir} } grep { $_->{temp_files_made} } @$temp];
    $run->{own_count} = $run->{status}{dentries}{temp_dentries_left};
    $run->{ratio} = $run->{made} ? $run->{retained} / $run->{made} : undef;
    # Not to be shown as -0.000.
    $run->{ratio} = 0 if defined $run->{ratio} && abs $run->{ratio} < 0.0005;
    $run->{per_second} = $run->{load}{seconds} ? $run->{load}{good} / $run->{load}{seconds} : 0;
    $run->{host_change} = $run->{at_end} - $run->{at_start};
    $run->{slab_growth} = $last->{slab} - $rows->[0]{slab} if defined $last->{slab};
    $run->{bytes} = ($run->{retained} > 0 ? $run->{retained} : 0)
        * Experiment::Machine::DENTRY_BYTES();
    $run->{fell} = _fell($rows);
    return;
}

# By how much the host's count fell while the load was on: then something reclaimed.
sub _fell {
    my ($rows) = @_;
    my ($peak, $fell) = (0, 0);
    for my $row (@$rows) {
        $peak = $row->{negative} if $row->{negative} > $peak;
        $fell = $peak - $row->{negative} if $peak - $row->{negative} > $fell;
    }
    return $fell;
}

# leak, clean or unclear; with the reason when it is not a leak.
sub finding {
    my ($run) = @_;
    my $ratio = $run->{ratio};
    return ('unclear', 'no temporary file was made') unless defined $ratio;
    return ('unclear', "only $run->{made} temporary files were made")
        if $run->{made} < LEAST_FILES;
    return ('leak', '') if $ratio >= LEAK_FROM;
    return ('unclear', 'the kernel reclaimed dentries while the load was on')
        if $run->{fell} > 1000 && $run->{fell} > 0.05 * $run->{made};
    return ('clean', _why_clean($run)) if abs $ratio <= CLEAN_TO;
    return ('unclear', 'neither all names were kept nor none');
}

sub _why_clean {
    my ($run) = @_;
    return 'no file was closed before its name was removed, or none ever had a name'
        unless $run->{closed};
    return 'fs.dentry-negative is 1: this kernel drops the names of removed files'
        if $run->{knob};
    return "$run->{fs} is memory, and keeps no names of files that are not there"
        if Experiment::Machine::in_memory($run->{fs});
    return 'overlayfs drops the name of what it removes' if $run->{fs} eq 'overlay';
    return "the file system, $run->{fs}, does not keep them";
}

1;
