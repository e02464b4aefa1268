/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXIF's orientation: reading it from exact-size heap blocks (so that a
 * sanitiser sees one byte too many), and the three steps against the standard's
 * own words, "the 0th row is at the visual top ..., the 0th column ...".
 */
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "image/exif/orientation.h"

enum { SHORT = 3, LONG = 4, ASCII = 2 };

/* A TIFF block being written: `big` for "MM". */
typedef struct block {
    uint8_t data[512];
    size_t length;
    bool big;
} block;

static void put(block *b, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned shift = 8 * (b->big ? bytes - 1 - i : i);

        b->data[b->length++] = (uint8_t)(value >> shift);
    }
}

static void begin(block *b, bool big, uint32_t ifd)
{
    memset(b, 0, sizeof(*b));
    b->big = big;
    b->data[0] = b->data[1] = big ? 'M' : 'I';
    b->length = 2;
    put(b, 42, 2);
    put(b, ifd, 4);
    while (b->length < ifd)
        put(b, 0xa5, 1);
}

/* An entry whose value lies in its own four bytes, left-justified as TIFF has it. */
static void entry(block *b, uint32_t tag, uint32_t type, uint32_t count, uint32_t value)
{
    put(b, tag, 2);
    put(b, type, 2);
    put(b, count, 4);
    put(b, value, type == SHORT ? 2 : 4);
    if (type == SHORT)
        put(b, 0, 2);
}

static uint8_t read_exact(const uint8_t *data, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1), *exact = copy;
    uint8_t got;

    if (!copy)
        abort();
    if (length)
        memcpy(copy, data, length);
    else
        exact = copy + 1; /* one past: any read is one too many */
    got = tc_orientation_read(exact, length);
    free(copy);
    return got;
}

static uint8_t read_block(const block *b)
{
    return read_exact(b->data, b->length);
}

/* A block with one entry, the orientation. */
static void simple(block *b, bool big, uint32_t type, uint32_t count, uint32_t value)
{
    begin(b, big, 8);
    put(b, 1, 2);
    entry(b, 0x0112, type, count, value);
    put(b, 0, 4);
}

static void good_values(bool big)
{
    const char *order = big ? "MM" : "II";
    block b;

    for (uint32_t value = 1; value <= 8; value++) {
        simple(&b, big, SHORT, 1, value);
        ok(read_block(&b) == value, "%s, SHORT %u", order, value);
        simple(&b, big, LONG, 1, value);
        ok(read_block(&b) == value, "%s, LONG %u", order, value);
    }

    begin(&b, big, 8);
    put(&b, 4, 2);
    entry(&b, 0x010f, ASCII, 20, 300);
    entry(&b, 0x0110, SHORT, 1, 3);
    entry(&b, 0x0112, SHORT, 1, 6);
    entry(&b, 0x011a, LONG, 1, 5);
    put(&b, 0, 4);
    ok(read_block(&b) == 6, "%s, the third of four entries", order);

    begin(&b, big, 21);
    put(&b, 2, 2);
    entry(&b, 0x0110, SHORT, 1, 3);
    entry(&b, 0x0112, SHORT, 1, 8);
    ok(read_block(&b) == 8, "%s, a directory at an odd offset, no next-directory field", order);
}

static void bad_values(bool big)
{
    static const uint32_t out_of_range[] = {0, 9, 255, 256, 257, 262, 0x0600, 65535};
    static const uint32_t out_of_range_long[] = {0, 9, 0x10006, 0x60000, 0xffffffffu};
    const char *order = big ? "MM" : "II";
    block b;

    for (size_t i = 0; i < sizeof(out_of_range) / sizeof(*out_of_range); i++) {
        simple(&b, big, SHORT, 1, out_of_range[i]);
        ok(read_block(&b) == 1, "%s, SHORT %u means 1", order, out_of_range[i]);
    }
    for (size_t i = 0; i < sizeof(out_of_range_long) / sizeof(*out_of_range_long); i++) {
        simple(&b, big, LONG, 1, out_of_range_long[i]);
        ok(read_block(&b) == 1, "%s, LONG %u means 1", order, out_of_range_long[i]);
    }

    simple(&b, big, ASCII, 1, 6);
    ok(read_block(&b) == 1, "%s, an orientation of type ASCII means 1", order);
    simple(&b, big, 0, 1, 6);
    ok(read_block(&b) == 1, "%s, an orientation of type 0 means 1", order);
    simple(&b, big, SHORT, 0, 6);
    ok(read_block(&b) == 1, "%s, an orientation with no values means 1", order);

    begin(&b, big, 8);
    put(&b, 2, 2);
    entry(&b, 0x0110, SHORT, 1, 6);
    entry(&b, 0x0113, SHORT, 1, 6);
    put(&b, 0, 4);
    ok(read_block(&b) == 1, "%s, no such tag means 1", order);

    begin(&b, big, 8);
    put(&b, 0, 2);
    put(&b, 0, 4);
    ok(read_block(&b) == 1, "%s, an empty directory means 1", order);
}

