/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kernel that runs here gives the scalar one's bytes, over random sizes,
 * channels and weights; buffers have exactly the size there is, so that a reader
 * past their end is caught by whatever watches memory.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tap.h"
#include "image/kernel.h"

#define ROUNDS 3000

static const tc_kernel *kernel;

static uint32_t below(uint32_t bound)
{
    return (uint32_t)rand() % bound;
}

/* Any 16-bit lanes, but mostly such as pictures have. */
static int16_t random_lane(void)
{
    return (int16_t)(below(4) ? (int32_t)below(18000) - 800 : (int32_t)below(65536) - 32768);
}

/* Weights whose sum of sizes is bounded as a filter's is, so that no sum overflows. */
static void random_weights(int16_t *weight, uint32_t taps)
{
    for (uint32_t tap = 0; tap < taps; tap++)
        weight[tap] = (int16_t)((int32_t)below(32768 / taps) - 8192 / (int32_t)taps);
}

static void make_taps(tc_taps *taps, uint32_t width)
{
    taps->count = 1 + below(70);
    taps->taps = 1 + below(width < 50 ? width : 50);
    taps->first = malloc(sizeof *taps->first * taps->count);
    taps->weight = malloc(sizeof *taps->weight * taps->count * taps->taps);
    for (uint32_t at = 0; at < taps->count; at++) {
        taps->first[at] = below(width - taps->taps + 1);
        random_weights(taps->weight + at * taps->taps, taps->taps);
    }
    /* The last pixel of the row is somebody's, mostly the last one's. */
    taps->first[below(8) ? taps->count - 1 : below(taps->count)] = width - taps->taps;
}

static void test_across(unsigned channels)
{
    unsigned wrong_bytes = 0, wrong_lanes = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint32_t width = 1 + below(200), samples = width * channels;
        uint8_t *bytes = malloc(samples);
        int16_t *lanes = malloc(samples * sizeof *lanes), *expected, *got;
        size_t size;
        tc_taps taps;

        make_taps(&taps, width);
        size = taps.count * channels * sizeof *got;
        expected = malloc(size);
        got = malloc(size);
        for (uint32_t at = 0; at < samples; at++) {
            bytes[at] = (uint8_t)below(256);
            lanes[at] = random_lane();
        }
        tc_kernel_scalar.across_bytes(expected, bytes, &taps, channels);
        kernel->across_bytes(got, bytes, &taps, channels);
        wrong_bytes += memcmp(expected, got, size) != 0;
        tc_kernel_scalar.across_lanes(expected, lanes, &taps, channels);
        kernel->across_lanes(got, lanes, &taps, channels);
        wrong_lanes += memcmp(expected, got, size) != 0;
        free(bytes);
        free(lanes);
        free(expected);
        free(got);
        free(taps.first);
        free(taps.weight);
    }
    ok(wrong_bytes == 0, "%s: across, %u channels from bytes, %d rows", kernel->name, channels,
       ROUNDS);
    ok(wrong_lanes == 0, "%s: across, %u channels from lanes, %d rows", kernel->name, channels,
       ROUNDS);
}

#define MOST_TAPS 40

static void test_down(void)
{
    unsigned wrong_bytes = 0, wrong_lanes = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint32_t length = 1 + below(300);
        unsigned taps = 1 + below(MOST_TAPS);
        int16_t *row[MOST_TAPS], weight[MOST_TAPS];
        uint8_t *bytes[2] = {malloc(length), malloc(length)};
        int16_t *lanes[2] = {malloc(length * 2), malloc(length * 2)};

        for (unsigned tap = 0; tap < taps; tap++) {
            row[tap] = malloc(length * sizeof *row[tap]);
            for (uint32_t at = 0; at < length; at++)
                row[tap][at] = random_lane();
        }
        random_weights(weight, taps);
        tc_kernel_scalar.down_bytes(bytes[0], (const int16_t *const *)row, weight, taps,
                                    length);
        kernel->down_bytes(bytes[1], (const int16_t *const *)row, weight, taps, length);
        wrong_bytes += memcmp(bytes[0], bytes[1], length) != 0;
        tc_kernel_scalar.down_lanes(lanes[0], (const int16_t *const *)row, weight, taps,
                                    length);
        kernel->down_lanes(lanes[1], (const int16_t *const *)row, weight, taps, length);
        wrong_lanes += memcmp(lanes[0], lanes[1], length * 2) != 0;
        for (unsigned tap = 0; tap < taps; tap++)
            free(row[tap]);
        for (int i = 0; i < 2; i++) {
            free(bytes[i]);
            free(lanes[i]);
        }
    }
    ok(wrong_bytes == 0, "%s: down to bytes, %d rows", kernel->name, ROUNDS);
    ok(wrong_lanes == 0, "%s: down to lanes, %d rows", kernel->name, ROUNDS);
}

int main(void)
{
    const char *given = getenv("TC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

    srand(seed);
    printf("# TC_TEST_SEED=%u\n", seed);
    kernel = tc_kernel_avx2();
    ok(tc_kernel_best() == (kernel ? kernel : &tc_kernel_scalar), "the best is %s",
       tc_kernel_best()->name);
    if (kernel) {
        for (unsigned channels = 1; channels <= 4; channels++)
            test_across(channels);
        test_down();
    } else {
        skip("AVX2", "this processor has none");
    }
    return done_testing();
}
