/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A streaming separable resampler for one plane: rows in from the top, rows out
 * from the top, and no more rows held than one output row needs.
 *
 * Downscaling uses Lanczos-3, the kernel stretched by the factor so that it
 * covers every source sample (Turkowski, "Filters for Common Resampling Tasks",
 * 1990); upscaling uses the Catmull-Rom cubic (Mitchell and Netravali 1988, B=0,
 * C=1/2), which is exact at a factor of one. Weights are normalised to an exact
 * sum, so flat colour stays flat; weights outside the window are left out, not
 * mirrored, so no pixel outside the window bleeds in. With alpha, colour is
 * premultiplied before and divided after.
 */
#ifndef TC_RESAMPLE_H
#define TC_RESAMPLE_H

#include "base/error.h"
#include "image/core/image.h"

/*
 * One axis: `from`..`to` (in source samples, may be fractional, within 0..limit)
 * is mapped to `size` samples, of which `count` from `first` on are wanted. Planes
 * of less resolution than the picture have a size and a beginning in halves, and
 * their first or last wanted sample may lie partly outside what is wanted.
 */
typedef struct tc_axis {
    double from, to;
    uint32_t limit; /* source samples there are */
    double size, first;
    uint32_t count;
    double cut; /* how much of the last sample lies outside; negative: of the first */
} tc_axis;

typedef struct tc_resample tc_resample;

/*
 * Make a resampler for rows of `channels` interleaved 8-bit samples, 1..4; with
 * `alpha` the last is straight alpha. TC_E_NO_MEMORY is the one error.
 */
tc_error tc_resample_create(tc_resample **resample, const tc_axis *x, const tc_axis *y,
                            uint8_t channels, bool alpha);

/*
 * Another one for the same axes and channels, without alpha. It uses the weights
 * of `like`, which must outlive it. TC_E_NO_MEMORY is the one error.
 */
tc_error tc_resample_create_like(tc_resample **resample, const tc_resample *like);

/* Source rows that must be in before output row `out` and those above it can come out. */
uint32_t tc_resample_needs(const tc_resample *resample, uint32_t out);

/*
 * Let `ahead` more source rows be written than the next output row needs; before the
 * first is written. TC_E_NO_MEMORY is the one error.
 */
tc_error tc_resample_reserve(tc_resample *resample, uint32_t ahead);

/* Whether the next output row can be had without another source row. */
bool tc_resample_ready(const tc_resample *resample);

/* Write the next source row: `x.limit` pixels. Rows that no output needs cost nothing. */
void tc_resample_write_row(tc_resample *resample, const uint8_t *row);

/* Read the next output row, `x.count` pixels. Only when ready; `y.count` times. */
void tc_resample_read_row(tc_resample *resample, uint8_t *row);

/* The memory tc_resample_create would take for these axes, in bytes. */
uint64_t tc_resample_bytes(const tc_axis *x, const tc_axis *y, uint8_t channels);

/* Accepts NULL. */
void tc_resample_free(tc_resample *resample);

#endif
