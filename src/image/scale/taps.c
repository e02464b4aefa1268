/* SPDX-License-Identifier: Apache-2.0 */
#include "taps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_ONE (1 << TC_WEIGHT_BITS)

/* The filter of an axis, stretched for downscaling. */
typedef struct filter {
    bool lanczos;
    double radius;  /* in source samples, already stretched */
    double stretch; /* source samples a unit of the filter's argument */
} filter;

static filter choose_filter(const tc_axis *axis)
{
    double step = (axis->to - axis->from) / axis->size;

    if (step < 1)
        return (filter){false, 2, 1};
    return (filter){true, 3 * step, step};
}

static double catmull_rom(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* Samples that are weighed side by side, so that they need not wait for one another. */
#define ABREAST 4

/* A turn by some angle: its sine and cosine. */
typedef struct turn {
    double s, c;
} turn;

static turn turned(turn from, turn by)
{
    return (turn){from.s * by.c + from.c * by.s, from.c * by.c - from.s * by.s};
}

/*
 * sinc(t) sinc(t/3) for `count` samples, in u = pi t / 3 of which `step` is one's
 * length: with s = sin(u), sin(3u) = s (3 - 4 s s), so one sine is enough, and each
 * follows from one before by turning. `weight` has room for a multiple of ABREAST.
 */
static void lanczos3(double *weight, double u, double step, turn one, uint32_t count)
{
    turn at[ABREAST] = {{sin(u), cos(u)}}, by = one;

    for (int k = 1; k < ABREAST; k++) {
        at[k] = turned(at[k - 1], one);
        by = turned(by, one);
    }
    for (uint32_t i = 0; i < count; i += ABREAST) {
        for (unsigned k = 0; k < ABREAST; k++) {
            double far = fabs(u + (i + k) * step), square = at[k].s * at[k].s;

            weight[i + k] = square * (3 - 4 * square) / (3 * far * far);
            if (far < 1e-5)
                weight[i + k] = 1;
            if (far >= M_PI)
                weight[i + k] = 0;
            at[k] = turned(at[k], by);
        }
    }
}

/* The weights of samples whose middles are `first`, `first` + 1 ... from the centre. */
static void weigh(double *weight, const filter *filter, turn one, double first, uint32_t count)
{
    double unit = M_PI / (3 * filter->stretch);

    if (filter->lanczos) {
        lanczos3(weight, first * unit, unit, one, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        weight[i] = catmull_rom(first + i);
}

uint32_t tc_taps_most(const tc_axis *axis)
{
    double taps = 2 * ceil(choose_filter(axis).radius) + 1;

    return taps < axis->limit ? (uint32_t)taps : axis->limit;
}

/* `taps` rounded up. */
static uint32_t whole_steps(uint32_t taps, uint32_t step)
{
    return (taps + step - 1) / step * step;
}

static inline int32_t nearest(double value)
{
    return (int32_t)(value < 0 ? value - 0.5 : value + 0.5);
}

/* Weights that rounding may leave over before the largest tap would notice. */
#define REST_MAX 4

/*
 * Make whole numbers of `taps` weights, summing to exactly WEIGHT_ONE. What
 * rounding leaves over goes to the largest, at `peak`, where it matters least. With
 * thousands of taps that would be most of the sum: then each weight is the
 * difference of two rounded running sums, so that no error adds up.
 */
static void quantise(int16_t *to, const double *weight, uint32_t taps, uint32_t peak)
{
    double sum = 0, running = 0, unit;
    int32_t rest = WEIGHT_ONE, before = 0;

    for (uint32_t i = 0; i < taps; i++)
        sum += weight[i];
    unit = WEIGHT_ONE / sum;
    for (uint32_t i = 0; i < taps; i++) {
        int32_t whole = nearest(weight[i] * unit);
        to[i] = (int16_t)whole;
        rest -= whole;
    }
    if (abs(rest) <= REST_MAX) {
        to[peak] = (int16_t)(to[peak] + rest);
        return;
    }
    for (uint32_t i = 0; i < taps; i++) {
        int32_t upto;
        running += weight[i];
        upto = nearest(running * unit);
        to[i] = (int16_t)(upto - before);
        before = upto;
    }
}

/*
 * The samples that there are of those the window touches; taps outside are left out.
 * The window may begin before the first sample and end after the last, where only a
 * part of the axis is delivered; then the first tap may come out one sample before it,
 * as the same sum from another origin rounds differently.
 */
static void window_bounds(const tc_axis *axis, int64_t *low, int64_t *high)
{
    double from = axis->from > 0 ? axis->from : 0;
    double to = axis->to > 1 ? axis->to : 1;

    *low = (int64_t)floor(from + 1e-9);
    *high = (int64_t)ceil(to - 1e-9);
    if (*high > axis->limit)
        *high = axis->limit;
    if (*low >= *high)
        *low = *high - 1;
}

/* The middle of what wanted sample `at` covers, in source samples. */
static double middle(const tc_axis *axis, uint32_t at, double step)
{
    double low = axis->first + at, high = low + 1;

    if (axis->cut < 0 && at == 0)
        low -= axis->cut;
    if (axis->cut > 0 && at == axis->count - 1)
        high -= axis->cut;
    return axis->from + (low + high) / 2 * step;
}

/* After how many outputs the weights come again: when that many steps are whole samples. */
static uint32_t find_period(double step, uint32_t count)
{
    for (uint32_t outputs = 1; outputs < count; outputs++) {
        if (fabs(outputs * step - nearest(outputs * step)) < 1e-9)
            return outputs;
    }
    return count;
}

/* Where the taps of one output lie. */
typedef struct place {
    double centre;
    int64_t first, last;
    bool whole; /* nothing was left out for the window's edge */
} place;

static place find_place(const tc_axis *axis, const filter *filter, double step, uint32_t at)
{
    double centre = middle(axis, at, step);
    place place = {centre, (int64_t)floor(centre - filter->radius),
                   (int64_t)ceil(centre + filter->radius), true};
    int64_t low, high;

    window_bounds(axis, &low, &high);
    place.whole = place.first >= low && place.last <= high &&
                  (axis->cut == 0 || (at > 0 && at < axis->count - 1));
    place.first = place.first < low ? low : place.first;
    place.last = place.last > high ? high : place.last;
    return place;
}

/*
 * The taps of one output. Padding zeros go before the taps where they would reach
 * past the window, for which rows would have to be waited for.
 */
static void fill_output(tc_taps *taps, uint32_t at, const place *place, int64_t high,
                        const double *weight, uint32_t count)
{
    double centre = place->centre - (double)place->first;
    uint32_t peak = centre > 0 ? (uint32_t)centre : 0, shift = 0;

    if (place->first + taps->taps > high)
        shift = (uint32_t)(place->first + taps->taps - high);
    if (shift > place->first)
        shift = (uint32_t)place->first;
    taps->first[at] = (uint32_t)place->first - shift;
    quantise(taps->weight + (size_t)at * taps->taps + shift, weight, count,
             peak < count ? peak : count - 1);
}

static void fill_taps(tc_taps *taps, const tc_axis *axis, double *scratch)
{
    filter filter = choose_filter(axis);
    double step = (axis->to - axis->from) / axis->size;
    double unit = M_PI / (3 * filter.stretch);
    turn one = {sin(unit), cos(unit)};
    uint32_t period = find_period(step, taps->count), whole = 0;
    int64_t low, high;

    window_bounds(axis, &low, &high);
    for (uint32_t at = 0; at < taps->count; at++) {
        place place = find_place(axis, &filter, step, at);
        uint32_t count;

        /* With one sample to spare for what rounding does to the first. */
        place.whole = place.whole && place.first + taps->taps < high;
        whole = place.whole ? whole + 1 : 0;
        if (whole > period) {
            /* NOLINTNEXTLINE(clang-analyzer-core.*): `period` ones were made before this */
            taps->first[at] = taps->first[at - period] + (uint32_t)nearest(period * step);
            memcpy(taps->weight + (size_t)at * taps->taps,
                   taps->weight + (size_t)(at - period) * taps->taps,
                   taps->taps * sizeof *taps->weight);
            continue;
        }
        if (place.last - place.first > taps->taps)
            place.last = place.first + taps->taps;
        count = (uint32_t)(place.last - place.first);
        weigh(scratch, &filter, one, (double)place.first + 0.5 - place.centre, count);
        fill_output(taps, at, &place, high, scratch, count);
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

tc_error tc_taps_make(tc_taps *taps, const tc_axis *axis, uint32_t step)
{
    double *scratch;

    taps->count = axis->count;
    taps->taps = whole_steps(tc_taps_most(axis), step);
    if (taps->taps > axis->limit)
        taps->taps = axis->limit;
    taps->first = malloc(sizeof *taps->first * taps->count);
    taps->weight = calloc((size_t)taps->count * taps->taps, sizeof *taps->weight);
    scratch = malloc(sizeof *scratch * (taps->taps + ABREAST));
    if (taps->first && taps->weight && scratch) {
        fill_taps(taps, axis, scratch);
        trim_taps(taps, step);
    }
    free(scratch);
    return taps->first && taps->weight && scratch ? TC_E_OK : TC_E_NO_MEMORY;
}

void tc_taps_free(tc_taps *taps)
{
    free(taps->first);
    free(taps->weight);
}

void tc_taps_span(const tc_axis *axis, uint32_t *first, uint32_t *count)
{
    filter filter = choose_filter(axis);
    double step = (axis->to - axis->from) / axis->size;
    double start = floor(middle(axis, 0, step) - filter.radius);
    double end = ceil(middle(axis, axis->count - 1, step) + filter.radius);
    int64_t low, high;

    window_bounds(axis, &low, &high);
    if (start > low)
        low = (int64_t)start;
    if (end < high)
        high = (int64_t)end;
    *first = (uint32_t)low;
    *count = (uint32_t)(high - low);
}
