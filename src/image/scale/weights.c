/* SPDX-License-Identifier: Apache-2.0 */
#include "weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_ONE (1 << TC_WEIGHT_BITS)

/* A rotation: its sine and cosine. */
typedef struct rotation {
    double s, c;
} rotation;

/* The filter of an axis, stretched for downscaling. */
typedef struct axis_filter {
    const struct filter_shape *shape;
    double stretch; /* source samples a unit of the filter's argument */
    double radius;  /* in source samples, already stretched */
    rotation one;   /* by a source sample, for a shape of sines */
} axis_filter;

/* The weights of samples whose middles are `first`, `first` + 1 ... source samples from the
   centre; `weight` has room for `count` and ABREAST more. */
typedef void weigh_function(double *weight, const axis_filter *of, double first,
                            uint32_t count);

/* One filter: how far it reaches, unstretched, and its function. */
typedef struct filter_shape {
    double support;
    weigh_function *weigh;
} filter_shape;

static double catmull_rom(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

static void weigh_catmull_rom(double *weight, const axis_filter *of, double first,
                              uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        weight[i] = catmull_rom((first + i) / of->stretch);
}

/* Samples that are weighed side by side, so that they need not wait for one another. */
#define ABREAST 4

static rotation rotated(rotation from, rotation by)
{
    return (rotation){from.s * by.c + from.c * by.s, from.c * by.c - from.s * by.s};
}

/*
 * sinc(t) sinc(t/3) for `count` samples, in u = pi t / 3 of which `step` is one's
 * length: with s = sin(u), sin(3u) = s (3 - 4 s s), so one sine is enough, and each
 * follows from one before by rotating.
 */
static void lanczos3(double *weight, double u, double step, rotation one, uint32_t count)
{
    rotation at[ABREAST] = {{sin(u), cos(u)}}, by = one;

    for (int k = 1; k < ABREAST; k++) {
        at[k] = rotated(at[k - 1], one);
        by = rotated(by, one);
    }
    for (uint32_t i = 0; i < count; i += ABREAST) {
        for (unsigned k = 0; k < ABREAST; k++) {
            double far = fabs(u + (i + k) * step), square = at[k].s * at[k].s;

            weight[i + k] = square * (3 - 4 * square) / (3 * far * far);
            if (far < 1e-5)
                weight[i + k] = 1;
            if (far >= M_PI)
                weight[i + k] = 0;
            at[k] = rotated(at[k], by);
        }
    }
}

/* In u, the distance of two samples. */
static double lanczos3_unit(double stretch)
{
    return M_PI / (3 * stretch);
}

static void weigh_lanczos3(double *weight, const axis_filter *of, double first, uint32_t count)
{
    double unit = lanczos3_unit(of->stretch);

    lanczos3(weight, first * unit, unit, of->one, count);
}

/* ---- the filters ----------------------------------------------------------------- */

enum { CATMULL_ROM, LANCZOS3 };

static const filter_shape shapes[] = {
    [CATMULL_ROM] = {2, weigh_catmull_rom}, [LANCZOS3] = {3, weigh_lanczos3}};

/* resample.h says which is used when. */
static axis_filter choose_filter(const tc_axis *axis)
{
    double step = (axis->to - axis->from) / axis->size;
    const filter_shape *chosen = &shapes[step < 1 ? CATMULL_ROM : LANCZOS3];
    double stretch = step < 1 ? 1 : step, unit = lanczos3_unit(stretch);

    return (axis_filter){chosen, stretch, chosen->support * stretch, {sin(unit), cos(unit)}};
}

uint32_t tc_weights_most(const tc_axis *axis)
{
    double count = 2 * ceil(choose_filter(axis).radius) + 1;

    return count < axis->limit ? (uint32_t)count : axis->limit;
}

/* `count` rounded up. */
static uint32_t whole_steps(uint32_t count, uint32_t step)
{
    return (count + step - 1) / step * step;
}

static inline int32_t nearest(double value)
{
    return (int32_t)(value < 0 ? value - 0.5 : value + 0.5);
}

/* Weights that rounding may leave over before the largest weight would notice. */
#define REST_MAX 4

/*
 * Make whole numbers of `count` weights, summing to exactly WEIGHT_ONE. What
 * rounding leaves over goes to the largest, at `peak`, where it matters least. With
 * thousands of weights that would be most of the sum: then each weight is the
 * difference of two rounded running sums, so that no error adds up.
 */
static void quantise(int16_t *to, const double *weight, uint32_t count, uint32_t peak)
{
    double sum = 0, running = 0, unit;
    int32_t rest = WEIGHT_ONE, before = 0;

    for (uint32_t i = 0; i < count; i++)
        sum += weight[i];
    unit = WEIGHT_ONE / sum;
    for (uint32_t i = 0; i < count; i++) {
        int32_t whole = nearest(weight[i] * unit);
        to[i] = (int16_t)whole;
        rest -= whole;
    }
    if (abs(rest) <= REST_MAX) {
        to[peak] = (int16_t)(to[peak] + rest);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        int32_t upto;
        running += weight[i];
        upto = nearest(running * unit);
        to[i] = (int16_t)(upto - before);
        before = upto;
    }
}

/*
 * The samples that there are of those the window touches; weights outside are left out.
 * The window may begin before the first sample and end after the last, where only a
 * part of the axis is delivered; then the first weight may come out one sample before it,
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

/* Where the weights of one output lie. */
typedef struct filter_window {
    double centre;
    int64_t first, last;
    bool whole; /* nothing was left out for the window's edge */
} filter_window;

static filter_window find_window(const tc_axis *axis, const axis_filter *filter, double step,
                                 uint32_t at)
{
    double centre = middle(axis, at, step);
    filter_window window = {centre, (int64_t)floor(centre - filter->radius),
                            (int64_t)ceil(centre + filter->radius), true};
    int64_t low, high;

    window_bounds(axis, &low, &high);
    window.whole = window.first >= low && window.last <= high &&
                   (axis->cut == 0 || (at > 0 && at < axis->count - 1));
    window.first = window.first < low ? low : window.first;
    window.last = window.last > high ? high : window.last;
    return window;
}

/*
 * The weights of one output. Padding zeros go before the weights where they would reach
 * past the window, for which rows would have to be waited for.
 */
static void fill_output(tc_weights *weights, uint32_t at, const filter_window *window,
                        int64_t high, const double *weight, uint32_t count)
{
    double centre = window->centre - (double)window->first;
    uint32_t peak = centre > 0 ? (uint32_t)centre : 0, shift = 0;

    if (window->first + weights->per_sample > high)
        shift = (uint32_t)(window->first + weights->per_sample - high);
    if (shift > window->first)
        shift = (uint32_t)window->first;
    weights->first[at] = (uint32_t)window->first - shift;
    quantise(weights->weight + (size_t)at * weights->per_sample + shift, weight, count,
             peak < count ? peak : count - 1);
}

static void fill_weights(tc_weights *weights, const tc_axis *axis, double *scratch)
{
    axis_filter filter = choose_filter(axis);
    double step = (axis->to - axis->from) / axis->size;
    uint32_t period = find_period(step, weights->count), whole = 0;
    int64_t low, high;

    window_bounds(axis, &low, &high);
    for (uint32_t at = 0; at < weights->count; at++) {
        filter_window window = find_window(axis, &filter, step, at);
        uint32_t count;

        /* With one sample to spare for what rounding does to the first. */
        window.whole = window.whole && window.first + weights->per_sample < high;
        whole = window.whole ? whole + 1 : 0;
        if (whole > period) {
            /* NOLINTNEXTLINE(clang-analyzer-core.*): `period` ones were made before this */
            weights->first[at] = weights->first[at - period] + (uint32_t)nearest(period * step);
            memcpy(weights->weight + (size_t)at * weights->per_sample,
                   weights->weight + (size_t)(at - period) * weights->per_sample,
                   weights->per_sample * sizeof *weights->weight);
            continue;
        }
        if (window.last - window.first > weights->per_sample)
            window.last = window.first + weights->per_sample;
        count = (uint32_t)(window.last - window.first);
        filter.shape->weigh(scratch, &filter, (double)window.first + 0.5 - window.centre,
                            count);
        fill_output(weights, at, &window, high, scratch, count);
    }
}

/*
 * Cut the zero weights that every sample has at its end, but for what makes a whole
 * number of steps: an unscaled axis has one weight.
 */
static void trim_weights(tc_weights *weights, uint32_t step)
{
    uint32_t keep = 1, to = 0;

    for (uint32_t at = 0; at < weights->count; at++) {
        int16_t *weight = weights->weight + (size_t)at * weights->per_sample;
        uint32_t lead = 0, end = weights->per_sample;

        while (lead + 1 < end && weight[lead] == 0)
            lead++;
        while (end - 1 > lead && weight[end - 1] == 0)
            end--;
        if (end - lead > keep)
            keep = end - lead;
    }
    if (keep > 1 && whole_steps(keep, step) <= weights->per_sample)
        keep = whole_steps(keep, step);
    for (uint32_t at = 0; at < weights->count; at++, to += keep) {
        int16_t *weight = weights->weight + (size_t)at * weights->per_sample;
        uint32_t lead = 0;

        while (lead + keep < weights->per_sample && weight[lead] == 0)
            lead++;
        memmove(weights->weight + to, weight + lead, keep * sizeof *weight);
        weights->first[at] += lead;
    }
    weights->per_sample = keep;
}

tc_error tc_weights_make(tc_weights *weights, const tc_axis *axis, uint32_t step)
{
    double *scratch;

    weights->count = axis->count;
    weights->per_sample = whole_steps(tc_weights_most(axis), step);
    if (weights->per_sample > axis->limit)
        weights->per_sample = axis->limit;
    weights->first = malloc(sizeof *weights->first * weights->count);
    weights->weight =
        calloc((size_t)weights->count * weights->per_sample, sizeof *weights->weight);
    scratch = malloc(sizeof *scratch * (weights->per_sample + ABREAST));
    if (weights->first && weights->weight && scratch) {
        fill_weights(weights, axis, scratch);
        trim_weights(weights, step);
    }
    free(scratch);
    return weights->first && weights->weight && scratch ? TC_E_OK : TC_E_NO_MEMORY;
}

void tc_weights_free(tc_weights *weights)
{
    free(weights->first);
    free(weights->weight);
}

void tc_weights_span(const tc_axis *axis, uint32_t *first, uint32_t *count)
{
    axis_filter filter = choose_filter(axis);
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
