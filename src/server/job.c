/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

#include "accept.h"
#include "account.h"
#include "call.h"
#include "converters.h"
#include "filter.h"
#include "loglimit.h"
#include "request.h"
#include "url.h"

#include <http_log.h>

APLOG_USE_MODULE(tmpfs_convert);

static bool bounds_conversions(const tc_settings *settings)
{
    return settings->pattern_only || settings->secrets;
}

/* The layers of parameters: the configuration's and the URL's. */
static tc_error read_params(request_rec *r, tc_job *job)
{
    tc_params own;
    tc_error error = tc_call_read(r, job->settings, &own, &job->fail);

    if (!error)
        error = tc_config_params(r, &own, &job->params, &job->fail);
    if (error)
        return error;
    job->negotiated = job->params.format == TC_FORMAT_AUTO;
    /* A page with a query of its own is asked for with what the client accepts. */
    if (bounds_conversions(job->settings) ? tc_url_may_be_picture(r)
                                          : job->negotiated && tc_url_is_picture(r))
        tc_accept_reduce(r);
    return TC_E_OK;
}

/* What the configuration says of how parameters are read and answered. */
static void apply_policy(const request_rec *r, tc_job *job)
{
    tc_params *params = &job->params;

    tc_params_resolve(params, job->settings->compat);
    params->policy.serve_damaged = job->settings->damaged;
    params->policy.keep_copyright = job->settings->keep_copyright;
    /* mod_small_light's default. */
    if (job->settings->compat && params->format == TC_FORMAT_NONE && tc_filter_is_alias(r))
        params->format = TC_FORMAT_JPEG;
}

tc_error tc_job_begin(request_rec *r, tc_job *job)
{
    tc_params *params = &job->params;
    tc_error error;

    job->began = apr_time_now();
    job->settings = tc_config_settings(r);
    error = read_params(r, job);
    if (error)
        return error;
    if (job->negotiated)
        params->format = tc_accept_format(r);
    apply_policy(r, job);
    if (!*params->icon || params->engine == TC_ENGINE_DUMMY)
        return TC_E_OK;
    job->icon = apr_pcalloc(r->pool, sizeof *job->icon);
    error = tc_source_open_material(r, job->icon, job->settings->material_dir, params->icon,
                                    &job->fail);
    params->policy.icon_size = (uint64_t)job->icon->info.size;
    params->policy.icon_time = (uint64_t)job->icon->info.mtime;
    return error;
}

/* Of what kind it is says only what is charged for a place. */
tc_error tc_job_room(request_rec *r, tc_job *job)
{
    tc_asker asker = tc_admit_asker(r, NULL, 0);

    return tc_admit_room(r, &asker, &job->fail);
}

/* The header, with the place held, within the bound of time that begins here. */
static tc_error read_header(request_rec *r, tc_job *job)
{
    tc_error error;

    tc_client_cancel_limit(&job->client, (unsigned)job->settings->timeout);
    job->want = (tc_conversion_want){
        .source = &job->original,
        .icon = job->icon ? &job->icon->original : NULL,
        .params = &job->params,
        .limits = &job->settings->limits,
        .cancel = &job->client.cancel,
        .converters = tc_converters_pool(r->server),
        .or_here = !tc_converters_wanted(r->server),
        .go_bytes = job->whole ? job->slot.held : 0,
        .ends_ns = job->client.ends_ns,
        .seconds = job->client.seconds,
    };
    error = tc_conversion_open(r->pool, &job->conversion, &job->want, &job->fail);
    job->open_read_ns = *job->original.read_ns;
    return error;
}

tc_error tc_job_open(request_rec *r, tc_job *job, const tc_original *original)
{
    tc_asker asker = tc_admit_asker(r, tc_request_canonical(r), original->input.size);
    tc_error error;

    tc_client_cancel_begin(&job->client, r, &job->fail);
    job->original = *original;
    job->original.input.cancel = &job->client.cancel;
    if (job->icon)
        job->icon->original.input.cancel = &job->client.cancel;
    error = tc_admit_enter(r, &job->slot, &asker, &job->client.cancel, &job->fail);
    if (!error)
        error = read_header(r, job);
    if (error)
        tc_job_close(r, job);
    return error;
}

void tc_job_close(request_rec *r, tc_job *job)
{
    if (job->conversion)
        tc_conversion_close(job->conversion);
    job->conversion = NULL;
    tc_admit_leave(r, &job->slot);
}

/*
 * The plan's memory in place of the header's. Where that is not free now, nothing of the
 * picture is held while it waits: the header is read again, with the whole of the plan's
 * memory. Again, because the file may be another one's by then.
 */
static tc_error weigh(request_rec *r, tc_job *job)
{
    for (;;) {
        uint64_t bytes = tc_conversion_summary(job->conversion)->plan_bytes;
        bool fits;
        tc_error error = tc_admit_weigh(r, &job->slot, bytes, &fits, &job->fail);

        if (error || fits)
            return error;
        tc_job_close(r, job);
        tc_client_cancel_limit(&job->client, 0);
        error = tc_admit_again(r, &job->slot, bytes, &job->client.cancel, &job->fail);
        if (!error)
            error = read_header(r, job);
        if (error)
            return error;
    }
}

static tc_error convert(request_rec *r, tc_job *job, tc_spool **result, tc_stats *stats)
{
    const tc_fail *damage;
    tc_error error = tc_conversion_run(job->conversion, tc_client_temp(r),
                                       (apr_size_t)job->settings->spool_memory, result, stats);

    damage = tc_conversion_damage(job->conversion);
    if (!error && damage && tc_log_allows(r, APLOG_WARNING))
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "TC0035: %s: damaged, served as far as it can be decoded: %s",
                      tc_log_name(r), damage->text);
    return error;
}

static void account_for(request_rec *r, tc_job *job, const tc_stats *stats,
                        const tc_spool *result)
{
    uint64_t read_ns = *job->original.read_ns;
    tc_account account = {.summary = tc_conversion_summary(job->conversion),
                          .stats = stats,
                          .pattern = job->params.pattern,
                          .queue_ns = job->slot.waited_ns,
                          .read_ns = read_ns,
                          .read_run_ns = read_ns - job->open_read_ns,
                          .source_bytes = job->original.input.size,
                          .result_bytes = (uint64_t)tc_spool_length(result)};

    if (job->began > r->request_time)
        account.queue_ns += (uint64_t)(job->began - r->request_time) * 1000;
    tc_account_conversion(r, &account);
}

tc_error tc_job_run(request_rec *r, tc_job *job, tc_spool **result, tc_stats *stats)
{
    tc_error error = weigh(r, job);

    if (!error)
        error = convert(r, job, result, stats);
    if (!error)
        account_for(r, job, stats, *result);
    /* Before the response is sent, which may take long. */
    tc_job_close(r, job);
    return error;
}
