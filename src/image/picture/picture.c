/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"

#include "base/clock.h"
#include "image/exif/orientation.h"
#include "image/scale/resample.h"
#include "image/scale/weights.h"
#include "orient.h"

#include <stdlib.h>
#include <string.h>

typedef struct plane_state {
    tc_resample *resample;
    tc_orient *orient;
    uint32_t taken; /* rows of the strip that went to the resampler */
    uint32_t left;  /* rows the decoder has yet to deliver */
    uint8_t *pair;  /* when rows are halved first: one that waits for its other, and the half */
    uint32_t put;   /* rows that were, or wait for that */
} plane_state;

struct tc_picture {
    const tc_codec *codec;
    tc_decoder *decoder;
    const tc_cancel *cancel;
    tc_fail *fail;
    const tc_scale_ops *ops;
    tc_layout layout;
    tc_strip strip; /* decoded rows */
    plane_state plane[TC_PLANES];
    uint32_t stored_h; /* of the visible part */
    bool whole;        /* orienting needs all of it before a row comes out */
    uint32_t next;     /* row, upright */
    uint64_t decode_ns;
};

/* Where on one side of the stored picture an axis lies. */
typedef struct plan_side {
    uint32_t from, length, full; /* the source rectangle, in pixels of the full picture */
    uint32_t scaled;             /* what it is resampled to */
    uint32_t first, count;       /* the visible part of that */
    bool reversed;               /* upright it begins at its end */
} plan_side;

static plan_side side_x(const tc_image_info *info, const tc_plan *plan)
{
    return (plan_side){plan->source.x,
                       plan->source.w,
                       info->width,
                       plan->scaled_w,
                       plan->visible.x,
                       plan->visible.w,
                       tc_orientation_mirrors(plan->orientation)};
}

static plan_side side_y(const tc_image_info *info, const tc_plan *plan)
{
    return (plan_side){plan->source.y,
                       plan->source.h,
                       info->height,
                       plan->scaled_h,
                       plan->visible.y,
                       plan->visible.h,
                       tc_orientation_flips(plan->orientation)};
}

/* One side of a decoded plane of `samples`, of which `skipped` more lie before. */
static tc_axis axis_of(const plan_side *side, double true_samples, uint32_t skipped,
                       uint32_t samples)
{
    double scale = true_samples / side->full;

    return (tc_axis){side->from * scale - skipped,
                     (side->from + side->length) * scale - skipped,
                     samples,
                     side->scaled,
                     side->first,
                     side->count,
                     0};
}

/*
 * The same for half as many samples. In JPEG each lies in the middle of two of
 * the upright picture, counted from its edge, and of an odd number the last has one
 * of its own; where orienting counts from the other end, that is the first.
 */
static void halve(tc_axis *axis, bool reversed)
{
    bool odd = axis->count % 2 != 0;

    axis->size /= 2;
    axis->first = (axis->first - (reversed && odd)) / 2;
    axis->count = (axis->count + 1) / 2;
    axis->cut = !odd ? 0 : reversed ? -0.5 : 0.5;
}

/*
 * Where chroma keeps four samples and more for each of the output's, which libjpeg's
 * scaling leads to, they are halved first: a fourth of the samples then remains, and
 * twice the output's resolution as for luma.
 */
#define HALVE_FROM 4

static bool has_plenty(const tc_axis *axis)
{
    return axis->to - axis->from >= HALVE_FROM * axis->size;
}

static void halve_source(tc_axis *axis)
{
    axis->from /= 2;
    axis->to /= 2;
    axis->limit = (axis->limit + 1) / 2;
}

static tc_error make_plane(tc_picture *picture, unsigned at, const plan_side *x,
                           const plan_side *y, const tc_plan *plan, bool alpha)
{
    const tc_layout *layout = &picture->layout;
    plane_state *plane = &picture->plane[at];
    tc_axis horizontal =
        axis_of(x, layout->plane[at].true_w, layout->plane[at].x, layout->plane[at].w);
    tc_axis vertical =
        axis_of(y, layout->plane[at].true_h, layout->plane[at].y, layout->plane[at].h);
    bool same = at == 2 && layout->plane[2].w == layout->plane[1].w &&
                layout->plane[2].h == layout->plane[1].h &&
                layout->plane[2].true_w == layout->plane[1].true_w &&
                layout->plane[2].true_h == layout->plane[1].true_h;
    tc_error error;

    plane->left = layout->plane[at].h;
    if (at > 0) {
        halve(&horizontal, x->reversed);
        halve(&vertical, y->reversed);
        if (has_plenty(&horizontal) && has_plenty(&vertical)) {
            halve_source(&horizontal);
            halve_source(&vertical);
            plane->pair = malloc((size_t)layout->plane[at].w + horizontal.limit);
            if (!plane->pair)
                return TC_E_NO_MEMORY;
        }
    }
    error = same ? tc_resample_create_like(&plane->resample, picture->plane[1].resample)
                 : tc_resample_create(&plane->resample, &horizontal, &vertical,
                                      layout->plane[at].channels, alpha);
    if (!error)
        error = tc_orient_create(&plane->orient, plan->orientation, horizontal.count,
                                 vertical.count, layout->plane[at].channels);
    return error;
}

