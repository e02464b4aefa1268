/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PNG: filters undone as the specification has it by every implementation, rows
 * past libpng the same as libpng's own over types, filters, strategies and sizes
 * of chunks, and whatever is cut, flipped or forged refused.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zlib.h>

#include "pngs.h"
#include "tap.h"
#include "image/codec/codec.h"
#include "image/codec/png_filter.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void *room(size_t size)
{
    void *made = malloc(size ? size : 1);

    if (!made)
        abort();
    return made;
}

static uint32_t below(uint32_t bound)
{
    return (uint32_t)rand() % bound;
}

/* ---- filters ----------------------------------------------------------------------- */

/* What the specification adds to a byte: `a` left, `b` above, `c` above left. */
static unsigned predicted(unsigned type, int a, int b, int c)
{
    int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);

    switch (type) {
    case 1:
        return (unsigned)a;
    case 2:
        return (unsigned)b;
    case 3:
        return (unsigned)((a + b) / 2);
    case 4:
        return (unsigned)(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
    default:
        return 0;
    }
}

/* What a row's bytes become, by the specification. */
static void expect_row(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    for (uint32_t i = 0; i < length; i++) {
        int a = i < step ? 0 : row[i - step], c = i < step ? 0 : above[i - step];
        row[i] = (uint8_t)(row[i] + predicted(row[-1], a, above[i], c));
    }
}

/* The filters of a round's rows: all of one kind, Paeth's with few others, or any. */
static uint8_t filter_of(int round, uint8_t one)
{
    unsigned any = below(TC_PNG_FILTERS);

    if (round % 3 == 0)
        return one;
    return round % 3 == 1 && below(8) > 0 ? TC_PNG_PAETH : (uint8_t)any;
}

/*
 * Any number of rows of any length, near or far from each other. What is not theirs is left
 * alone: the bytes between them, and those past the last and past the row above, which may be
 * read.
 */
static bool undoes_round(const tc_png_filters *filters, unsigned step, int round)
{
    uint32_t most = round % 5 == 0 ? 300 : 80, length = (1 + below(most)) * step;
    uint32_t count = 1 + below(20);
    size_t stride = length + 1 + below(4), size = stride * (count - 1) + 1 + length + 3;
    uint8_t *rows = room(size), *above = room(length + 3), *expected = room(size);
    uint8_t one = (uint8_t)below(TC_PNG_FILTERS);
    bool same;

    for (uint32_t i = 0; i < size; i++)
        rows[i] = (uint8_t)(round & 1 ? below(256) : below(5) - 2);
    for (uint32_t i = 0; i < length + 3; i++)
        above[i] = (uint8_t)below(256);
    for (uint32_t n = 0; n < count; n++)
        rows[n * stride] = filter_of(round, one);
    memcpy(expected, rows, size);
    for (uint32_t n = 0; n < count; n++)
        expect_row(expected + n * stride + 1, n > 0 ? expected + (n - 1) * stride + 1 : above,
                   length, step);
    filters->undo(rows + 1, above, stride, count, length, step);
    same = memcmp(rows, expected, size) == 0;
    free(rows);
    free(above);
    free(expected);
    return same;
}

static void undoes(const tc_png_filters *filters, unsigned step)
{
    unsigned wrong = 0;

    for (int round = 0; round < 3000; round++)
        wrong += !undoes_round(filters, step, round);
    ok(wrong == 0, "%s: filters undone, pixels of %u bytes", filters->name, step);
}

static void vectors_hold(const tc_png_filters *filters, const char *name)
{
    if (!filters) {
        skip(name, "this processor has none");
        return;
    }
    undoes(filters, 3);
    undoes(filters, 4);
}

