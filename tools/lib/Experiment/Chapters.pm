# SPDX-License-Identifier: Apache-2.0
#
# The report on part 2: each chapter as a section of the page.
package Experiment::Chapters;

use strict;
use warnings;
use Experiment::Page ();

use constant { DAY => 86_400, MB => 2**20 };

*grouped   = \&Experiment::Page::grouped;
*bytes     = \&Experiment::Page::bytes;
*seconds   = \&Experiment::Page::seconds;
*ratio     = \&Experiment::Page::ratio;
*escaped   = \&Experiment::Page::escaped;
*bars      = \&Experiment::Page::bars;
*chart     = \&Experiment::Page::chart;

my %PART = (growth => \&_growth, hog => \&_hog, system => \&_system, tmpfs => \&_tmpfs);

sub part {
    my ($context, $chapter) = @_;
    my $html = "<section id=\"$chapter->{name}\"><h2>" . escaped($chapter->{title}) . "</h2>\n";
    $html .= _skipped($chapter->{skipped}) if $chapter->{skipped};
    $html .= $PART{ $chapter->{name} }->($context, $chapter)
        if @{ $chapter->{runs} } && !($chapter->{skipped} && $chapter->{name} ne 'hog');
    $html .= Experiment::Page::details("What build/bin/churn said: $_->{name}",
        "churn @{ $_->{options} }\n\n$_->{words}") for @{ $chapter->{runs} };
    return "$html</section>\n";
}

sub _skipped { return '<p class="skipped">Not run here: ' . escaped($_[0]) . ".</p>\n" }

sub _say { return Experiment::Page::paragraph(escaped(join ' ', grep { defined && length } @_)) }

sub _named {
    my ($chapter, $name) = @_;
    my ($run) = grep { $_->{name} eq $name } @{ $chapter->{runs} };
    return $run;
}

# One sentence for the terminal.
sub in_short {
    my ($chapter) = @_;
    my $name = $chapter->{name};
    my $run = $chapter->{runs}[0];
    return "not run: $chapter->{skipped}" if !$run;
    if ($name eq 'hog') {
        my ($before, $after) = @{$run}{qw(hog_before hog_after)};
        return 'nothing was measured' unless $before && $after;
        return sprintf 'longest wait for one MiB %s before those files, %s after',
            seconds($before->{worst_ms} / 1e3), seconds($after->{worst_ms} / 1e3);
    }
    if ($name eq 'system') {
        my $dropped = $run->{dropped} or return 'nothing was measured';
        return sprintf 'drop_caches freed %s dentries in %s', grouped($dropped->{dentries}),
            seconds($dropped->{ms} / 1e3);
    }
    return sprintf '%s files on %s, %s names kept a file (%s)', grouped($run->{files}), $run->{fs},
        ratio($run->{retained_a_file}), $run->{verdict};
}

# What churn's verdict means, with its reason when it is not as expected.
sub _verdict {
    my ($run) = @_;
    return "churn cannot tell: $run->{inconclusive_because}." if $run->{verdict} eq 'inconclusive';
    my $as = $run->{as_expected};
    return '' unless defined $as;
    return ($as ? 'As was to be expected: ' : 'This is NOT what was to be expected: ')
        . "$run->{expected_because}.";
}

sub _ended { return $_[0]{ended_by} ? "It ended early: $_[0]{ended_by}." : '' }

# A run's rows with the names that the charts use.
sub _rows {
    my ($run, $field, $as) = @_;
    return map { { time => $_->{seconds}, $as => $_->{$field} } } @{ $run->{rows} };
}

# ---- growth, tmpfs -----------------------------------------------------------------

