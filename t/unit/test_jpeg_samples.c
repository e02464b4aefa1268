/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors make the samples, the colours and the refusals of the plain code, for blocks with any
 * number of coefficients in any number side by side.
 */
#include "tap.h"
#include "image/codec/jpeg_rgb.h"
#include "image/codec/jpeg_samples.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 20000
#define BLOCKS 9 /* side by side, at most */
#define ROOM   (DCTSIZE * BLOCKS + 32)

static uint32_t seed = 1;

static uint32_t below(uint32_t bound)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * bound >> 24);
}

static void make_table(JQUANT_TBL *table)
{
    unsigned most = 1 + below(below(2) ? 20 : 255);

    for (unsigned at = 0; at < DCTSIZE2; at++)
        table->quantval[at] = (UINT16)(below(50) ? 1 + below(most) : 0);
}

/* Up to `last`, of sizes that fall off as a picture's do; now and then one that is too large.
 */
static void make_block(tc_entropy_block *block, const tc_jpeg_scale *scale, bool sound)
{
    memset(block, 0, sizeof *block);
    block->last = below(3) ? below(20) : below(64);
    for (unsigned at = 0; at <= block->last; at++) {
        int32_t multiplier = scale->multiplier[at] ? scale->multiplier[at] : 1;
        int32_t most = 900 / (1 + (int32_t)at) / multiplier;

        if (at == 0 || at == block->last || below(3) == 0)
            block->coefficient[at] = (int16_t)((int32_t)below(2 * (uint32_t)most + 1) - most);
    }
    if (!sound && below(4) == 0)
        block->coefficient[below(block->last + 1)] =
            (int16_t)(below(2) ? (int32_t)below(65536) - 32768 : (int32_t)below(4000) - 2000);
}

typedef struct samples {
    JSAMPLE sample[DCTSIZE][ROOM];
    JSAMPROW row[DCTSIZE];
} samples;

static void make_room(samples *samples)
{
    memset(samples->sample, 77, sizeof samples->sample);
    for (unsigned y = 0; y < DCTSIZE; y++)
        samples->row[y] = samples->sample[y];
}

static void compare(unsigned size)
{
    tc_jpeg_put *plain = tc_jpeg_put_plain(size), *vectors = tc_jpeg_put_avx2(size);
    unsigned different = 0, refused = 0, all_good = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        tc_entropy_block blocks[BLOCKS];
        const tc_entropy_block *block[BLOCKS];
        unsigned count = 1 + below(BLOCKS), x = below(16);
        tc_jpeg_scale scale;
        samples expected, got;
        JQUANT_TBL table;
        bool good;

        make_table(&table);
        tc_jpeg_scale_make(&scale, size, &table);
        for (unsigned n = 0; n < count; n++) {
            make_block(&blocks[n], &scale, round % 4 > 0);
            block[n] = &blocks[n];
        }
        make_room(&expected);
        make_room(&got);
        good = plain(&scale, block, count, expected.row, x);
        different += good != vectors(&scale, block, count, got.row, x);
        different += good && memcmp(expected.sample, got.sample, sizeof expected.sample) != 0;
        refused += !good;
        all_good += good;
    }
    ok(different == 0, "%ux%u samples a block: %u rows of blocks the same, %u refused by both",
       size, size, all_good, refused);
    ok(refused > ROUNDS / 50 && all_good > ROUNDS / 3, "... which is some, and not all");
}

/* Every pair of chroma, with levels of luma at which one colour or another is cut off. */
static void colours(void)
{
    static JSAMPLE luma[65536], blue[65536], red[65536], expected[3 * 65536], got[3 * 65536];
    tc_jpeg_rgb *vectors = tc_jpeg_rgb_avx2();
    unsigned different = 0;

    for (unsigned at = 0; at < 65536; at++) {
        blue[at] = (JSAMPLE)(at >> 8);
        red[at] = (JSAMPLE)at;
    }
    for (unsigned level = 0; level < 256; level += 5) {
        memset(luma, (int)level, sizeof luma);
        tc_jpeg_rgb_plain(expected, luma, blue, red, 65536);
        vectors(got, luma, blue, red, 65536);
        different += memcmp(expected, got, sizeof got) != 0;
    }
    ok(different == 0, "all chroma at 52 levels of luma: the same colours");
    for (uint32_t width = 1, same = 1; width < 70; width++) {
        memset(got, 77, sizeof got);
        vectors(got, luma, blue, red + 50, width);
        tc_jpeg_rgb_plain(expected, luma, blue, red + 50, width);
        same &= memcmp(expected, got, 3 * width) == 0 && got[3 * width] == 77;
        different += !same;
    }
    ok(different == 0, "rows of 1 to 69 pixels, and nothing behind them");
}

/* What 16 bits cannot hold in between is refused at every size. */
static void extremes(unsigned size)
{
    tc_jpeg_put *vectors = tc_jpeg_put_avx2(size);
    unsigned taken = 0;

    for (unsigned sign = 0; sign < 2; sign++) {
        tc_entropy_block block = {.last = DCTSIZE2 - 1};
        const tc_entropy_block *one = &block;
        JQUANT_TBL table;
        tc_jpeg_scale scale;
        samples to;

        for (unsigned at = 0; at < DCTSIZE2; at++) {
            table.quantval[at] = 1;
            block.coefficient[at] = sign ? INT16_MIN : INT16_MAX;
        }
        make_room(&to);
        tc_jpeg_scale_make(&scale, size, &table);
        taken += vectors(&scale, &one, 1, to.row, 0);
    }
    ok(taken == 0, "%ux%u samples: the largest coefficients are refused", size, size);
}

int main(void)
{
    if (!tc_jpeg_put_avx2(2)) {
        ok(true, "nothing to compare # SKIP this processor has no AVX2");
        return done_testing();
    }
    compare(2);
    compare(4);
    extremes(2);
    extremes(4);
    extremes(8);
    colours();
    return done_testing();
}
