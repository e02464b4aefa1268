/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversion from encoded bytes to encoded bytes, and the only loop that
 * pumps rows: each row of the output pulls what it needs through canvas, orientation,
 * resampler and decoder, so no more than those rooms must is held.
 */
#ifndef TC_PIPELINE_H
#define TC_PIPELINE_H

#include "image/codec/codec.h"
#include "image/scale/geometry.h"
#include "image/params/params.h"

/* Part of every validator: raise it whenever the bytes of an output change. */
#define TC_ENGINE_VERSION "6"

typedef struct tc_pipeline tc_pipeline;

/* What is known once the header is read and before anything large is allocated. */
typedef struct tc_outline {
    tc_image_info info;
    const tc_codec *source, *target;
    tc_plan plan;
} tc_outline;

/* Where the time of a run went, in nanoseconds. Reading is part of decode, writing of encode.
 */
typedef struct tc_stats {
    uint64_t decode_ns, resample_ns, encode_ns;
} tc_stats;

/*
 * Read the header of `input` and plan what `params` ask for within `limits`. The input's
 * `cancel` is checked meanwhile, and may end it. `input` and `fail` are borrowed until
 * tc_pipeline_free; `params` is copied. On an error *pipeline is NULL and `fail` says why.
 */
tc_error tc_pipeline_open(tc_pipeline **pipeline, const tc_input *input,
                          const tc_params *params, const tc_limits *limits, tc_fail *fail);

/*
 * The icon that the parameters name, to be laid over the output; once, before the run.
 * `icon` is borrowed until tc_pipeline_free. What is wrong with it is TC_E_ICON.
 */
tc_error tc_pipeline_icon(tc_pipeline *pipeline, const tc_input *icon);

const tc_outline *tc_pipeline_outline(const tc_pipeline *pipeline);

/*
 * Convert into `output`; once a pipeline. `client` and `stats` may be NULL. Ends with
 * TC_E_TOO_COSTLY when it takes more processor time than the limits allow.
 */
tc_error tc_pipeline_run(tc_pipeline *pipeline, const tc_output *output,
                         const tc_cancel *client, tc_stats *stats);

/* After the run: what damage the picture has that the policy let pass, or NULL. */
const tc_fail *tc_pipeline_damage(const tc_pipeline *pipeline);

/* Accepts NULL. */
void tc_pipeline_free(tc_pipeline *pipeline);

#endif
