# SPDX-License-Identifier: Apache-2.0
#
# What a soak's figures say.
#
# Memory: the resident set of one child, as the mean over the children that live at
# a sample, and of that the median over the samples of a quarter of the run. The
# second quarter is what the last is compared with: the first is for httpd's pools to
# grow to what the largest requests need. The mean, and not the sum, because between
# a kill and the next child there is one child less; the median, because a huge picture
# that is under way at a sample is no leak. A new child is small: where children are
# killed, both quarters see as many of them.
package Soak::Verdict;

use strict;
use warnings;
use List::Util qw(max);
use Soak::Watch ();

use constant {
    GROWTH      => 0.05, # of the resident set from the second quarter to the last
    SPARE_KIB   => 256,  # under this a growth is a few pages
    SPARE_FILES => 3,    # descriptors a child more,
    BUSY_FILES  => 3,    # and for each client: a connection, a source and a converter's socket
    SILENCE     => 5,    # seconds without an answer to anybody
};

sub _median {
    my @sorted = sort { $a <=> $b } @_;
    return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2;
}

# Of a child by quarter of the samples that tell it: {rss, descriptors} x 4; undef without one.
sub quarters {
    my ($samples) = @_;
    my (%in, %median);
    my $add = sub { my ($field, $at, $value) = @_; push @{ $in{$field}[ int(4 * $at / @$samples) ] }, $value };
    $add->('rss', $_, $samples->[$_]{rss} / $samples->[$_]{children}) for 0 .. $#$samples;
    my @settled = Soak::Watch::settled($samples);
    push @{ $in{descriptors}[ int(4 * $_ / @settled) ] }, $settled[$_][1] for 0 .. $#settled;
    for my $field (qw(rss descriptors)) {
        $median{$field} = [map { $_ && @$_ ? _median(@$_) : undef } @{ $in{$field} }[0 .. 3]];
    }
    return \%median;
}

sub verdict {
    my ($name, $good, $format, @values) = @_;
    return { name => $name, good => $good ? 1 : 0, words => sprintf $format, @values };
}

# Requests that may be lost to a kill: each thread of the killed child was at one, and
# of those one more waited in its connection under the event MPM at most.
sub losable {
    my ($result) = @_;
    return $result->{run}{kills} * ($result->{threads} + $result->{option}{clients});
}

sub all {
    my ($result) = @_;
    return (answered($result), answers($result), lost($result), converters($result), counters($result), gauges($result),
        files($result), dentries($result), memory($result), descriptors($result), log_words($result));
}

sub answered {
    my ($result) = @_;
    my $silence = $result->{load}{silence};
    return verdict('answering', $silence <= SILENCE,
        'the longest time without an answer to anybody: %.1f s (at most %d)', $silence, SILENCE);
}

sub _why {
    my ($result) = @_;
    my $why = $result->{load}{why};
    my @most = sort { $why->{$b} <=> $why->{$a} || $a cmp $b } keys %$why;
    splice @most, 4;
    return @most ? '; ' . join ', ', map { "$_ x $why->{$_}" } @most : '';
}

sub answers {
    my ($result) = @_;
    my $wrong = $result->{load}{wrong};
    return verdict('answers', !$wrong, '%d answers had another status than they should%s', $wrong,
        $wrong ? _why($result) : '');
}

sub lost {
    my ($result) = @_;
    my $lost = $result->{load}{lost};
    return verdict('requests', $lost <= losable($result),
        '%d requests without an answer (%d kills), %d sent again over a new connection%s', $lost,
        $result->{run}{kills}, $result->{load}{retried}, $lost ? _why($result) : '');
}

# The death of a converter costs the one request that it was at, which is answered 500, and
# another converter takes its place.
sub converters {
    my ($result) = @_;
    my ($broken, $kills) = ($result->{load}{broken}, $result->{run}{converter_kills});
    my ($before, $after) = @{ $result->{converters} };
    return verdict('converters', $broken <= $kills && $before == $after,
        '%d answers were 500 (at most one for each of %d converters killed); %d converters at the end, %d before',
        $broken, $kills, $after, $before);
}

