/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and directories of TIFF's structure, which EXIF has, in untrusted bytes. */
#ifndef TC_TIFF_H
#define TC_TIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TC_TIFF_ASCII 2
#define TC_TIFF_SHORT 3
#define TC_TIFF_LONG  4
#define TC_TIFF_ENTRY 12 /* bytes of a directory's entry: tag, type, count, value */

typedef struct tc_tiff {
    const uint8_t *data;
    size_t length;
    bool big_endian;
} tc_tiff;

/* The two bytes at `at`; `at` + 2 is within the block. */
static inline uint32_t tc_tiff_get16(const tc_tiff *tiff, size_t at)
{
    const uint8_t *p = tiff->data + at;

    return tiff->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

/* Four bytes. */
static inline uint32_t tc_tiff_get32(const tc_tiff *tiff, size_t at)
{
    uint32_t first = tc_tiff_get16(tiff, at), second = tc_tiff_get16(tiff, at + 2);

    return tiff->big_endian ? first << 16 | second : second << 16 | first;
}

/*
 * The directory at `offset`: where its first entry is, into `*first`, and how many entries
 * lie whole within the block. 0 when it lies outside.
 */
static inline size_t tc_tiff_entries(const tc_tiff *tiff, size_t offset, size_t *first)
{
    size_t count, room;

    if (tiff->length < 2 || offset > tiff->length - 2)
        return 0;
    *first = offset + 2;
    count = tc_tiff_get16(tiff, offset);
    room = (tiff->length - *first) / TC_TIFF_ENTRY;
    return count < room ? count : room;
}

/* Whether the block begins as TIFF does; its first directory's place into `*directory`. */
static inline bool tc_tiff_open(tc_tiff *tiff, const uint8_t *data, size_t length,
                                size_t *directory)
{
    *tiff = (tc_tiff){data, length, false};
    if (length < 8 || data[0] != data[1] || (data[0] != 'I' && data[0] != 'M'))
        return false;
    tiff->big_endian = data[0] == 'M';
    *directory = tc_tiff_get32(tiff, 4);
    return tc_tiff_get16(tiff, 2) == 42;
}

#endif
