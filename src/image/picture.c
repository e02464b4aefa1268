/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"

#include "clock.h"
#include "resample.h"
#include "turn.h"

#include <stdlib.h>

struct tc_picture {
    const tc_codec *codec;
    tc_decoder *decoder;
    const tc_watch *watch;
    tc_fail *fail;
    tc_layout layout;
    tc_band band; /* decoded rows, of which `taken` went to the resampler */
    uint32_t taken;
    uint32_t rows_left; /* rows the decoder has yet to deliver */
    tc_resample *resample;
    tc_turn *turn;
    uint32_t rows_turned; /* stored rows that went into the turn */
    uint64_t decode_ns, resample_ns;
};

/* What of one side of a decoded plane is resampled to what. */
static tc_axis axis(uint32_t from, uint32_t length, uint32_t full, uint32_t samples,
                    double true_samples, uint32_t scaled, uint32_t first, uint32_t count)
{
    double scale = true_samples / full;

    return (tc_axis){from * scale, (from + length) * scale, samples, scaled, first, count};
}

static tc_error make_stages(tc_picture *picture, const tc_image_info *info, const tc_plan *plan)
{
    const tc_layout *layout = &picture->layout;
    uint8_t channels = layout->plane[0].channels;
    tc_axis x = axis(plan->source.x, plan->source.w, info->width, layout->plane[0].w,
                     layout->plane[0].true_w, plan->scaled_w, plan->visible.x, plan->visible.w);
    tc_axis y = axis(plan->source.y, plan->source.h, info->height, layout->plane[0].h,
                     layout->plane[0].true_h, plan->scaled_h, plan->visible.y, plan->visible.h);

    picture->rows_left = layout->plane[0].h;
    if (tc_resample_create(&picture->resample, &x, &y, channels,
                           tc_model_has_alpha(info->model)) ||
        tc_turn_create(&picture->turn, plan->orientation, plan->visible.w, plan->visible.h,
                       channels))
        return tc_fail_set(picture->fail, TC_E_NO_MEMORY,
                           "out of memory for the picture's rows");
    return TC_E_OK;
}

tc_error tc_picture_start(tc_picture **picture, const tc_codec *codec, tc_decoder *decoder,
                          const tc_image_info *info, const tc_plan *plan, const tc_watch *watch,
                          tc_fail *fail)
{
    tc_decode_want want = {.reduce = plan->reduce, .source = plan->source, .watch = watch};
    tc_picture *made = calloc(1, sizeof *made);
    uint64_t start = tc_clock_ns();
    tc_error error;

    *picture = made;
    if (!made)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "out of memory for the picture's rows");
    made->codec = codec;
    made->decoder = decoder;
    made->watch = watch;
    made->fail = fail;
    error = codec->decode_start(decoder, &want, &made->layout);
    if (!error)
        error = make_stages(made, info, plan);
    made->decode_ns = tc_clock_ns() - start;
    return error;
}

/* Give the resampler its next source row. */
static tc_error feed(tc_picture *picture)
{
    if (picture->taken == picture->band.plane[0].rows) {
        uint64_t start = tc_clock_ns();
        tc_error error = tc_watch_ask(picture->watch, picture->fail);

        if (error)
            return error;
        if (picture->rows_left == 0)
            return tc_fail_set(picture->fail, TC_E_INTERNAL, "rows ran out");
        error = picture->codec->decode_rows(picture->decoder, &picture->band);
        if (error)
            return error;
        picture->taken = 0;
        picture->rows_left -= picture->band.plane[0].rows;
        picture->decode_ns += tc_clock_ns() - start;
    }
    tc_resample_put(picture->resample, picture->band.plane[0].data +
                                           picture->band.plane[0].stride * picture->taken++);
    return TC_E_OK;
}

tc_error tc_picture_row(tc_picture *picture, const uint8_t **row)
{
    uint32_t needs = tc_turn_needs(picture->turn);
    uint64_t start = tc_clock_ns(), decoding = picture->decode_ns;
    bool more = needs == 1 || picture->rows_turned == 0;

    while (more) {
        while (!tc_resample_ready(picture->resample)) {
            tc_error error = feed(picture);
            if (error)
                return error;
        }
        tc_resample_get(picture->resample, tc_turn_put(picture->turn));
        more = ++picture->rows_turned % needs != 0;
    }
    *row = tc_turn_get(picture->turn);
    picture->resample_ns += tc_clock_ns() - start - (picture->decode_ns - decoding);
    return TC_E_OK;
}

void tc_picture_times(const tc_picture *picture, uint64_t *decode_ns, uint64_t *resample_ns)
{
    *decode_ns = picture->decode_ns;
    *resample_ns = picture->resample_ns;
}

void tc_picture_free(tc_picture *picture)
{
    if (!picture)
        return;
    tc_resample_free(picture->resample);
    tc_turn_free(picture->turn);
    free(picture);
}
