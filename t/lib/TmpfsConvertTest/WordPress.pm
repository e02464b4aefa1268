# SPDX-License-Identifier: Apache-2.0
#
# WordPress with a database and PHP of its own, as the user that runs the test, in scratch
# folders: no service of the system is asked or changed.
#
#   my $reason = TmpfsConvertTest::WordPress->missing;    # why it cannot be here
#   my $site = TmpfsConvertTest::WordPress->new;
#   server(TmpfsConvertTest::Httpd->new(documents => $site->documents, modules => ['proxy_fcgi'],
#       conf => $site->conf . ...));
#   $site->install;
#   my $media = $site->upload('photo.jpg', $bytes);      # as the REST API answers
#
# Debian's packages: wordpress, its theme, php-cgi, php-mysql, php-gd, mariadb-server-core.
package TmpfsConvertTest::WordPress;

use strict;
use warnings;
use Carp qw(croak);
use File::Path qw(make_path);
use File::Temp ();
use HTTP::Cookies ();
use HTTP::Request::Common qw(GET POST);
use IO::Socket::UNIX ();
use JSON::PP ();
use LWP::UserAgent ();
use POSIX ':sys_wait_h';
use Time::HiRes qw(sleep time);
use TmpfsConvertTest ();
use TmpfsConvertTest::Site ();

use constant PATIENCE => 90;
use constant SOURCE   => '/usr/share/wordpress';
use constant THEME    => 'twentytwentythree';

my %running;

sub _program {
    my ($name) = @_;
    my ($found) = grep { -x } map { "$_/$name" } split(/:/, $ENV{PATH}), '/usr/sbin';
    return $found;
}

# Why WordPress cannot run here; undef when it can.
sub missing {
    my @lacks;
    push @lacks, 'wordpress' unless -e SOURCE . '/wp-settings.php';
    push @lacks, 'its theme ' . THEME unless -e SOURCE . '/wp-content/themes/' . THEME . '/style.css';
    push @lacks, grep { !_program($_) } qw(php-cgi mariadbd mariadb-install-db mariadb);
    if (my $php = _program('php-cgi')) {
        my $modules = `$php -q -m 2>&1`;
        push @lacks, map { "php-$_" } grep { $modules !~ /^$_$/mi } qw(gd mysqli exif);
    }
    return @lacks ? "@lacks: not here (tools/deps --test)" : undef;
}

sub new {
    my ($class) = @_;
    # The way to a socket has 107 bytes at most, and build/ may be deep.
    my $self = bless { owner => $$, scratch => File::Temp->newdir('tcw-XXXXXX', TMPDIR => 1) }, $class;
    $self->{root} = $self->{scratch}->dirname;
    $self->{documents} = "$self->{root}/site";
    mkdir "$self->{root}/$_" for qw(site tmp);
    # A copy: wp-config.php is looked for where wp-load.php really is.
    system('cp', '-RL', glob(SOURCE . '/*'), "$self->{documents}/") == 0 or croak 'cp: ' . SOURCE;
    make_path(map { "$self->{documents}/wp-content/$_" } qw(uploads mu-plugins));
    $self->_start_database;
    $self->_start_php;
    $self->_write_config;
    return $self;
}

sub documents { return $_[0]{documents} }
sub uploads   { return "$_[0]{documents}/wp-content/uploads" }
sub plugins   { return "$_[0]{documents}/wp-content/mu-plugins" }

# httpd's part: PHP by FastCGI, with mod_proxy_fcgi loaded.
sub conf {
    my ($self) = @_;
    return <<"CONF";
ProxyFCGIBackendType GENERIC
DirectoryIndex index.php index.html
<FilesMatch "\\.php\$">
    SetHandler "proxy:unix:$self->{root}/php|fcgi://php/"
</FilesMatch>
<Directory "$self->{documents}">
    Options FollowSymLinks
    AllowOverride FileInfo
</Directory>
CONF
}

