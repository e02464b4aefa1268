/* SPDX-License-Identifier: Apache-2.0 */
#include "orientation.h"

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT      3
#define TYPE_LONG       4
#define ENTRY_BYTES     12

typedef struct block {
    const uint8_t *data;
    size_t length;
    bool big_endian;
} block;

static uint32_t get16(const block *b, size_t at)
{
    const uint8_t *p = b->data + at;

    return b->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t get32(const block *b, size_t at)
{
    uint32_t first = get16(b, at), second = get16(b, at + 2);

    return b->big_endian ? first << 16 | second : second << 16 | first;
}

/* The value of one directory entry at `at`, when it is a sound orientation; else 0. */
static uint32_t entry_orientation(const block *b, size_t at)
{
    uint32_t type = get16(b, at + 2), value;

    if (get16(b, at) != TAG_ORIENTATION || get32(b, at + 4) != 1)
        return 0;
    if (type != TYPE_SHORT && type != TYPE_LONG)
        return 0;
    value = type == TYPE_SHORT ? get16(b, at + 8) : get32(b, at + 8);
    return value <= 8 ? value : 0;
}

uint8_t tc_orientation_read(const uint8_t *tiff, size_t length)
{
    block b = {tiff, length, false};
    size_t directory, entries;

    if (length < 8 || tiff[0] != tiff[1] || (tiff[0] != 'I' && tiff[0] != 'M'))
        return 1;
    b.big_endian = tiff[0] == 'M';
    if (get16(&b, 2) != 42)
        return 1;
    directory = get32(&b, 4);
    if (directory > length - 2)
        return 1;
    entries = get16(&b, directory);
    directory += 2;
    for (; entries > 0 && length - directory >= ENTRY_BYTES; entries--) {
        uint32_t value = entry_orientation(&b, directory);
        if (value)
            return (uint8_t)value;
        directory += ENTRY_BYTES;
    }
    return 1;
}

uint8_t tc_orientation_turned(uint8_t orientation, int angle)
{
    /* A quarter turn clockwise more: 1, 6, 3, 8 are turned, 2, 7, 4, 5 mirrored as well. */
    static const uint8_t quarter[9] = {1, 6, 7, 8, 5, 2, 3, 4, 1};

    for (; angle > 0; angle -= 90)
        orientation = quarter[orientation];
    return orientation;
}
