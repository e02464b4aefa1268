/* SPDX-License-Identifier: Apache-2.0 */
#include "png_filter.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void undo_none(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    (void)row, (void)above, (void)length, (void)step;
}

static void undo_sub(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    (void)above;
    for (uint32_t i = step; i < length; i++)
        row[i] = (uint8_t)(row[i] + row[i - step]);
}

static void undo_up(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    (void)step;
    for (uint32_t i = 0; i < length; i++)
        row[i] = (uint8_t)(row[i] + above[i]);
}

static void undo_average(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    for (uint32_t i = 0; i < length; i++) {
        unsigned left = i < step ? 0 : row[i - step];
        row[i] = (uint8_t)(row[i] + (left + above[i]) / 2);
    }
}

/* Of left, above and the corner the nearest to left + above - corner, in that order. */
static inline uint8_t paeth(int left, int above, int corner)
{
    int by_left = abs(above - corner), by_above = abs(left - corner);
    int by_corner = abs(left + above - 2 * corner);
    int least = by_left < by_above ? by_left : by_above;

    if (by_corner < least)
        return (uint8_t)corner;
    return (uint8_t)(by_left <= by_above ? left : above);
}

static void undo_paeth(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    for (uint32_t i = 0; i < length; i++) {
        int left = i < step ? 0 : row[i - step], corner = i < step ? 0 : above[i - step];
        row[i] = (uint8_t)(row[i] + paeth(left, above[i], corner));
    }
}

static void paeth_two(uint8_t *row, const uint8_t *above, uint8_t *second, uint32_t length,
                      unsigned step)
{
    undo_paeth(row, above, length, step);
    undo_paeth(second, row, length, step);
}

const tc_png_filters tc_png_filters_scalar = {
    "scalar", {undo_none, undo_sub, undo_up, undo_average, undo_paeth}, paeth_two};

#ifdef __x86_64__

#include <immintrin.h>

/*
 * A pixel depends on the one before, so that what counts is the length of that
 * chain: one pixel at a time, all its samples at once.
 */
#define SSE __attribute__((target("sse4.1")))

SSE static inline __m128i load(const uint8_t *from)
{
    int32_t four;

    memcpy(&four, from, sizeof four);
    return _mm_cvtsi32_si128(four);
}

SSE static inline void store(uint8_t *to, __m128i pixel, unsigned step)
{
    int32_t four = _mm_cvtsi128_si32(pixel);

    memcpy(to, &four, step);
}

SSE static void sse_up(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    uint32_t i = 0;

    for (; i + 16 <= length; i += 16)
        _mm_storeu_si128((__m128i *)(row + i),
                         _mm_add_epi8(_mm_loadu_si128((const __m128i *)(row + i)),
                                      _mm_loadu_si128((const __m128i *)(above + i))));
    undo_up(row + i, above + i, length - i, step);
}

SSE static inline __attribute__((always_inline)) void sub_n(uint8_t *row, uint32_t length,
                                                            unsigned step)
{
    __m128i left = _mm_setzero_si128();

    for (uint32_t i = 0; i < length; i += step) {
        left = _mm_add_epi8(left, load(row + i));
        store(row + i, left, step);
    }
}

/* The average instruction rounds up: less one where the two differ in parity. */
SSE static inline __attribute__((always_inline)) void
average_n(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    const __m128i one = _mm_set1_epi8(1);
    __m128i left = _mm_setzero_si128();

    for (uint32_t i = 0; i < length; i += step) {
        __m128i up = load(above + i);
        __m128i odd = _mm_and_si128(_mm_xor_si128(left, up), one);
        __m128i average = _mm_sub_epi8(_mm_avg_epu8(left, up), odd);
        left = _mm_add_epi8(load(row + i), average);
        store(row + i, left, step);
    }
}

/* A pixel undone, as 16 bits a sample like all that it depends on; stored as bytes. */
SSE static inline __attribute__((always_inline)) __m128i
paeth_pixel(uint8_t *at, __m128i left, __m128i up, __m128i corner, unsigned step)
{
    __m128i rise = _mm_sub_epi16(up, corner), run = _mm_sub_epi16(left, corner);
    __m128i by_left = _mm_abs_epi16(rise), by_above = _mm_abs_epi16(run);
    __m128i by_corner = _mm_abs_epi16(_mm_add_epi16(rise, run));
    __m128i least = _mm_min_epi16(by_left, by_above);
    __m128i straight = _mm_blendv_epi8(up, left, _mm_cmpeq_epi16(least, by_left));
    __m128i best = _mm_blendv_epi8(straight, corner, _mm_cmpgt_epi16(least, by_corner));
    __m128i pixel = _mm_add_epi8(load(at), _mm_packus_epi16(best, best));

    store(at, pixel, step);
    return _mm_cvtepu8_epi16(pixel);
}

SSE static inline __attribute__((always_inline)) void
paeth_n(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    __m128i left = _mm_setzero_si128(), corner = left;

    for (uint32_t i = 0; i < length; i += step) {
        __m128i up = _mm_cvtepu8_epi16(load(above + i));
        left = paeth_pixel(row + i, left, up, corner, step);
        corner = up;
    }
}

/* The second row a pixel behind the first: two chains, of which neither waits for the other. */
SSE static inline __attribute__((always_inline)) void
paeth_two_n(uint8_t *row, const uint8_t *above, uint8_t *second, uint32_t length, unsigned step)
{
    __m128i zero = _mm_setzero_si128(), corner = _mm_cvtepu8_epi16(load(above));
    __m128i left = paeth_pixel(row, zero, corner, zero, step);
    __m128i second_left = zero, second_corner = zero;
    uint32_t i;

    for (i = step; i < length; i += step) {
        __m128i up = _mm_cvtepu8_epi16(load(above + i));
        __m128i next = paeth_pixel(row + i, left, up, corner, step);

        second_left = paeth_pixel(second + i - step, second_left, left, second_corner, step);
        second_corner = left;
        corner = up;
        left = next;
    }
    paeth_pixel(second + i - step, second_left, left, second_corner, step);
}

SSE static void sse_paeth_two(uint8_t *row, const uint8_t *above, uint8_t *second,
                              uint32_t length, unsigned step)
{
    if (step == 3)
        paeth_two_n(row, above, second, length, 3);
    else
        paeth_two_n(row, above, second, length, 4);
}

#define BY_STEP(name, call3, call4)                                                          \
    SSE static void name(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step) \
    {                                                                                        \
        (void)above;                                                                         \
        if (step == 3)                                                                       \
            call3;                                                                           \
        else                                                                                 \
            call4;                                                                           \
    }

BY_STEP(sse_sub, sub_n(row, length, 3), sub_n(row, length, 4))
BY_STEP(sse_average, average_n(row, above, length, 3), average_n(row, above, length, 4))
BY_STEP(sse_paeth, paeth_n(row, above, length, 3), paeth_n(row, above, length, 4))

static const tc_png_filters sse = {
    "sse4.1", {undo_none, sse_sub, sse_up, sse_average, sse_paeth}, sse_paeth_two};

const tc_png_filters *tc_png_filters_sse(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.1") ? &sse : NULL;
}

#else

const tc_png_filters *tc_png_filters_sse(void)
{
    return NULL;
}

#endif

const tc_png_filters *tc_png_filters_best(unsigned step)
{
    const tc_png_filters *filters = step == 3 || step == 4 ? tc_png_filters_sse() : NULL;

    return filters ? filters : &tc_png_filters_scalar;
}
