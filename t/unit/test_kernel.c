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
#include "image/scale/kernel.h"

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
    /* Mostly whole steps of the kernels', as the resampler makes them. */
    if (taps->taps > 8 && below(4))
        taps->taps &= below(2) ? ~3u : ~7u;
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

static void test_halve(const tc_kernel *of)
{
    unsigned wrong = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint32_t length = 1 + below(200), half = (length + 1) / 2;
        uint8_t *row[2] = {malloc(length), malloc(length)}, *got = malloc(half);

        for (uint32_t at = 0; at < 2 * length; at++)
            row[at % 2][at / 2] = (uint8_t)(below(3) ? below(256) : 255);
        of->halve(got, row[0], row[1], length);
        for (uint32_t at = 0; at < half; at++) {
            uint32_t next = 2 * at + 1 < length ? 2 * at + 1 : 2 * at;
            unsigned sum = row[0][2 * at] + row[0][next] + row[1][2 * at] + row[1][next];
            wrong += got[at] != (sum + 2) / 4;
        }
        free(row[0]);
        free(row[1]);
        free(got);
    }
    ok(wrong == 0, "%s: two rows halved, %d times", of->name, ROUNDS);
}

static uint8_t random_alpha(int kind)
{
    return kind == 0 ? 255 : kind == 1 && below(40) ? 255 : (uint8_t)below(256);
}

/* Rows of any length, opaque, nearly so and not. */
static void test_alpha_rows(unsigned channels)
{
    unsigned wrong_opaque = 0, wrong_in = 0, wrong_out = 0, opaque = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint32_t pixels = 1 + below(100), samples = pixels * channels;
        uint8_t *bytes = malloc(samples), *straight[2] = {malloc(samples), malloc(samples)};
        int16_t *lanes[2] = {malloc(samples * 2), malloc(samples * 2)};
        bool is_opaque = true;

        for (uint32_t at = 0; at < samples; at++) {
            bool alpha = at % channels == channels - 1;
            bytes[at] = alpha ? random_alpha(round % 3) : (uint8_t)below(256);
            is_opaque = is_opaque && (!alpha || bytes[at] == 255);
        }
        opaque += is_opaque;
        wrong_opaque += tc_kernel_scalar.opaque(bytes, pixels, channels) != is_opaque;
        wrong_opaque += kernel->opaque(bytes, pixels, channels) != is_opaque;
        tc_kernel_scalar.premultiply(lanes[0], bytes, pixels, channels);
        kernel->premultiply(lanes[1], bytes, pixels, channels);
        wrong_in += memcmp(lanes[0], lanes[1], samples * 2) != 0;
        for (uint32_t at = 0; at < samples; at++)
            lanes[0][at] = round & 1 ? random_lane() : (int16_t)below(65536);
        tc_kernel_scalar.unpremultiply(straight[0], lanes[0], pixels, channels);
        kernel->unpremultiply(straight[1], lanes[0], pixels, channels);
        wrong_out += memcmp(straight[0], straight[1], samples) != 0;
        for (int i = 0; i < 2; i++) {
            free(lanes[i]);
            free(straight[i]);
        }
        free(bytes);
    }
    ok(wrong_opaque == 0 && opaque >= ROUNDS / 3, "%s: %u channels, %u opaque rows are known",
       kernel->name, channels, opaque);
    ok(wrong_in == 0, "%s: %u channels premultiplied, %d rows", kernel->name, channels, ROUNDS);
    ok(wrong_out == 0, "%s: %u channels made straight, %d rows", kernel->name, channels,
       ROUNDS);
}

/* Every colour with every alpha, nearest to its product. */
static void test_every_product(const tc_kernel *of)
{
    uint8_t bytes[256 * 4];
    int16_t lanes[256 * 4];
    unsigned wrong = 0;

    for (unsigned alpha = 0; alpha < 256; alpha++) {
        for (unsigned at = 0; at < 256 * 4; at++)
            bytes[at] = (uint8_t)(at % 4 == 3 ? alpha : at / 4 + at % 4);
        of->premultiply(lanes, bytes, 256, 4);
        for (unsigned at = 0; at < 256 * 4; at++) {
            int64_t exact = at % 4 == 3 ? alpha * 255 : bytes[at] * alpha;
            int64_t off = (int64_t)lanes[at] * 255 - (exact << TC_LANE_BITS);
            wrong += off > 127 || off < -127;
        }
    }
    ok(wrong == 0, "%s: every colour and alpha premultiplied to the nearest", of->name);
}

