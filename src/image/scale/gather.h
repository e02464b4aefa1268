/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The horizontal pass over bytes for processors with AVX-512's byte permutation and dot
 * products: the weights of sixteen output samples are laid out once a picture, so that a row
 * takes no sums across a vector. The results are those of tc_scale_ops.horizontal_bytes.
 */
#ifndef TC_GATHER_H
#define TC_GATHER_H

#include "base/error.h"
#include "ops.h"

typedef struct tc_gather tc_gather;

/*
 * `*gather` is NULL where the processor has no such instructions, or the weights do not fit: an
 * output's that are not a multiple of four, that are over 16319, or sixteen outputs' of which
 * four each lie in more than 128 bytes, which is about eight bytes of the row for an output.
 * `weights` are not needed later. TC_E_NO_MEMORY is the one error.
 */
tc_error tc_gather_make(tc_gather **gather, const tc_weights *weights, unsigned channels);

/* One row: weights->count pixels of `channels` samples. */
void tc_gather_row(const tc_gather *gather, int16_t *to, const uint8_t *from);

/* The memory that it takes, at most, for `samples` of the output with `per_sample` weights
 * each. */
uint64_t tc_gather_bytes(uint64_t samples, uint64_t per_sample);

/* Accepts NULL. */
void tc_gather_free(tc_gather *gather);

#endif
