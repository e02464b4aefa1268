/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All code for vectors that runs here gives the scalar code's bytes, over random sizes,
 * channels and weights; buffers have exactly the size there is, so that a reader
 * past their end is caught by whatever watches memory.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tap.h"
#include "image/scale/ops.h"

#define ROUNDS 3000

static const tc_scale_ops *ops;

static uint32_t below(uint32_t bound)
{
    return (uint32_t)rand() % bound;
}

/* Any 16-bit samples, but mostly such as pictures have. */
static int16_t random_fixed(void)
{
    return (int16_t)(below(4) ? (int32_t)below(18000) - 800 : (int32_t)below(65536) - 32768);
}

/* Weights whose sum of sizes is bounded as a filter's is, so that no sum overflows. */
static void random_weights(int16_t *weight, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        weight[k] = (int16_t)((int32_t)below(32768 / count) - 8192 / (int32_t)count);
}

static void make_weights(tc_weights *weights, uint32_t width)
{
    weights->count = 1 + below(70);
    weights->per_sample = 1 + below(width < 50 ? width : 50);
    /* Mostly whole steps of the vectors', as the resampler makes them. */
    if (weights->per_sample > 8 && below(4))
        weights->per_sample &= below(2) ? ~3u : ~7u;
    weights->first = malloc(sizeof *weights->first * weights->count);
    weights->weight = malloc(sizeof *weights->weight * weights->count * weights->per_sample);
    for (uint32_t at = 0; at < weights->count; at++) {
        weights->first[at] = below(width - weights->per_sample + 1);
        random_weights(weights->weight + at * weights->per_sample, weights->per_sample);
    }
    /* The last pixel of the row is somebody's, mostly the last one's. */
    weights->first[below(8) ? weights->count - 1 : below(weights->count)] =
        width - weights->per_sample;
}

static void test_horizontal(unsigned channels)
{
    unsigned wrong_bytes = 0, wrong_fixed = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint32_t width = 1 + below(200), samples = width * channels;
        uint8_t *bytes = malloc(samples);
        int16_t *fixed = malloc(samples * sizeof *fixed), *expected, *got;
        size_t size;
        tc_weights weights;

        make_weights(&weights, width);
        size = weights.count * channels * sizeof *got;
        expected = malloc(size);
        got = malloc(size);
        for (uint32_t at = 0; at < samples; at++) {
            bytes[at] = (uint8_t)below(256);
            fixed[at] = random_fixed();
        }
        tc_scale_ops_scalar.horizontal_bytes(expected, bytes, &weights, channels);
        ops->horizontal_bytes(got, bytes, &weights, channels);
        wrong_bytes += memcmp(expected, got, size) != 0;
        tc_scale_ops_scalar.horizontal_fixed(expected, fixed, &weights, channels);
        ops->horizontal_fixed(got, fixed, &weights, channels);
        wrong_fixed += memcmp(expected, got, size) != 0;
        free(bytes);
        free(fixed);
        free(expected);
        free(got);
        free(weights.first);
        free(weights.weight);
    }
    ok(wrong_bytes == 0, "%s: horizontal, %u channels from bytes, %d rows", ops->name, channels,
       ROUNDS);
    ok(wrong_fixed == 0, "%s: horizontal, %u channels from fixed point, %d rows", ops->name,
       channels, ROUNDS);
}

#define MOST_WEIGHTS 40

