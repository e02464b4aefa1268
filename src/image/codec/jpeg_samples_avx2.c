/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inverse DCTs for x86-64 processors with AVX2: two blocks at once, one in each half of a
 * vector, with the same whole numbers as jpeg_samples.c.
 *
 * Coefficients come in the file's order, of which most blocks have only the first few, and are
 * brought into pairs: vpmaddwd multiplies two of them by their constants and adds them. How
 * many vectors of the file's order have to be looked at is known from the blocks' last
 * coefficient.
 */
#include "jpeg_samples.h"

#ifdef __x86_64__

#include "jpeg_vectors.h"

#include <string.h>

/* ---- 2x2 ---------------------------------------------------------------------------- */

/* Of the columns the two results, with 2 bits behind the point: upper, and in the other four
 * values of a half lower. `first` is the first row twice. */
AVX2_ALWAYS __m256i columns_2(__m256i first, __m256i odd)
{
    const __m256i half = _mm256_set1_epi32(1 << 12);
    __m256i upper = _mm256_srai_epi32(_mm256_add_epi32(half, odd), 13);
    __m256i lower = _mm256_srai_epi32(_mm256_sub_epi32(half, odd), 13);

    return _mm256_add_epi16(_mm256_slli_epi16(first, 2), _mm256_packs_epi32(upper, lower));
}

/* Results, of 32 bits, of two blocks: of each left upper, left lower, right upper, lower. */
AVX2_ALWAYS __m256i results_2(const __m256i *in, const unsigned vectors)
{
    const int w1 = TC_ODD2_1, w3 = TC_ODD2_3, w5 = TC_ODD2_5, w7 = TC_ODD2_7;
    __m256i first = pick(in, vectors, ROW_TWICE(0, 0, 1, 3, 5));
    __m256i odd =
        _mm256_madd_epi16(pick(in, vectors, TWO_ROWS(1, 3, 0, 1, 3, 5)), two_weights(w1, w3));
    __m256i left, right, out;

    if (vectors > 2)
        odd = _mm256_add_epi32(odd,
                               _mm256_madd_epi16(pick(in, vectors, TWO_ROWS(5, 7, 0, 1, 3, 5)),
                                                 two_weights(w5, w7)));
    out = columns_2(first, odd);
    /* Negated: a weight can be -1 << 15, but not 1 << 15. */
    left = _mm256_madd_epi16(out, eight_weights(-32768, -w1, -w3, -w5, -32768, -w1, -w3, -w5));
    right = _mm256_madd_epi16(out, eight_weights(-32768, w1, w3, w5, -32768, w1, w3, w5));
    if (vectors > 4) {
        __m256i down =
            pick(in, vectors, AT(1, 7), AT(3, 7), AT(5, 7), AT(7, 7), NONE, NONE, NONE, NONE);
        __m256i top = pick(in, vectors, ROW_TWICE(0, 7, NONE, NONE, NONE));

        down = _mm256_madd_epi16(down, eight_weights(w1, w3, w5, w7, 0, 0, 0, 0));
        out = columns_2(top, _mm256_hadd_epi32(down, _mm256_setzero_si256()));
        left = _mm256_add_epi32(left, _mm256_madd_epi16(out, two_weights(-w7, 0)));
        right = _mm256_add_epi32(right, _mm256_madd_epi16(out, two_weights(w7, 0)));
    }
    return _mm256_srai_epi32(
        _mm256_sub_epi32(_mm256_set1_epi32(1 << 19), _mm256_hadd_epi32(left, right)), 20);
}

/* Halves have blocks 0 and 2, 1 and 3. */
AVX2_ALWAYS void put_2x2(const unsigned vectors, const tc_jpeg_scale *scale,
                         const tc_entropy_block *const *block, JSAMPARRAY rows, size_t x,
                         faults *faults)
{
    const __m256i by_row = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 0, 0, 0, 0, 0, 0, 0, 0));
    __m256i one[8], two[8], all;
    __m128i samples;

    load_all(one, vectors, scale, block[0], block[1], faults);
    load_all(two, vectors, scale, block[2], block[3], faults);
    all = _mm256_packs_epi32(results_2(one, vectors), results_2(two, vectors));
    all = _mm256_shuffle_epi8(to_samples(all, all, faults), by_row);
    samples = _mm_unpacklo_epi16(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    _mm_storel_epi64((__m128i *)(void *)(rows[0] + x), samples);
    _mm_storel_epi64((__m128i *)(void *)(rows[1] + x), _mm_unpackhi_epi64(samples, samples));
}

