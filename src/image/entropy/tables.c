/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

#include <string.h>

#define CODE_MAX    16
#define ALL_ZERO    0xf0 /* a symbol of 16 zeros and no value */
#define DC_MAX      15   /* bits of a difference, of which 11 are for 8 bits a sample */
#define COEFFICIENT 63   /* the last one's place */

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

/* The first code of some bits; a length of 0: it is longer, or there is none. */
typedef struct first_code {
    uint8_t length, symbol;
} first_code;

/* For all `bits`, of which there are 1 << width. Codes ascend with their lengths. */
static void make_first(first_code *to, unsigned width, const tc_huffman *from)
{
    first_code *end = to + (1u << width);
    unsigned number = 0;

    for (unsigned length = 1; length <= width; length++) {
        for (unsigned n = from->counts[length]; n > 0; n--) {
            first_code code = {(uint8_t)length, from->symbols[number++]};

            for (uint32_t rest = 0; rest < 1u << (width - length); rest++)
                *to++ = code;
        }
    }
    while (to < end)
        *to++ = (first_code){0, 0};
}

bool tc_dc_table_make(tc_dc_table *table, const tc_huffman *from)
{
    first_code first[1 << TC_DC_BITS];

    if (!make_codes(&table->codes, from, true))
        return false;
    make_first(first, TC_DC_BITS, from);
    for (uint32_t bits = 0; bits < 1 << TC_DC_BITS; bits++)
        table->entry[bits] = (tc_dc_entry){first[bits].length, first[bits].symbol};
    return true;
}

static uint16_t rare(const first_code *code)
{
    return (uint16_t)(TC_RARE + (code->length << 8) + code->symbol);
}

/* `size` of the bits behind the first `before` of `known`, of `width` bits, as a value. */
static int32_t value_behind(uint32_t known, unsigned width, unsigned before, unsigned size)
{
    uint32_t rest = known << before & ((1u << width) - 1);

    return tc_extend(rest >> (width - size), size);
}

/* Put the value into the entry; false where it has no place there. */
static bool put_value(tc_values_entry *entry, unsigned at, int32_t value)
{
    bool first = entry->advance == entry->offset;

    if (at > COEFFICIENT - 1 || value < INT8_MIN || value > INT8_MAX)
        return false;
    if (first)
        entry->offset = (uint8_t)at;
    if (at - entry->offset >= sizeof entry->value)
        return false;
    entry->value[at - entry->offset] = (int8_t)value;
    entry->advance = (uint16_t)(at + 1);
    return true;
}

/*
 * From code to code for as long as `known`, of `width` bits, tells. 16 zeros are taken before a
 * value only: where there are none yet, they are what `offset` counts.
 */
static tc_values_entry values_entry(const first_code *first, uint32_t known, unsigned width)
{
    tc_values_entry entry = {0};

    for (;;) {
        const first_code *code = &first[known << entry.bits & ((1u << width) - 1)];
        unsigned size = code->symbol & 15, bits = entry.bits + code->length;

        if (code->length == 0 || bits + size > width)
            break;
        if (code->symbol == 0) {
            entry.bits = (uint8_t)bits;
            entry.advance += TC_END;
            break;
        }
        if (size == 0 && (code->symbol != ALL_ZERO || entry.advance != entry.offset ||
                          entry.advance > 2 * 16))
            break;
        if (size == 0)
            entry.offset = (uint8_t)(entry.advance += 16);
        else if (!put_value(&entry, entry.advance + (code->symbol >> 4),
                            value_behind(known, width, bits, size)))
            break;
        entry.bits = (uint8_t)(bits + size);
    }
    if (entry.bits == 0)
        entry.advance = rare(&first[known]);
    return entry;
}

