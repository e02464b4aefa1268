/* SPDX-License-Identifier: Apache-2.0 */
#include "png_filter.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef void undo_row(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step);

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

/* From byte `from` on, a pixel's first. */
static void undo_paeth_from(uint8_t *row, const uint8_t *above, uint32_t from, uint32_t length,
                            unsigned step)
{
    for (uint32_t i = from; i < length; i++) {
        int left = i < step ? 0 : row[i - step], corner = i < step ? 0 : above[i - step];
        row[i] = (uint8_t)(row[i] + paeth(left, above[i], corner));
    }
}

static void undo_paeth(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    undo_paeth_from(row, above, 0, length, step);
}

static void scalar_undo(uint8_t *row, const uint8_t *above, size_t stride, uint32_t count,
                        uint32_t length, unsigned step)
{
    static undo_row *const by_type[TC_PNG_FILTERS] = {undo_none, undo_sub, undo_up,
                                                      undo_average, undo_paeth};

    for (; count > 0; count--, above = row, row += stride)
        by_type[row[-1]](row, above, length, step);
}

const tc_png_filters tc_png_filters_scalar = {"scalar", scalar_undo};

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

/*
 * Filtered bytes, and Paeth's choice added. From the corner up to the greater of the other two
 * it is `rise`, down to the lesser `fall`, and 0 where they lie on the other side. Paeth's
 * estimate, left + above - corner, is `rise` off the lesser, `fall` off the greater, and their
 * difference off the corner: the lesser is chosen where twice the rise is no more than the
 * fall, the greater the other way round. Where both hold, all three are the same.
 */
SSE static inline __attribute__((always_inline)) __m128i
paeth_pixels(__m128i filtered, __m128i left, __m128i up, __m128i corner)
{
    __m128i most = _mm_max_epu8(left, up), least = _mm_min_epu8(left, up);
    __m128i rise = _mm_subs_epu8(most, corner), fall = _mm_subs_epu8(corner, least);
    __m128i rises = _mm_adds_epu8(rise, rise), falls = _mm_adds_epu8(fall, fall);
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(rises, fall), rises);
    __m128i high = _mm_cmpeq_epi8(_mm_min_epu8(falls, rise), falls);
    __m128i best =
        _mm_blendv_epi8(_mm_add_epi8(corner, filtered), _mm_add_epi8(least, filtered), low);

    return _mm_blendv_epi8(best, _mm_add_epi8(most, filtered), high);
}

SSE static inline __attribute__((always_inline)) void
paeth_n(uint8_t *row, const uint8_t *above, uint32_t length, unsigned step)
{
    __m128i left = _mm_setzero_si128(), corner = left;

    for (uint32_t i = 0; i < length; i += step) {
        __m128i up = load(above + i);
        left = paeth_pixels(load(row + i), left, up, corner);
        store(row + i, left, step);
        corner = up;
    }
}

/* Pixels of four rows, each one to the left of that in the row above. */
SSE static inline __attribute__((always_inline)) __m128i load_four(const uint8_t *row,
                                                                   size_t back)
{
    int32_t pixel[4];

    for (unsigned n = 0; n < 4; n++)
        memcpy(&pixel[n], row + n * back, sizeof pixel[n]);
    return _mm_setr_epi32(pixel[0], pixel[1], pixel[2], pixel[3]);
}

/* `bytes` each: with 4 of a pixel of 3 the next one's first, which is stored later. */
SSE static inline __attribute__((always_inline)) void store_four(uint8_t *row, size_t back,
                                                                 __m128i pixels, unsigned bytes)
{
    store(row, pixels, bytes);
    store(row + back, _mm_srli_si128(pixels, 4), bytes);
    store(row + 2 * back, _mm_srli_si128(pixels, 8), bytes);
    store(row + 3 * back, _mm_srli_si128(pixels, 12), bytes);
}

/* The row above's pixel for the first row, and for the others what was left of them. */
SSE static inline __attribute__((always_inline)) __m128i upper_four(__m128i left,
                                                                    const uint8_t *above)
{
    return _mm_or_si128(_mm_slli_si128(left, 4), load(above));
}

