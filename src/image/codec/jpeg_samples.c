/* SPDX-License-Identifier: Apache-2.0 */
#include "jpeg_samples.h"

#include <string.h>

/*
 * What a coefficient is at most, multiplied: of 8 bits a sample it is 1024 and what rounding
 * adds. Within it libjpeg's vectors, which calculate with 16 bits, agree with its C functions,
 * and the columns' results fit 16 bits here. At full size that takes less.
 */
#define LEVEL_MAX      1536
#define LEVEL_MAX_FULL 1096

/* Multipliers are of 8 bits, as baseline has it. */
#define MULTIPLIER_MAX 255

const uint8_t tc_jpeg_places[DCTSIZE2] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

static const int16_t odd2[DCTSIZE] = {0, TC_ODD2_1, 0, TC_ODD2_3, 0, TC_ODD2_5, 0, TC_ODD2_7};
static const int16_t even4[DCTSIZE] = {0, 0, TC_EVEN4_2, 0, 0, 0, TC_EVEN4_6, 0};
static const int16_t inner4[DCTSIZE] = {0, TC_INNER4_1, 0, TC_INNER4_3,
                                        0, TC_INNER4_5, 0, TC_INNER4_7};
static const int16_t outer4[DCTSIZE] = {0, TC_OUTER4_1, 0, TC_OUTER4_3,
                                        0, TC_OUTER4_5, 0, TC_OUTER4_7};

/* Whether samples of that number are made of a row or column. */
static bool counts(unsigned size, unsigned at)
{
    return at == 0 || size == 8 || (size == 2 && at % 2 == 1) || (size == 4 && at != 4);
}

bool tc_jpeg_scale_make(tc_jpeg_scale *scale, unsigned size, const JQUANT_TBL *table)
{
    unsigned level = size == 8 ? LEVEL_MAX_FULL : LEVEL_MAX;

    scale->size = size;
    scale->put = tc_jpeg_put_avx2(size);
    if (!scale->put)
        scale->put = tc_jpeg_put_plain(size);
    for (unsigned at = 0; at < DCTSIZE2; at++) {
        unsigned place = tc_jpeg_places[at], multiplier = table->quantval[place];

        if (multiplier > MULTIPLIER_MAX)
            return false;
        scale->multiplier[at] = (int16_t)multiplier;
        scale->most[at] = UINT16_MAX;
        if (multiplier > 0 && counts(size, place / DCTSIZE) && counts(size, place % DCTSIZE))
            scale->most[at] = (uint16_t)(level / multiplier);
    }
    return scale->put != NULL;
}

/* Coefficient `at`, multiplied; *good is cleared where that is too much. */
static inline int16_t multiplied(const tc_jpeg_scale *scale, const tc_entropy_block *block,
                                 unsigned at, bool *good)
{
    int32_t coefficient = block->coefficient[at];

    *good &= (coefficient < 0 ? -coefficient : coefficient) <= scale->most[at];
    return (int16_t)(coefficient * scale->multiplier[at]);
}

/* All of them, in rows. */
static inline void multiply(const tc_jpeg_scale *scale, const tc_entropy_block *block,
                            int16_t in[DCTSIZE2], bool *good)
{
    for (unsigned at = 0; at < DCTSIZE2; at++)
        in[at] = 0;
    for (unsigned at = 0; at <= block->last; at++)
        in[tc_jpeg_places[at]] = multiplied(scale, block, at, good);
}

/* A row's first `n` columns times their constants. */
static inline int32_t weigh(const int16_t *row, const int16_t *constants, unsigned n)
{
    int32_t sum = 0;

    for (unsigned c = 1; c < n; c++)
        sum += row[c] * constants[c];
    return sum;
}

/* An inverse DCT's result as a sample; *good is cleared where ways to cut it off may differ. */
static inline void put(JSAMPLE *to, int32_t result, bool *good)
{
    int32_t sample = result + CENTERJSAMPLE;

    *good &= result >= -TC_RESULT_MAX && result < TC_RESULT_MAX;
    *to = (JSAMPLE)(sample < 0 ? 0 : sample > MAXJSAMPLE ? MAXJSAMPLE : sample);
}

