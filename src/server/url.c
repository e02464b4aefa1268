/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

#include "accept.h"
#include "conditions.h"
#include "config.h"
#include "raw.h"
#include "request.h"
#include "respond.h"
#include "sections.h"
#include "sign.h"
#include "spelling.h"

#include <http_core.h>
#include <http_log.h>
#include <http_request.h>

#include <apr_lib.h>
#include <apr_strings.h>

APLOG_USE_MODULE(tmpfs_convert);

const tc_call *tc_url_call(const request_rec *r)
{
    const tc_request *request = tc_request_find(r);

    return request ? request->call : NULL;
}

bool tc_url_is_transform(const request_rec *r)
{
    const tc_call *call = tc_url_call(r);

    return call && call->kind == TC_CALL_TRANSFORM;
}

static tc_call *make_call(request_rec *r, tc_call_kind kind, const char *text, const char *path)
{
    tc_call *call = apr_pcalloc(r->pool, sizeof *call);

    call->kind = kind;
    call->text = text;
    call->path = path;
    tc_request_of(r)->call = call;
    return call;
}

/* ---- the transform --------------------------------------------------------------- */

/*
 * When the source is rewritten to another URI inside the server, the request
 * goes on as a new one; the transform goes with it, or the source would come
 * out whole. An error document is another matter: that is not the source.
 */
static const tc_call *inherited_call(const request_rec *r)
{
    if (r->prev && ap_is_HTTP_SUCCESS(r->prev->status))
        return tc_url_call(r->prev);
    return NULL;
}

int tc_url_remove_transform(request_rec *r, const char *transform)
{
    const char *parameters, *end;
    char *requested = r->uri, *source;
    bool whole;
    tc_fail fail;

    tc_url_find_transform(transform, &parameters, &end);
    whole = end && end[1] == '/';
    source = apr_pstrcat(
        r->pool, apr_pstrmemdup(r->pool, requested, (apr_size_t)(transform - requested)),
        whole ? end + 1 : "", NULL);
    if (!(whole ? tc_sections_enable(r, source) : tc_sections_enabled(r)))
        return DECLINED;
    /* A module that stores or removes files, mod_dav, is not to get the source's URI. */
    if (r->method_number != M_GET && r->method_number != M_OPTIONS) {
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, M_OPTIONS, -1);
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (!whole) {
        tc_fail_set(&fail, TC_E_PARAM,
                    "small_light: the parameters must end with ')' and a path must follow");
        return tc_respond_error(r, &fail);
    }
    r->uri = source;
    make_call(r, TC_CALL_TRANSFORM,
              apr_pstrmemdup(r->pool, parameters, (apr_size_t)(end - parameters)), source)
        ->whole = requested;
    tc_raw_hide(r);
    return DECLINED;
}

int tc_url_translate(request_rec *r)
{
    const char *transform;
    const tc_call *call;

    if (r->proxyreq || !r->uri)
        return DECLINED;
    if (tc_sections_is_check(r)) {
        r->filename = apr_pstrdup(r->pool, r->uri);
        return OK;
    }
    transform = strstr(r->uri, TC_TRANSFORM);
    if (transform)
        return tc_url_remove_transform(r, transform);
    call = inherited_call(r);
    if (call)
        tc_request_of(r)->call = call;
    return DECLINED;
}

int tc_url_translate_rewritten(request_rec *r)
{
    const char *transform = r->proxyreq || !r->uri ? NULL : strstr(r->uri, TC_TRANSFORM);
    const tc_call *call = tc_url_call(r);

    /* Taken out once, a second one is part of the source's path. */
    return transform && !(call && call != inherited_call(r))
               ? tc_url_remove_transform(r, transform)
               : DECLINED;
}

const request_rec *tc_url_requested(const request_rec *r)
{
    /* An error document's request has another's status; that is not the source. */
    while (r->prev && ap_is_HTTP_SUCCESS(r->prev->status))
        r = r->prev;
    return r;
}

