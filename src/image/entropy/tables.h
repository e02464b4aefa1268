/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huffman tables made ready: what the next bits of the data mean, looked up by a few of them at
 * once. Codes that are longer than that are told by their length's first and last code.
 */
#ifndef TC_ENTROPY_TABLES_H
#define TC_ENTROPY_TABLES_H

#include "entropy.h"

#define TC_VALUE_BITS 11 /* that a table of values is looked up by */
#define TC_SKIP_BITS  12

/* Codes by their lengths. */
typedef struct tc_codes {
    int32_t last[17];   /* of this length, or -1 */
    int32_t offset[17]; /* code + offset is the symbol's number */
    uint8_t symbols[256];
} tc_codes;

typedef enum tc_meaning {
    TC_MEANS_VALUE, /* a whole value */
    TC_MEANS_END,   /* of the block */
    TC_MEANS_MORE, /* the code is here, its value's bits are not, or the symbol is a rare one */
    TC_MEANS_LONG  /* the code has more bits than these, or there is none */
} tc_meaning;

/*
 * One word, for it is read with each code: value << 16 | symbol << 8 | tc_meaning << 6 | bits.
 * The symbol is T.81's: zeros before the value << 4 | bits of the value. `bits` are those of
 * the code and, of a whole value, of that.
 */
typedef uint32_t tc_value_entry;

static inline tc_meaning tc_value_meaning(tc_value_entry entry)
{
    return (tc_meaning)(entry >> 6 & 3);
}

static inline unsigned tc_value_bits(tc_value_entry entry)
{
    return entry & 63;
}

static inline unsigned tc_value_symbol(tc_value_entry entry)
{
    return entry >> 8 & 255;
}

static inline unsigned tc_value_zeros(tc_value_entry entry)
{
    return entry >> 12 & 15;
}

static inline int32_t tc_value_value(tc_value_entry entry)
{
    return (int16_t)(entry >> 16);
}

/* Codes and values; of DC, `symbol` is the bits of the value alone. */
typedef struct tc_value_table {
    tc_codes codes;
    tc_value_entry entry[1 << TC_VALUE_BITS];
} tc_value_table;

/*
 * As many codes with their values as have their code's end within the bits that are looked at,
 * for those who only want to get past them: advance << 16 | reach << 8 | bits.
 *
 * bits: of all of them; 0: the first is a long code or a rare one
 * reach: coefficients that must be left in the block, the end's mark as one
 * advance: coefficients passed; 64 with the block's end
 */
typedef uint32_t tc_skip_entry;

static inline unsigned tc_skip_bits(tc_skip_entry entry)
{
    return entry & 63;
}

static inline unsigned tc_skip_reach(tc_skip_entry entry)
{
    return entry >> 8 & 255;
}

static inline unsigned tc_skip_advance(tc_skip_entry entry)
{
    return entry >> 16;
}

typedef struct tc_skip_table {
    tc_codes codes;
    tc_skip_entry entry[1 << TC_SKIP_BITS];
} tc_skip_table;

/*
 * False for a table that is not sound: libjpeg's rules, which are T.81's. `dc`: of differences
 * of DC.
 */
bool tc_value_table_make(tc_value_table *table, const tc_huffman *from, bool dc);
bool tc_skip_table_make(tc_skip_table *table, const tc_huffman *from);

/* The value of `size` bits, at most 15, that are `bits`: T.81, F.12. */
static inline int32_t tc_extend(uint32_t bits, unsigned size)
{
    int32_t half = size ? 1 << (size - 1) : 0;

    return (int32_t)bits < half ? (int32_t)bits - 2 * half + 1 : (int32_t)bits;
}

#endif
