/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the inverse DCTs with AVX2 share. Vectors have two blocks, one in each half.
 */
#ifndef TC_CODEC_JPEG_VECTORS_H
#define TC_CODEC_JPEG_VECTORS_H

#include "jpeg_samples.h"

#include <immintrin.h>

#define AVX2        __attribute__((target("avx2")))
#define AVX2_ALWAYS AVX2 static inline __attribute__((always_inline))

/* Where the coefficient of a row and a column stands in the file's order: T.81, figure A.6. */
#define UPPER(r, c) (((r) + (c)) * ((r) + (c) + 1) / 2 + (((r) + (c)) % 2 ? (r) : (c)))
#define AT(r, c)    ((c) < 0 ? NONE : (r) + (c) < 8 ? UPPER(r, c) : 63 - UPPER(7 - (r), 7 - (c)))
#define NONE        (-1)

/* What is wrong in blocks, and adds up: coefficients, and results. */
typedef struct faults {
    __m256i over, far;
} faults;

AVX2_ALWAYS bool is_good(const faults *faults)
{
    __m256i far = _mm256_and_si256(faults->far, _mm256_set1_epi16(-2 * TC_RESULT_MAX));

    far = _mm256_or_si256(far, faults->over);
    return _mm256_testz_si256(far, far);
}

/* Eight values, for both halves. */
AVX2_ALWAYS __m256i both(const void *eight)
{
    return _mm256_broadcastsi128_si256(_mm_load_si128(eight));
}

/* Coefficients 8 * at and on of two blocks, multiplied. */
AVX2_ALWAYS __m256i load(const tc_jpeg_scale *scale, const tc_entropy_block *one,
                         const tc_entropy_block *two, unsigned at, faults *faults)
{
    const __m128i *low = (const __m128i *)(const void *)one->coefficient + at;
    const __m128i *high = (const __m128i *)(const void *)two->coefficient + at;
    __m256i pair =
        _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_load_si128(low)), *high, 1);
    __m256i beyond = _mm256_subs_epu16(_mm256_abs_epi16(pair), both(scale->most + 8 * at));

    faults->over = _mm256_or_si256(faults->over, beyond);
    return _mm256_mullo_epi16(pair, both(scale->multiplier + 8 * at));
}

AVX2_ALWAYS void load_all(__m256i *in, const unsigned vectors, const tc_jpeg_scale *scale,
                          const tc_entropy_block *one, const tc_entropy_block *two,
                          faults *faults)
{
#pragma GCC unroll 8
    for (unsigned at = 0; at < vectors; at++)
        in[at] = load(scale, one, two, at, faults);
}

/* Of vector `v` the bytes of coefficient `at`, or a zero. */
#define BYTES(v, at)                                              \
    (char)((at) / 8 == (v) && (at) >= 0 ? 2 * ((at) % 8) : -128), \
        (char)((at) / 8 == (v) && (at) >= 0 ? 2 * ((at) % 8) + 1 : -128)
#define IN(v, at) ((at) >= 0 && (at) / 8 == (v))

/*
 * Eight coefficients by their places in the file's order, constants, out of the first
 * `vectors`; what is not there is 0.
 */
AVX2_ALWAYS __m256i pick(const __m256i *in, const unsigned vectors, const int a, const int b,
                         const int c, const int d, const int e, const int f, const int g,
                         const int h)
{
    __m256i picked = _mm256_setzero_si256();

#pragma GCC unroll 8
    for (int v = 0; v < (int)vectors; v++) {
        const __m128i order = _mm_setr_epi8(BYTES(v, a), BYTES(v, b), BYTES(v, c), BYTES(v, d),
                                            BYTES(v, e), BYTES(v, f), BYTES(v, g), BYTES(v, h));

        if (IN(v, a) || IN(v, b) || IN(v, c) || IN(v, d) || IN(v, e) || IN(v, f) || IN(v, g) ||
            IN(v, h))
            picked = _mm256_or_si256(
                picked, _mm256_shuffle_epi8(in[v], _mm256_broadcastsi128_si256(order)));
    }
    return picked;
}

/* Of row `r` or rows `r` and `s` what is in four columns; a column may be NONE. */
#define ROW_TWICE(r, a, b, c, d) \
    AT(r, a), AT(r, b), AT(r, c), AT(r, d), AT(r, a), AT(r, b), AT(r, c), AT(r, d)
#define TWO_ROWS(r, s, a, b, c, d) \
    AT(r, a), AT(s, a), AT(r, b), AT(s, b), AT(r, c), AT(s, c), AT(r, d), AT(s, d)

/* Two weights by turns. */
AVX2_ALWAYS __m256i two_weights(const int one, const int two)
{
    return _mm256_set1_epi32((int)((unsigned)two << 16 | ((unsigned)one & 0xffff)));
}

AVX2_ALWAYS __m256i eight_weights(const int a, const int b, const int c, const int d,
                                  const int e, const int f, const int g, const int h)
{
    return _mm256_broadcastsi128_si256(_mm_setr_epi16((short)a, (short)b, (short)c, (short)d,
                                                      (short)e, (short)f, (short)g, (short)h));
}

/* Results of 16 bits as samples; those that are far off are noted. */
AVX2_ALWAYS __m256i to_samples(__m256i low, __m256i high, faults *faults)
{
    const __m256i room = _mm256_set1_epi16(TC_RESULT_MAX);
    const __m256i centre = _mm256_set1_epi16(CENTERJSAMPLE);

    faults->far = _mm256_or_si256(faults->far, _mm256_or_si256(_mm256_add_epi16(low, room),
                                                               _mm256_add_epi16(high, room)));
    return _mm256_packus_epi16(_mm256_add_epi16(low, centre), _mm256_add_epi16(high, centre));
}

/* Of four rows, each of two pairs, in two vectors: all first pairs, and all second ones. */
AVX2_ALWAYS __m256i first_pairs(const __m256i rows[2])
{
    return _mm256_castps_si256(_mm256_shuffle_ps(
        _mm256_castsi256_ps(rows[0]), _mm256_castsi256_ps(rows[1]), _MM_SHUFFLE(2, 0, 2, 0)));
}

AVX2_ALWAYS __m256i second_pairs(const __m256i rows[2])
{
    return _mm256_castps_si256(_mm256_shuffle_ps(
        _mm256_castsi256_ps(rows[0]), _mm256_castsi256_ps(rows[1]), _MM_SHUFFLE(3, 1, 3, 1)));
}

/* Four columns of four results each as samples, row by row. */
AVX2_ALWAYS __m256i by_rows(__m256i a, __m256i b, __m256i c, __m256i d, faults *faults)
{
    const __m256i turned = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));

    return _mm256_shuffle_epi8(
        to_samples(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d), faults), turned);
}

#endif
