/* SPDX-License-Identifier: Apache-2.0 */
#include "resample.h"

#include "gather.h"
#include "weights.h"

#include <stdlib.h>
#include <string.h>

/* Weights that are taken together horizontally, of one channel and of several. */
#define STEP_GREY 8
#define STEP      4

struct tc_resample {
    const tc_scale_ops *ops;
    unsigned channels;
    bool alpha;
    uint32_t in_width;            /* pixels of a source row */
    uint32_t first_pixel, pixels; /* of a source row, those that any weight touches */
    tc_weights horizontal, vertical;
    tc_gather *gather;  /* the horizontal weights laid out for it, or NULL */
    bool borrows;       /* the weights are another's */
    uint32_t *oldest;   /* for each output row, the first source row it or a later one needs */
    uint32_t *needs;    /* and how many must be in for it and those before it */
    uint32_t ring_rows; /* source rows that must be held at once */
    uint32_t row_samples;
    int16_t *ring;          /* row y of the source is at ring row y % ring_rows */
    const int16_t **window; /* the rows of one output row, in order */
    int16_t *fixed;         /* with alpha: a premultiplied source row; an output row too */
    uint32_t next_in, next_out;
};

/*
 * Zero weights cut at the ends can make an output row begin before its forerunner
 * does, so what must be held is not just one row's weights: from the oldest row
 * still needed to the newest that had to be written.
 */
static tc_error plan_ring(tc_resample *resample)
{
    const tc_weights *vertical = &resample->vertical;
    uint32_t at, oldest = UINT32_MAX, newest = 0;

    resample->oldest = malloc(sizeof *resample->oldest * vertical->count);
    resample->needs = malloc(sizeof *resample->needs * vertical->count);
    if (!resample->oldest || !resample->needs)
        return TC_E_NO_MEMORY;
    for (at = vertical->count; at-- > 0; resample->oldest[at] = oldest)
        oldest = vertical->first[at] < oldest ? vertical->first[at] : oldest;
    for (at = 0; at < vertical->count; at++) {
        if (vertical->first[at] + vertical->per_sample > newest)
            newest = vertical->first[at] + vertical->per_sample;
        resample->needs[at] = newest;
        if (newest - resample->oldest[at] > resample->ring_rows)
            resample->ring_rows = newest - resample->oldest[at];
    }
    return TC_E_OK;
}

static void find_span(tc_resample *resample)
{
    const tc_weights *horizontal = &resample->horizontal;
    uint32_t low = UINT32_MAX, high = 0;

    for (uint32_t at = 0; at < horizontal->count; at++) {
        low = horizontal->first[at] < low ? horizontal->first[at] : low;
        high = horizontal->first[at] > high ? horizontal->first[at] : high;
    }
    resample->first_pixel = low;
    resample->pixels = high + horizontal->per_sample - low;
}

uint64_t tc_resample_bytes(const tc_axis *x, const tc_axis *y, uint8_t channels)
{
    uint64_t weights_x = tc_weights_most(x) + STEP_GREY, weights_y = tc_weights_most(y);

    return sizeof(tc_resample) + x->count * (weights_x * 2 + 4) +
           tc_gather_bytes((uint64_t)x->count * channels, weights_x) +
           y->count * (weights_y * 2 + 12) +
           (weights_y + 2) * ((uint64_t)x->count * channels * 2 + sizeof(int16_t *)) +
           ((uint64_t)x->limit + x->count) * channels * 2 + (weights_x + weights_y + 8) * 8;
}

/* What depends on the sizes alone, once the weights and the ring are known. */
static tc_error make_rows(tc_resample *resample)
{
    uint32_t out = resample->horizontal.count, in = resample->in_width;

    resample->row_samples = out * resample->channels;
    resample->ring =
        malloc((size_t)resample->ring_rows * resample->row_samples * sizeof *resample->ring);
    resample->window = malloc(resample->vertical.per_sample * sizeof *resample->window);
    if (resample->alpha)
        resample->fixed = malloc((size_t)(in > out ? in : out) * resample->channels *
                                 sizeof *resample->fixed);
    if (!resample->ring || !resample->window || (resample->alpha && !resample->fixed))
        return TC_E_NO_MEMORY;
    return TC_E_OK;
}

