/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loops for x86-64 processors with AVX2. Sums are of the same whole
 * numbers as the scalar ones, in another order, so that the bytes are the same.
 *
 * Everything stands on one instruction, vpmaddwd: sixteen 16-bit samples times
 * sixteen weights, added up in pairs. So samples are brought in an order in which
 * two weights of the same channel are neighbours.
 */
#include "ops.h"

#include <stddef.h>
#include <string.h>

#ifdef __x86_64__

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

#define FIXED_SHIFT  TC_WEIGHT_BITS
#define WIDEN_SHIFT  (TC_WEIGHT_BITS - TC_FIXED_BITS)
#define NARROW_SHIFT (TC_WEIGHT_BITS + TC_FIXED_BITS)

static inline int16_t to_fixed(int32_t value)
{
    return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

static inline uint8_t to_byte(int32_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* ---- horizontal ----------------------------------------------------------------- */

/*
 * Weights are taken four at a time, of one channel eight; weights in other numbers, which
 * only the narrowest pictures have, are left to the scalar code. So is an output
 * whose last load would reach past the row. Every output's weights lie within the row,
 * so those of the last one tell how far it may be read.
 */
static inline uint64_t readable(const tc_weights *weights, unsigned channels)
{
    return ((uint64_t)weights->first[weights->count - 1] + weights->per_sample) * channels;
}

/* One output by the scalar code. */
static void horizontal_one(int16_t *to, const uint8_t *from, const tc_weights *weights,
                           uint32_t at, unsigned channels)
{
    const tc_weights one = {1, weights->per_sample, weights->first + at,
                            weights->weight + (uint64_t)at * weights->per_sample};

    tc_scale_ops_scalar.horizontal_bytes(to, from, &one, channels);
}

/* Weights 0..3 as 01010101 23232323, the order of channels that go in pairs. */
AVX2 static inline __m256i weights_in_pairs(const int16_t *weight)
{
    const __m256i order = _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5,
                                           6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);

    return _mm256_shuffle_epi8(
        _mm256_broadcastsi128_si256(_mm_loadl_epi64((const __m128i *)weight)), order);
}

AVX2 static inline __m128i add_halves(__m256i sum)
{
    return _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
}

/* Four sums in fixed point, twice. */
AVX2 static inline __m128i narrow_sums(__m128i sum, int shift)
{
    sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (shift - 1))), shift);
    return _mm_packs_epi32(sum, sum);
}

/*
 * Of 12 bytes, four pixels, the samples as 16 bits in pairs: rr gg bb of 0 and 1, of
 * 2 and 3. Four samples are stored, of which the next output overwrites the last.
 */
AVX2 static void horizontal_bytes_3(int16_t *to, const uint8_t *from, const tc_weights *weights)
{
    const __m256i pairs =
        _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1,
                         7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    const uint64_t end = readable(weights, 3), needs = (uint64_t)weights->per_sample * 3 + 4;
    const int16_t *weight = weights->weight;

    for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample, to += 3) {
        const uint64_t start = (uint64_t)weights->first[at] * 3;
        const uint8_t *in = from + start;
        __m256i sum = _mm256_setzero_si256();

        if (start + needs > end || at + 1 == weights->count) {
            horizontal_one(to, from, weights, at, 3);
            continue;
        }
        for (uint32_t k = 0; k < weights->per_sample; k += 4, in += 12) {
            __m256i pixels = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)in));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pairs),
                                                          weights_in_pairs(weight + k)));
        }
        _mm_storel_epi64((__m128i *)to, narrow_sums(add_halves(sum), WIDEN_SHIFT));
    }
}

/*
 * One output of one channel, its sum in eight pieces: `whole` times sixteen weights, then
 * eight where that leaves some.
 */
AVX2 static inline __attribute__((always_inline)) __m256i
dot(const uint8_t *in, const int16_t *weight, uint32_t whole, const bool eight)
{
    __m256i sum = _mm256_setzero_si256();

    for (; whole > 0; whole--, in += 16, weight += 16)
        sum = _mm256_add_epi32(
            sum, _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)in)),
                                   _mm256_loadu_si256((const __m256i *)weight)));
    if (eight)
        sum = _mm256_add_epi32(sum, _mm256_zextsi128_si256(_mm_madd_epi16(
                                        _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)in)),
                                        _mm_loadu_si128((const __m128i *)weight))));
    return sum;
}