static void filters_hold(void)
{
    const tc_png_filters *sse = tc_png_filters_sse(), *avx2 = tc_png_filters_avx2();

    for (unsigned step = 1; step <= 4; step++)
        undoes(&tc_png_filters_scalar, step);
    vectors_hold(sse, "SSE 4.1");
    vectors_hold(avx2, "AVX2");
    ok(tc_png_filters_best(3) == (avx2  ? avx2
                                  : sse ? sse
                                        : &tc_png_filters_scalar) &&
           tc_png_filters_best(2) == &tc_png_filters_scalar,
       "the best is taken where it runs");
}

/* ---- files --------------------------------------------------------------------------- */

typedef struct bytes {
    uint8_t *data;
    size_t length;
} bytes;

static tc_error read_bytes(void *context, uint64_t offset, void *buffer, size_t length,
                           size_t *got)
{
    const bytes *from = context;
    size_t left = offset < from->length ? from->length - (size_t)offset : 0;

    *got = length < left ? length : left;
    memcpy(buffer, from->data + (left ? offset : 0), *got);
    return TC_E_OK;
}

/* Grown to powers of two, so that not every row moves all. */
static void append(bytes *to, const void *what, size_t length)
{
    size_t had = to->data ? 64 : 0, needs = 64;

    while (had && had < to->length)
        had *= 2;
    while (needs < to->length + length)
        needs *= 2;
    if (needs > had && !(to->data = realloc(to->data, needs)))
        abort();
    memcpy(to->data + to->length, what, length);
    to->length += length;
}

static void on_write(png_structp png, png_bytep data, png_size_t length)
{
    append(png_get_io_ptr(png), data, length);
}

static void on_flush(png_structp png)
{
    (void)png;
}

typedef struct png_kind {
    const char *name;
    int type, depth;
    int filters; /* libpng's flags */
    int level, strategy;
    size_t chunk; /* bytes of an IDAT */
    bool interlaced, transparent;
} png_kind;

static const png_kind kinds[] = {
    {"RGB", PNG_COLOR_TYPE_RGB, 8, PNG_ALL_FILTERS, 6, Z_FILTERED, 8192, false, false},
    {"RGBA", PNG_COLOR_TYPE_RGB_ALPHA, 8, PNG_ALL_FILTERS, 6, Z_FILTERED, 8192, false, false},
    {"grey", PNG_COLOR_TYPE_GRAY, 8, PNG_ALL_FILTERS, 6, Z_FILTERED, 8192, false, false},
    {"grey and alpha", PNG_COLOR_TYPE_GRAY_ALPHA, 8, PNG_ALL_FILTERS, 6, 0, 8192, false, false},
    {"RGB, none", PNG_COLOR_TYPE_RGB, 8, PNG_FILTER_NONE, 1, 0, 100, false, false},
    {"RGB, sub", PNG_COLOR_TYPE_RGB, 8, PNG_FILTER_SUB, 9, 0, 6, false, false},
    {"RGB, up", PNG_COLOR_TYPE_RGB, 8, PNG_FILTER_UP, 0, 0, 1 << 20, false, false},
    {"RGB, average", PNG_COLOR_TYPE_RGB, 8, PNG_FILTER_AVG, 3, Z_RLE, 1000, false, false},
    {"RGB, Paeth", PNG_COLOR_TYPE_RGB, 8, PNG_FILTER_PAETH, 3, Z_HUFFMAN_ONLY, 70000, false,
     false},
    {"RGB, fixed codes", PNG_COLOR_TYPE_RGB, 8, PNG_FILTER_PAETH, 6, Z_FIXED, 65536, false,
     false},
    {"RGBA, Paeth", PNG_COLOR_TYPE_RGB_ALPHA, 8, PNG_FILTER_PAETH, 6, 0, 65535, false, false},
    {"RGB of 16 bits", PNG_COLOR_TYPE_RGB, 16, PNG_ALL_FILTERS, 6, 0, 8192, false, false},
    {"RGB, interlaced", PNG_COLOR_TYPE_RGB, 8, PNG_ALL_FILTERS, 6, 0, 8192, true, false},
    {"RGB, a transparent colour", PNG_COLOR_TYPE_RGB, 8, PNG_ALL_FILTERS, 6, 0, 8192, false,
     true},
    {"grey of 1 bit", PNG_COLOR_TYPE_GRAY, 1, PNG_FILTER_NONE, 6, 0, 8192, false, false},
    {"grey of 4 bits", PNG_COLOR_TYPE_GRAY, 4, PNG_ALL_FILTERS, 6, 0, 8192, false, false},
};

