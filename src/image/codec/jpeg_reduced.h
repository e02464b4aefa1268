/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sound baseline JPEG at 1/8 or 1/4 without libjpeg's decoder: the coefficients come from
 * image/entropy, and every sample is the same as libjpeg's. 1/8 takes about half of libjpeg's
 * time, 1/4 of a detailed picture three quarters.
 */
#ifndef TC_CODEC_JPEG_REDUCED_H
#define TC_CODEC_JPEG_REDUCED_H

#include "image/core/image.h"
#include "image/entropy/entropy.h"

#include <stdio.h>

#include <jpeglib.h>

typedef struct tc_jpeg_reduced tc_jpeg_reduced;

/* Whether the header is of a kind that this decodes, as a rule. */
bool tc_jpeg_reduced_kind(const struct jpeg_decompress_struct *cinfo);

/*
 * jpeg_calc_output_dimensions was called. Without `planes` rows are grey or RGB. NULL for
 * other kinds, tables and sizes, and without memory. `cinfo` is not needed later; `read`
 * begins behind the scan's header.
 */
tc_jpeg_reduced *tc_jpeg_reduced_open(const struct jpeg_decompress_struct *cinfo, bool planes,
                                      tc_entropy_read *read, void *context);

/*
 * The next row of MCUs, as jpeg_read_raw_data has it: whole MCUs, each plane's rows at
 * `rows`. False when the file is not sound here: then libjpeg is to begin again.
 */
bool tc_jpeg_reduced_planes(tc_jpeg_reduced *reduced, const JSAMPARRAY rows[TC_PLANES]);

/* The next row of pixels, the same. */
bool tc_jpeg_reduced_pixels(tc_jpeg_reduced *reduced, JSAMPROW row);

/* Accepts NULL. */
void tc_jpeg_reduced_free(tc_jpeg_reduced *reduced);

#endif
