/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include "accept.h"
#include "account.h"
#include "cache.h"
#include "fetch.h"
#include "handler.h"
#include "job.h"
#include "source_headers.h"
#include "request.h"
#include "respond.h"
#include "upstream.h"
#include "url.h"

#include "base/clock.h"

#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_uri.h>

APLOG_USE_MODULE(tmpfs_convert);

typedef enum filter_state {
    DECIDE,     /* no byte seen yet */
    TAKE,       /* taking the body in */
    PASS,       /* not ours: goes on untouched */
    PASS_ERROR, /* the words of an error come by, from httpd, and go on */
    OVER,       /* answered: what still comes is dropped */
    REFUSED     /* answered with an error: the handler is told to end */
} filter_state;

typedef struct filter_context {
    filter_state state;
    ap_filter_t *filter; /* whose context this is */
    tc_job job;
    tc_fetch fetch;
    tc_spool *body;
    apr_off_t expected; /* bytes the source is said to have; -1: not said */
    tc_spooled source;  /* `body` as it is converted */
} filter_context;

/* The source is waited for until it is known what becomes of it. */
static void become(filter_context *context, filter_state state)
{
    context->state = state;
    context->fetch.active = state == DECIDE || state == TAKE;
}

/* ---- before the handler -------------------------------------------------------- */

static bool is_ours(const ap_filter_t *f)
{
    return f->frec->filter_func.out_func == tc_filter;
}

/* Whether one of our filters stands before `last`; NULL: anywhere. */
static bool has_another(const request_rec *r, const ap_filter_t *last)
{
    for (const ap_filter_t *f = r->output_filters; f && f != last; f = f->next) {
        if (is_ours(f))
            return true;
    }
    return false;
}

bool tc_filter_is_alias(const request_rec *r)
{
    for (const ap_filter_t *f = r->output_filters; f; f = f->next) {
        if (is_ours(f) && strcasecmp(f->frec->name, TC_FILTER_ALIAS) == 0)
            return true;
    }
    return false;
}

void tc_filter_insert(request_rec *r)
{
    if (tc_url_call(r) && !(r->handler && strcmp(r->handler, TC_HANDLER) == 0) &&
        !has_another(r, NULL))
        ap_add_output_filter(TC_FILTER, NULL, r, r->connection);
    if (!r->main)
        ap_add_output_filter(TC_CACHE_FILTER, NULL, r, r->connection);
}

static apr_status_t refuse(void *data);

static void begin_fetch(request_rec *r, filter_context *context)
{
    tc_fetch_begin(&context->fetch, r, (unsigned)context->job.settings->fetch_timeout,
                   &context->job.fail);
    context->fetch.give_up = refuse;
    context->fetch.owner = context;
    ap_add_output_filter(TC_FETCH_FILTER, &context->fetch, r, r->connection);
    become(context, DECIDE);
}

static int begin(request_rec *r, filter_context *context)
{
    tc_request *request;
    int status;

    if (!tc_url_call(r) && tc_url_unparsed(r) && r->method_number != M_GET &&
        r->method_number != M_OPTIONS) {
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, M_OPTIONS, -1);
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (!tc_url_call(r) && tc_filter_is_alias(r) && tc_url_is_malformed(r)) {
        tc_fail_set(&context->job.fail, TC_E_PARAM,
                    "small_light: the URL has no small_light(PARAMETERS)");
        return tc_respond_error(r, &context->job.fail);
    }
    if ((!tc_url_call(r) && !tc_config_settings(r)->has_defaults) || r->method_number != M_GET)
        return OK;
    status = tc_handler_begin(r);
    if (status != OK)
        return status;
    request = tc_request_of(r);
    context->job = *request->job;
    if (context->job.params.engine == TC_ENGINE_DUMMY && !request->refused)
        return OK;
    begin_fetch(r, context);
    return OK;
}

static int start(ap_filter_t *f, bool is_other)
{
    filter_context *context = apr_pcalloc(f->r->pool, sizeof *context);

    f->ctx = context;
    context->state = PASS;
    context->filter = f;
    return is_other ? OK : begin(f->r, context);
}

int tc_filter_init(ap_filter_t *f)
{
    if (f->ctx)
        return OK;
    /* Else it is mod_filter's, which looks at the response before it takes us. */
    return is_ours(f) ? start(f, has_another(f->r, f)) : OK;
}

