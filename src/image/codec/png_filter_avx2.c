/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight rows at once. A pixel depends on the one before and on the row above, so that each row
 * is some pixels behind that above it: a vector has four rows in each half, each a pixel behind
 * the one above. Of each row four pixels are loaded, and transposed to vectors of a pixel of
 * each row; after four steps they are transposed back.
 */
#include "png_filter.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#define AVX2   __attribute__((target("avx2")))
#define ALWAYS AVX2 static inline __attribute__((always_inline))

#define ROWS TC_PNG_ABREAST
#define HALF 4
#define TURN 4 /* pixels of each row in one turn */

/*
 * By how many pixels row n is behind the first. The fifth is so far behind that the pixels
 * above its own, of the fourth row, are those of two turns before.
 */
#define BEHIND(n)     ((n) < HALF ? (n) : (n)-HALF + 3 + 2 * TURN)
#define BEHIND_MOST   BEHIND(ROWS - 1)
#define PIXELS_LOADED 6 /* as many have a part in 16 bytes */

/* Of narrower pictures most would be what cannot be done at once. */
#define WIDTH_LEAST 64

/* Rows that depend on the pixel before and on the row above, from which it is worth it. */
#define DEPENDENT_LEAST 3

/* Where eight rows are, and which filters they have. Masks are of a row's four bytes. */
typedef struct eight {
    uint8_t *half[2];     /* what comes next of the first and the fifth row */
    const uint8_t *above; /* and of the row above them */
    size_t back;          /* from there to the next row's */
    __m256i left, corner; /* of what comes next */
    __m128i fourth[2];    /* the fourth row's, of one turn before and of two */
    __m256i filtered[HALF];
    __m256i has_left, has_up, has_corner, averages;
} eight;

/* ---- pixels of one row --------------------------------------------------------------- */

ALWAYS __m128i load(const uint8_t *from)
{
    int32_t four;

    memcpy(&four, from, sizeof four);
    return _mm_cvtsi32_si128(four);
}

ALWAYS __m256i whole(__m128i half)
{
    return _mm256_castsi128_si256(half);
}

/* As paeth_pixels of png_filter.c. */
ALWAYS __m256i paeth(__m256i filtered, __m256i left, __m256i up, __m256i corner)
{
    __m256i most = _mm256_max_epu8(left, up), least = _mm256_min_epu8(left, up);
    __m256i rise = _mm256_subs_epu8(most, corner), fall = _mm256_subs_epu8(corner, least);
    __m256i rises = _mm256_adds_epu8(rise, rise), falls = _mm256_adds_epu8(fall, fall);
    __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(rises, fall), rises);
    __m256i high = _mm256_cmpeq_epi8(_mm256_min_epu8(falls, rise), falls);
    __m256i best = _mm256_blendv_epi8(_mm256_add_epi8(corner, filtered),
                                      _mm256_add_epi8(least, filtered), low);

    return _mm256_blendv_epi8(best, _mm256_add_epi8(most, filtered), high);
}

/* The average instruction rounds up: less one where the two differ in parity. */
ALWAYS __m256i average(__m256i filtered, __m256i left, __m256i up)
{
    __m256i odd = _mm256_and_si256(_mm256_xor_si256(left, up), _mm256_set1_epi8(1));

    return _mm256_add_epi8(filtered, _mm256_sub_epi8(_mm256_avg_epu8(left, up), odd));
}

