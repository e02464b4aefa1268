/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resampler's tables of weights: whatever the axis, each output's weights sum to exactly
 * one in fixed point, so that no flat picture gets lighter or darker by a step, and all of them
 * are of samples that there are.
 */
#include "image/scale/weights.h"

#include <stdlib.h>

#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ONE          (1 << TC_WEIGHT_BITS)

static uint64_t random_state = 20240607;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 32) * bound >> 32);
}

typedef struct weight_faults {
    uint32_t outputs, sums, places;
    int32_t worst; /* how far a sum is off */
} weight_faults;

static void check(const tc_axis *axis, uint32_t step, weight_faults *faults)
{
    tc_weights weights;

    if (tc_weights_make(&weights, axis, step) != TC_E_OK)
        abort();
    for (uint32_t at = 0; at < weights.count; at++) {
        const int16_t *weight = weights.weight + (size_t)at * weights.per_sample;
        int32_t sum = 0;

        for (uint32_t i = 0; i < weights.per_sample; i++)
            sum += weight[i];
        faults->outputs++;
        faults->sums += sum != ONE;
        if (abs(sum - ONE) > faults->worst)
            faults->worst = abs(sum - ONE);
        faults->places += (uint64_t)weights.first[at] + weights.per_sample > axis->limit;
    }
    tc_weights_free(&weights);
}

static void report(const weight_faults *faults, const char *what)
{
    ok(faults->outputs > 0 && faults->sums == 0,
       "%s: of %u outputs' weights %u do not sum to %d, the worst by %d", what, faults->outputs,
       faults->sums, ONE, (int)faults->worst);
    ok(faults->places == 0, "... and of %u some are of samples beyond the last",
       faults->places);
}

static const uint32_t steps[] = {1, 2, 4, 8, 16};

static void chosen(void)
{
    static const struct {
        uint32_t limit, size;
        double cut;
    } axes[] = {{1, 1, 0},       {1, 100, 0},      {2, 1, 0},        {100, 100, 0},
                {100, 99, 0},    {99, 100, 0},     {4000, 300, 0},   {300, 4000, 0},
                {65535, 1, 0},   {65535, 3, 0},    {65535, 1000, 0}, {65535, 65534, 0},
                {20000, 7, 0.5}, {1600, 300, .25}, {301, 150, -0.5}};

    for (size_t at = 0; at < COUNT(axes); at++) {
        tc_axis axis = {0, axes[at].limit, axes[at].limit, axes[at].size,
                        0, axes[at].size,  axes[at].cut};
        weight_faults faults = {0};
        char what[64];

        for (size_t step = 0; step < COUNT(steps); step++)
            check(&axis, steps[step], &faults);
        snprintf(what, sizeof what, "%u to %u", axes[at].limit, axes[at].size);
        report(&faults, what);
    }
}

/* Windows anywhere in the axis, of which only some outputs are wanted. */
static void any(void)
{
    static const uint32_t bounds[] = {8, 60, 700, 9000};

    for (size_t bound = 0; bound < COUNT(bounds); bound++) {
        weight_faults faults = {0};
        char what[64];

        for (int n = 0; n < 400; n++) {
            uint32_t limit = 1 + random_below(bounds[bound]),
                     size = 1 + random_below(bounds[bound]);
            double from = random_below(1000) * 0.001 * limit;
            double to = from + (1 + random_below(1000)) * 0.001 * (limit - from);
            uint32_t first = random_below(size);
            tc_axis axis = {from, to, limit, size, first, 1 + random_below(size - first), 0};

            check(&axis, steps[random_below(COUNT(steps))], &faults);
        }
        snprintf(what, sizeof what, "400 windows of up to %u", bounds[bound]);
        report(&faults, what);
    }
}

int main(void)
{
    chosen();
    any();
    return done_testing();
}