/* ---- 4x4 ---------------------------------------------------------------------------- */

/* Four columns' results: upper two rows, each of four values, and lower two. */
AVX2_ALWAYS void columns_4(const __m256i *in, const unsigned vectors, const int a, const int b,
                           const int c, const int d, __m256i out[2])
{
    const __m256i half = _mm256_set1_epi32(1 << 11);
    __m256i first = _mm256_slli_epi16(pick(in, vectors, ROW_TWICE(0, a, b, c, d)), 2);
    __m256i odd = pick(in, vectors, TWO_ROWS(1, 3, a, b, c, d));
    __m256i even = pick(in, vectors, TWO_ROWS(2, 6, a, b, c, d));
    __m256i more = _mm256_madd_epi16(even, two_weights(TC_EVEN4_2, TC_EVEN4_6));
    __m256i inner = _mm256_madd_epi16(odd, two_weights(TC_INNER4_1, TC_INNER4_3));
    __m256i outer = _mm256_madd_epi16(odd, two_weights(TC_OUTER4_1, TC_OUTER4_3));
    __m256i less = _mm256_sub_epi32(half, more);

    more = _mm256_add_epi32(half, more);
    if (vectors > 2) {
        odd = pick(in, vectors, TWO_ROWS(5, 7, a, b, c, d));
        inner = _mm256_add_epi32(inner,
                                 _mm256_madd_epi16(odd, two_weights(TC_INNER4_5, TC_INNER4_7)));
        outer = _mm256_add_epi32(outer,
                                 _mm256_madd_epi16(odd, two_weights(TC_OUTER4_5, TC_OUTER4_7)));
    }
    out[0] = _mm256_packs_epi32(_mm256_srai_epi32(_mm256_add_epi32(more, outer), 12),
                                _mm256_srai_epi32(_mm256_add_epi32(less, inner), 12));
    out[1] = _mm256_packs_epi32(_mm256_srai_epi32(_mm256_sub_epi32(less, inner), 12),
                                _mm256_srai_epi32(_mm256_sub_epi32(more, outer), 12));
    out[0] = _mm256_add_epi16(out[0], first);
    out[1] = _mm256_add_epi16(out[1], first);
}

/* Columns are in the order in which the rows' pairs are multiplied. */
AVX2_ALWAYS __m256i samples_4(const __m256i *in, const unsigned vectors, faults *faults)
{
    __m256i few[2], many[2], pairs, half = _mm256_set1_epi32(1 << 18);
    __m256i more, less, inner, outer;

    columns_4(in, vectors, 1, 3, 0, 2, few);
    pairs = first_pairs(few);
    inner = _mm256_madd_epi16(pairs, two_weights(TC_INNER4_1, TC_INNER4_3));
    outer = _mm256_madd_epi16(pairs, two_weights(TC_OUTER4_1, TC_OUTER4_3));
    pairs = second_pairs(few);
    more = _mm256_add_epi32(half, _mm256_madd_epi16(pairs, two_weights(1 << 14, TC_EVEN4_2)));
    less = _mm256_add_epi32(half, _mm256_madd_epi16(pairs, two_weights(1 << 14, -TC_EVEN4_2)));
    if (vectors > 2) {
        columns_4(in, vectors, 5, 7, 6, NONE, many);
        pairs = first_pairs(many);
        inner = _mm256_add_epi32(
            inner, _mm256_madd_epi16(pairs, two_weights(TC_INNER4_5, TC_INNER4_7)));
        outer = _mm256_add_epi32(
            outer, _mm256_madd_epi16(pairs, two_weights(TC_OUTER4_5, TC_OUTER4_7)));
        pairs = second_pairs(many);
        more = _mm256_add_epi32(more, _mm256_madd_epi16(pairs, two_weights(TC_EVEN4_6, 0)));
        less = _mm256_sub_epi32(less, _mm256_madd_epi16(pairs, two_weights(TC_EVEN4_6, 0)));
    }
    return by_rows(_mm256_srai_epi32(_mm256_add_epi32(more, outer), 19),
                   _mm256_srai_epi32(_mm256_add_epi32(less, inner), 19),
                   _mm256_srai_epi32(_mm256_sub_epi32(less, inner), 19),
                   _mm256_srai_epi32(_mm256_sub_epi32(more, outer), 19), faults);
}

