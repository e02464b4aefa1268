/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coefficients of a baseline JPEG's only scan (ITU-T T.81, F.2.2: Huffman coding, 8 bits,
 * sequential), MCU by MCU. Bytes come in from just behind the scan's header.
 *
 * It knows sound files only. Whatever is not as T.81 has it ends the decoding with false: a
 * code that no symbol has, coefficients past the block's end, a restart marker that is missing
 * or out of order, data that end early. Then another decoder begins again. What it
 * delivers until then is what the file says, bit by bit.
 */
#ifndef TC_ENTROPY_H
#define TC_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TC_ENTROPY_COMPONENTS 4
#define TC_ENTROPY_TABLES     4
#define TC_ENTROPY_BLOCKS     10 /* of an MCU at most: T.81, B.2.3 */
#define TC_ENTROPY_MCUS       8  /* decoded at once, at most */
#define TC_ENTROPY_BOTH       16 /* the same of each of two intervals */

/* A table as a file's DHT segment has it. */
typedef struct tc_huffman {
    uint8_t counts[17]; /* codes of 1..16 bits; 0 is not used */
    uint8_t symbols[256];
} tc_huffman;

/* Up to `length` next bytes of the file into `to`; none at the end. False: they cannot be read.
 */
typedef bool tc_entropy_read(void *context, uint8_t *to, size_t length, size_t *got);

typedef struct tc_entropy_scan {
    unsigned components; /* in the order of the scan's header */
    struct {
        unsigned blocks; /* in each MCU */
        unsigned dc, ac; /* numbers of tables */
        bool dc_only;    /* its other coefficients are not wanted */
    } component[TC_ENTROPY_COMPONENTS];
    const tc_huffman *dc[TC_ENTROPY_TABLES], *ac[TC_ENTROPY_TABLES]; /* NULL: not in the file */
    uint32_t interval; /* MCUs between restart markers; 0: none */
    bool turns;        /* two of these intervals may be asked for at a time */
    tc_entropy_read *read;
    void *context;
} tc_entropy_scan;

/* A block's coefficients in the order of the file (T.81, figure A.6), before they are
 * multiplied. */
typedef struct tc_entropy_block {
    int16_t coefficient[64]; /* where only DC is wanted the others are not set */
    unsigned last;           /* of those that the file names; 0: all but DC are 0 */
} __attribute__((aligned(16))) tc_entropy_block;

typedef struct tc_entropy tc_entropy;

/*
 * `scan` is copied, but for its tables, which are not needed later. NULL without memory, or
 * where a table is missing or not sound.
 */
tc_entropy *tc_entropy_open(const tc_entropy_scan *scan);

/*
 * The blocks of the next `count` MCUs, at most TC_ENTROPY_MCUS, in the order of the file; they
 * hold until the next call. NULL when something is wrong, or the file ends early: then no
 * further MCU can be had.
 */
const tc_entropy_block *tc_entropy_mcus(tc_entropy *entropy, unsigned count);

/*
 * Whether the next two intervals can be decoded in turns, which takes less time: one begins
 * here, and both are short enough to be in memory. Then tc_entropy_both gives all of their
 * MCUs before anything else is asked for.
 */
bool tc_entropy_has_both(tc_entropy *entropy);

/*
 * The blocks of the next MCUs of both, at most TC_ENTROPY_BOTH of each; they hold until the
 * next call. The second interval may end early where the scan does. False as above.
 */
bool tc_entropy_both(tc_entropy *entropy, const unsigned count[2],
                     const tc_entropy_block *blocks[2]);

/* Bytes that `turns` takes more, at most, with as many components. */
size_t tc_entropy_turns_bytes(unsigned components);

/* Accepts NULL. */
void tc_entropy_free(tc_entropy *entropy);

#endif
