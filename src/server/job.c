/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

#include "accept.h"
#include "account.h"
#include "call.h"
#include "client.h"
#include "filter.h"
#include "handler.h"
#include "monitor.h"

#include "image/clock.h"

#include <http_log.h>

#include <apr_strings.h>

#include <errno.h>

APLOG_USE_MODULE(tmpfs_convert);

/* The layers of parameters: the configuration's and the URL's. */
static tc_error read_params(request_rec *r, tc_job *job)
{
    tc_params own;
    tc_error error = tc_call_read(r, &job->settings, &own, &job->fail);

    if (!error)
        error = tc_config_params(r, &own, &job->params, &job->fail);
    if (error)
        return error;
    job->negotiated = job->params.format == TC_FORMAT_AUTO;
    if (job->negotiated || job->settings.pattern_only || job->settings.secrets)
        tc_accept_reduce(r);
    return TC_E_OK;
}

int tc_job_before_cache(request_rec *r)
{
    tc_job job;

    if (r->handler && strcmp(r->handler, TC_HANDLER) == 0) {
        tc_config_settings(r, &job.settings);
        read_params(r, &job);
    }
    return DECLINED;
}

/* What the configuration says of how parameters are read and answered. */
static void apply_policy(const request_rec *r, tc_job *job)
{
    tc_params *params = &job->params;

    tc_params_settle(params, job->settings.compat);
    params->policy.serve_damaged = job->settings.damaged;
    params->policy.keep_copyright = job->settings.keep_copyright;
    /* mod_small_light's default. */
    if (job->settings.compat && params->format == TC_FORMAT_NONE && tc_filter_is_alias(r))
        params->format = TC_FORMAT_JPEG;
}

tc_error tc_job_begin(request_rec *r, tc_job *job)
{
    tc_params *params = &job->params;
    tc_error error;

    job->began = apr_time_now();
    tc_config_settings(r, &job->settings);
    error = read_params(r, job);
    if (error)
        return error;
    if (job->negotiated)
        params->format = tc_accept_format(r);
    apply_policy(r, job);
    if (!*params->icon || params->engine == TC_ENGINE_DUMMY)
        return TC_E_OK;
    job->icon = apr_pcalloc(r->pool, sizeof *job->icon);
    error = tc_source_open_material(r, job->icon, job->settings.material_dir, params->icon,
                                    &job->fail);
    params->policy.icon_size = (uint64_t)job->icon->info.size;
    params->policy.icon_time = (uint64_t)job->icon->info.mtime;
    return error;
}

tc_error tc_job_open(request_rec *r, tc_job *job, const tc_input *input,
                     const uint64_t *read_ns)
{
    tc_error error = tc_convert_open(r->pool, &job->pipeline, input, &job->params,
                                     &job->settings.limits, &job->fail);

    if (!error && job->icon && !tc_pipeline_outline(job->pipeline)->plan.pass)
        error = tc_pipeline_icon(job->pipeline, &job->icon->input);
    job->open_read_ns = *read_ns;
    return error;
}

/* A place among the conversions at work, owned by the request's pool. */
typedef struct place {
    tc_admission *admission;
    tc_ticket ticket;
} place;

static apr_status_t leave(void *data)
{
    place *place = data;

    tc_admission_leave(place->admission, &place->ticket);
    return APR_SUCCESS;
}

static tc_error refuse(tc_job *job, const tc_admission *admission, int error)
{
    char planned[5];
    tc_admission_now now;

    tc_admission_read(admission, &now);
    return tc_fail_set(&job->fail, TC_E_OVERLOAD,
                       "%u conversions are at work with %s and %u wait, %s", now.active,
                       apr_strfsize((apr_off_t)now.bytes, planned), now.queued + now.following,
                       error == EAGAIN ? "and the queue is full" : "and none ended in time");
}

tc_error tc_job_room(request_rec *r, tc_job *job)
{
    const tc_admission_limits *limits;
    tc_admission *admission = tc_config_admission(r->server, &limits);

    return tc_admission_full(admission, limits) ? refuse(job, admission, EAGAIN) : TC_E_OK;
}

/* Waited for if need be, as long as the client does. */
static tc_error admit(request_rec *r, tc_job *job, const tc_watch *watch, place *place)
{
    const tc_admission_limits *limits;
    tc_counters *counters = tc_monitor_counters(r->server);
    int error;

    place->admission = tc_config_admission(r->server, &limits);
    tc_gauge(counters, TC_NOW_QUEUED, 1);
    error = tc_admission_enter(place->admission, limits,
                               tc_pipeline_outline(job->pipeline)->plan.bytes, watch,
                               &place->ticket);
    tc_gauge(counters, TC_NOW_QUEUED, -1);
    if (error == 0)
        apr_pool_cleanup_register(r->pool, place, leave, apr_pool_cleanup_null);
    else if (error == ECANCELED)
        return job->fail.error; /* the watch's */
    return error ? refuse(job, place->admission, error) : TC_E_OK;
}

static tc_error convert(request_rec *r, tc_job *job, const tc_watch *watch, tc_spool **result,
                        tc_stats *stats)
{
    tc_counters *counters = tc_monitor_counters(r->server);
    const tc_fail *damage;
    tc_error error;

    tc_gauge(counters, TC_NOW_IN_PROGRESS, 1);
    error = tc_convert_run(r->pool, job->pipeline, tc_config_places(r->server),
                           (apr_size_t)job->settings.spool_memory, watch, result, stats,
                           &job->fail);
    tc_gauge(counters, TC_NOW_IN_PROGRESS, -1);
    damage = tc_pipeline_damage(job->pipeline);
    if (!error && damage)
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "TC0035: %s: damaged, and served as far as it can be decoded: %s",
                      r->filename ? r->filename : r->uri, damage->text);
    return error;
}

static void account_for(request_rec *r, tc_job *job, tc_account *account,
                        const uint64_t *read_ns, const tc_spool *result)
{
    if (job->began > r->request_time)
        account->queue_ns += (uint64_t)(job->began - r->request_time) * 1000;
    account->read_ns = *read_ns;
    account->read_run_ns = *read_ns - job->open_read_ns;
    account->result_bytes = (uint64_t)tc_spool_length(result);
    tc_account_conversion(r, account);
}

tc_error tc_job_run(request_rec *r, tc_job *job, const tc_input *input, const uint64_t *read_ns,
                    tc_spool **result, tc_stats *stats)
{
    tc_account account = {.outline = tc_pipeline_outline(job->pipeline),
                          .stats = stats,
                          .pattern = job->params.pattern,
                          .source_bytes = input->size};
    place *place = apr_pcalloc(r->pool, sizeof *place);
    uint64_t came = tc_clock_ns();
    tc_client client;
    tc_error error;

    tc_client_begin(&client, r, &job->fail);
    error = admit(r, job, &client.watch, place);
    if (!error) {
        account.queue_ns = tc_clock_ns() - came;
        tc_client_limit(&client, (unsigned)job->settings.timeout);
        error = convert(r, job, &client.watch, result, stats);
        if (!error)
            account_for(r, job, &account, read_ns, *result);
    }
    /* Its memory first, then the place it was planned for: sending may take long. */
    tc_convert_close(r->pool, job->pipeline);
    job->pipeline = NULL;
    apr_pool_cleanup_run(r->pool, place, leave);
    return error;
}
