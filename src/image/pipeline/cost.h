/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a conversion will take of a processor and of memory, estimated from its header, plan
 * and parameters before anything is decoded, and what happens when that is too much.
 *
 * Times are nanoseconds of one processor, for detailed pictures: noise takes up to twice
 * as much to encode, drawings less. The constants are measured
 * (t/unit/test_cost.c); a processor half as fast takes twice the estimate.
 */
#ifndef TC_COST_H
#define TC_COST_H

#include "image/codec/codec.h"
#include "image/scale/geometry.h"
#include "image/params/params.h"

/* A whole conversion. */
typedef struct tc_cost_case {
    const tc_image_info *info;
    const tc_codec *target;
    const tc_params *params;
    tc_encode_spec spec; /* the model is the canvas's */
    bool direct;         /* nothing is laid on a canvas */
    uint64_t source_bytes;
} tc_cost_case;

/* Add to plan->bytes what effects, colour and encoder hold; set plan->cost_ns. */
void tc_cost_add(tc_plan *plan, const tc_cost_case *of);

/* TC_E_TOO_COSTLY when the plan is over the limits; the text names the limit. */
tc_error tc_cost_check(const tc_plan *plan, const tc_limits *limits, tc_fail *fail);

#endif