/* One row's pixels from `from` on and before `to`. */
ALWAYS void undo_some(uint8_t *row, const uint8_t *above, uint32_t from, uint32_t to,
                      unsigned step, tc_png_filter type)
{
    __m128i left = _mm_setzero_si128(), corner = left;

    if (from > 0) {
        left = load(row + (size_t)(from - 1) * step);
        corner = load(above + (size_t)(from - 1) * step);
    }
    for (size_t at = (size_t)from * step; at < (size_t)to * step; at += step) {
        __m128i filtered = load(row + at), up = load(above + at);
        int32_t pixel;

        if (type == TC_PNG_PAETH)
            filtered = _mm256_castsi256_si128(
                paeth(whole(filtered), whole(left), whole(up), whole(corner)));
        else if (type == TC_PNG_AVERAGE)
            filtered = _mm256_castsi256_si128(average(whole(filtered), whole(left), whole(up)));
        else
            filtered = _mm_add_epi8(filtered, type == TC_PNG_SUB ? left : up);
        left = filtered;
        corner = up;
        pixel = _mm_cvtsi128_si32(left);
        memcpy(row + at, &pixel, step);
    }
}

ALWAYS void undo_part(uint8_t *row, const uint8_t *above, uint32_t from, uint32_t to,
                      unsigned step)
{
    if (row[-1] == TC_PNG_PAETH)
        undo_some(row, above, from, to, step, TC_PNG_PAETH);
    else if (row[-1] == TC_PNG_AVERAGE)
        undo_some(row, above, from, to, step, TC_PNG_AVERAGE);
    else if (row[-1] == TC_PNG_UP)
        undo_some(row, above, from, to, step, TC_PNG_UP);
    else if (row[-1] == TC_PNG_SUB)
        undo_some(row, above, from, to, step, TC_PNG_SUB);
}

/* ---- eight rows ------------------------------------------------------------------------ */

/* Four pixels as four bytes each; the fourth of a pixel of three is 0. */
ALWAYS __m256i spread(__m256i packed, unsigned step)
{
    const __m256i order =
        _mm256_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1, 0, 1, 2, -1, 3,
                         4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);

    return step == 3 ? _mm256_shuffle_epi8(packed, order) : packed;
}

/* And back. Of pixels of three the last four bytes are what they were in `before`: the pixel
 * that comes next, as yet filtered. */
ALWAYS __m256i pack(__m256i pixels, __m256i before, unsigned step)
{
    const __m256i order =
        _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1, 0, 1, 2, 4, 5,
                         6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);

    if (step == 4)
        return pixels;
    return _mm256_blend_epi32(_mm256_shuffle_epi8(pixels, order), before, 0x88);
}

/* In each half: the four numbers of 32 bits of four vectors, to four vectors of a number of
 * each. */
ALWAYS void transpose(__m256i v[HALF])
{
    __m256i low01 = _mm256_unpacklo_epi32(v[0], v[1]),
            high01 = _mm256_unpackhi_epi32(v[0], v[1]);
    __m256i low23 = _mm256_unpacklo_epi32(v[2], v[3]),
            high23 = _mm256_unpackhi_epi32(v[2], v[3]);

    v[0] = _mm256_unpacklo_epi64(low01, low23);
    v[1] = _mm256_unpackhi_epi64(low01, low23);
    v[2] = _mm256_unpacklo_epi64(high01, high23);
    v[3] = _mm256_unpackhi_epi64(high01, high23);
}

/* Row n of each half. */
ALWAYS __m256i load_rows(const eight *at, unsigned n, size_t bytes)
{
    const uint8_t *first = at->half[0] + n * at->back + bytes;
    const uint8_t *fifth = at->half[1] + n * at->back + bytes;

    return _mm256_inserti128_si256(whole(_mm_loadu_si128((const __m128i *)first)),
                                   _mm_loadu_si128((const __m128i *)fifth), 1);
}

ALWAYS void store_rows(const eight *at, unsigned n, __m256i rows)
{
    uint8_t *first = at->half[0] + n * at->back, *fifth = at->half[1] + n * at->back;

    _mm_storeu_si128((__m128i *)first, _mm256_castsi256_si128(rows));
    _mm_storeu_si128((__m128i *)fifth, _mm256_extracti128_si256(rows, 1));
}

