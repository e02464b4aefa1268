/* SPDX-License-Identifier: Apache-2.0 */
#include "exif.h"

#include <string.h>

static const char artist[] = "Ann Artist", copyright[] = "(c) 2020 Ann Artist";
static const char thumbnail[] = "THUMBNAILTHUMBNAILTHUMBNAIL";

static uint8_t *put16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
    return to + 2;
}

static uint8_t *put32(uint8_t *to, unsigned value)
{
    return put16(put16(to, value >> 16), value & 0xffff);
}

/* Tag, type, count and what stands for the value. */
static uint8_t *put_entry(uint8_t *to, unsigned tag, unsigned type, unsigned count,
                          unsigned value)
{
    to = put32(put16(put16(to, tag), type), count);
    return type == 3 ? put16(put16(to, value), 0) : put32(to, value);
}

size_t mkpicture_exif(uint8_t to[MKPICTURE_EXIF_MAX], int orientation, int full)
{
    unsigned entries = (orientation ? 1 : 0) + (full ? 2 : 0);
    unsigned texts = 8 + 2 + entries * 12 + 4;
    unsigned second = texts + sizeof artist + sizeof copyright + 1;
    uint8_t *at = to;

    memset(to, 0, MKPICTURE_EXIF_MAX);
    memcpy(at, "MM\0\x2a\0\0\0\x08", 8);
    at = put16(at + 8, entries);
    if (orientation)
        at = put_entry(at, 0x0112, 3, 1, (unsigned)orientation);
    if (!full)
        return (size_t)(put32(at, 0) - to);
    at = put_entry(at, 0x013b, 2, sizeof artist, texts);
    at = put_entry(at, 0x8298, 2, sizeof copyright, texts + sizeof artist);
    at = put32(at, second);
    memcpy(at, artist, sizeof artist);
    memcpy(at + sizeof artist, copyright, sizeof copyright);
    at = put16(to + second, 2);
    at = put_entry(at, 0x0201, 4, 1, second + 2 + 24 + 4);
    at = put_entry(at, 0x0202, 4, 1, sizeof thumbnail - 1);
    at = put32(at, 0);
    memcpy(at, thumbnail, sizeof thumbnail - 1);
    return (size_t)(at - to) + sizeof thumbnail - 1;
}
