/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of a JPEG as samples, at 1/8, 1/4, 1/2 or their full size: libjpeg's own inverse DCTs
 * (jidctred.c, jidctint.c), with the same result for every block of a sound file.
 */
#ifndef TC_CODEC_JPEG_SAMPLES_H
#define TC_CODEC_JPEG_SAMPLES_H

#include "image/entropy/entropy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h>

typedef struct tc_jpeg_scale tc_jpeg_scale;

/*
 * `count` blocks that stand side by side, into rows[0] to rows[size - 1] from column `x` on.
 * False where one is larger than 8 bits a sample can be: there libjpeg's own ways to calculate
 * differ from each other, and what `rows` hold is of no use.
 */
typedef bool tc_jpeg_put(const tc_jpeg_scale *scale, const tc_entropy_block *const *block,
                         unsigned count, JSAMPARRAY rows, size_t x);

/* How a component's blocks become samples. Arrays are in the file's order. */
struct tc_jpeg_scale {
    int16_t multiplier[64]; /* of coefficients */
    uint16_t most[64];      /* that a coefficient may be, either way, before it is multiplied */
    unsigned size;          /* of a block's samples, across and down: 1, 2, 4 or 8 */
    tc_jpeg_put *put;
} __attribute__((aligned(16)));

/* False for a table that is not of 8 bits, and for sizes that nothing here makes. */
bool tc_jpeg_scale_make(tc_jpeg_scale *scale, unsigned size, const JQUANT_TBL *table);

/* For a processor's instructions each, or NULL where there is no such. */
tc_jpeg_put *tc_jpeg_put_plain(unsigned size);
tc_jpeg_put *tc_jpeg_put_avx2(unsigned size);

/* Where a coefficient of the file's order stands: 8 * row + column. */
extern const uint8_t tc_jpeg_places[64];

/* jidctred.c's constants by row or column, 13 bits behind the point. */
#define TC_ODD2_1   29692
#define TC_ODD2_3   -10426
#define TC_ODD2_5   6967
#define TC_ODD2_7   -5906
#define TC_EVEN4_2  15137
#define TC_EVEN4_6  -6270
#define TC_INNER4_1 8697
#define TC_INNER4_3 -17799
#define TC_INNER4_5 11893
#define TC_INNER4_7 -1730
#define TC_OUTER4_1 20995
#define TC_OUTER4_3 7373
#define TC_OUTER4_5 -4926
#define TC_OUTER4_7 -4176

/* An inverse DCT's result is this at most before it is cut off; what is more is not sound. */
#define TC_RESULT_MAX (4 * CENTERJSAMPLE)

#endif
