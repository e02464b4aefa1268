/* SPDX-License-Identifier: Apache-2.0 */
#include "entropy.h"

#include "turns.h"
#include "window.h"

#include <stdlib.h>
#include <string.h>

/* Values and skips that a full reader has bits for: 56 bits. */
#define VALUES_A_FILL (56 / TC_VALUES_BITS)
#define SKIPS_A_FILL  (56 / TC_SKIP_MOST)

/* Room for two intervals in bytes of the file. */
#define WINDOW_OF_TWO (4 * TC_WINDOW)

/* The same after a difference of DC, of at most 9 + 15 bits where its code is not a long one.
 */
#define VALUES_AFTER_DC 2
#define SKIPS_AFTER_DC  1

/* What a block of an MCU is read by. */
typedef struct block_kind {
    const tc_dc_table *dc;
    const tc_values_table *values; /* or NULL, and */
    const tc_skip_table *skip;
    unsigned component;
} block_kind;

struct tc_entropy {
    unsigned mcu_blocks;
    block_kind kind[TC_ENTROPY_BLOCKS];
    int32_t dc[TC_ENTROPY_COMPONENTS]; /* of the block before */
    uint32_t interval, left;           /* MCUs until the next restart marker */
    unsigned restarts;                 /* so far: number of the next */
    uint64_t bits;                     /* from the top: the next `count` of the data ... */
    unsigned count;                    /* ... which end at window.now.at */
    const tc_values_table *values[TC_ENTROPY_TABLES]; /* standard ones, or: */
    const tc_skip_table *skip[TC_ENTROPY_TABLES];
    tc_dc_table *dc_table[TC_ENTROPY_TABLES];
    tc_values_table *values_table[TC_ENTROPY_TABLES];
    tc_skip_table *skip_table[TC_ENTROPY_TABLES];
    tc_turns *turns; /* or NULL; with its tables */
    tc_turn_table *turn_dc[TC_ENTROPY_TABLES], *turn_values[TC_ENTROPY_TABLES];
    tc_turn_table *turn_skips[TC_ENTROPY_TABLES];
    /* One more: what has no place in its block is found out after it was written behind it. */
    tc_entropy_block blocks[TC_ENTROPY_MCUS * TC_ENTROPY_BLOCKS + 1];
    tc_window window;
};

/*
 * The difference of DC, whose sign is its first bit: without a branch on it, or on its size,
 * neither of which can be foretold.
 */
ALWAYS bool read_dc(tc_reader *shared, const tc_dc_table *table, int32_t *dc)
{
    tc_reader reader = *shared;
    tc_dc_entry entry;
    unsigned size;

    refill(&reader);
    entry = table->entry[reader.bits >> (64 - TC_DC_BITS)];
    size = entry.size;
    drop(&reader, entry.length);
    if (__builtin_expect(entry.length == 0, 0)) {
        tc_reader far = reader;
        int symbol = tc_long_code(&far, &table->codes);

        if (symbol < 0)
            return false;
        size = (unsigned)symbol;
        reader = far;
        refill(&reader);
    }
    *dc += take(&reader, size);
    *shared = reader;
    return *dc == (int16_t)*dc;
}

/* What the reader was before it dropped `bits`, of which at most 56 are left. */
static tc_reader undrop(tc_reader reader, unsigned bits)
{
    reader.count += bits;
    reader.bits = load_big_endian(reader.at - sizeof reader.bits) << (64 - reader.count);
    refill(&reader);
    return reader;
}

/* Whether a block ends at `k` in a way that its table's entries can tell. */
static inline bool ends_well(unsigned k)
{
    return k == TC_COEFFICIENTS || k - TC_END < TC_COEFFICIENTS;
}

/* What the next bits hold; *k moves on. The entry is the one that they have. */
ALWAYS const tc_values_entry *next_values(tc_reader *reader, const tc_values_table *table,
                                          tc_entropy_block *block, unsigned *k)
{
    const tc_values_entry *entry = &table->entry[reader->bits >> (64 - TC_VALUES_BITS)];

    put_values(block, *k, entry);
    *k += entry->advance;
    drop(reader, entry->bits);
    return entry;
}

