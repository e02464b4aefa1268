# SPDX-License-Identifier: Apache-2.0
#
# What the server tests share. `use TmpfsConvertTest;` gives Test::More too, with
# a done_testing that first looks for leftovers: see no_leftovers.
package TmpfsConvertTest;

use strict;
use warnings;
use Carp qw(croak);
use Exporter ();
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp ();
use HTTP::Request ();
use HTTP::Response ();
use IO::Socket::INET ();
use LWP::UserAgent ();
use Test::More ();
use Time::HiRes qw(sleep time);
use TmpfsConvertTest::Httpd ();
use TmpfsConvertTest::Site ();

our @ISA = qw(Exporter);
our @EXPORT = qw(
    get head request raw base_url
    mkpicture probe document_root
    server server_root mpm
    log_mark error_log_lines expect_in_log no_leftovers watch_temp_dir
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

# The server that the functions below ask: the shared one that t/TEST.PL runs,
# or a private one after server($httpd). Returns url, root, error_log, pid, ...
sub server {
    my ($private) = @_;
    if ($private) {
        $server = $private;
        log_mark();
    }
    $server ||= TmpfsConvertTest::Httpd->shared;
    return $server;
}

sub base_url { return server()->url }
sub server_root { return server()->root }
sub document_root { return server()->document_root }
sub mpm { return TmpfsConvertTest::Site::mpm() }

my $agent;

# One request, as it is: no redirect followed, no proxy, no decoding, and a
# connection of its own, so that the answer's pool is gone when it is.
sub request {
    my ($method, $url, %headers) = @_;
    my $body = delete $headers{':content'};
    $agent ||= LWP::UserAgent->new(
        max_redirect => 0, keep_alive => 0, env_proxy => 0, timeout => 120, parse_head => 0);
    $url = base_url() . $url if $url =~ m{^/};
    my $request = HTTP::Request->new($method, $url, [%headers], $body);
    return $agent->request($request);
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

# mkpicture('dir/cat.jpg', 4000, 3000, key => value, ...): the picture is made by
# build/bin/mkpicture below the document root, once for all tests that ask for
# the same; the same name with other arguments is an error of the test. Returns
# its URL path.
sub mkpicture {
    my ($name, $width, $height, @more) = @_;
    my $file = TmpfsConvertTest::Site::document_root() . "/$name";
    my $note = TmpfsConvertTest::Site::document_root() . '/../made/' . ($name =~ s{/}{%}gr);
    my @words;
    while (my ($key, $value) = splice @more, 0, 2) {
        push @words, "$key=$value";
    }
    my $wanted = join ' ', $width, $height, @words;
    my $made = slurp($note);

    if (!defined $made || !-e $file || -M program('mkpicture') < -M $note) {
        make_path(dirname($file), dirname($note));
        my $new = "$file.$$";
        system(program('mkpicture'), @{[picture_arguments($new, $file, $width, $height, @words)]}) == 0
            or croak "mkpicture $name $wanted failed";
        rename $new, $file or croak "$file: $!";
        spew($note, $wanted);
    }
    elsif ($made ne $wanted) {
        croak "$name exists already, made with '$made', not with '$wanted'";
    }
    return "/$name";
}

sub picture_arguments {
    my ($new, $file, $width, $height, @words) = @_;
    return ($new, $width, $height, @words);
}

# probe($response | $bytes | $file, "x,y", ...): what build/bin/picprobe reads in
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
    open my $out, '-|', program('picprobe'), $what, @places or croak "picprobe: $!";
    my %seen = (pixels => []);
    while (<$out>) {
        chomp;
        if (/^pixel\s+\S+\s+(.*)/) {
            push @{ $seen{pixels} }, [split /[\s,]+/, $1];
        }
        elsif (/^(\w+)[=:\s]\s*(.*)/) {
            $seen{$1} = $2;
        }
    }
    close $out or $seen{error} //= 'picprobe ended with ' . ($? >> 8);
    return \%seen;
}

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or return;
    local $/ = undef;
    return scalar <$in>;
}

sub spew {
    my ($file, $text) = @_;
    open my $out, '>:raw', $file or croak "$file: $!";
    print $out $text;
    close $out or croak "$file: $!";
    return;
}

# ---- the error log -------------------------------------------------------------------

my $mark;
my @expected;
my @temp_dirs;

# From here on: what error_log_lines and no_leftovers look at.
sub log_mark {
    $mark = -s server()->error_log || 0;
    @expected = ();
    return $mark;
}

# Lines that came since the mark; with a regex or a sub, those it matches.
sub error_log_lines {
    my ($filter) = @_;
    log_mark() unless defined $mark;
    open my $in, '<', server()->error_log or return;
    seek $in, $mark, 0;
    my @lines = <$in>;
    chomp @lines;
    return @lines unless $filter;
    return grep { ref $filter eq 'CODE' ? $filter->($_) : $_ =~ $filter } @lines;
}

# expect_in_log(qr/TC0012/, ...): lines at warning or above that this test means
# to provoke.
sub expect_in_log {
    push @expected, @_;
    return;
}

# watch_temp_dir($dir): a temp directory in use, beside the server's own.
sub watch_temp_dir {
    push @temp_dirs, @_;
    return;
}

# Files left with a name where temporary files go.
sub named_files {
    my @found;
    for my $dir (server()->root . '/tmp', @temp_dirs) {
        opendir my $in, $dir or next;
        push @found, map { "$dir/$_" } grep { !/^\.\.?$/ } readdir $in;
    }
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
            push @found, "$pid: $to" if $to =~ m{^/memfd:|/tc-[^/]*(?: \(deleted\))?$|/#\d+ \(deleted\)$};
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
        return !grep { $line =~ $_ } @expected;
    });
    Test::More::is_deeply(\@unexpected, [], "nothing unexpected in the error log$what");
    log_mark();
    return !@left && !@unexpected;
}

# no_leftovers for the server in use, if there was one, then Test::More's.
sub done_testing {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    no_leftovers() if $server;
    return Test::More::done_testing(@_);
}

1;
