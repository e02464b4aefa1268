/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sound baseline JPEG without libjpeg's decoder: the coefficients come from image/entropy,
 * and every sample is the same as libjpeg's. It takes half to three quarters of libjpeg's time.
 */
#ifndef TC_CODEC_JPEG_REDUCED_H
#define TC_CODEC_JPEG_REDUCED_H

#include "image/core/image.h"
#include "image/entropy/entropy.h"

#include <stdio.h>

#include <jpeglib.h>

typedef struct tc_jpeg_reduced tc_jpeg_reduced;

/*
 * By how much a file of this kind must be reduced at least, as a rule, for this to decode it:
 * 1, 2, 4 or 8; 0: it is not decoded here.
 */
unsigned tc_jpeg_reduced_from(const struct jpeg_decompress_struct *cinfo);

/* Bytes that it takes more than other decoders at most, for a file with restart markers. */
size_t tc_jpeg_reduced_bytes(const struct jpeg_decompress_struct *cinfo);

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
