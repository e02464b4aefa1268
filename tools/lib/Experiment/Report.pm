# SPDX-License-Identifier: Apache-2.0
#
# The report on part 1 and the frame around it: what the figures say, in words,
# tables and charts. Each sentence follows from what was measured; none is there
# whatever comes out.
package Experiment::Report;

use strict;
use warnings;
use POSIX ();
use Experiment::Chapters ();
use Experiment::Machine  ();
use Experiment::Module   ();
use Experiment::Page     ();

use constant DAY => 86_400;

*grouped   = \&Experiment::Page::grouped;
*bytes     = \&Experiment::Page::bytes;
*seconds   = \&Experiment::Page::seconds;
*ratio     = \&Experiment::Page::ratio;
*escaped   = \&Experiment::Page::escaped;
*table     = \&Experiment::Page::table;
*chart     = \&Experiment::Page::chart;
*paragraph = \&Experiment::Page::paragraph;

# What stands for the two methods, in words.
my %WHICH = (
    named => 'closed, then removed',
    auto  => 'the module\'s own way',
);

sub whole_page {
    my ($context) = @_;
    my $when = POSIX::strftime('%Y-%m-%d %H:%M', localtime);
    my $host = Experiment::Machine::host();
    return Experiment::Page::page(
        "experiment: $host, $when",
        '<h1>What temporary files leave behind <span>'
            . escaped("$host, Linux " . Experiment::Machine::release() . ", $when") . "</span></h1>\n",
        _state($context), _cards($context), _module($context),
        (map { Experiment::Chapters::part($context, $_) } @{ $context->{chapters} }),
        _machine($context), _method($context),
    );
}

# ---- the verdict -------------------------------------------------------------------

# (class, sentence) of both runs together.
sub verdict {
    my ($context) = @_;
    my ($named, $auto) = @{$context}{qw(named auto)};
    my ($before, $why_before) = Experiment::Module::finding($named);
    my ($after, $why_after) = Experiment::Module::finding($auto);

    return ('bad', sprintf 'The module\'s own way of making temporary files left %s names in kernel'
            . ' memory a conversion: it should leave none.', ratio($auto->{ratio})) if $after eq 'leak';
    return ('unclear', "Nothing can be said of the module's own way: $why_after.") if $after eq 'unclear';
    return ('unclear', "Nothing can be said of files that are closed and then removed: $why_before."
            . ' The module\'s own way left nothing.') if $before eq 'unclear';
    return ('well', "On this machine not even files that are closed and then removed leave anything"
            . " in $named->{fs}: $why_before. Nor does the module's own way.") if $before eq 'clean';
    return ('well', sprintf 'Temporary files that are closed and then removed each left their name in'
            . ' kernel memory: %s conversions left %s names, %s in %s. The module\'s own way left none.',
        grouped($named->{conversions}), grouped($named->{retained}), bytes($named->{bytes}),
        seconds($named->{load}{seconds}));
}

sub _state {
    my ($context) = @_;
    my ($class, $words) = verdict($context);
    return "<p class=\"state $class\" role=\"status\"><strong>" . escaped($words) . "</strong></p>\n"
        . paragraph(escaped('A program that makes a file, closes it and then removes it may leave the'
            . ' file\'s name in the kernel\'s dentry cache: a "negative dentry", which says that there'
            . ' is no such file. Nobody asks for a random name again. The memory is given back only'
            . ' when something else runs short of it; no process is seen to own it.'));
}

sub _card {
    my ($name, $title, $run) = @_;
    my ($finding) = Experiment::Module::finding($run);
    my $class = { leak => 'bad', clean => 'well', unclear => 'plain' }->{$finding};
    my $day = $run->{load}{seconds} ? $run->{bytes} / $run->{load}{seconds} * DAY : 0;
    return "<div class=\"card $class\" id=\"card-$name\"><p class=\"which\">" . escaped($title)
        . '</p><b>' . ratio($run->{ratio}) . '</b><p>'
        . escaped('names left in kernel memory a conversion') . '</p><p class="dim">'
        . escaped(grouped($run->{conversions}) . ' conversions, '
            . grouped($run->{retained}) . ' negative dentries, '
            . ($finding eq 'leak' ? bytes($day) . ' a day at this rate' : bytes($run->{bytes})))
        . "</p></div>\n";
}

sub _cards {
    my ($context) = @_;
    return '<div class="duo">' . _card('named', 'Before: closed, then removed', $context->{named})
        . _card('auto', 'After: the module\'s own way', $context->{auto}) . "</div>\n";
}

