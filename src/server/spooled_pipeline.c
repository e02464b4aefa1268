/* SPDX-License-Identifier: Apache-2.0 */
#include "spooled_pipeline.h"

typedef struct spool_sink {
    tc_spool *spool;
    tc_fail *fail;
} spool_sink;

tc_error tc_spooled_pipeline_error(apr_status_t status)
{
    if (APR_STATUS_IS_ENOSPC(status))
        return TC_E_NO_SPACE;
    if (status == TC_SPOOL_CLIENT_FULL)
        return TC_E_CLIENT_SHARE;
    if (APR_STATUS_IS_ENOMEM(status))
        return TC_E_NO_MEMORY;
    return APR_STATUS_IS_EMFILE(status) || APR_STATUS_IS_ENFILE(status) ? TC_E_NO_FILES
                                                                        : TC_E_WRITE;
}

static tc_error write_spool(void *context, const void *data, size_t length)
{
    spool_sink *sink = context;
    apr_status_t status = tc_spool_write(sink->spool, data, length);

    if (status == APR_SUCCESS)
        return TC_E_OK;
    return tc_fail_set(sink->fail, tc_spooled_pipeline_error(status), "%s",
                       tc_spool_reason(sink->spool));
}

static apr_status_t cleanup_pipeline(void *pipeline)
{
    tc_pipeline_free(pipeline);
    return APR_SUCCESS;
}

tc_error tc_spooled_pipeline_open(apr_pool_t *pool, tc_pipeline **pipeline,
                                  const tc_input *input, const tc_params *params,
                                  const tc_limits *limits, tc_fail *fail)
{
    tc_error error = tc_pipeline_open(pipeline, input, params, limits, fail);

    if (!error)
        apr_pool_cleanup_register(pool, *pipeline, cleanup_pipeline, apr_pool_cleanup_null);
    return error;
}

void tc_spooled_pipeline_close(apr_pool_t *pool, tc_pipeline *pipeline)
{
    apr_pool_cleanup_run(pool, pipeline, cleanup_pipeline);
}

tc_error tc_spooled_pipeline_run(apr_pool_t *pool, tc_pipeline *pipeline,
                                 const tc_temp_config *temp_config, apr_size_t threshold,
                                 const tc_cancel *cancel, tc_spool **result, tc_stats *stats,
                                 tc_fail *fail)
{
    spool_sink sink = {tc_spool_create(pool, temp_config, threshold), fail};
    tc_output output = {write_spool, &sink};
    tc_error error = tc_pipeline_run(pipeline, &output, cancel, stats);

    if (error)
        tc_spool_close(sink.spool);
    *result = sink.spool;
    return error;
}
