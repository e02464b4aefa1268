/* SPDX-License-Identifier: Apache-2.0 */
#include "orientation.h"

#include "tiff.h"

#define TAG_ORIENTATION 0x0112

/* The value of one directory entry at `at`, when it is a sound orientation; else 0. */
static uint32_t entry_orientation(const tc_tiff *tiff, size_t at)
{
    uint32_t type = tc_tiff_get16(tiff, at + 2), value;

    if (tc_tiff_get16(tiff, at) != TAG_ORIENTATION || tc_tiff_get32(tiff, at + 4) != 1)
        return 0;
    if (type != TC_TIFF_SHORT && type != TC_TIFF_LONG)
        return 0;
    value = type == TC_TIFF_SHORT ? tc_tiff_get16(tiff, at + 8) : tc_tiff_get32(tiff, at + 8);
    return value <= 8 ? value : 0;
}

uint8_t tc_orientation_read(const uint8_t *data, size_t length)
{
    tc_tiff tiff;
    size_t directory, at, entries;

    if (!tc_tiff_open(&tiff, data, length, &directory))
        return 1;
    for (entries = tc_tiff_entries(&tiff, directory, &at); entries > 0; entries--) {
        uint32_t value = entry_orientation(&tiff, at);
        if (value)
            return (uint8_t)value;
        at += TC_TIFF_ENTRY;
    }
    return 1;
}

uint8_t tc_orientation_rotate(uint8_t orientation, int angle)
{
    /* A quarter turn clockwise more: 1, 6, 3, 8 are turned, 2, 7, 4, 5 mirrored as well. */
    static const uint8_t quarter[9] = {1, 6, 7, 8, 5, 2, 3, 4, 1};

    for (; angle > 0; angle -= 90)
        orientation = quarter[orientation];
    return orientation;
}