# ---- part 1 ------------------------------------------------------------------------

sub _module {
    my ($context) = @_;
    my $option = $context->{option};
    my $load = $option->{rate} ? "$option->{rate} requests a second at most" : 'as fast as it went';
    return "<section id=\"module\"><h2>An image server, before and after</h2>\n"
        . paragraph(escaped(sprintf 'The same server, twice: %d connections asked for thumbnails of'
            . ' three pictures for %d s, %s, and each conversion made one temporary file'
            . ' (TmpfsConvertSpoolMemory 0). First with TmpfsConvertTempMethod named, which does as'
            . ' most programs do, in a directory of its own on %s; then with the default, auto,'
            . ' which took %s.',
            $option->{connections}, $option->{seconds}, $load, $context->{named}{fs},
            _places($context->{auto})))
        . _dentry_charts($context) . _module_table($context) . _conclusions($context)
        . _speed_charts($context) . _memory_charts($context)
        . "</section>\n";
}

sub _places {
    my ($run) = @_;
    my @names = map { $_ eq 'memfd' ? 'memory that has no name anywhere (memfd)' : "files in $_" }
        @{ $run->{places} };
    return @names ? join(' and ', @names) : 'no temporary file';
}

# A run's rows by the whole second, with what the charts want beside the figures.
sub _seconds {
    my ($run) = @_;
    my $first = $run->{rows}[0];
    my %at;
    for my $row (@{ $run->{rows} }) {
        my %more = (time => sprintf('%.0f', $row->{time}));
        for my $field (qw(negative slab)) {
            next unless defined $row->{$field};
            my $grown = $row->{$field} - $first->{$field};
            $more{"${field}_grown"} = $grown > 0 ? $grown : 0;
        }
        $more{taken} = $row->{used} + $row->{all_slab} + $row->{cached};
        $at{ $more{time} } = { %$row, %more };
    }
    return map { $at{$_} } sort { $a <=> $b } keys %at;
}

# Both runs in one list for one chart: NAME_named and NAME_auto.
sub _together {
    my ($context, @fields) = @_;
    my %at;
    for my $name (qw(named auto)) {
        for my $row (_seconds($context->{$name})) {
            $at{ $row->{time} }{time} = $row->{time};
            $at{ $row->{time} }{"${_}_$name"} = $row->{$_} for @fields;
        }
    }
    return [map { $at{$_} } sort { $a <=> $b } keys %at];
}

sub _highest {
    my ($context, $field) = @_;
    my $most = 0;
    for my $row (map { _seconds($context->{$_}) } qw(named auto)) {
        $most = $row->{$field} if defined $row->{$field} && $row->{$field} > $most;
    }
    return $most;
}

# One chart of both runs: what this field did.
sub _both {
    my ($context, $field, %more) = @_;
    return (
        rows    => _together($context, $field),
        columns => ["${field}_named" => "before: $WHICH{named}", "${field}_auto" => "after: $WHICH{auto}"],
        until   => _highest($context, 'time'),
        %more,
    );
}

sub _chart_both {
    my ($context, $field, %more) = @_;
    return chart($context, _both($context, $field, %more));
}

# Before and after, as a picture of its own.
sub dentries_picture {
    my ($context) = @_;
    return Experiment::Page::chart_file($context, 'dentries', _both($context, 'negative_grown',
        title => sprintf 'Negative dentries of this host (%s)', $context->{named}{fs}));
}

# A chart of each run, side by side. A line at the same height gives both the same scale.
sub _chart_each {
    my ($context, $title, $highest, %more) = @_;
    my $most = _highest($context, $highest);
    my $html = '';
    my @columns = (@{ $more{columns} }, most => 'highest in either run');
    for my $name (qw(named auto)) {
        $html .= chart($context,
            %more,
            title   => ($name eq 'named' ? 'Before: ' : 'After: ') . $title,
            rows    => [map { { %$_, most => $most } } _seconds($context->{$name})],
            columns => \@columns,
            until   => _highest($context, 'time'),
        );
    }
    return $html;
}