/* A pixel of each row. `above` has the first and the fifth row's upper one last in its half. */
ALWAYS __m256i undo_pixels(eight *at, __m256i filtered, __m256i above, bool mixed)
{
    __m256i left = at->left, up = _mm256_alignr_epi8(left, above, 12);

    if (!mixed) {
        at->left = paeth(filtered, left, up, at->corner);
        at->corner = up;
        return at->left;
    }
    /* What the filter does not look at as zero, Paeth's choice is the one that it does. */
    left = _mm256_and_si256(left, at->has_left);
    up = _mm256_and_si256(up, at->has_up);
    at->left = _mm256_blendv_epi8(paeth(filtered, left, up, at->corner),
                                  average(filtered, left, up), at->averages);
    at->corner = _mm256_and_si256(up, at->has_corner);
    return at->left;
}

/* Four pixels of each row. What comes next is loaded before these are stored, of which some
 * bytes are the same. */
ALWAYS void undo_turn(eight *at, unsigned step, bool mixed)
{
    __m256i above = spread(whole(_mm_loadu_si128((const __m128i *)at->above)), step);
    __m256i next[HALF], v[HALF];

    above = _mm256_inserti128_si256(above, at->fourth[1], 1);
#pragma GCC unroll 4
    for (unsigned n = 0; n < HALF; n++) {
        next[n] = load_rows(at, n, (size_t)TURN * step);
        v[n] = spread(at->filtered[n], step);
    }
    transpose(v);
    v[0] = undo_pixels(at, v[0], _mm256_shuffle_epi32(above, 0x00), mixed);
    v[1] = undo_pixels(at, v[1], _mm256_shuffle_epi32(above, 0x55), mixed);
    v[2] = undo_pixels(at, v[2], _mm256_shuffle_epi32(above, 0xaa), mixed);
    v[3] = undo_pixels(at, v[3], above, mixed);
    transpose(v);
    at->fourth[1] = at->fourth[0];
    at->fourth[0] = _mm256_castsi256_si128(v[3]);
#pragma GCC unroll 4
    for (unsigned n = 0; n < HALF; n++) {
        store_rows(at, n, pack(v[n], at->filtered[n], step));
        at->filtered[n] = next[n];
    }
    at->half[0] += (size_t)TURN * step;
    at->half[1] += (size_t)TURN * step;
    at->above += (size_t)TURN * step;
}

/* Pixels of four bytes of each row. */
ALWAYS __m256i load_words(const uint32_t words[ROWS])
{
    return _mm256_loadu_si256((const __m256i *)words);
}

/* All of each row that is before what turns begin with is undone. */
ALWAYS void begin_turns(eight *at, uint8_t *row, const uint8_t *above, size_t stride,
                        unsigned step)
{
    uint32_t left[ROWS] = {0}, corner[ROWS] = {0};
    uint32_t has_left[ROWS], has_up[ROWS], has_corner[ROWS], averages[ROWS];

    for (unsigned n = 0; n < ROWS; n++) {
        const uint8_t *this = row + n * stride, *upper = n > 0 ? this - stride : above;
        tc_png_filter type = this[-1];

        has_left[n] = type == TC_PNG_NONE || type == TC_PNG_UP ? 0 : UINT32_MAX;
        has_up[n] = type == TC_PNG_NONE || type == TC_PNG_SUB ? 0 : UINT32_MAX;
        has_corner[n] = type == TC_PNG_PAETH ? UINT32_MAX : 0;
        averages[n] = type == TC_PNG_AVERAGE ? UINT32_MAX : 0;
        if (BEHIND(n) == BEHIND_MOST)
            continue;
        memcpy(&left[n], this + (BEHIND_MOST - BEHIND(n) - 1) * step, step);
        memcpy(&corner[n], upper + (BEHIND_MOST - BEHIND(n) - 1) * step, step);
        corner[n] &= has_corner[n];
    }
    at->left = load_words(left);
    at->corner = load_words(corner);
    at->has_left = load_words(has_left);
    at->has_up = load_words(has_up);
    at->has_corner = load_words(has_corner);
    at->averages = load_words(averages);
}

