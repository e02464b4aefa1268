/* SPDX-License-Identifier: Apache-2.0 */
#include "handler.h"

#include "accept.h"
#include "cache.h"
#include "conditions.h"
#include "job.h"
#include "loglimit.h"
#include "coalesce.h"
#include "source_headers.h"
#include "request.h"
#include "respond.h"
#include "source.h"
#include "upstream.h"
#include "url.h"

#include <http_log.h>
#include <mod_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include <apr_strings.h>

APLOG_USE_MODULE(tmpfs_convert);

/* What a half-written source looks like is not its fault, nor for long. */
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

    if (tc_job_run(r, job, &result, &stats) || tc_source_changed(source))
        return refuse(r, job, source);
    apr_file_close(source->file);
    if (job->params.info)
        tc_respond_description(r, &stats, job->began, opened);
    return tc_respond_result(r, result);
}

/* Only the header of the response is wanted; its length would take the conversion, which no
   header but X-SmallLight-Description is worth. */
static bool only_header(const request_rec *r, const tc_job *job)
{
    return r->header_only && !job->params.info;
}

/* There is no place for it, and every response to it takes one: the source need not be opened.
   Under overload most requests end here, and what they cost is taken from the others. */
static bool is_refused(request_rec *r, tc_job *job)
{
    return r->finfo.filetype == APR_REG && !(r->path_info && *r->path_info) &&
           !tc_coalesce_is_conditional(r) && tc_job_room(r, job);
}

static tc_error open_picture(request_rec *r, tc_job *job, tc_source *source)
{
    return tc_job_open(r, job, &source->original);
}

/* The coalescing hook may wait for another request; nothing that waits holds a place. */
static int coalesce_changed(request_rec *r, tc_job *job)
{
    if (tc_coalesce_is_conditional(r))
        tc_job_close(r, job);
    return tc_coalesce_changed(r);
}

/* A file of no known type, and a query that may be a page's own. */
static bool may_be_none(const request_rec *r)
{
    const tc_call *call = tc_url_call(r);

    return call && call->kind == TC_CALL_QUERY && !r->content_type;
}

static bool is_written(const char *type)
{
    for (int format = TC_FORMAT_NONE + 1; format < TC_FORMATS; format++) {
        const tc_codec *codec = tc_codec_find((tc_format)format);

        if (codec && codec->encode_open && strcasecmp(codec->mime, type) == 0)
            return true;
    }
    return false;
}

/* Whether only the picture's header tells the format of the response, by which modules set
   headers of a 304 too: of a source that is read and not written, as GIF. */
static bool is_target_open(const request_rec *r, const tc_job *job)
{
    return job->params.format == TC_FORMAT_NONE && tc_coalesce_is_conditional(r) &&
           !(r->content_type && is_written(r->content_type));
}

/* From parameters to the response, each step ending the request when it must. */
static int serve(request_rec *r, tc_job *job, tc_source *source)
{
    int status;

    if (tc_source_headers_are_final(r))
        return DECLINED;
    if (is_refused(r, job))
        return tc_respond_error(r, &job->fail);
    status = tc_source_open(r, source);
    if (status != OK)
        return status;
    /* Whose validators they are takes a look at the picture. */
    if (job->params.pass != TC_PASS_NONE || may_be_none(r) || is_target_open(r, job)) {
        if (open_picture(r, job, source) &&
            !(job->fail.error == TC_E_NOT_IMAGE && may_be_none(r)))
            return refuse(r, job, source);
        if (job->fail.error || tc_conversion_summary(job->conversion)->pass) {
            tc_job_close(r, job);
            apr_file_close(source->file);
            return DECLINED;
        }
    }
    if (job->negotiated)
        tc_accept_vary(r);
    tc_conditions_need_tags(r);
    if (job->conversion)
        tc_respond_format(r, tc_conversion_summary(job->conversion)->target);
    else
        tc_respond_expected(r, &job->params);
    status = tc_respond_validators(r, &source->info);
    if (status != OK) {
        tc_job_close(r, job);
        return status == HTTP_NOT_MODIFIED ? tc_respond_unchanged(r) : status;
    }
    status = coalesce_changed(r, job);
    if (status != DECLINED)
        return status;
    job->whole = !only_header(r, job);
    if (!job->conversion && open_picture(r, job, source))
        return refuse(r, job, source);
    tc_respond_format(r, tc_conversion_summary(job->conversion)->target);
    if (only_header(r, job)) {
        tc_job_close(r, job);
        return OK;
    }
    return convert(r, job, source, apr_time_now());
}