sub _dentry_charts {
    my ($context) = @_;
    my $estimated = $context->{named}{estimated} ? ' (estimated)' : '';
    return '<div class="charts">'
        . _chart_both($context, 'negative_grown',
        title   => 'Negative dentries, since the start',
        caption => escaped('Both runs, over the same time and on the same scale. The figure is of'
            . ' the whole host: what else runs has its part in it.'),
        )
        . _chart_both($context, 'slab_grown',
        title     => "Dentry slab growth$estimated",
        axis_unit => 'bytes',
        caption   => escaped('The kernel memory that these names take.'),
        )
        . _chart_each($context, "dentry slab$estimated", 'slab',
        axis       => 'kernel memory',
        axis_unit  => 'bytes',
        columns    => [slab => 'dentry slab'],
        area       => ['slab'],
        )
        . "</div>\n";
}

sub _row {
    my ($context, $name, $what) = @_;
    return [$name, map { $what->($context->{$_}) } qw(named auto)];
}

sub _module_table {
    my ($context) = @_;
    my %class = (leak => 'bad', clean => 'well', unclear => '');
    my $row = sub { _row($context, @_) };
    my $count = sub {
        my ($name, $field) = @_;
        return $row->($name, sub { grouped($_[0]{$field}) });
    };
    my @rows = (
        $count->('Conversions', 'conversions'),
        $count->('Temporary files made, by the module\'s own count', 'made'),
        $count->('… closed first and then removed', 'closed'),
        $count->('… removed while held open', 'held'),
        $count->('Files left in the directory', 'left'),
        $row->('Negative dentries that the directory retained', sub { grouped($_[0]{retained}) }),
        $row->('… a temporary file', sub { my ($finding) = Experiment::Module::finding($_[0]);
            [ratio($_[0]{ratio}), $class{$finding}] }),
        $row->('… their memory', sub { bytes($_[0]{bytes}) }),
        $row->('… a day at this rate', sub { bytes($_[0]{load}{seconds}
            ? $_[0]{bytes} / $_[0]{load}{seconds} * DAY : undef) }),
        $row->('Change of the host\'s negative dentries meanwhile', sub { sprintf '%s%s',
            $_[0]{host_change} > 0 ? '+' : '', grouped($_[0]{host_change}) }),
        $row->('Growth of the dentry slab' . ($context->{named}{estimated} ? ' (estimated)' : ''),
            sub { bytes($_[0]{slab_growth}) }),
        $row->('Conversions a second', sub { grouped($_[0]{per_second}) }),
        $row->('Half were answered within', sub { seconds($_[0]{load}->quantile(0.5)) }),
        $row->('99 % were answered within', sub { seconds($_[0]{load}->quantile(0.99)) }),
        $row->('Requests that failed', sub { grouped($_[0]{load}{bad}) }),
    );
    return table(['', 'before: named', 'after: auto'], @rows);
}

# What follows from the table, in words.
sub _conclusions {
    my ($context) = @_;
    my ($named, $auto) = @{$context}{qw(named auto)};
    my @said;
    my ($before, $why) = Experiment::Module::finding($named);
    push @said, sprintf 'When its directory was removed, the kernel\'s count of negative dentries fell by %s:'
        . ' that is what %s temporary files had left in it. The removal took %s.',
        grouped($named->{retained}), grouped($named->{made}), seconds($named->{gave_back_seconds});
    push @said, "Nothing stayed of the files that were closed first: $why." if $before eq 'clean';
    my ($after) = Experiment::Module::finding($auto);
    push @said, sprintf 'In the other run it changed by %s: that is what else the host did in the same moment.',
        grouped(abs $auto->{retained}) if $after eq 'clean' && $auto->{retained};
    push @said, sprintf 'The rest of the host changed that count by %+.0f a second just before the first'
        . ' run, and by %+.0f before the second.', $named->{idle}, $auto->{idle};
    push @said, _speed_in_words($named, $auto);
    for my $run ($named, $auto) {
        push @said, "In the run with $run->{name}: $run->{stopped}." if $run->{stopped};
        push @said, sprintf 'In the run with %s %s requests failed: %s.', $run->{name},
            grouped($run->{load}{bad}), $run->{load}{why} =~ s/\s+\z//r if $run->{load}{bad};
        push @said, "The server's log has: $_" for grep { defined } @{ $run->{complaints} }[0 .. 2];
    }
    push @said, 'The dentry slab\'s size is an estimate, 195 bytes for each dentry: only root may'
        . ' read the kernel\'s own figure.' if $named->{estimated};
    return '<ul>' . join('', map { '<li>' . escaped($_) . '</li>' } @said) . "</ul>\n";
}