AVX2_ALWAYS void put_4x4(const unsigned vectors, const tc_jpeg_scale *scale,
                         const tc_entropy_block *const *block, JSAMPARRAY rows, size_t x,
                         faults *faults)
{
    __m256i in[8], samples;
    __m128i one, two, upper, lower;

    load_all(in, vectors, scale, block[0], block[1], faults);
    samples = samples_4(in, vectors, faults);
    one = _mm256_castsi256_si128(samples);
    two = _mm256_extracti128_si256(samples, 1);
    upper = _mm_unpacklo_epi32(one, two);
    lower = _mm_unpackhi_epi32(one, two);
    _mm_storel_epi64((__m128i *)(void *)(rows[0] + x), upper);
    _mm_storel_epi64((__m128i *)(void *)(rows[1] + x), _mm_unpackhi_epi64(upper, upper));
    _mm_storel_epi64((__m128i *)(void *)(rows[2] + x), lower);
    _mm_storel_epi64((__m128i *)(void *)(rows[3] + x), _mm_unpackhi_epi64(lower, lower));
}

/* ---- 8x8 ---------------------------------------------------------------------------- */

/* jidctint.c's constants, 13 bits behind the point, as what each input adds to an output. */
#define ONE 8192

/*
 * One dimension, of pairs of inputs 1 and 3, 5 and 7, 0 and 4, 2 and 6: eight outputs with
 * `shift` bits less. Without `many` inputs from 4 on are 0: `even` is then of 0 and 2.
 */
AVX2_ALWAYS void transform(__m256i odd, __m256i odd_more, __m256i even, __m256i even_more,
                           const bool many, const int shift, __m256i out[8])
{
    const __m256i half = _mm256_set1_epi32(1 << (shift - 1));
    __m256i e[4], o[4];

    o[0] = _mm256_madd_epi16(odd, two_weights(11363, 9633));
    o[1] = _mm256_madd_epi16(odd, two_weights(9633, -2259));
    o[2] = _mm256_madd_epi16(odd, two_weights(6437, -11362));
    o[3] = _mm256_madd_epi16(odd, two_weights(2260, -6436));
    if (many) {
        __m256i low = _mm256_add_epi32(half, _mm256_madd_epi16(even, two_weights(ONE, ONE)));
        __m256i high = _mm256_add_epi32(half, _mm256_madd_epi16(even, two_weights(ONE, -ONE)));
        __m256i outer = _mm256_madd_epi16(even_more, two_weights(10703, 4433));
        __m256i inner = _mm256_madd_epi16(even_more, two_weights(4433, -10704));

        e[0] = _mm256_add_epi32(low, outer);
        e[1] = _mm256_add_epi32(high, inner);
        e[2] = _mm256_sub_epi32(high, inner);
        e[3] = _mm256_sub_epi32(low, outer);
        o[0] = _mm256_add_epi32(o[0], _mm256_madd_epi16(odd_more, two_weights(6437, 2260)));
        o[1] = _mm256_add_epi32(o[1], _mm256_madd_epi16(odd_more, two_weights(-11362, -6436)));
        o[2] = _mm256_add_epi32(o[2], _mm256_madd_epi16(odd_more, two_weights(2261, 9633)));
        o[3] = _mm256_add_epi32(o[3], _mm256_madd_epi16(odd_more, two_weights(9633, -11363)));
    } else {
        e[0] = _mm256_add_epi32(half, _mm256_madd_epi16(even, two_weights(ONE, 10703)));
        e[1] = _mm256_add_epi32(half, _mm256_madd_epi16(even, two_weights(ONE, 4433)));
        e[2] = _mm256_add_epi32(half, _mm256_madd_epi16(even, two_weights(ONE, -4433)));
        e[3] = _mm256_add_epi32(half, _mm256_madd_epi16(even, two_weights(ONE, -10703)));
    }
#pragma GCC unroll 4
    for (unsigned at = 0; at < 4; at++) {
        out[at] = _mm256_srai_epi32(_mm256_add_epi32(e[at], o[at]), shift);
        out[7 - at] = _mm256_srai_epi32(_mm256_sub_epi32(e[at], o[at]), shift);
    }
}

