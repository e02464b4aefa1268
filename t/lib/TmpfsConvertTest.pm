# SPDX-License-Identifier: Apache-2.0
#
# What the server tests share. `use TmpfsConvertTest;` gives Test::More, strict and
# warnings too, and a done_testing that first looks for leftovers: see no_leftovers.
package TmpfsConvertTest;

use strict;
use warnings;
use Carp qw(croak);
use Exporter ();
use File::Basename qw(dirname);
use File::Compare qw(compare);
use File::Copy qw(copy);
use File::Find qw(find);
use File::Path qw(make_path);
use File::Temp ();
use HTTP::Request ();
use IO::Socket::INET ();
use LWP::UserAgent ();
use Test::More ();
use Time::HiRes qw(sleep time);
use TmpfsConvertTest::Httpd ();
use TmpfsConvertTest::Site ();

our @ISA = qw(Exporter);
our @EXPORT = qw(
    get head request raw base_url
    mkpicture probe docroot
    server mpm
    becomes
    log_mark error_log_lines expect_log no_leftovers watch_temp_dir
    done_testing
);

# Test::More into the test as well, except what is replaced here.
sub import {
    my $into = caller;
    strict->import;
    warnings->import;
    Test::More->builder->exported_to($into);
    Test::More->export_to_level(1, undef, grep { $_ ne 'done_testing' } @Test::More::EXPORT);
    __PACKAGE__->export_to_level(1, undef, @EXPORT);
    return;
}

# ---- the server asked ----------------------------------------------------------

my $server;
my $asked;      # whether anything was asked since no_leftovers last looked
my $checked;    # up to where no_leftovers has read the log
my @expected;
my @temp_dirs;

# The server that the functions below ask: the shared one that t/TEST.PL runs,
# or a private one after server($httpd). Its url, root, error_log, pid, children.
sub server {
    my ($private) = @_;
    if ($private || !$server) {
        $server = $private || TmpfsConvertTest::Httpd->shared;
        # The first test with a server also sees what was said while it started.
        $checked = $server->{first} ? 0 : log_mark();
    }
    return $server;
}

sub base_url { $asked = 1; return server()->url }
sub docroot  { return server()->document_root }
sub mpm      { return TmpfsConvertTest::Site::mpm() }

