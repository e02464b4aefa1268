/* SPDX-License-Identifier: Apache-2.0 */
/* WebP there and back, and containers made here: animations, orientation, lies. */
#include "pictures.h"

#ifdef TC_WITH_WEBP

#define CODEC (&tc_codec_webp)

static const tc_encode_spec lossy = {.quality = 90}, lossless = {.lossless = true};

/* A container to be, from its first chunk on. */
static void put_chunk(bytes *to, const char *name, const void *data, size_t length)
{
    uint8_t head[8] = {(uint8_t)name[0],        (uint8_t)name[1],       (uint8_t)name[2],
                       (uint8_t)name[3],        (uint8_t)length,        (uint8_t)(length >> 8),
                       (uint8_t)(length >> 16), (uint8_t)(length >> 24)};

    put(to, head, sizeof head);
    put(to, data, length);
    if (length & 1)
        put(to, "", 1);
}

static bytes wrap(const bytes *chunks)
{
    bytes made = {0};
    uint32_t length = (uint32_t)chunks->length + 4;
    uint8_t head[12] = {
        'R', 'I', 'F', 'F', (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), 0,
        'W', 'E', 'B', 'P'};

    put(&made, head, sizeof head);
    put(&made, chunks->data, chunks->length);
    return made;
}

static void put_extended(bytes *to, uint8_t flags, uint32_t w, uint32_t h)
{
    uint8_t body[10] = {flags};

    w--, h--;
    for (int at = 0; at < 3; at++) {
        body[4 + at] = (uint8_t)(w >> 8 * at);
        body[7 + at] = (uint8_t)(h >> 8 * at);
    }
    put_chunk(to, "VP8X", body, sizeof body);
}

/* The chunks of a picture of its own file, without an extended header. */
static bytes chunks_of(const pixels *from, tc_encode_spec spec)
{
    bytes file = {0}, made = {0};
    size_t skip = 12;
    tc_fail fail;

    encode(CODEC, from, spec, &file, &fail);
    if (memcmp(file.data + 12, "VP8X", 4) == 0)
        skip += 18;
    put(&made, file.data + skip, file.length - skip);
    free(file.data);
    return made;
}

static void put_frame(bytes *to, uint32_t x, uint32_t y, const pixels *from,
                      tc_encode_spec spec)
{
    bytes picture = chunks_of(from, spec), frame = {0};
    uint32_t fields[4] = {x / 2, y / 2, from->w - 1, from->h - 1};
    uint8_t head[16] = {0};

    for (int field = 0; field < 4; field++)
        for (int at = 0; at < 3; at++)
            head[3 * field + at] = (uint8_t)(fields[field] >> 8 * at);
    put(&frame, head, sizeof head);
    put(&frame, picture.data, picture.length);
    put_chunk(to, "ANMF", frame.data, frame.length);
    free(frame.data);
    free(picture.data);
}

static pixels flat(uint32_t w, uint32_t h, uint8_t r, uint8_t g, uint8_t b)
{
    pixels made = {w, h, TC_RGB, malloc((size_t)w * h * 3)};

    for (size_t at = 0; at < (size_t)w * h; at++)
        memcpy(made.data + 3 * at, (uint8_t[]){r, g, b}, 3);
    return made;
}

static void test_grey_profile(void)
{
    uint8_t *icc = make_profile(200, "GRAY");
    pixels from = draw(20, 10, TC_GREY), got;
    tc_encode_spec spec = {.quality = 90, .icc = icc, .icc_length = 200};
    tc_image_info info;
    bytes file = {0};
    tc_fail fail;

    encode(CODEC, &from, spec, &file, &fail);
    ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_OK && !info.icc &&
           !find(&file, "ICCP"),
       "a profile of grey is not written, for a WebP has colours");
    free(got.data);
    free(from.data);
    free(file.data);
    free(icc);
}