sub _speed_in_words {
    my ($named, $auto) = @_;
    return () unless $named->{per_second} && $auto->{per_second};
    my $change = ($auto->{per_second} / $named->{per_second} - 1) * 100;
    my $both = sprintf '%s a second before, %s after', grouped($named->{per_second}),
        grouped($auto->{per_second});
    return "Both were equally fast: $both." if abs $change < 5;
    return sprintf 'The module\'s own way was %.0f %% %s: %s.%s', abs $change,
        $change > 0 ? 'faster' : 'slower', $both,
        abs $change < 15 ? ' One run of each does not say much about so little.' : '';
}

sub _speed_charts {
    my ($context) = @_;
    return '<div class="charts">'
        . _chart_both($context, 'per_second', title => 'Conversions a second', axis_unit => 'per-second')
        . chart($context,
        title     => 'How long the server took',
        axis      => 'for a conversion',
        axis_unit => 'seconds',
        rows      => _together($context, 'p50', 'p99'),
        columns   => [p50_named => 'before: half under', p50_auto => 'after: half under',
            p99_named => 'before: 99 % under', p99_auto => 'after: 99 % under'],
        until     => _highest($context, 'time'),
        ) . "</div>\n";
}

sub _memory_charts {
    my ($context) = @_;
    my %memory = Experiment::Machine::memory();
    return '<div class="charts">'
        . _chart_each($context, 'memory of this host', 'taken',
        axis      => 'without what is free',
        axis_unit => 'bytes',
        columns   => [used => 'used', all_slab => 'slab', cached => 'buffers and cache',
            $memory{SwapTotal} ? (swap_used => 'swap used') : ()],
        area      => [qw(used all_slab cached)],
        ) . "</div>\n";
}

# ---- the machine, and how it was done -----------------------------------------------------

sub _machine {
    my ($context) = @_;
    my %memory = Experiment::Machine::memory();
    my ($version, $limit) = Experiment::Machine::cgroup();
    my $server = $context->{auto}{status}{server};
    my $knob = sub { Experiment::Machine::knob($_[0]) // 'this kernel has none' };
    return "<section id=\"machine\"><h2>This machine</h2>\n" . table(undef,
        ['System', Experiment::Machine::distribution()],
        ['Kernel', Experiment::Machine::release()],
        ['Processors', Experiment::Machine::processors()],
        ['Memory', bytes($memory{MemTotal}) . ', ' . bytes($memory{MemAvailable}) . ' available'],
        ['Swap', $memory{SwapTotal} ? bytes($memory{SwapTotal}) : 'none'],
        ['Memory cgroup', $version ? "version $version, "
            . (defined $limit ? 'limit ' . bytes($limit) : 'no limit') : 'none'],
        ['Directory', "$context->{option}{dir} on $context->{named}{fs}"],
        ['/dev/shm', Experiment::Machine::file_system('/dev/shm')],
        ['fs.dentry-negative', $knob->('fs/dentry-negative')],
        ['vm.vfs_cache_pressure', $knob->('vm/vfs_cache_pressure')],
        ['httpd', "$server->{httpd}, $server->{mpm}, as $context->{user}"],
        ['mod_tmpfs_convert', "$server->{version}, $server->{codecs}"],
        ['Run as', scalar(getpwuid $>) // $>],
    ) . "</section>\n";
}

sub _method {
    my ($context) = @_;
    my @said = (
        'Each server made its temporary files in a fresh directory of its own. After it had ended, the'
            . ' negative dentries of the host (the fifth figure of /proc/sys/fs/dentry-state) were read,'
            . ' the directory removed, and the figure read again: the kernel frees a directory\'s names'
            . ' with it, so the difference is what this directory held, whatever else ran on the host.',
        'Conversions, temporary files and the server\'s durations are the module\'s own count, from'
            . ' /tmpstat?json once a second; what was answered within which time is the clients\'.',
        'A dentry takes 195 bytes: 192, and its share of the page.',
        Experiment::Machine::counts_negative() ? ()
            : 'This kernel does not count negative dentries: the count of all dentries was read instead.',
    );
    return "<section id=\"again\"><h2>How it was measured, and how to do it again</h2>\n<ul>"
        . join('', map { '<li>' . escaped($_) . '</li>' } @said) . "</ul>\n"
        . paragraph('In the source tree, as root or as any user:')
        . '<pre>' . escaped($context->{command}) . "</pre>\n"
        . paragraph(escaped('The figures are beside this file: ' . join(', ', @{ $context->{csv} }) . '.'))
        . paragraph(escaped('Servers ended, directories removed, settings put back: nothing of it is'
            . ' left on the machine but this file and those.'))
        . "</section>\n";
}

1;
