/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turning a picture upright: rows go in as they are stored and come out as they
 * are seen. Mirroring needs one row; orientations of 3 and over hold the whole picture, all of
 * whose stored rows must be in before the first upright one can come out.
 */
#ifndef TC_ORIENT_H
#define TC_ORIENT_H

#include "base/error.h"
#include "image/core/image.h"

typedef struct tc_orient tc_orient;

/* For `width` x `height` stored pixels of `channels` bytes. TC_E_NO_MEMORY is the one error. */
tc_error tc_orient_create(tc_orient **orient, uint8_t orientation, uint32_t width,
                          uint32_t height, uint8_t channels);

/* Where the next stored row is to be written. */
uint8_t *tc_orient_row_to_write(tc_orient *orient);

/* The next upright row; memory of `orient`, good until the next call. */
const uint8_t *tc_orient_read_row(tc_orient *orient);

/* Accepts NULL. */
void tc_orient_free(tc_orient *orient);

#endif
