/* SPDX-License-Identifier: Apache-2.0 */
#include "handler.h"

#include "account.h"
#include "config.h"
#include "convert.h"
#include "monitor.h"
#include "respond.h"
#include "source.h"
#include "url.h"

#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>

APLOG_USE_MODULE(tmpfs_convert);

typedef struct job {
    tc_settings settings;
    tc_params params;
    tc_source source;
    tc_pipeline *pipeline;
    tc_fail fail;
} job;

static void log_unknown(void *context, const char *key, size_t length)
{
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, (request_rec *)context,
                  "there is no parameter '%.*s'; it is ignored", (int)length, key);
}

/* All layers of parameters as one. */
static tc_error read_params(request_rec *r, job *job)
{
    const tc_call *call = tc_url_call(r);
    tc_params own;
    tc_error error;

    if (!call)
        return tc_config_params(r, NULL, &job->params, &job->fail);
    tc_params_init(&own);
    error = tc_params_parse(&own, call->text, strlen(call->text), log_unknown, r, &job->fail);
    return error ? error : tc_config_params(r, &own, &job->params, &job->fail);
}

/* The work itself, on the gauge of what is under way. */
static tc_error run(request_rec *r, job *job, tc_spool **result, tc_stats *stats)
{
    tc_counters *counters = tc_monitor_counters(r->server);
    tc_error error;

    tc_gauge(counters, TC_NOW_IN_PROGRESS, 1);
    error = tc_convert_run(r->pool, job->pipeline, tc_config_places(r->server),
                           (apr_size_t)job->settings.spool_memory, result, stats, &job->fail);
    tc_gauge(counters, TC_NOW_IN_PROGRESS, -1);
    return error;
}

static int convert(request_rec *r, job *job, apr_time_t began, apr_time_t opened)
{
    tc_spool *result;
    tc_stats stats;
    tc_account account = {.outline = tc_pipeline_outline(job->pipeline),
                          .stats = &stats,
                          .pattern = job->params.pattern,
                          .source_bytes = (uint64_t)job->source.info.size};
    uint64_t read_before = job->source.read_ns;

    if (began > r->request_time)
        account.queue_ns = (uint64_t)(began - r->request_time) * 1000;
    if (run(r, job, &result, &stats))
        return tc_respond_error(r, &job->fail);
    account.read_ns = job->source.read_ns;
    account.read_run_ns = job->source.read_ns - read_before;
    account.result_bytes = (uint64_t)tc_spool_length(result);
    tc_account_conversion(r, &account);
    tc_convert_close(r->pool, job->pipeline);
    apr_file_close(job->source.file);
    if (job->params.info)
        tc_respond_description(r, &stats, began, opened);
    return tc_respond_result(r, result);
}

/* From parameters to the answer, each step ending the request when it must. */
static int serve(request_rec *r, job *job)
{
    apr_time_t began = apr_time_now(), opened;
    int status;

    if (read_params(r, job))
        return tc_respond_error(r, &job->fail);
    if (job->params.engine == TC_ENGINE_DUMMY)
        return DECLINED; /* the file as it is, by whoever serves files */
    status = tc_source_open(r, &job->source);
    if (status == OK)
        status = tc_respond_validators(r, &job->source.info, &job->params);
    if (status != OK)
        return status;
    if (tc_convert_open(r->pool, &job->pipeline, &job->source.input, &job->params,
                        &job->settings.limits, &job->fail))
        return tc_respond_error(r, &job->fail);
    tc_respond_format(r, tc_pipeline_outline(job->pipeline)->target);
    opened = apr_time_now();
    /* A length would take the conversion; no header but X-SmallLight-Description is worth it.
     */
    if (r->header_only && !job->params.info)
        return OK;
    return convert(r, job, began, opened);
}

int tc_handler(request_rec *r)
{
    job *job;

    if (!r->handler || strcmp(r->handler, TC_HANDLER) != 0)
        return DECLINED;
    if (r->method_number == M_OPTIONS)
        return DECLINED;
    ap_allow_standard_methods(r, MERGE_ALLOW, M_GET, -1);
    if (r->method_number != M_GET)
        return HTTP_METHOD_NOT_ALLOWED;
    job = apr_pcalloc(r->pool, sizeof *job);
    tc_config_settings(r, &job->settings);
    if (tc_url_call(r) && !job->settings.enabled) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "TC0014: %s: TmpfsConvert is Off where the original lies", r->filename);
        return HTTP_FORBIDDEN;
    }
    return serve(r, job);
}
