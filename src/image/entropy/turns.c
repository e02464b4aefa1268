/* SPDX-License-Identifier: Apache-2.0 */
#include "turns.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX (TC_ENTROPY_BOTH * TC_ENTROPY_BLOCKS)

/*
 * Entries that are taken of a full reader, with skips among them or without; what is larger
 * has it filled again.
 */
#define TURNS_OF_VALUES 4
#define TURNS_OF_SKIPS  2
_Static_assert(56 / TC_TURN_BITS >= TURNS_OF_VALUES && 56 / TC_SKIP_MOST >= TURNS_OF_SKIPS,
               "bits");
_Static_assert(56 - TC_TURN_BITS - 15 >= TC_SKIP_MOST * (TURNS_OF_SKIPS - 1), "bits");

/*
 * Places are counted from here. So one past the block's end has bit 7 set, and one that is not
 * has no bit but of GOOD, with TC_END in it or without: an advance is at most 63, so is a place
 * before it, and at the end TC_END is one too many.
 */
#define FIRST 63
#define GOOD  (0x7f | (TC_END & ~1))
#define LAST  (FIRST + TC_COEFFICIENTS) /* from here on the block has no more */
_Static_assert(TC_END == 0x101, "bits");

/* A block's difference of DC, or its other coefficients. */
typedef struct step {
    const tc_values_entry *entries;
    const tc_turn_table *table; /* whose they are; NULL: behind the last */
    tc_entropy_block *block;
    uint32_t start; /* place of the first coefficient; TC_RARE behind the last step */
    bool dc_only;
} step;

typedef struct segment {
    tc_reader reader;
    int32_t dc[TC_ENTROPY_COMPONENTS]; /* of the block before */
    step steps[2 * BLOCKS_MAX + 1];
    tc_entropy_block blocks[BLOCKS_MAX];
} segment;

/* Where a segment is, while it is read: a copy, which is kept in registers. */
typedef struct place {
    tc_reader reader;
    const step *step;
    const tc_values_entry *entries; /* of the step */
    uint64_t k;                     /* of the next coefficient */
} place;

typedef bool reads(place *first, place *second);

struct tc_turns {
    reads *read; /* as the processor can */
    unsigned mcu_blocks;
    tc_turn_kind kind[TC_ENTROPY_BLOCKS];
    segment segment[2];
};

/*
 * On to the next step, where the one before is at its end. A branch would be foretold wrongly
 * once a block, and made of this by a compiler that does not know.
 */
ALWAYS void move_on(place *place, uint64_t k)
{
    const step *step = place->step, *next = step + 1;
    const tc_values_entry *entries = place->entries;

#ifdef __x86_64__
    __asm__("cmp %[last], %k[k]\n\t"
            "cmovae %[next_entries], %[entries]\n\t"
            "cmovae %[next], %[step]\n\t"
            "cmovae %[start], %k[k]"
            : [entries] "+&r"(entries), [step] "+&r"(step), [k] "+&r"(k)
            : [next_entries] "m"(next->entries), [next] "r"(next), [start] "m"(next->start),
              [last] "i"(LAST)
            : "cc");
#else
    bool ends = k >= LAST;

    entries = ends ? next->entries : entries;
    k = ends ? next->start : k;
    step = ends ? next : step;
#endif
    place->entries = entries;
    place->step = step;
    place->k = k;
}

/* put_values by an instruction that not every x86-64 has. */
ALWAYS void put(tc_entropy_block *block, uint64_t k, const tc_values_entry *entry, bool sse4)
{
#ifdef __x86_64__
    typedef int64_t words __attribute__((vector_size(16)));
    words wide;

    if (sse4) {
        __asm__("pmovsxbw %[entry], %[wide]" : [wide] "=x"(wide) : [entry] "m"(*entry));
        memcpy(block->coefficient + k + entry->offset, &wide, sizeof entry->value * 2);
        return;
    }
#endif
    (void)sse4;
    put_values(block, (unsigned)k, entry);
}

/* What the next bits hold, unless that is to be looked at alone. */
ALWAYS bool take_entry(place *place, bool sse4)
{
    const tc_values_entry *entry = &place->entries[place->reader.bits >> (64 - TC_TURN_BITS)];
    tc_entropy_block *block = place->step->block;
    uint64_t k = place->k + entry->advance;

    if (__builtin_expect((k & ~(uint64_t)GOOD) != 0, 0))
        return false;
    put(block, place->k - FIRST, entry, sse4);
    block->last = (unsigned)k;
    drop(&place->reader, entry->bits);
    move_on(place, k);
    return true;
}