static bytes make_png(const png_kind *kind, uint32_t w, uint32_t h)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    bytes made = {NULL, 0};
    size_t row_bytes;
    uint8_t *row;

    if (setjmp(png_jmpbuf(png)))
        abort();
    png_set_write_fn(png, &made, on_write, on_flush);
    png_set_IHDR(png, info, w, h, kind->depth, kind->type,
                 kind->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
    if (kind->transparent)
        png_set_tRNS(png, info, NULL, 0, &(png_color_16){.red = 9, .green = 9, .blue = 9});
    png_set_filter(png, 0, kind->filters);
    png_set_compression_level(png, kind->level);
    png_set_compression_strategy(png, kind->strategy);
    png_set_compression_buffer_size(png, kind->chunk);
    png_write_info(png, info);
    row_bytes = png_get_rowbytes(png, info);
    row = room(row_bytes);
    for (int pass = kind->interlaced ? png_set_interlace_handling(png) : 1; pass > 0; pass--) {
        for (uint32_t y = 0; y < h; y++) {
            for (size_t x = 0; x < row_bytes; x++)
                row[x] = (uint8_t)(x * x / 90 + y * 3 + (x * y >> 5) + below(9));
            png_write_row(png, row);
        }
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(row);
    return made;
}

/* ---- through the codec ----------------------------------------------------------------- */

typedef struct decoded_png {
    tc_error error;
    tc_image_info info;
    bytes rows;
    bool text; /* an error has said why */
} decoded_png;

static decoded_png decode(const bytes *file)
{
    tc_input input = {read_bytes, (void *)(uintptr_t)file, file->length, NULL};
    tc_fail fail = {TC_E_OK, ""};
    tc_decoder *decoder = NULL;
    tc_layout layout;
    decoded_png made = {.rows = {NULL, 0}};

    made.error = tc_codec_png.decode_open(&decoder, &input, &made.info, &fail);
    if (!made.error && (uint64_t)made.info.width * made.info.height > 2000000)
        made.error = TC_E_PIXELS_TOO_MANY, fail.text[0] = '!';
    if (!made.error) {
        tc_decode_want want = {.reduce = 1,
                               .source = {0, 0, made.info.width, made.info.height}};
        made.error = tc_codec_png.decode_start(decoder, &want, &layout);
    }
    for (uint32_t y = 0; !made.error && y < layout.plane[0].h;) {
        tc_strip strip;

        made.error = tc_codec_png.decode_rows(decoder, &strip);
        for (uint32_t at = 0; !made.error && at < strip.plane[0].rows; at++, y++)
            append(&made.rows, strip.plane[0].data + strip.plane[0].stride * at,
                   (size_t)layout.plane[0].w * layout.plane[0].channels);
    }
    made.text = fail.text[0] != '\0';
    tc_codec_png.decode_free(decoder);
    return made;
}

/* By libpng alone, with the transformations that the codec promises. */
static bool same_as_libpng(const bytes *file, const decoded_png *decoded)
{
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_bytes left = {file->data, file->length};
    png_bytepp rows;
    size_t row_bytes;
    bool same;

    if (decoded->error)
        return false;
    if (setjmp(png_jmpbuf(png)))
        abort();
    png_set_read_fn(png, &left, read_png_bytes);
    png_read_png(png, info, PNG_TRANSFORM_EXPAND | PNG_TRANSFORM_SCALE_16, NULL);
    rows = png_get_rows(png, info);
    row_bytes = png_get_rowbytes(png, info);
    same = decoded->rows.length == row_bytes * decoded->info.height;
    for (uint32_t y = 0; same && y < decoded->info.height; y++)
        same = memcmp(decoded->rows.data + row_bytes * y, rows[y], row_bytes) == 0;
    png_destroy_read_struct(&png, &info, NULL);
    return same;
}

static void rows_hold(void)
{
    /* Strips of sixteen rows, of eight, and of one. */
    static const uint32_t sizes[][2] = {{1, 1},     {3, 5},     {61, 47},
                                        {300, 200}, {9000, 40}, {24000, 5}};

    for (size_t i = 0; i < COUNT(kinds); i++) {
        int wrong = 0;

        for (size_t at = 0; at < COUNT(sizes); at++) {
            bytes file = make_png(&kinds[i], sizes[at][0], sizes[at][1]);
            decoded_png got = decode(&file);

            wrong += !same_as_libpng(&file, &got);
            free(file.data);
            free(got.rows.data);
        }
        ok(wrong == 0, "%s: libpng's rows", kinds[i].name);
    }
}

/* ---- what is broken -----------------------------------------------------------------------
 */

static size_t find_chunk(const bytes *file, size_t at, const char *name)
{
    while (at + 8 <= file->length && memcmp(file->data + at + 4, name, 4) != 0) {
        at += 12 + ((size_t)file->data[at] << 24 | (size_t)file->data[at + 1] << 16 |
                    (size_t)file->data[at + 2] << 8 | file->data[at + 3]);
    }
    return at;
}

static bool refused(const bytes *file)
{
    decoded_png got = decode(file);

    free(got.rows.data);
    return got.error == TC_E_DAMAGED && got.text;
}

/* Cut before the last pixel chunk's end, and every bit of every pixel chunk. */
static void damage_is_noticed(const png_kind *kind)
{
    bytes file = make_png(kind, 23, 19), cut;
    size_t pixels = find_chunk(&file, 8, "IDAT"), end = find_chunk(&file, 8, "IEND");
    unsigned passed = 0, flips = 0, unnoticed = 0;

    for (size_t length = pixels; length < end; length++) {
        cut = (bytes){NULL, 0};
        append(&cut, file.data, length);
        passed += !refused(&cut);
        free(cut.data);
    }
    ok(passed == 0, "%s cut in its pixels: refused at each of %zu bytes", kind->name,
       end - pixels);
    for (size_t at = pixels; at < end; at++) {
        uint8_t bit = (uint8_t)(1 << below(8));

        file.data[at] ^= bit;
        flips++;
        unnoticed += !refused(&file);
        file.data[at] ^= bit;
    }
    ok(unnoticed == 0, "%s with a bit flipped in its pixel chunks: refused %u times",
       kind->name, flips);
    free(file.data);
}

static void put_chunk(bytes *to, const char *name, const void *data, size_t length)
{
    uint8_t head[8] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                       (uint8_t)length};
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)name, 4);
    uint8_t tail[4];

    memcpy(head + 4, name, 4);
    append(to, head, 8);
    append(to, data, length);
    if (length)
        crc = (uint32_t)crc32(crc, data, (uInt)length);
    for (int i = 0; i < 4; i++)
        tail[i] = (uint8_t)(crc >> (24 - 8 * i));
    append(to, tail, 4);
}