/* The sums of four outputs from `at` on. */
AVX2 static inline __attribute__((always_inline)) __m128i four_sums(const uint8_t *from,
                                                                    const tc_weights *weights,
                                                                    uint32_t at, uint32_t whole,
                                                                    const bool eight)
{
    const uint32_t *first = weights->first + at;
    const size_t n = 16 * whole + (eight ? 8 : 0);
    const int16_t *weight = weights->weight + at * n;
    __m256i ab = _mm256_hadd_epi32(dot(from + first[0], weight, whole, eight),
                                   dot(from + first[1], weight + n, whole, eight));
    __m256i cd = _mm256_hadd_epi32(dot(from + first[2], weight + 2 * n, whole, eight),
                                   dot(from + first[3], weight + 3 * n, whole, eight));
    __m128i sum = add_halves(_mm256_hadd_epi32(ab, cd));

    return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (WIDEN_SHIFT - 1))),
                          WIDEN_SHIFT);
}

/* Eight outputs at a time; returns those that are done. */
AVX2 static inline __attribute__((always_inline)) uint32_t
eights(int16_t *to, const uint8_t *from, const tc_weights *weights, uint32_t whole,
       const bool eight)
{
    uint32_t at = 0;

    for (; at + 8 <= weights->count; at += 8)
        _mm_storeu_si128((__m128i *)(to + at),
                         _mm_packs_epi32(four_sums(from, weights, at, whole, eight),
                                         four_sums(from, weights, at + 4, whole, eight)));
    return at;
}

/* The commonest numbers of weights as constants. */
AVX2 static void horizontal_bytes_1(int16_t *to, const uint8_t *from, const tc_weights *weights)
{
    const uint32_t whole = weights->per_sample / 16;
    uint32_t at;

    if (weights->per_sample % 16 != 0)
        at = whole == 0   ? eights(to, from, weights, 0, true)
             : whole == 1 ? eights(to, from, weights, 1, true)
                          : eights(to, from, weights, whole, true);
    else
        at = whole == 1   ? eights(to, from, weights, 1, false)
             : whole == 2 ? eights(to, from, weights, 2, false)
                          : eights(to, from, weights, whole, false);
    for (; at < weights->count; at++)
        horizontal_one(to + at, from, weights, at, 1);
}

/* Four bytes a pixel: of 16 bytes the samples as 16 bits in pairs of pixels. */
AVX2 static void horizontal_bytes_4(int16_t *to, const uint8_t *from, const tc_weights *weights)
{
    const __m256i pairs =
        _mm256_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1, 8, -1, 12, -1,
                         9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1);
    const int16_t *weight = weights->weight;

    for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample, to += 4) {
        const uint8_t *in = from + (uint64_t)weights->first[at] * 4;
        __m256i sum = _mm256_setzero_si256();

        for (uint32_t k = 0; k < weights->per_sample; k += 4, in += 16) {
            __m256i pixels = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)in));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pairs),
                                                          weights_in_pairs(weight + k)));
        }
        _mm_storel_epi64((__m128i *)to, narrow_sums(add_halves(sum), WIDEN_SHIFT));
    }
}

/* Four pixels of four channels in fixed point: two in each half, their channels brought
 * together. */
AVX2 static void horizontal_fixed_4(int16_t *to, const int16_t *from, const tc_weights *weights)
{
    const __m256i pairs =
        _mm256_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15, 0, 1, 8, 9, 2, 3,
                         10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
    const int16_t *weight = weights->weight;

    for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample, to += 4) {
        const int16_t *in = from + (uint64_t)weights->first[at] * 4;
        __m256i sum = _mm256_setzero_si256();

        for (uint32_t k = 0; k < weights->per_sample; k += 4, in += 16) {
            __m256i pixels = _mm256_loadu_si256((const __m256i *)in);
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pairs),
                                                          weights_in_pairs(weight + k)));
        }
        _mm_storel_epi64((__m128i *)to, narrow_sums(add_halves(sum), FIXED_SHIFT));
    }
}

