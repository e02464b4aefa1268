/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline that belongs to a pool, and is run into a spool. */
#ifndef TC_SPOOLED_PIPELINE_H
#define TC_SPOOLED_PIPELINE_H

#include "image/pipeline/pipeline.h"
#include "temp/spool.h"

/*
 * Run `pipeline` into a new spool of `pool`, which holds up to `threshold` bytes
 * in memory before it takes a file in `temp_config`. `cancel` may end it. After an error
 * nothing is held any more, the pipeline aside.
 */
tc_error tc_spooled_pipeline_run(apr_pool_t *pool, tc_pipeline *pipeline,
                                 const tc_temp_config *temp_config, apr_size_t threshold,
                                 const tc_cancel *cancel, tc_spool **result, tc_stats *stats,
                                 tc_fail *fail);

/* tc_pipeline_open, the pipeline belonging to `pool`. */
tc_error tc_spooled_pipeline_open(apr_pool_t *pool, tc_pipeline **pipeline,
                                  const tc_input *input, const tc_params *params,
                                  const tc_limits *limits, tc_fail *fail);

/* The error that a failure of a spool is to the client. */
tc_error tc_spooled_pipeline_error(apr_status_t status);

/* Free a pipeline of tc_spooled_pipeline_open before its pool goes. */
void tc_spooled_pipeline_close(apr_pool_t *pool, tc_pipeline *pipeline);

#endif