int tc_handler_begin(request_rec *r)
{
    tc_request *request = tc_request_of(r);
    const tc_call *call = request->call;
    tc_job *job;

    if (request->job)
        return OK;
    job = apr_pcalloc(r->pool, sizeof *job);
    request->refused = tc_job_begin(r, job) != TC_E_OK;
    if (tc_url_is_transform(r) && (!job->settings->enabled || request->is_off)) {
        if (tc_log_allows(r, APLOG_WARNING))
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                          "TC0014: %s: TmpfsConvert is Off for the original", tc_log_name(r));
        return HTTP_FORBIDDEN;
    }
    /* A page's own query: only on a picture is it wrong. */
    if (request->refused && !(call && call->kind == TC_CALL_QUERY))
        return tc_respond_error(r, &job->fail);
    request->job = job;
    return OK;
}

int tc_handler(request_rec *r)
{
    tc_request *request;
    int status;

    if (!r->handler || strcmp(r->handler, TC_HANDLER) != 0)
        return DECLINED;
    if (r->method_number == M_OPTIONS)
        return DECLINED;
    ap_allow_standard_methods(r, MERGE_ALLOW, M_GET, -1);
    if (r->method_number != M_GET)
        return HTTP_METHOD_NOT_ALLOWED;
    status = tc_handler_begin(r);
    if (status != OK)
        return status;
    request = tc_request_of(r);
    request->in_place = true;
    if (request->refused)
        return tc_respond_error(r, &request->job->fail);
    if (request->job->params.engine == TC_ENGINE_DUMMY)
        return DECLINED; /* the file as it is, by httpd's own handler; so with pt, above */
    return serve(r, request->job, apr_pcalloc(r->pool, sizeof(tc_source)));
}

static bool is_not_allowed(tc_error error)
{
    return error == TC_E_PATTERN_ONLY || error == TC_E_SIGNATURE || error == TC_E_SPELLING;
}

int tc_handler_before_cache(request_rec *r)
{
    bool is_named = r->handler && strcmp(r->handler, TC_HANDLER) == 0;
    tc_request *request;
    int status = OK;

    if (r->method_number != M_GET)
        return DECLINED;
    if (is_named)
        status = tc_handler_begin(r);
    if (status != OK)
        return status;
    request = tc_request_find(r);
    if (request && request->job && tc_url_is_picture(r))
        tc_conditions_need_tags(r);
    if (!request || !request->refused || !request->job ||
        !is_not_allowed(request->job->fail.error) || !(is_named || tc_url_is_picture_file(r)))
        return DECLINED;
    request->in_place = true;
    return tc_respond_error(r, &request->job->fail);
}

/* Whether what the handlers answer is to be converted. */
static bool is_converted(const request_rec *r, const tc_request *request)
{
    return request && request->job &&
           (request->refused || request->job->params.engine != TC_ENGINE_DUMMY) &&
           !(r->handler && strcmp(r->handler, TC_HANDLER) == 0);
}

int tc_handler_first(request_rec *r)
{
    const tc_request *request = tc_request_find(r);
    int status;

    tc_cache_keyed(r);
    status = tc_coalesce_handler(r);
    if (status != DECLINED)
        return status;
    if (tc_url_is_transform(r) && r->method_number == M_OPTIONS) {
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, M_OPTIONS, -1);
        return ap_send_http_options(r);
    }
    if (tc_url_is_transform(r) && r->finfo.filetype == APR_DIR) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "%s is a directory", tc_log_name(r));
        return HTTP_NOT_FOUND;
    }
    if (is_converted(r, request) && !request->refused && !tc_url_is_picture_file(r))
        tc_upstream_request(r, tc_respond_variant(r));
    return DECLINED;
}

int tc_handler_file(request_rec *r)
{
    tc_request *request = tc_request_find(r);

    if (!is_converted(r, request) || !tc_url_is_picture_file(r))
        return DECLINED;
    tc_upstream_restore(r);
    request->in_place = true;
    if (request->refused)
        return tc_respond_error(r, &request->job->fail);
    return serve(r, request->job, apr_pcalloc(r->pool, sizeof(tc_source)));
}
