/* SPDX-License-Identifier: Apache-2.0 */
#include "webp_lossless.h"

#include <stdlib.h>
#include <string.h>

#define CODES         5 /* of a group: green and lengths, red, blue, alpha, distances */
#define CODE_BITS_MAX 15
#define LITERALS      256
#define LENGTHS       24
#define DISTANCES     40
#define CACHE_BITS    11
#define ALPHABET_MAX  (LITERALS + LENGTHS + (1 << CACHE_BITS))

#define SIZED_HEAD 5 /* signature, width, height */

/* Of libwebp: the group's own struct, and tables of 2300 + 654 to 2704 entries. */
#define GROUP_BYTES       600
#define TABLE_ENTRY_BYTES 4

typedef struct prefix_code {
    uint16_t count[CODE_BITS_MAX + 1]; /* codes of each length */
    uint16_t symbol[ALPHABET_MAX];     /* in the order of their codes */
    bool single;                       /* one symbol, which takes no bits */
} prefix_code;

typedef struct bit_reader {
    const tc_input *input;
    tc_fail *fail;
    tc_error error;
    uint64_t at, end; /* of the stream, in the input */
    uint64_t window;  /* bits read and not taken yet, the next one lowest */
    unsigned bits;    /* in the window */
    uint64_t left;    /* bits of the stream that are not taken */
    uint64_t memory;
    size_t filled, next;
    uint8_t buffer[4096];
    uint8_t length[ALPHABET_MAX]; /* of the code that is being read */
    prefix_code codes[CODES];
    uint32_t cache[1 << CACHE_BITS];
} bit_reader;

static bool fail(bit_reader *walker, tc_error error, const char *why)
{
    if (!walker->error)
        walker->error = tc_fail_set(walker->fail, error, "WebP: %s", why);
    return false;
}

static bool damaged(bit_reader *walker)
{
    return fail(walker, TC_E_DAMAGED, "the picture's codes are not valid");
}

/* ---- bits ------------------------------------------------------------------------------- */

static void refill(bit_reader *walker)
{
    uint64_t length = walker->end - walker->at;
    size_t got = 0;
    tc_error error;

    if (length > sizeof walker->buffer)
        length = sizeof walker->buffer;
    error = walker->input->read(walker->input->context, walker->at, walker->buffer,
                                (size_t)length, &got);
    if (error && !walker->error) {
        if (walker->fail->error == TC_E_OK)
            tc_fail_set(walker->fail, error, "reading failed");
        walker->error = error;
    }
    if (error || got == 0)
        walker->end = walker->at;
    walker->at += got;
    walker->filled = got;
    walker->next = 0;
}

/* At least 32 bits into the window; behind the stream's end come zeros. */
static void fill(bit_reader *walker)
{
    while (walker->bits <= 56) {
        if (walker->next == walker->filled && walker->at < walker->end)
            refill(walker);
        if (walker->next < walker->filled)
            walker->window |= (uint64_t)walker->buffer[walker->next++] << walker->bits;
        walker->bits += 8;
    }
}

static void drop(bit_reader *walker, unsigned count)
{
    walker->window >>= count;
    walker->bits -= count;
    if (count > walker->left) {
        walker->left = 0;
        fail(walker, TC_E_DAMAGED, "the data end before the picture does");
        return;
    }
    walker->left -= count;
}

/* Up to 32 bits. */
static uint32_t read_bits(bit_reader *walker, unsigned count)
{
    uint32_t value;

    if (walker->bits < count)
        fill(walker);
    value = (uint32_t)(walker->window & ((UINT64_C(1) << count) - 1));
    drop(walker, count);
    return value;
}

/* ---- prefix codes ----------------------------------------------------------------------- */

/* The canonical code of these lengths, which must use up all bit patterns (section 3.7.2). */
static bool make_code(bit_reader *walker, prefix_code *code, unsigned alphabet)
{
    uint16_t place[CODE_BITS_MAX + 1];
    unsigned symbols = 0;
    int left = 1;

    memset(code->count, 0, sizeof code->count);
    for (unsigned at = 0; at < alphabet; at++)
        code->count[walker->length[at]]++;
    code->count[0] = 0;
    for (unsigned bits = 1; bits <= CODE_BITS_MAX; bits++) {
        place[bits] = (uint16_t)symbols;
        symbols += code->count[bits];
        left = 2 * left - code->count[bits];
        if (left < 0)
            return damaged(walker);
    }
    code->single = symbols == 1;
    if (symbols == 0 || (left > 0 && !code->single))
        return damaged(walker);
    for (unsigned at = 0; at < alphabet; at++) {
        if (walker->length[at] > 0)
            code->symbol[place[walker->length[at]]++] = (uint16_t)at;
    }
    return true;
}

