# SPDX-License-Identifier: Apache-2.0
# Wrong input: a status, a body that says why, one log line, never the original's bytes.
use strict;
use warnings;
use TmpfsConvertTest;
use Time::HiRes qw(time);

my $photo = mkpicture('whole.jpg', 400, 300);
mkpicture('whole.png', 64, 48);
my $dir = docroot() . '/pictures';

sub spew {
    my ($name, $bytes) = @_;
    open my $out, '>:raw', "$dir/$name" or die "$dir/$name: $!";
    print $out $bytes;
    close $out or die;
}

sub slurp {
    open my $in, '<:raw', $_[0] or die "$_[0]: $!";
    local $/;
    return scalar <$in>;
}

my $jpeg = slurp("$dir/whole.jpg");
my $png  = slurp("$dir/whole.png");
spew('cut.jpg', substr $jpeg, 0, length($jpeg) / 2);
spew('no-eoi.jpg', substr $jpeg, 0, -2);
spew('header.jpg', substr $jpeg, 0, 60);
spew('cut.png', substr $png, 0, length($png) / 2);
spew('note.jpg', "This is text, whatever its name.\n");
spew('empty.jpg', '');
spew('bomb.png', "\x89PNG\r\n\x1a\n" . chunk('IHDR', pack 'NNCCCCC', 60000, 60000, 8, 6, 0, 0, 0)
        . chunk('IDAT', "\x78\x9c\x63\x00\x00"));

sub chunk {
    my ($type, $data) = @_;
    return pack('N', length $data) . $type . $data . pack('N', crc32($type . $data));
}

sub crc32 {
    my $crc = 0xffffffff;
    for my $byte (unpack 'C*', $_[0]) {
        $crc ^= $byte;
        $crc = $crc & 1 ? ($crc >> 1) ^ 0xedb88320 : $crc >> 1 for 1 .. 8;
    }
    return $crc ^ 0xffffffff;
}

my @cases = (
    ['dw=abc', 'whole.jpg', 400, 'TC0001', 'dw'],
    ['dw=-5', 'whole.jpg', 400, 'TC0001', 'dw'],
    ['dw=0', 'whole.jpg', 400, 'TC0001', 'dw'],
    ['dw=1e3', 'whole.jpg', 400, 'TC0001', 'dw'],
    ['dw=99999999999', 'whole.jpg', 400, 'TC0001', 'dw'],
    ['q=101', 'whole.jpg', 400, 'TC0001', 'q'],
    ['cc=xyz', 'whole.jpg', 400, 'TC0001', 'cc'],
    ['cc=12345', 'whole.jpg', 400, 'TC0001', 'cc'],
    ['da=x', 'whole.jpg', 400, 'TC0001', 'da'],
    ['of=bmp', 'whole.jpg', 400, 'TC0001', 'of'],
    ['p=nosuch', 'whole.jpg', 400, 'TC0001', 'nosuch'],
    ['p=%3Cscript%3E', 'whole.jpg', 400, 'TC0001', 'p='],
    ['sx=5000', 'whole.jpg', 400, 'TC0001', 'sx'],
    ['of=tiff', 'whole.jpg', 415, 'TC0004', 'of'],
    ['dw=10', 'note.jpg', 415, 'TC0002', 'note.jpg'],
    ['dw=10', 'empty.jpg', 415, 'TC0002', 'empty.jpg'],
    ['dw=10', 'cut.jpg', 422, 'TC0005', 'cut.jpg'],
    ['dw=10', 'header.jpg', 422, 'TC0005', 'header.jpg'],
    ['dw=10', 'cut.png', 422, 'TC0005', 'cut.png'],
    ['dw=10', 'bomb.png', 413, 'TC0006', 'bomb.png'],
    ['dw=9000,ds=s', 'whole.jpg', 413, 'TC0006', '8192'],
    ['cw=9000,ch=10', 'whole.jpg', 413, 'TC0006', '8192'],
);

for my $case (@cases) {
    my ($params, $file, $status, $id, $named) = @$case;
    my $mark   = log_mark();
    my $answer = get("/small_light($params)/pictures/$file");
    is($answer->code, $status, "($params) $file is $status");
    my @lines = grep {/TC\d{4}/} error_log_lines($mark);
    is(scalar @lines, 1, '... with one log line');
    like($lines[0] // '', qr/\Q$id\E: \S*\Q$file\E: /, "... that has $id and names the file");
    like($lines[0] // '', qr/\Q$named\E/, "... and tells of $named");
    like($answer->content, qr/\Q$named\E/, '... so does the body') if $status == 400;
    unlike($answer->content, qr/\xff\xd8\xff|PNG\r\n|<script>|This is text/,
        '... and nothing of the original or unescaped');
    is($answer->header('ETag'), undef, '... no validator');
    expect_log(qr/\Q$id\E/);
}

my $started = time;
get('/small_light(dw=10)/pictures/bomb.png') for 1 .. 20;
cmp_ok((time - $started) / 20, '<', 0.1, 'a bomb is refused at once');

is(get('/small_light(dw=10)/pictures/none.jpg')->code, 404, 'no original is 404');
is(get('/small_light(dw=10)/pictures/')->code, 404, 'a directory is 404');
is(get('/small_light(dw=10)/pictures/whole.jpg/more')->code, 404, 'a path behind the file is 404');
mkpicture('../always/whole.jpg', 400, 300);
is(get('/always/whole.jpg')->code, 200, 'a file of the handler, by its name');
is(get('/always/whole.jpg/more')->code, 404, '... and with a path behind it 404');
is(get('/small_light(dw=10)/../../etc/passwd')->code, 400, 'no way out of the tree');
is(get('/small_light(dw=10/pictures/whole.jpg')->code, 400, 'a missing ) is 400');
is(get('/small_light(dw=10)')->code, 400, 'a missing path is 400');
expect_log(qr/TC0001|AH10244/);
is(get('/small_light(dw=10)/pictures/no-eoi.jpg')->code, 200,
    'a JPEG that lacks just its end marker is whole');
is(get('/small_light(dw=10,nosuchkey=5)/pictures/whole.jpg')->code, 200, 'unknown keys are ignored');

# An ErrorDocument of the administrator's wins over our text.
my $custom = get('/errdoc/small_light(dw=abc)/whole.jpg');
is($custom->code, 400, 'with an ErrorDocument the status stays');
like($custom->content, qr/own words/, '... and its words are shown');

done_testing();
