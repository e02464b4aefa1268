/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zlib streams of PNGs whose headers or checksums are wrong: every kind of PNG is answered
 * alike, whether libpng or our own code inflates it.
 */
#include "pictures.h"

#include <png.h>
#include <zlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define W 300
#define H 200

typedef struct stream_kind {
    const char *name;
    int type, depth, interlaced;
} stream_kind;

static const stream_kind kinds[] = {
    {"grey", PNG_COLOR_TYPE_GRAY, 8, 0},
    {"grey of 1 bit", PNG_COLOR_TYPE_GRAY, 1, 0},
    {"grey of 16 bits", PNG_COLOR_TYPE_GRAY, 16, 0},
    {"grey and alpha", PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0},
    {"RGB", PNG_COLOR_TYPE_RGB, 8, 0},
    {"RGB of 16 bits", PNG_COLOR_TYPE_RGB, 16, 0},
    {"RGB, interlaced", PNG_COLOR_TYPE_RGB, 8, 1},
    {"RGBA", PNG_COLOR_TYPE_RGB_ALPHA, 8, 0},
    {"RGBA of 16 bits, interlaced", PNG_COLOR_TYPE_RGB_ALPHA, 16, 1},
    {"palette", PNG_COLOR_TYPE_PALETTE, 8, 0},
    {"palette of 4 bits", PNG_COLOR_TYPE_PALETTE, 4, 0},
    {"palette, interlaced", PNG_COLOR_TYPE_PALETTE, 8, 1},
};

static unsigned channels_of(int type)
{
    return type == PNG_COLOR_TYPE_RGB          ? 3
           : type == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
           : type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                               : 1;
}

static size_t row_bytes(const stream_kind *kind, uint32_t width)
{
    return (width * channels_of(kind->type) * (unsigned)kind->depth + 7) / 8;
}

/*
 * Rows of noise, which come again after more bytes than a small window has. Their filter is
 * none.
 */
static void put_rows(bytes *to, const stream_kind *kind, uint32_t w, uint32_t h)
{
    uint32_t state = 7;

    for (uint32_t y = 0; w > 0 && y < h; y++) {
        if (y % 20 == 0)
            state = 7;
        put(to, "", 1);
        for (size_t x = 0; x < row_bytes(kind, w); x++) {
            state = state * 1664525u + 1013904223u;
            put(to, &(uint8_t){(uint8_t)(state >> 24)}, 1);
        }
    }
}

static bytes make_rows(const stream_kind *kind)
{
    static const uint8_t x0[7] = {0, 4, 0, 2, 0, 1, 0}, y0[7] = {0, 0, 4, 0, 2, 0, 1},
                         dx[7] = {8, 8, 4, 4, 2, 2, 1}, dy[7] = {8, 8, 8, 4, 4, 2, 2};
    bytes rows = {0};

    if (!kind->interlaced)
        put_rows(&rows, kind, W, H);
    for (int pass = 0; kind->interlaced && pass < 7; pass++)
        put_rows(&rows, kind, (uint32_t)(W - x0[pass] + dx[pass] - 1) / dx[pass],
                 (uint32_t)(H - y0[pass] + dy[pass] - 1) / dy[pass]);
    return rows;
}

static void put_chunk(bytes *to, const char *name, const void *data, size_t length)
{
    size_t from;
    uint32_t crc;

    put(to,
        (uint8_t[4]){(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                     (uint8_t)length},
        4);
    from = to->length;
    put(to, name, 4);
    put(to, data, length);
    crc = (uint32_t)crc32(0, to->data + from, (uInt)(4 + length));
    put(to,
        (uint8_t[4]){(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                     (uint8_t)crc},
        4);
}

typedef struct stream_change {
    const char *what;
    int window;    /* -1: as it is; else the bits that the header names, 8 to 16 */
    bool checksum; /* wrong */
    bool header;   /* its own check is wrong */
    bool read;
} stream_change;

static const stream_change changes[] = {
    {"as it should be", -1, false, false, true},
    {"a window of 256 bytes named", 8, false, false, true},
    {"a window of 512 bytes named", 9, false, false, true},
    {"a window of 16 KiB named", 14, false, false, true},
    {"a wrong checksum", -1, true, false, true},
    {"a small window and a wrong checksum", 8, true, false, true},
    {"a window of 64 KiB named", 16, false, false, false},
    {"a header that is wrong", -1, false, true, false},
};

static bytes make_png(const stream_kind *kind, const stream_change *change, size_t chunk)
{
    uint8_t header[13] = {0,
                          0,
                          W >> 8,
                          W & 255,
                          0,
                          0,
                          H >> 8,
                          H & 255,
                          (uint8_t)kind->depth,
                          (uint8_t)kind->type,
                          0,
                          0,
                          (uint8_t)kind->interlaced};
    bytes rows = make_rows(kind), made = {0};
    uLongf length = compressBound(rows.length);
    uint8_t *stream = malloc(length), palette[256 * 3];

    compress2(stream, &length, rows.data, rows.length, 9);
    if (change->window >= 0) {
        unsigned head = (unsigned)(change->window - 8) << 12 | 8 << 8;

        head += 31 - head % 31;
        stream[0] = (uint8_t)(head >> 8);
        stream[1] = (uint8_t)head;
    }
    stream[1] ^= change->header;
    stream[length - 1] ^= change->checksum;
    put(&made, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(&made, "IHDR", header, sizeof header);
    for (int at = 0; at < 256 * 3; at++)
        palette[at] = (uint8_t)(at * 5);
    if (kind->type == PNG_COLOR_TYPE_PALETTE)
        put_chunk(&made, "PLTE", palette, 3u << kind->depth);
    for (size_t at = 0; at < length; at += chunk)
        put_chunk(&made, "IDAT", stream + at, length - at < chunk ? length - at : chunk);
    put_chunk(&made, "IEND", "", 0);
    free(rows.data);
    free(stream);
    return made;
}

static void try_change(const stream_change *change, size_t chunk)
{
    unsigned wrong = 0, first = 0;

    for (unsigned at = 0; at < COUNT(kinds); at++) {
        bytes sound = make_png(&kinds[at], &changes[0], 1 << 20);
        bytes file = make_png(&kinds[at], change, chunk);
        pixels right, got;
        tc_fail fail;
        bool good;

        decode(&tc_codec_png, &sound, sound.length, 1, NULL, &right, &fail);
        good = (decode(&tc_codec_png, &file, file.length, 1, NULL, &got, &fail) == TC_E_OK) ==
               change->read;
        good = good && right.data && (!change->read || distance(&right, &got) == 0);
        if (!good && wrong++ == 0)
            first = at;
        free(right.data);
        free(got.data);
        free(sound.data);
        free(file.data);
    }
    ok(wrong == 0, "%s, in pieces of %zu bytes: %s, of every kind%s%s", change->what, chunk,
       change->read ? "read" : "refused", wrong ? " but " : "", wrong ? kinds[first].name : "");
}

int main(void)
{
    for (size_t at = 0; at < COUNT(changes); at++) {
        try_change(&changes[at], 1 << 20);
        try_change(&changes[at], 1000);
    }
    return done_testing();
}
