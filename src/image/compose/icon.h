/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second picture, laid over the output at its own size: a watermark, a logo. It is
 * decoded row by row along with the output, and only the part that falls on the output.
 */
#ifndef TC_ICON_H
#define TC_ICON_H

#include "image/codec/codec.h"
#include "image/scale/geometry.h"

typedef struct tc_icon tc_icon;

/*
 * Read the header of `input`, which is borrowed until tc_icon_free, and place the icon with
 * its corner at params->ix, iy of an output of `width` x `height` pixels. Whatever is
 * wrong with the icon is TC_E_ICON, out of memory aside.
 */
tc_error tc_icon_open(tc_icon **icon, const tc_input *input, const tc_params *params,
                      uint32_t width, uint32_t height, const tc_limits *limits, tc_fail *fail);

/* Upper estimate of the memory it takes, in bytes. */
uint64_t tc_icon_bytes(const tc_icon *icon);

/* Estimate of the processor time it takes, in nanoseconds. */
uint64_t tc_icon_ns(const tc_icon *icon);

/* Begin decoding; `cancel` may be NULL. */
tc_error tc_icon_start(tc_icon *icon, const tc_cancel *cancel, tc_fail *fail);

/* Lay the icon over the output's next row, pixels of `model`; from the top, one by one. */
tc_error tc_icon_row(tc_icon *icon, uint8_t *row, tc_model model, tc_fail *fail);

/* Accepts NULL. */
void tc_icon_free(tc_icon *icon);

#endif
