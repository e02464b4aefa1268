/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

#include "config.h"
#include "request.h"
#include "respond.h"
#include "sections.h"
#include "sign.h"

#include <http_log.h>
#include <http_request.h>

#include <apr_lib.h>
#include <apr_strings.h>

APLOG_USE_MODULE(tmpfs_convert);

#define FUNCTION TC_FUNCTION

const tc_call *tc_url_call(const request_rec *r)
{
    const tc_request *request = tc_request_find(r);

    return request ? request->call : NULL;
}

bool tc_url_is_function(const request_rec *r)
{
    const tc_call *call = tc_url_call(r);

    return call && call->kind == TC_CALL_FUNCTION;
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

/* Take the function that begins at `function` out of r->uri, where it is allowed. */
static int take_function(request_rec *r, const char *function)
{
    const char *parameters = function + strlen(FUNCTION), *end = strpbrk(parameters, ")/");
    bool whole = end && end[0] == ')' && end[1] == '/';
    char *asked = r->uri, *original;
    tc_fail fail;

    original =
        apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, asked, (apr_size_t)(function - asked)),
                    whole ? end + 1 : "", NULL);
    if (!(whole ? tc_sections_enable(r, original) : tc_sections_enabled(r)))
        return DECLINED;
    /* A module that stores or removes files, mod_dav, is not to get the original's URI. */
    if (r->method_number != M_GET && r->method_number != M_OPTIONS) {
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, M_OPTIONS, -1);
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (!whole) {
        tc_fail_set(&fail, TC_E_PARAM,
                    "small_light: the parameters must end with ')' and a path must follow");
        return tc_respond_error(r, &fail);
    }
    r->uri = original;
    make_call(r, TC_CALL_FUNCTION,
              apr_pstrmemdup(r->pool, parameters, (apr_size_t)(end - parameters)), original)
        ->whole = asked;
    return DECLINED;
}

int tc_url_translate(request_rec *r)
{
    const char *function;
    const tc_call *call;

    if (r->proxyreq || !r->uri)
        return DECLINED;
    if (tc_sections_is_check(r)) {
        r->filename = apr_pstrdup(r->pool, r->uri);
        return OK;
    }
    function = strstr(r->uri, FUNCTION);
    if (function)
        return take_function(r, function);
    call = inherited_call(r);
    if (call)
        tc_request_of(r)->call = call;
    return DECLINED;
}

int tc_url_translate_rewritten(request_rec *r)
{
    const char *function = r->proxyreq || !r->uri ? NULL : strstr(r->uri, FUNCTION);
    const tc_call *call = tc_url_call(r);

    /* Taken out once, a second one is part of the original's path. */
    return function && !(call && call != inherited_call(r)) ? take_function(r, function)
                                                            : DECLINED;
}

static int hex(char c)
{
    return apr_isdigit(c) ? c - '0' : apr_tolower(c) - 'a' + 10;
}

/* The character at `*at`, percent-encoded or not, and past it. */
static char next_char(const char **at)
{
    const char *from = *at;

    if (from[0] == '%' && apr_isxdigit(from[1]) && apr_isxdigit(from[2])) {
        *at = from + 3;
        return (char)(hex(from[1]) * 16 + hex(from[2]));
    }
    *at = from + 1;
    return *from;
}

/* The end of `word` at the beginning of `text`, or NULL. */
static const char *match(const char *text, const char *word)
{
    while (*word) {
        if (!*text || next_char(&text) != *word++)
            return NULL;
    }
    return text;
}

/* Not in a query: there it would be nothing but text. */
const char *tc_url_find(const char *path)
{
    for (; *path && *path != '?'; path++) {
        if (*path == '/' && match(path, FUNCTION))
            return path;
    }
    return NULL;
}

/* The parenthesis that closes what begins at `parameters`, and where it ends; or NULL. */
static const char *find_end(const char *parameters, const char **behind)
{
    for (const char *at = parameters, *next; *at && *at != '/' && *at != '?'; at = next) {
        next = at;
        if (next_char(&next) == ')') {
            *behind = next;
            return at;
        }
    }
    return NULL;
}

const tc_call *tc_url_unparsed(request_rec *r)
{
    const char *whole = NULL, *function = NULL, *parameters, *end, *behind;
    char *text, *path, *decoded;
    tc_call *call;

    /* An error document's request has another's status; that is not the original. */
    for (const request_rec *from = r; from && !function; from = from->prev) {
        whole = from->unparsed_uri;
        if (whole && (from == r || ap_is_HTTP_SUCCESS(from->status)))
            function = tc_url_find(whole);
    }
    parameters = function ? match(function, FUNCTION) : NULL;
    end = parameters ? find_end(parameters, &behind) : NULL;
    if (!end)
        return NULL;
    text = apr_pstrmemdup(r->pool, parameters, (apr_size_t)(end - parameters));
    path = apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, whole, (apr_size_t)(function - whole)),
                       apr_pstrmemdup(r->pool, behind, strcspn(behind, "?")), NULL);
    decoded = apr_pstrmemdup(r->pool, whole, strcspn(whole, "?"));
    /* Slashes within are as good as any sign here, for no path to a file is made of it. */
    if (ap_unescape_url_keep2f(text, 1) != OK || ap_unescape_url_keep2f(path, 1) != OK ||
        ap_unescape_url_keep2f(decoded, 1) != OK)
        return NULL;
    call = make_call(r, TC_CALL_UNPARSED, text, path);
    call->whole = decoded;
    return call;
}

bool tc_url_is_malformed(const request_rec *r)
{
    const request_rec *first = r;
    const char *at;

    while (first->prev && ap_is_HTTP_SUCCESS(first->prev->status))
        first = first->prev;
    for (at = first->unparsed_uri; at && *at && *at != '?'; at++) {
        if (*at == '/' && match(at, "/small_light"))
            return true;
    }
    return false;
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

bool tc_url_is_picture_file(const request_rec *r)
{
    const char *type = r->content_type;

    if (r->proxyreq || !r->filename || r->finfo.filetype != APR_REG ||
        (r->path_info && *r->path_info) || !is_default_handler(r))
        return false;
    if (!type)
        return true;
    return tc_url_is_picture(r) && (strncasecmp(type, "image/", 6) == 0 ||
                                    strcasecmp(type, "application/octet-stream") == 0);
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
    return DECLINED;
}
