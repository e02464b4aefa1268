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

/* Entries one behind the other. */
typedef struct filler {
    tc_values_entry *to;
    const tc_huffman *from;
} filler;

static void fill(filler *filler, unsigned bits, tc_values_entry entry)
{
    for (tc_values_entry *end = filler->to + (1u << bits); filler->to < end; filler->to++)
        *filler->to = entry;
}

/* ... which have all that can be told: no code, or the first of what comes is `code`. */
static void fill_told(filler *filler, unsigned bits, tc_values_entry entry, first_code code)
{
    if (entry.bits == 0)
        entry.advance = rare(&code);
    fill(filler, bits, entry);
}

/* Those that go on with `code`, behind which `bits` are left. */
typedef void fill_with(filler *filler, unsigned bits, tc_values_entry entry, first_code code);

/* Those that go on with any code of `bits`, which ascend with their lengths. */
static void fill_codes(filler *filler, unsigned bits, tc_values_entry entry, fill_with *with)
{
    const tc_values_entry *end = filler->to + (1u << bits);
    unsigned number = 0;

    for (unsigned length = 1; length <= bits; length++) {
        for (unsigned n = filler->from->counts[length]; n > 0; n--) {
            first_code code = {(uint8_t)length, filler->from->symbols[number++]};

            with(filler, bits - length, entry, code);
        }
    }
    while (filler->to < end)
        fill_told(filler, 0, entry, (first_code){0, 0});
}

/* 16 zeros are taken before a value only: where there are none yet, they are what `offset`
 * counts. */
static void fill_code(filler *filler, unsigned bits, tc_values_entry entry, first_code code)
{
    unsigned size = code.symbol & 15;
    bool zeros =
        code.symbol == ALL_ZERO && entry.advance == entry.offset && entry.advance <= 2 * 16;

    if (code.symbol == 0) {
        entry.bits += code.length;
        entry.advance += TC_END;
        fill(filler, bits, entry);
    } else if (zeros) {
        entry.bits += code.length;
        entry.offset = (uint8_t)(entry.advance += 16);
        fill_codes(filler, bits, entry, fill_code);
    } else if (size == 0 || size > bits) {
        fill_told(filler, bits, entry, code);
    } else {
        for (uint32_t value = 0; value < 1u << size; value++) {
            tc_values_entry next = entry;

            next.bits = (uint8_t)(entry.bits + code.length + size);
            if (put_value(&next, entry.advance + (code.symbol >> 4), tc_extend(value, size)))
                fill_codes(filler, bits - size, next, fill_code);
            else
                fill_told(filler, bits - size, entry, code);
        }
    }
}

bool tc_values_table_make(tc_values_table *table, const tc_huffman *from)
{
    filler filler = {table->entry, from};

    if (!make_codes(&table->codes, from, false))
        return false;
    fill_codes(&filler, TC_VALUES_BITS, (tc_values_entry){0}, fill_code);
    return true;
}

bool tc_turn_values_make(tc_turn_table *table, const tc_huffman *from)
{
    filler filler = {table->entry, from};

    if (!make_codes(&table->codes, from, false))
        return false;
    fill_codes(&filler, TC_TURN_BITS, (tc_values_entry){0}, fill_code);
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

/* A difference, where it is known, and small. */
static void fill_difference(filler *filler, unsigned bits, tc_values_entry none,
                            first_code code)
{
    unsigned size = code.symbol;

    if (size > bits) {
        fill_told(filler, bits, none, code);
        return;
    }
    for (uint32_t value = 0; value < 1u << size; value++) {
        tc_values_entry entry = {.advance = TC_END};
        int32_t difference = tc_extend(value, size);

        entry.bits = (uint8_t)(code.length + size);
        entry.value[0] = (int8_t)difference;
        if (entry.value[0] == difference)
            fill(filler, bits - size, entry);
        else
            fill_told(filler, bits - size, none, code);
    }
}

bool tc_turn_dc_make(tc_turn_table *table, const tc_huffman *from)
{
    filler filler = {table->entry, from};

    if (!make_codes(&table->codes, from, true))
        return false;
    fill_codes(&filler, TC_TURN_BITS, (tc_values_entry){0}, fill_difference);
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