tc_error tc_resample_create(tc_resample **resample, const tc_axis *x, const tc_axis *y,
                            uint8_t channels, bool alpha)
{
    tc_resample *made = calloc(1, sizeof *made);
    tc_error error;

    *resample = made;
    if (!made)
        return TC_E_NO_MEMORY;
    made->ops = tc_scale_ops_best();
    made->channels = channels;
    made->alpha = alpha;
    made->in_width = x->limit;
    error = tc_weights_make(&made->horizontal, x, channels == 1 ? STEP_GREY : STEP);
    if (!error)
        error = tc_gather_make(&made->gather, &made->horizontal, channels);
    if (!error)
        error = tc_weights_make(&made->vertical, y, 1);
    if (!error)
        error = plan_ring(made);
    if (!error) {
        find_span(made);
        error = make_rows(made);
    }
    if (error) {
        tc_resample_free(made);
        *resample = NULL;
    }
    return error;
}

tc_error tc_resample_create_like(tc_resample **resample, const tc_resample *like)
{
    tc_resample *made = malloc(sizeof *made);

    *resample = made;
    if (!made)
        return TC_E_NO_MEMORY;
    *made = *like;
    made->borrows = true;
    made->ring = NULL;
    made->window = NULL;
    made->next_in = made->next_out = 0;
    if (make_rows(made)) {
        tc_resample_free(made);
        *resample = NULL;
        return TC_E_NO_MEMORY;
    }
    return TC_E_OK;
}

tc_error tc_resample_reserve(tc_resample *resample, uint32_t ahead)
{
    resample->ring_rows += ahead;
    free(resample->ring);
    resample->ring =
        malloc((size_t)resample->ring_rows * resample->row_samples * sizeof *resample->ring);
    return resample->ring ? TC_E_OK : TC_E_NO_MEMORY;
}

uint32_t tc_resample_needs(const tc_resample *resample, uint32_t out)
{
    return resample->needs[out];
}

void tc_resample_free(tc_resample *resample)
{
    if (!resample)
        return;
    if (!resample->borrows) {
        tc_gather_free(resample->gather);
        tc_weights_free(&resample->horizontal);
        tc_weights_free(&resample->vertical);
        free(resample->oldest);
        free(resample->needs);
    }
    free(resample->ring);
    free(resample->window);
    free(resample->fixed);
    free(resample);
}

bool tc_resample_ready(const tc_resample *resample)
{
    const tc_weights *vertical = &resample->vertical;

    return resample->next_out < vertical->count &&
           vertical->first[resample->next_out] + vertical->per_sample <= resample->next_in;
}

static void put_bytes(tc_resample *resample, int16_t *to, const uint8_t *row)
{
    if (resample->gather)
        tc_gather_row(resample->gather, to, row);
    else
        resample->ops->horizontal_bytes(to, row, &resample->horizontal, resample->channels);
}

/* With alpha: what of a row the weights touch, as premultiplied fixed point; opaque rows as
 * they are. */
static void put_with_alpha(tc_resample *resample, int16_t *to, const uint8_t *row)
{
    const tc_scale_ops *ops = resample->ops;
    unsigned channels = resample->channels;
    size_t start = (size_t)resample->first_pixel * channels;

    if (ops->opaque(row + start, resample->pixels, channels)) {
        put_bytes(resample, to, row);
        return;
    }
    ops->premultiply(resample->fixed + start, row + start, resample->pixels, channels);
    ops->horizontal_fixed(to, resample->fixed, &resample->horizontal, channels);
}

void tc_resample_write_row(tc_resample *resample, const uint8_t *row)
{
    uint32_t y = resample->next_in++;
    int16_t *to;

    if (resample->next_out >= resample->vertical.count ||
        y < resample->oldest[resample->next_out])
        return;
    to = resample->ring + (size_t)(y % resample->ring_rows) * resample->row_samples;
    if (resample->alpha)
        put_with_alpha(resample, to, row);
    else
        put_bytes(resample, to, row);
}

void tc_resample_read_row(tc_resample *resample, uint8_t *row)
{
    const tc_weights *vertical = &resample->vertical;
    uint32_t out = resample->next_out++, first = vertical->first[out];
    const int16_t *weight = vertical->weight + (size_t)out * vertical->per_sample;

    for (uint32_t i = 0, at = first % resample->ring_rows; i < vertical->per_sample; i++) {
        resample->window[i] = resample->ring + (size_t)at * resample->row_samples;
        at = at + 1 == resample->ring_rows ? 0 : at + 1;
    }
    if (!resample->alpha) {
        resample->ops->vertical_bytes(row, resample->window, weight, vertical->per_sample,
                                      resample->row_samples);
        return;
    }
    resample->ops->vertical_fixed(resample->fixed, resample->window, weight,
                                  vertical->per_sample, resample->row_samples);
    resample->ops->unpremultiply(row, resample->fixed, resample->horizontal.count,
                                 resample->channels);
}
