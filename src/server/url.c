/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

#include "accept.h"
#include "config.h"
#include "handler.h"
#include "respond.h"
#include "sign.h"
#include "spelling.h"

#include <http_core.h>
#include <http_log.h>

#include <apr_lib.h>
#include <apr_strings.h>

APLOG_USE_MODULE(tmpfs_convert);

#define FUNCTION "/small_light("

const tc_call *tc_url_call(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &tmpfs_convert_module);
}

bool tc_url_is_function(const request_rec *r)
{
    const tc_call *call = tc_url_call(r);

    return call && call->kind == TC_CALL_FUNCTION;
}

static void keep_call(request_rec *r, const tc_call *call)
{
    ap_set_module_config(r->request_config, &tmpfs_convert_module, (void *)call);
}

static tc_call *make_call(request_rec *r, tc_call_kind kind, const char *text, const char *path)
{
    tc_call *call = apr_pcalloc(r->pool, sizeof *call);

    call->kind = kind;
    call->text = text;
    call->path = path;
    keep_call(r, call);
    return call;
}

/* ---- the function --------------------------------------------------------------- */

/*
 * When the original is rewritten to another URI inside the server, the request
 * goes on as a new one; the function goes with it, or the original would come
 * out whole. An error document is another matter: that is not the original.
 */
static const tc_call *inherited_call(const request_rec *r)
{
    if (r->prev && ap_is_HTTP_SUCCESS(r->prev->status))
        return tc_url_call(r->prev);
    return NULL;
}

int tc_url_translate(request_rec *r)
{
    tc_settings settings;
    const char *function, *end, *text;
    tc_fail fail;

    if (r->proxyreq || !r->uri)
        return DECLINED;
    function = strstr(r->uri, FUNCTION);
    if (!function) {
        keep_call(r, inherited_call(r));
        return DECLINED;
    }
    tc_config_settings(r, &settings);
    if (!settings.enabled)
        return DECLINED;
    end = strpbrk(function + strlen(FUNCTION), ")/");
    if (!end || end[0] != ')' || end[1] != '/') {
        tc_fail_set(&fail, TC_E_PARAM,
                    "small_light: the parameters must end with ')' and a path must follow");
        return tc_respond_error(r, &fail);
    }
    text = apr_pstrmemdup(r->pool, function + strlen(FUNCTION),
                          (apr_size_t)(end - function) - strlen(FUNCTION));
    r->uri =
        apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, r->uri, (apr_size_t)(function - r->uri)),
                    end + 1, NULL);
    make_call(r, TC_CALL_FUNCTION, text, r->uri);
    return DECLINED;
}

const request_rec *tc_url_asked(const request_rec *r)
{
    /* An error document's request has another's status; that is not the original. */
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

const char *tc_url_find_function(const char *path, const char **params, const char **end)
{
    const char *function = strstr(path, FUNCTION);

    *params = function ? function + strlen(FUNCTION) : NULL;
    *end = function ? strpbrk(*params, ")/") : NULL;
    if (*end && **end != ')')
        *end = NULL;
    return function;
}

int tc_url_received(request_rec *r)
{
    const char *params, *end;
    tc_spelling spelling;

    if (!r->proxyreq && !r->prev && !r->main && r->unparsed_uri &&
        tc_spelling_read(r->pool, r->unparsed_uri, tc_url_slashes(r), &spelling) &&
        tc_url_find_function(spelling.path, &params, &end) && end)
        tc_accept_reduce(r);
    return DECLINED;
}

const tc_call *tc_url_unparsed(request_rec *r)
{
    const char *function = NULL, *params, *end = NULL, *text;
    const request_rec *asked = tc_url_asked(r);
    tc_spelling spelling;

    for (const request_rec *from = r; !function; from = from->prev) {
        if (from->unparsed_uri &&
            tc_spelling_read(r->pool, from->unparsed_uri, tc_url_slashes(r), &spelling))
            function = tc_url_find_function(spelling.path, &params, &end);
        if (from == asked)
            break;
    }
    if (!end)
        return NULL; /* as the originals do: the path is no call then */
    text = apr_pstrmemdup(r->pool, params, (apr_size_t)(end - params));
    return make_call(r, TC_CALL_UNPARSED, text,
                     apr_pstrcat(r->pool,
                                 apr_pstrmemdup(r->pool, spelling.path,
                                                (apr_size_t)(function - spelling.path)),
                                 end + 1, NULL));
}

/* ---- the query --------------------------------------------------------------------- */

/* Other keys belong to the original, or to nobody. A sign that parts parameters could, in a
   value, make one. */
static bool is_parameter(const char *key, const char *value)
{
    return tc_params_known(key, strlen(key)) && !strpbrk(value, ",;");
}

/* The path that the client asked for, whatever it was rewritten to since. */
static const char *asked_path(const request_rec *r)
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
    bool asks = false, left = false;

    for (pair = apr_strtok(copy, "&", &state); pair; pair = apr_strtok(NULL, "&", &state)) {
        bool taken = decode_pair(pair, &value);

        if (taken && is_parameter(pair, value))
            asks = true;
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
    return asks ? text + 1 : NULL;
}

static void read_query(request_rec *r, bool is_signed)
{
    bool others;
    const char *text = tc_url_query_text(r->pool, r->args, is_signed, &others);

    if (text)
        make_call(r, TC_CALL_QUERY, text, asked_path(r))->others = others;
}

/* ---- who answers ---------------------------------------------------------------------- */

bool tc_url_is_file(const request_rec *r)
{
    return !r->proxyreq && r->filename && strncmp(r->filename, "proxy:", 6) != 0 &&
           (!r->handler || strcmp(r->handler, "default-handler") == 0 ||
            strcmp(r->handler, TC_HANDLER) == 0);
}

int tc_url_fixup(request_rec *r)
{
    tc_settings settings;

    if (!r->filename || strncmp(r->filename, "redirect:", 9) == 0)
        return DECLINED;
    if (!tc_url_call(r) && r->args && r->method_number == M_GET) {
        tc_config_settings(r, &settings);
        if (settings.query)
            read_query(r, settings.secrets != NULL);
    }
    if (tc_url_call(r) && tc_url_is_file(r))
        r->handler = TC_HANDLER;
    return DECLINED;
}