/*
 * For every alpha the lanes where the quotient rises to the next level and those
 * just under: between them it stays, for dividing keeps order. Far outside too.
 */
static void test_every_quotient(const tc_kernel *of)
{
    static int16_t lanes[256 * 2 * 2 * 2];
    static uint8_t bytes[256 * 2 * 2 * 2];
    unsigned wrong = 0;

    for (int32_t alpha = 1; alpha <= 32767; alpha++) {
        int32_t cut = alpha > 16320 ? 16320 : alpha;
        uint32_t at = 0;

        for (int32_t level = 1; level <= 256; level++) {
            /* The least v of which (v * 255 + cut / 2) / cut is `level`. */
            int32_t rises = (level * cut - cut / 2 + 254) / 255;
            for (int32_t v = rises - 1; v <= rises; v++, at += 2) {
                lanes[at] = (int16_t)(v < 0 ? 0 : v);
                lanes[at + 1] = (int16_t)alpha;
            }
        }
        lanes[0] = (int16_t)(alpha & 1 ? -1 : 32767);
        of->unpremultiply(bytes, lanes, at / 2, 2);
        for (uint32_t i = 0; i < at; i += 2) {
            int32_t exact = lanes[i] < 0 ? 0 : (lanes[i] * 255 + cut / 2) / cut;
            int32_t colour = alpha < 32 ? 0 : exact > 255 ? 255 : exact;
            wrong += bytes[i] != colour || bytes[i + 1] != (alpha < 32 ? 0 : (cut + 32) >> 6);
        }
    }
    ok(wrong == 0, "%s: every alpha and every step of the quotient divided exactly", of->name);
}

/* What the resampler relies on for opaque rows. */
static void test_opaque_is_plain(const tc_kernel *of)
{
    unsigned wrong = 0;

    for (int round = 0; round < 300; round++) {
        uint32_t width = 1 + below(100);
        unsigned channels = round & 1 ? 4 : 2;
        uint8_t *bytes = malloc(width * channels);
        int16_t *lanes = malloc(width * channels * 2), *plain, *multiplied;
        tc_taps taps;

        make_taps(&taps, width);
        plain = malloc(taps.count * channels * 2);
        multiplied = malloc(taps.count * channels * 2);
        for (uint32_t at = 0; at < width * channels; at++)
            bytes[at] = at % channels == channels - 1 ? 255 : (uint8_t)below(256);
        of->across_bytes(plain, bytes, &taps, channels);
        of->premultiply(lanes, bytes, width, channels);
        of->across_lanes(multiplied, lanes, &taps, channels);
        wrong += memcmp(plain, multiplied, taps.count * channels * 2) != 0;
        free(bytes);
        free(lanes);
        free(plain);
        free(multiplied);
        free(taps.first);
        free(taps.weight);
    }
    ok(wrong == 0, "%s: opaque rows need no premultiplying", of->name);
}

static void test_alpha(const tc_kernel *of)
{
    test_every_product(of);
    test_every_quotient(of);
    test_opaque_is_plain(of);
}

/* A kernel against the scalar one, or why not. */
static void test_against_scalar(const char *name, const tc_kernel *of)
{
    if (!of) {
        skip(name, "not on this processor");
        return;
    }
    kernel = of;
    for (unsigned channels = 1; channels <= 4; channels++)
        test_across(channels);
    test_down();
    for (unsigned channels = 2; channels <= 4; channels++)
        test_alpha_rows(channels);
    test_alpha(kernel);
    test_halve(kernel);
}

int main(void)
{
    const char *given = getenv("TC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    const tc_kernel *avx2 = tc_kernel_avx2(), *neon = tc_kernel_neon();

    srand(seed);
    printf("# TC_TEST_SEED=%u\n", seed);
    ok(tc_kernel_best() == (avx2   ? avx2
                            : neon ? neon
                                   : &tc_kernel_scalar),
       "the best is %s", tc_kernel_best()->name);
#ifdef __aarch64__
    ok(neon != NULL, "on 64-bit Arm NEON is there");
#else
    ok(neon == NULL, "NEON is for 64-bit Arm only");
#endif
    test_alpha(&tc_kernel_scalar);
    test_halve(&tc_kernel_scalar);
    test_against_scalar("AVX2", avx2);
    test_against_scalar("NEON", neon);
    return done_testing();
}