/* Two sums and two more of the same channels: grey and alpha. */
AVX2 static inline void store_two(int16_t *to, __m128i sum, int shift)
{
    int32_t both;

    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(1, 0, 3, 2)));
    both = _mm_cvtsi128_si32(narrow_sums(sum, shift));
    memcpy(to, &both, sizeof both);
}

/* Weights 0..3 as 0101 2323. */
AVX2 static inline __m128i weights_twice(const int16_t *weight)
{
    const __m128i twice = _mm_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7);

    return _mm_shuffle_epi8(_mm_loadl_epi64((const __m128i *)weight), twice);
}

/* Four pixels of two channels in fixed point. */
AVX2 static void horizontal_fixed_2(int16_t *to, const int16_t *from, const tc_weights *weights)
{
    const __m128i pairs = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
    const int16_t *weight = weights->weight;

    for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample, to += 2) {
        const int16_t *in = from + (uint64_t)weights->first[at] * 2;
        __m128i sum = _mm_setzero_si128();

        for (uint32_t k = 0; k < weights->per_sample; k += 4, in += 8) {
            __m128i pixels = _mm_loadu_si128((const __m128i *)in);
            sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_shuffle_epi8(pixels, pairs),
                                                    weights_twice(weight + k)));
        }
        store_two(to, sum, FIXED_SHIFT);
    }
}

/* The same from bytes. */
AVX2 static void horizontal_bytes_2(int16_t *to, const uint8_t *from, const tc_weights *weights)
{
    const __m128i pairs = _mm_setr_epi8(0, -1, 2, -1, 1, -1, 3, -1, 4, -1, 6, -1, 5, -1, 7, -1);
    const int16_t *weight = weights->weight;

    for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample, to += 2) {
        const uint8_t *in = from + (uint64_t)weights->first[at] * 2;
        __m128i sum = _mm_setzero_si128();

        for (uint32_t k = 0; k < weights->per_sample; k += 4, in += 8) {
            __m128i pixels = _mm_loadl_epi64((const __m128i *)in);
            sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_shuffle_epi8(pixels, pairs),
                                                    weights_twice(weight + k)));
        }
        store_two(to, sum, WIDEN_SHIFT);
    }
}

static void horizontal_bytes(int16_t *to, const uint8_t *from, const tc_weights *weights,
                             unsigned channels)
{
    if (channels == 1 && weights->per_sample % 8 == 0)
        horizontal_bytes_1(to, from, weights);
    else if (channels == 2 && weights->per_sample % 4 == 0)
        horizontal_bytes_2(to, from, weights);
    else if (channels == 3 && weights->per_sample % 4 == 0)
        horizontal_bytes_3(to, from, weights);
    else if (channels == 4 && weights->per_sample % 4 == 0)
        horizontal_bytes_4(to, from, weights);
    else
        tc_scale_ops_scalar.horizontal_bytes(to, from, weights, channels);
}

static void horizontal_fixed(int16_t *to, const int16_t *from, const tc_weights *weights,
                             unsigned channels)
{
    if (channels == 2 && weights->per_sample % 4 == 0)
        horizontal_fixed_2(to, from, weights);
    else if (channels == 4 && weights->per_sample % 4 == 0)
        horizontal_fixed_4(to, from, weights);
    else
        tc_scale_ops_scalar.horizontal_fixed(to, from, weights, channels);
}

/* ---- vertical ------------------------------------------------------------------- */

/* The weights of two rows, side by side as they are stored, for each pair of samples. */
AVX2 static inline __m256i two_weights(const int16_t *weight)
{
    int32_t pair;

    memcpy(&pair, weight, sizeof pair);
    return _mm256_set1_epi32(pair);
}

/*
 * `vectors` (1 or 2) times sixteen samples, two rows at a time; the sums lie as
 * unpacking has them, which packing undoes.
 */