unsigned tc_url_slashes(const request_rec *r)
{
    const core_server_config *server = ap_get_core_module_config(r->server->module_config);
    const core_dir_config *dir = ap_get_core_module_config(r->per_dir_config);

    return (server->merge_slashes != AP_CORE_CONFIG_OFF ? TC_SPELLING_MERGE : 0) |
           (dir->allow_encoded_slashes && dir->decode_encoded_slashes ? TC_SPELLING_SLASHES
                                                                      : 0);
}

const char *tc_url_find_transform(const char *path, const char **params, const char **end)
{
    const char *transform = strstr(path, TC_TRANSFORM);

    *params = transform ? transform + strlen(TC_TRANSFORM) : NULL;
    *end = transform ? strpbrk(*params, ")/") : NULL;
    if (*end && **end != ')')
        *end = NULL;
    return transform;
}

int tc_url_received(request_rec *r)
{
    const char *params, *end;
    tc_spelling spelling;

    if (!r->proxyreq && !r->prev && !r->main && r->unparsed_uri &&
        tc_spelling_read(r->pool, r->unparsed_uri, tc_url_slashes(r), &spelling) &&
        tc_url_find_transform(spelling.path, &params, &end) && end) {
        tc_accept_reduce(r);
        tc_conditions_need_tags(r);
    }
    return DECLINED;
}

/* The last path of `r` and of those before it that has the transform, NULL when none has. */
static const char *unparsed_path(const request_rec *r, unsigned options)
{
    const request_rec *requested = tc_url_requested(r);
    tc_spelling spelling;

    for (;; r = r->prev) {
        if (r->unparsed_uri && tc_spelling_read(r->pool, r->unparsed_uri, options, &spelling) &&
            strstr(spelling.path, TC_TRANSFORM))
            return spelling.path;
        if (r == requested)
            return NULL;
    }
}

const tc_call *tc_url_unparsed(request_rec *r)
{
    unsigned options = tc_url_slashes(r);
    const char *whole = unparsed_path(r, options), *transform, *params, *end;
    tc_call *call;

    /* One that a segment of dots removes: the path that is mapped is without it. */
    if (!whole)
        whole = unparsed_path(r, options | TC_SPELLING_AS_WRITTEN);
    transform = whole ? tc_url_find_transform(whole, &params, &end) : NULL;
    if (!transform || !end)
        return NULL;
    call = make_call(
        r, TC_CALL_UNPARSED, apr_pstrmemdup(r->pool, params, (apr_size_t)(end - params)),
        apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, whole, (apr_size_t)(transform - whole)),
                    end + 1, NULL));
    call->whole = whole;
    return call;
}

bool tc_url_is_malformed(const request_rec *r)
{
    const char *requested = tc_url_requested(r)->unparsed_uri;
    tc_spelling spelling;

    return requested && tc_spelling_read(r->pool, requested, tc_url_slashes(r), &spelling) &&
           strstr(spelling.path, "/small_light");
}

/* ---- the query --------------------------------------------------------------------- */

/* Other keys belong to the source, or to nobody. A sign that parts parameters could, in a
   value, make one. */
static bool is_parameter(const char *key, const char *value)
{
    return tc_params_known(key, strlen(key)) && !strpbrk(value, ",;");
}

/* The path that the client asked for, whatever it was rewritten to since. */
static const char *requested_path(const request_rec *r)
{
    while (r->prev)
        r = r->prev;
    return r->parsed_uri.path ? r->parsed_uri.path : r->uri;
}

/* Decode one KEY=VALUE in place; false when it is none, or none that decodes. */
static bool decode_pair(char *pair, char **value)
{
    *value = strchr(pair, '=');
    if (!*value)
        return false;
    *(*value)++ = '\0';
    /* A zero byte would end the value unseen; no value has a control character. */
    if (strstr(*value, "%00"))
        strcpy(*value, "\1");
    return ap_unescape_urlencoded(pair) == OK && ap_unescape_urlencoded(*value) == OK;
}

