/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of lossless WebP streams, in VP8L chunks and in ALPH: streams are written bit by bit
 * that name more groups of prefix codes than any encoder does, and what libwebp then holds is
 * compared with what is planned for it.
 */
#include "pictures.h"

#ifdef TC_WITH_WEBP

#include "image/codec/webp_lossless.h"

#include <malloc.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- bits --------------------------------------------------------------------------- */

typedef struct bit_stream {
    bytes data;
    uint64_t window;
    unsigned bits;
} bit_stream;

/* The lowest bit first. */
static void put_bits(bit_stream *to, uint32_t value, unsigned count)
{
    to->window |= (uint64_t)value << to->bits;
    for (to->bits += count; to->bits >= 8; to->bits -= 8) {
        uint8_t byte = (uint8_t)to->window;

        put(&to->data, &byte, 1);
        to->window >>= 8;
    }
}

static void end_bits(bit_stream *to)
{
    if (to->bits > 0)
        put_bits(to, 0, 8 - to->bits);
}

/* A code of one symbol, 0, which takes no bits. */
static void put_single(bit_stream *to)
{
    put_bits(to, 1, 1);
    put_bits(to, 0, 3);
}

/* A code of 256 symbols of 8 bits each. */
static void put_even(bit_stream *to)
{
    put_bits(to, 0, 1);
    put_bits(to, 12 - 4, 4);
    for (int n = 0; n < 12; n++)
        put_bits(to, n == 11, 3); /* the only length is 8 */
    put_bits(to, 1, 1);
    put_bits(to, 3, 3);
    put_bits(to, 256 - 2, 8);
}

/* Symbol `value` of such a code: its highest bit first. */
static void put_symbol(bit_stream *to, unsigned value)
{
    for (int bit = 7; bit >= 0; bit--)
        put_bits(to, value >> bit & 1, 1);
}

typedef struct webp_head {
    uint32_t width, height;
    unsigned tile_bits; /* 2 to 9 */
    unsigned groups;    /* that are named and written, one tile after the other */
    unsigned cache_bits;
    unsigned predictors; /* 0, or the bits of a predictor image of noise */
} webp_head;

/* A picture of black pixels, which take no bits. */
static void put_head(bit_stream *to, const webp_head *head)
{
    uint32_t side = 1u << head->tile_bits;
    uint32_t tiles = ((head->width + side - 1) / side) * ((head->height + side - 1) / side);

    if (head->predictors) {
        uint32_t part = 1u << head->predictors;
        uint32_t pixels =
            ((head->width + part - 1) / part) * ((head->height + part - 1) / part);

        put_bits(to, 1, 1);
        put_bits(to, 0, 2);
        put_bits(to, head->predictors - 2, 3);
        put_bits(to, 0, 1);
        for (int n = 0; n < 5; n++)
            n < 3 ? put_even(to) : put_single(to);
        for (; pixels > 0; pixels--)
            put_bits(to, pixels * 2654435761u >> 8, 24);
    }
    put_bits(to, 0, 1); /* no more transforms */
    put_bits(to, head->cache_bits > 0, 1);
    if (head->cache_bits)
        put_bits(to, head->cache_bits, 4);
    put_bits(to, head->groups > 0, 1);
    if (head->groups) {
        put_bits(to, head->tile_bits - 2, 3);
        put_bits(to, 0, 1);
        for (int n = 0; n < 5; n++)
            n < 2 ? put_even(to) : put_single(to);
        for (uint32_t at = 0; at < tiles; at++) {
            put_symbol(to, at % head->groups & 255);
            put_symbol(to, at % head->groups >> 8);
        }
    }
    for (unsigned n = 0; n < 5 * (head->groups ? head->groups : 1); n++)
        put_single(to);
    end_bits(to);
}