/* ---- the source's headers ------------------------------------------------------- */

static const char *variant_tag(request_rec *r, const char *tag, const char *variant)
{
    size_t length = strlen(tag);

    if (strncmp(tag, "W/", 2) == 0) {
        tag += 2;
        length -= 2;
    }
    if (length < 2 || tag[0] != '"' || tag[length - 1] != '"')
        return NULL;
    return apr_psprintf(r->pool, "W/%.*s-%s\"", (int)(length - 1), tag, variant);
}

/* What was true of the source's bytes and is not of the result's. */
static void replace_headers(request_rec *r, const filter_context *context)
{
    static const char *const of_bytes[] = {"Accept-Ranges",  "Content-MD5",     "Content-Range",
                                           "Digest",         "Content-Digest",  "Repr-Digest",
                                           "Content-Length", "Content-Encoding"};
    const char *tag = apr_table_get(r->headers_out, "ETag");

    for (size_t at = 0; at < sizeof of_bytes / sizeof of_bytes[0]; at++)
        apr_table_unset(r->headers_out, of_bytes[at]);
    tc_accept_unvary(r);
    if (context->job.negotiated)
        tc_accept_vary(r);
    if (!tag)
        return;
    tag = variant_tag(r, tag, tc_respond_variant(r));
    if (tag)
        apr_table_setn(r->headers_out, "ETag", tag);
    else
        apr_table_unset(r->headers_out, "ETag");
}

/* Where the picture went, so that the client asks for it converted again. */
static void prefix_location(request_rec *r, const char *prefix)
{
    apr_table_t *headers =
        apr_table_get(r->headers_out, "Location") ? r->headers_out : r->err_headers_out;
    const char *location = apr_table_get(headers, "Location");
    const tc_call *call = tc_url_call(r);
    const char *hole = strstr(prefix, "%s");
    apr_uri_t uri;

    if (!*prefix || !location || apr_uri_parse(r->pool, location, &uri) != APR_SUCCESS ||
        !uri.path || *uri.path != '/')
        return;
    if (hole)
        prefix =
            apr_psprintf(r->pool, "%.*ssmall_light(%s)%s", (int)(hole - prefix), prefix,
                         ap_escape_path_segment(r->pool, call ? call->text : ""), hole + 2);
    apr_table_setn(headers, "Location",
                   apr_pstrcat(r->pool, prefix, uri.path, uri.query ? "?" : "",
                               uri.query ? uri.query : "", NULL));
}

static bool is_redirect(int status)
{
    return status == HTTP_MOVED_PERMANENTLY || status == HTTP_MOVED_TEMPORARILY ||
           status == HTTP_SEE_OTHER || status == HTTP_TEMPORARY_REDIRECT ||
           status == HTTP_PERMANENT_REDIRECT;
}

/* Of a HEAD's response only so much is known: the format when it was named, or is kept. */
static void response_head(request_rec *r, const filter_context *context)
{
    const tc_codec *target = tc_codec_find((tc_format)context->job.params.format);

    replace_headers(r, context);
    if (context->job.params.pass != TC_PASS_NONE)
        apr_table_unset(r->headers_out, "ETag"); /* the body would tell whose it is */
    else if (target && target->encode_open)
        tc_respond_format(r, target);
}

/* Bytes that the header announces, -1 when it does not. */
static apr_off_t announced(const request_rec *r)
{
    const char *text = apr_table_get(r->headers_out, "Content-Length");
    apr_off_t length;
    char *end;

    if (!text || apr_strtoff(&length, text, &end, 10) != APR_SUCCESS || *end)
        return -1;
    return length;
}

static tc_error check_source(filter_context *context, apr_off_t length)
{
    uint64_t most = context->job.settings->limits.max_source;

    if (length < 0 || (uint64_t)length <= most)
        return TC_E_OK;
    return tc_fail_set(&context->job.fail, TC_E_SOURCE_TOO_LARGE,
                       "the original has more than the limit of %" APR_UINT64_T_FMT " bytes",
                       most);
}

/*
 * What the response is: our handler's or one that the call is not about, and passed on; or
 * the source, and taken in. The status to answer in place of it, or OK.
 */