/* Bits that go after the first dimension, of which 2 stay behind the point, and the second. */
#define SHIFT_COLUMNS 11
#define SHIFT_ROWS    18

AVX2_ALWAYS void columns_8(const __m256i *in, const unsigned vectors, const int a, const int b,
                           const int c, const int d, __m256i out[8])
{
    transform(pick(in, vectors, TWO_ROWS(1, 3, a, b, c, d)),
              pick(in, vectors, TWO_ROWS(5, 7, a, b, c, d)),
              pick(in, vectors, TWO_ROWS(0, 4, a, b, c, d)),
              pick(in, vectors, TWO_ROWS(2, 6, a, b, c, d)), true, SHIFT_COLUMNS, out);
}

/* Four rows' samples as two vectors: their left halves, and their right ones. */
AVX2_ALWAYS void to_rows(const __m256i out[8], __m256i to[2], faults *faults)
{
    to[0] = by_rows(out[0], out[1], out[2], out[3], faults);
    to[1] = by_rows(out[4], out[5], out[6], out[7], faults);
}

/* Blocks with nothing in columns from 4 on. */
AVX2_ALWAYS void samples_8_few(const __m256i *in, __m256i to[4], faults *faults)
{
    __m256i out[8], row[2];

    columns_8(in, 2, 1, 3, 0, 2, out);
#pragma GCC unroll 2
    for (unsigned four = 0; four < 2; four++) {
        __m256i results[8];

        row[0] = _mm256_packs_epi32(out[4 * four], out[4 * four + 1]);
        row[1] = _mm256_packs_epi32(out[4 * four + 2], out[4 * four + 3]);
        transform(first_pairs(row), row[0], second_pairs(row), row[0], false, SHIFT_ROWS,
                  results);
        to_rows(results, to + 2 * four, faults);
    }
}

/* Columns are in the order in which the rows' pairs are multiplied. */
AVX2_ALWAYS void samples_8(const __m256i *in, const unsigned vectors, __m256i to[4],
                           faults *faults)
{
    __m256i odd[8], even[8];

    columns_8(in, vectors, 1, 3, 5, 7, odd);
    columns_8(in, vectors, 0, 4, 2, 6, even);
#pragma GCC unroll 2
    for (unsigned four = 0; four < 2; four++) {
        const __m256i *o = odd + 4 * four, *e = even + 4 * four;
        __m256i o_rows[2] = {_mm256_packs_epi32(o[0], o[1]), _mm256_packs_epi32(o[2], o[3])};
        __m256i e_rows[2] = {_mm256_packs_epi32(e[0], e[1]), _mm256_packs_epi32(e[2], e[3])};
        __m256i results[8];

        transform(first_pairs(o_rows), second_pairs(o_rows), first_pairs(e_rows),
                  second_pairs(e_rows), true, SHIFT_ROWS, results);
        to_rows(results, to + 2 * four, faults);
    }
}

/* Two rows of two blocks. */
AVX2_ALWAYS void store_2_rows(JSAMPARRAY rows, size_t x, __m256i samples)
{
    samples = _mm256_permute4x64_epi64(samples, _MM_SHUFFLE(3, 1, 2, 0));
    _mm_storeu_si128((__m128i *)(void *)(rows[0] + x), _mm256_castsi256_si128(samples));
    _mm_storeu_si128((__m128i *)(void *)(rows[1] + x), _mm256_extracti128_si256(samples, 1));
}

AVX2_ALWAYS void put_8x8(const unsigned vectors, const tc_jpeg_scale *scale,
                         const tc_entropy_block *const *block, JSAMPARRAY rows, size_t x,
                         faults *faults)
{
    __m256i in[8], samples[4];

    load_all(in, vectors, scale, block[0], block[1], faults);
    if (vectors > 2)
        samples_8(in, vectors, samples, faults);
    else
        samples_8_few(in, samples, faults);
#pragma GCC unroll 2
    for (unsigned four = 0; four < 2; four++) {
        const __m256i *of = samples + 2 * four;

        store_2_rows(rows + 4 * four, x, _mm256_unpacklo_epi32(of[0], of[1]));
        store_2_rows(rows + 4 * four + 2, x, _mm256_unpackhi_epi32(of[0], of[1]));
    }
}