static void test_vertical(void)
{
    unsigned wrong_bytes = 0, wrong_fixed = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint32_t length = 1 + below(300);
        unsigned count = 1 + below(MOST_WEIGHTS);
        int16_t *row[MOST_WEIGHTS], weight[MOST_WEIGHTS];
        uint8_t *bytes[2] = {malloc(length), malloc(length)};
        int16_t *fixed[2] = {malloc(length * 2), malloc(length * 2)};

        for (unsigned k = 0; k < count; k++) {
            row[k] = malloc(length * sizeof *row[k]);
            for (uint32_t at = 0; at < length; at++)
                row[k][at] = random_fixed();
        }
        random_weights(weight, count);
        tc_scale_ops_scalar.vertical_bytes(bytes[0], (const int16_t *const *)row, weight, count,
                                           length);
        ops->vertical_bytes(bytes[1], (const int16_t *const *)row, weight, count, length);
        wrong_bytes += memcmp(bytes[0], bytes[1], length) != 0;
        tc_scale_ops_scalar.vertical_fixed(fixed[0], (const int16_t *const *)row, weight, count,
                                           length);
        ops->vertical_fixed(fixed[1], (const int16_t *const *)row, weight, count, length);
        wrong_fixed += memcmp(fixed[0], fixed[1], length * 2) != 0;
        for (unsigned k = 0; k < count; k++)
            free(row[k]);
        for (int i = 0; i < 2; i++) {
            free(bytes[i]);
            free(fixed[i]);
        }
    }
    ok(wrong_bytes == 0, "%s: vertical to bytes, %d rows", ops->name, ROUNDS);
    ok(wrong_fixed == 0, "%s: vertical to fixed point, %d rows", ops->name, ROUNDS);
}

static void test_halve(const tc_scale_ops *of)
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
        int16_t *fixed[2] = {malloc(samples * 2), malloc(samples * 2)};
        bool is_opaque = true;

        for (uint32_t at = 0; at < samples; at++) {
            bool alpha = at % channels == channels - 1;
            bytes[at] = alpha ? random_alpha(round % 3) : (uint8_t)below(256);
            is_opaque = is_opaque && (!alpha || bytes[at] == 255);
        }
        opaque += is_opaque;
        wrong_opaque += tc_scale_ops_scalar.opaque(bytes, pixels, channels) != is_opaque;
        wrong_opaque += ops->opaque(bytes, pixels, channels) != is_opaque;
        tc_scale_ops_scalar.premultiply(fixed[0], bytes, pixels, channels);
        ops->premultiply(fixed[1], bytes, pixels, channels);
        wrong_in += memcmp(fixed[0], fixed[1], samples * 2) != 0;
        for (uint32_t at = 0; at < samples; at++)
            fixed[0][at] = round & 1 ? random_fixed() : (int16_t)below(65536);
        tc_scale_ops_scalar.unpremultiply(straight[0], fixed[0], pixels, channels);
        ops->unpremultiply(straight[1], fixed[0], pixels, channels);
        wrong_out += memcmp(straight[0], straight[1], samples) != 0;
        for (int i = 0; i < 2; i++) {
            free(fixed[i]);
            free(straight[i]);
        }
        free(bytes);
    }
    ok(wrong_opaque == 0 && opaque >= ROUNDS / 3, "%s: %u channels, %u opaque rows are known",
       ops->name, channels, opaque);
    ok(wrong_in == 0, "%s: %u channels premultiplied, %d rows", ops->name, channels, ROUNDS);
    ok(wrong_out == 0, "%s: %u channels made straight, %d rows", ops->name, channels, ROUNDS);
}

/* Every colour with every alpha, nearest to its product. */
static void test_every_product(const tc_scale_ops *of)
{
    uint8_t bytes[256 * 4];
    int16_t fixed[256 * 4];
    unsigned wrong = 0;

    for (unsigned alpha = 0; alpha < 256; alpha++) {
        for (unsigned at = 0; at < 256 * 4; at++)
            bytes[at] = (uint8_t)(at % 4 == 3 ? alpha : at / 4 + at % 4);
        of->premultiply(fixed, bytes, 256, 4);
        for (unsigned at = 0; at < 256 * 4; at++) {
            int64_t exact = at % 4 == 3 ? alpha * 255 : bytes[at] * alpha;
            int64_t off = (int64_t)fixed[at] * 255 - (exact << TC_FIXED_BITS);
            wrong += off > 127 || off < -127;
        }
    }
    ok(wrong == 0, "%s: every colour and alpha premultiplied to the nearest", of->name);
}

/*
 * For every alpha the fixed point where the quotient rises to the next level and those
 * just under: between them it stays, for dividing keeps order. Far outside too.
 */
