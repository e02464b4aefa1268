/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits of the data, code by code: what both ways to decode them are made of.
 */
#ifndef TC_ENTROPY_READER_H
#define TC_ENTROPY_READER_H

#include "tables.h"

#include <string.h>

#define TC_COEFFICIENTS 64

#define ALWAYS static inline __attribute__((always_inline))

/* The reader's state while an MCU is decoded: a copy, which is kept in registers. */
typedef struct tc_reader {
    const uint8_t *at;
    uint64_t bits;
    unsigned count;
} tc_reader;

ALWAYS uint64_t load_big_endian(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* At least 56 bits. Those below `count` are the data's too: set again, they are the same. */
ALWAYS void refill(tc_reader *reader)
{
    reader->bits |= load_big_endian(reader->at) >> reader->count;
    reader->at += (63 - reader->count) >> 3;
    reader->count |= 56;
}

ALWAYS void drop(tc_reader *reader, unsigned bits)
{
    reader->bits <<= bits;
    reader->count -= bits;
}

/*
 * The value of the next `size` bits, at most 15: T.81, F.12. Without a branch on its sign,
 * which cannot be foretold.
 */
ALWAYS int32_t take(tc_reader *reader, unsigned size)
{
    int32_t value = (int32_t)(reader->bits >> 1 >> (63 - size)) -
                    (((1 << size) - 1) & (int32_t) ~((int64_t)reader->bits >> 63));

    drop(reader, size);
    return value;
}

/* An entry's values to coefficient `k`, and to zeros that are behind it all four. */
ALWAYS void put_values(tc_entropy_block *block, unsigned k, const tc_values_entry *entry)
{
#ifdef __clang__
    typedef int8_t bytes __attribute__((vector_size(4)));
    typedef int16_t values __attribute__((vector_size(8)));
    bytes four;
    values wide;

    memcpy(&four, entry->value, sizeof four);
    wide = __builtin_convertvector(four, values);
#else /* gcc makes a dozen instructions of that */
    typedef int8_t bytes __attribute__((vector_size(16)));
    typedef int16_t values __attribute__((vector_size(16)));
    typedef int32_t word __attribute__((vector_size(16)));
    const bytes twice = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7};
    int32_t four;
    values wide;

    memcpy(&four, entry->value, sizeof four);
    wide = (values)__builtin_shuffle((bytes)(word){four}, twice) >> 8;
#endif
    memcpy(block->coefficient + k + entry->offset, &wide, 4 * sizeof(int16_t));
}

/* Coefficients before `k`, without a branch on whether TC_END is in it. */
ALWAYS unsigned tc_place(unsigned k)
{
    return (k & 0xff) - (k >> 8);
}

/*
 * Any code's symbol, or -1; the code is dropped. Static, as the next two: so the compiler knows
 * which registers they take, where all are in use, which is a twentieth of the time.
 */
static int tc_long_code(tc_reader *reader, const tc_codes *codes)
{
    for (unsigned length = 1; length <= 16; length++) {
        int32_t code = (int32_t)(reader->bits >> (64 - length));

        if (code <= codes->last[length]) {
            drop(reader, length);
            return codes->symbols[(code + codes->offset[length]) & 255];
        }
    }
    return -1;
}

/*
 * One code and its value, into `block` where that is not NULL; what the table knows of the
 * code is its entry's `advance`. *k is the next coefficient, and from TC_END on there is none.
 * The reader is full before and after. False: there is no such code, or no place for it.
 */
static bool tc_read_rare(tc_reader *shared, const tc_codes *codes, unsigned advance,
                         tc_entropy_block *block, unsigned *k)
{
    tc_reader reader = *shared;
    unsigned length = advance >> 8 & 31;
    int symbol = (int)(advance & 255);
    unsigned size;

    if (length > 0)
        drop(&reader, length);
    else
        symbol = tc_long_code(&reader, codes);
    if (symbol < 0)
        return false;
    size = (unsigned)symbol & 15;
    if (size > 0) {
        int32_t value = take(&reader, size);

        *k += (unsigned)symbol >> 4;
        if (block && *k < TC_COEFFICIENTS)
            block->coefficient[*k] = (int16_t)value;
        ++*k;
    } else {
        *k += symbol == 0 ? TC_END : 16;
    }
    refill(&reader);
    *shared = reader;
    return (size > 0 || symbol == 0 || symbol == 0xf0) && tc_place(*k) <= TC_COEFFICIENTS;
}

/* Code by code from coefficient *k to the block's end, which is just where it should be. */
static bool tc_read_rest(tc_reader *shared, const tc_codes *codes, tc_entropy_block *block,
                         unsigned *k)
{
    do {
        if (!tc_read_rare(shared, codes, TC_RARE, block, k))
            return false;
    } while (*k < TC_COEFFICIENTS);
    return true;
}

#endif