/* ---- rows of blocks ----------------------------------------------------------------- */

/*
 * How many vectors of eight have to be looked at, by the last coefficient: up to the first
 * bound two, which leaves out what no sample of that size is made of and columns that a few
 * vectors have no room for; up to the second, which is before row 7 and column 7, four.
 */
#define LAST_OF_2(size) ((size) == 8 ? 13 : (size) == 4 ? 14 : 15)
#define LAST_OF_4       27

/* Blocks at once: eight samples across or more. */
#define GROUP(size) ((size) == 2 ? 4 : 2)
#define GROUP_MOST  4

AVX2_ALWAYS void put_vectors(const unsigned size, const unsigned vectors,
                             const tc_jpeg_scale *scale, const tc_entropy_block *const *block,
                             JSAMPARRAY rows, size_t x, faults *faults)
{
    if (size == 2)
        put_2x2(vectors, scale, block, rows, x, faults);
    else if (size == 4)
        put_4x4(vectors, scale, block, rows, x, faults);
    else
        put_8x8(vectors, scale, block, rows, x, faults);
}

AVX2_ALWAYS void put_group(const unsigned size, const tc_jpeg_scale *scale,
                           const tc_entropy_block *const *block, JSAMPARRAY rows, size_t x,
                           faults *faults)
{
    unsigned last = 0;

    for (unsigned n = 0; n < GROUP(size); n++)
        last = block[n]->last > last ? block[n]->last : last;
    if (last <= LAST_OF_2(size))
        put_vectors(size, 2, scale, block, rows, x, faults);
    else if (last <= LAST_OF_4)
        put_vectors(size, 4, scale, block, rows, x, faults);
    else
        put_vectors(size, 8, scale, block, rows, x, faults);
}

AVX2_ALWAYS bool put(const unsigned size, const tc_jpeg_scale *scale,
                     const tc_entropy_block *const *block, unsigned count, JSAMPARRAY rows,
                     size_t x)
{
    const tc_entropy_block *group[GROUP_MOST];
    JSAMPLE spare[DCTSIZE][2 * DCTSIZE];
    JSAMPROW spare_row[DCTSIZE];
    faults faults = {_mm256_setzero_si256(), _mm256_setzero_si256()};

    for (; count >= GROUP(size); count -= GROUP(size), block += GROUP(size)) {
        put_group(size, scale, block, rows, x, &faults);
        x += GROUP(size) * size;
    }
    for (unsigned n = 0; count > 0 && n < GROUP(size); n++)
        group[n] = block[n < count ? n : count - 1];
    for (unsigned y = 0; count > 0 && y < size; y++)
        spare_row[y] = spare[y];
    if (count > 0)
        put_group(size, scale, group, spare_row, 0, &faults);
    for (unsigned y = 0; count > 0 && y < size; y++)
        memcpy(rows[y] + x, spare[y], (size_t)count * size);
    return is_good(&faults);
}

AVX2 static bool put_2(const tc_jpeg_scale *scale, const tc_entropy_block *const *block,
                       unsigned count, JSAMPARRAY rows, size_t x)
{
    return put(2, scale, block, count, rows, x);
}

AVX2 static bool put_4(const tc_jpeg_scale *scale, const tc_entropy_block *const *block,
                       unsigned count, JSAMPARRAY rows, size_t x)
{
    return put(4, scale, block, count, rows, x);
}

AVX2 static bool put_8(const tc_jpeg_scale *scale, const tc_entropy_block *const *block,
                       unsigned count, JSAMPARRAY rows, size_t x)
{
    return put(8, scale, block, count, rows, x);
}

tc_jpeg_put *tc_jpeg_put_avx2(unsigned size)
{
    if (!__builtin_cpu_supports("avx2"))
        return NULL;
    return size == 2 ? put_2 : size == 4 ? put_4 : size == 8 ? put_8 : NULL;
}

#else

tc_jpeg_put *tc_jpeg_put_avx2(unsigned size)
{
    (void)size;
    return NULL;
}

#endif