/* A code that its table tells with a value that it does not, of at most 13 + 15 bits. */
ALWAYS bool take_large(place *place)
{
    const tc_values_entry *entry = &place->entries[place->reader.bits >> (64 - TC_TURN_BITS)];
    unsigned length = entry->advance >> 8 & 31, size = entry->advance & 15;
    tc_entropy_block *block = place->step->block;
    uint64_t k = place->k + (entry->advance >> 4 & 15);

    if (entry->bits > 0 || length == 0 || size == 0 || k >= LAST)
        return false;
    refill(&place->reader);
    drop(&place->reader, length);
    block->coefficient[k - FIRST] = (int16_t)take(&place->reader, size);
    refill(&place->reader);
    k = place->k > FIRST ? k + 1 : FIRST + TC_END;
    block->last = (unsigned)k;
    move_on(place, k);
    return true;
}

typedef enum outcome { GOES_ON, ENDS, IS_WRONG } outcome;

/* A difference of DC whose code is long, or which is large. */
static outcome look_at_dc(place *place, unsigned advance)
{
    unsigned length = advance >> 8 & 31;
    int symbol = (int)(advance & 255);

    if (length > 0)
        drop(&place->reader, length);
    else
        symbol = tc_long_code(&place->reader, &place->step->table->codes);
    if (symbol < 0)
        return IS_WRONG;
    place->step->block->coefficient[0] = (int16_t)take(&place->reader, (unsigned)symbol);
    refill(&place->reader);
    move_on(place, FIRST + TC_END);
    return GOES_ON;
}

/* Entry by entry and code by code, what take_entry has not taken. */
static outcome look_alone(place *place)
{
    const step *step = place->step;
    tc_entropy_block *block = step->dc_only ? NULL : step->block;
    const tc_values_entry *entry;
    unsigned k = (unsigned)place->k - FIRST;
    bool good;

    if (!step->table)
        return ENDS;
    refill(&place->reader);
    entry = &place->entries[place->reader.bits >> (64 - TC_TURN_BITS)];
    if (k == 0)
        return look_at_dc(place, entry->advance);
    good = entry->bits == 0
               ? tc_read_rare(&place->reader, &step->table->codes, entry->advance, block, &k)
               : tc_read_rest(&place->reader, &step->table->codes, block, &k);
    step->block->last = k + FIRST;
    move_on(place, k + FIRST);
    return good ? GOES_ON : IS_WRONG;
}

/* One step on, or more. */
ALWAYS outcome take_turn(place *shared, bool sse4)
{
    place place = *shared, again;
    outcome outcome = GOES_ON;

    if (__builtin_expect(!take_entry(&place, sse4), 0) && !take_large(&place)) {
        again = place;
        outcome = look_alone(&again);
        place = again;
    }
    *shared = place;
    return outcome;
}

/* The last steps of one of them. */
static bool read_alone(place *shared)
{
    place place = *shared;
    outcome outcome;

    do {
        refill(&place.reader);
        outcome = take_turn(&place, false);
        if (outcome == GOES_ON)
            outcome = take_turn(&place, false);
    } while (outcome == GOES_ON);
    *shared = place;
    return outcome == ENDS;
}

/* All steps of both. */
ALWAYS bool read_both(place *first, place *second, const unsigned turns, const bool sse4)
{
    place one = *first, other = *second;
    outcome outcome = GOES_ON;

    do {
        refill(&one.reader);
        refill(&other.reader);
#pragma GCC unroll 8
        for (unsigned n = 0; n < turns; n++) {
            outcome = take_turn(&one, sse4);
            if (outcome != GOES_ON)
                break;
            outcome = take_turn(&other, sse4);
            if (outcome != GOES_ON)
                break;
        }
    } while (outcome == GOES_ON);
    *first = one;
    *second = other;
    return outcome == ENDS && read_alone(first) && read_alone(second);
}

static bool read_values(place *first, place *second)
{
    return read_both(first, second, TURNS_OF_VALUES, false);
}

static bool read_skips(place *first, place *second)
{
    return read_both(first, second, TURNS_OF_SKIPS, false);
}

#ifdef __x86_64__
/* BMI2's shifts by a variable take the number from any register. */
#define BMI2 __attribute__((target("bmi2")))

