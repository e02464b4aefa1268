/* SPDX-License-Identifier: Apache-2.0 */
/* The icon over the output, last of all. */
#include "base/buffer.h"
#include "effect_kind.h"

#include <stdlib.h>
#include <string.h>

struct tc_effect {
    tc_icon *icon;
    tc_fail *fail;
    tc_model model;
    size_t stride;
    bool there; /* `row` is finished and not yet taken */
    uint8_t row[];
};

static bool icon_named(const tc_params *params)
{
    return *params->icon != '\0';
}

static uint64_t icon_bytes(const tc_params *params, const tc_shape *shape)
{
    (void)params;
    return sizeof(tc_effect) + (uint64_t)shape->width * tc_model_channels(shape->model);
}

static tc_error icon_create(tc_effect **effect, const tc_params *params, const tc_shape *shape,
                            tc_icon *icon, tc_fail *fail)
{
    size_t stride = (size_t)shape->width * tc_model_channels(shape->model);
    tc_effect *made = tc_buffer_zeroed(sizeof *made + stride);

    *effect = made;
    if (!made)
        return TC_E_NO_MEMORY;
    made->icon = icon;
    made->fail = fail;
    made->model = shape->model;
    made->stride = stride;
    if (!icon)
        return tc_fail_set(fail, TC_E_INTERNAL, "embedicon=%s: no icon was opened",
                           params->icon);
    return TC_E_OK;
}

static tc_error icon_write_row(tc_effect *effect, const uint8_t *row)
{
    memcpy(effect->row, row, effect->stride);
    effect->there = true;
    return tc_icon_row(effect->icon, effect->row, effect->model, effect->fail);
}

static tc_error icon_read_row(tc_effect *effect, const uint8_t **row)
{
    *row = effect->there ? effect->row : NULL;
    effect->there = false;
    return TC_E_OK;
}

static void icon_free(tc_effect *effect)
{
    tc_buffer_free(effect);
}

/* A copy, and what is laid on it. */
static double icon_ns(const tc_params *params, const tc_shape *shape)
{
    (void)params;
    return 0.5 * tc_model_channels(shape->model);
}

const tc_effect_kind tc_effect_icon = {icon_named,     icon_bytes,    icon_ns,  icon_create,
                                       icon_write_row, icon_read_row, icon_free};
