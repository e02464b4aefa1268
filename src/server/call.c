/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include "handler.h"
#include "loglimit.h"
#include "sign.h"
#include "spelling.h"
#include "url.h"

#include <http_log.h>

#include <apr_strings.h>

APLOG_USE_MODULE(tmpfs_convert);

#define CANONICAL "tmpfs-convert-canonical"

/* A request's URL, its call, and what is known of both. */
typedef struct call_reading {
    request_rec *r;
    const tc_settings *settings;
    const tc_call *call; /* NULL: what is converted is the configuration's affair */
    tc_signed parts;     /* of the call */
    bool is_signed;
    bool in_place;                        /* the source is a file: no query decides it */
    bool readable;                        /* `requested` is set */
    tc_spelling requested;                /* the URL as the client has it */
    const char *transform, *params, *end; /* in its decoded path; NULL: not in it */
    bool unknown;                         /* a parameter that does not exist */
} call_reading;

const char *tc_call_canonical(const request_rec *r)
{
    return apr_table_get(r->notes, CANONICAL);
}

/* ---- the URL ------------------------------------------------------------------- */

static bool is_in_place(const request_rec *r)
{
    return (r->handler && strcmp(r->handler, TC_HANDLER) == 0) || tc_url_is_picture_file(r);
}

/* The transform in the path, where it is the one that was called. It may be another where
   a rule of the configuration made the call. */
static void find_transform(call_reading *reading)
{
    const char *text = reading->call->text;

    reading->transform =
        tc_url_find_transform(reading->requested.path, &reading->params, &reading->end);
    if (reading->end && strlen(text) == (size_t)(reading->end - reading->params) &&
        strncmp(text, reading->params, strlen(text)) == 0)
        return;
    reading->transform = reading->params = reading->end = NULL;
}

static void look(request_rec *r, const tc_settings *settings, call_reading *reading)
{
    const char *uri = tc_url_requested(r)->unparsed_uri;
    unsigned options = tc_url_slashes(r);

    *reading = (struct call_reading){
        .r = r, .settings = settings, .call = tc_url_call(r), .in_place = is_in_place(r)};
    if (reading->in_place)
        options |= TC_SPELLING_MERGE;
    reading->readable = uri && tc_spelling_read(r->pool, uri, options, &reading->requested);
    if (!reading->call)
        return;
    tc_sign_split(reading->call->text, &reading->parts);
    if (reading->readable && reading->call->kind != TC_CALL_QUERY)
        find_transform(reading);
}

/* Whether a rule made another query of the client's, or used it up. */
static bool has_rules_query(const call_reading *reading)
{
    const char *args = reading->r->args;
    const char *query = reading->requested.query;

    return strcmp(args ? args : "", query ? query : "") != 0;
}

/* ---- what is signed ------------------------------------------------------------- */

/* The first form says nothing of the source's query, nor where the transform stands. */
static const char *first_text(const call_reading *reading, tc_fail *fail)
{
    const tc_call *call = reading->call;

    /* A file's is dropped, unless a rule may have found the file by it. */
    if (reading->requested.query && (!reading->in_place || has_rules_query(reading))) {
        tc_fail_set(fail, TC_E_SIGNATURE,
                    "sig: this form does not cover the original's query; sign with v2");
        return NULL;
    }
    if (call->kind == TC_CALL_UNPARSED &&
        (!reading->transform || reading->transform != reading->requested.path)) {
        tc_fail_set(
            fail, TC_E_SIGNATURE,
            "sig: this form does not cover the function's place in the path; sign with v2");
        return NULL;
    }
    return apr_pstrcat(reading->r->pool,
                       apr_pstrmemdup(reading->r->pool, call->text, reading->parts.length),
                       "\n", call->path, NULL);
}

/* The query without its last pair, which is the signature. NULL when it is not. */
static const char *unsigned_query(const call_reading *reading)
{
    const char *query = reading->requested.query;
    const char *last = query ? strrchr(query, '&') : NULL, *equals;
    char *key;

    if (!last)
        return NULL;
    equals = strchr(last, '=');
    key = apr_pstrmemdup(reading->r->pool, last + 1,
                         equals ? (apr_size_t)(equals - last - 1) : strlen(last + 1));
    if (ap_unescape_urlencoded(key) != OK || strcasecmp(key, "sig") != 0)
        return NULL;
    return apr_pstrmemdup(reading->r->pool, query, (apr_size_t)(last - query));
}

