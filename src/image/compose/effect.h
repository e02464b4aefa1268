/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Effects on the output's rows, between canvas and encoder: unsharp, sharpen, blur,
 * border and icon, in this order, each only where it was named. Rows go in and come out
 * one by one, the last some rows later: an effect holds no more than it looks at.
 */
#ifndef TC_EFFECT_H
#define TC_EFFECT_H

#include "base/error.h"
#include "icon.h"
#include "image/core/image.h"
#include "image/params/params.h"

/* The rows' shape. `width` and `height` in pixels, `model` interleaved, 8 bits a sample. */
typedef struct tc_shape {
    tc_model model;
    uint32_t width, height;
} tc_shape;

typedef struct tc_effects tc_effects;

/* Whether `params` name any effect: then rows of grey or RGB are needed. */
bool tc_effects_named(const tc_params *params);

/* Whether an effect brings colours of its own, so that grey rows must become RGB first. */
bool tc_effects_colour(const tc_params *params);

/* The memory tc_effects_create would take, in bytes; an icon's own is in its plan. */
uint64_t tc_effects_bytes(const tc_params *params, const tc_shape *shape);

/* Estimate of the processor time they take, in nanoseconds; an icon's own is tc_icon_ns. */
uint64_t tc_effects_ns(const tc_params *params, const tc_shape *shape);

/*
 * Make the effects that `params` name. `icon` is borrowed until tc_effects_free, NULL
 * when none was named. After an error only that may be called.
 */
tc_error tc_effects_create(tc_effects **effects, const tc_params *params, const tc_shape *shape,
                           tc_icon *icon, tc_fail *fail);

/* The next row from the canvas; borrowed until tc_effects_read_row has no more. */
tc_error tc_effects_write_row(tc_effects *effects, const uint8_t *row);

/*
 * The next finished row, good until the next call; *row is NULL when another has to be
 * written first. To be called until then after each row that was written.
 */
tc_error tc_effects_read_row(tc_effects *effects, const uint8_t **row);

/* Accepts NULL. */
void tc_effects_free(tc_effects *effects);

#endif
