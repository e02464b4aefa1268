/* SPDX-License-Identifier: Apache-2.0 */
#include "resample.h"

#include "taps.h"

#include <stdlib.h>
#include <string.h>

/* Taps that the kernels take together across, of one channel and of several. */
#define STEP_GREY 8
#define STEP      4

struct tc_resample {
    const tc_kernel *kernel;
    unsigned channels;
    bool alpha;
    uint32_t in_width;            /* pixels of a source row */
    uint32_t first_pixel, pixels; /* of a source row, those that any tap touches */
    tc_taps across, down;
    bool borrows;       /* the weights are another's */
    uint32_t *oldest;   /* for each output row, the first source row it or a later one needs */
    uint32_t *needs;    /* and how many must be in for it and those before it */
    uint32_t ring_rows; /* source rows that must be held at once */
    uint32_t row_samples;
    int16_t *ring;          /* row y of the source is at ring row y % ring_rows */
    const int16_t **window; /* the rows of one output row, in order */
    int16_t *lanes;         /* with alpha: a premultiplied source row; an output row too */
    uint32_t next_in, next_out;
};

/*
 * Zero taps cut at the ends can make an output row begin before its forerunner
 * does, so what must be held is not just one row's taps: from the oldest row
 * still needed to the newest that had to be put.
 */
static tc_error plan_ring(tc_resample *resample)
{
    const tc_taps *down = &resample->down;
    uint32_t at, oldest = UINT32_MAX, newest = 0;

    resample->oldest = malloc(sizeof *resample->oldest * down->count);
    resample->needs = malloc(sizeof *resample->needs * down->count);
    if (!resample->oldest || !resample->needs)
        return TC_E_NO_MEMORY;
    for (at = down->count; at-- > 0; resample->oldest[at] = oldest)
        oldest = down->first[at] < oldest ? down->first[at] : oldest;
    for (at = 0; at < down->count; at++) {
        if (down->first[at] + down->taps > newest)
            newest = down->first[at] + down->taps;
        resample->needs[at] = newest;
        if (newest - resample->oldest[at] > resample->ring_rows)
            resample->ring_rows = newest - resample->oldest[at];
    }
    return TC_E_OK;
}

static void find_span(tc_resample *resample)
{
    const tc_taps *across = &resample->across;
    uint32_t low = UINT32_MAX, high = 0;

    for (uint32_t at = 0; at < across->count; at++) {
        low = across->first[at] < low ? across->first[at] : low;
        high = across->first[at] > high ? across->first[at] : high;
    }
    resample->first_pixel = low;
    resample->pixels = high + across->taps - low;
}

uint64_t tc_resample_bytes(const tc_axis *x, const tc_axis *y, uint8_t channels)
{
    uint64_t taps_x = tc_taps_most(x) + STEP_GREY, taps_y = tc_taps_most(y);

    return sizeof(tc_resample) + x->count * (taps_x * 2 + 4) + y->count * (taps_y * 2 + 12) +
           (taps_y + 2) * ((uint64_t)x->count * channels * 2 + sizeof(int16_t *)) +
           ((uint64_t)x->limit + x->count) * channels * 2 + (taps_x + taps_y + 8) * 8;
}

/* What depends on the sizes alone, once the taps and the ring are known. */
static tc_error make_rows(tc_resample *resample)
{
    uint32_t out = resample->across.count, in = resample->in_width;

    resample->row_samples = out * resample->channels;
    resample->ring =
        malloc((size_t)resample->ring_rows * resample->row_samples * sizeof *resample->ring);
    resample->window = malloc(resample->down.taps * sizeof *resample->window);
    if (resample->alpha)
        resample->lanes = malloc((size_t)(in > out ? in : out) * resample->channels *
                                 sizeof *resample->lanes);
    if (!resample->ring || !resample->window || (resample->alpha && !resample->lanes))
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
    made->kernel = tc_kernel_best();
    made->channels = channels;
    made->alpha = alpha;
    made->in_width = x->limit;
    error = tc_taps_make(&made->across, x, channels == 1 ? STEP_GREY : STEP);
    if (!error)
        error = tc_taps_make(&made->down, y, 1);
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
        tc_taps_free(&resample->across);
        tc_taps_free(&resample->down);
        free(resample->oldest);
        free(resample->needs);
    }
    free(resample->ring);
    free(resample->window);
    free(resample->lanes);
    free(resample);
}

bool tc_resample_ready(const tc_resample *resample)
{
    const tc_taps *down = &resample->down;

    return resample->next_out < down->count &&
           down->first[resample->next_out] + down->taps <= resample->next_in;
}

/* With alpha: what of a row the taps touch, as premultiplied lanes; opaque rows as they are. */
static void put_with_alpha(tc_resample *resample, int16_t *to, const uint8_t *row)
{
    const tc_kernel *kernel = resample->kernel;
    unsigned channels = resample->channels;
    size_t start = (size_t)resample->first_pixel * channels;

    if (kernel->opaque(row + start, resample->pixels, channels)) {
        kernel->across_bytes(to, row, &resample->across, channels);
        return;
    }
    kernel->premultiply(resample->lanes + start, row + start, resample->pixels, channels);
    kernel->across_lanes(to, resample->lanes, &resample->across, channels);
}

void tc_resample_put(tc_resample *resample, const uint8_t *row)
{
    uint32_t y = resample->next_in++;
    int16_t *to;

    if (resample->next_out >= resample->down.count || y < resample->oldest[resample->next_out])
        return;
    to = resample->ring + (size_t)(y % resample->ring_rows) * resample->row_samples;
    if (resample->alpha)
        put_with_alpha(resample, to, row);
    else
        resample->kernel->across_bytes(to, row, &resample->across, resample->channels);
}

void tc_resample_get(tc_resample *resample, uint8_t *row)
{
    const tc_taps *down = &resample->down;
    uint32_t out = resample->next_out++, first = down->first[out];
    const int16_t *weight = down->weight + (size_t)out * down->taps;

    for (uint32_t i = 0, at = first % resample->ring_rows; i < down->taps; i++) {
        resample->window[i] = resample->ring + (size_t)at * resample->row_samples;
        at = at + 1 == resample->ring_rows ? 0 : at + 1;
    }
    if (!resample->alpha) {
        resample->kernel->down_bytes(row, resample->window, weight, down->taps,
                                     resample->row_samples);
        return;
    }
    resample->kernel->down_lanes(resample->lanes, resample->window, weight, down->taps,
                                 resample->row_samples);
    resample->kernel->unpremultiply(row, resample->lanes, resample->across.count,
                                    resample->channels);
}
