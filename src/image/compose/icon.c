/* SPDX-License-Identifier: Apache-2.0 */
#include "icon.h"

#include "image/picture/decode_cost.h"
#include "blend.h"
#include "image/picture/picture.h"
#include "image/picture/open.h"

#include <stdlib.h>
#include <string.h>

struct tc_icon {
    char name[TC_ICON_MAX + 1];
    const tc_codec *codec;
    tc_decoder *decoder;
    tc_image_info info;
    tc_plan plan; /* of a canvas of the output's size with the icon on it */
    tc_picture *picture;
    uint64_t bytes; /* of the file */
    uint32_t y;     /* the output's next row */
    tc_fail fail;
};

/* What went wrong with the icon must not look as if the picture were at fault. */
static tc_error report_error(const tc_icon *icon, tc_error error, tc_fail *fail)
{
    if (error == TC_E_NOT_IMAGE || error == TC_E_NOT_BUILT || error == TC_E_UNSUPPORTED ||
        error == TC_E_DAMAGED || error == TC_E_PIXELS_TOO_MANY ||
        error == TC_E_SOURCE_TOO_LARGE || error == TC_E_READ)
        return tc_fail_set(fail, TC_E_ICON, "embedicon=%s: %s", icon->name, icon->fail.text);
    return tc_fail_set(fail, error, "%s", icon->fail.text);
}

static tc_error plan_icon(tc_icon *icon, const tc_params *params, uint32_t width,
                          uint32_t height, const tc_limits *limits)
{
    tc_limits bounds = {.max_pixels = limits->max_pixels};
    tc_params own;

    tc_params_init(&own);
    own.cw = width;
    own.ch = height;
    own.dx = (tc_coord){params->ix, TC_UNIT_PIXEL};
    own.dy = (tc_coord){params->iy, TC_UNIT_PIXEL};
    return tc_plan_make(&icon->plan, &own, &icon->info, &bounds, &icon->fail);
}

tc_error tc_icon_open(tc_icon **icon, const tc_input *input, const tc_params *params,
                      uint32_t width, uint32_t height, const tc_limits *limits, tc_fail *fail)
{
    tc_icon *made = calloc(1, sizeof *made);
    tc_error error;

    *icon = made;
    if (!made)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "out of memory for the icon");
    memcpy(made->name, params->icon, sizeof made->name);
    made->bytes = input->size;
    error =
        tc_picture_open(&made->codec, &made->decoder, input, limits, &made->info, &made->fail);
    if (!error)
        error = plan_icon(made, params, width, height, limits);
    return error ? report_error(made, error, fail) : TC_E_OK;
}

uint64_t tc_icon_bytes(const tc_icon *icon)
{
    return sizeof *icon + icon->plan.bytes;
}

/* Measured: a pixel laid over the output. */
#define BLEND_NS 6

uint64_t tc_icon_ns(const tc_icon *icon)
{
    return tc_cost_picture_ns(&icon->info, &icon->plan, icon->bytes) +
           (uint64_t)icon->plan.picture_w * icon->plan.picture_h * BLEND_NS;
}

tc_error tc_icon_start(tc_icon *icon, const tc_cancel *cancel, tc_fail *fail)
{
    tc_decode_want want = {.cancel = cancel};
    tc_error error;

    if (icon->plan.empty)
        return TC_E_OK;
    error = tc_picture_start(&icon->picture, icon->codec, icon->decoder, &icon->info,
                             &icon->plan, &want, &icon->fail);
    return error ? report_error(icon, error, fail) : TC_E_OK;
}

tc_error tc_icon_row(tc_icon *icon, uint8_t *row, tc_model model, tc_fail *fail)
{
    const tc_plan *plan = &icon->plan;
    uint8_t from_channels = tc_model_channels(icon->info.model);
    uint8_t channels = tc_model_channels(model);
    uint32_t y = icon->y++;
    const uint8_t *from;
    tc_strip strip;
    tc_error error;

    if (plan->empty || y < plan->offset_y || y - plan->offset_y >= plan->picture_h)
        return TC_E_OK;
    error = tc_picture_rows(icon->picture, &strip);
    if (error)
        return report_error(icon, error, fail);
    from = strip.plane[0].data;
    row += (size_t)plan->offset_x * channels;
    for (uint32_t x = 0; x < plan->picture_w; x++, row += channels, from += from_channels)
        tc_colour_store(
            row, tc_blend(tc_colour_load(from, icon->info.model), tc_colour_load(row, model)),
            model);
    return TC_E_OK;
}

void tc_icon_free(tc_icon *icon)
{
    if (!icon)
        return;
    tc_picture_free(icon->picture);
    if (icon->codec)
        icon->codec->decode_free(icon->decoder);
    free(icon);
}
