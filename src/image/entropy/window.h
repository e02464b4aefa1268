/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of the file's bytes, of which the stuffed zeros are taken out (T.81, B.1.1.5): the
 * data of one segment, which ends before a marker, stand next to each other for the decoder.
 *
 *   data        at             end          raw          raw_end        data + TC_WINDOW
 *    | was read  | to be read   | nothing    | as in the   | nothing      | margin |
 *                                              file
 */
#ifndef TC_ENTROPY_WINDOW_H
#define TC_ENTROPY_WINDOW_H

#include "entropy.h"

#define TC_WINDOW (32 * 1024)

/*
 * Bytes of an MCU at most, with what may be looked at behind it: a block has 64 values of at
 * most 16 + 15 bits, and an end. An MCU that begins before the window's end is decoded without
 * looking where that is.
 */
#define TC_MCU_BYTES (TC_ENTROPY_BLOCKS * (64 * 31 / 8 + 2) + 16)

typedef struct tc_window {
    tc_entropy_read *read;
    void *context;
    uint8_t *at, *end, *raw, *raw_end;
    bool closed; /* the segment's end is `end`; a marker is at `raw`, or the file ends there */
    bool ended;  /* nothing is left to be read */
    bool failed; /* the reader did */
    uint8_t data[TC_WINDOW + TC_MCU_BYTES];
} tc_window;

/* `window` is all zeros. */
void tc_window_init(tc_window *window, tc_entropy_read *read, void *context);

/* Have TC_MCU_BYTES at `at`, or all that is left of the segment. Moves what is there. */
void tc_window_fill(tc_window *window);

/*
 * Past the rest of the segment and the marker behind it, with its fill bytes, to the next
 * segment. False when that is not RST0 + `number`.
 */
bool tc_window_restart(tc_window *window, unsigned number);

#endif
