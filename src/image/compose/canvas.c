/* SPDX-License-Identifier: Apache-2.0 */
#include "canvas.h"

#include "blend.h"

#include <string.h>

static const tc_colour white = {255, 255, 255, 255};

static bool is_grey(tc_colour colour)
{
    return colour.r == colour.g && colour.g == colour.b;
}

/* Whether the picture lies on every pixel of the canvas, as in a thumbnail cut square. */
static bool covers(const tc_plan *plan)
{
    return plan->picture_w == plan->output_w && plan->picture_h == plan->output_h;
}

void tc_canvas_init(tc_canvas *canvas, const tc_plan *plan, const tc_params *params,
                    tc_model from, bool stores_alpha, bool colour)
{
    bool alpha = tc_model_has_alpha(from);
    bool laid = plan->canvas && (alpha || !covers(plan)); /* some of the canvas may show */
    bool alpha_out, grey_out, shows_under;

    *canvas = (tc_canvas){.from = from,
                          .under = params->cc,
                          .width = plan->output_w,
                          .offset_x = plan->offset_x,
                          .offset_y = plan->offset_y,
                          .picture_w = plan->picture_w,
                          .picture_h = plan->picture_h};
    if (!plan->canvas && !tc_params_has_cc(params))
        canvas->under = white;
    alpha_out = stores_alpha && (laid ? canvas->under.a < 255 : alpha);
    if (!stores_alpha)
        canvas->under = tc_blend(canvas->under, white);
    shows_under = laid || (alpha && !alpha_out);
    grey_out = tc_model_is_grey(from) && !colour && (!shows_under || is_grey(canvas->under));
    canvas->to =
        grey_out ? (alpha_out ? TC_GREY_ALPHA : TC_GREY) : (alpha_out ? TC_RGB_ALPHA : TC_RGB);
    canvas->direct = !shows_under && canvas->to == from;
}

bool tc_canvas_wants_picture(const tc_canvas *canvas, uint32_t y)
{
    return y >= canvas->offset_y && y - canvas->offset_y < canvas->picture_h;
}

static void fill(const tc_canvas *canvas, uint8_t *to, uint32_t pixels)
{
    uint8_t channels = tc_model_channels(canvas->to);

    for (; pixels > 0; pixels--, to += channels)
        tc_colour_store(to, canvas->under, canvas->to);
}

void tc_canvas_row(const tc_canvas *canvas, const uint8_t *picture, uint8_t *to)
{
    uint8_t in = tc_model_channels(canvas->from), out = tc_model_channels(canvas->to);
    uint32_t right = canvas->offset_x + canvas->picture_w;

    if (!picture) {
        fill(canvas, to, canvas->width);
        return;
    }
    fill(canvas, to, canvas->offset_x);
    fill(canvas, to + (size_t)right * out, canvas->width - right);
    to += (size_t)canvas->offset_x * out;
    if (canvas->from == canvas->to && !tc_model_has_alpha(canvas->from)) {
        memcpy(to, picture, (size_t)canvas->picture_w * in);
        return;
    }
    for (uint32_t x = 0; x < canvas->picture_w; x++, picture += in, to += out)
        tc_colour_store(to, tc_blend(tc_colour_load(picture, canvas->from), canvas->under),
                        canvas->to);
}
