/* SPDX-License-Identifier: Apache-2.0 */
#include "resample.h"

#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Taps that the kernels take together across, of one channel and of several. */
#define STEP_GREY 8
#define STEP      4

#define WEIGHT_ONE (1 << TC_WEIGHT_BITS)

struct tc_resample {
    const tc_kernel *kernel;
    unsigned channels;
    bool alpha;
    uint32_t first_pixel, pixels; /* of a source row, those that any tap touches */
    tc_taps across, down;
    uint32_t *oldest;   /* for each output row, the first source row it or a later one needs */
    uint32_t ring_rows; /* source rows that must be held at once */
    uint32_t row_samples;
    int16_t *ring;          /* row y of the source is at ring row y % ring_rows */
    const int16_t **window; /* the rows of one output row, in order */
    int16_t *lanes;         /* with alpha: a premultiplied source row; an output row too */
    uint32_t next_in, next_out;
};

/*
 * Of `count` taps from `x` on, `step` apart, the filter's unnormalised weights. The
 * sines are turned on from tap to tap: a table for 1600 to 300 samples then takes
 * 40 microseconds instead of 270, too little to keep tables for.
 */
static void lanczos3(double *to, double x, double step, uint32_t count)
{
    double sine = sin(M_PI * x), cosine = cos(M_PI * x);
    double slow_sine = sin(M_PI / 3 * x), slow_cosine = cos(M_PI / 3 * x);
    const double turn = sin(M_PI * step), keep = cos(M_PI * step);
    const double slow_turn = sin(M_PI / 3 * step), slow_keep = cos(M_PI / 3 * step);

    for (uint32_t i = 0; i < count; i++) {
        double at = x + i * step, next = sine * keep + cosine * turn;
        double slow_next = slow_sine * slow_keep + slow_cosine * slow_turn;

        if (fabs(at) < 1e-6)
            to[i] = 1;
        else
            to[i] = fabs(at) < 3 ? 3 * sine * slow_sine / (M_PI * M_PI * at * at) : 0;
        cosine = cosine * keep - sine * turn;
        slow_cosine = slow_cosine * slow_keep - slow_sine * slow_turn;
        sine = next;
        slow_sine = slow_next;
    }
}

static void catmull_rom(double *to, double x, double step, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        double at = fabs(x + i * step);

        if (at < 1)
            to[i] = (1.5 * at - 2.5) * at * at + 1;
        else
            to[i] = at < 2 ? ((-0.5 * at + 2.5) * at - 4) * at + 2 : 0;
    }
}

typedef struct filter {
    void (*weigh)(double *to, double x, double step, uint32_t count);
    double radius;  /* in source samples, already stretched */
    double stretch; /* source samples a unit of the filter's argument */
} filter;

static filter choose_filter(const tc_axis *axis)
{
    double step = (axis->to - axis->from) / axis->size;

    if (step < 1)
        return (filter){catmull_rom, 2, 1};
    return (filter){lanczos3, 3 * step, step};
}

static uint32_t max_taps(const tc_axis *axis)
{
    double taps = 2 * ceil(choose_filter(axis).radius) + 1;

    return taps < axis->limit ? (uint32_t)taps : axis->limit;
}

/* `taps` rounded up. */
static uint32_t whole_steps(uint32_t taps, uint32_t step)
{
    return (taps + step - 1) / step * step;
}

static int32_t nearest(double value)
{
    return (int32_t)(value < 0 ? value - 0.5 : value + 0.5);
}

/* Weights that rounding may leave over before the largest tap would notice. */
#define REST_MAX 4

/*
 * Make whole numbers of `taps` weights, summing to exactly WEIGHT_ONE. What
 * rounding leaves over goes to the largest, where it matters least. With
 * thousands of taps that would be most of the sum: then each weight is the
 * difference of two rounded running sums, so that no error adds up.
 */
static void quantise(int16_t *to, const double *weight, uint32_t taps)
{
    double sum = 0, running = 0, scale;
    int32_t rest = WEIGHT_ONE, before = 0;
    uint32_t largest = 0;

    for (uint32_t i = 0; i < taps; i++)
        sum += weight[i];
    scale = WEIGHT_ONE / sum;
    for (uint32_t i = 0; i < taps; i++) {
        to[i] = (int16_t)nearest(weight[i] * scale);
        rest -= to[i];
        if (weight[i] > weight[largest])
            largest = i;
    }
    if (abs(rest) <= REST_MAX) {
        to[largest] = (int16_t)(to[largest] + rest);
        return;
    }
    for (uint32_t i = 0; i < taps; i++) {
        int32_t upto;
        running += weight[i];
        upto = nearest(running * scale);
        to[i] = (int16_t)(upto - before);
        before = upto;
    }
}

/* The samples the window touches; taps outside are left out. */
static void window_bounds(const tc_axis *axis, int64_t *low, int64_t *high)
{
    *low = (int64_t)floor(axis->from + 1e-9);
    *high = (int64_t)ceil(axis->to - 1e-9);
    if (*high > axis->limit)
        *high = axis->limit;
    if (*low >= *high)
        *low = *high - 1;
}