ALWAYS void begin(eight *at, uint8_t *row, const uint8_t *above, size_t stride, unsigned step)
{
    const uint8_t *fourth = row + 3 * stride + (BEHIND_MOST - BEHIND(3)) * step;

    for (unsigned n = 0; n < ROWS; n++)
        undo_part(row + n * stride, n > 0 ? row + (n - 1) * stride : above, 0,
                  BEHIND_MOST - BEHIND(n), step);
    begin_turns(at, row, above, stride, step);
    for (unsigned turn = 0; turn < 2; turn++) {
        fourth -= TURN * step;
        at->fourth[turn] = _mm256_castsi256_si128(
            spread(whole(_mm_loadu_si128((const __m128i *)fourth)), step));
    }
    at->half[0] = row + BEHIND_MOST * step;
    at->half[1] = row + HALF * stride + (BEHIND_MOST - BEHIND(HALF)) * step;
    at->above = above + BEHIND_MOST * step;
    at->back = stride - step;
#pragma GCC unroll 4
    for (unsigned n = 0; n < HALF; n++)
        at->filtered[n] = load_rows(at, n, 0);
}

/* `mixed`: not all are of Paeth's type. */
ALWAYS void undo_eight(uint8_t *row, const uint8_t *above, size_t stride, uint32_t width,
                       unsigned step, bool mixed)
{
    /* What is loaded for the turn after the last lies within the first row, too. */
    uint32_t turns = (width - BEHIND_MOST - PIXELS_LOADED) / TURN;
    eight at;

    begin(&at, row, above, stride, step);
    for (uint32_t turn = 0; turn < turns; turn++)
        undo_turn(&at, step, mixed);
    for (unsigned n = 0; n < ROWS; n++)
        undo_part(row + n * stride, n > 0 ? row + (n - 1) * stride : above,
                  turns * TURN + BEHIND_MOST - BEHIND(n), width, step);
}

AVX2 static void paeth_3(uint8_t *row, const uint8_t *above, size_t stride, uint32_t width)
{
    undo_eight(row, above, stride, width, 3, false);
}

AVX2 static void paeth_4(uint8_t *row, const uint8_t *above, size_t stride, uint32_t width)
{
    undo_eight(row, above, stride, width, 4, false);
}

AVX2 static void mixed_3(uint8_t *row, const uint8_t *above, size_t stride, uint32_t width)
{
    undo_eight(row, above, stride, width, 3, true);
}

AVX2 static void mixed_4(uint8_t *row, const uint8_t *above, size_t stride, uint32_t width)
{
    undo_eight(row, above, stride, width, 4, true);
}

/* ---- any rows ---------------------------------------------------------------------------- */

static void avx2_undo(uint8_t *row, const uint8_t *above, size_t stride, uint32_t count,
                      uint32_t length, unsigned step)
{
    const tc_png_filters *single = tc_png_filters_sse();
    uint32_t width = length / step;

    for (; width >= WIDTH_LEAST && count >= ROWS; count -= ROWS, row += ROWS * stride) {
        const uint8_t *type = row - 1;
        unsigned paeth = 0, average = 0;

        for (unsigned n = 0; n < ROWS; n++) {
            paeth += type[n * stride] == TC_PNG_PAETH;
            average += type[n * stride] == TC_PNG_AVERAGE;
        }
        if (paeth + average < DEPENDENT_LEAST)
            single->undo(row, above, stride, ROWS, length, step);
        else if (paeth == ROWS)
            (step == 3 ? paeth_3 : paeth_4)(row, above, stride, width);
        else
            (step == 3 ? mixed_3 : mixed_4)(row, above, stride, width);
        above = row + (ROWS - 1) * stride;
    }
    if (count > 0)
        single->undo(row, above, stride, count, length, step);
}

static const tc_png_filters avx2 = {"avx2", avx2_undo};

/* A processor with AVX2 has SSE 4.1 too. */
const tc_png_filters *tc_png_filters_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") ? &avx2 : NULL;
}

#else

const tc_png_filters *tc_png_filters_avx2(void)
{
    return NULL;
}

#endif