static void test_rounds(void)
{
    static const uint32_t sizes[][2] = {{1, 1}, {7, 5}, {64, 48}, {301, 211}};

    for (size_t at = 0; at < 4; at++) {
        uint32_t w = sizes[at][0], h = sizes[at][1];

        try_round(CODEC, lossy, w, h, TC_RGB, TC_RGB, 8, "lossy");
        try_round(CODEC, lossy, w, h, TC_RGB_ALPHA, TC_RGB_ALPHA, 8, "lossy with alpha");
        try_round(CODEC, lossy, w, h, TC_GREY, TC_RGB, 8, "lossy grey");
        try_round(CODEC, lossless, w, h, TC_RGB, TC_RGB, 0, "lossless");
        try_round(CODEC, lossless, w, h, TC_RGB_ALPHA, TC_RGB_ALPHA, 0, "lossless with alpha");
        try_round(CODEC, lossless, w, h, TC_GREY, TC_RGB, 0, "lossless grey");
    }
    try_profile(CODEC, lossy, TC_RGB, 200, "lossy with a profile");
    try_profile(CODEC, lossy, TC_RGB_ALPHA, 201, "lossy with alpha and an odd profile");
    try_profile(CODEC, lossless, TC_RGB, 70001, "lossless with a large profile");
    try_profile(CODEC, lossless, TC_RGB_ALPHA, 200, "lossless with alpha and a profile");
    test_grey_profile();
    try_full(CODEC, lossy, "lossy");
    try_full(CODEC, lossless, "lossless");
}

static void test_quality(void)
{
    pixels from = draw(200, 150, TC_RGB);
    bytes low = {0}, high = {0};
    tc_fail fail;
    tc_image_info info;
    pixels got;

    encode(CODEC, &from, (tc_encode_spec){.quality = 20}, &low, &fail);
    encode(CODEC, &from, (tc_encode_spec){.quality = 95}, &high, &fail);
    ok(low.length < high.length, "quality costs bytes: %zu, %zu", low.length, high.length);
    decode(CODEC, &high, high.length, 1, &info, &got, &fail);
    ok(!info.lossless, "a lossy file");
    free(got.data);
    free(low.data);
    low = (bytes){0};
    encode(CODEC, &from, lossless, &low, &fail);
    decode(CODEC, &low, low.length, 1, &info, &got, &fail);
    ok(info.lossless, "a lossless file");
    ok(info.held_bytes >= 200 * 150 * 7 + low.length - 100, "... and what it will hold");
    free(got.data);
    free(low.data);
    free(high.data);
    free(from.data);
}

/* A reduced picture is the full one averaged. */
static void test_reduced(tc_encode_spec spec, tc_model model, const char *what)
{
    pixels from = draw(322, 243, model), full, got;
    bytes file = {0};
    tc_image_info info;
    tc_fail fail;

    encode(CODEC, &from, spec, &file, &fail);
    decode(CODEC, &file, file.length, 1, &info, &full, &fail);
    for (unsigned reduce = 2; reduce <= info.max_reduce; reduce *= 2) {
        double away = 0;

        decode(CODEC, &file, file.length, reduce, &info, &got, &fail);
        ok(got.w == (322 + reduce - 1) / reduce && got.h == (243 + reduce - 1) / reduce,
           "%s: 1/%u is %ux%u", what, reduce, got.w, got.h);
        for (uint32_t y = 0; y < got.h; y++) {
            for (uint32_t x = 0; x < got.w; x++) {
                uint32_t at_x = (uint32_t)((x + 0.5) * 322 / got.w);
                uint32_t at_y = (uint32_t)((y + 0.5) * 243 / got.h);
                away += abs(pixel(&got, x, y)[0] - pixel(&full, at_x, at_y)[0]) +
                        abs(pixel(&got, x, y)[1] - pixel(&full, at_x, at_y)[1]);
            }
        }
        away /= 2.0 * got.w * got.h;
        ok(away < 2, "... %.2f levels away from the full one", away);
        free(got.data);
    }
    free(full.data);
    free(file.data);
    free(from.data);
}