/* Rows of a plane that are resampled for the first `rows` of the visible part. */
static uint32_t plane_rows(unsigned at, uint32_t rows)
{
    return at == 0 ? rows : (rows + 1) / 2;
}

/*
 * A strip has rows of all planes, and one plane may need the next while others
 * are still busy with this: what is left of it goes to their resamplers early.
 * Which rows each output row needs is known, so how early is, too.
 */
static tc_error reserve(tc_picture *picture)
{
    const tc_layout *layout = &picture->layout;
    uint32_t strips = 0, ahead[TC_PLANES] = {0};

    for (uint32_t y = 0; y < picture->stored_h; y++) {
        uint32_t needs[TC_PLANES];

        for (unsigned at = 0; at < layout->planes; at++) {
            uint32_t step = layout->plane[at].strip_rows;
            uint32_t out = plane_rows(at, y + 1) - 1;

            needs[at] = tc_resample_needs(picture->plane[at].resample, out);
            if (picture->plane[at].pair)
                needs[at] *= 2;
            if ((needs[at] + step - 1) / step > strips)
                strips = (needs[at] + step - 1) / step;
        }
        for (unsigned at = 0; at < layout->planes; at++) {
            uint32_t put = (strips - 1) * layout->plane[at].strip_rows;

            if (put > needs[at] && put - needs[at] > ahead[at])
                ahead[at] = put - needs[at];
        }
    }
    for (unsigned at = 0; at < layout->planes; at++) {
        if (picture->plane[at].pair)
            ahead[at] = (ahead[at] + 1) / 2;
        if (tc_resample_reserve(picture->plane[at].resample, ahead[at]))
            return TC_E_NO_MEMORY;
    }
    return TC_E_OK;
}

static tc_error make_stages(tc_picture *picture, const tc_image_info *info, const tc_plan *plan)
{
    bool alpha = tc_model_has_alpha(picture->layout.model);
    plan_side x = side_x(info, plan), y = side_y(info, plan);
    tc_error error = TC_E_OK;

    picture->stored_h = plan->visible.h;
    picture->whole = plan->orientation > 2;
    for (unsigned at = 0; at < picture->layout.planes && !error; at++)
        error = make_plane(picture, at, &x, &y, plan, alpha);
    if (!error && picture->layout.planes > 1)
        error = reserve(picture);
    if (error)
        return tc_fail_set(picture->fail, error, "out of memory for the picture's rows");
    return TC_E_OK;
}

/* Pixels of one side, at the plan's reduction. */
static void used(const plan_side *side, unsigned reduce, uint32_t *first, uint32_t *count)
{
    tc_axis axis =
        axis_of(side, (double)side->full / reduce, 0, (side->full + reduce - 1) / reduce);
    uint32_t left;

    tc_weights_span(&axis, first, count);
    *first *= reduce;
    *count *= reduce;
    left = side->full - *first;
    *count = *count < left ? *count : left;
}

tc_rect tc_picture_source(const tc_image_info *info, const tc_plan *plan)
{
    plan_side x = side_x(info, plan), y = side_y(info, plan);
    tc_rect rect;

    used(&x, plan->reduce, &rect.x, &rect.w);
    used(&y, plan->reduce, &rect.y, &rect.h);
    return rect;
}

tc_error tc_picture_start(tc_picture **picture, const tc_codec *codec, tc_decoder *decoder,
                          const tc_image_info *info, const tc_plan *plan,
                          const tc_decode_want *want, tc_fail *fail)
{
    tc_decode_want all = *want;
    tc_picture *made = calloc(1, sizeof *made);
    uint64_t start = tc_clock_ns();
    tc_error error;

    *picture = made;
    if (!made)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "out of memory for the picture's rows");
    made->codec = codec;
    made->decoder = decoder;
    made->cancel = want->cancel;
    made->fail = fail;
    made->ops = tc_scale_ops_best();
    all.reduce = plan->reduce;
    all.source = tc_picture_source(info, plan);
    error = codec->decode_start(decoder, &all, &made->layout);
    if (!error)
        error = make_stages(made, info, plan);
    made->decode_ns = tc_clock_ns() - start;
    return error;
}