# The counters against the access log, by class of status. Both are written when a
# request is over, one after the other: a kill in between, a matter of microseconds,
# can part them by one for each thread of the killed child; without a kill they are
# equal. Against what the clients saw: an answer that came whole is in the log unless
# the kill hit between its last byte and the log.
sub counters {
    my ($result) = @_;
    my ($counted, $log, $seen) =
        ($result->{status}{requests}, $result->{log}, $result->{load}{status});
    my $may = $result->{run}{kills} * $result->{threads};
    my ($apart, $unlogged, @words) = (0, 0);
    for my $class (1 .. 5) {
        my $here = $log->{all}{$class} // 0;
        $apart += abs(($counted->{$class} // 0) - $here);
        push @words, sprintf '%dxx %d = %d', $class, $counted->{$class} // 0, $here
            if $here || $counted->{$class};
        $unlogged += max(0, ($seen->{$class} // 0) - ($log->{whole}{$class} // 0));
    }
    $result->{apart} = $apart;
    $result->{unlogged} = $unlogged;
    return verdict('counters', $apart <= $may && $unlogged <= $may,
        'counters and access log differ by %d, %d answers that clients had are not in the log'
            . ' (each at most %d); %s', $apart, $unlogged, $may, join ', ', @words);
}

sub gauges {
    my ($result) = @_;
    my $status = $result->{status};
    my @left = grep { $status->{$_} } qw(in_progress queued temp_open);
    return verdict('gauges', !@left, '%s; %d conversions, %d temporary files made',
        @left ? join(', ', map { "$_ is $status->{$_}" } @left) : 'all back at nothing',
        $status->{conversions}, $status->{temp_made});
}

sub files {
    my ($result) = @_;
    my ($named, $open) = map { scalar @{ $result->{left}{$_} } } qw(named open);
    return verdict('files', !$named && !$open,
        '%d temporary files left by name, %d open, %d of killed children removed by the server',
        $named, $open, $result->{status}{swept});
}

sub dentries {
    my ($result) = @_;
    my $retained = $result->{retained};
    return verdict('dentries', 1, 'not told by this kernel') unless defined $retained;
    my $each = $retained / ($result->{status}{temp_made} || 1);
    return verdict('dentries', $result->{option}{method} eq 'named' || abs $each < 0.05,
        'the directory retained %d negative dentries, %.4f a temporary file', $retained, $each);
}

sub memory {
    my ($result) = @_;
    my $rss = $result->{quarters}{rss};
    return verdict('memory', 0, 'too few samples') if grep { !defined } @$rss[1, 3];
    my $growth = $rss->[3] - $rss->[1];
    my ($pss) = map { $_->{pss} } grep { $_->{pss} } reverse @{ $result->{samples} };
    return verdict('memory', $growth <= SPARE_KIB || $growth <= GROWTH * $rss->[1],
        'resident set of a child by quarter: %s KiB, %+.1f %% from the second to the last; PSS of all %s KiB',
        join(', ', map { defined ? sprintf '%.0f', $_ : '-' } @$rss), 100 * $growth / $rss->[1],
        $pss // '?');
}

sub descriptors {
    my ($result) = @_;
    my $open = $result->{quarters}{descriptors};
    return verdict('descriptors', 0, 'too few samples') if grep { !defined } @$open[1, 3];
    return verdict('descriptors', $open->[3] <= (1 + GROWTH) * $open->[1] + SPARE_FILES + BUSY_FILES * $result->{clients},
        'open in a child by quarter: %s', join ', ', map { defined ? sprintf '%.1f', $_ : '-' } @$open);
}

sub log_words {
    my ($result) = @_;
    my @words = @{ $result->{complaints} };
    return verdict('log', !@words, '%s',
        @words ? scalar(@words) . " alarming lines: $words[0]" : 'no alarming line in the error log');
}

1;
