# SPDX-License-Identifier: Apache-2.0
# Validators, conditions, HEAD, methods, ranges.
use strict;
use warnings;
use TmpfsConvertTest;

mkpicture('photo.jpg', 400, 300);
mkpicture('broken.jpg', 400, 300);
my $broken = docroot() . '/pictures/broken.jpg';
truncate $broken, 3000;

my $url    = '/small_light(dw=100)/pictures/photo.jpg';
my $answer = get($url);
my $etag   = $answer->header('ETag');
like($etag, qr/^"[0-9a-f]{24}"$/, 'a strong ETag');
is($answer->header('Last-Modified'), get('/pictures/photo.jpg')->header('Last-Modified'),
    "Last-Modified is the original's");
is($answer->header('Accept-Ranges'), 'bytes', 'ranges are offered');
is($answer->header('Vary'), undef, 'no Vary: the answer depends on no header');
is(get($url)->header('ETag'), $etag, 'the same request has the same ETag');
is(get('/small_light(dw=100px,da=l)/pictures/photo.jpg')->header('ETag'), $etag,
    '... so has the same request in other words');
isnt(get('/small_light(dw=101)/pictures/photo.jpg')->header('ETag'), $etag,
    'another size has another');
my $pattern = get('/small_light(p=old)/pictures/photo.jpg')->header('ETag');
is(get('/small_light(dw=32)/pictures/photo.jpg')->header('ETag'), $pattern,
    'a pattern counts as what it stands for');

my $same = get($url, 'If-None-Match' => $etag);
is($same->code, 304, 'If-None-Match is 304');
is($same->content, '', '... without a body');
is($same->header('ETag'), $etag, '... with the ETag');
is(get($url, 'If-None-Match' => $etag, 'If-Modified-Since' => $answer->header('Last-Modified'))->code, 304,
    '... and with If-Modified-Since');
is(get($url, 'If-Modified-Since' => $answer->header('Last-Modified'))->code, 200,
    'If-Modified-Since alone does not tell which conversion the client has');
is(get($url, 'If-None-Match' => '"other"')->code, 200, 'another ETag is 200');
is(get($url, 'If-Match' => '"other"')->code, 412, 'If-Match that fails is 412');

# The condition is met before a byte is decoded: a damaged file is not noticed.
my $bad      = '/small_light(dw=100)/pictures/broken.jpg';
my $unread = head($bad)->header('ETag');
is(get($bad)->code, 422, 'a damaged original is 422');
expect_log(qr/TC0005.*broken/);
is(get($bad, 'If-None-Match' => $unread)->code, 304, '... yet 304 before decoding');

my $head = head($url);
is($head->code, 200, 'HEAD is 200');
is($head->content, '', '... without a body');
is($head->content_type, 'image/jpeg', '... with the type');
is($head->header('ETag'), $etag, '... the ETag');
is($head->header('Last-Modified'), $answer->header('Last-Modified'), '... and the date');
ok(!defined $head->header('Content-Length') || $head->content_length == length $answer->content,
    '... and no wrong length');
is(head('/small_light(dw=100,of=png)/pictures/photo.jpg')->content_type, 'image/png',
    '... the type of what GET would send');
is(head('/small_light(dw=abc)/pictures/photo.jpg')->code, 400, '... and its errors');
expect_log(qr/TC0001.*dw=abc/);

for my $method (qw(POST PUT DELETE)) {
    my $refused = request($method, $url);
    is($refused->code, 405, "$method is 405");
    like($refused->header('Allow'), qr/\bGET\b/, '... and says what is allowed');
}

my $part = get($url, Range => 'bytes=10-19');
is($part->code, 206, 'a range is 206');
is($part->content, substr($answer->content, 10, 10), '... the right ten bytes');

my $info = get('/small_light(dw=100,info=1)/pictures/photo.jpg');
like($info->header('X-SmallLight-Description'),
    qr/^transfer=\d+ms, modify image=\d+ms \(load=\d+ms, scale=\d+ms, save=\d+ms\)$/,
    'info=1 tells the times');
is($info->content, $answer->content, '... and changes no byte');
is($answer->header('X-SmallLight-Description'), undef, 'without info there are none');

# A result in memory, in a file, at the threshold: the same bytes.
my $spooled = get('/spooled/small_light(dw=100)/photo.jpg');
is($spooled->content, $answer->content, 'a result from a temporary file is the same');
is(get('/spooled/small_light(dw=100)/photo.jpg', Range => 'bytes=10-19')->content,
    $part->content, '... its ranges too');

done_testing();
