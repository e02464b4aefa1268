# SPDX-License-Identifier: Apache-2.0
#
# The page that tools/demo shows: the examples of docs/parameters.md as they come from the
# server now, forms for other values, and the HTML for srcset. No script, nothing from
# elsewhere.
package Demo::Gallery;

use strict;
use warnings;

# What the examples are of where they name no other original.
use constant ORIGINAL => 'lighthouse.jpg';

my $STYLE = <<'CSS';
:root{color-scheme:light dark;--line:#d0d0d0;--dim:#5f5f5f;--box:#f4f4f1;--link:#1a6faf}
@media(prefers-color-scheme:dark){:root{--line:#3c3c3c;--dim:#a0a0a0;--box:#1d1d1f;--link:#7fb8e6}body{background:#121214;color:#e8e8e8}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:.6rem 1rem 3rem;font:16px/1.5 system-ui,sans-serif}
a{color:var(--link)}
h1{font-size:1.5rem;margin:.6rem 0 0}h2{font-size:1.2rem;margin:2.2rem 0 .5rem;padding-top:.5rem;border-top:1px solid var(--line)}
p{max-width:48rem;margin:.5rem 0;overflow-wrap:anywhere}
img{max-width:100%;height:auto}
.examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,13rem),1fr));gap:.8rem}
figure{margin:0;background:var(--box);padding:.8rem;display:flex;flex-direction:column;gap:.6rem;justify-content:space-between}
figure img{align-self:center;margin:auto}
figcaption{font-size:.9rem;overflow-wrap:anywhere}
code{font-size:.92em;overflow-wrap:anywhere}
pre{background:var(--box);padding:.6rem .8rem;overflow-x:auto;font-size:.85rem;line-height:1.4}
form{background:var(--box);padding:.8rem;margin:.8rem 0}
.fields{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:.5rem .8rem}
label{display:block;font-size:.9rem}label.long{grid-column:1/-1}
input,select,button{font:inherit;max-width:100%}input,select{width:100%;padding:.25rem .35rem}
.originals{display:flex;flex-wrap:wrap;gap:.5rem;margin-top:.8rem}
.originals button{padding:.3rem;cursor:pointer;font-size:.85rem}.originals img{display:block;margin:0 auto .2rem}
iframe{width:100%;height:24rem;border:1px solid var(--line);background:#fff;resize:vertical}
.checks img{background:repeating-conic-gradient(#bbb 0 25%,#eee 0 50%) 0 0/16px 16px}
CSS

sub escaped {
    my ($text) = @_;
    my %name = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
    $text =~ s/([&<>"])/$name{$1}/g;
    return $text;
}

sub url_path {
    my ($text) = @_;
    $text =~ s{([^A-Za-z0-9/._~-])}{sprintf '%%%02X', ord $1}ge;
    return $text;
}

# The sections of docs/parameters.md under "In pictures":
# {title, rows => [{words, params, original, picture}...]}...; `words` are Markdown's.
sub examples {
    my ($page) = @_;
    open my $in, '<', $page or die "$page: $!\n";
    my (@sections, $within);
    while (defined(my $line = <$in>)) {
        chomp $line;
        $within = $1 eq 'In pictures' if $line =~ /^## (.+)/;
        next unless $within;
        push @sections, { title => $1, rows => [] } if $line =~ /^### (.+)/;
        push @{ $sections[-1]{rows} }, _row("$page:$.", $line) if @sections && $line =~ /^\| `/;
    }
    die "$page: no examples under \"In pictures\"\n" unless @sections && !grep { !@{ $_->{rows} } } @sections;
    return @sections;
}

sub _row {
    my ($where, $line) = @_;
    my ($params, $original, $words, $alt, $picture) = $line =~
        m{^\| `([^`]+)`(?: of `([\w.]+)`)?(?:[:,] ([^|]+?))? \| !\[([^\]]+)\]\(pictures/([\w-]+\.\w+)\) \|$}
        or die "$where: not a row of an example\n";
    $alt eq $params or die "$where: the picture is called $alt\n";
    return { params => $params, original => $original // ORIGINAL, words => $words // '', picture => $picture };
}

# The URL of an example, where `base` has the originals; with / at both ends.
sub url_of {
    my ($base, $row) = @_;
    return "${base}small_light($row->{params})/$row->{original}";
}

# ---- the page's parts --------------------------------------------------------------

sub _figure {
    my ($base, $row) = @_;
    my $url = escaped(url_of($base, $row));
    my $of = $row->{original} eq ORIGINAL ? '' : ' of <code>' . escaped($row->{original}) . '</code>';
    my $words = escaped($row->{words});
    $words =~ s{`([^`]+)`}{<code>$1</code>}g;
    return "<figure><a href=\"$url\"><img src=\"$url\" alt=\"" . escaped($row->{params}) . '"></a><figcaption><code>'
        . escaped($row->{params}) . "</code>$of" . (length $words ? ": $words" : '') . "</figcaption></figure>\n";
}

sub _section {
    my ($base, $section) = @_;
    return '<section><h2>' . escaped($section->{title}) . "</h2>\n<div class=\"examples checks\">\n"
        . join('', map { _figure($base, $_) } @{ $section->{rows} }) . "</div></section>\n";
}

sub _input {
    my ($name, $words, %more) = @_;
    return "<label>$words <input name=\"$name\" value=\"" . escaped($more{value} // '') . '"'
        . ($more{number} ? ' inputmode="numeric" pattern="[0-9]*"' : '') . " autocomplete=\"off\"></label>\n";
}

sub _select {
    my ($name, $words, @values) = @_;
    return "<label>$words <select name=\"$name\">" . join('', map { ref $_
            ? "<option value=\"$_->[0]\">" . escaped($_->[1]) . '</option>'
            : "<option>$_</option>" } @values) . "</select></label>\n";
}

# Each picture is a button that asks for itself with the fields as its query.
sub _fields {
    my (@pictures) = @_;
    my $buttons = join '', map {
        my ($folder, $name) = m{^(.*/)([^/]*)$};
        my $thumb = escaped(url_path($folder) . 'small_light(dw=96,dh=72,da=s,cw=96,ch=72,cc=ffffff)/' . url_path($name));
        "<button formaction=\"" . escaped(url_path($_)) . "\"><img src=\"$thumb\" width=\"96\" height=\"72\" alt=\"\">"
            . escaped(length $name > 14 ? substr($name, 0, 12) . "\xe2\x80\xa6" : $name) . "</button>\n";
    } @pictures;
    return "<form method=\"get\" target=\"result\">\n<div class=\"fields\">\n"
        . _input('dw', '<code>dw</code> width', number => 1, value => 300) . _input('dh', '<code>dh</code> height', number => 1)
        . _select('da', '<code>da</code> how', ['', 'l: inside'], ['s', 's: covers'], ['n', 'n: stretched'])
        . _input('cw', '<code>cw</code> canvas', number => 1) . _input('ch', '<code>ch</code> canvas', number => 1)
        . _input('cc', '<code>cc</code> its colour')
        . _select('angle', '<code>angle</code>', ['', 'none'], 90, 180, 270)
        . _input('bw', '<code>bw</code> border', number => 1) . _input('bh', '<code>bh</code> border', number => 1)
        . _input('sharpen', '<code>sharpen</code>') . _input('blur', '<code>blur</code>')
        . _input('q', '<code>q</code> quality', number => 1)
        . _select('of', '<code>of</code> format', ['', "the original's"], qw(jpeg png webp avif auto))
        . "</div>\n<div class=\"originals\">\n$buttons</div></form>\n";
}

# The server makes the URL of these two fields and sends the browser there.
sub _address {
    my ($base, @pictures) = @_;
    return "<form method=\"get\" action=\"${base}try\" target=\"result\">\n<div class=\"fields\">\n"
        . '<label class="long">between <code>small_light(</code> and <code>)</code> <input name="params"'
        . " value=\"dw=300,dh=300,da=s,cw=300,ch=300\" autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\"></label>\n"
        . '<label class="long">of <select name="file">'
        . join('', map { '<option>' . escaped($_) . '</option>' } @pictures) . "</select></label>\n"
        . "</div><p><button>Show it below</button> <button formtarget=\"_blank\">Show it in a tab of its own</button></p></form>\n";
}

sub _srcset {
    my ($base) = @_;
    my $url = sub { "${base}small_light(dw=$_[0],of=auto)/" . ORIGINAL };
    my $html = '<img src="' . $url->(640) . "\" width=\"640\" height=\"427\" alt=\"A lighthouse\"\n"
        . '     srcset="' . join(",\n             ", map { $url->($_) . " ${_}w" } 320, 640, 1280) . "\"\n"
        . "     sizes=\"(max-width: 700px) 100vw, 640px\">";
    return "<section><h2>srcset</h2>\n<p>The browser takes the width that suits its window and its screen, and"
        . " <code>of=auto</code> the format that it can show.</p>\n$html\n<pre>" . escaped($html) . "</pre></section>\n";
}

# page(base => '/gallery/', doc => docs/parameters.md, pictures => [paths on the server]):
# the whole page. Its bytes are UTF-8, as the names of files most often are.
sub page {
    my (%of) = @_;
    my @pictures = @{ $of{pictures} };
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        . '<meta name="viewport" content="width=device-width,initial-scale=1">'
        . "<title>mod_tmpfs_convert: gallery</title><link rel=\"icon\" href=\"data:,\">\n<style>\n$STYLE</style></head><body>\n"
        . "<h1>mod_tmpfs_convert</h1>\n<p>Every picture on this page is made when it is asked for. What the"
        . " server says of it: <a href=\"/tmpstat\">/tmpstat</a>.</p>\n"
        . "<section><h2>Try it</h2>\n<p>Fill in what you like and press a picture. The fields become its query"
        . " (<code>TmpfsConvertQuery On</code>); an empty one counts for nothing.</p>\n"
        . _fields(@pictures) . "<p>Or write the URL's words yourself:</p>\n" . _address($of{base}, @pictures)
        . "<iframe name=\"result\" title=\"The answer\" src=\"$of{base}small_light(dw=300)/" . ORIGINAL . "\"></iframe></section>\n"
        . join('', map { _section($of{base}, $_) } examples($of{doc}))
        . _srcset($of{base}) . "</body></html>\n";
}

# write_page(FILE, BASE, DOC, PICTURE...): for tools/demo. A page of before is replaced by
# a whole one.
sub write_page {
    my ($file, $base, $doc, @pictures) = @_;
    my $html = page(base => $base, doc => $doc, pictures => \@pictures);
    open my $out, '>', "$file.new" or die "$file.new: $!\n";
    print $out $html;
    close $out && rename "$file.new", $file or die "$file: $!\n";
    return;
}

1;