static char *append(char *to, char sign, const char *text)
{
    size_t length = strlen(text);

    *to++ = sign;
    memcpy(to, text, length);
    return to + length;
}

/* A signature alone, without a parameter, is somebody else's. */
const char *tc_url_query_text(apr_pool_t *pool, const char *query, bool is_signed, bool *others)
{
    char *copy = apr_pstrdup(pool, query), *state, *pair, *value;
    /* Decoding makes nothing longer, and each pair has a sign before it and one within. */
    char *text = apr_palloc(pool, strlen(query) + 2), *to = text;
    bool has_params = false, left = false;

    for (pair = apr_strtok(copy, "&", &state); pair; pair = apr_strtok(NULL, "&", &state)) {
        bool taken = decode_pair(pair, &value);

        if (taken && is_parameter(pair, value))
            has_params = true;
        else
            taken = taken && is_signed && tc_sign_is_key(pair, strlen(pair)) &&
                    !strpbrk(value, ",;");
        left |= !taken;
        if (taken)
            to = append(append(to, ',', pair), '=', value);
    }
    *to = '\0';
    if (others)
        *others = left;
    return has_params ? text + 1 : NULL;
}

static void read_query(request_rec *r, bool is_signed)
{
    bool others;
    const char *text = tc_url_query_text(r->pool, r->args, is_signed, &others);

    if (text)
        make_call(r, TC_CALL_QUERY, text, requested_path(r))->others = others;
}

/* ---- which handler ------------------------------------------------------------------- */

/* Whether the handler is none, the default one, or only the content type's name. */
static bool is_default_handler(const request_rec *r)
{
    const char *handler = r->handler, *type = r->content_type;
    size_t length = type ? strcspn(type, "; ") : 0;

    return !handler || strcmp(handler, AP_DEFAULT_HANDLER_NAME) == 0 ||
           (length && strncmp(handler, type, length) == 0 && !handler[length]);
}

/* SVG is text that no codec reads; with a query it stays what it is. */
bool tc_url_is_picture(const request_rec *r)
{
    const tc_call *call = tc_url_call(r);
    const char *type = r->content_type;

    if (!call || call->kind != TC_CALL_QUERY)
        return true;
    return type && strncasecmp(type, "image/", 6) == 0 &&
           strncasecmp(type, "image/svg", 9) != 0;
}

bool tc_url_may_be_picture(const request_rec *r)
{
    return !r->content_type || tc_url_is_picture(r);
}

static bool has_path_info(const request_rec *r)
{
    return r->path_info && *r->path_info;
}

/* Whether the URI is mapped to a picture, or to something behind its name. */
static bool maps_to_picture(const request_rec *r)
{
    const char *type = r->content_type;

    if (r->proxyreq || !r->filename || r->finfo.filetype != APR_REG || !is_default_handler(r))
        return false;
    if (!type)
        return true;
    return tc_url_is_picture(r) && (strncasecmp(type, "image/", 6) == 0 ||
                                    strcasecmp(type, "application/octet-stream") == 0);
}

bool tc_url_is_picture_file(const request_rec *r)
{
    return maps_to_picture(r) && !has_path_info(r);
}

bool tc_url_is_behind_file(const request_rec *r)
{
    return maps_to_picture(r) && has_path_info(r);
}

int tc_url_fixup(request_rec *r)
{
    const tc_settings *settings;

    if (!r->filename || strncmp(r->filename, "redirect:", 9) == 0)
        return DECLINED;
    if (!tc_url_call(r) && r->args && r->method_number == M_GET) {
        settings = tc_config_settings(r);
        if (settings->query)
            read_query(r, settings->secrets != NULL);
    }
    return DECLINED;
}
