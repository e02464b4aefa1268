/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

#include "config.h"
#include "handler.h"
#include "respond.h"
#include "sign.h"

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
    tc_call *call = apr_palloc(r->pool, sizeof *call);

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

/* The function in the path of `uri`; in a query it would be nothing but text. */
static const char *find_in_path(const char *uri)
{
    const char *function = strstr(uri, FUNCTION), *query = strchr(uri, '?');

    return function && query && query < function ? NULL : function;
}

const tc_call *tc_url_unparsed(request_rec *r)
{
    const char *whole = NULL, *function = NULL, *end;
    char *text, *path;

    /* An error document's request has another's status; that is not the original. */
    for (const request_rec *from = r; from && !function; from = from->prev) {
        whole = from->unparsed_uri;
        if (whole && (from == r || ap_is_HTTP_SUCCESS(from->status)))
            function = find_in_path(whole);
    }
    end = function ? strpbrk(function + strlen(FUNCTION), ")/?") : NULL;
    if (!end || *end != ')')
        return NULL; /* as the originals do: the path is no call then */
    text = apr_pstrmemdup(r->pool, function + strlen(FUNCTION),
                          (apr_size_t)(end - function) - strlen(FUNCTION));
    path = apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, whole, (apr_size_t)(function - whole)),
                       apr_pstrmemdup(r->pool, end + 1, strcspn(end + 1, "?")), NULL);
    /* Slashes within are as good as any sign here, for no path to a file is made of it. */
    if (ap_unescape_url_keep2f(text, 1) != OK || ap_unescape_url_keep2f(path, 1) != OK)
        return NULL;
    return make_call(r, TC_CALL_UNPARSED, text, path);
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

/* A signature alone, without a parameter, is somebody else's. */
static void read_query(request_rec *r, bool is_signed)
{
    char *copy = apr_pstrdup(r->pool, r->args), *state, *pair;
    const char *text = NULL;
    bool asks = false;

    for (pair = apr_strtok(copy, "&", &state); pair; pair = apr_strtok(NULL, "&", &state)) {
        char *value = strchr(pair, '=');

        if (!value)
            continue;
        *value++ = '\0';
        /* A zero byte would end the value unseen; no value has a control character. */
        if (strstr(value, "%00"))
            value = apr_pstrdup(r->pool, "%01");
        if (ap_unescape_urlencoded(pair) != OK || ap_unescape_urlencoded(value) != OK)
            continue;
        if (is_parameter(pair, value))
            asks = true;
        else if (!is_signed || !tc_sign_is_key(pair, strlen(pair)) || strpbrk(value, ",;"))
            continue;
        text = text ? apr_pstrcat(r->pool, text, ",", pair, "=", value, NULL)
                    : apr_pstrcat(r->pool, pair, "=", value, NULL);
    }
    if (asks)
        make_call(r, TC_CALL_QUERY, text, asked_path(r));
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