/* Of an animation the first frame, on its transparent canvas. */
static void test_animation(void)
{
    pixels red = flat(20, 10, 255, 0, 0), blue = flat(40, 30, 0, 0, 255), got;
    bytes chunks = {0}, file;
    tc_image_info info;
    tc_fail fail;

    put_extended(&chunks, 0x02, 40, 30);
    put_chunk(&chunks, "ANIM", (uint8_t[6]){255, 255, 255, 255}, 6);
    put_frame(&chunks, 6, 4, &red, lossless);
    put_frame(&chunks, 0, 0, &blue, lossy);
    file = wrap(&chunks);
    ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_OK, "an animation");
    ok(info.width == 40 && info.height == 30 && info.model == TC_RGB_ALPHA &&
           info.max_reduce == 1,
       "... has its canvas's size, and alpha around a smaller frame");
    ok(got.data && pixel(&got, 6, 4)[0] == 255 && pixel(&got, 6, 4)[3] == 255 &&
           pixel(&got, 25, 13)[0] == 255 && pixel(&got, 25, 13)[2] == 0,
       "... the first frame in its place");
    ok(got.data && pixel(&got, 5, 4)[3] == 0 && pixel(&got, 6, 3)[3] == 0 &&
           pixel(&got, 26, 13)[3] == 0 && pixel(&got, 25, 14)[3] == 0 &&
           pixel(&got, 39, 29)[3] == 0,
       "... and nothing around it");
    free(got.data);
    try_truncated(CODEC, &file, 12 + 18 + 14 + 8 + 16 + 8, 1, "an animation");
    try_changed(CODEC, &file, 2000, "an animation");
    free(file.data);
    chunks.length = 0;
    put_extended(&chunks, 0x02, 40, 30);
    put_chunk(&chunks, "ANIM", (uint8_t[6]){0}, 6);
    put_frame(&chunks, 0, 0, &blue, lossy);
    put_frame(&chunks, 6, 4, &red, lossless);
    file = wrap(&chunks);
    ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_OK &&
           info.model == TC_RGB && pixel(&got, 8, 8)[2] > 200,
       "a first frame that covers the canvas needs no alpha");
    free(got.data);
    free(file.data);
    chunks.length = 0;
    put_extended(&chunks, 0x02, 40, 30);
    put_frame(&chunks, 22, 4, &red, lossless);
    file = wrap(&chunks);
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED,
       "a frame outside the canvas: %s", fail.text);
    free(file.data);
    free(chunks.data);
    free(red.data);
    free(blue.data);
}

static void test_exif(void)
{
    static const uint8_t exif[] = {'E', 'x', 'i', 'f', 0, 0, 'M',  'M', 0, 42, 0,
                                   0,   0,   8,   0,   1, 1, 0x12, 0,   3, 0,  0,
                                   0,   1,   0,   6,   0, 0, 0,    0,   0, 0};
    pixels from = draw(40, 30, TC_RGB), got;
    bytes picture = chunks_of(&from, lossy), chunks = {0}, file;
    tc_image_info info;
    tc_fail fail;

    for (size_t skip = 0; skip <= 6; skip += 6) {
        chunks.length = 0;
        put_extended(&chunks, 0x08, 40, 30);
        put(&chunks, picture.data, picture.length);
        put_chunk(&chunks, "EXIF", exif + skip, sizeof exif - skip);
        file = wrap(&chunks);
        ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_OK &&
               info.orientation == 6,
           "EXIF's orientation, %s", skip ? "as it should be" : "with JPEG's name in front");
        free(got.data);
        ok(decode(CODEC, &file, file.length - 9, 1, &info, &got, &fail) == TC_E_OK &&
               info.orientation == 1,
           "... of a file cut off in it the picture");
        free(got.data);
        free(file.data);
    }
    free(chunks.data);
    free(picture.data);
    free(from.data);
}

