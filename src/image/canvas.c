/* SPDX-License-Identifier: Apache-2.0 */
#include "canvas.h"

#include <string.h>

static const tc_colour white = {255, 255, 255, 255};

static bool is_grey(tc_colour colour)
{
    return colour.r == colour.g && colour.g == colour.b;
}

static uint8_t blend(unsigned over, unsigned alpha, unsigned under)
{
    return (uint8_t)((over * alpha + under * (255 - alpha) + 127) / 255);
}

/* `over` laid over `under`, alpha straight in both. */
static tc_colour lay_over(tc_colour over, tc_colour under)
{
    unsigned over_part, under_part, all;

    if (under.a == 255)
        return (tc_colour){blend(over.r, over.a, under.r), blend(over.g, over.a, under.g),
                           blend(over.b, over.a, under.b), 255};
    over_part = over.a * 255u;
    under_part = under.a * (255u - over.a);
    all = over_part + under_part;
    if (all == 0)
        return (tc_colour){0, 0, 0, 0};
    return (tc_colour){(uint8_t)((over.r * over_part + under.r * under_part + all / 2) / all),
                       (uint8_t)((over.g * over_part + under.g * under_part + all / 2) / all),
                       (uint8_t)((over.b * over_part + under.b * under_part + all / 2) / all),
                       (uint8_t)((all + 127) / 255)};
}

static tc_colour load(const uint8_t *from, tc_model model)
{
    switch (model) {
    case TC_GREY:
        return (tc_colour){from[0], from[0], from[0], 255};
    case TC_GREY_ALPHA:
        return (tc_colour){from[0], from[0], from[0], from[1]};
    case TC_RGB_ALPHA:
        return (tc_colour){from[0], from[1], from[2], from[3]};
    default:
        return (tc_colour){from[0], from[1], from[2], 255};
    }
}

static void store(uint8_t *to, tc_colour colour, tc_model model)
{
    to[0] = colour.r;
    if (model == TC_GREY_ALPHA) {
        to[1] = colour.a;
    } else if (model != TC_GREY) {
        to[1] = colour.g;
        to[2] = colour.b;
        if (model == TC_RGB_ALPHA)
            to[3] = colour.a;
    }
}

/* Whether the picture lies on every pixel of the canvas, as in a thumbnail cut square. */
static bool covers(const tc_plan *plan)
{
    return plan->picture_w == plan->output_w && plan->picture_h == plan->output_h;
}

void tc_canvas_init(tc_canvas *canvas, const tc_plan *plan, const tc_params *params,
                    tc_model from, bool stores_alpha)
{
    bool alpha = tc_model_has_alpha(from);
    bool laid = plan->canvas && (alpha || !covers(plan)); /* some of the canvas may show */
    bool alpha_out, grey_out, shows_under;

    *canvas = (tc_canvas){.from = from,
                          .under = params->cc,
                          .width = plan->output_w,
                          .place_x = plan->place_x,
                          .place_y = plan->place_y,
                          .picture_w = plan->picture_w,
                          .picture_h = plan->picture_h};
    if (!plan->canvas && !tc_params_has_cc(params))
        canvas->under = white;
    alpha_out = stores_alpha && (laid ? canvas->under.a < 255 : alpha);
    if (!stores_alpha)
        canvas->under = lay_over(canvas->under, white);
    shows_under = laid || (alpha && !alpha_out);
    grey_out = tc_model_is_grey(from) && (!shows_under || is_grey(canvas->under));
    canvas->to =
        grey_out ? (alpha_out ? TC_GREY_ALPHA : TC_GREY) : (alpha_out ? TC_RGB_ALPHA : TC_RGB);
    canvas->direct = !shows_under && canvas->to == from;
}

bool tc_canvas_wants_picture(const tc_canvas *canvas, uint32_t y)
{
    return y >= canvas->place_y && y - canvas->place_y < canvas->picture_h;
}

static void fill(const tc_canvas *canvas, uint8_t *to, uint32_t pixels)
{
    uint8_t channels = tc_model_channels(canvas->to);

    for (; pixels > 0; pixels--, to += channels)
        store(to, canvas->under, canvas->to);
}

void tc_canvas_row(const tc_canvas *canvas, const uint8_t *picture, uint8_t *to)
{
    uint8_t in = tc_model_channels(canvas->from), out = tc_model_channels(canvas->to);
    uint32_t right = canvas->place_x + canvas->picture_w;

    if (!picture) {
        fill(canvas, to, canvas->width);
        return;
    }
    fill(canvas, to, canvas->place_x);
    fill(canvas, to + (size_t)right * out, canvas->width - right);
    to += (size_t)canvas->place_x * out;
    if (canvas->from == canvas->to && !tc_model_has_alpha(canvas->from)) {
        memcpy(to, picture, (size_t)canvas->picture_w * in);
        return;
    }
    for (uint32_t x = 0; x < canvas->picture_w; x++, picture += in, to += out)
        store(to, lay_over(load(picture, canvas->from), canvas->under), canvas->to);
}
