/* SPDX-License-Identifier: Apache-2.0 */
#include "respond.h"

#include "account.h"
#include "admit.h"
#include "call.h"
#include "config.h"
#include "conversion.h"
#include "loglimit.h"
#include "source_headers.h"
#include "request.h"

#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_core.h>

#include <apr_sha1.h>
#include <apr_strings.h>

APLOG_USE_MODULE(tmpfs_convert);

/* Retry-After where the queue is not the reason. */
#define RETRY_SECONDS 5

/* For the access log, as nginx has it: the client does not read it. */
#define CLIENT_CLOSED_REQUEST 499

/* Bytes of the hash that an ETag shows. */
#define ETAG_BYTES    12
#define VARIANT_BYTES 6

/* One row per error: the client's status, the log's level and id. */
typedef struct error_response {
    int status;
    int level;
    const char *id; /* documented in docs/messages.md */
} error_response;

static const error_response responses[TC_E_COUNT] = {
    [TC_E_OK] = {HTTP_INTERNAL_SERVER_ERROR, APLOG_ERR, "TC0000"},
    [TC_E_PARAM] = {HTTP_BAD_REQUEST, APLOG_WARNING, "TC0001"},
    [TC_E_NOT_IMAGE] = {HTTP_UNSUPPORTED_MEDIA_TYPE, APLOG_WARNING, "TC0002"},
    [TC_E_UNSUPPORTED] = {HTTP_UNSUPPORTED_MEDIA_TYPE, APLOG_WARNING, "TC0003"},
    [TC_E_NOT_BUILT] = {HTTP_UNSUPPORTED_MEDIA_TYPE, APLOG_WARNING, "TC0004"},
    [TC_E_DAMAGED] = {HTTP_UNPROCESSABLE_ENTITY, APLOG_WARNING, "TC0005"},
    [TC_E_SOURCE_TOO_LARGE] = {HTTP_REQUEST_ENTITY_TOO_LARGE, APLOG_WARNING, "TC0006"},
    [TC_E_PIXELS_TOO_MANY] = {HTTP_REQUEST_ENTITY_TOO_LARGE, APLOG_WARNING, "TC0006"},
    [TC_E_OUTPUT_TOO_LARGE] = {HTTP_REQUEST_ENTITY_TOO_LARGE, APLOG_WARNING, "TC0006"},
    [TC_E_TOO_COSTLY] = {HTTP_REQUEST_ENTITY_TOO_LARGE, APLOG_WARNING, "TC0006"},
    [TC_E_NO_MEMORY] = {HTTP_SERVICE_UNAVAILABLE, APLOG_ERR, "TC0007"},
    [TC_E_OVERLOAD] = {HTTP_SERVICE_UNAVAILABLE, APLOG_WARNING, "TC0018"},
    [TC_E_NO_SPACE] = {HTTP_SERVICE_UNAVAILABLE, APLOG_ERR, "TC0008"},
    [TC_E_READ] = {HTTP_INTERNAL_SERVER_ERROR, APLOG_ERR, "TC0009"},
    [TC_E_WRITE] = {HTTP_INTERNAL_SERVER_ERROR, APLOG_ERR, "TC0010"},
    [TC_E_ICON] = {HTTP_NOT_FOUND, APLOG_WARNING, "TC0034"},
    [TC_E_SIZE] = {HTTP_NOT_FOUND, APLOG_INFO, "TC0037"},
    [TC_E_CHANGED] = {HTTP_SERVICE_UNAVAILABLE, APLOG_WARNING, "TC0040"},
    [TC_E_NO_FILES] = {HTTP_SERVICE_UNAVAILABLE, APLOG_ERR, "TC0041"},
    [TC_E_UPSTREAM] = {HTTP_BAD_GATEWAY, APLOG_WARNING, "TC0017"},
    [TC_E_TIMEOUT] = {HTTP_SERVICE_UNAVAILABLE, APLOG_WARNING, "TC0030"},
    [TC_E_FETCH_TIMEOUT] = {HTTP_GATEWAY_TIME_OUT, APLOG_WARNING, "TC0160"},
    [TC_E_CLIENT_SHARE] = {HTTP_SERVICE_UNAVAILABLE, APLOG_WARNING, "TC0161"},
    [TC_E_CLIENT_GONE] = {CLIENT_CLOSED_REQUEST, APLOG_INFO, "TC0031"},
    [TC_E_PATTERN_ONLY] = {HTTP_FORBIDDEN, APLOG_WARNING, "TC0032"},
    [TC_E_SIGNATURE] = {HTTP_FORBIDDEN, APLOG_WARNING, "TC0033"},
    [TC_E_SPELLING] = {HTTP_MOVED_TEMPORARILY, APLOG_INFO, "TC0036"},
    [TC_E_CONVERTER] = {HTTP_INTERNAL_SERVER_ERROR, APLOG_ERR, "TC0043"},
    [TC_E_NO_CONVERTER] = {HTTP_SERVICE_UNAVAILABLE, APLOG_ERR, "TC0044"},
    [TC_E_INTERNAL] = {HTTP_INTERNAL_SERVER_ERROR, APLOG_ERR, "TC0011"},
};