# Whether it is so within that many seconds, 20 unless told.
sub becomes {
    my ($is, $seconds) = @_;
    my $deadline = time + ($seconds // 20);
    until ($is->()) {
        return 0 if time > $deadline;
        sleep 0.02;
    }
    return 1;
}

my $agent;

# One request, as it is: no redirect followed, no proxy, no decoding, and a
# connection of its own, so that the answer's pool is gone when it is.
# request('POST', $url, Header => value, ..., ':content' => body)
sub request {
    my ($method, $url, %headers) = @_;
    my $body = delete $headers{':content'};
    $agent ||= LWP::UserAgent->new(
        max_redirect => 0, keep_alive => 0, env_proxy => 0, timeout => 120, parse_head => 0);
    my $base = base_url();
    $url = "$base$url" if $url =~ m{^/};
    return $agent->request(HTTP::Request->new($method, $url, [%headers], $body));
}

# get($url, Header => value, ...): HTTP::Response; $url from / on.
sub get  { return request('GET', @_) }
sub head { return request('HEAD', @_) }

# raw($bytes): send exactly these, return exactly what comes until the server
# closes. For what LWP would not send or would not show.
sub raw {
    my ($bytes, $seconds) = @_;
    my ($host, $port) = base_url() =~ m{//([^:/]+):(\d+)};
    my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 10)
        or croak "connect $host:$port: $@";
    my ($answer, $deadline) = ('', time + ($seconds || 30));
    local $SIG{PIPE} = 'IGNORE';
    $socket->syswrite($bytes);
    while ((my $left = $deadline - time) > 0) {
        my $ready = '';
        vec($ready, fileno $socket, 1) = 1;
        next unless select $ready, undef, undef, $left;
        last unless $socket->sysread($answer, 65536, length $answer);
    }
    return $answer;
}

# ---- pictures --------------------------------------------------------------------

sub program {
    my ($name) = @_;
    my $path = "$TmpfsConvertTest::Site::ROOT/build/bin/$name";
    croak "$path is missing: make -f Makefile.apxs tools" unless -x $path;
    return $path;
}

# mkpicture('cat.jpg', 4000, 3000, key => value, ...): build/bin/mkpicture makes
# the picture, once for all tests that ask for the same, and a copy of it is put
# at pictures/cat.jpg below the document root. Returns its URL path.
sub mkpicture {
    my ($name, $width, $height, @more) = @_;
    my ($end) = $name =~ /(\.\w+)$/ or croak "$name has no ending";
    my $file = docroot() . "/pictures/$name";
    my @words = ($width, $height);
    while (my ($key, $value) = splice @more, 0, 2) {
        push @words, "$key=$value";
    }
    my $store = "$TmpfsConvertTest::Site::ROOT/build/t/made/" . join('-', @words) . $end;
    my $program = program('mkpicture');

    make_path(dirname($file), dirname($store));
    if (!-e $store || -M $program < -M $store) {
        my $new = ($store =~ s{\Q$end\E$}{}r) . ".$$" . $end;
        system($program, $new, @words) == 0 or croak "mkpicture @words failed";
        rename $new, $store or croak "$store: $!";
    }
    # A file that is as it should be keeps its date: it is a validator.
    if (compare($store, $file) != 0) {
        copy($store, $file) or croak "$file: $!";
    }
    return "/pictures/$name";
}

# probe($response | $bytes | $file, [x, y], ...): what build/bin/picprobe reads in
# it, as a hash: format, width, height, ...; {pixels} is [[r,g,b,a], ...] for the
# places asked. A picture that cannot be read has {error}.
sub probe {
    my ($what, @places) = @_;
    my $holder;

    $what = $what->content if ref $what;
    if ($what !~ m{\A[^\0\n]{1,4000}\z} || !-e $what) {
        $holder = File::Temp->new;
        binmode $holder;
        print $holder $what;
        close $holder;
        $what = $holder->filename;
    }
    @places = map { ref ? join(',', @$_) : $_ } @places;
    open my $out, '-|', program('picprobe'), $what, @places or croak "picprobe: $!";
    my %seen = (pixels => []);
    while (defined(my $line = <$out>)) {
        chomp $line;
        if ($line =~ /^pixel\s+\S+\s+(.*)/) {
            push @{ $seen{pixels} }, [split /[\s,]+/, $1];
        }
        elsif ($line =~ /^(\w+)[=:\s]\s*(.*)/) {
            $seen{$1} = $2;
        }
    }
    close $out or $seen{error} //= 'picprobe ended with ' . ($? >> 8);
    return \%seen;
}

# ---- the error log -------------------------------------------------------------------

# The end of the log now, for error_log_lines later.
sub log_mark {
    return -s server()->error_log || 0;
}

# error_log_lines([$mark], [$filter]): lines that came since the mark, or since
# no_leftovers last looked; with a regex or a sub, those it matches.
sub error_log_lines {
    my $from = @_ && !ref $_[0] ? shift : do { server(); $checked };
    my ($filter) = @_;
    open my $in, '<', server()->error_log or return;
    seek $in, $from, 0;
    my @lines = <$in>;
    chomp @lines;
    return @lines unless $filter;
    return grep { ref $filter eq 'CODE' ? $filter->($_) : $_ =~ $filter } @lines;
}

# expect_log(qr/TC0012/, ...): lines at warning or above that this test means
# to provoke.
sub expect_log {
    push @expected, @_;
    return;
}

# watch_temp_dir($dir): a temp directory in use, beside the server's own.
sub watch_temp_dir {
    push @temp_dirs, @_;
    return;
}

# Files left with a name where temporary files go; folders are the test's own.
sub named_files {
    my @found;
    my @dirs = grep { -d } server()->root . '/tmp', @temp_dirs;
    find({ no_chdir => 1, wanted => sub { push @found, $_ unless -d } }, @dirs) if @dirs;
    # Shared with the whole machine: only what is ours by name and by owner.
    for my $dir ('/dev/shm', '/tmp', '/var/tmp') {
        push @found, grep { -f && -o } glob "$dir/tc-*";
    }
    return @found;
}

# Temporary files that a child still holds open though nobody waits for an answer.
sub open_files {
    my @found;
    for my $pid (server()->children) {
        for my $link (glob "/proc/$pid/fd/*") {
            my $to = readlink $link // next;
            push @found, "$pid: $to" if $to =~ m{^/memfd:(?!converter-claims )|/tc-[^/]*(?: \(deleted\))?$|/#\d+ \(deleted\)$};
        }
    }
    return @found;
}

# Two tests: no temporary file is left, by name or open; nothing at warning or
# above in the error log, and no dead child, other than expected.
sub no_leftovers {
    my ($what) = @_;
    $what = $what ? " ($what)" : '';
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    # The client has its last byte a little before the server is done.
    my (@left, $deadline);
    $deadline = time + 3;
    while (@left = (named_files(), open_files())) {
        last if time > $deadline;
        sleep 0.05;
    }
    Test::More::is_deeply(\@left, [], "no temporary file is left$what");

    my @unexpected = error_log_lines(sub {
        my ($line) = @_;
        return 0 unless $line =~ /\[(?:\w+:)?(?:emerg|alert|crit|error|warn)\]/
            || $line =~ /exit signal|core dump|AddressSanitizer|runtime error:/;
        # How many more there were of the lines that the test provokes.
        return 0 if @expected && $line =~ /TC0020: /;
        return !grep { $line =~ $_ } @expected;
    });
    Test::More::is_deeply(\@unexpected, [], "nothing unexpected in the error log$what");
    $checked = log_mark();
    $asked = 0;
    @expected = ();
    return !@left && !@unexpected;
}

# no_leftovers, when anything was asked since it last looked, then Test::More's.
my $done_testing = \&Test::More::done_testing;

sub done_testing {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    no_leftovers() if $asked;
    return $done_testing->(@_);
}

1;