typedef int16_t eight __attribute__((vector_size(16)));
typedef uint16_t eight_unsigned __attribute__((vector_size(16)));

/* -1 where a coefficient is too much; a result that is not cannot be. */
static inline eight too_much(eight coefficient, uint16_t most)
{
    eight sign = coefficient >> 15;

    return (eight)((eight_unsigned)((coefficient ^ sign) - sign) > most);
}

/* Eight samples of one coefficient each. Returns -1 for those that are too much. */
static inline eight put_eight(const tc_jpeg_scale *scale, const tc_entropy_block *const *block,
                              JSAMPROW to)
{
    typedef uint8_t samples __attribute__((vector_size(8)));
    const eight coefficient = {block[0]->coefficient[0], block[1]->coefficient[0],
                               block[2]->coefficient[0], block[3]->coefficient[0],
                               block[4]->coefficient[0], block[5]->coefficient[0],
                               block[6]->coefficient[0], block[7]->coefficient[0]};
    eight sample = ((coefficient * scale->multiplier[0] + 4) >> 3) + CENTERJSAMPLE;
    samples cut;

    sample = (sample & ~(sample >> 15)) | (eight)(sample > MAXJSAMPLE);
    cut = __builtin_convertvector(sample, samples);
    memcpy(to, &cut, sizeof cut);
    return too_much(coefficient, scale->most[0]);
}

/* What the samples lack is added up, and looked at once. */
static bool put_1x1(const tc_jpeg_scale *scale, const tc_entropy_block *const *block,
                    unsigned count, JSAMPARRAY rows, size_t x)
{
    JSAMPROW to = rows[0] + x;
    uint64_t wrong[2];
    eight all = {0};

    for (; count >= DCTSIZE; count -= DCTSIZE, block += DCTSIZE, to += DCTSIZE)
        all |= put_eight(scale, block, to);
    if (count > 0) {
        const tc_entropy_block *group[DCTSIZE];
        JSAMPLE spare[DCTSIZE];

        for (unsigned n = 0; n < DCTSIZE; n++)
            group[n] = block[n < count ? n : count - 1];
        all |= put_eight(scale, group, spare);
        memcpy(to, spare, count);
    }
    memcpy(wrong, &all, sizeof wrong);
    return (wrong[0] | wrong[1]) == 0;
}

/* A block of one level. */
static bool put_flat(const tc_jpeg_scale *scale, const tc_entropy_block *block, JSAMPARRAY rows,
                     size_t x)
{
    bool good = true;
    JSAMPLE sample;

    put(&sample, (multiplied(scale, block, 0, &good) + 4) >> 3, &good);
    for (unsigned y = 0; y < scale->size; y++) {
        for (unsigned at = 0; at < scale->size; at++)
            rows[y][x + at] = sample;
    }
    return good;
}

/*
 * Column by column, with 2 bits behind the point, then row by row. `n`: rows and columns from
 * it on are zero; a constant, of which the compiler makes a function each.
 */
static inline bool put_2x2_one(const tc_jpeg_scale *scale, const tc_entropy_block *block,
                               JSAMPARRAY rows, size_t x, const unsigned n)
{
    int16_t coefficient[DCTSIZE2], (*in)[DCTSIZE] = (int16_t(*)[DCTSIZE])coefficient;
    int16_t out[2][DCTSIZE];
    bool good = true;

    multiply(scale, block, coefficient, &good);
    for (unsigned c = 0; c < n; c++) {
        int32_t odd = 0;

        for (unsigned row = 1; row < n; row += 2)
            odd += in[row][c] * odd2[row];
        out[0][c] = (int16_t)(4 * in[0][c] + ((odd + (1 << 12)) >> 13));
        out[1][c] = (int16_t)(4 * in[0][c] + (((1 << 12) - odd) >> 13));
    }
    for (unsigned y = 0; y < 2; y++) {
        int32_t even = out[y][0] * (1 << 15) + (1 << 19), odd = weigh(out[y], odd2, n);

        put(&rows[y][x], (even + odd) >> 20, &good);
        put(&rows[y][x + 1], (even - odd) >> 20, &good);
    }
    return good;
}

