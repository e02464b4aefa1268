/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two segments of a scan, read in turns. What a code says is known only when the one before it
 * is read, and a processor waits for that; while it waits, it can read the other segment's. No
 * branch depends on where a block ends, which it could not foretell either: both segments are a
 * list of steps, and the end of one is just the beginning of the next.
 */
#ifndef TC_ENTROPY_TURNS_H
#define TC_ENTROPY_TURNS_H

#include "reader.h"

/* How each block of an MCU is read. */
typedef struct tc_turn_kind {
    const tc_turn_table *dc, *ac; /* of tc_turn_dc_make, and one of the two others */
    bool dc_only;
    unsigned component;
} tc_turn_kind;

typedef struct tc_turns tc_turns;

/* `kind` is copied, but for its tables. NULL without memory. */
tc_turns *tc_turns_open(const tc_turn_kind *kind, unsigned mcu_blocks);

/* Both segments begin here. */
void tc_turns_begin(tc_turns *turns, const uint8_t *first, const uint8_t *second);

/*
 * The blocks of the next MCUs of each, at most TC_ENTROPY_BOTH, which hold until the next call.
 * False where one of them is not sound. TC_ENTROPY_BOTH * TC_MCU_BYTES may be looked at,
 * whatever they are.
 */
bool tc_turns_read(tc_turns *turns, const unsigned count[2], const tc_entropy_block *blocks[2]);

/* Behind the last byte of which a bit was taken. */
const uint8_t *tc_turns_at(const tc_turns *turns, unsigned segment);

size_t tc_turns_bytes(void);

/* Accepts NULL. */
void tc_turns_free(tc_turns *turns);

#endif