static void test_every_quotient(const tc_scale_ops *of)
{
    static int16_t fixed[256 * 2 * 2 * 2];
    static uint8_t bytes[256 * 2 * 2 * 2];
    unsigned wrong = 0;

    for (int32_t alpha = 1; alpha <= 32767; alpha++) {
        int32_t cut = alpha > 16320 ? 16320 : alpha;
        uint32_t at = 0;

        for (int32_t level = 1; level <= 256; level++) {
            /* The least v of which (v * 255 + cut / 2) / cut is `level`. */
            int32_t rises = (level * cut - cut / 2 + 254) / 255;
            for (int32_t v = rises - 1; v <= rises; v++, at += 2) {
                fixed[at] = (int16_t)(v < 0 ? 0 : v);
                fixed[at + 1] = (int16_t)alpha;
            }
        }
        fixed[0] = (int16_t)(alpha & 1 ? -1 : 32767);
        of->unpremultiply(bytes, fixed, at / 2, 2);
        for (uint32_t i = 0; i < at; i += 2) {
            int32_t exact = fixed[i] < 0 ? 0 : (fixed[i] * 255 + cut / 2) / cut;
            int32_t colour = alpha < 32 ? 0 : exact > 255 ? 255 : exact;
            wrong += bytes[i] != colour || bytes[i + 1] != (alpha < 32 ? 0 : (cut + 32) >> 6);
        }
    }
    ok(wrong == 0, "%s: every alpha and every step of the quotient divided exactly", of->name);
}

/* What the resampler relies on for opaque rows. */
static void test_opaque_is_plain(const tc_scale_ops *of)
{
    unsigned wrong = 0;

    for (int round = 0; round < 300; round++) {
        uint32_t width = 1 + below(100);
        unsigned channels = round & 1 ? 4 : 2;
        uint8_t *bytes = malloc(width * channels);
        int16_t *fixed = malloc(width * channels * 2), *plain, *multiplied;
        tc_weights weights;

        make_weights(&weights, width);
        plain = malloc(weights.count * channels * 2);
        multiplied = malloc(weights.count * channels * 2);
        for (uint32_t at = 0; at < width * channels; at++)
            bytes[at] = at % channels == channels - 1 ? 255 : (uint8_t)below(256);
        of->horizontal_bytes(plain, bytes, &weights, channels);
        of->premultiply(fixed, bytes, width, channels);
        of->horizontal_fixed(multiplied, fixed, &weights, channels);
        wrong += memcmp(plain, multiplied, weights.count * channels * 2) != 0;
        free(bytes);
        free(fixed);
        free(plain);
        free(multiplied);
        free(weights.first);
        free(weights.weight);
    }
    ok(wrong == 0, "%s: opaque rows need no premultiplying", of->name);
}

static void test_alpha(const tc_scale_ops *of)
{
    test_every_product(of);
    test_every_quotient(of);
    test_opaque_is_plain(of);
}

/* One against the scalar code, or why not. */
static void test_against_scalar(const char *name, const tc_scale_ops *of)
{
    if (!of) {
        skip(name, "not on this processor");
        return;
    }
    ops = of;
    for (unsigned channels = 1; channels <= 4; channels++)
        test_horizontal(channels);
    test_vertical();
    for (unsigned channels = 2; channels <= 4; channels++)
        test_alpha_rows(channels);
    test_alpha(ops);
    test_halve(ops);
}

int main(void)
{
    const char *given = getenv("TC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    const tc_scale_ops *avx2 = tc_scale_ops_avx2(), *neon = tc_scale_ops_neon();

    srand(seed);
    printf("# TC_TEST_SEED=%u\n", seed);
    ok(tc_scale_ops_best() == (avx2   ? avx2
                               : neon ? neon
                                      : &tc_scale_ops_scalar),
       "the best is %s", tc_scale_ops_best()->name);
#ifdef __aarch64__
    ok(neon != NULL, "on 64-bit Arm NEON is there");
#else
    ok(neon == NULL, "NEON is for 64-bit Arm only");
#endif
    test_alpha(&tc_scale_ops_scalar);
    test_halve(&tc_scale_ops_scalar);
    test_against_scalar("AVX2", avx2);
    test_against_scalar("NEON", neon);
    return done_testing();
}
