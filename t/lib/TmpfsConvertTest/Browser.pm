# SPDX-License-Identifier: Apache-2.0
#
# Pages in a real browser: Chromium without a window, and documents as it shows them.
package TmpfsConvertTest::Browser;

use strict;
use warnings;
use File::Path qw(make_path);
use File::Temp ();
use IO::Select ();
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);
use TmpfsConvertTest::Site ();

my ($scratch, $short);

sub _in_path {
    my ($name) = @_;
    return grep { -x "$_/$name" } split /:/, $ENV{PATH};
}

# Why no page can be opened here; nothing when one can.
sub missing {
    _in_path('chromium') or return 'chromium is not on this machine: tools/deps --test';
    my ($up, $why) = browse('data:text/html,<p>up', 120);
    return if $up =~ /<p>up/;
    return 'Chromium does not start here: ' . substr $why =~ s/\s+/ /gr, -500;
}

sub _folders {
    make_path("$TmpfsConvertTest::Site::ROOT/build/t");
    $scratch //= File::Temp->newdir('browser-XXXXXX', DIR => "$TmpfsConvertTest::Site::ROOT/build/t");
    # Chromium's socket lies in TMPDIR, and its name has no more than 107 characters.
    $short //= File::Temp->newdir('browser-XXXXXX', DIR => -w '/tmp' ? '/tmp' : $scratch);
    return;
}

# In the child: Chromium, in a process group of its own. A user without a home (nobody) has
# one here.
sub _become {
    my ($url, $words) = @_;
    setpgrp;
    open STDERR, '>', $words;
    @ENV{qw(HOME XDG_CONFIG_HOME XDG_CACHE_HOME)} = ("$scratch") x 3;
    $ENV{TMPDIR} = "$short";
    $ENV{DBUS_SESSION_BUS_ADDRESS} = $ENV{DBUS_SYSTEM_BUS_ADDRESS} = 'disabled:';
    # Its sandbox needs what containers do not allow; the pages are the tests' own.
    exec 'chromium', '--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--disable-dev-shm-usage',
        '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-extensions',
        '--no-proxy-server', '--ignore-certificate-errors', "--user-data-dir=$scratch/profile", '--dump-dom', $url
        or POSIX::_exit(127);
}

# The document at $url after its load event, as text, and what the browser said meanwhile.
sub browse {
    my ($url, $seconds) = @_;
    _folders();
    my $words = "$scratch/words";
    my $pid = open my $out, '-|';
    defined $pid or die "fork: $!";
    _become($url, $words) if !$pid;
    my ($text, $end, $select) = ('', time + $seconds, IO::Select->new($out));
    while (time < $end) {
        next unless $select->can_read($end - time);
        last unless sysread $out, $text, 65536, length $text;
    }
    kill KILL => -$pid if time >= $end;
    close $out;
    open my $in, '<', $words or return ($text, '');
    local $/ = undef;
    return ($text, <$in> // '');
}

# What a page's script has left in <pre id="result">, from JSON; nothing when it left none.
sub result {
    my ($dom) = @_;
    my ($json) = $dom =~ m{<pre id="result">(.*?)</pre>}s or return;
    my %named = (amp => '&', lt => '<', gt => '>', quot => '"');
    $json =~ s/&(amp|lt|gt|quot);/$named{$1}/g;
    return JSON::PP->new->utf8->decode($json);
}

# ---- how pages look ------------------------------------------------------------------

# A page that opens each of @urls, of its own server, in a frame as wide as each of
# @$widths, and leaves as its result for each of them: url, width, height and scrollWidth
# of the page, broken (images without a naturalWidth), images (how many), wide (elements
# that reach over the right edge outside of what scrolls), tiny (text below 12 pixels).
sub measuring_page {
    my ($widths, @urls) = @_;
    my $frames = join '', map { my $width = $_;
        map { "<iframe src=\"$_\" style=\"width:${width}px;height:900px;border:0\"></iframe>\n" } @urls } @$widths;
    return <<"HTML";
<!DOCTYPE html>
<html><head><meta charset="utf-8"><link rel="icon" href="data:,"></head><body>
$frames<script>
function scrolls(element) {
    for (; element; element = element.parentElement)
        if (/auto|scroll|hidden/.test(element.ownerDocument.defaultView.getComputedStyle(element).overflowX))
            return true;
    return false;
}
function name(element) {
    return element.tagName + ' ' + (element.textContent || element.getAttribute('src') || '').trim().slice(0, 60);
}
function measured(frame) {
    const inner = frame.contentDocument, root = inner.documentElement, all = Array.from(inner.body.querySelectorAll('*'));
    const images = Array.from(inner.images), style = of => inner.defaultView.getComputedStyle(of);
    const texts = all.filter(of => Array.from(of.childNodes).some(node => node.nodeType == 3 && node.data.trim()));
    return {
        url: frame.getAttribute('src'), width: frame.clientWidth, height: root.scrollHeight,
        scrollWidth: root.scrollWidth, images: images.length,
        broken: images.filter(of => !of.naturalWidth).map(of => of.currentSrc),
        wide: all.filter(of => of.getBoundingClientRect().right > frame.clientWidth + 1 && !scrolls(of)).map(name),
        tiny: texts.filter(of => parseFloat(style(of).fontSize) < 12 && style(of).display != 'none').map(name),
    };
}
addEventListener('load', () => {
    const result = document.createElement('pre');
    result.id = 'result';
    result.textContent = JSON.stringify(Array.from(document.querySelectorAll('iframe'), measured));
    document.body.append(result);
});
</script></body></html>
HTML
}

# ---- documents -----------------------------------------------------------------------

# As a code host shows them: one column, tables and code scroll by themselves.
my $STYLE = <<'CSS';
body{margin:0 auto;max-width:54rem;padding:1rem;font:16px/1.5 system-ui,sans-serif;overflow-wrap:break-word}
img{max-width:100%}
table{display:block;width:max-content;max-width:100%;overflow:auto;border-collapse:collapse}
th,td{border:1px solid #d0d0d0;padding:.35rem .7rem}th:not([align]){text-align:left}
code{font-size:.875em;background:#f0f0f0;padding:.1em .25em;white-space:break-spaces}
pre{background:#f0f0f0;padding:1rem;overflow:auto;line-height:1.45}pre code{padding:0;white-space:pre}
h1,h2{border-bottom:1px solid #d0d0d0;padding-bottom:.3rem}
CSS

# Why documents cannot be shown here; nothing when they can.
sub no_documents {
    return if _in_path('cmark-gfm');
    return 'cmark-gfm is not on this machine: tools/deps --test';
}

# A file of Markdown as a page.
sub document {
    my ($file) = @_;
    open my $out, '-|', 'cmark-gfm', '--unsafe', '-e', 'table', $file or die "cmark-gfm: $!";
    local $/ = undef;
    my $html = <$out>;
    close $out or die "cmark-gfm $file failed";
    return '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        . '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        . "<style>\n$STYLE</style></head><body>\n$html</body></html>\n";
}

1;