/* The first bytes of the text's SHA-1, in hexadecimal. */
static const char *hash(apr_pool_t *pool, const char *text, unsigned bytes)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    char *made = apr_palloc(pool, 2 * bytes + 1);
    apr_sha1_ctx_t sha;

    apr_sha1_init(&sha);
    apr_sha1_update(&sha, text, (unsigned)strlen(text));
    apr_sha1_final(digest, &sha);
    for (unsigned i = 0; i < bytes; i++) {
        made[2 * i] = hex[digest[i] >> 4];
        made[2 * i + 1] = hex[digest[i] & 15];
    }
    made[2 * bytes] = '\0';
    return made;
}

/* What the response's bytes depend on in addition to the source. */
static const char *make(request_rec *r)
{
    return apr_psprintf(r->pool, TC_ENGINE_VERSION " %s %s", tc_config_versions(r->server),
                        tc_request_canonical(r));
}

/*
 * A hash of all that the response's bytes depend on, as a strong entity tag. What stands for
 * the source is httpd's own tag of it, by FileETag, of the file that is open; NULL where that
 * says None.
 */
static const char *make_etag(request_rec *r, const apr_finfo_t *source)
{
    const char *text;

    r->finfo.mtime = source->mtime;
    r->finfo.size = source->size;
    r->finfo.inode = source->inode;
    text = ap_make_etag(r, 0);
    if (!*text)
        return NULL;
    /* httpd takes a file that changed within the last second for one that may again. */
    if (strncmp(text, "W/", 2) == 0)
        text += 2;
    text = apr_pstrcat(r->pool, text, " ", make(r), NULL);
    return apr_pstrcat(r->pool, "\"", hash(r->pool, text, ETAG_BYTES), "\"", NULL);
}

const char *tc_respond_variant(request_rec *r)
{
    tc_request *request = tc_request_of(r);

    if (!request->variant)
        request->variant = hash(r->pool, make(r), VARIANT_BYTES);
    return request->variant;
}

int tc_respond_validators(request_rec *r, const apr_finfo_t *source)
{
    const char *tag;

    ap_update_mtime(r, source->mtime);
    tag = make_etag(r, source);
    if (tag)
        apr_table_setn(r->headers_out, "ETag", tag);
    ap_set_last_modified(r);
    ap_set_accept_ranges(r);
    return ap_meets_conditions(r);
}

int tc_respond_unchanged(request_rec *r)
{
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);

    r->status = HTTP_NOT_MODIFIED;
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(bb->bucket_alloc));
    ap_pass_brigade(r->output_filters, bb);
    return OK;
}

void tc_respond_format(request_rec *r, const tc_codec *codec)
{
    ap_set_content_type(r, codec->mime);
    tc_source_headers_rename(r, codec->format);
    r->content_encoding = NULL; /* the source's, by its name, is not the response's */
}

void tc_respond_expected(request_rec *r, const tc_params *params)
{
    const tc_codec *target = tc_codec_find((tc_format)params->format);

    if (target && target->encode_open)
        ap_set_content_type(r, target->mime);
}

void tc_respond_description(request_rec *r, const tc_stats *stats, apr_time_t began,
                            apr_time_t opened)
{
    uint64_t load = stats->decode_ns / 1000000, scale = stats->resample_ns / 1000000;
    uint64_t save = stats->encode_ns / 1000000;

    apr_table_setn(
        r->headers_out, "X-SmallLight-Description",
        apr_psprintf(r->pool,
                     "transfer=%" APR_TIME_T_FMT "ms, modify image=%" APR_UINT64_T_FMT
                     "ms (load=%" APR_UINT64_T_FMT "ms, scale=%" APR_UINT64_T_FMT
                     "ms, save=%" APR_UINT64_T_FMT "ms)",
                     apr_time_as_msec(opened - began), load + scale + save, load, scale, save));
}

