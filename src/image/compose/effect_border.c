/* SPDX-License-Identifier: Apache-2.0 */
/* A border drawn inside the output: `bw` pixels left and right, `bh` above and below. */
#include "base/buffer.h"
#include "effect_kind.h"
#include "blend.h"

#include <stdlib.h>
#include <string.h>

struct tc_effect {
    tc_shape shape;
    tc_colour colour;
    uint32_t bw, bh;
    uint8_t channels;
    size_t stride;
    uint32_t y; /* of the next row to come */
    bool there; /* `row` is finished and not yet taken */
    uint8_t row[];
};

static bool border_named(const tc_params *params)
{
    return params->bw > 0 || params->bh > 0;
}

static uint64_t border_bytes(const tc_params *params, const tc_shape *shape)
{
    (void)params;
    return sizeof(tc_effect) + (uint64_t)shape->width * tc_model_channels(shape->model);
}

static tc_error border_create(tc_effect **effect, const tc_params *params,
                              const tc_shape *shape, tc_icon *icon, tc_fail *fail)
{
    uint8_t channels = tc_model_channels(shape->model);
    size_t stride = (size_t)shape->width * channels;
    tc_effect *made = tc_buffer_zeroed(sizeof *made + stride);

    (void)icon;
    (void)fail;
    *effect = made;
    if (!made)
        return TC_E_NO_MEMORY;
    made->shape = *shape;
    made->colour = params->bc;
    made->bw = params->bw;
    made->bh = params->bh;
    made->channels = channels;
    made->stride = stride;
    return TC_E_OK;
}

/* Lay the colour over the pixels from `x` on. */
static void paint(tc_effect *effect, uint32_t x, uint32_t pixels)
{
    tc_model model = effect->shape.model;
    uint8_t *to = effect->row + (size_t)x * effect->channels;

    for (; pixels > 0; pixels--, to += effect->channels)
        tc_colour_store(to, tc_blend(effect->colour, tc_colour_load(to, model)), model);
}

static tc_error border_write_row(tc_effect *effect, const uint8_t *row)
{
    uint32_t y = effect->y++, width = effect->shape.width;

    memcpy(effect->row, row, effect->stride);
    effect->there = true;
    /* A border that meets itself in the middle must not be laid on twice. */
    if (y < effect->bh || effect->shape.height - y <= effect->bh ||
        effect->bw >= width - width / 2) {
        paint(effect, 0, width);
    } else {
        paint(effect, 0, effect->bw);
        paint(effect, width - effect->bw, effect->bw);
    }
    return TC_E_OK;
}

static tc_error border_read_row(tc_effect *effect, const uint8_t **row)
{
    *row = effect->there ? effect->row : NULL;
    effect->there = false;
    return TC_E_OK;
}

static void border_free(tc_effect *effect)
{
    tc_buffer_free(effect);
}

/* A copy, and what is laid on it. */
static double border_ns(const tc_params *params, const tc_shape *shape)
{
    (void)params;
    return 0.5 * tc_model_channels(shape->model);
}

const tc_effect_kind tc_effect_border = {border_named,  border_bytes,     border_ns,
                                         border_create, border_write_row, border_read_row,
                                         border_free};