AVX2 static inline __attribute__((always_inline)) void
vertical_vectors(__m256i *to, const unsigned vectors, const int16_t *const *rows,
                 const int16_t *weight, unsigned count, uint32_t start, int shift)
{
    const __m256i half = _mm256_set1_epi32(1 << (shift - 1));
    __m256i low[2] = {half, half}, high[2] = {half, half};
    unsigned k = 0;

    for (; k + 2 <= count; k += 2) {
        const __m256i *a = (const __m256i *)(rows[k] + start);
        const __m256i *b = (const __m256i *)(rows[k + 1] + start);
        __m256i w = two_weights(weight + k);
        for (unsigned v = 0; v < vectors; v++) {
            __m256i one = _mm256_loadu_si256(a + v), two = _mm256_loadu_si256(b + v);
            low[v] =
                _mm256_add_epi32(low[v], _mm256_madd_epi16(_mm256_unpacklo_epi16(one, two), w));
            high[v] = _mm256_add_epi32(high[v],
                                       _mm256_madd_epi16(_mm256_unpackhi_epi16(one, two), w));
        }
    }
    if (k < count) {
        const __m256i *a = (const __m256i *)(rows[k] + start);
        __m256i w = _mm256_set1_epi32((uint16_t)weight[k]);
        for (unsigned v = 0; v < vectors; v++) {
            __m256i one = _mm256_loadu_si256(a + v);
            low[v] =
                _mm256_add_epi32(low[v], _mm256_madd_epi16(_mm256_unpacklo_epi16(one, one), w));
            high[v] = _mm256_add_epi32(high[v],
                                       _mm256_madd_epi16(_mm256_unpackhi_epi16(one, one), w));
        }
    }
    for (unsigned v = 0; v < vectors; v++)
        to[v] = _mm256_packs_epi32(_mm256_srai_epi32(low[v], shift),
                                   _mm256_srai_epi32(high[v], shift));
}

static inline int32_t vertical_1(const int16_t *const *rows, const int16_t *weight,
                                 unsigned count, uint32_t at, int shift)
{
    int32_t sum = 1 << (shift - 1);

    for (unsigned k = 0; k < count; k++)
        sum += weight[k] * rows[k][at];
    return sum >> shift;
}

AVX2 static inline void vertical_bytes_16(uint8_t *to, const int16_t *const *rows,
                                          const int16_t *weight, unsigned count, uint32_t at)
{
    __m256i sum, packed;

    vertical_vectors(&sum, 1, rows, weight, count, at, NARROW_SHIFT);
    packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(sum, sum), 0xd8);
    _mm_storeu_si128((__m128i *)(to + at), _mm256_castsi256_si128(packed));
}

/* What does not fill a vector at the end is done with its forerunners once more. */
AVX2 static void vertical_bytes(uint8_t *to, const int16_t *const *rows, const int16_t *weight,
                                unsigned count, uint32_t length)
{
    uint32_t at = 0;

    for (; at + 32 <= length; at += 32) {
        __m256i sum[2], packed;

        vertical_vectors(sum, 2, rows, weight, count, at, NARROW_SHIFT);
        packed = _mm256_packus_epi16(sum[0], sum[1]);
        _mm256_storeu_si256((__m256i *)(to + at), _mm256_permute4x64_epi64(packed, 0xd8));
    }
    for (; at + 16 <= length; at += 16)
        vertical_bytes_16(to, rows, weight, count, at);
    if (at < length && length >= 16) {
        vertical_bytes_16(to, rows, weight, count, length - 16);
        return;
    }
    for (; at < length; at++)
        to[at] = to_byte(vertical_1(rows, weight, count, at, NARROW_SHIFT));
}