/* Every other row waits; the last has nothing to wait for. */
static void put_half(tc_picture *picture, unsigned at, const uint8_t *row)
{
    plane_state *plane = &picture->plane[at];
    uint32_t w = picture->layout.plane[at].w;
    bool second = plane->put++ % 2 != 0;

    if (!second && plane->put < picture->layout.plane[at].h) {
        memcpy(plane->pair, row, w);
        return;
    }
    picture->ops->halve(plane->pair + w, second ? plane->pair : row, row, w);
    tc_resample_write_row(plane->resample, plane->pair + w);
}

static void put_row(tc_picture *picture, unsigned at)
{
    const uint8_t *row = picture->strip.plane[at].data +
                         picture->strip.plane[at].stride * picture->plane[at].taken++;

    if (picture->plane[at].pair)
        put_half(picture, at, row);
    else
        tc_resample_write_row(picture->plane[at].resample, row);
}

/* The next strip, once nothing of this one is left. */
static tc_error next_strip(tc_picture *picture)
{
    unsigned planes = picture->layout.planes;
    uint64_t start;
    tc_error error = tc_cancel_check(picture->cancel, picture->fail);

    if (error)
        return error;
    for (unsigned at = 0; at < planes; at++) {
        while (picture->plane[at].taken < picture->strip.plane[at].rows)
            put_row(picture, at);
    }
    start = tc_clock_ns();
    error = picture->codec->decode_rows(picture->decoder, &picture->strip);
    picture->decode_ns += tc_clock_ns() - start;
    for (unsigned at = 0; at < planes; at++) {
        picture->plane[at].taken = 0;
        picture->plane[at].left -= picture->strip.plane[at].rows;
    }
    return error;
}

/* Resample the plane's next row into its orientation. */
static tc_error resample_row(tc_picture *picture, unsigned at)
{
    plane_state *plane = &picture->plane[at];

    while (!tc_resample_ready(plane->resample)) {
        if (plane->taken == picture->strip.plane[at].rows) {
            tc_error error;

            if (plane->left == 0)
                return tc_fail_set(picture->fail, TC_E_INTERNAL, "there are no more rows");
            error = next_strip(picture);
            if (error)
                return error;
        }
        put_row(picture, at);
    }
    tc_resample_read_row(plane->resample, tc_orient_row_to_write(plane->orient));
    return TC_E_OK;
}

/* Row `y` of the stored picture's visible part, of those planes that have one there. */
static tc_error resample_rows(tc_picture *picture, uint32_t y)
{
    tc_error error = TC_E_OK;

    for (unsigned at = 0; at < picture->layout.planes && !error; at++) {
        if (at == 0 || y % 2 == 0)
            error = resample_row(picture, at);
    }
    return error;
}

static tc_error resample_all(tc_picture *picture)
{
    tc_error error = TC_E_OK;

    for (uint32_t y = 0; y < picture->stored_h && !error; y++)
        error = resample_rows(picture, y);
    return error;
}

tc_error tc_picture_rows(tc_picture *picture, tc_strip *strip)
{
    uint32_t upright = picture->next++;
    tc_error error = TC_E_OK;

    if (!picture->whole)
        error = resample_rows(picture, upright);
    else if (upright == 0)
        error = resample_all(picture);
    if (error)
        return error;
    *strip = (tc_strip){0};
    for (unsigned at = 0; at < picture->layout.planes; at++) {
        if (at > 0 && upright % 2 != 0)
            continue;
        strip->plane[at].data = tc_orient_read_row(picture->plane[at].orient);
        strip->plane[at].rows = 1;
    }
    return TC_E_OK;
}

uint64_t tc_picture_decode_ns(const tc_picture *picture)
{
    return picture->decode_ns;
}

void tc_picture_free(tc_picture *picture)
{
    if (!picture)
        return;
    /* Later ones may use what is the former's. */
    for (unsigned at = TC_PLANES; at-- > 0;) {
        tc_resample_free(picture->plane[at].resample);
        tc_orient_free(picture->plane[at].orient);
        free(picture->plane[at].pair);
    }
    free(picture);
}