bool tc_values_table_make(tc_values_table *table, const tc_huffman *from)
{
    first_code first[1 << TC_VALUES_BITS];

    if (!make_codes(&table->codes, from, false))
        return false;
    make_first(first, TC_VALUES_BITS, from);
    for (uint32_t bits = 0; bits < 1 << TC_VALUES_BITS; bits++)
        table->entry[bits] = values_entry(first, bits, TC_VALUES_BITS);
    return true;
}

bool tc_turn_values_make(tc_turn_table *table, const tc_huffman *from)
{
    first_code first[1 << TC_TURN_BITS];

    if (!make_codes(&table->codes, from, false))
        return false;
    make_first(first, TC_TURN_BITS, from);
    for (uint32_t bits = 0; bits < 1 << TC_TURN_BITS; bits++)
        table->entry[bits] = values_entry(first, bits, TC_TURN_BITS);
    return true;
}

/* The same; a code has to end within `known`, of `width` bits, its value not. */
static tc_skip_entry skip_entry(const first_code *first, uint32_t known, unsigned width)
{
    tc_skip_entry entry = {0};

    while (entry.bits < width) {
        const first_code *code = &first[known << entry.bits & ((1u << width) - 1)];
        unsigned size = code->symbol & 15, bits = entry.bits + code->length;

        if (code->length == 0 || bits > width || bits + size > TC_SKIP_MOST)
            break;
        if (code->symbol == 0) {
            entry.bits = (uint16_t)bits;
            entry.advance += TC_END;
            break;
        }
        if ((size == 0 && code->symbol != ALL_ZERO) ||
            entry.advance + (code->symbol >> 4) > COEFFICIENT - 1)
            break;
        entry.advance = (uint16_t)(entry.advance + (code->symbol >> 4) + 1);
        entry.bits = (uint16_t)(bits + size);
    }
    if (entry.bits == 0)
        entry.advance = rare(&first[known]);
    return entry;
}

bool tc_skip_table_make(tc_skip_table *table, const tc_huffman *from)
{
    first_code first[1 << TC_SKIP_BITS];

    if (!make_codes(&table->codes, from, false))
        return false;
    make_first(first, TC_SKIP_BITS, from);
    for (uint32_t bits = 0; bits < 1 << TC_SKIP_BITS; bits++)
        table->entry[bits] = skip_entry(first, bits, TC_SKIP_BITS);
    return true;
}

/* A code and its difference, where both are known, and small. */
static tc_values_entry dc_entry(const first_code *code, uint32_t known)
{
    unsigned bits = code->length + code->symbol;
    int32_t value = code->length > 0 && bits <= TC_TURN_BITS
                        ? value_behind(known, TC_TURN_BITS, code->length, code->symbol)
                        : INT32_MAX;

    if (value < INT8_MIN || value > INT8_MAX)
        return (tc_values_entry){.advance = rare(code)};
    return (tc_values_entry){
        .bits = (uint8_t)bits, .advance = TC_END, .value = {(int8_t)value}};
}

bool tc_turn_dc_make(tc_turn_table *table, const tc_huffman *from)
{
    first_code first[1 << TC_TURN_BITS];

    if (!make_codes(&table->codes, from, true))
        return false;
    make_first(first, TC_TURN_BITS, from);
    for (uint32_t bits = 0; bits < 1 << TC_TURN_BITS; bits++)
        table->entry[bits] = dc_entry(&first[bits], bits);
    return true;
}

bool tc_turn_skips_make(tc_turn_table *table, const tc_huffman *from)
{
    first_code first[1 << TC_TURN_BITS];

    if (!make_codes(&table->codes, from, false))
        return false;
    make_first(first, TC_TURN_BITS, from);
    for (uint32_t bits = 0; bits < 1 << TC_TURN_BITS; bits++) {
        tc_skip_entry entry = skip_entry(first, bits, TC_TURN_BITS);

        table->entry[bits] =
            (tc_values_entry){.bits = (uint8_t)entry.bits, .advance = entry.advance};
    }
    return true;
}