AVX2 static void vertical_fixed(int16_t *to, const int16_t *const *rows, const int16_t *weight,
                                unsigned count, uint32_t length)
{
    __m256i sum[2];
    uint32_t at = 0;

    for (; at + 32 <= length; at += 32) {
        vertical_vectors(sum, 2, rows, weight, count, at, FIXED_SHIFT);
        _mm256_storeu_si256((__m256i *)(to + at), sum[0]);
        _mm256_storeu_si256((__m256i *)(to + at + 16), sum[1]);
    }
    for (; at + 16 <= length; at += 16) {
        vertical_vectors(sum, 1, rows, weight, count, at, FIXED_SHIFT);
        _mm256_storeu_si256((__m256i *)(to + at), sum[0]);
    }
    if (at < length && length >= 16) {
        vertical_vectors(sum, 1, rows, weight, count, length - 16, FIXED_SHIFT);
        _mm256_storeu_si256((__m256i *)(to + length - 16), sum[0]);
        return;
    }
    for (; at < length; at++)
        to[at] = to_fixed(vertical_1(rows, weight, count, at, FIXED_SHIFT));
}

/* ---- alpha ----------------------------------------------------------------------- */

/* Ones where alpha is, for 2 and 4 channels; of bytes and of 16 bits. */
#define ALPHA_BYTES(channels) \
    _mm256_set1_epi32((int)((channels) == 4 ? 0xff000000 : 0xff00ff00))
#define ALPHA_WORDS(channels) \
    _mm256_set1_epi64x((int64_t)((channels) == 4 ? 0xffff000000000000 : 0xffff0000ffff0000))

AVX2 static bool opaque(const uint8_t *from, uint32_t pixels, unsigned channels)
{
    const __m256i alpha = ALPHA_BYTES(channels);
    uint32_t samples = channels & 1 ? 0 : pixels * channels, at = 0;

    for (; at + 32 <= samples; at += 32) {
        __m256i some = _mm256_loadu_si256((const __m256i *)(from + at));
        if (!_mm256_testc_si256(some, alpha))
            return false;
    }
    return tc_scale_ops_scalar.opaque(from + at, pixels - at / channels, channels);
}

/*
 * With x = colour * alpha, (64 x + 127) / 255 is a quarter of x + (x + 508) / 255, all
 * rounded down, which stays in 16 bits; m * 0x8081 >> 23 is m / 255 for any of those.
 * Alpha itself comes out right when it is multiplied by 255.
 */
AVX2 static void premultiply(int16_t *to, const uint8_t *from, uint32_t pixels,
                             unsigned channels)
{
    const __m256i spread =
        channels == 4
            ? _mm256_setr_epi8(6, 7, 6, 7, 6, 7, 6, 7, 14, 15, 14, 15, 14, 15, 14, 15, 6, 7, 6,
                               7, 6, 7, 6, 7, 14, 15, 14, 15, 14, 15, 14, 15)
            : _mm256_setr_epi8(2, 3, 2, 3, 6, 7, 6, 7, 10, 11, 10, 11, 14, 15, 14, 15, 2, 3, 2,
                               3, 6, 7, 6, 7, 10, 11, 10, 11, 14, 15, 14, 15);
    const __m256i whole = _mm256_and_si256(ALPHA_WORDS(channels), _mm256_set1_epi16(255));
    uint32_t samples = channels & 1 ? 0 : pixels * channels, at = 0;

    for (; at + 16 <= samples; at += 16) {
        __m256i colour = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(from + at)));
        __m256i alpha = _mm256_or_si256(_mm256_shuffle_epi8(colour, spread), whole);
        __m256i x = _mm256_mullo_epi16(colour, alpha);
        __m256i part = _mm256_mulhi_epu16(_mm256_add_epi16(x, _mm256_set1_epi16(253)),
                                          _mm256_set1_epi16((int16_t)0x8081));
        x = _mm256_add_epi16(_mm256_add_epi16(x, _mm256_set1_epi16(1)),
                             _mm256_srli_epi16(part, 7));
        _mm256_storeu_si256((__m256i *)(to + at), _mm256_srli_epi16(x, 2));
    }
    tc_scale_ops_scalar.premultiply(to + at, from + at, pixels - at / channels, channels);
}

/*
 * Eight quotients. The dividends stay under 2^23, so that one just under a multiple k
 * of alpha is less than k by more than the distance of k to the next smaller float:
 * division, which is correctly rounded, cannot reach k, and cutting off is exact.
 */
