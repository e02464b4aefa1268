/* SPDX-License-Identifier: Apache-2.0 */
/* One kind of effect: a row of the table in effect.c. Nobody else includes this. */
#ifndef TC_EFFECT_KIND_H
#define TC_EFFECT_KIND_H

#include "effect.h"

typedef struct tc_effect tc_effect; /* an effect at work; each kind has its own */

typedef struct tc_effect_kind {
    bool (*named)(const tc_params *params);
    uint64_t (*bytes)(const tc_params *params, const tc_shape *shape);
    /* Processor time a pixel, measured; nanoseconds. */
    double (*pixel_ns)(const tc_params *params, const tc_shape *shape);
    /* *effect is to be freed even when TC_E_NO_MEMORY or another error came back. */
    tc_error (*create)(tc_effect **effect, const tc_params *params, const tc_shape *shape,
                       tc_icon *icon, tc_fail *fail);
    /* As tc_effects_write_row and tc_effects_read_row. */
    tc_error (*write_row)(tc_effect *effect, const uint8_t *row);
    tc_error (*read_row)(tc_effect *effect, const uint8_t **row);
    void (*free)(tc_effect *effect); /* accepts NULL */
} tc_effect_kind;

extern const tc_effect_kind tc_effect_unsharp, tc_effect_sharpen, tc_effect_blur;
extern const tc_effect_kind tc_effect_border, tc_effect_icon;

#endif