/* A row's pixel by itself. */
static inline void paeth_one(uint8_t *row, const uint8_t *above, uint32_t pixel, unsigned step)
{
    undo_paeth_from(row, above, pixel * step, (pixel + 1) * step, step);
}

/*
 * Four rows, each a pixel behind the one above it, which is then its upper neighbour; the
 * ends, where not all four have one, pixel by pixel. At least four pixels.
 */
SSE static inline __attribute__((always_inline)) void
paeth_four_n(uint8_t *row, const uint8_t *above, size_t stride, uint32_t length, unsigned step)
{
    const size_t back = stride - step;
    const uint32_t last = length / step - 1;
    __m128i left, up, corner, raw, next;

    for (uint32_t n = 0; n < 3; n++) {
        for (uint32_t pixel = 0; pixel < 3 - n; pixel++)
            paeth_one(row + n * stride, n > 0 ? row + (n - 1) * stride : above, pixel, step);
    }
    /* The last row has nothing to its first pixel's left, nor above that. */
    left = _mm_and_si128(load_four(row + 2 * step, back), _mm_setr_epi32(-1, -1, -1, 0));
    corner = _mm_and_si128(load_four(row + step, back), _mm_setr_epi32(-1, -1, 0, 0));
    corner = upper_four(corner, above + 2 * step);
    raw = load_four(row + 3 * step, back);
    for (uint32_t at = 3; at < last; at++, raw = next) {
        next = load_four(row + (at + 1) * step, back);
        up = upper_four(left, above + at * step);
        left = paeth_pixels(raw, left, up, corner);
        store_four(row + at * step, back, left, 4);
        corner = up;
    }
    up = upper_four(left, above + last * step);
    left = paeth_pixels(raw, left, up, corner);
    store_four(row + last * step, back, left, step);
    for (uint32_t n = 1; n < 4; n++) {
        for (uint32_t pixel = last + 1 - n; pixel <= last; pixel++)
            paeth_one(row + n * stride, row + (n - 1) * stride, pixel, step);
    }
}

SSE static inline __attribute__((always_inline)) void
paeth_rows_n(uint8_t *row, const uint8_t *above, size_t stride, uint32_t count, uint32_t length,
             unsigned step)
{
    for (; count >= 4 && length >= 4 * step; count -= 4, row += 4 * stride) {
        paeth_four_n(row, above, stride, length, step);
        above = row + 3 * stride;
    }
    for (; count > 0; count--, above = row, row += stride)
        paeth_n(row, above, length, step);
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

SSE static void sse_paeth_3(uint8_t *row, const uint8_t *above, size_t stride, uint32_t count,
                            uint32_t length)
{
    paeth_rows_n(row, above, stride, count, length, 3);
}

SSE static void sse_paeth_4(uint8_t *row, const uint8_t *above, size_t stride, uint32_t count,
                            uint32_t length)
{
    paeth_rows_n(row, above, stride, count, length, 4);
}

/* How many rows from this one on are of Paeth's type. */
static uint32_t paeth_count(const uint8_t *row, size_t stride, uint32_t count)
{
    const uint8_t *type = row - 1;
    uint32_t alike = 0;

    while (alike < count && type[stride * alike] == TC_PNG_PAETH)
        alike++;
    return alike;
}

static void sse_undo(uint8_t *row, const uint8_t *above, size_t stride, uint32_t count,
                     uint32_t length, unsigned step)
{
    static undo_row *const by_type[TC_PNG_FILTERS - 1] = {undo_none, sse_sub, sse_up,
                                                          sse_average};

    while (count > 0) {
        uint32_t done = paeth_count(row, stride, count);

        if (done == 0) {
            by_type[row[-1]](row, above, length, step);
            done = 1;
        } else if (step == 3) {
            sse_paeth_3(row, above, stride, done, length);
        } else {
            sse_paeth_4(row, above, stride, done, length);
        }
        above = row + stride * (done - 1);
        row += stride * done;
        count -= done;
    }
}

static const tc_png_filters sse = {"sse4.1", sse_undo};

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
    const tc_png_filters *filters = NULL;

    if (step == 3 || step == 4)
        filters = tc_png_filters_avx2() ? tc_png_filters_avx2() : tc_png_filters_sse();
    return filters ? filters : &tc_png_filters_scalar;
}
