/* SPDX-License-Identifier: Apache-2.0 */
#include "jpeg_rgb.h"

/* jdcolor.c's numbers, 16 bits behind the point. */
#define HALF     (1 << 15)
#define CR_RED   91881
#define CB_GREEN 22554
#define CR_GREEN 46802
#define CB_BLUE  116130

static JSAMPLE limited(int32_t level)
{
    return (JSAMPLE)(level < 0 ? 0 : level > MAXJSAMPLE ? MAXJSAMPLE : level);
}

void tc_jpeg_rgb_plain(JSAMPROW to, const JSAMPLE *luma, const JSAMPLE *blue,
                       const JSAMPLE *red, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++, to += 3) {
        int32_t l = luma[x], cb = blue[x] - CENTERJSAMPLE, cr = red[x] - CENTERJSAMPLE;

        to[0] = limited(l + ((CR_RED * cr + HALF) >> 16));
        to[1] = limited(l + ((-CB_GREEN * cb - CR_GREEN * cr + HALF) >> 16));
        to[2] = limited(l + ((CB_BLUE * cb + HALF) >> 16));
    }
}

#ifdef __x86_64__

#include <immintrin.h>

#define AVX2        __attribute__((target("avx2")))
#define AVX2_ALWAYS AVX2 static inline __attribute__((always_inline))

/* Pixels at once. */
#define ABREAST 16

/* Sixteen samples as 16 bits. */
AVX2_ALWAYS __m256i wide(const JSAMPLE *from)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}

/* Sixteen levels cut off at black and white. */
AVX2_ALWAYS __m128i narrow(__m256i levels)
{
    __m256i bytes = _mm256_packus_epi16(levels, levels);

    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(bytes, _MM_SHUFFLE(3, 1, 2, 0)));
}

/* (chroma * weight + HALF) >> 16: the product with one bit more, rounded off with it. */
AVX2_ALWAYS __m256i part(__m256i chroma, const int weight)
{
    __m256i twice =
        _mm256_mulhi_epi16(_mm256_add_epi16(chroma, chroma), _mm256_set1_epi16((short)weight));

    return _mm256_srai_epi16(_mm256_add_epi16(twice, _mm256_set1_epi16(1)), 1);
}

/* Green's part of both; weights that 16 bits do not hold are less by 1 << 16, which is cr. */
AVX2_ALWAYS __m256i green_part(__m256i cb, __m256i cr)
{
    const int weight = (int)((unsigned)((1 << 16) - CR_GREEN) << 16 | (-CB_GREEN & 0xffff));
    const __m256i weights = _mm256_set1_epi32(weight), half = _mm256_set1_epi32(HALF);
    __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(cb, cr), weights);
    __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi16(cb, cr), weights);

    low = _mm256_srai_epi32(_mm256_add_epi32(low, half), 16);
    high = _mm256_srai_epi32(_mm256_add_epi32(high, half), 16);
    return _mm256_sub_epi16(_mm256_packs_epi32(low, high), cr);
}

/* Of the bytes `from` on of sixteen pixels those of channel `c`, or a zero. */
#define BYTE(from, at, c) (char)(((from) + (at)) % 3 == (c) ? ((from) + (at)) / 3 : -128)
#define BYTES(from, c)                                                                      \
    _mm_setr_epi8(BYTE(from, 0, c), BYTE(from, 1, c), BYTE(from, 2, c), BYTE(from, 3, c),   \
                  BYTE(from, 4, c), BYTE(from, 5, c), BYTE(from, 6, c), BYTE(from, 7, c),   \
                  BYTE(from, 8, c), BYTE(from, 9, c), BYTE(from, 10, c), BYTE(from, 11, c), \
                  BYTE(from, 12, c), BYTE(from, 13, c), BYTE(from, 14, c), BYTE(from, 15, c))

AVX2_ALWAYS void store(JSAMPROW to, __m128i red, __m128i green, __m128i blue, const int from)
{
    __m128i bytes = _mm_shuffle_epi8(red, BYTES(from, 0));

    bytes = _mm_or_si128(bytes, _mm_shuffle_epi8(green, BYTES(from, 1)));
    bytes = _mm_or_si128(bytes, _mm_shuffle_epi8(blue, BYTES(from, 2)));
    _mm_storeu_si128((__m128i *)(void *)(to + from), bytes);
}

AVX2 static void rgb_avx2(JSAMPROW to, const JSAMPLE *luma, const JSAMPLE *blue,
                          const JSAMPLE *red, uint32_t width)
{
    const __m256i centre = _mm256_set1_epi16(CENTERJSAMPLE);
    uint32_t x = 0;

    for (; x + ABREAST <= width; x += ABREAST, to += 3 * ABREAST) {
        __m256i l = wide(luma + x);
        __m256i cb = _mm256_sub_epi16(wide(blue + x), centre);
        __m256i cr = _mm256_sub_epi16(wide(red + x), centre);
        __m256i r = _mm256_add_epi16(cr, part(cr, CR_RED - (1 << 16)));
        __m256i b = _mm256_add_epi16(_mm256_add_epi16(cb, cb), part(cb, CB_BLUE - (2 << 16)));
        __m128i r8 = narrow(_mm256_add_epi16(l, r));
        __m128i g8 = narrow(_mm256_add_epi16(l, green_part(cb, cr)));
        __m128i b8 = narrow(_mm256_add_epi16(l, b));

        store(to, r8, g8, b8, 0);
        store(to, r8, g8, b8, 16);
        store(to, r8, g8, b8, 32);
    }
    tc_jpeg_rgb_plain(to, luma + x, blue + x, red + x, width - x);
}

tc_jpeg_rgb *tc_jpeg_rgb_avx2(void)
{
    return __builtin_cpu_supports("avx2") ? rgb_avx2 : NULL;
}

#else

tc_jpeg_rgb *tc_jpeg_rgb_avx2(void)
{
    return NULL;
}

#endif