static const char *second_text(const call_reading *reading, tc_fail *fail)
{
    apr_pool_t *pool = reading->r->pool;
    const char *path = reading->requested.path, *query = reading->requested.query;

    if (reading->call->kind == TC_CALL_QUERY) {
        query = unsigned_query(reading);
        if (!query) {
            tc_fail_set(fail, TC_E_SIGNATURE, "sig: must be the last key of the query");
            return NULL;
        }
    } else if (reading->transform) {
        path = apr_pstrcat(
            pool,
            apr_pstrmemdup(pool, path,
                           (apr_size_t)(reading->params - path) + reading->parts.length),
            reading->end, NULL);
    } else {
        tc_fail_set(fail, TC_E_SIGNATURE,
                    "sig: the requested URL has no small_light(PARAMETERS)");
        return NULL;
    }
    return query ? apr_pstrcat(pool, path, "\n", query, NULL) : path;
}

static const char *signed_text(const call_reading *reading, tc_fail *fail)
{
    const char *text = reading->call->text;

    if (!reading->readable || !reading->requested.exact) {
        tc_fail_set(fail, TC_E_SIGNATURE, "sig: a path with %%252F cannot be signed");
        return NULL;
    }
    /* Nothing that could be taken for the end of a line of what is signed. */
    if (text[strcspn(text, "\r\n")] ||
        reading->requested.path[strcspn(reading->requested.path, "\r\n")]) {
        tc_fail_set(fail, TC_E_SIGNATURE, "sig: a line break cannot be signed");
        return NULL;
    }
    return tc_sign_is_second(&reading->parts) ? second_text(reading, fail)
                                              : first_text(reading, fail);
}

const char *tc_call_signed_text(request_rec *r, tc_fail *fail)
{
    call_reading reading;

    look(r, NULL, &reading);
    return reading.call ? signed_text(&reading, fail) : NULL;
}

static tc_error check_signature(const call_reading *reading, tc_fail *fail)
{
    /* A missing signature has a reason of its own. */
    const char *text = reading->parts.signature.key ? signed_text(reading, fail) : "";

    return text ? tc_sign_check(reading->settings->secrets, &reading->parts, text, fail)
                : TC_E_SIGNATURE;
}

/* ---- the one URL ---------------------------------------------------------------- */

static const char *pattern_text(apr_pool_t *pool, const tc_params *own)
{
    char *text = apr_pstrcat(pool, *own->pattern ? ",p=" : "", own->pattern, NULL);

    if (own->size.w)
        text = apr_psprintf(pool, "%s,as=%ux%u", text, own->size.w, own->size.h);
    if (own->info)
        text = apr_pstrcat(pool, text, ",info=1", NULL);
    return *text ? text + 1 : text;
}

/* The parameters in the one way to say them: as they are signed, or a pattern's name and
   what may stand with it. */
static const char *canonical_params(const call_reading *reading, const tc_params *own)
{
    const tc_signed *parts = &reading->parts;
    apr_pool_t *pool = reading->r->pool;

    if (reading->is_signed)
        return apr_pstrcat(pool, apr_pstrmemdup(pool, reading->call->text, parts->length),
                           parts->length ? ",sig=" : "sig=", tc_sign_spell(pool, parts), NULL);
    return pattern_text(pool, own);
}

static const char *canonical_path(const call_reading *reading, const char *params)
{
    apr_pool_t *pool = reading->r->pool;
    const char *path = reading->requested.path;

    if (reading->transform)
        path =
            apr_pstrcat(pool, apr_pstrmemdup(pool, path, (apr_size_t)(reading->params - path)),
                        params, reading->end, NULL);
    return tc_spelling_path(pool, path);
}

/* What a client's query adds to a rule's: a pattern, or nothing. */
static const char *added_query(const call_reading *reading)
{
    apr_pool_t *pool = reading->r->pool;
    const char *text = reading->requested.query
                           ? tc_url_query_text(pool, reading->requested.query, false, NULL)
                           : NULL;
    tc_params own;
    tc_fail fail;

    tc_params_init(&own);
    if (!text || tc_params_parse(&own, text, strlen(text), NULL, NULL, &fail))
        return NULL;
    text = pattern_text(pool, &own);
    return tc_spelling_query(pool, text, strlen(text));
}

/*
 * NULL or empty: none. The query of a file is dropped where neither a signature covers it
 * nor the configuration says that rules find files by it.
 */