static unsigned read_symbol(bit_reader *walker, const prefix_code *code)
{
    unsigned value = 0, first = 0, index = 0;

    if (code->single)
        return code->symbol[0];
    if (walker->bits < CODE_BITS_MAX)
        fill(walker);
    for (unsigned bits = 1; bits <= CODE_BITS_MAX; bits++) {
        unsigned count = code->count[bits];

        value |= (unsigned)(walker->window >> (bits - 1)) & 1;
        if (value < first + count) {
            drop(walker, bits);
            return code->symbol[index + value - first];
        }
        index += count;
        first = (first + count) << 1;
        value <<= 1;
    }
    damaged(walker); /* not with codes that are complete */
    return 0;
}

/* One or two symbols, named (section 3.7.2.1.1). Those outside of the alphabet do not count. */
static void read_named(bit_reader *walker)
{
    bool two = read_bits(walker, 1), wide = read_bits(walker, 1);

    walker->length[read_bits(walker, wide ? 8 : 1)] = 1;
    if (two)
        walker->length[read_bits(walker, 8)] = 1;
}

/* How often the last length or none comes, from its code on: 16 to 18. */
static unsigned read_repeat(bit_reader *walker, unsigned symbol)
{
    return symbol == 16   ? 3 + read_bits(walker, 2)
           : symbol == 17 ? 3 + read_bits(walker, 3)
                          : 11 + read_bits(walker, 7);
}

/* The lengths themselves in a code (section 3.7.2.1.2). */
static bool read_lengths(bit_reader *walker, unsigned alphabet)
{
    static const uint8_t order[19] = {17, 18, 0, 1,  2,  3,  4,  5,  16, 6,
                                      7,  8,  9, 10, 11, 12, 13, 14, 15};
    unsigned count = 4 + read_bits(walker, 4), most = alphabet, at = 0;
    uint8_t last = 8;
    prefix_code lengths;

    for (unsigned n = 0; n < count; n++)
        walker->length[order[n]] = (uint8_t)read_bits(walker, 3);
    if (!make_code(walker, &lengths, sizeof order))
        return false;
    memset(walker->length, 0, sizeof order);
    if (read_bits(walker, 1)) {
        most = 2 + 2 * read_bits(walker, 3);
        most = 2 + read_bits(walker, most);
        if (most > alphabet)
            return damaged(walker);
    }
    for (; at < alphabet && most > 0 && !walker->error; most--) {
        unsigned symbol = read_symbol(walker, &lengths), repeat = 1;
        uint8_t value = (uint8_t)symbol;

        if (symbol > CODE_BITS_MAX) {
            repeat = read_repeat(walker, symbol);
            value = symbol == 16 ? last : 0;
        } else if (symbol > 0) {
            last = value;
        }
        if (repeat > alphabet - at)
            return damaged(walker);
        memset(walker->length + at, value, repeat);
        at += repeat;
    }
    return !walker->error;
}

static bool read_code(bit_reader *walker, prefix_code *code, unsigned alphabet)
{
    memset(walker->length, 0, alphabet > LITERALS ? alphabet : LITERALS);
    if (read_bits(walker, 1))
        read_named(walker);
    else if (!read_lengths(walker, alphabet))
        return false;
    return !walker->error && make_code(walker, code, alphabet);
}

static bool read_group(bit_reader *walker, unsigned cache_bits)
{
    unsigned cached = cache_bits > 0 ? 1u << cache_bits : 0;
    const unsigned alphabet[CODES] = {LITERALS + LENGTHS + cached, LITERALS, LITERALS, LITERALS,
                                      DISTANCES};

    for (unsigned n = 0; n < CODES; n++) {
        if (!read_code(walker, &walker->codes[n], alphabet[n]))
            return false;
    }
    return true;
}

/* ---- an image within the head ------------------------------------------------------------ */

typedef struct coded_image {
    uint32_t width;
    uint64_t pixels, done;
    uint32_t *argb; /* NULL when nobody asks for the values */
    unsigned cache_bits;
} coded_image;

static void put(bit_reader *walker, coded_image *image, uint32_t argb)
{
    if (image->argb)
        image->argb[image->done] = argb;
    if (image->argb && image->cache_bits > 0)
        walker->cache[(0x1e35a7bdu * argb) >> (32 - image->cache_bits)] = argb;
    image->done++;
}

