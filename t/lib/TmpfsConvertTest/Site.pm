# SPDX-License-Identifier: Apache-2.0
#
# What the tests stand on: the tree, the httpd, the modules it loads. One place
# for the shared server (t/TEST.PL) and the private ones (TmpfsConvertTest::Httpd).
#
#   TC_MPM     prefork, worker or event (the default)
#   TC_APXS    apxs of the httpd to test with
#   TC_HTTPD   the server program, or a wrapper that execs it
#   TC_MODULE  the module under test; ./mod_tmpfs_convert.so when not set
package TmpfsConvertTest::Site;

use strict;
use warnings;
use Cwd ();
use File::Basename ();
use File::Spec ();

our $ROOT = Cwd::realpath(File::Spec->catdir(File::Basename::dirname(__FILE__), ('..') x 3));

# Modules of httpd that the tests' servers load. Not the distribution's
# mods-enabled, which differs from machine to machine. In httpd's own order: a
# module that uses another's functions comes after it.
my @MODULES = qw(
    authn_core authn_file authz_core authz_host authz_user auth_basic
    mime dir alias rewrite negotiation autoindex headers expires env setenvif
    log_config unixd status filter deflate
    cache cache_disk cache_socache socache_shmcb proxy proxy_http
);

sub mpm {
    my $mpm = $ENV{TC_MPM} || 'event';
    die "TC_MPM=$mpm: prefork, worker or event\n" unless $mpm =~ /^(?:prefork|worker|event)$/;
    return $mpm;
}

sub apxs {
    return $ENV{TC_APXS} || 'apxs';
}

my %asked;

# What apxs says to `-q NAME`.
sub ask {
    my ($name) = @_;
    $asked{$name} //= do {
        open my $out, '-|', apxs(), '-q', $name or die apxs() . ": $!: run tools/deps\n";
        my $value = <$out> // '';
        close $out or die apxs() . " -q $name failed\n";
        chomp $value;
        $value;
    };
    return $asked{$name};
}

sub httpd {
    return $ENV{TC_HTTPD} || ask('SBINDIR') . '/' . ask('PROGNAME');
}

sub module {
    return File::Spec->rel2abs($ENV{TC_MODULE} || 'mod_tmpfs_convert.so', $ROOT);
}

# Where the shared server of this MPM lives, and what it serves: its own copy, for
# tests that damage a file.
sub server_root   { return "$ROOT/build/t/" . mpm() }
sub document_root { return server_root() . '/htdocs' }

my %built_in;

# LoadModule lines: an MPM, the modules above and `@more`, and the one under
# test unless `$without`, which may name another in its place. What httpd has built in, or was not built with, is left out.
sub load_modules {
    my ($mpm, $without, @more) = @_;
    my $folder = ask('LIBEXECDIR');
    my ($text, %seen) = ('');

    unless (%built_in) {
        open my $out, '-|', httpd(), '-l' or die httpd() . ": $!\n";
        %built_in = map { /^\s*(\S+)\.c\s*$/ ? ($1 => 1) : () } <$out>;
        close $out;
    }
    for my $name ("mpm_$mpm", @MODULES, @more) {
        (my $source = "mod_$name") =~ s/^mod_mpm_//;
        next if $seen{$name}++ || $built_in{$source} || !-e "$folder/mod_$name.so";
        $text .= "LoadModule ${name}_module \"$folder/mod_$name.so\"\n";
    }
    my $tested = !$without ? module() : $without =~ m{/} ? $without : undef;
    $text .= "LoadModule tmpfs_convert_module \"$tested\"\n" if $tested;
    return $text;
}

# Of a configuration that says in its head which modules it needs (`a2enmod a b`): those, and
# those of @MODULES that Debian does not enable and it does not name, for
# TmpfsConvertTest::Httpd->new: modules => [...], lacks => [...].
my %ENABLED = map { $_ => 1 } qw(
    authn_core authn_file authz_core authz_host authz_user auth_basic
    mime dir alias negotiation autoindex env setenvif log_config unixd status filter deflate
);

sub modules_named {
    my ($text) = @_;
    my %named = map { $_ => 1 } map { split ' ' } $text =~ /^#.*?\ba2enmod ([a-z_ ]+)/mg;
    return (modules => [sort keys %named], lacks => [grep { !$ENABLED{$_} && !$named{$_} } @MODULES]);
}

# Few processes and threads, but more than one of each, so that what is shared
# between them is tested too. TC_ISOLATION=on has every server of a run convert in processes
# of their own, off in its children, where a test says nothing else.
sub mpm_settings {
    my ($mpm) = @_;
    my $isolation = $ENV{TC_ISOLATION} ? "TmpfsConvertIsolation $ENV{TC_ISOLATION}\n" : '';
    return _workers($mpm) . ($isolation && "<IfModule tmpfs_convert_module>\n$isolation</IfModule>\n");
}

sub _workers {
    my ($mpm) = @_;
    return <<'PREFORK' if $mpm eq 'prefork';
StartServers 4
MinSpareServers 2
MaxSpareServers 8
MaxRequestWorkers 16
PREFORK
    return <<'THREADS';
StartServers 2
ThreadsPerChild 8
MinSpareThreads 8
MaxSpareThreads 32
MaxRequestWorkers 32
THREADS
}

1;