/* The same. */
static inline bool put_4x4_one(const tc_jpeg_scale *scale, const tc_entropy_block *block,
                               JSAMPARRAY rows, size_t x, const unsigned n)
{
    int16_t coefficient[DCTSIZE2], (*in)[DCTSIZE] = (int16_t(*)[DCTSIZE])coefficient;
    int16_t out[4][DCTSIZE];
    bool good = true;

    multiply(scale, block, coefficient, &good);
    for (unsigned c = 0; c < n; c++) {
        int32_t more = 0, inner = 0, outer = 0;

        for (unsigned row = 2; row < n; row += 4)
            more += in[row][c] * even4[row];
        for (unsigned row = 1; row < n; row += 2) {
            inner += in[row][c] * inner4[row];
            outer += in[row][c] * outer4[row];
        }
        out[0][c] = (int16_t)(4 * in[0][c] + ((more + outer + (1 << 11)) >> 12));
        out[1][c] = (int16_t)(4 * in[0][c] + ((inner - more + (1 << 11)) >> 12));
        out[2][c] = (int16_t)(4 * in[0][c] + (((1 << 11) - more - inner) >> 12));
        out[3][c] = (int16_t)(4 * in[0][c] + ((more - outer + (1 << 11)) >> 12));
    }
    for (unsigned y = 0; y < 4; y++) {
        int32_t even = out[y][0] * (1 << 14) + (1 << 18), more = weigh(out[y], even4, n);
        int32_t inner = weigh(out[y], inner4, n), outer = weigh(out[y], outer4, n);

        put(&rows[y][x], (even + more + outer) >> 19, &good);
        put(&rows[y][x + 1], (even - more + inner) >> 19, &good);
        put(&rows[y][x + 2], (even - more - inner) >> 19, &good);
        put(&rows[y][x + 3], (even + more - outer) >> 19, &good);
    }
    return good;
}

/* The last places in the file's order before rows and columns 3 and 4 come. */
#define BEFORE_3 5
#define BEFORE_4 9

static bool put_2x2(const tc_jpeg_scale *scale, const tc_entropy_block *const *block,
                    unsigned count, JSAMPARRAY rows, size_t x)
{
    bool good = true;

    for (; count > 0; count--, block++, x += 2)
        good &= (*block)->last == 0          ? put_flat(scale, *block, rows, x)
                : (*block)->last <= BEFORE_3 ? put_2x2_one(scale, *block, rows, x, 2)
                : (*block)->last <= BEFORE_4 ? put_2x2_one(scale, *block, rows, x, 4)
                                             : put_2x2_one(scale, *block, rows, x, 8);
    return good;
}

static bool put_4x4(const tc_jpeg_scale *scale, const tc_entropy_block *const *block,
                    unsigned count, JSAMPARRAY rows, size_t x)
{
    bool good = true;

    for (; count > 0; count--, block++, x += 4)
        good &= (*block)->last == 0          ? put_flat(scale, *block, rows, x)
                : (*block)->last <= BEFORE_3 ? put_4x4_one(scale, *block, rows, x, 3)
                : (*block)->last <= BEFORE_4 ? put_4x4_one(scale, *block, rows, x, 4)
                                             : put_4x4_one(scale, *block, rows, x, 8);
    return good;
}

/* At full size libjpeg's own vectors are better than any loops. */
tc_jpeg_put *tc_jpeg_put_plain(unsigned size)
{
    return size == 1 ? put_1x1 : size == 2 ? put_2x2 : size == 4 ? put_4x4 : NULL;
}