AVX2 static inline __m256i divide_colours(__m256i colour, __m256i alpha)
{
    __m256i dividend = _mm256_sub_epi32(_mm256_slli_epi32(colour, 8), colour);

    dividend = _mm256_add_epi32(dividend, _mm256_srli_epi32(alpha, 1));
    return _mm256_cvttps_epi32(
        _mm256_div_ps(_mm256_cvtepi32_ps(dividend), _mm256_cvtepi32_ps(alpha)));
}

/* Eight samples as 32 bits: whole pixels of 2 or 4 channels. */
AVX2 static inline __m256i straighten(__m256i fixed, unsigned channels)
{
    const __m256i half = _mm256_set1_epi32(1 << (TC_FIXED_BITS - 1));
    __m256i alpha = channels == 4 ? _mm256_shuffle_epi32(fixed, _MM_SHUFFLE(3, 3, 3, 3))
                                  : _mm256_shuffle_epi32(fixed, _MM_SHUFFLE(3, 3, 1, 1));
    __m256i seen, colour, level;

    alpha = _mm256_min_epi32(alpha, _mm256_set1_epi32(255 << TC_FIXED_BITS));
    seen = _mm256_cmpgt_epi32(alpha, _mm256_sub_epi32(half, _mm256_set1_epi32(1)));
    alpha = _mm256_max_epi32(alpha, half);
    colour = divide_colours(_mm256_max_epi32(fixed, _mm256_setzero_si256()), alpha);
    level = _mm256_srli_epi32(_mm256_add_epi32(alpha, half), TC_FIXED_BITS);
    colour = channels == 4 ? _mm256_blend_epi32(colour, level, 0x88)
                           : _mm256_blend_epi32(colour, level, 0xaa);
    return _mm256_and_si256(colour, seen);
}

AVX2 static void unpremultiply(uint8_t *to, const int16_t *from, uint32_t pixels,
                               unsigned channels)
{
    uint32_t samples = channels & 1 ? 0 : pixels * channels, at = 0;

    for (; at + 16 <= samples; at += 16) {
        __m256i fixed = _mm256_loadu_si256((const __m256i *)(from + at));
        __m256i first = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(fixed));
        __m256i second = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(fixed, 1));
        __m256i words =
            _mm256_packs_epi32(straighten(first, channels), straighten(second, channels));
        words = _mm256_permute4x64_epi64(words, 0xd8);
        _mm_storeu_si128((__m128i *)(to + at),
                         _mm_packus_epi16(_mm256_castsi256_si128(words),
                                          _mm256_extracti128_si256(words, 1)));
    }
    tc_scale_ops_scalar.unpremultiply(to + at, from + at, pixels - at / channels, channels);
}

/* ---- halving --------------------------------------------------------------------- */

/* Sums of neighbours, eight pairs in each half. */
AVX2 static inline __m256i add_pairs(const uint8_t *from)
{
    return _mm256_maddubs_epi16(_mm256_loadu_si256((const __m256i *)from), _mm256_set1_epi8(1));
}

AVX2 static void halve(uint8_t *to, const uint8_t *upper, const uint8_t *lower, uint32_t length)
{
    uint32_t at = 0;

    for (; at + 32 <= length; at += 32) {
        __m256i sum = _mm256_add_epi16(add_pairs(upper + at), add_pairs(lower + at));
        sum = _mm256_srli_epi16(_mm256_add_epi16(sum, _mm256_set1_epi16(2)), 2);
        _mm_storeu_si128(
            (__m128i *)(to + at / 2),
            _mm_packus_epi16(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1)));
    }
    tc_scale_ops_scalar.halve(to + at / 2, upper + at, lower + at, length - at);
}

static const tc_scale_ops avx2 = {"avx2",         horizontal_bytes, horizontal_fixed,
                                  vertical_bytes, vertical_fixed,   opaque,
                                  premultiply,    unpremultiply,    halve};

const tc_scale_ops *tc_scale_ops_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") ? &avx2 : NULL;
}

#else

const tc_scale_ops *tc_scale_ops_avx2(void)
{
    return NULL;
}

#endif
