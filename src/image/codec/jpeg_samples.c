/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops over eight columns at once, of 16 bits times 16 bits, are what compilers have vectors
 * for; this file is compiled with -O3.
 */
#include "jpeg_samples.h"

/*
 * What a coefficient is at most, multiplied: of 8 bits a sample it is 1024 and what rounding
 * adds. Within it libjpeg's vectors, which calculate with 16 bits, agree with its C functions,
 * and the columns' results fit 16 bits here.
 */
#define LEVEL_MAX 1536

/* Multipliers are of 8 bits, as baseline has it. */
#define MULTIPLIER_MAX 255

/* An inverse DCT's result is this at most before it is cut off; what is more is not sound. */
#define RESULT_MAX (4 * CENTERJSAMPLE)

/* jidctred.c's constants by row or column, 13 bits behind the point. */
static const int16_t odd2[DCTSIZE] = {0, 29692, 0, -10426, 0, 6967, 0, -5906};
static const int16_t even4[DCTSIZE] = {0, 0, 15137, 0, 0, 0, -6270, 0};
static const int16_t inner4[DCTSIZE] = {0, 8697, 0, -17799, 0, 11893, 0, -1730};
static const int16_t outer4[DCTSIZE] = {0, 20995, 0, 7373, 0, -4926, 0, -4176};

/* Whether samples of that number are made of a row or column. */
static bool counts(unsigned size, unsigned at)
{
    return at == 0 || (size == 2 && at % 2 == 1) || (size == 4 && at != 4);
}

bool tc_jpeg_scale_make(tc_jpeg_scale *scale, unsigned size, const JQUANT_TBL *table)
{
    scale->size = size;
    for (unsigned at = 0; at < DCTSIZE2; at++) {
        unsigned multiplier = table->quantval[at];

        if (multiplier > MULTIPLIER_MAX)
            return false;
        scale->multiplier[at] = (int16_t)multiplier;
        scale->least[at] = INT16_MIN;
        scale->most[at] = INT16_MAX;
        if (multiplier > 0 && counts(size, at / DCTSIZE) && counts(size, at % DCTSIZE)) {
            scale->most[at] = (int16_t)(LEVEL_MAX / multiplier);
            scale->least[at] = (int16_t)-scale->most[at];
        }
    }
    return size == 1 || size == 2 || size == 4;
}

/* Row `row` of the block, multiplied; *over is set where that is too much. */
static inline void multiply(const tc_jpeg_scale *scale, const tc_entropy_block *block,
                            unsigned row, int16_t *to, int16_t *over)
{
    const int16_t *from = block->coefficient + row * DCTSIZE;
    const int16_t *multiplier = scale->multiplier + row * DCTSIZE;
    const int16_t *least = scale->least + row * DCTSIZE, *most = scale->most + row * DCTSIZE;

    for (unsigned c = 0; c < DCTSIZE; c++) {
        to[c] = (int16_t)(from[c] * multiplier[c]);
        over[c] |= (int16_t)((from[c] > most[c]) | (from[c] < least[c]));
    }
}

static inline bool is_over(const int16_t *over)
{
    int any = 0;

    for (unsigned c = 0; c < DCTSIZE; c++)
        any |= over[c];
    return any != 0;
}

/* A row's first `n` columns times their constants. */
static inline int32_t weigh(const int16_t *row, const int16_t *constants, unsigned n)
{
    int32_t sum = 0;

    for (unsigned c = 1; c < n; c++)
        sum += row[c] * constants[c];
    return sum;
}

/* Black or white; false where libjpeg's ways to cut a result off may differ. */
static bool put_far(JSAMPLE *to, int32_t result)
{
    *to = result < 0 ? 0 : MAXJSAMPLE;
    return result >= -RESULT_MAX && result < RESULT_MAX;
}

/* An inverse DCT's result as a sample; *good is cleared as above. */
static inline void put(JSAMPLE *to, int32_t result, bool *good)
{
    int32_t sample = result + CENTERJSAMPLE;

    if (__builtin_expect((uint32_t)sample > MAXJSAMPLE, 0))
        *good &= put_far(to, result);
    else
        *to = (JSAMPLE)sample;
}

/* A block of one level. */
static inline bool put_flat(const tc_jpeg_scale *scale, int32_t dc, JSAMPARRAY rows, size_t x)
{
    bool good = dc >= scale->least[0] && dc <= scale->most[0];
    JSAMPLE sample;

    put(&sample, (dc * scale->multiplier[0] + 4) >> 3, &good);
    for (unsigned y = 0; good && y < scale->size; y++) {
        for (unsigned at = 0; at < scale->size; at++)
            rows[y][x + at] = sample;
    }
    return good;
}

/*
 * Column by column, with 2 bits behind the point, then row by row. `n`: rows and columns from
 * it on are zero; a constant, of which the compiler makes a function each.
 */
static inline bool put_2x2(const tc_jpeg_scale *scale, const tc_entropy_block *block,
                           JSAMPARRAY rows, size_t x, unsigned n)
{
    int16_t in[DCTSIZE][DCTSIZE], out[2][DCTSIZE], over[DCTSIZE] = {0};
    bool good = true;

    multiply(scale, block, 0, in[0], over);
    for (unsigned row = 1; row < n; row += 2)
        multiply(scale, block, row, in[row], over);
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
    return good && !is_over(over);
}

/* The same. */
static inline bool put_4x4(const tc_jpeg_scale *scale, const tc_entropy_block *block,
                           JSAMPARRAY rows, size_t x, unsigned n)
{
    int16_t in[DCTSIZE][DCTSIZE], out[4][DCTSIZE], over[DCTSIZE] = {0};
    bool good = true;

    for (unsigned row = 0; row < n; row++)
        multiply(scale, block, row, in[row], over);
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
    return good && !is_over(over);
}

/* The last places in zigzag order before rows and columns 3 and 4 come. */
#define BEFORE_3 5
#define BEFORE_4 9

bool tc_jpeg_samples(const tc_jpeg_scale *scale, const tc_entropy_block *block, JSAMPARRAY rows,
                     size_t x)
{
    if (block->last == 0 || scale->size == 1)
        return put_flat(scale, block->coefficient[0], rows, x);
    if (scale->size == 2)
        return block->last <= BEFORE_3   ? put_2x2(scale, block, rows, x, 2)
               : block->last <= BEFORE_4 ? put_2x2(scale, block, rows, x, 4)
                                         : put_2x2(scale, block, rows, x, 8);
    return block->last <= BEFORE_3   ? put_4x4(scale, block, rows, x, 3)
           : block->last <= BEFORE_4 ? put_4x4(scale, block, rows, x, 4)
                                     : put_4x4(scale, block, rows, x, 8);
}