apr_status_t tc_respond_brigade(request_rec *r, tc_spool *result, apr_bucket_brigade *bb,
                                tc_fail *fail)
{
    apr_status_t status = tc_spool_seal(result, bb);

    if (status != APR_SUCCESS) {
        tc_fail_set(fail, tc_conversion_spool_error(status), "%s", tc_spool_reason(result));
        return status;
    }
    ap_set_content_length(r, tc_spool_length(result));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(bb->bucket_alloc));
    return APR_SUCCESS;
}

int tc_respond_result(request_rec *r, tc_spool *result)
{
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    tc_fail fail;
    apr_status_t status = tc_respond_brigade(r, result, bb, &fail);

    if (status != APR_SUCCESS)
        return tc_respond_error(r, &fail);
    status = ap_pass_brigade(r->output_filters, bb);
    if (status == APR_SUCCESS || r->status != HTTP_OK || r->connection->aborted)
        return OK;
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, status, r, "the result could not be sent");
    return AP_FILTER_ERROR;
}

/*
 * The reason as the response's body, unless the administrator has an ErrorDocument for it. What
 * is wrong with this server, its paths and its settings, is in the log only.
 */
static void send_reason(request_rec *r, int status, const tc_fail *fail)
{
    bool is_own = ap_is_HTTP_SERVER_ERROR(status) || fail->error == TC_E_ICON;
    const char *line, *reason;

    if (ap_response_code_string(r, ap_index_of_response(status)))
        return;
    line = ap_get_status_line(status);
    reason = is_own ? tc_error_text(fail->error) : ap_escape_html(r->pool, fail->text);
    ap_custom_response(r, status,
                       apr_pstrcat(r->pool, "<!DOCTYPE html>\n<html><head><title>",
                                   apr_itoa(r->pool, status), "</title></head><body>\n<h1>",
                                   line, "</h1>\n<p>", reason, "</p>\n</body></html>\n", NULL));
}

/* One line a second for refusals, so that overload does not flood the log. */
static void log_refusal(request_rec *r, const error_response *response, const tc_fail *fail)
{
    const tc_admission_limits *limits;
    tc_admit_figures now;
    const char *others = "";
    uint32_t more;

    if (!tc_admission_refused(tc_config_admission(r->server, &limits), &more) ||
        !tc_log_allows(r, response->level))
        return;
    if (more)
        others = apr_psprintf(r->pool, "; %u more were refused since the last such line", more);
    now = tc_admit_now(r->server);
    ap_log_rerror(APLOG_MARK, response->level, 0, r,
                  "%s: %s: %s: %u active (%s planned), %u queued%s", response->id,
                  tc_log_name(r), fail->text, now.active, now.planned, now.queued, others);
}

static void log_failure(request_rec *r, const error_response *response, const tc_fail *fail)
{
    if (fail->error == TC_E_OVERLOAD)
        log_refusal(r, response, fail);
    else if (tc_log_allows(r, response->level))
        ap_log_rerror(APLOG_MARK, response->level, 0, r, "%s: %s: %s", response->id,
                      tc_log_name(r), fail->text);
}

/* Not to be cached: each wrong spelling would be an entry. httpd writes the body. */
static int redirect(request_rec *r)
{
    apr_table_setn(r->headers_out, "Location", tc_call_canonical(r));
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    return HTTP_MOVED_TEMPORARILY;
}

int tc_respond_error(request_rec *r, const tc_fail *fail)
{
    const error_response *response =
        &responses[fail->error < TC_E_COUNT ? fail->error : TC_E_INTERNAL];

    tc_account_error(r, fail->error);
    tc_account_id(r, response->id);
    log_failure(r, response, fail);
    if (fail->error == TC_E_SPELLING)
        return redirect(r);
    if (response->status == HTTP_SERVICE_UNAVAILABLE)
        apr_table_setn(r->err_headers_out, "Retry-After",
                       apr_itoa(r->pool, fail->error == TC_E_OVERLOAD
                                             ? (int)tc_admit_retry(r->server)
                                             : RETRY_SECONDS));
    send_reason(r, response->status, fail);
    return response->status;
}
