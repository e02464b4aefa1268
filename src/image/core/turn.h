/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turning a picture upright: rows go in as they are stored and come out as they
 * are seen. Mirroring needs one row; turns of 3 and over hold the whole picture, all of
 * whose stored rows must be in before the first upright one can come out.
 */
#ifndef TC_TURN_H
#define TC_TURN_H

#include "base/error.h"
#include "image.h"

typedef struct tc_turn tc_turn;

/* For `width` x `height` stored pixels of `channels` bytes. TC_E_NO_MEMORY is the one error. */
tc_error tc_turn_create(tc_turn **turn, uint8_t orientation, uint32_t width, uint32_t height,
                        uint8_t channels);

/* Where the next stored row is to be written. */
uint8_t *tc_turn_put(tc_turn *turn);

/* The next upright row; the turn's memory, good until the next call. */
const uint8_t *tc_turn_get(tc_turn *turn);

/* Accepts NULL. */
void tc_turn_free(tc_turn *turn);

#endif
