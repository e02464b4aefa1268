/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resampling filters as tables: which source samples each output sample of an
 * axis is made of, with what weights. resample.h says which filters and why.
 */
#ifndef TC_TAPS_H
#define TC_TAPS_H

#include "base/error.h"
#include "kernel.h"
#include "resample.h"

/*
 * Make the table of `axis`, its taps a multiple of `step` where the axis has room:
 * kernels take that many at a time, and the rest one by one. tc_taps_free is due
 * whatever comes. TC_E_NO_MEMORY is the one error.
 * Both tables of 1600x1200 to 300x300 take 0.02 ms, a thumbnail's 0.007: under half a
 * percent of those conversions, so none are kept from one picture to the next.
 */
tc_error tc_taps_make(tc_taps *taps, const tc_axis *axis, uint32_t step);

/* Frees what it holds, not `taps`. */
void tc_taps_free(tc_taps *taps);

/* The weights an output sample of `axis` may have at most. */
uint32_t tc_taps_most(const tc_axis *axis);

/* The source samples that any wanted one is made of: `*count` from `*first` on. */
void tc_taps_span(const tc_axis *axis, uint32_t *first, uint32_t *count);

#endif