static int decide(request_rec *r, filter_context *context)
{
    const tc_request *request = tc_request_of(r);

    tc_upstream_restore(r);
    become(context, PASS);
    if (request->in_place || !tc_url_is_picture(r))
        return OK;
    if (is_redirect(r->status))
        prefix_location(r, context->job.settings->redirect_prefix);
    if (r->status == HTTP_NOT_MODIFIED) {
        replace_headers(r, context);
        tc_respond_expected(r, &context->job.params);
    }
    if (r->status == HTTP_PARTIAL_CONTENT) {
        tc_fail_set(&context->job.fail, TC_E_UPSTREAM,
                    "the original arrived in part (206), but all of it was requested");
        return tc_respond_error(r, &context->job.fail);
    }
    if (r->status != HTTP_OK)
        return OK;
    if (request->refused)
        return tc_respond_error(r, &context->job.fail);
    if (tc_source_headers_are_final(r)) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                      "the original says no-transform and is sent unchanged");
        return OK;
    }
    /* A part of the converted response is not served: its tag is weak. */
    apr_table_unset(r->headers_in, "Range");
    if (r->header_only) {
        response_head(r, context);
        return OK;
    }
    context->expected = announced(r);
    if (check_source(context, context->expected))
        return tc_respond_error(r, &context->job.fail);
    become(context, TAKE);
    context->body = tc_spool_create(r->pool, tc_client_temp(r),
                                    (apr_size_t)context->job.settings->spool_memory);
    context->source.spool = context->body;
    return OK;
}

/* ---- the body ------------------------------------------------------------------------ */

/*
 * Answer with a status in place of the body. Not by an error bucket: for that httpd's
 * header filter, having merged the headers that are for errors into those that are not,
 * sends neither.
 */
static apr_status_t respond(ap_filter_t *f, filter_context *context, int status)
{
    request_rec *r = f->r;

    become(context, PASS_ERROR);
    r->status = HTTP_OK; /* else ap_die takes what the source's server said for an error */
    ap_die(status, r);
    become(context, REFUSED);
    /* It took the request's filters away. A handler that goes on all the same must not write
       behind the response. */
    r->output_filters = f;
    return AP_FILTER_ERROR;
}

static apr_status_t refuse(void *data)
{
    filter_context *context = data;

    if (context->body)
        tc_spool_close(context->body);
    return respond(context->filter, context,
                   tc_respond_error(context->filter->r, &context->job.fail));
}

static tc_error convert(ap_filter_t *f, filter_context *context, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    tc_job *job = &context->job;
    tc_original body = tc_conversion_spooled(&context->source);
    apr_time_t taken = apr_time_now();
    tc_spool *result;
    tc_stats stats;

    job->whole = true;
    if (tc_job_open(r, job, &body))
        return job->fail.error;
    if (tc_conversion_summary(job->conversion)->pass) {
        tc_job_close(r, job);
        return tc_respond_brigade(r, context->body, bb, &job->fail) == APR_SUCCESS
                   ? TC_E_OK
                   : job->fail.error;
    }
    replace_headers(r, context);
    tc_respond_format(r, tc_conversion_summary(job->conversion)->target);
    if (tc_job_run(r, job, &result, &stats))
        return job->fail.error;
    tc_spool_close(context->body);
    if (job->params.info)
        tc_respond_description(r, &stats, job->began, taken);
    return tc_respond_brigade(r, result, bb, &job->fail) == APR_SUCCESS ? TC_E_OK
                                                                        : job->fail.error;
}

/* The source's end came too early. mod_proxy ends it too where its client has left. */
static tc_error broken_off(const request_rec *r, filter_context *context)
{
    apr_off_t length = tc_spool_length(context->body);
    tc_fail *fail = &context->job.fail;

    if (tc_client_is_aborted(r->connection))
        return tc_fail_set(fail, TC_E_CLIENT_GONE, "%s", tc_error_text(TC_E_CLIENT_GONE));
    if (context->expected < 0)
        return tc_fail_set(fail, TC_E_UPSTREAM,
                           "the original broke off after %" APR_OFF_T_FMT " bytes", length);
    return tc_fail_set(fail, TC_E_UPSTREAM,
                       "the original broke off after %" APR_OFF_T_FMT " of %" APR_OFF_T_FMT
                       " bytes",
                       length, context->expected);
}