/* 8 x 4 RGB pixels, whose filtered rows are `raw`, in chunks of `chunk` bytes. */
static bytes forge(const uint8_t *raw, size_t length, size_t chunk, const char *between)
{
    static const uint8_t header[13] = {0, 0, 0, 8, 0, 0, 0, 4, 8, PNG_COLOR_TYPE_RGB, 0, 0, 0};
    uLongf packed = compressBound(length);
    uint8_t *stream = room(packed);
    bytes made = {NULL, 0};

    if (compress2(stream, &packed, raw, length, 9) != Z_OK)
        abort();
    append(&made, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(&made, "IHDR", header, sizeof header);
    for (size_t at = 0; at < packed; at += chunk) {
        put_chunk(&made, "IDAT", stream + at, packed - at < chunk ? packed - at : chunk);
        if (between)
            put_chunk(&made, between, "", 0);
    }
    put_chunk(&made, "IEND", "", 0);
    free(stream);
    return made;
}

static void forged_streams(void)
{
    uint8_t raw[25 * 5];
    const size_t whole = 25 * 4;
    bytes file;
    decoded_png got;

    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = i % 25 == 0 ? (uint8_t)(i / 25) : (uint8_t)below(256);
    file = forge(raw, whole, 1000, NULL);
    got = decode(&file);
    ok(same_as_libpng(&file, &got), "forged as it should be: read");
    free(got.rows.data);
    free(file.data);
    file = forge(raw, whole, 1, "IDAT");
    got = decode(&file);
    ok(same_as_libpng(&file, &got), "a byte a chunk, and empty ones between: read");
    free(got.rows.data);
    free(file.data);
    file = forge(raw, sizeof raw, 1000, NULL);
    got = decode(&file);
    ok(same_as_libpng(&file, &got), "a row too many: read");
    free(got.rows.data);
    free(file.data);
    file = forge(raw, whole - 1, 1000, NULL);
    ok(refused(&file), "a byte too few: refused");
    free(file.data);
    file = forge(raw, whole, 10, "tEXt");
    ok(refused(&file), "text among the pixels: refused");
    free(file.data);
    raw[50] = 5;
    file = forge(raw, whole, 1000, NULL);
    ok(refused(&file), "an unknown filter: refused");
    free(file.data);
}

/* ---- encoding ----------------------------------------------------------------------- */

static tc_error write_bytes(void *context, const void *data, size_t length)
{
    append(context, data, length);
    return TC_E_OK;
}

typedef struct answer {
    tc_model model;
    uint32_t w, h;
    unsigned colours;
    bool palette, flat, profile;
    int type, depth; /* expected in the header */
} answer;

static const answer answers[] = {
    {TC_RGB, 30, 20, 1, true, true, false, PNG_COLOR_TYPE_PALETTE, 1},
    {TC_RGB, 31, 20, 2, true, true, false, PNG_COLOR_TYPE_PALETTE, 1},
    {TC_RGB, 33, 20, 3, true, true, true, PNG_COLOR_TYPE_PALETTE, 2},
    {TC_RGB, 30, 20, 4, true, true, false, PNG_COLOR_TYPE_PALETTE, 2},
    {TC_RGB, 30, 20, 5, true, true, false, PNG_COLOR_TYPE_PALETTE, 4},
    {TC_RGB, 31, 20, 16, true, true, false, PNG_COLOR_TYPE_PALETTE, 4},
    {TC_RGB, 30, 20, 17, true, true, false, PNG_COLOR_TYPE_PALETTE, 8},
    {TC_RGB, 300, 200, 256, true, true, true, PNG_COLOR_TYPE_PALETTE, 8},
    {TC_RGB, 300, 200, 257, true, true, true, PNG_COLOR_TYPE_RGB, 8},
    {TC_RGB, 300, 200, 60000, true, true, false, PNG_COLOR_TYPE_RGB, 8},
    {TC_RGB_ALPHA, 30, 20, 1, true, true, false, PNG_COLOR_TYPE_PALETTE, 1},
    {TC_RGB_ALPHA, 30, 20, 9, true, true, false, PNG_COLOR_TYPE_PALETTE, 4},
    {TC_RGB_ALPHA, 300, 200, 256, true, true, false, PNG_COLOR_TYPE_PALETTE, 8},
    {TC_RGB_ALPHA, 300, 200, 257, true, true, true, PNG_COLOR_TYPE_RGB_ALPHA, 8},
    {TC_RGB, 30, 20, 2, false, true, false, PNG_COLOR_TYPE_RGB, 8},
    {TC_RGB, 30, 20, 500, false, false, true, PNG_COLOR_TYPE_RGB, 8},
    {TC_GREY, 30, 20, 2, true, true, false, PNG_COLOR_TYPE_GRAY, 8},
    {TC_GREY_ALPHA, 30, 20, 2, true, false, false, PNG_COLOR_TYPE_GRAY_ALPHA, 8},
    {TC_RGB, 1024, 1024, 2, true, true, false, PNG_COLOR_TYPE_PALETTE, 1},
    {TC_RGB, 1025, 1024, 2, true, true, false, PNG_COLOR_TYPE_RGB, 8},
};

/* Colour `n` of at most 65536, all different; the last row has the last of them. */
static bytes draw(const answer *a)
{
    unsigned channels = tc_model_channels(a->model);
    bytes rows = {room((size_t)a->w * a->h * channels), (size_t)a->w * a->h * channels};

    for (uint32_t at = 0; at < a->w * a->h; at++) {
        uint32_t few = a->colours > 1 ? a->colours - 1 : 1;
        uint32_t n = at == a->w * a->h - 2 ? a->colours - 1 : at / 2 % few;
        uint8_t pixel[4] = {(uint8_t)(n >> 8), (uint8_t)(n * 7), 33, (uint8_t)(n * 3)};
        memcpy(rows.data + (size_t)at * channels, pixel + (channels < 3), channels);
    }
    return rows;
}

/* An ICC profile that libpng takes: a header with nothing after it. */
static void make_profile(uint8_t profile[132])
{
    memset(profile, 0, 132);
    profile[3] = 132;
    profile[8] = 4;
    memcpy(profile + 12, "mntrRGB XYZ ", 12);
    memcpy(profile + 36, "acsp", 4);
    memcpy(profile + 68, "\0\0\xf6\xd6\0\1\0\0\0\0\xd3\x2d", 12);
}

static bytes encode(const answer *a, const bytes *rows)
{
    bytes file = {NULL, 0};
    tc_output output = {write_bytes, &file};
    tc_fail fail = {TC_E_OK, ""};
    tc_encoder *encoder = NULL;
    uint8_t profile[132];
    tc_encode_spec spec = {.model = a->model,
                           .width = a->w,
                           .height = a->h,
                           .palette = a->palette,
                           .flat = a->flat,
                           .icc = a->profile ? profile : NULL,
                           .icc_length = a->profile ? sizeof profile : 0};
    size_t stride = rows->length / a->h;

    make_profile(profile);
    if (tc_codec_png.encode_open(&encoder, &output, &spec, &fail))
        abort();
    memset(profile, 0xee, sizeof profile);
    for (uint32_t y = 0; y < a->h;) {
        uint32_t count = 1 + below(7) < a->h - y ? 1 + below(7) : a->h - y;
        tc_strip strip;

        if (count > a->h - y)
            count = a->h - y;
        strip = (tc_strip){{{rows->data + stride * y, stride, count}}};
        if (tc_codec_png.encode_rows(encoder, &strip))
            abort();
        y += count;
    }
    if (tc_codec_png.encode_finish(encoder))
        abort();
    tc_codec_png.encode_free(encoder);
    return file;
}

/* Opaque palettes come back without alpha, and only those. */
static bool same_pixels(const answer *a, const bytes *rows, const decoded_png *got)
{
    unsigned channels = tc_model_channels(a->model), has = tc_model_channels(got->info.model);
    bool opaque = a->model == TC_RGB_ALPHA && got->info.model == TC_RGB;

    if (got->error || (has != channels && !opaque))
        return false;
    for (uint32_t at = 0; at < a->w * a->h; at++) {
        const uint8_t *pixel = rows->data + (size_t)at * channels;

        if (memcmp(pixel, got->rows.data + (size_t)at * has, has) != 0 ||
            (opaque && pixel[3] != 255))
            return false;
    }
    return true;
}

static void answers_come_back(void)
{
    for (size_t i = 0; i < COUNT(answers); i++) {
        const answer *a = &answers[i];
        bytes rows = draw(a), file = encode(a, &rows);
        decoded_png got = decode(&file);
        bool profile = find_chunk(&file, 8, "iCCP") + 8 < file.length;

        if (!ok(same_pixels(a, &rows, &got) && file.data[25] == a->type &&
                    file.data[24] == a->depth && profile == a->profile,
                "model %d, %ux%u, %u colours, palette %d: type %d of %d bits, the same pixels",
                a->model, a->w, a->h, a->colours, a->palette, a->type, a->depth))
            printf("# type %d, %d bits, profile %d\n", file.data[25], file.data[24], profile);
        free(rows.data);
        free(file.data);
        free(got.rows.data);
    }
}

static void kinds_are_known(void)
{
    answer drawn = {TC_RGB, 300, 200, 3, false, true, false, 0, 0};
    answer indexed = {TC_RGB_ALPHA, 300, 200, 1, true, true, false, 0, 0};
    bytes rows = draw(&drawn), file = encode(&drawn, &rows);
    decoded_png got = decode(&file);

    ok(got.info.flat && !got.info.palette, "a few colours in RGB: drawn");
    free(rows.data);
    free(file.data);
    free(got.rows.data);
    file = make_png(&kinds[0], 300, 200);
    got = decode(&file);
    ok(!got.info.flat && !got.info.palette, "much noise: not drawn");
    free(file.data);
    free(got.rows.data);
    rows = draw(&indexed);
    for (size_t at = 3; at < rows.length; at += 4)
        rows.data[at] = at % 8 == 3 ? 255 : 254;
    file = encode(&indexed, &rows);
    got = decode(&file);
    ok(got.info.flat && got.info.palette && got.info.model == TC_RGB_ALPHA,
       "a palette, one colour of it not opaque: alpha");
    /* The translucent colour comes second, so that tRNS has two entries: 255, 254. */
    {
        size_t at = find_chunk(&file, 8, "tRNS");
        uint32_t crc;

        file.data[at + 9] = 255;
        crc = (uint32_t)crc32(0, file.data + at + 4, 6);
        for (int i = 0; i < 4; i++)
            file.data[at + 10 + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    free(got.rows.data);
    got = decode(&file);
    ok(got.error == TC_E_OK && got.info.model == TC_RGB && got.rows.length == 300 * 200 * 3,
       "a palette whose alphas are all opaque: none");
    free(rows.data);
    free(file.data);
    free(got.rows.data);
}

#define MUTANTS 5000

static void arbitrary_bytes(void)
{
    bytes file = make_png(&kinds[5], 20, 15);
    unsigned read = 0, silent = 0;

    for (int round = 0; round < MUTANTS; round++) {
        bytes mutant = {NULL, 0};
        decoded_png got;

        append(&mutant, file.data, file.length - (round % 4 ? 0 : below(40)));
        for (uint32_t n = 1 + below(3); n > 0; n--)
            mutant.data[8 + below((uint32_t)mutant.length - 8)] = (uint8_t)below(256);
        got = decode(&mutant);
        read += got.error == TC_E_OK;
        silent += got.error != TC_E_OK && !got.text;
        free(got.rows.data);
        free(mutant.data);
    }
    ok(silent == 0 && read < MUTANTS / 10, "%d mutants: %u are read, all others say why not",
       MUTANTS, read);
    free(file.data);
}

int main(void)
{
    const char *given = getenv("TC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

    srand(seed);
    printf("# TC_TEST_SEED=%u\n", seed);
    filters_hold();
    rows_hold();
    damage_is_noticed(&kinds[0]);
    damage_is_noticed(&kinds[4]);
    damage_is_noticed(&kinds[5]);
    forged_streams();
    answers_come_back();
    kinds_are_known();
    arbitrary_bytes();
    return done_testing();
}