sub _growth {
    my ($context, $chapter) = @_;
    my $run = $chapter->{runs}[0];
    my $memory = ($run->{retained} // 0) > 0 ? $run->{retained} * $run->{bytes_each} : 0;
    return _say(sprintf('Without a server: fifty processes, each makes a file of 128 bytes, closes it,'
            . ' removes it and waits for 10 ms. In %s they made %s files on %s; %s names stayed,'
            . ' %.3f a file, which is %s of kernel memory, or %s a day at this rate.',
            seconds($run->{seconds}), grouped($run->{files}), $run->{fs}, grouped($run->{retained}),
            $run->{retained_a_file} // 0, bytes($memory),
            bytes($run->{seconds} ? $memory / $run->{seconds} * DAY : 0)),
        _verdict($run), _ended($run))
        . '<div class="charts">' . chart($context,
        title      => 'The dentry cache' . ($run->{rows}[0]{dentry_slab_estimated} ? ' (estimated)' : ''),
        axis       => 'kernel memory',
        axis_unit  => 'bytes',
        rows       => [map { { time => $_->{seconds}, slab => $_->{dentry_slab},
                negative => $_->{nr_negative} } } @{ $run->{rows} }],
        columns    => [slab => 'dentry slab', negative => 'negative dentries'],
        area       => ['slab'],
        right      => ['negative'],
        right_axis => 'dentries',
        caption    => escaped(_growth_caption($run)),
    ) . "</div>\n";
}

sub _growth_caption {
    my ($run) = @_;
    return 'The figures are of the whole host: what else runs has its part in them.'
        unless $run->{verdict} eq 'leak' && $run->{seconds};
    return sprintf 'One name for each of %s files a second. The files themselves are gone.',
        grouped($run->{files} / $run->{seconds});
}

sub _tmpfs {
    my ($context, $chapter) = @_;
    my $run = $chapter->{runs}[0];
    my ($growth) = grep { $_->{name} eq 'growth' && @{ $_->{runs} } } @{ $context->{chapters} };
    my $other = $growth && $growth->{runs}[0];
    my $html = _say(sprintf('The fifty processes again, in %s on %s: %s files, %s names stayed, %.3f a file.',
            $run->{directory}, $run->{fs}, grouped($run->{files}), grouped($run->{retained}),
            $run->{retained_a_file} // 0),
        _verdict($run), _ended($run),
        $run->{verdict} eq 'clean' ? 'So TMPDIR on tmpfs is a remedy for programs that cannot be changed,'
            . ' as far as memory allows: what their files hold cannot be dropped, only swapped.' : '');
    return $html unless $other;
    return $html . '<div class="charts">' . chart($context,
        title   => 'On disk and on tmpfs',
        axis    => 'negative dentries, since the start',
        rows    => _from_zero(disk => $other, tmpfs => $run),
        columns => [disk => "on $other->{fs}", tmpfs => "on $run->{fs}"],
        caption => escaped('Both over the same time. Below zero, where others freed some, is shown as zero.'),
    ) . "</div>\n";
}

# Two runs' growth of the host's negative dentries by the half second.
sub _from_zero {
    my (%run) = @_;
    my %at;
    for my $name (keys %run) {
        my $rows = $run{$name}{rows};
        my $first = $rows->[0]{nr_negative} // $rows->[0]{nr_dentry};
        for my $row (@$rows) {
            my $time = sprintf '%.1f', int($row->{seconds} * 2 + 0.5) / 2;
            my $grown = ($row->{nr_negative} // $row->{nr_dentry}) - $first;
            $at{$time}{time} = $time;
            $at{$time}{$name} = $grown > 0 ? $grown : 0;
        }
    }
    return [map { $at{$_} } sort { $a <=> $b } keys %at];
}

# ---- under memory pressure ------------------------------------------------------------

sub _stall_bars {
    my (@runs) = @_;
    my @bars;
    for my $pair (@runs) {
        my ($words, $run) = @$pair;
        my ($before, $after) = @{$run}{qw(hog_before hog_after)};
        next unless $before && $after;
        my $longer = $after->{worst_ms} > 3 * $before->{worst_ms};
        push @bars, ["before those files$words", $before->{worst_ms},
            seconds($before->{worst_ms} / 1e3), 'plain'];
        push @bars, ["after them$words", $after->{worst_ms}, seconds($after->{worst_ms} / 1e3),
            $longer ? 'bad' : 'plain'];
    }
    return bars(@bars);
}

sub _times {
    my ($run) = @_;
    my ($before, $after) = @{$run}{qw(hog_before hog_after)};
    return $before->{worst_ms} > 0 ? $after->{worst_ms} / $before->{worst_ms} : 0;
}

sub _stall_in_words {
    my ($run) = @_;
    my ($before, $after) = @{$run}{qw(hog_before hog_after)};
    return 'The program did not come to run.' unless $before && $after;
    my $words = sprintf 'A program that takes %s MiB there had to wait for one of them %s at worst before,'
        . ' and %s after; for all of them %s and %s.', $before->{mb}, seconds($before->{worst_ms} / 1e3),
        seconds($after->{worst_ms} / 1e3), seconds($before->{seconds}), seconds($after->{seconds});
    $words .= ' It was killed before it had all.' if $after->{killed};
    return "$words None of the files had left its name, so nothing had to be freed."
        if $run->{verdict} eq 'clean';
    return $words . (_times($run) > 3
        ? sprintf ' Whoever asks for memory pays for those who left the names: that is %.0f times as long.',
            _times($run)
        : ' That is no great difference: the kernel found the memory elsewhere, or in small steps.');
}

# The limit in MiB that a run of churn was given.
sub _limit {
    my ($run) = @_;
    my %option = @{ $run->{options} };
    return $option{'--memcg'};
}

sub _hog {
    my ($context, $chapter) = @_;
    my ($first) = @{ $chapter->{runs} };
    my $with = _named($chapter, 'hog-swap');
    my $html = _say(sprintf('In a memory cgroup of %s MiB, two processes made and removed %s files on %s'
            . ' as fast as they could.', _limit($first), grouped($first->{files}), $first->{fs}),
        _stall_in_words($first), _ended($first));
    $html .= _say($chapter->{had_swap} ? 'This machine has swap, so the kernel could move pages of programs'
            . ' there instead of freeing dentries.'
            : 'This machine has no swap, so the kernel could not move pages of programs there instead.',
        $with || $chapter->{had_swap} ? ''
            : 'With --swap MB, as root, this is done again with a swap file for that time.');
    $html .= _swap_in_words($chapter, $first, $with) if $with;
    return $html . '<h3>The longest wait for one MiB</h3>' . _stall_bars(['', $first],
        $with ? [', with swap', $with] : ())
        . '<div class="charts">' . chart($context,
        title     => 'Slab of the cgroup',
        axis      => 'kernel memory',
        axis_unit => 'bytes',
        rows      => [map { { time => $_->{seconds}, slab => $_->{cgroup_slab}, limit => _limit($first) * MB } }
                @{ $first->{rows} }],
        columns   => [slab => 'slab: nearly all dentries', limit => 'limit of the cgroup'],
        area      => ['slab'],
        caption   => escaped('Up to the moment at which the program asks for memory.'),
    ) . "</div>\n";
}

sub _swap_in_words {
    my ($chapter, $first, $run) = @_;
    my $swapped = $chapter->{swapped};
    my $same = $first->{hog_after} && $run->{hog_after}
        && $run->{hog_after}{worst_ms} > 0.5 * $first->{hog_after}{worst_ms};
    return _say("The same with a swap file of ours of $chapter->{swap} MiB.", _stall_in_words($run),
        sprintf('Meanwhile %s went to swap and %s came back.', bytes($swapped->{out}), bytes($swapped->{in})),
        $same && _times($run) > 3 ? 'So swap was no way around it.' : '');
}

# ---- the administrator's means -----------------------------------------------------------

sub _system {
    my ($context, $chapter) = @_;
    my $html = '';
    if (my $dropped = _named($chapter, 'drop-caches')->{dropped}) {
        $html .= '<h3>echo 2 &gt; /proc/sys/vm/drop_caches</h3>' . _say(sprintf 'freed %s dentries, %s'
            . ' of them negative, and %s MiB of their slab in %s. It frees all dentries and inodes, the'
            . ' useful ones too, and the growth goes on after it.', grouped($dropped->{dentries}),
            grouped($dropped->{negatives}), $dropped->{mb}, seconds($dropped->{ms} / 1e3));
    }
    my ($low, $high) = map { _named($chapter, "pressure-$_") } 100, 10_000;
    if ($low && $high && $low->{hog_after} && $high->{hog_after}) {
        $html .= '<h3>vm.vfs_cache_pressure</h3>' . _pressure($low, $high);
    }
    if (my $run = _named($chapter, 'dentry-negative')) {
        $html .= '<h3>fs.dentry-negative = 1</h3>' . _say(sprintf('%s files left %.3f names each. It is for'
            . ' all programs of the host, from Linux 6.13 on.', grouped($run->{files}),
            $run->{retained_a_file} // 0), _verdict($run));
    }
    $html .= _skipped($_) for @{ $chapter->{without} || [] };
    return $html;
}

sub _pressure {
    my ($low, $high) = @_;
    my @worst = map { $_->{hog_after}{worst_ms} } $low, $high;
    my $near = $worst[1] > 0.5 * $worst[0] && $worst[1] < 2 * $worst[0];
    return _say('The chapter on memory once more, with 100, the usual value, and with 10000. The setting'
            . ' bears on what the kernel takes first once it looks for memory. Up to then',
        sprintf('%s names had piled up with 100, and %s with 10000.',
            map { grouped($_->{host_change}) } $low, $high))
        . bars(map { ["longest wait for one MiB with $_->[0]", $_->[1], seconds($_->[1] / 1e3)] }
            [100, $worst[0]], [10_000, $worst[1]])
        . _say($near ? 'That is about the same.'
            : $worst[1] < $worst[0] ? 'The wait was shorter, and still there.' : 'The wait was longer.');
}

1;
