/* SPDX-License-Identifier: Apache-2.0 */
#include "entropy.h"

#include "tables.h"
#include "window.h"

#include <stdlib.h>
#include <string.h>

#define COEFFICIENTS 64

/* Bits that one code with its value takes at most. */
#define STEP_BITS 31

/* T.81, figure A.6: where coefficient k stands. */
static const uint8_t zigzag[COEFFICIENTS] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

struct tc_entropy {
    unsigned components, mcu_blocks;
    struct {
        unsigned blocks;
        const tc_value_table *dc, *ac; /* `ac` is NULL where `skip` is not */
        const tc_skip_table *skip;
    } component[TC_ENTROPY_COMPONENTS];
    int32_t dc[TC_ENTROPY_COMPONENTS]; /* of the block before */
    uint32_t interval, left;           /* MCUs until the next restart marker */
    unsigned restarts;                 /* so far */
    uint64_t bits;                     /* from the top: the next `count` of the data ... */
    int count;                         /* ... which end at window.at */
    tc_value_table *dc_table[TC_ENTROPY_TABLES], *ac_table[TC_ENTROPY_TABLES];
    tc_skip_table *skip_table[TC_ENTROPY_TABLES];
    tc_window window;
};

/* The reader's state while an MCU is decoded. */
typedef struct reader {
    const uint8_t *at;
    uint64_t bits;
    int count;
} reader;

