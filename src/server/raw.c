/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"

#include "request.h"
#include "url.h"

#include <http_core.h>
#include <http_request.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct raw_uri {
    char *decoded;  /* the path */
    apr_size_t *at; /* where each of its bytes, and its end, is in the URI; NULL: there */
    char *params;   /* decoded */
    apr_size_t from, behind; /* of the transform in the decoded path: its slash, the path's */
} raw_uri;

/* The byte that an escape at `at` stands for, or -1. An encoded slash parts nothing. */
static int escaped(const char *at)
{
    char digits[3] = {at[0] == '%' ? at[1] : '\0', at[1] ? at[2] : '\0', '\0'};
    int byte;

    if (*at != '%' || !apr_isxdigit(digits[0]) || !apr_isxdigit(digits[1]))
        return -1;
    byte = (int)strtol(digits, NULL, 16);
    return byte == '/' || byte == '\0' ? -1 : byte;
}

static void decode(apr_pool_t *pool, const char *uri, size_t length, raw_uri *raw)
{
    size_t count = 0;

    raw->decoded = apr_palloc(pool, length + 1);
    raw->at = apr_palloc(pool, (length + 1) * sizeof *raw->at);
    for (size_t at = 0; at < length; count++) {
        int byte = escaped(uri + at);

        raw->at[count] = at;
        raw->decoded[count] = byte < 0 ? uri[at] : (char)byte;
        at += byte < 0 ? 1 : 3;
    }
    raw->at[count] = length;
    raw->decoded[count] = '\0';
}

/* Find the transform in the path of `uri`; false when there is none that ends. */
static bool read_raw(apr_pool_t *pool, const char *uri, raw_uri *raw)
{
    size_t length = strcspn(uri, "?#");
    const char *transform, *params, *end;

    if (memchr(uri, '%', length)) {
        decode(pool, uri, length, raw);
    } else {
        raw->decoded = apr_pstrmemdup(pool, uri, length);
        raw->at = NULL;
    }
    transform = tc_url_find_transform(raw->decoded, &params, &end);
    if (!transform || !end || end[1] != '/')
        return false;
    raw->params = apr_pstrmemdup(pool, params, (apr_size_t)(end - params));
    raw->from = (apr_size_t)(transform - raw->decoded);
    raw->behind = (apr_size_t)(end + 1 - raw->decoded);
    return true;
}

static apr_size_t place(const raw_uri *raw, apr_size_t at)
{
    return raw->at ? raw->at[at] : at;
}

/* `uri` without the transform; a copy that may be changed. */
static char *without(apr_pool_t *pool, const char *uri, const raw_uri *raw)
{
    return apr_pstrcat(pool, apr_pstrmemdup(pool, uri, place(raw, raw->from)),
                       uri + place(raw, raw->behind), NULL);
}

/* ---- mapping=encoded --------------------------------------------------------------------- */

/* Whether a module maps r->uri, which is not decoded. */
static int map(request_rec *r)
{
    tc_request *request = tc_request_of(r);
    int status;
    ap_conf_vector_t *conf = r->per_dir_config;

    /* By the sections of this URI, which may say how. */
    r->per_dir_config = r->server->lookup_defaults;
    ap_location_walk(r);
    request->is_mapping = true;
    status = ap_run_pre_translate_name(r);
    request->is_mapping = false;
    r->per_dir_config = conf;
    return status;
}

/* The transform is not allowed here, and part of the path: that is mapped as a whole. */
static void unmap(request_rec *r)
{
    static const char *const notes[] = {"proxy-nocanon", "proxy-noquery", "proxy-noencode"};

    for (size_t at = 0; at < sizeof notes / sizeof notes[0]; at++)
        apr_table_unset(r->notes, notes[at]);
    r->proxyreq = PROXYREQ_NONE;
    r->handler = NULL;
    r->filename = NULL;
}

int tc_raw_pretranslate(request_rec *r)
{
    const tc_request *request = tc_request_find(r);
    char *uri = r->uri, *requested, *source;
    raw_uri raw;
    int status, taken;

    if (r->proxyreq || !uri || (request && request->is_mapping) ||
        !read_raw(r->pool, uri, &raw))
        return DECLINED;
    r->uri = without(r->pool, uri, &raw);
    tc_raw_hide(r);
    status = map(r);
    if (!r->proxyreq) {
        tc_raw_restore(r);
        r->uri = uri;
        return DECLINED;
    }
    /* Mapped: whether there is a transform here is asked of the decoded URIs. */
    source = r->uri;
    requested = raw.decoded;
    r->uri = requested;
    r->proxyreq = PROXYREQ_NONE;
    taken = tc_url_remove_transform(r, requested + raw.from);
    r->proxyreq = PROXYREQ_REVERSE;
    if (taken != DECLINED) {
        tc_raw_restore(r);
        return taken;
    }
    if (tc_url_is_transform(r)) {
        r->uri = source;
        return status;
    }
    unmap(r);
    tc_raw_restore(r);
    r->uri = uri;
    return DECLINED;
}

/* ---- nocanon --------------------------------------------------------------------------------
 */

void tc_raw_hide(request_rec *r)
{
    tc_request *request = tc_request_of(r);
    raw_uri raw;

    if (!r->unparsed_uri || request->unparsed_uri || !read_raw(r->pool, r->unparsed_uri, &raw))
        return;
    request->unparsed_uri = r->unparsed_uri;
    r->unparsed_uri = without(r->pool, r->unparsed_uri, &raw);
}

int tc_raw_restore(request_rec *r)
{
    tc_request *request = tc_request_find(r);

    if (request && request->unparsed_uri) {
        r->unparsed_uri = request->unparsed_uri;
        request->unparsed_uri = NULL;
    }
    return DECLINED;
}
