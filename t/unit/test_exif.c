/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXIF blocks made true of an answer, and artist and copyright alone: blocks of both
 * byte orders, then the same blocks damaged at random, each in memory of its exact size.
 */
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "image/exif/exif.h"
#include "image/exif/orientation.h"

typedef struct block {
    uint8_t data[512];
    size_t length;
    bool big;
} block;

static void add16(block *b, unsigned value)
{
    b->data[b->length++] = (uint8_t)(b->big ? value >> 8 : value);
    b->data[b->length++] = (uint8_t)(b->big ? value : value >> 8);
}

static void add32(block *b, unsigned value)
{
    add16(b, b->big ? value >> 16 : value & 0xffff);
    add16(b, b->big ? value & 0xffff : value >> 16);
}

static void add_entry(block *b, unsigned tag, unsigned type, unsigned count, unsigned value)
{
    add16(b, tag);
    add16(b, type);
    add32(b, count);
    if (type == 3) {
        add16(b, value);
        add16(b, 0);
    } else {
        add32(b, value);
    }
}

static void add_text(block *b, const char *text, size_t length)
{
    memcpy(b->data + b->length, text, length);
    b->length += length;
}

#define ARTIST    "Ann Artist"
#define COPYRIGHT "(c) 2020 Ann Artist   "
#define THUMBNAIL "THUMBNAILTHUMBNAIL"

/* Four entries, a thumbnail as JPEG or in two strips, at the end or before other bytes. */
static block make(bool big, bool strips, bool last)
{
    block b = {.big = big};
    unsigned texts = 8 + 2 + 4 * 12 + 4, second = texts + sizeof ARTIST + sizeof COPYRIGHT;
    unsigned thumb = second + 2 + 24 + 4 + (strips ? 16 : 0);

    add_text(&b, big ? "MM" : "II", 2);
    add16(&b, 42);
    add32(&b, 8);
    add16(&b, 4);
    add_entry(&b, 0x010f, 2, 4, 0x61626300);
    add_entry(&b, 0x0112, 3, 1, 6);
    add_entry(&b, 0x013b, 2, sizeof ARTIST, texts);
    add_entry(&b, 0x8298, 2, sizeof COPYRIGHT, texts + sizeof ARTIST);
    add32(&b, second);
    add_text(&b, ARTIST, sizeof ARTIST);
    add_text(&b, COPYRIGHT, sizeof COPYRIGHT);
    add16(&b, 2);
    if (strips) {
        add_entry(&b, 0x0111, 4, 2, second + 2 + 24 + 4);
        add_entry(&b, 0x0117, 4, 2, second + 2 + 24 + 4 + 8);
    } else {
        add_entry(&b, 0x0201, 4, 1, thumb);
        add_entry(&b, 0x0202, 4, 1, sizeof THUMBNAIL - 1);
    }
    add32(&b, 0);
    if (strips) {
        add32(&b, thumb);
        add32(&b, thumb + 9);
        add32(&b, 9);
        add32(&b, 9);
    }
    add_text(&b, THUMBNAIL, sizeof THUMBNAIL - 1);
    if (!last)
        add_text(&b, "more", 4);
    return b;
}

static bool holds(const uint8_t *data, size_t length, const char *text)
{
    return memmem(data, length, text, strlen(text)) != NULL;
}

static void normalise(bool big, bool strips, bool last)
{
    block b = make(big, strips, last);
    size_t whole = b.length, length = tc_exif_normalise(b.data, b.length);
    const char *what = strips ? "strips" : "a JPEG";

    ok(length > 0 && tc_orientation_read(b.data, length) == 1,
       "%s-endian, thumbnail as %s: upright", big ? "big" : "little", what);
    ok(!holds(b.data, whole, "THUMB"), "... the thumbnail is wiped");
    ok(length == (last ? whole - (strips ? 9 : sizeof THUMBNAIL - 1) : whole), "... %s",
       last ? "and cut off" : "what is behind it stays");
    ok(holds(b.data, length, ARTIST) && holds(b.data, length, COPYRIGHT), "... the texts stay");
    ok(last || holds(b.data, length, "more"), "... and what else there is");
}

static void copyright(bool big)
{
    block b = make(big, false, true);
    uint8_t to[TC_COPYRIGHT_MAX], again[TC_COPYRIGHT_MAX];
    size_t length = tc_exif_copyright(b.data, b.length, to);

    ok(length > 0 && length < 100, "%s-endian: artist and copyright alone, %zu bytes",
       big ? "big" : "little", length);
    ok(holds(to, length, ARTIST) && holds(to, length, "(c) 2020 Ann Artist") &&
           !holds(to, length, "THUMB") && !holds(to, length, "abc"),
       "... both and nothing else");
    ok(!holds(to, length, "Artist   "), "... without the blanks behind");
    ok(tc_exif_copyright(to, length, again) == length && memcmp(to, again, length) == 0,
       "... which reads as itself");
    ok(tc_orientation_read(to, length) == 1, "... and says nothing of orientation");
}

static void without(void)
{
    block b = {.big = true};
    uint8_t to[TC_COPYRIGHT_MAX];

    add_text(&b, "MM", 2);
    add16(&b, 42);
    add32(&b, 8);
    add16(&b, 2);
    add_entry(&b, 0x013b, 2, 3, 0x20200000);
    add_entry(&b, 0x8298, 2, 4, 0x4f6e6500);
    add32(&b, 0);
    ok(tc_exif_copyright(b.data, b.length, to) == 26 && memcmp(to + 18, "One", 4) == 0,
       "a blank artist is none, a short copyright lies in its entry");
    b.data[24] = 9;
    ok(tc_exif_copyright(b.data, b.length, to) == 0, "what is no text is none");
    ok(tc_exif_copyright((const uint8_t *)"MM\0\x2a", 4, to) == 0, "nor is a stump");
    ok(tc_exif_normalise(b.data, 8) == 0, "without a directory there is nothing to keep");
    ok(tc_exif_normalise((uint8_t[]){'N', 'O'}, 2) == 0, "what is no TIFF is not kept");
}

static void damaged(void)
{
    uint32_t state = 11;
    bool sound = true;

    for (int round = 0; round < 60000; round++) {
        block b = make(round & 1, round & 2, round & 4);
        size_t length, left, kept;
        uint8_t *exact, to[TC_COPYRIGHT_MAX];

        for (int n = 1 + round % 7; n > 0; n--) {
            state = state * 1664525u + 1013904223u;
            b.data[(state >> 8) % b.length] = (uint8_t)(state >> 24);
        }
        length = round % 3 ? b.length : (state >> 10) % b.length;
        exact = malloc(length ? length : 1);
        memcpy(exact, b.data, length);
        kept = tc_exif_copyright(exact, length, to);
        sound &= kept <= sizeof to;
        left = tc_exif_normalise(exact, length);
        sound &= left <= length && (left == 0 || tc_orientation_read(exact, left) == 1);
        free(exact);
    }
    ok(sound, "60000 damaged blocks (seed 11) are upright or nothing");
}

int main(void)
{
    for (int at = 0; at < 8; at++)
        normalise(at & 1, at & 2, at & 4);
    copyright(false);
    copyright(true);
    without();
    damaged();
    return done_testing();
}
