/* SPDX-License-Identifier: Apache-2.0 */
#include "handler.h"

#include "accept.h"
#include "job.h"
#include "once.h"
#include "respond.h"
#include "source.h"
#include "url.h"

#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>

APLOG_USE_MODULE(tmpfs_convert);

/* What a half-written original looks like is not its fault, nor for long. */
static int refuse(request_rec *r, tc_job *job, const tc_source *source)
{
    if (tc_source_changed(source))
        tc_fail_set(&job->fail, TC_E_CHANGED, "%s", tc_error_text(TC_E_CHANGED));
    return tc_respond_error(r, &job->fail);
}

static int convert(request_rec *r, tc_job *job, tc_source *source, apr_time_t opened)
{
    tc_spool *result;
    tc_stats stats;

    if (tc_job_run(r, job, &source->read_ns, &result, &stats) || tc_source_changed(source))
        return refuse(r, job, source);
    apr_file_close(source->file);
    if (job->params.info)
        tc_respond_description(r, &stats, job->began, opened);
    return tc_respond_result(r, result);
}

/* Only the header of the answer is wanted; its length would take the conversion, which no
   header but X-SmallLight-Description is worth. */
static bool only_header(const request_rec *r, const tc_job *job)
{
    return r->header_only && !job->params.info;
}

/* There is no place for it, and every answer to it takes one: the original need not be opened.
   Under overload most requests end here, and what they cost is taken from the others. */
static bool is_refused(request_rec *r, tc_job *job)
{
    return r->finfo.filetype == APR_REG && !(r->path_info && *r->path_info) &&
           !tc_once_is_conditional(r) && tc_job_room(r, job, (uint64_t)r->finfo.size);
}

static tc_error open_picture(request_rec *r, tc_job *job, tc_source *source)
{
    return tc_job_open(r, job, &source->input, &source->read_ns);
}

/* The once hook may wait for another request; nothing that waits holds a place. */
static int ask_once(request_rec *r, tc_job *job)
{
    if (tc_once_is_conditional(r))
        tc_job_close(r, job);
    return tc_once_changed(r);
}

/* From parameters to the answer, each step ending the request when it must. */
static int serve(request_rec *r, tc_job *job, tc_source *source)
{
    int status;

    if (is_refused(r, job))
        return tc_respond_error(r, &job->fail);
    status = tc_source_open(r, source);
    if (status != OK)
        return status;
    /* Whose validators they are takes a look at the picture. */
    if (job->params.pass != TC_PASS_NONE) {
        if (open_picture(r, job, source))
            return refuse(r, job, source);
        if (tc_pipeline_outline(job->pipeline)->plan.pass) {
            tc_job_close(r, job);
            apr_file_close(source->file);
            return DECLINED;
        }
    }
    if (job->negotiated)
        tc_accept_vary(r);
    status = tc_respond_validators(r, &source->info, &job->params);
    if (status != OK) {
        tc_job_close(r, job);
        return status == HTTP_NOT_MODIFIED ? tc_respond_unchanged(r) : status;
    }
    status = ask_once(r, job);
    if (status != DECLINED)
        return status;
    if (!job->pipeline && open_picture(r, job, source))
        return refuse(r, job, source);
    tc_respond_format(r, tc_pipeline_outline(job->pipeline)->target);
    if (only_header(r, job)) {
        tc_job_close(r, job);
        return OK;
    }
    return convert(r, job, source, apr_time_now());
}

int tc_handler(request_rec *r)
{
    tc_job *job;
    tc_error error;

    if (!r->handler || strcmp(r->handler, TC_HANDLER) != 0)
        return DECLINED;
    if (r->method_number == M_OPTIONS)
        return DECLINED;
    ap_allow_standard_methods(r, MERGE_ALLOW, M_GET, -1);
    if (r->method_number != M_GET)
        return HTTP_METHOD_NOT_ALLOWED;
    job = apr_pcalloc(r->pool, sizeof *job);
    error = tc_job_begin(r, job);
    if (tc_url_is_function(r) && !job->settings.enabled) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "TC0014: %s: TmpfsConvert is Off where the original lies", r->filename);
        return HTTP_FORBIDDEN;
    }
    if (error)
        return tc_respond_error(r, &job->fail);
    if (job->params.engine == TC_ENGINE_DUMMY)
        return DECLINED; /* the file as it is, by whoever serves files; so with pt, above */
    return serve(r, job, apr_pcalloc(r->pool, sizeof(tc_source)));
}