/* Entry by entry until *k says that it is the last, or one to look at; it comes back. */
ALWAYS const tc_values_entry *fast_values(tc_reader *reader, const tc_values_table *table,
                                          tc_entropy_block *block, unsigned *k)
{
    const tc_values_entry *entry;

#pragma GCC unroll 8
    for (unsigned n = 0; n < VALUES_AFTER_DC; n++) {
        entry = next_values(reader, table, block, k);
        if (*k >= TC_COEFFICIENTS)
            return entry;
    }
    for (;;) {
        refill(reader);
#pragma GCC unroll 8
        for (unsigned n = 0; n < VALUES_A_FILL; n++) {
            entry = next_values(reader, table, block, k);
            if (*k >= TC_COEFFICIENTS)
                return entry;
        }
    }
}

/*
 * Where an entry has more than is left of the block, as the next block's DC may be mistaken for
 * it, its bits are read again one by one.
 */
ALWAYS bool read_values(tc_reader *shared, const tc_values_table *table,
                        tc_entropy_block *block)
{
    tc_reader reader = *shared;
    unsigned k = 1;

    do {
        const tc_values_entry *entry = fast_values(&reader, table, block, &k);
        tc_reader again;

        if (ends_well(k))
            break;
        k -= entry->advance;
        again = undrop(reader, entry->bits);
        if (entry->bits == 0 ? !tc_read_rare(&again, &table->codes, entry->advance, block, &k)
                             : !tc_read_rest(&again, &table->codes, block, &k))
            return false;
        reader = again;
    } while (k < TC_COEFFICIENTS);
    block->last = tc_place(k) - 1;
    *shared = reader;
    return true;
}

ALWAYS tc_skip_entry next_skip(tc_reader *reader, const tc_skip_table *table, unsigned *k)
{
    tc_skip_entry entry = table->entry[reader->bits >> (64 - TC_SKIP_BITS)];

    *k += entry.advance;
    drop(reader, entry.bits);
    return entry;
}

/* As above. */
ALWAYS tc_skip_entry fast_skip(tc_reader *reader, const tc_skip_table *table, unsigned *k)
{
    tc_skip_entry entry;

#pragma GCC unroll 8
    for (unsigned n = 0; n < SKIPS_AFTER_DC; n++) {
        entry = next_skip(reader, table, k);
        if (*k >= TC_COEFFICIENTS)
            return entry;
    }
    for (;;) {
        refill(reader);
#pragma GCC unroll 8
        for (unsigned n = 0; n < SKIPS_A_FILL; n++) {
            entry = next_skip(reader, table, k);
            if (*k >= TC_COEFFICIENTS)
                return entry;
        }
    }
}