static apr_status_t finish(ap_filter_t *f, filter_context *context)
{
    request_rec *r = f->r;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    const char *encoding = apr_table_get(r->headers_out, "Content-Encoding");
    tc_error error = TC_E_OK;

    if (context->expected >= 0 && context->expected != tc_spool_length(context->body))
        error = broken_off(r, context);
    if (!error)
        error = convert(f, context, bb);
    if (error == TC_E_NOT_IMAGE && encoding)
        tc_fail_set(&context->job.fail, error,
                    "the original has Content-Encoding '%s', which cannot be decoded here",
                    encoding);
    if (error)
        return refuse(context);
    become(context, OVER);
    return ap_pass_brigade(f->next, bb);
}

static tc_error read_bucket(request_rec *r, filter_context *context, apr_bucket *bucket)
{
    tc_fail *fail = &context->job.fail;
    const char *data;
    apr_size_t length;
    apr_status_t status;

    /* Never through a mapping: a file cut short under it would be a SIGBUS. */
    if (APR_BUCKET_IS_FILE(bucket))
        apr_bucket_file_enable_mmap(bucket, 0);
    status = apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ);
    if (status != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, status, r, "reading the original failed");
        return tc_fail_set(fail, TC_E_UPSTREAM, "the original could not be read to its end");
    }
    if (check_source(context, tc_spool_length(context->body) + (apr_off_t)length))
        return fail->error;
    status = tc_spool_write(context->body, data, length);
    if (status == APR_SUCCESS)
        return TC_E_OK;
    return tc_fail_set(fail, tc_conversion_spool_error(status), "%s",
                       tc_spool_reason(context->body));
}

static apr_status_t receive_body(ap_filter_t *f, filter_context *context,
                                 apr_bucket_brigade *bb)
{
    while (!APR_BRIGADE_EMPTY(bb)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(bb);

        if (APR_BUCKET_IS_EOS(bucket)) {
            apr_brigade_cleanup(bb);
            return finish(f, context);
        }
        if (AP_BUCKET_IS_ERROR(bucket)) {
            apr_brigade_cleanup(bb);
            if (!context->fetch.ended)
                broken_off(f->r, context);
            return refuse(context);
        }
        if (!APR_BUCKET_IS_METADATA(bucket) && read_bucket(f->r, context, bucket)) {
            apr_brigade_cleanup(bb);
            return refuse(context);
        }
        apr_bucket_delete(bucket);
    }
    return APR_SUCCESS;
}

/*
 * The response of a program or another server may be no more than the name of a file, which
 * mod_xsendfile then puts in its place, behind this filter.
 */
static bool names_file(const ap_filter_t *f)
{
    static const char *const headers[] = {"X-Sendfile", "X-Sendfile-Temporary"};
    const request_rec *r = f->r;
    bool named = false;

    for (size_t at = 0; at < sizeof headers / sizeof headers[0]; at++)
        named |= apr_table_get(r->headers_out, headers[at]) ||
                 apr_table_get(r->err_headers_out, headers[at]);
    for (const ap_filter_t *next = f->next; named && next; next = next->next) {
        if (strcasecmp(next->frec->name, "XSENDFILE") == 0)
            return true;
    }
    return false;
}

static apr_status_t go_behind(ap_filter_t *f, filter_context *context, apr_bucket_brigade *bb)
{
    ap_filter_t *next;

    context->filter = ap_add_output_filter(TC_FILTER_LATE, context, f->r, f->r->connection);
    next = f->next;
    ap_remove_output_filter(f);
    return ap_pass_brigade(next, bb);
}

apr_status_t tc_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    /* Put in by a handler, or taken by mod_filter, it was not made ready with the others. */
    int status = f->ctx ? OK : start(f, has_another(f->r, is_ours(f) ? f : NULL));
    filter_context *context = f->ctx;

    if (status == OK && context->state == DECIDE && names_file(f))
        return go_behind(f, context, bb);
    if (status == OK && context->state == DECIDE)
        status = decide(f->r, context);
    if (status != OK) {
        apr_brigade_cleanup(bb);
        return respond(f, context, status);
    }
    switch (context->state) {
    case TAKE:
        return receive_body(f, context, bb);
    case PASS_ERROR:
        return ap_pass_brigade(f->next, bb);
    case OVER:
    case REFUSED:
        apr_brigade_cleanup(bb);
        return context->state == OVER ? APR_SUCCESS : AP_FILTER_ERROR;
    default:
        ap_remove_output_filter(f);
        return ap_pass_brigade(f->next, bb);
    }
}