/* A number in a prefix and some bits (section 3.6.2.2, table of prefixes). */
static uint32_t read_prefixed(bit_reader *walker, unsigned symbol)
{
    unsigned extra;

    if (symbol < 4)
        return symbol + 1;
    extra = (symbol - 2) >> 1;
    return ((2 + (symbol & 1)) << extra) + read_bits(walker, extra) + 1;
}

/* Distances up to 120 name a neighbour, in these columns and rows. */
static uint64_t distance_of(uint32_t number, uint32_t width)
{
    static const uint8_t near[120] = {
        0x18, 0x07, 0x17, 0x19, 0x28, 0x06, 0x27, 0x29, 0x16, 0x1a, 0x26, 0x2a, 0x38, 0x05,
        0x37, 0x39, 0x15, 0x1b, 0x36, 0x3a, 0x25, 0x2b, 0x48, 0x04, 0x47, 0x49, 0x14, 0x1c,
        0x35, 0x3b, 0x46, 0x4a, 0x24, 0x2c, 0x58, 0x45, 0x4b, 0x34, 0x3c, 0x03, 0x57, 0x59,
        0x13, 0x1d, 0x56, 0x5a, 0x23, 0x2d, 0x44, 0x4c, 0x55, 0x5b, 0x33, 0x3d, 0x68, 0x02,
        0x67, 0x69, 0x12, 0x1e, 0x66, 0x6a, 0x22, 0x2e, 0x54, 0x5c, 0x43, 0x4d, 0x65, 0x6b,
        0x32, 0x3e, 0x78, 0x01, 0x77, 0x79, 0x53, 0x5d, 0x11, 0x1f, 0x64, 0x6c, 0x42, 0x4e,
        0x76, 0x7a, 0x21, 0x2f, 0x75, 0x7b, 0x31, 0x3f, 0x63, 0x6d, 0x52, 0x5e, 0x00, 0x74,
        0x7c, 0x41, 0x4f, 0x10, 0x20, 0x62, 0x6e, 0x30, 0x73, 0x7d, 0x51, 0x5f, 0x40, 0x72,
        0x7e, 0x61, 0x6f, 0x50, 0x71, 0x7f, 0x60, 0x70};
    int64_t distance;

    if (number > sizeof near)
        return number - sizeof near;
    distance = (int64_t)(near[number - 1] >> 4) * width + 8 - (near[number - 1] & 15);
    return distance > 0 ? (uint64_t)distance : 1;
}

static bool copy(bit_reader *walker, coded_image *image, unsigned symbol)
{
    uint64_t length = read_prefixed(walker, symbol);
    unsigned prefix = read_symbol(walker, &walker->codes[CODES - 1]);
    uint64_t distance = distance_of(read_prefixed(walker, prefix), image->width);

    if (distance > image->done || length > image->pixels - image->done)
        return damaged(walker);
    if (!image->argb) {
        image->done += length;
        return true;
    }
    for (; length > 0; length--)
        put(walker, image, image->argb[image->done - distance]);
    return true;
}

/* Whether no pixel takes a bit: then all are the same. */
static bool is_even(const bit_reader *walker)
{
    return walker->codes[0].single && walker->codes[0].symbol[0] < LITERALS &&
           walker->codes[1].single && walker->codes[2].single && walker->codes[3].single;
}

static bool read_pixels(bit_reader *walker, coded_image *image)
{
    if (!image->argb && is_even(walker))
        return true;
    while (image->done < image->pixels && !walker->error) {
        unsigned green = read_symbol(walker, &walker->codes[0]);

        if (green < LITERALS) {
            uint32_t red = read_symbol(walker, &walker->codes[1]);
            uint32_t blue = read_symbol(walker, &walker->codes[2]);
            uint32_t alpha = read_symbol(walker, &walker->codes[3]);

            put(walker, image, alpha << 24 | red << 16 | (uint32_t)green << 8 | blue);
        } else if (green < LITERALS + LENGTHS) {
            if (!copy(walker, image, green - LITERALS))
                return false;
        } else {
            put(walker, image, walker->cache[green - LITERALS - LENGTHS]);
        }
    }
    return !walker->error;
}

/* The bits of the colour cache, 0 for none. */
static bool read_cache_bits(bit_reader *walker, unsigned *bits)
{
    *bits = 0;
    if (!read_bits(walker, 1))
        return true;
    *bits = read_bits(walker, 4);
    return *bits >= 1 && *bits <= CACHE_BITS ? true : damaged(walker);
}