/* As above. */
ALWAYS bool skip_values(tc_reader *shared, const tc_skip_table *table)
{
    tc_reader reader = *shared;
    unsigned k = 1;

    do {
        tc_skip_entry entry = fast_skip(&reader, table, &k);
        tc_reader again;

        if (ends_well(k))
            break;
        k -= entry.advance;
        again = undrop(reader, entry.bits);
        if (entry.bits == 0 ? !tc_read_rare(&again, &table->codes, entry.advance, NULL, &k)
                            : !tc_read_rest(&again, &table->codes, NULL, &k))
            return false;
        reader = again;
    } while (k < TC_COEFFICIENTS);
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

ALWAYS bool read_blocks(tc_entropy *entropy, tc_reader *shared, tc_entropy_block *block)
{
    const block_kind *kind = entropy->kind, *end = kind + entropy->mcu_blocks;
    tc_reader reader = *shared;

    for (; kind < end; kind++, block++) {
        int32_t *dc = &entropy->dc[kind->component];

        if (!read_dc(&reader, kind->dc, dc))
            return false;
        if (kind->values)
            clear(block);
        block->coefficient[0] = (int16_t)*dc;
        block->last = 0;
        if (kind->values ? !read_values(&reader, kind->values, block)
                         : !skip_values(&reader, kind->skip))
            return false;
    }
    *shared = reader;
    return true;
}

/* Bytes that are whole in `bits` go back; what follows the rest there will be set again. */
static void give_back(tc_entropy *entropy)
{
    entropy->window.now.at -= entropy->count >> 3;
    entropy->count &= 7;
    entropy->bits &= ~(UINT64_MAX >> entropy->count);
}

/* Past the marker, in time. */
static bool restart(tc_entropy *entropy)
{
    give_back(entropy);
    if (!tc_window_restart(&entropy->window, entropy->restarts % 8))
        return false;
    entropy->restarts++;
    entropy->left = entropy->interval;
    entropy->bits = 0;
    entropy->count = 0;
    memset(entropy->dc, 0, sizeof entropy->dc);
    return true;
}

static bool read_mcu(tc_entropy *entropy, tc_entropy_block *blocks)
{
    tc_window *window = &entropy->window;
    tc_reader reader;
    bool good;

    if (entropy->interval > 0 && entropy->left == 0 && !restart(entropy))
        return false;
    entropy->left--;
    if (!window->now.closed && window->now.end - window->now.at < TC_MCU_BYTES) {
        give_back(entropy);
        tc_window_fill(window);
    }
    reader = (tc_reader){window->now.at, entropy->bits, entropy->count};
    good = read_blocks(entropy, &reader, blocks);
    entropy->bits = reader.bits;
    entropy->count = reader.count;
    window->now.at += reader.at - window->now.at;
    /* What was taken must have been there. */
    return good && !window->failed && window->now.at - (reader.count >> 3) <= window->now.end;
}

const tc_entropy_block *tc_entropy_mcus(tc_entropy *entropy, unsigned count)
{
    tc_entropy_block *blocks = entropy->blocks;

    for (; count > 0; count--, blocks += entropy->mcu_blocks) {
        if (!read_mcu(entropy, blocks))
            return NULL;
    }
    return entropy->blocks;
}

/* ---- two intervals in turns --------------------------------------------------------- */

bool tc_entropy_has_both(tc_entropy *entropy)
{
    tc_window *window = &entropy->window;

    if (!entropy->turns || (entropy->left == 0 && !restart(entropy)) ||
        !tc_window_two(window, entropy->restarts % 8))
        return false;
    tc_turns_begin(entropy->turns, window->now.at, window->next.at);
    entropy->restarts++;
    return true;
}

bool tc_entropy_both(tc_entropy *entropy, const unsigned count[2],
                     const tc_entropy_block *blocks[2])
{
    tc_window *window = &entropy->window;

    if (window->failed || !tc_turns_read(entropy->turns, count, blocks) ||
        tc_turns_at(entropy->turns, 0) > window->now.end ||
        tc_turns_at(entropy->turns, 1) > window->next.end)
        return false;
    entropy->left -= count[0];
    if (entropy->left == 0) {
        tc_window_skip(window);
        entropy->bits = entropy->count = 0;
    }
    return true;
}

size_t tc_entropy_turns_bytes(unsigned components)
{
    return WINDOW_OF_TWO - TC_WINDOW + TC_ENTROPY_BOTH * TC_MCU_BYTES + tc_turns_bytes() +
           2 * components * sizeof(tc_turn_table);
}

void tc_entropy_free(tc_entropy *entropy)
{
    for (unsigned at = 0; entropy && at < TC_ENTROPY_TABLES; at++) {
        free(entropy->dc_table[at]);
        free(entropy->values_table[at]);
        free(entropy->skip_table[at]);
        free(entropy->turn_dc[at]);
        free(entropy->turn_values[at]);
        free(entropy->turn_skips[at]);
    }
    if (entropy) {
        tc_turns_free(entropy->turns);
        tc_window_free(&entropy->window);
    }
    free(entropy);
}

static bool make_values(tc_entropy *entropy, unsigned at, const tc_huffman *from)
{
    entropy->values[at] = tc_values_standard(from);
    if (entropy->values[at])
        return true;
    entropy->values[at] = entropy->values_table[at] = malloc(sizeof(tc_values_table));
    return entropy->values_table[at] && tc_values_table_make(entropy->values_table[at], from);
}

static bool make_skip(tc_entropy *entropy, unsigned at, const tc_huffman *from)
{
    entropy->skip[at] = tc_skip_standard(from);
    if (entropy->skip[at])
        return true;
    entropy->skip[at] = entropy->skip_table[at] = malloc(sizeof(tc_skip_table));
    return entropy->skip_table[at] && tc_skip_table_make(entropy->skip_table[at], from);
}

/* Tables `dc` and `ac` of the scan, each made once. */
static bool make_tables(tc_entropy *entropy, const tc_entropy_scan *scan, unsigned dc,
                        unsigned ac, bool dc_only)
{
    if (dc >= TC_ENTROPY_TABLES || ac >= TC_ENTROPY_TABLES || !scan->dc[dc] || !scan->ac[ac])
        return false;
    if (!entropy->dc_table[dc]) {
        entropy->dc_table[dc] = malloc(sizeof(tc_dc_table));
        if (!entropy->dc_table[dc] || !tc_dc_table_make(entropy->dc_table[dc], scan->dc[dc]))
            return false;
    }
    if (dc_only)
        return entropy->skip[ac] || make_skip(entropy, ac, scan->ac[ac]);
    return entropy->values[ac] || make_values(entropy, ac, scan->ac[ac]);
}

/* The component's blocks of an MCU. */
static bool add_component(tc_entropy *entropy, const tc_entropy_scan *scan, unsigned at)
{
    unsigned dc = scan->component[at].dc, ac = scan->component[at].ac;
    bool dc_only = scan->component[at].dc_only;

    if (scan->component[at].blocks > TC_ENTROPY_BLOCKS - entropy->mcu_blocks ||
        !make_tables(entropy, scan, dc, ac, dc_only))
        return false;
    for (unsigned n = scan->component[at].blocks; n > 0; n--)
        entropy->kind[entropy->mcu_blocks++] = (block_kind){
            entropy->dc_table[dc], dc_only ? NULL : entropy->values[ac], entropy->skip[ac], at};
    return true;
}

/* A table of `make`, once. */
static const tc_turn_table *turn_table(tc_turn_table **table, const tc_huffman *from,
                                       bool make(tc_turn_table *, const tc_huffman *))
{
    if (!*table) {
        *table = malloc(sizeof **table);
        if (!*table || !make(*table, from))
            return NULL;
    }
    return *table;
}

static const tc_turn_table *turn_values(tc_turn_table **table, const tc_huffman *from)
{
    const tc_turn_table *standard = tc_turn_values_standard(from);

    return standard ? standard : turn_table(table, from, tc_turn_values_make);
}

static bool open_turns(tc_entropy *entropy, const tc_entropy_scan *scan)
{
    tc_turn_kind kind[TC_ENTROPY_BLOCKS];

    for (unsigned at = 0; at < entropy->mcu_blocks; at++) {
        unsigned component = entropy->kind[at].component;
        unsigned dc = scan->component[component].dc, ac = scan->component[component].ac;
        bool dc_only = scan->component[component].dc_only;

        kind[at] = (tc_turn_kind){
            turn_table(&entropy->turn_dc[dc], scan->dc[dc], tc_turn_dc_make),
            dc_only ? turn_table(&entropy->turn_skips[ac], scan->ac[ac], tc_turn_skips_make)
                    : turn_values(&entropy->turn_values[ac], scan->ac[ac]),
            dc_only, component};
        if (!kind[at].dc || !kind[at].ac)
            return false;
    }
    entropy->turns = tc_turns_open(kind, entropy->mcu_blocks);
    return entropy->turns != NULL;
}

tc_entropy *tc_entropy_open(const tc_entropy_scan *scan)
{
    tc_entropy *entropy = calloc(1, sizeof *entropy);
    bool good = entropy && scan->components >= 1 && scan->components <= TC_ENTROPY_COMPONENTS;

    for (unsigned at = 0; good && at < scan->components; at++)
        good = add_component(entropy, scan, at);
    good = good && (!scan->turns || scan->interval == 0 || open_turns(entropy, scan)) &&
           tc_window_init(&entropy->window, entropy->turns ? WINDOW_OF_TWO : TC_WINDOW,
                          entropy->turns ? TC_ENTROPY_BOTH : 1, scan->read, scan->context);
    if (!good) {
        tc_entropy_free(entropy);
        return NULL;
    }
    entropy->interval = entropy->left = scan->interval;
    return entropy;
}
