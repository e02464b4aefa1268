/* SPDX-License-Identifier: Apache-2.0 */
#include "turn.h"

#include "base/buffer.h"
#include "orientation.h"

#include <stdlib.h>
#include <string.h>

struct tc_turn {
    bool mirrors, flips, swaps;
    uint32_t width, height; /* stored */
    uint8_t channels;
    size_t stride;
    uint32_t held; /* stored rows in `rows` */
    uint32_t next_in, next_out;
    uint8_t *rows;
    uint8_t *out; /* one upright row, when it is not simply a stored one */
};

tc_error tc_turn_create(tc_turn **turn, uint8_t orientation, uint32_t width, uint32_t height,
                        uint8_t channels)
{
    tc_turn *made = calloc(1, sizeof *made);
    uint32_t out_width;

    *turn = made;
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

uint8_t *tc_turn_put(tc_turn *turn)
{
    return turn->rows + turn->stride * (turn->next_in++ % turn->held);
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

const uint8_t *tc_turn_get(tc_turn *turn)
{
    uint32_t y = turn->next_out++;
    const uint8_t *from;

    if (turn->swaps) {
        uint32_t column = turn->mirrors ? turn->width - 1 - y : y;
        ptrdiff_t step = (ptrdiff_t)turn->stride;

        from = turn->rows + (size_t)column * turn->channels;
        if (turn->flips) {
            from += turn->stride * (turn->height - 1);
            step = -step;
        }
        gather(turn->out, from, step, turn->height, turn->channels);
        return turn->out;
    }
    from = turn->rows + turn->stride * (turn->flips ? turn->height - 1 - y : 0);
    if (!turn->mirrors)
        return from;
    gather(turn->out, from + turn->stride - turn->channels, -(ptrdiff_t)turn->channels,
           turn->width, turn->channels);
    return turn->out;
}

void tc_turn_free(tc_turn *turn)
{
    if (!turn)
        return;
    tc_buffer_free(turn->rows);
    tc_buffer_free(turn->out);
    free(turn);
}