BMI2 static bool read_values_bmi2(place *first, place *second)
{
    return read_both(first, second, TURNS_OF_VALUES, true);
}

BMI2 static bool read_skips_bmi2(place *first, place *second)
{
    return read_both(first, second, TURNS_OF_SKIPS, true);
}
#endif

static reads *reader_for(bool skips)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("bmi2") && __builtin_cpu_supports("sse4.1"))
        return skips ? read_skips_bmi2 : read_values_bmi2;
#endif
    return skips ? read_skips : read_values;
}

/* Differences of DC to what they are of. */
static bool sum_up(tc_turns *turns, segment *segment, unsigned count)
{
    const tc_turn_kind *end = turns->kind + turns->mcu_blocks;
    tc_entropy_block *block = segment->blocks;

    for (; count > 0; count--) {
        for (const tc_turn_kind *kind = turns->kind; kind < end; kind++, block++) {
            int32_t dc = segment->dc[kind->component] += block->coefficient[0];

            if (dc != (int16_t)dc)
                return false;
            block->coefficient[0] = (int16_t)dc;
            block->last = kind->dc_only ? 0 : tc_place(block->last - FIRST) - 1;
        }
    }
    return true;
}

bool tc_turns_read(tc_turns *turns, const unsigned count[2], const tc_entropy_block *blocks[2])
{
    place place[2];
    step saved[2], *end[2];
    bool good;

    for (unsigned at = 0; at < 2; at++) {
        segment *segment = &turns->segment[at];

        end[at] = &segment->steps[2 * count[at] * turns->mcu_blocks];
        saved[at] = *end[at];
        end[at]->table = NULL;
        end[at]->start = TC_RARE;
        place[at] = (struct place){segment->reader, segment->steps, segment->steps[0].entries,
                                   segment->steps[0].start};
        memset(segment->blocks, 0, count[at] * turns->mcu_blocks * sizeof *segment->blocks);
    }
    good = turns->read(&place[0], &place[1]);
    for (unsigned at = 0; at < 2; at++) {
        segment *segment = &turns->segment[at];

        *end[at] = saved[at];
        segment->reader = place[at].reader;
        good = good && sum_up(turns, segment, count[at]);
        blocks[at] = segment->blocks;
    }
    return good;
}

const uint8_t *tc_turns_at(const tc_turns *turns, unsigned segment)
{
    const tc_reader *reader = &turns->segment[segment].reader;

    return reader->at - (reader->count >> 3);
}

void tc_turns_begin(tc_turns *turns, const uint8_t *first, const uint8_t *second)
{
    for (unsigned at = 0; at < 2; at++) {
        turns->segment[at].reader = (tc_reader){at == 0 ? first : second, 0, 0};
        memset(turns->segment[at].dc, 0, sizeof turns->segment[at].dc);
    }
}

static void make_steps(segment *segment, const tc_turn_kind *kind, unsigned mcu_blocks)
{
    step *step = segment->steps;

    for (unsigned block = 0; block < TC_ENTROPY_BOTH * mcu_blocks; block++) {
        const tc_turn_kind *of = &kind[block % mcu_blocks];

        *step++ =
            (struct step){of->dc->entry, of->dc, &segment->blocks[block], FIRST, of->dc_only};
        *step++ = (struct step){of->ac->entry, of->ac, &segment->blocks[block], FIRST + 1,
                                of->dc_only};
    }
    /* An entry is looked up there too. */
    *step = (struct step){segment->steps[0].entries, NULL, segment->blocks, TC_RARE, false};
}

tc_turns *tc_turns_open(const tc_turn_kind *kind, unsigned mcu_blocks)
{
    tc_turns *turns = calloc(1, sizeof *turns);
    bool skips = false;

    if (!turns)
        return NULL;
    for (unsigned block = 0; block < mcu_blocks; block++)
        skips = skips || kind[block].dc_only;
    turns->read = reader_for(skips);
    turns->mcu_blocks = mcu_blocks;
    memcpy(turns->kind, kind, mcu_blocks * sizeof *kind);
    for (unsigned at = 0; at < 2; at++)
        make_steps(&turns->segment[at], kind, mcu_blocks);
    return turns;
}

size_t tc_turns_bytes(void)
{
    return sizeof(tc_turns);
}

void tc_turns_free(tc_turns *turns)
{
    free(turns);
}
