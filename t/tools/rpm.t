# SPDX-License-Identifier: Apache-2.0
# rpm/: the spec builds, here with the places of rpm/debian.macros, rpmlint has nothing to say,
# and files are where Red Hat's httpd looks for them.
use TmpfsConvertTest;
use TmpfsConvertTest::Bench;

my $root = $TmpfsConvertTest::Site::ROOT;
my $spec = "$root/rpm/mod_tmpfs_convert.spec";
for my $name (qw(rpmbuild rpmlint)) { plan(skip_all => missing($name)) if missing($name) }
plan(skip_all => 'the httpd that is tested has no apxs at /usr/bin/apxs') unless -x '/usr/bin/apxs';
plan(skip_all => 'under a sanitizer there is nothing else to see') if $ENV{TC_SANITIZER};

my @places = ('--load', "$root/rpm/debian.macros");
my ($status, $text, $words) = run('rpmlint', '-c', "$root/rpm/rpmlint.toml", $spec);
is($status, 0, 'rpmlint: the spec');
like($text, qr/0 errors, 0 warnings/, '... no error, no warning') or diag $text;

sub asked {
    my @how = @_;
    my ($code, $out, $said) = run('rpmspec', '--query', @places, @how, $spec);
    diag $said if $code;
    return $out;
}
like(asked('--requires'), qr/^httpd-mmn = \d+/m, 'it is for the httpd it was built with');
like(asked('--buildrequires'), qr/^httpd-devel$/m, '... of Fedora and Red Hat');
like(asked('--buildrequires', '--with', 'easyapache'), qr/^ea-apache24-devel$/m, '... or of EasyApache');
unlike(asked('--buildrequires', '--without', 'avif', '--without', 'isal'), qr/libavif|isa-l/, 'libraries can be left out');

($status, $text, $words) = run('make', '-C', $root, '-f', 'Makefile.apxs', 'rpm',
    "RPM_OPTIONS=--load=$root/rpm/debian.macros --nodeps");
is($status, 0, 'it builds') or diag substr($words, -4000);
my ($module, $tools) = map { my $name = $_; grep { m{/\Q$name\E-\d} } glob "$root/build/rpm/RPMS/*/*.rpm" }
    qw(mod_tmpfs_convert tmpfs-convert-tools);
($status, $text) = run('rpmlint', '-c', "$root/rpm/rpmlint.toml", $module, $tools);
is($status, 0, 'rpmlint: the packages');
like($text, qr/0 errors, 0 warnings/, '... no error, no warning') or diag $text;

my @files = split /\n/, (run('rpm', '-qpl', $module))[1];
for my $file (qw(/usr/lib64/httpd/modules/mod_tmpfs_convert.so /etc/httpd/conf.modules.d/10-tmpfs_convert.conf
    /etc/httpd/conf.d/tmpfs_convert.conf /usr/lib/tmpfiles.d/tmpfs_convert.conf)) {
    ok(scalar(grep { $_ eq $file } @files), $file);
}
for my $file (grep { !/\.in$/ } glob "$root/docs/*.md $root/docs/pictures/* $root/conf/*.* $root/conf/cluster/*") {
    my $name = substr $file, length "$root/";
    ok(scalar(grep { m{/doc/[^/]*/\Q$name\E$} } @files), "its documents have $name");
}
like((run('rpm', '-qpc', $module))[1], qr{^/etc/httpd/conf\.d/tmpfs_convert\.conf$}m, 'the configuration stays when it is upgraded');
@files = split /\n/, (run('rpm', '-qpl', $tools))[1];
for my $name (qw(churn experiment migrate-check)) {
    ok(scalar(grep { $_ eq "/usr/bin/tmpfs-convert-$name" } @files), "tmpfs-convert-$name");
    ok(scalar(grep { $_ eq "/usr/share/man/man1/tmpfs-convert-$name.1" } @files), '... and its manual');
}
done_testing;
