/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huffman tables made ready: what the next bits of the data mean, looked up by a few of them at
 * once, for as many codes with their values as those bits hold. Codes that are longer are told
 * by their length's first and last code.
 */
#ifndef TC_ENTROPY_TABLES_H
#define TC_ENTROPY_TABLES_H

#include "entropy.h"

/* Bits that a table is looked up by. */
#define TC_DC_BITS     9
#define TC_VALUES_BITS 11
#define TC_SKIP_BITS   12
#define TC_TURN_BITS   13 /* a code that is not known is a branch foretold wrongly, for both */

/* Bits of one entry of a skip table at most. */
#define TC_SKIP_MOST 25

/* Codes by their lengths. */
typedef struct tc_codes {
    int32_t last[17];   /* of this length, or -1 */
    int32_t offset[17]; /* code + offset is the symbol's number */
    uint8_t symbols[256];
} tc_codes;

/*
 * In a table the entries come first: with an offset between them and the table the next entry's
 * address, which everything waits for, would take a cycle more.
 */

/* A code of a difference of DC; `length` is 0 for a longer one, or none. */
typedef struct tc_dc_entry {
    uint8_t length;
    uint8_t size; /* bits of the difference */
} tc_dc_entry;

typedef struct tc_dc_table {
    tc_dc_entry entry[1 << TC_DC_BITS];
    tc_codes codes;
} tc_dc_table;

/*
 * Added to an entry's advance, which is less: the end of the block, after what else the entry
 * has, or a code that is looked at alone: TC_RARE + its length << 8 + its symbol, both 0 where
 * the code is longer than the bits, or there is none.
 */
#define TC_END  0x101
#define TC_RARE 0x4000

/* Whole codes and their values, of up to four coefficients that follow each other. */
typedef struct tc_values_entry {
    int8_t value[4];  /* from `offset` on; the first here, to be loaded with all */
    uint8_t bits;     /* of all of them; 0: a code to look at alone */
    uint8_t offset;   /* coefficients before the first that is not 0 */
    uint16_t advance; /* coefficients in all */
} tc_values_entry;

typedef struct tc_values_table {
    tc_values_entry entry[1 << TC_VALUES_BITS];
    tc_codes codes;
} tc_values_table;

/* The same without the values, of which the last may reach past the bits that are looked at. */
typedef struct tc_skip_entry {
    uint16_t bits, advance;
} tc_skip_entry;

typedef struct tc_skip_table {
    tc_skip_entry entry[1 << TC_SKIP_BITS];
    tc_codes codes;
} tc_skip_table;

/* False for a table that is not sound: libjpeg's rules, which are T.81's. */
bool tc_dc_table_make(tc_dc_table *table, const tc_huffman *from);
bool tc_values_table_make(tc_values_table *table, const tc_huffman *from);
bool tc_skip_table_make(tc_skip_table *table, const tc_huffman *from);

/*
 * All of them in one shape, for what takes any of them in turn: a difference of DC is a block
 * of one value that ends, what is skipped has zeros for its values.
 */
typedef struct tc_turn_table {
    tc_values_entry entry[1 << TC_TURN_BITS];
    tc_codes codes;
} tc_turn_table;

bool tc_turn_dc_make(tc_turn_table *table, const tc_huffman *from);
bool tc_turn_values_make(tc_turn_table *table, const tc_huffman *from);
bool tc_turn_skips_make(tc_turn_table *table, const tc_huffman *from);

/* The process's own, where the table is one of those that T.81 gives as examples; else NULL. */
const tc_values_table *tc_values_standard(const tc_huffman *of);
const tc_skip_table *tc_skip_standard(const tc_huffman *of);
const tc_turn_table *tc_turn_values_standard(const tc_huffman *of);

/* The value of `size` bits, at most 15, that are `bits`: T.81, F.12. */
static inline int32_t tc_extend(uint32_t bits, unsigned size)
{
    int32_t half = size ? 1 << (size - 1) : 0;

    return (int32_t)bits < half ? (int32_t)bits - 2 * half + 1 : (int32_t)bits;
}

#endif
