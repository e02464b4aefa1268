/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

#include <string.h>

#define CODE_MAX 16
#define ALL_ZERO 0xf0 /* a symbol of 16 zeros and no value */
#define DC_MAX   15   /* bits of a difference, of which 11 are for 8 bits a sample */

/* T.81, C.2, with what no table may have: more codes than fit, and one of all ones. */
static bool make_codes(tc_codes *codes, const tc_huffman *from, bool dc)
{
    uint32_t code = 0, count = 0;

    for (unsigned length = 1; length <= CODE_MAX; length++) {
        unsigned here = from->counts[length];

        code <<= 1;
        codes->offset[length] = (int32_t)count - (int32_t)code;
        code += here;
        count += here;
        codes->last[length] = here ? (int32_t)code - 1 : -1;
        if (count > sizeof codes->symbols || (here && code >= 1u << length))
            return false;
    }
    memcpy(codes->symbols, from->symbols, sizeof codes->symbols);
    for (unsigned at = 0; dc && at < count; at++) {
        if (codes->symbols[at] > DC_MAX)
            return false;
    }
    return true;
}

static tc_value_entry make_entry(tc_meaning meaning, unsigned bits, unsigned symbol,
                                 int32_t value)
{
    return (uint32_t)(uint16_t)value << 16 | symbol << 8 | (uint32_t)meaning << 6 | bits;
}

/* What `rest`, the `left` bits behind a code of `length`, make of it. */
static tc_value_entry value_entry(unsigned length, unsigned symbol, uint32_t rest,
                                  unsigned left, bool dc)
{
    unsigned size = symbol & 15;

    if (size == 0 && !dc)
        return make_entry(symbol == 0 ? TC_MEANS_END : TC_MEANS_MORE, length, symbol, 0);
    if (size > left)
        return make_entry(TC_MEANS_MORE, length, symbol, 0);
    return make_entry(TC_MEANS_VALUE, length + size, symbol,
                      tc_extend(rest >> (left - size), size));
}

bool tc_value_table_make(tc_value_table *table, const tc_huffman *from, bool dc)
{
    tc_value_entry *to = table->entry, *end = to + (1 << TC_VALUE_BITS);
    unsigned number = 0;

    if (!make_codes(&table->codes, from, dc))
        return false;
    /* Codes ascend with their lengths: each has the next of the entries. */
    for (unsigned length = 1; length <= TC_VALUE_BITS; length++) {
        unsigned left = TC_VALUE_BITS - length;

        for (unsigned n = from->counts[length]; n > 0; n--, number++) {
            for (uint32_t rest = 0; rest < 1u << left; rest++)
                *to++ = value_entry(length, from->symbols[number], rest, left, dc);
        }
    }
    while (to < end)
        *to++ = make_entry(TC_MEANS_LONG, 0, 0, 0);
    return true;
}

/* The first code of some bits, and what it passes; the end of a block passes nothing. */
typedef struct step {
    uint8_t length; /* of the code; 0: a longer one, or a symbol that is not sound */
    uint8_t bits;   /* of code and value */
    uint8_t passes;
    bool end;
} step;

static step make_step(unsigned length, unsigned symbol)
{
    unsigned size = symbol & 15;

    if (size == 0 && symbol != 0 && symbol != ALL_ZERO)
        return (step){0};
    return (step){(uint8_t)length, (uint8_t)(length + size),
                  symbol == 0 ? 0 : (uint8_t)((symbol >> 4) + 1), symbol == 0};
}

/* As values are above. */
static void make_steps(step *to, const tc_huffman *from)
{
    step *end = to + (1 << TC_SKIP_BITS);
    unsigned number = 0;

    for (unsigned length = 1; length <= TC_SKIP_BITS; length++) {
        for (unsigned n = from->counts[length]; n > 0; n--) {
            step step = make_step(length, from->symbols[number++]);

            for (uint32_t rest = 0; rest < 1u << (TC_SKIP_BITS - length); rest++)
                *to++ = step;
        }
    }
    while (to < end)
        *to++ = (step){0};
}

/* From step to step for as long as the bits tell. */
static tc_skip_entry skip_entry(const step *first, uint32_t known)
{
    unsigned bits = 0, advance = 0;

    while (bits < TC_SKIP_BITS) {
        const step *next = &first[known << bits & ((1u << TC_SKIP_BITS) - 1)];

        if (next->length == 0 || bits + next->length > TC_SKIP_BITS ||
            advance + next->passes > 63)
            break;
        bits += next->bits;
        if (next->end)
            return 64u << 16 | (advance + 1) << 8 | bits;
        advance += next->passes;
    }
    return advance << 16 | advance << 8 | bits;
}

bool tc_skip_table_make(tc_skip_table *table, const tc_huffman *from)
{
    step first[1 << TC_SKIP_BITS];

    if (!make_codes(&table->codes, from, false))
        return false;
    make_steps(first, from);
    for (uint32_t bits = 0; bits < 1 << TC_SKIP_BITS; bits++)
        table->entry[bits] = skip_entry(first, bits);
    return true;
}
