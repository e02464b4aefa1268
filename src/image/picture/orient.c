/* SPDX-License-Identifier: Apache-2.0 */
#include "orient.h"

#include "base/buffer.h"
#include "image/exif/orientation.h"

#include <stdlib.h>
#include <string.h>

struct tc_orient {
    bool mirrors, flips, swaps;
    uint32_t width, height; /* stored */
    uint8_t channels;
    size_t stride;
    uint32_t held; /* stored rows in `rows` */
    uint32_t next_in, next_out;
    uint8_t *rows;
    uint8_t *out; /* one upright row, when it is not simply a stored one */
};

tc_error tc_orient_create(tc_orient **orient, uint8_t orientation, uint32_t width,
                          uint32_t height, uint8_t channels)
{
    tc_orient *made = calloc(1, sizeof *made);
    uint32_t out_width;

    *orient = made;
    if (!made)
        return TC_E_NO_MEMORY;
    made->mirrors = tc_orientation_mirrors(orientation);
    made->flips = tc_orientation_flips(orientation);
    made->swaps = tc_orientation_swaps(orientation);
    made->width = width;
    made->height = height;
    made->channels = channels;
    made->stride = (size_t)width * channels;
    made->held = made->flips || made->swaps ? height : 1;
    out_width = made->swaps ? height : width;
    made->rows = tc_buffer_alloc(made->stride * made->held);
    made->out = tc_buffer_alloc((size_t)out_width * channels);
    return made->rows && made->out ? TC_E_OK : TC_E_NO_MEMORY;
}

uint8_t *tc_orient_row_to_write(tc_orient *orient)
{
    return orient->rows + orient->stride * (orient->next_in++ % orient->held);
}

/* Copy `count` pixels from `from` on, `step` bytes apart. */
static void gather(uint8_t *to, const uint8_t *from, ptrdiff_t step, uint32_t count,
                   uint8_t channels)
{
    for (; count > 0; count--, to += channels, from += step) {
        for (uint8_t c = 0; c < channels; c++)
            to[c] = from[c];
    }
}

const uint8_t *tc_orient_read_row(tc_orient *orient)
{
    uint32_t y = orient->next_out++;
    const uint8_t *from;

    if (orient->swaps) {
        uint32_t column = orient->mirrors ? orient->width - 1 - y : y;
        ptrdiff_t step = (ptrdiff_t)orient->stride;

        from = orient->rows + (size_t)column * orient->channels;
        if (orient->flips) {
            from += orient->stride * (orient->height - 1);
            step = -step;
        }
        gather(orient->out, from, step, orient->height, orient->channels);
        return orient->out;
    }
    from = orient->rows + orient->stride * (orient->flips ? orient->height - 1 - y : 0);
    if (!orient->mirrors)
        return from;
    gather(orient->out, from + orient->stride - orient->channels, -(ptrdiff_t)orient->channels,
           orient->width, orient->channels);
    return orient->out;
}

void tc_orient_free(tc_orient *orient)
{
    if (!orient)
        return;
    tc_buffer_free(orient->rows);
    tc_buffer_free(orient->out);
    free(orient);
}
