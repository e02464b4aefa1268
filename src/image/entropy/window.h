/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of the file's bytes, of which the stuffed zeros are taken out (T.81, B.1.1.5): the
 * data of one segment, which ends before a marker, stand next to each other for the decoder;
 * behind them those of the next segment, where they are wanted in time.
 *
 *   data + TC_WINDOW_BEFORE  now.at       now.end    next.at  next.end  raw     raw_end  + room
 *    | was read               | to be read  | a marker  | the same | ..  | as in  | nothing |
 * margin | the file
 */
#ifndef TC_ENTROPY_WINDOW_H
#define TC_ENTROPY_WINDOW_H

#include "entropy.h"

/* Bytes of the file that are read at once, at most; the least room. */
#define TC_WINDOW (32 * 1024)

/* Bytes before `at` that may be looked at; of the last of them some bits may be unread. */
#define TC_WINDOW_BEFORE 8

/*
 * Bytes of an MCU at most, with what may be looked at behind it: a block has 64 values of at
 * most 16 + 15 bits, and an end. An MCU that begins before the window's end is decoded without
 * looking where that is, or several are.
 */
#define TC_MCU_BYTES (TC_ENTROPY_BLOCKS * (64 * 31 / 8 + 2) + 16)

/* What is to be read of a segment. */
typedef struct tc_segment {
    uint8_t *at, *end;
    bool closed; /* the segment's end is `end`: a marker follows, or the file's end */
} tc_segment;

typedef struct tc_window {
    tc_entropy_read *read;
    void *context;
    tc_segment now, next;
    bool has_next; /* or else a marker is at `raw` when `now` is closed */
    uint8_t *raw, *raw_end;
    bool ended;  /* nothing is left to be read */
    bool failed; /* the reader did */
    size_t room;
    uint8_t *data;
} tc_window;

/*
 * `window` is all zeros; `room` is TC_WINDOW or more. At most `mcus` are decoded without
 * looking for the end. False without memory.
 */
bool tc_window_init(tc_window *window, size_t room, unsigned mcus, tc_entropy_read *read,
                    void *context);

/* Have TC_MCU_BYTES at now.at, or all that is left of the segment. Moves what is there. */
void tc_window_fill(tc_window *window);

/*
 * Past the rest of the segment, however long, and the marker behind it, with its fill bytes, to
 * the next segment. False when that is not RST0 + `number`.
 */
bool tc_window_restart(tc_window *window, unsigned number);

/*
 * Have all that is left of the segment and, as `next`, the whole of the one behind it and RST0
 * + `number`. False where they have no room, or are not there; the segment can be read all the
 * same. Moves what is there.
 */
bool tc_window_two(tc_window *window, unsigned number);

/* Past the rest of the segment to `next`, which is there. */
void tc_window_skip(tc_window *window);

void tc_window_free(tc_window *window);

#endif