static void put_32(bytes *to, uint32_t value)
{
    put(to,
        (uint8_t[4]){(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                     (uint8_t)(value >> 24)},
        4);
}

static void put_chunk(bytes *to, const char *name, const bytes *data)
{
    put(to, name, 4);
    put_32(to, (uint32_t)data->length);
    put(to, data->data, data->length);
    if (data->length & 1)
        put(to, "", 1);
}

static bytes wrap(const bytes *chunks)
{
    bytes made = {0};

    put(&made, "RIFF", 4);
    put_32(&made, (uint32_t)chunks->length + 4);
    put(&made, "WEBP", 4);
    put(&made, chunks->data, chunks->length);
    return made;
}

static bytes make_lossless(const webp_head *head)
{
    bit_stream stream = {0};
    bytes chunk = {0}, made;

    put_bits(&stream, 0x2f, 8);
    put_bits(&stream, head->width - 1, 14);
    put_bits(&stream, head->height - 1, 14);
    put_bits(&stream, 0, 4);
    put_head(&stream, head);
    put_chunk(&chunk, "VP8L", &stream.data);
    made = wrap(&chunk);
    free(chunk.data);
    free(stream.data.data);
    return made;
}

/* A lossy picture whose alpha is such a stream. */
static bytes make_alpha(const webp_head *head)
{
    pixels from = draw(head->width, head->height, TC_RGB);
    bit_stream stream = {0};
    bytes lossy = {0}, chunks = {0}, extended = {0}, made;
    tc_fail fail;

    encode(&tc_codec_webp, &from, (tc_encode_spec){.quality = 10}, &lossy, &fail);
    put_32(&extended, 0x10);
    put(&extended,
        (uint8_t[6]){(uint8_t)(head->width - 1), (uint8_t)((head->width - 1) >> 8), 0,
                     (uint8_t)(head->height - 1), (uint8_t)((head->height - 1) >> 8), 0},
        6);
    put_chunk(&chunks, "VP8X", &extended);
    put_bits(&stream, 1, 8); /* compressed */
    put_head(&stream, head);
    put_chunk(&chunks, "ALPH", &stream.data);
    put(&chunks, lossy.data + 12, lossy.length - 12);
    made = wrap(&chunks);
    free(from.data);
    free(lossy.data);
    free(extended.data);
    free(chunks.data);
    free(stream.data.data);
    return made;
}

/* ---- bounds ------------------------------------------------------------------------- */

static void bounds(void)
{
    static const struct {
        const char *what;
        webp_head head;
        tc_error wanted;
    } cases[] = {
        {"no groups", {64, 64, 2, 0, 0, 0}, TC_E_OK},
        {"one group of its own", {64, 64, 2, 1, 0, 0}, TC_E_OK},
        {"200 groups", {400, 400, 3, 200, 10, 5}, TC_E_OK},
        {"2500 groups, nearly libwebp's most", {800, 800, 4, 2500, 11, 5}, TC_E_OK},
        {"10000 groups", {400, 400, 2, 10000, 0, 0}, TC_E_OK},
        {"10001 groups", {404, 404, 2, 10001, 0, 0}, TC_E_DAMAGED},
        {"65536 groups of one megapixel", {1024, 1024, 2, 65536, 0, 0}, TC_E_DAMAGED},
        {"groups beyond the picture's tiles", {4, 4, 2, 1, 0, 0}, TC_E_OK},
        {"an entropy image of a million pixels", {4096, 4096, 2, 2, 0, 0}, TC_E_DAMAGED},
    };

    for (size_t at = 0; at < COUNT(cases); at++) {
        bytes files[2] = {make_lossless(&cases[at].head), make_alpha(&cases[at].head)};

        for (int n = 0; n < 2; n++) {
            tc_fail fail = {0};
            pixels got;
            tc_error error =
                decode(&tc_codec_webp, &files[n], files[n].length, 1, NULL, &got, &fail);

            ok(error == cases[at].wanted, "%s, in %s: %s", cases[at].what, n ? "ALPH" : "VP8L",
               error ? fail.text : "read");
            free(got.data);
            free(files[n].data);
        }
    }
}

/* An entropy image of just as many pixels as may be, and of one more; the head alone. */
static void tiles(uint32_t width, uint32_t height, tc_error wanted)
{
    webp_head head = {width, height, 2, 2, 0, 0};
    bit_stream stream = {0};
    tc_input input = {read_bytes_at, &stream.data, 0, NULL};
    tc_webp_lossless found;
    tc_fail fail = {0};
    tc_error error;

    put_head(&stream, &head);
    input.size = stream.data.length;
    error = tc_webp_lossless_read(&found, &input, 0, stream.data.length, false, width, height,
                                  &fail);
    ok(error == wanted, "%u tiles: %s", (width + 3) / 4 * ((height + 3) / 4),
       error ? fail.text : "read");
    free(stream.data.data);
}

/* ---- memory -------------------------------------------------------------------------- */

static uint64_t heap_used(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

/* Decode the first rows at `reduce`; decode_free is due whatever comes. */
static tc_error first_rows(tc_decoder **decoder, tc_input *input, unsigned reduce,
                           tc_image_info *info, tc_strip *strip)
{
    tc_fail fail = {0};
    tc_layout layout;
    tc_error error = tc_codec_webp.decode_open(decoder, input, info, &fail);

    if (!error) {
        tc_decode_want want = {.reduce = reduce, .source = {0, 0, info->width, info->height}};

        error = tc_codec_webp.decode_start(*decoder, &want, &layout);
    }
    return error ? error : tc_codec_webp.decode_rows(*decoder, strip);
}

/* What is held once libwebp has read the head, against what the header's reader says. */
static void held(const bytes *file, const char *what)
{
    bytes copy = *file;
    tc_input input = {read_bytes_at, &copy, file->length, NULL};
    uint64_t before = heap_used(), used;
    tc_decoder *decoder;
    tc_image_info info;
    tc_strip strip = {0};
    tc_error error = first_rows(&decoder, &input, 1, &info, &strip);

    used = heap_used() - before;
    ok(!error && used <= info.held_bytes + 256 * 1024 && info.held_bytes <= 2 * used,
       "%s: %llu KiB planned, %llu KiB held", what, (unsigned long long)info.held_bytes / 1024,
       (unsigned long long)used / 1024);
    tc_codec_webp.decode_free(decoder);
}

/* A picture of libwebp's own, wide and low, so that its rows count. */
static void held_of(tc_encode_spec spec, tc_model model, const char *what)
{
    pixels from = draw(8000, 20, model);
    bytes file = {0};
    tc_fail fail;

    encode(&tc_codec_webp, &from, spec, &file, &fail);
    held(&file, what);
    free(file.data);
    free(from.data);
}

static void memory(void)
{
    static const webp_head heads[] = {{800, 800, 4, 2500, 0, 0},
                                      {800, 800, 4, 2500, 11, 5},
                                      {400, 400, 2, 10000, 8, 2},
                                      {900, 900, 5, 20, 10, 2}};

    if (heap_used() == 0) {
        skip("memory within the plan", "this C library does not say what the heap holds");
        return;
    }
    for (size_t at = 0; at < COUNT(heads); at++) {
        bytes file = make_lossless(&heads[at]);
        char what[80];

        snprintf(what, sizeof what, "%u groups, %u bits of cache", heads[at].groups,
                 heads[at].cache_bits);
        held(&file, what);
        free(file.data);
    }
    held_of((tc_encode_spec){.quality = 50}, TC_RGB, "lossy");
    held_of((tc_encode_spec){.quality = 50}, TC_RGB_ALPHA, "lossy with alpha");
    held_of((tc_encode_spec){.lossless = true}, TC_RGB_ALPHA, "lossless with alpha");
}

/* ---- the head at once ------------------------------------------------------------------ */

typedef struct counted_input {
    bytes file;
    size_t largest; /* read */
    unsigned after; /* reads after that */
} counted_input;

static tc_error count_reads(void *context, uint64_t offset, void *to, size_t length,
                            size_t *got)
{
    counted_input *counted = context;

    counted->after++;
    if (length > counted->largest) {
        counted->largest = length;
        counted->after = 0;
    }
    return read_bytes_at(&counted->file, offset, to, length, got);
}

/* libwebp reads a head from its start whenever there is more of it: it gets all of it first. */
static void head_at_once(void)
{
    webp_head head = {3000, 3000, 6, 100, 0, 2}; /* 1.7 MB of predictors */
    counted_input counted = {make_lossless(&head), 0, 0};
    tc_input input = {count_reads, &counted, counted.file.length, NULL};
    tc_decoder *decoder;
    tc_image_info info;
    tc_strip strip = {0};
    tc_error error = first_rows(&decoder, &input, 8, &info, &strip);

    ok(!error && strip.plane[0].rows > 0, "a head of %zu bytes is read", counted.file.length);
    ok(counted.largest > counted.file.length - 1000 && counted.after <= 1,
       "and given to libwebp in one piece (%zu bytes)", counted.largest);
    tc_codec_webp.decode_free(decoder);
    free(counted.file.data);
}

/* ---- real streams, whole and damaged --------------------------------------------------- */

static void streams(void)
{
    unsigned refused = 0, count = 0;

    for (uint32_t w = 1; w < 700; w = w * 2 + 3) {
        for (unsigned kind = 0; kind < 2; kind++, count++) {
            pixels from = draw(w, 1 + w / 2, kind ? TC_RGB_ALPHA : TC_RGB), got;
            bytes file = {0};
            tc_fail fail;

            encode(&tc_codec_webp, &from, (tc_encode_spec){.lossless = true}, &file, &fail);
            refused += decode(&tc_codec_webp, &file, file.length, 1, NULL, &got, &fail) != 0;
            refused += !got.data || distance(&from, &got) > 0;
            free(got.data);
            free(file.data);
            free(from.data);
        }
    }
    ok(refused == 0, "%u lossless pictures of libwebp's are read as they were written", count);
}

/* The head cut off anywhere is damaged, whatever the chunk claims. */
static void cut(void)
{
    webp_head head = {100, 100, 3, 40, 5, 4};
    bit_stream stream = {0};
    size_t read = 0, wrong = 0;

    put_head(&stream, &head);
    for (size_t length = 0; length <= stream.data.length; length++) {
        bytes part = {malloc(length ? length : 1), length, length, 0};
        tc_input input = {read_bytes_at, &part, length, NULL};
        tc_webp_lossless found;
        tc_fail fail = {0};
        tc_error error;

        memcpy(part.data, stream.data.data, length);
        error = tc_webp_lossless_read(&found, &input, 0, length, false, 100, 100, &fail);
        read += !error;
        wrong += error && error != TC_E_DAMAGED;
        wrong += !error && found.head != length;
        free(part.data);
    }
    ok(read == 1 && wrong == 0, "a head of %zu bytes is read whole or not at all",
       stream.data.length);
    free(stream.data.data);
}

int main(void)
{
    bounds();
    tiles(4 * 512, 4 * 512, TC_E_OK);
    tiles(4 * 481, 4 * 545, TC_E_DAMAGED);
    memory();
    head_at_once();
    streams();
    cut();
    return done_testing();
}

#else

int main(void)
{
    skip("lossless WebP", "libwebp is not built in");
    return done_testing();
}

#endif
