/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coefficients to samples: libjpeg's inverse DCTs of 1x1, 2x2 and 4x4 samples a block
 * (jidctred.c), bit by bit.
 */
#ifndef TC_CODEC_JPEG_SAMPLES_H
#define TC_CODEC_JPEG_SAMPLES_H

#include "image/entropy/entropy.h"

#include <stdio.h>

#include <jpeglib.h>

/* How a component's coefficients are multiplied, and between what each is before that. */
typedef struct tc_jpeg_scale {
    unsigned size; /* samples a block, in each direction: 1, 2 or 4 */
    int16_t multiplier[DCTSIZE2], least[DCTSIZE2], most[DCTSIZE2];
} tc_jpeg_scale;

/* False for multipliers or a size that there is no rule for. */
bool tc_jpeg_scale_make(tc_jpeg_scale *scale, unsigned size, const JQUANT_TBL *table);

/*
 * A block's samples into `size` rows from column `x` on. False where coefficients are larger
 * than a picture's can be, of which libjpeg's C functions and its vectors make different
 * samples; what is written then is of no use.
 */
bool tc_jpeg_samples(const tc_jpeg_scale *scale, const tc_entropy_block *block, JSAMPARRAY rows,
                     size_t x);

#endif