static const char *canonical_query(const call_reading *reading, const char *params)
{
    apr_pool_t *pool = reading->r->pool;
    bool is_query = reading->call && reading->call->kind == TC_CALL_QUERY;
    bool second = reading->is_signed && tc_sign_is_second(&reading->parts);
    bool rules = has_rules_query(reading);

    if (is_query && second)
        return apr_pstrcat(pool, unsigned_query(reading),
                           "&sig=", tc_sign_spell(pool, &reading->parts), NULL);
    if (second || (rules && (!reading->in_place || reading->settings->pattern_query)))
        return reading->requested.query;
    if (is_query && rules)
        return added_query(reading);
    if (is_query && (reading->in_place || !reading->call->others))
        return tc_spelling_query(pool, params, strlen(params));
    return reading->in_place ? NULL : reading->requested.query;
}

/* A subrequest's URL is a page's, not a client's. */
static tc_error check_spelling(const call_reading *reading, const tc_params *own, tc_fail *fail)
{
    request_rec *r = reading->r;
    const char *params, *path, *query, *canonical;

    if (!reading->readable || r->main)
        return TC_E_OK;
    if (!reading->requested.exact)
        return tc_fail_set(fail, TC_E_PATTERN_ONLY, "a path with %%252F is not converted here");
    params = reading->call ? canonical_params(reading, own) : "";
    path = canonical_path(reading, params);
    query = canonical_query(reading, params);
    canonical = query && *query ? apr_pstrcat(r->pool, path, "?", query, NULL) : path;
    if (strcmp(canonical, reading->requested.target) == 0)
        return TC_E_OK;
    apr_table_setn(r->notes, CANONICAL, canonical);
    return tc_fail_set(fail, TC_E_SPELLING, "the picture is at %s", canonical);
}

/* ---- the whole -------------------------------------------------------------------- */

static void note_unknown(void *context, const char *key, size_t length)
{
    call_reading *reading = context;

    if (reading->settings->secrets && tc_sign_is_key(key, length))
        return;
    reading->unknown = true;
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, reading->r, "unknown parameter '%.*s' is ignored",
                  length < TC_LOG_NAME ? (int)length : TC_LOG_NAME, key);
}

/* Whether the client's query goes on to the source. */
static bool has_source_query(const call_reading *reading)
{
    bool only_ours = reading->call && reading->call->kind == TC_CALL_QUERY &&
                     !reading->call->others && !has_rules_query(reading);

    return reading->requested.query && !reading->in_place && !only_ours;
}

/*
 * Without a signature only patterns; nor an unknown parameter, nor, of a source that
 * another handler makes, a query, nor a path behind a file's: each of them would be another
 * conversion.
 */
static tc_error check_pattern(const call_reading *reading, const tc_params *own, tc_fail *fail)
{
    if (reading->unknown || tc_params_change_picture(own))
        return tc_fail_set(fail, TC_E_PATTERN_ONLY,
                           "small_light: only p=NAME, a pattern, is allowed here");
    if (tc_url_is_behind_file(reading->r))
        return tc_fail_set(fail, TC_E_PATTERN_ONLY,
                           "a path after a file's name is not converted here");
    if (has_source_query(reading) && !reading->settings->pattern_query)
        return tc_fail_set(
            fail, TC_E_PATTERN_ONLY,
            "a query for the original needs TmpfsConvertPatternQuery On, or a signature");
    return TC_E_OK;
}

/* A signed URL may ask for anything; where patterns alone may be asked for they need no
   signature. */
tc_error tc_call_read(request_rec *r, const tc_settings *settings, tc_params *own,
                      tc_fail *fail)
{
    call_reading reading;
    tc_error error = TC_E_OK;

    tc_params_init(own);
    look(r, settings, &reading);
    reading.is_signed = reading.call && settings->secrets &&
                        (reading.parts.signature.key || !settings->pattern_only);
    if (reading.is_signed)
        error = check_signature(&reading, fail);
    if (!error && reading.call)
        error = tc_params_parse(own, reading.call->text, strlen(reading.call->text),
                                note_unknown, &reading, fail);
    if (!error && settings->pattern_only && !reading.is_signed)
        error = check_pattern(&reading, own, fail);
    if (!error && (settings->pattern_only || settings->secrets))
        error = check_spelling(&reading, own, fail);
    return error;
}
