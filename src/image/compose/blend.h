/* SPDX-License-Identifier: Apache-2.0 */
/* Porter and Duff's OVER for one pixel, and pixels of every model to and from a colour. */
#ifndef TC_BLEND_H
#define TC_BLEND_H

#include "image/core/image.h"
#include "image/params/params.h"

/* `over` of `alpha` (255 is opaque) on an opaque `under`. */
static inline uint8_t tc_blend_sample(unsigned over, unsigned alpha, unsigned under)
{
    return (uint8_t)((over * alpha + under * (255 - alpha) + 127) / 255);
}

/* `over` laid over `under`, alpha straight in both. */
static inline tc_colour tc_blend(tc_colour over, tc_colour under)
{
    unsigned over_part, under_part, all;

    if (under.a == 255)
        return (tc_colour){tc_blend_sample(over.r, over.a, under.r),
                           tc_blend_sample(over.g, over.a, under.g),
                           tc_blend_sample(over.b, over.a, under.b), 255};
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

/* The pixel at `from`. */
static inline tc_colour tc_colour_load(const uint8_t *from, tc_model model)
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

/* Write `colour` as a pixel; grey takes the red. */
static inline void tc_colour_store(uint8_t *to, tc_colour colour, tc_model model)
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

#endif
