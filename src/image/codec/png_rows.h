/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a PNG that has neither interlace nor anything to expand, past
 * libpng: the IDAT chunks are inflated some rows at a time and the rows' filters
 * undone by the fastest code there is. Distributions build libpng without its SIMD
 * filters for x86, which are two fifths of its time on photographs.
 *
 * The chunks' CRC-32 guards the pixels, as in libpng; zlib's own checksum over the
 * same bytes is not computed. A file whose last chunk of pixels is short or wrong is
 * damaged even when all rows could be had. What another inflater than zlib takes for
 * damaged is read again by zlib, whose word counts.
 */
#ifndef TC_CODEC_PNG_ROWS_H
#define TC_CODEC_PNG_ROWS_H

#include "codec.h"
#include "png_inflate.h"

typedef struct tc_png_rows tc_png_rows;

/* Wider pictures are libpng's. */
#define TC_PNG_ROWS_WIDTH (1u << 24)

/* What is read, and how. */
typedef struct tc_png_rows_want {
    uint64_t offset; /* where the first IDAT chunk's length stands */
    uint32_t width;  /* in pixels, at most TC_PNG_ROWS_WIDTH */
    uint32_t height;
    unsigned step; /* bytes of a pixel, 1 to 4 */
    const tc_png_inflater *inflater;
    const tc_cancel *cancel; /* where rows are inflated again; may be NULL */
} tc_png_rows_want;

/* `input`, `cancel` and `fail` are borrowed until tc_png_rows_free. */
tc_error tc_png_rows_open(tc_png_rows **rows, const tc_input *input,
                          const tc_png_rows_want *want, tc_fail *fail);

/* The next rows, at least one; never called past the last row. */
tc_error tc_png_rows_next(tc_png_rows *rows, tc_strip *strip);

/* Accepts NULL. */
void tc_png_rows_free(tc_png_rows *rows);

#endif
