/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A streaming separable resampler for one plane: rows in from the top, rows out
 * from the top, and no more rows held than one output row needs.
 *
 * Downscaling uses Lanczos-3, the kernel stretched by the factor so that it
 * covers every source sample (Turkowski, "Filters for Common Resampling Tasks",
 * 1990); upscaling uses the Catmull-Rom cubic (Mitchell and Netravali 1988, B=0,
 * C=1/2), which is exact at a factor of one. Weights are normalised to an exact
 * sum, so flat colour stays flat; taps outside the window are left out, not
 * mirrored, so no pixel outside the window bleeds in. With alpha, colour is
 * premultiplied before and divided after.
 */
#ifndef TC_RESAMPLE_H
#define TC_RESAMPLE_H

#include "error.h"
#include "image.h"

/*
 * One axis: `from`..`to` (in source samples, may be fractional, within 0..limit)
 * is mapped to `size` samples, of which [first, first+count) are wanted.
 */
typedef struct tc_axis {
    double from, to;
    uint32_t limit; /* source samples there are */
    uint32_t size;
    uint32_t first, count;
} tc_axis;

typedef struct tc_resample tc_resample;

/*
 * Make a resampler for rows of `channels` interleaved 8-bit samples, 1..4; with
 * `alpha` the last is straight alpha. TC_E_NO_MEMORY is the one error.
 */
tc_error tc_resample_create(tc_resample **resample, const tc_axis *x, const tc_axis *y,
                            uint8_t channels, bool alpha);

/* Whether the next output row can be had without another source row. */
bool tc_resample_ready(const tc_resample *resample);

/* Put the next source row: `x.limit` pixels. Rows that no output needs cost nothing. */
void tc_resample_put(tc_resample *resample, const uint8_t *row);

/* Get the next output row, `x.count` pixels. Only when ready; `y.count` times. */
void tc_resample_get(tc_resample *resample, uint8_t *row);

/* The memory tc_resample_create would take for these axes, in bytes. */
uint64_t tc_resample_bytes(const tc_axis *x, const tc_axis *y, uint8_t channels);

/* Accepts NULL. */
void tc_resample_free(tc_resample *resample);

#endif