/* Headers that contradict each other. */
static void test_lies(void)
{
    pixels from = draw(40, 30, TC_RGB), got;
    bytes picture = chunks_of(&from, lossy), chunks = {0}, file;
    tc_fail fail;

    put_extended(&chunks, 0, 41, 30);
    put(&chunks, picture.data, picture.length);
    file = wrap(&chunks);
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED,
       "a canvas of another size: %s", fail.text);
    free(file.data);
    chunks.length = 0;
    put_chunk(&chunks, "XXXX", "12345", 5);
    file = wrap(&chunks);
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED,
       "no picture at all: %s", fail.text);
    free(file.data);
    chunks.length = 0;
    put_chunk(&chunks, "XXXX", "12345", 5);
    put(&chunks, picture.data, picture.length);
    file = wrap(&chunks);
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_OK,
       "an unknown chunk is skipped");
    free(got.data);
    memset(file.data + 16, 0xff, 4);
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED,
       "a chunk that claims 4 GiB: %s", fail.text);
    free(file.data);
    free(chunks.data);
    free(picture.data);
    free(from.data);
}

/* Where the last chunk's data end; a byte to make them even may follow. */
static size_t data_end(const bytes *file)
{
    size_t at = 12, end = 0;

    while (at + 8 <= file->length) {
        const uint8_t *head = file->data + at;
        end = at + 8 + (head[4] | (size_t)head[5] << 8 | (size_t)head[6] << 16);
        at = end + (end & 1);
    }
    return end;
}

static void test_damaged(void)
{
    static const tc_model models[] = {TC_RGB, TC_RGB_ALPHA};

    for (int at = 0; at < 4; at++) {
        pixels from = draw(50, 40, models[at & 1]);
        const char *what = at & 2 ? "lossless" : "lossy";
        bytes file = {0};
        tc_fail fail;

        encode(CODEC, &from, at & 2 ? lossless : lossy, &file, &fail);
        try_truncated(CODEC, &file, data_end(&file), 1, what);
        try_changed(CODEC, &file, 2000, what);
        free(file.data);
        free(from.data);
    }
}

static tc_error end_at_zero(void *context)
{
    int *left = context;

    return (*left)-- > 0 ? TC_E_OK : TC_E_OVERLOAD;
}

/* Cancelling ends decoding between pieces of the file, and encoding in its midst. */
static void test_cancel(tc_encode_spec spec, const char *what)
{
    pixels from = draw(200, 200, TC_RGB);
    int left = 2;
    tc_cancel cancel = {.check = end_at_zero, .context = &left};
    bytes file = {0};
    tc_fail fail;

    spec.cancel = &cancel;
    ok(encode(CODEC, &from, spec, &file, &fail) == TC_E_OVERLOAD && left < 0,
       "%s: encoding is ended", what);
    free(file.data);
    free(from.data);
}

static void test_sizes(void)
{
    tc_encode_spec spec = {.model = TC_RGB, .width = 16384, .height = 1, .quality = 80};
    tc_output output = {write_bytes, NULL};
    tc_encoder *encoder;
    tc_fail fail = {0};

    ok(CODEC->encode_open(&encoder, &output, &spec, &fail) == TC_E_OUTPUT_TOO_LARGE,
       "a side too long for WebP: %s", fail.text);
    CODEC->encode_free(encoder);
    CODEC->encode_free(NULL);
    CODEC->decode_free(NULL);
}

int main(void)
{
    test_rounds();
    test_quality();
    test_reduced(lossy, TC_RGB, "lossy");
    test_reduced(lossless, TC_RGB, "lossless");
    test_reduced(lossless, TC_RGB_ALPHA, "lossless with alpha");
    test_animation();
    test_exif();
    test_lies();
    test_damaged();
    test_sizes();
    test_cancel(lossy, "lossy");
    test_cancel(lossless, "lossless");
    return done_testing();
}

#else

int main(void)
{
    skip("WebP", "libwebp is not built in");
    return done_testing();
}

#endif