/* An image of its own codes within the head; its pixels into `argb`, unless that is NULL. */
static bool read_image(bit_reader *walker, uint32_t width, uint32_t height, uint32_t *argb)
{
    coded_image image = {.width = width, .pixels = (uint64_t)width * height, .argb = argb};

    if (!read_cache_bits(walker, &image.cache_bits) || !read_group(walker, image.cache_bits))
        return false;
    memset(walker->cache, 0, sizeof walker->cache);
    walker->memory += 4 * image.pixels;
    return read_pixels(walker, &image);
}

/* ---- the head ---------------------------------------------------------------------------- */

static uint32_t subsampled(uint32_t size, unsigned bits)
{
    return (size + (1u << bits) - 1) >> bits;
}

/* The transforms; one that packs pixels makes the picture narrower (section 3.5). */
static bool read_transforms(bit_reader *walker, uint32_t *width, uint32_t height)
{
    unsigned seen = 0;

    while (!walker->error && read_bits(walker, 1)) {
        unsigned type = read_bits(walker, 2), bits;
        uint32_t colours;

        if (seen & 1u << type)
            return damaged(walker);
        seen |= 1u << type;
        switch (type) {
        case 0: /* predictor */
        case 1: /* colour */
            bits = read_bits(walker, 3) + 2;
            if (!read_image(walker, subsampled(*width, bits), subsampled(height, bits), NULL))
                return false;
            break;
        case 3: /* palette */
            colours = read_bits(walker, 8) + 1;
            *width = subsampled(*width, colours > 16  ? 0
                                        : colours > 4 ? 1
                                        : colours > 2 ? 2
                                                      : 3);
            if (!read_image(walker, colours, 1, NULL))
                return false;
            break;
        }
    }
    return !walker->error;
}

/* The entropy image, and from it how many groups there are. */
static bool read_entropy_image(bit_reader *walker, uint32_t width, uint32_t height,
                               unsigned *groups)
{
    unsigned bits = read_bits(walker, 3) + 2;
    uint32_t w = subsampled(width, bits), h = subsampled(height, bits);
    uint64_t pixels = (uint64_t)w * h;
    uint32_t *argb;
    bool good;

    if (pixels > TC_WEBP_TILES_MAX)
        return fail(walker, TC_E_DAMAGED, "the entropy image has too many pixels");
    argb = malloc(sizeof *argb * (size_t)pixels);
    if (!argb)
        return fail(walker, TC_E_NO_MEMORY, "out of memory");
    good = read_image(walker, w, h, argb);
    for (uint64_t at = 0; good && at < pixels; at++) {
        unsigned group = argb[at] >> 8 & 0xffff;

        *groups = group >= *groups ? group + 1 : *groups;
    }
    free(argb);
    if (good && *groups > TC_WEBP_GROUPS_MAX)
        return fail(walker, TC_E_DAMAGED, "too many groups of prefix codes");
    return good;
}

static bool read_head(bit_reader *walker, uint32_t width, uint32_t height)
{
    unsigned groups = 1, cache_bits;

    if (!read_transforms(walker, &width, height) || !read_cache_bits(walker, &cache_bits))
        return false;
    if (read_bits(walker, 1) && !read_entropy_image(walker, width, height, &groups))
        return false;
    walker->memory += (uint64_t)groups *
                      (GROUP_BYTES + TABLE_ENTRY_BYTES * (2300 + 656 + (1u << cache_bits)));
    while (groups-- > 0) {
        if (!read_group(walker, cache_bits))
            return false;
    }
    return true;
}

tc_error tc_webp_lossless_read(tc_webp_lossless *stream, const tc_input *input, uint64_t from,
                               size_t length, bool sized, uint32_t width, uint32_t height,
                               tc_fail *fail)
{
    bit_reader *walker = malloc(sizeof *walker);
    tc_error error;

    if (!walker)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "WebP: out of memory");
    memset(walker, 0, offsetof(struct bit_reader, buffer));
    walker->input = input;
    walker->fail = fail;
    walker->at = from;
    walker->end = from + length;
    walker->left = 8 * (uint64_t)length;
    for (int byte = 0; sized && byte < SIZED_HEAD; byte++)
        read_bits(walker, 8);
    read_head(walker, width, height);
    error = walker->error;
    stream->bytes = walker->memory;
    stream->head = length - (size_t)(walker->left / 8);
    free(walker);
    return error;
}