sub _start {
    my ($self, $name, $socket, %env) = @_;
    my @command = @{ delete $env{command} };
    defined(my $pid = fork) or croak "fork: $!";
    if (!$pid) {
        setpgrp;
        @ENV{ keys %env } = values %env;
        $ENV{TMPDIR} = "$self->{root}/tmp";
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$self->{root}/$name.log";
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    $running{$pid} = 1;
    my $deadline = time + PATIENCE;
    until (IO::Socket::UNIX->new(Peer => $socket)) {
        croak "$name did not start:\n" . $self->_log($name)
            if time > $deadline || waitpid($pid, WNOHANG) != 0;
        sleep 0.05;
    }
    return;
}

sub _log {
    my ($self, $name) = @_;
    open my $in, '<', "$self->{root}/$name.log" or return '';
    local $/ = undef;
    return scalar(<$in>) // '';
}

sub _start_database {
    my ($self) = @_;
    my $root = $self->{root};
    my $words = `@{[_program('mariadb-install-db')]} --no-defaults --auth-root-authentication-method=normal --skip-test-db --datadir=$root/db 2>&1`;
    croak "mariadb-install-db: $words" if $?;
    $self->_start('mariadb', "$root/sql", command => [
        _program('mariadbd'), '--no-defaults', "--datadir=$root/db", "--socket=$root/sql", "--pid-file=$root/sql.pid",
        "--tmpdir=$root/tmp", '--skip-networking', '--innodb-buffer-pool-size=16M', '--innodb-flush-log-at-trx-commit=0',
        '--performance-schema=off' ]);
    $self->sql('CREATE DATABASE wordpress CHARACTER SET utf8mb4');
    return;
}

# The rows that a statement gives, columns split by tabs.
sub sql {
    my ($self, $statement, @more) = @_;
    open my $out, '-|', _program('mariadb'), '--no-defaults', "--socket=$self->{root}/sql", '-uroot', '-N', '-B', @more,
        '-e', $statement or croak "mariadb: $!";
    my @rows = <$out>;
    close $out or croak "mariadb: $statement";
    chomp @rows;
    return @rows;
}

sub _start_php {
    my ($self) = @_;
    my $root = $self->{root};
    $self->_start('php', "$root/php",
        PHP_FCGI_CHILDREN => 2, PHP_FCGI_MAX_REQUESTS => 0,
        command => [ _program('php-cgi'), '-b', "$root/php",
            map { ('-d', $_) } "sys_temp_dir=$root/tmp", 'upload_max_filesize=64M', 'post_max_size=65M',
            'memory_limit=256M', 'max_execution_time=300', "error_log=$root/php-errors.log", 'display_errors=0',
            'sendmail_path=/bin/true' ]);
    return;
}

sub _write_config {
    my ($self) = @_;
    open my $out, '>', "$self->{documents}/wp-config.php" or croak "wp-config.php: $!";
    print $out <<"PHP";
<?php
define('DB_NAME', 'wordpress');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:$self->{root}/sql');
define('DB_CHARSET', 'utf8mb4');
define('AUTH_KEY', 'a'); define('SECURE_AUTH_KEY', 'b'); define('LOGGED_IN_KEY', 'c'); define('NONCE_KEY', 'd');
define('AUTH_SALT', 'e'); define('SECURE_AUTH_SALT', 'f'); define('LOGGED_IN_SALT', 'g'); define('NONCE_SALT', 'h');
define('WP_HTTP_BLOCK_EXTERNAL', true); // nothing is asked of the world
define('DISABLE_WP_CRON', true);
define('WP_DEFAULT_THEME', '@{[THEME]}');
define('WP_HOME', 'http://' . \$_SERVER['HTTP_HOST']);
define('WP_SITEURL', 'http://' . \$_SERVER['HTTP_HOST']);
\$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
PHP
    close $out or croak "wp-config.php: $!";
    return;
}

sub _ask {
    my ($self, $request, $what, $code) = @_;
    my $answer = $self->{agent}->request($request);
    $code ||= qr/^2/;
    croak "$what: " . $answer->status_line . "\n" . substr($answer->decoded_content // '', 0, 2000) . "\n" . $self->errors
        unless $answer->code =~ $code;
    return $answer;
}

# What PHP had to say.
sub errors {
    my ($self) = @_;
    open my $in, '<', "$self->{root}/php-errors.log" or return '';
    local $/ = undef;
    return scalar(<$in>) // '';
}

# By the installer's own form, in the server that the test asks; then logs in. What PHP has to say
# of the installer is not kept.
sub install {
    my ($self) = @_;
    my $base = TmpfsConvertTest::base_url();
    $self->{base} = $base;
    $self->{agent} = LWP::UserAgent->new(timeout => 300, env_proxy => 0, cookie_jar => HTTP::Cookies->new);
    my $done = $self->_ask(POST("$base/wp-admin/install.php?step=2",
        [ weblog_title => 'Pictures', user_name => 'admin', admin_password => 'secret', admin_password2 => 'secret',
            pw_weak => 1, admin_email => 'admin@example.org', blog_public => 0, language => '' ]), 'install');
    croak 'install: ' . $done->decoded_content unless $done->decoded_content =~ /wp-login\.php/;
    $self->_ask(POST("$base/wp-login.php", [ log => 'admin', pwd => 'secret', testcookie => 1, 'wp-submit' => 'Log In' ],
        Cookie => 'wordpress_test_cookie=WP%20Cookie%20check'), 'login', qr/^302/);
    truncate "$self->{root}/php-errors.log", 0;
    $self->{nonce} = $self->_ask(GET("$base/wp-admin/admin-ajax.php?action=rest-nonce"), 'nonce')->content;
    return;
}

# The REST API: rest('POST', '/wp/v2/posts', {title => ...}).
sub rest {
    my ($self, $method, $route, $fields, @more) = @_;
    my $request = HTTP::Request->new($method, "$self->{base}/?rest_route=$route", [ 'X-WP-Nonce' => $self->{nonce}, @more ]);
    if (ref $fields) {
        $request->header('Content-Type' => 'application/json');
        $request->content(JSON::PP->new->utf8->encode($fields));
    }
    elsif (defined $fields) { $request->content($fields) }
    return JSON::PP->new->utf8->decode($self->_ask($request, "$method $route")->content);
}

# A picture into the library; `name` is in UTF-8.
sub upload {
    my ($self, $name, $bytes) = @_;
    my ($type) = map { { jpg => 'image/jpeg', jpeg => 'image/jpeg', png => 'image/png', webp => 'image/webp' }->{ lc $_ } }
        $name =~ /\.(\w+)$/;
    return $self->rest('POST', '/wp/v2/media', $bytes, 'Content-Type' => $type,
        'Content-Disposition' => "attachment; filename=\"$name\"");
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $@, $!);
    _end_all();
    return;
}

sub _end_all {
    kill TERM => keys %running;
    my $deadline = time + 20;
    for my $pid (keys %running) {
        while (waitpid($pid, WNOHANG) == 0) {
            kill KILL => $pid if time > $deadline;
            sleep 0.02;
        }
    }
    %running = ();
    return;
}

my $owner = $$;

END {
    if ($$ == $owner) {
        local $?;
        _end_all();
    }
}

1;