static inline uint64_t load_big_endian(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* At least 56 bits. Those below `count` are the data's too: set again, they are the same. */
static inline void refill(reader *reader)
{
    reader->bits |= load_big_endian(reader->at) >> reader->count;
    reader->at += (63 - reader->count) >> 3;
    reader->count |= 56;
}

static inline void drop(reader *reader, unsigned bits)
{
    reader->bits <<= bits;
    reader->count -= (int)bits;
}

/* At most 15, and of none 0. */
static inline uint32_t take(reader *reader, unsigned bits)
{
    uint32_t taken = (uint32_t)(reader->bits >> 1 >> (63 - bits));

    drop(reader, bits);
    return taken;
}

/* Any code's symbol, or -1; the code is dropped. */
static int long_code(reader *reader, const tc_codes *codes)
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

static inline tc_value_entry look(const reader *reader, const tc_value_table *table)
{
    return table->entry[reader->bits >> (64 - TC_VALUE_BITS)];
}

/* Any code's symbol, or -1, where `entry` is all that the table knows of it. */
static inline int rare_code(reader *reader, const tc_codes *codes, tc_value_entry entry)
{
    if (tc_value_meaning(entry) == TC_MEANS_LONG)
        return long_code(reader, codes);
    drop(reader, tc_value_bits(entry));
    return (int)tc_value_symbol(entry);
}

static inline bool read_dc(reader *reader, const tc_value_table *table, int32_t *dc)
{
    tc_value_entry entry;

    refill(reader);
    entry = look(reader, table);
    if (tc_value_meaning(entry) == TC_MEANS_VALUE) {
        drop(reader, tc_value_bits(entry));
        *dc += tc_value_value(entry);
    } else {
        int size = rare_code(reader, &table->codes, entry);

        if (size < 0)
            return false;
        *dc += tc_extend(take(reader, (unsigned)size), (unsigned)size);
    }
    return *dc >= INT16_MIN && *dc <= INT16_MAX;
}

/* A symbol without a value: 16 zeros, or the block's end. False for others. */
static inline bool read_zeros(unsigned symbol, unsigned *k)
{
    *k = symbol == 0 ? COEFFICIENTS : *k + 16;
    return *k <= COEFFICIENTS && (symbol == 0 || symbol == 0xf0);
}

/*
 * What is none of the table's whole values: its place in *k and its value, or zeros that move
 * *k past the block's last coefficient or before another code.
 */
static bool read_rare(reader *reader, const tc_codes *codes, tc_value_entry entry, unsigned *k,
                      int32_t *value, bool *zeros)
{
    int symbol = rare_code(reader, codes, entry);
    unsigned size = (unsigned)symbol & 15;

    *zeros = size == 0;
    if (symbol < 0)
        return false;
    if (size == 0)
        return read_zeros((unsigned)symbol, k);
    *k += (unsigned)symbol >> 4;
    *value = tc_extend(take(reader, size), size);
    return true;
}

/*
 * The reader is copied, for what has an address is not kept in registers over the block's
 * stores.
 */
static bool read_values(reader *shared, const tc_value_table *table, tc_entropy_block *block)
{
    reader reader = *shared;
    unsigned k = 1, last = 0;

    while (k < COEFFICIENTS) {
        tc_value_entry entry;
        int32_t value;

        if (reader.count < STEP_BITS)
            refill(&reader);
        entry = look(&reader, table);
        value = tc_value_value(entry);
        if (tc_value_meaning(entry) == TC_MEANS_VALUE) {
            drop(&reader, tc_value_bits(entry));
            k += tc_value_zeros(entry);
        } else if (tc_value_meaning(entry) == TC_MEANS_END) {
            drop(&reader, tc_value_bits(entry));
            break;
        } else {
            struct reader rare = reader;
            unsigned at = k;
            bool zeros;

            if (!read_rare(&rare, &table->codes, entry, &at, &value, &zeros))
                return false;
            reader = rare;
            k = at;
            if (zeros)
                continue;
        }
        if (k >= COEFFICIENTS)
            return false;
        block->coefficient[zigzag[k]] = (int16_t)value;
        last = k++;
    }
    block->last = last;
    *shared = reader;
    return true;
}

/* One code and its value, the long way. */
static bool skip_rare(reader *reader, const tc_codes *codes, unsigned *k)
{
    int symbol = long_code(reader, codes);
    unsigned size = (unsigned)symbol & 15;

    if (symbol < 0)
        return false;
    if (size == 0)
        return read_zeros((unsigned)symbol, k);
    drop(reader, size);
    *k += ((unsigned)symbol >> 4) + 1;
    return *k <= COEFFICIENTS;
}

static bool skip_values(reader *shared, const tc_skip_table *table)
{
    reader reader = *shared;
    unsigned k = 1;

    while (k < COEFFICIENTS) {
        tc_skip_entry entry;

        if (reader.count < STEP_BITS)
            refill(&reader);
        entry = table->entry[reader.bits >> (64 - TC_SKIP_BITS)];
        if (entry != 0 && k + tc_skip_reach(entry) <= COEFFICIENTS) {
            drop(&reader, tc_skip_bits(entry));
            k += tc_skip_advance(entry);
        } else {
            struct reader rare = reader;
            unsigned at = k;

            if (!skip_rare(&rare, &table->codes, &at))
                return false;
            reader = rare;
            k = at;
        }
    }
    *shared = reader;
    return true;
}

/* memset would be a string instruction, which takes longer to begin than this as a whole. */
static inline void clear(tc_entropy_block *block)
{
    typedef int16_t line __attribute__((vector_size(16), may_alias));
    line *to = (line *)(void *)block->coefficient;

#pragma GCC unroll 8
    for (unsigned row = 0; row < 8; row++)
        to[row] = (line){0};
}

static bool read_blocks(tc_entropy *entropy, reader *reader, tc_entropy_block *block)
{
    for (unsigned at = 0; at < entropy->components; at++) {
        const tc_value_table *ac = entropy->component[at].ac;

        for (unsigned n = entropy->component[at].blocks; n > 0; n--, block++) {
            if (!read_dc(reader, entropy->component[at].dc, &entropy->dc[at]))
                return false;
            if (ac)
                clear(block);
            block->coefficient[0] = (int16_t)entropy->dc[at];
            block->last = 0;
            if (ac ? !read_values(reader, ac, block)
                   : !skip_values(reader, entropy->component[at].skip))
                return false;
        }
    }
    return true;
}

/* Bytes that are whole in `bits` go back; what follows the rest there will be set again. */
static void give_back(tc_entropy *entropy)
{
    entropy->window.at -= entropy->count >> 3;
    entropy->count &= 7;
    entropy->bits &= ~(UINT64_MAX >> entropy->count);
}

/* Past the marker, in time. */
static bool restart(tc_entropy *entropy)
{
    give_back(entropy);
    if (!tc_window_restart(&entropy->window, entropy->restarts++ % 8))
        return false;
    entropy->left = entropy->interval;
    entropy->bits = 0;
    entropy->count = 0;
    memset(entropy->dc, 0, sizeof entropy->dc);
    return true;
}

bool tc_entropy_mcu(tc_entropy *entropy, tc_entropy_block *blocks)
{
    tc_window *window = &entropy->window;
    reader reader;
    bool good;

    if (entropy->interval > 0 && entropy->left == 0 && !restart(entropy))
        return false;
    entropy->left--;
    if (!window->closed && window->end - window->at < TC_MCU_BYTES) {
        give_back(entropy);
        tc_window_fill(window);
    }
    reader = (struct reader){window->at, entropy->bits, entropy->count};
    good = read_blocks(entropy, &reader, blocks);
    entropy->bits = reader.bits;
    entropy->count = reader.count;
    window->at += reader.at - window->at;
    /* What was taken must have been there. */
    return good && !window->failed && window->at - (reader.count >> 3) <= window->end;
}

void tc_entropy_free(tc_entropy *entropy)
{
    for (unsigned at = 0; entropy && at < TC_ENTROPY_TABLES; at++) {
        free(entropy->dc_table[at]);
        free(entropy->ac_table[at]);
        free(entropy->skip_table[at]);
    }
    free(entropy);
}

/* A component's tables; one that another has already is made once. */
static bool make_tables(tc_entropy *entropy, const tc_entropy_scan *scan, unsigned at)
{
    unsigned dc = scan->component[at].dc, ac = scan->component[at].ac;

    if (dc >= TC_ENTROPY_TABLES || ac >= TC_ENTROPY_TABLES || !scan->dc[dc] || !scan->ac[ac])
        return false;
    if (!entropy->dc_table[dc]) {
        entropy->dc_table[dc] = malloc(sizeof(tc_value_table));
        if (!entropy->dc_table[dc] ||
            !tc_value_table_make(entropy->dc_table[dc], scan->dc[dc], true))
            return false;
    }
    if (scan->component[at].dc_only && !entropy->skip_table[ac]) {
        entropy->skip_table[ac] = malloc(sizeof(tc_skip_table));
        if (!entropy->skip_table[ac] ||
            !tc_skip_table_make(entropy->skip_table[ac], scan->ac[ac]))
            return false;
    }
    if (!scan->component[at].dc_only && !entropy->ac_table[ac]) {
        entropy->ac_table[ac] = malloc(sizeof(tc_value_table));
        if (!entropy->ac_table[ac] ||
            !tc_value_table_make(entropy->ac_table[ac], scan->ac[ac], false))
            return false;
    }
    entropy->component[at].blocks = scan->component[at].blocks;
    entropy->component[at].dc = entropy->dc_table[dc];
    if (scan->component[at].dc_only)
        entropy->component[at].skip = entropy->skip_table[ac];
    else
        entropy->component[at].ac = entropy->ac_table[ac];
    entropy->mcu_blocks += scan->component[at].blocks;
    return entropy->mcu_blocks <= TC_ENTROPY_BLOCKS;
}

tc_entropy *tc_entropy_open(const tc_entropy_scan *scan)
{
    tc_entropy *entropy = calloc(1, sizeof *entropy);
    bool good = entropy && scan->components >= 1 && scan->components <= TC_ENTROPY_COMPONENTS;

    for (unsigned at = 0; good && at < scan->components; at++)
        good =
            scan->component[at].blocks <= TC_ENTROPY_BLOCKS && make_tables(entropy, scan, at);
    if (!good) {
        tc_entropy_free(entropy);
        return NULL;
    }
    entropy->components = scan->components;
    entropy->interval = entropy->left = scan->interval;
    tc_window_init(&entropy->window, scan->read, scan->context);
    return entropy;
}
