/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters, source size and orientation become a plan: what to decode, how
 * far to reduce it, where it lands. Arithmetic only; nothing is allocated.
 */
#ifndef TC_GEOMETRY_H
#define TC_GEOMETRY_H

#include "base/error.h"
#include "image/core/image.h"
#include "image/params/params.h"

/* Bounds that hold before anything is allocated. 0 means no bound. */
typedef struct tc_limits {
    uint64_t max_source;                 /* encoded bytes */
    uint64_t max_pixels;                 /* of the source picture */
    uint32_t max_output_w, max_output_h; /* of the output, pixels */
    uint32_t max_radius, max_sigma;      /* of Gaussians, pixels */
    uint64_t max_output_pixels;          /* of the output */
    uint64_t max_memory;                 /* bytes, planned for one conversion */
    uint64_t max_cost_ns; /* of one processor: as planned, and as taken while it runs */
    bool library;         /* decode by the formats' libraries alone, to compare with */
    /* What the operator sets these with, for messages; NULL: not named. */
    const char *output_by, *memory_by, *cost_by;
} tc_limits;

/*
 * `source`, `scaled` and `visible` are in the source's stored orientation;
 * `picture_*`, `output_*` and `offset_*` are upright, as the viewer sees them.
 */
typedef struct tc_plan {
    uint8_t orientation;           /* 1..8, what the output needs, with `angle` */
    bool pass;                     /* pt: the source is to go out as it is, nothing is done */
    tc_rect source;                /* pixels of the full source that are used */
    unsigned reduce;               /* 1, 2, 4 or 8: the decoder's own reduction */
    uint32_t scaled_w, scaled_h;   /* size `source` is resampled to */
    tc_rect visible;               /* the part of the scaled picture that is in the output */
    uint32_t picture_w, picture_h; /* `visible`, upright */
    bool canvas;
    uint32_t output_w, output_h;
    uint32_t offset_x, offset_y; /* where the visible part's corner lies in the output */
    bool empty;       /* nothing of the picture is visible: the output is all canvas */
    uint64_t pixels;  /* to decode, at the reduced size */
    uint64_t bytes;   /* upper estimate of the conversion's memory */
    uint64_t cost_ns; /* estimate of its processor time: cost.h */
} tc_plan;

/*
 * Make the plan. TC_E_PARAM when the source rectangle lies outside the picture or a
 * Gaussian is over its limit, TC_E_PIXELS_TOO_MANY and TC_E_OUTPUT_TOO_LARGE when a limit is
 * passed, TC_E_SIZE when `as` is not one that `sizes` makes of the picture.
 */
tc_error tc_plan_make(tc_plan *plan, const tc_params *params, const tc_image_info *info,
                      const tc_limits *limits, tc_fail *fail);

/* Check a header's size alone against the limits; tc_plan_make does this too. */
tc_error tc_limits_check(const tc_limits *limits, const tc_image_info *info, tc_fail *fail);

#endif
