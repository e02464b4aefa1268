/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows whose bytes are gathered are those of the scalar code, for windows that move on by up to
 * some samples an output, and the last of which ends with the row; what does not fit is left to
 * others.
 */
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "image/scale/gather.h"

#define ROUNDS 4000

static uint32_t below(uint32_t bound)
{
    return (uint32_t)rand() % bound;
}

/* `count` windows over `width` pixels; now and then one begins before the one before it. */
static void make_weights(tc_weights *weights, uint32_t width, uint32_t count, uint32_t taps)
{
    weights->count = count;
    weights->per_sample = taps;
    weights->first = malloc(sizeof *weights->first * count);
    weights->weight = malloc(sizeof *weights->weight * count * taps);
    for (uint32_t at = 0; at < count; at++) {
        weights->first[at] =
            count > 1 ? (uint32_t)((uint64_t)at * (width - taps) / (count - 1)) : width - taps;
        if (weights->first[at] > 0 && below(20) == 0)
            weights->first[at]--;
        for (uint32_t k = 0; k < taps; k++)
            weights->weight[at * taps + k] =
                (int16_t)((int32_t)below(2 * 16000 / taps) - 5000 / (int32_t)taps);
    }
    weights->first[count - 1] = width - taps;
    if (below(10) == 0)
        weights->weight[below(count * taps)] = 16319;
}

static void free_weights(tc_weights *weights)
{
    free(weights->first);
    free(weights->weight);
}

static void compare(unsigned channels)
{
    unsigned wrong = 0, gathered = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t taps = 4 * (1 + below(7)), count = 1 + below(60);
        uint32_t width = taps + below(count * (round % 2 ? 4 : 9)), samples = count * channels;
        uint8_t *row = malloc((size_t)width * channels);
        int16_t *expected = malloc(samples * sizeof *expected);
        int16_t *got = malloc(samples * sizeof *got); /* nothing may be written behind it */
        tc_gather *gather = NULL;
        tc_weights weights;

        make_weights(&weights, width, count, taps);
        for (uint32_t at = 0; at < width * channels; at++)
            row[at] = (uint8_t)(below(3) ? below(256) : 255);
        tc_scale_ops_scalar.horizontal_bytes(expected, row, &weights, channels);
        wrong += tc_gather_make(&gather, &weights, channels) != TC_E_OK;
        if (gather) {
            tc_gather_row(gather, got, row);
            wrong += memcmp(expected, got, samples * sizeof *got) != 0;
            gathered++;
        }
        tc_gather_free(gather);
        free_weights(&weights);
        free(row);
        free(expected);
        free(got);
    }
    ok(wrong == 0 && gathered > ROUNDS / 10, "%u channels: %u of %d rows gathered, the same",
       channels, gathered, ROUNDS);
}

/* One output of `taps` weights, all `weight`. */
static bool fits(uint32_t count, uint32_t step, uint32_t taps, int16_t weight)
{
    tc_weights weights = {count, taps, malloc(sizeof(uint32_t) * count),
                          malloc(sizeof(int16_t) * count * taps)};
    tc_gather *gather = NULL;
    bool made;

    for (uint32_t at = 0; at < count; at++)
        weights.first[at] = at * step;
    for (uint32_t at = 0; at < count * taps; at++)
        weights.weight[at] = weight;
    made = tc_gather_make(&gather, &weights, 1) == TC_E_OK && gather;
    tc_gather_free(gather);
    free_weights(&weights);
    return made;
}

int main(void)
{
    if (!fits(16, 1, 4, 100)) {
        ok(true, "nothing to compare # SKIP this processor has no AVX-512 VBMI and VNNI");
        return done_testing();
    }
    srand(1);
    for (unsigned channels = 1; channels <= 4; channels++)
        compare(channels);
    ok(fits(16, 8, 20, 100), "16 outputs are gathered of 8 bytes each");
    ok(!fits(16, 9, 20, 100) && fits(14, 9, 20, 100), "... not of 9, unless they are 14");
    ok(!fits(16, 1, 6, 100), "weights have to come in fours");
    ok(fits(16, 1, 4, 16319) && !fits(16, 1, 4, 16320) && fits(16, 1, 4, -16384),
       "... and to fit two bytes as they are split");
    return done_testing();
}