static void fill_taps(tc_taps *taps, const tc_axis *axis, double *scratch)
{
    filter filter = choose_filter(axis);
    double step = (axis->to - axis->from) / axis->size;
    int64_t low, high;

    window_bounds(axis, &low, &high);
    for (uint32_t at = 0; at < taps->count; at++) {
        double centre = axis->from + (axis->first + at + 0.5) * step;
        int64_t first = (int64_t)floor(centre - filter.radius);
        int64_t last = (int64_t)ceil(centre + filter.radius);
        int16_t *weight = taps->weight + (size_t)at * taps->taps;
        uint32_t count, shift = 0;

        first = first < low ? low : first;
        last = last > high ? high : last;
        if (last - first > taps->taps)
            last = first + taps->taps;
        count = (uint32_t)(last - first);
        filter.weigh(scratch, (first + 0.5 - centre) / filter.stretch, 1 / filter.stretch,
                     count);
        /* Padding zeros go before the taps where they would reach past the window, for
           which rows would have to be waited for. */
        if (first + taps->taps > high)
            shift = (uint32_t)(first + taps->taps - high);
        if (shift > first)
            shift = (uint32_t)first;
        taps->first[at] = (uint32_t)first - shift;
        quantise(weight + shift, scratch, count);
    }
}

/*
 * Cut the zero weights that every sample has at its end, but for what makes a whole
 * number of steps: an unscaled axis has one tap.
 */
static void trim_taps(tc_taps *taps, uint32_t step)
{
    uint32_t keep = 1, to = 0;

    for (uint32_t at = 0; at < taps->count; at++) {
        int16_t *weight = taps->weight + (size_t)at * taps->taps;
        uint32_t lead = 0, end = taps->taps;

        while (lead + 1 < end && weight[lead] == 0)
            lead++;
        while (end - 1 > lead && weight[end - 1] == 0)
            end--;
        if (end - lead > keep)
            keep = end - lead;
    }
    if (keep > 1 && whole_steps(keep, step) <= taps->taps)
        keep = whole_steps(keep, step);
    for (uint32_t at = 0; at < taps->count; at++, to += keep) {
        int16_t *weight = taps->weight + (size_t)at * taps->taps;
        uint32_t lead = 0;

        while (lead + keep < taps->taps && weight[lead] == 0)
            lead++;
        memmove(taps->weight + to, weight + lead, keep * sizeof *weight);
        taps->first[at] += lead;
    }
    taps->taps = keep;
}

/* Kernels take `step` taps at a time, and what is left over singly. */
static tc_error make_taps(tc_taps *taps, const tc_axis *axis, uint32_t step)
{
    double *scratch;

    taps->count = axis->count;
    taps->taps = whole_steps(max_taps(axis), step);
    if (taps->taps > axis->limit)
        taps->taps = axis->limit;
    taps->first = malloc(sizeof *taps->first * taps->count);
    taps->weight = calloc((size_t)taps->count * taps->taps, sizeof *taps->weight);
    scratch = malloc(sizeof *scratch * taps->taps);
    if (taps->first && taps->weight && scratch) {
        fill_taps(taps, axis, scratch);
        trim_taps(taps, step);
    }
    free(scratch);
    return taps->first && taps->weight && scratch ? TC_E_OK : TC_E_NO_MEMORY;
}

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
    if (!resample->oldest)
        return TC_E_NO_MEMORY;
    for (at = down->count; at-- > 0; resample->oldest[at] = oldest)
        oldest = down->first[at] < oldest ? down->first[at] : oldest;
    for (at = 0; at < down->count; at++) {
        if (down->first[at] + down->taps > newest)
            newest = down->first[at] + down->taps;
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
    uint64_t taps_x = max_taps(x) + STEP_GREY, taps_y = max_taps(y);

    return sizeof(tc_resample) + x->count * (taps_x * 2 + 4) + y->count * (taps_y * 2 + 8) +
           (taps_y + 2) * ((uint64_t)x->count * channels * 2 + sizeof(int16_t *)) +
           ((uint64_t)x->limit + x->count) * channels * 2 + (taps_x + taps_y) * 8;
}

tc_error tc_resample_create(tc_resample **resample, const tc_axis *x, const tc_axis *y,
                            uint8_t channels, bool alpha)
{
    tc_resample *made = calloc(1, sizeof *made);
    uint32_t lanes;

    *resample = NULL;
    if (!made)
        return TC_E_NO_MEMORY;
    made->kernel = tc_kernel_best();
    made->channels = channels;
    made->alpha = alpha;
    if (make_taps(&made->across, x, channels == 1 ? STEP_GREY : STEP) ||
        make_taps(&made->down, y, 1) || plan_ring(made)) {
        tc_resample_free(made);
        return TC_E_NO_MEMORY;
    }
    find_span(made);
    made->row_samples = x->count * channels;
    lanes = (x->limit > x->count ? x->limit : x->count) * channels;
    made->ring = malloc((size_t)made->ring_rows * made->row_samples * sizeof *made->ring);
    made->window = malloc(made->down.taps * sizeof *made->window);
    made->lanes = alpha ? malloc(lanes * sizeof *made->lanes) : NULL;
    if (!made->ring || !made->window || (alpha && !made->lanes)) {
        tc_resample_free(made);
        return TC_E_NO_MEMORY;
    }
    *resample = made;
    return TC_E_OK;
}

void tc_resample_free(tc_resample *resample)
{
    if (!resample)
        return;
    free(resample->across.first);
    free(resample->across.weight);
    free(resample->down.first);
    free(resample->down.weight);
    free(resample->oldest);
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

    for (uint32_t i = 0; i < down->taps; i++)
        resample->window[i] = resample->ring + (size_t)((first + i) % resample->ring_rows) *
                                                   resample->row_samples;
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