static void bad_structure(bool big)
{
    static const uint32_t offsets[] = {0,           1,           4,           7,
                                       26,          27,          1000,        0x7fffffffu,
                                       0x80000000u, 0xfffffff0u, 0xfffffffeu, 0xffffffffu};
    const char *order = big ? "MM" : "II";
    size_t length;
    block b;

    for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
        simple(&b, big, SHORT, 1, 6);
        length = b.length;
        b.length = 4;
        put(&b, offsets[i], 4);
        b.length = length;
        ok(read_block(&b) == 1, "%s, directory at %u of %zu bytes means 1", order, offsets[i],
           b.length);
    }

    begin(&b, big, 8);
    put(&b, 0xffff, 2);
    entry(&b, 0x0110, SHORT, 1, 3);
    ok(read_block(&b) == 1, "%s, 65535 entries claimed, one there, not ours", order);
    entry(&b, 0x0112, SHORT, 1, 6);
    {
        uint8_t got = read_block(&b);

        ok(got == 6 || got == 1, "%s, 65535 entries claimed, ours is there: %u", order, got);
    }

    simple(&b, big, SHORT, 1, 6);
    b.data[big ? 3 : 2] = 43;
    ok(read_block(&b) == 1, "%s, wrong magic 43 means 1", order);
    simple(&b, big, SHORT, 1, 6);
    b.data[1] = big ? 'I' : 'M';
    ok(read_block(&b) == 1, "%s, mixed byte order mark means 1", order);
    simple(&b, big, SHORT, 1, 6);
    b.data[0] = b.data[1] = big ? 'I' : 'M';
    ok(read_block(&b) == 1, "%s, the other byte order's mark means 1", order);
}

static void truncated(bool big)
{
    const char *order = big ? "MM" : "II";
    block b;

    begin(&b, big, 8);
    put(&b, 3, 2);
    entry(&b, 0x010f, ASCII, 20, 300);
    entry(&b, 0x0112, SHORT, 1, 6);
    entry(&b, 0x011a, LONG, 1, 5);
    put(&b, 0, 4);
    for (size_t length = 0; length <= b.length; length++) {
        uint8_t got = read_exact(b.data, length);

        /* The entry ends at 34; its two bytes of value at 32. */
        ok(length < 32             ? got == 1
           : length >= 34 + 12 + 4 ? got == 6
                                   : got == 1 || got == 6,
           "%s, cut to %zu of %zu bytes: %u", order, length, b.length, got);
    }
}

static void random_bytes(void)
{
    uint32_t state = 20240607;
    bool in_range = true;
    block b;

    for (int round = 0; round < 20000; round++) {
        size_t length;

        state = state * 1664525u + 1013904223u;
        begin(&b, state >> 31, 8);
        put(&b, (state >> 16) % 5, 2);
        entry(&b, 0x0112, (state >> 8) % 6, (state >> 12) % 3, (state >> 20) % 12);
        put(&b, 0, 4);
        length = (state >> 10) % (b.length + 1);
        for (unsigned flips = (state >> 29) + 1; flips; flips--) {
            state = state * 1664525u + 1013904223u;
            b.data[(state >> 8) % b.length] = (uint8_t)(state >> 24);
        }
        {
            uint8_t got = read_exact(b.data, length);

            in_range &= got >= 1 && got <= 8;
        }
    }
    ok(in_range, "20000 blocks with random bytes (seed 20240607) give 1..8");
    ok(tc_orientation_read((const uint8_t *)"", 0) == 1, "no bytes mean 1");
    ok(read_exact((const uint8_t *)"Exif\0\0II*\0\10\0\0", 14) == 1,
       "JPEG's Exif prefix is the caller's to skip");
}

/* Where row 0 and column 0 of the stored picture are seen, from the standard. */
static const struct {
    char row, column;
} exif[9] = {{0, 0},     {'T', 'L'}, {'T', 'R'}, {'B', 'R'}, {'B', 'L'},
             {'L', 'T'}, {'R', 'T'}, {'R', 'B'}, {'L', 'B'}};

#define W 3
#define H 2

static void upright_place(uint8_t orientation, int x, int y, int *ux, int *uy)
{
    char row = exif[orientation].row, column = exif[orientation].column;

    if (row == 'T' || row == 'B') {
        *uy = row == 'T' ? y : H - 1 - y;
        *ux = column == 'L' ? x : W - 1 - x;
    } else {
        *ux = row == 'L' ? y : H - 1 - y;
        *uy = column == 'T' ? x : W - 1 - x;
    }
}

static void helpers(void)
{
    for (uint8_t o = 1; o <= 8; o++) {
        bool same = true;

        for (int y = 0; y < H; y++) {
            for (int x = 0; x < W; x++) {
                int sx = tc_orientation_mirrors(o) ? W - 1 - x : x;
                int sy = tc_orientation_flips(o) ? H - 1 - y : y;
                int ux, uy;

                upright_place(o, x, y, &ux, &uy);
                same &= tc_orientation_swaps(o) ? ux == sy && uy == sx : ux == sx && uy == sy;
            }
        }
        ok(same, "orientation %u: mirror %d, flip %d, transpose %d is the standard's turn", o,
           tc_orientation_mirrors(o), tc_orientation_flips(o), tc_orientation_swaps(o));
    }
    ok(!tc_orientation_swaps(4) && tc_orientation_swaps(5), "5 is the first that swaps");
}

int main(void)
{
    for (int big = 0; big < 2; big++) {
        good_values(big);
        bad_values(big);
        bad_structure(big);
        truncated(big);
    }
    random_bytes();
    helpers();
    return done_testing();
}
