/* SPDX-License-Identifier: Apache-2.0 */
#include "location.h"

#include "call.h"
#include "request.h"
#include "spelling.h"
#include "url.h"

#include <http_core.h>
#include <http_protocol.h>
#include <mod_core.h>

#include <apr_strings.h>
#include <apr_uri.h>

#include <string.h>

/* The Location before and after; before: NULL when there is none, or it stays. */
typedef struct location_change {
    const char *before, *after;
    bool is_own;              /* the body is httpd's */
    apr_bucket_brigade *body; /* what came of it so far; NULL: nothing */
} location_change;

static void insert(request_rec *r, bool is_own)
{
    location_change *change;

    if (!tc_url_is_transform(r))
        return;
    change = apr_pcalloc(r->pool, sizeof *change);
    change->is_own = is_own;
    ap_add_output_filter(TC_LOCATION_FILTER, change, r, r->connection);
}

void tc_location_insert(request_rec *r)
{
    insert(r, false);
}

void tc_location_insert_error(request_rec *r)
{
    insert(r, true);
}

/* Another server, which knows nothing of the transform, sends the client to another still. */
static bool leads_elsewhere(request_rec *r, const apr_uri_t *uri)
{
    const char *host = r->hostname ? r->hostname : ap_get_server_name(r);

    return r->proxyreq && uri->hostname && strcasecmp(uri->hostname, host) != 0;
}

/* To a page about this response, and not to where the source is: what ErrorDocument names, and
   where a module sends a client that has to log in. */
static bool leads_to_page(request_rec *r, const char *location)
{
    const tc_request *request = tc_request_find(r);

    if (request && request->is_deciding)
        return true;
    for (int status = HTTP_BAD_REQUEST; status < 600; status++) {
        const char *page = ap_response_code_string(r, ap_index_of_response(status));

        if (page && strcmp(page, location) == 0)
            return true;
    }
    return false;
}

static bool has_transform(request_rec *r, const char *path)
{
    const char *params, *end;
    tc_spelling spelling;

    return tc_spelling_read(r->pool, path, tc_url_slashes(r), &spelling) &&
           tc_url_find_transform(spelling.path, &params, &end);
}

/* `location` with the transform where the client had it, or NULL when it stays as it is. */
static const char *with_transform(request_rec *r, const char *location)
{
    const tc_call *call = tc_url_call(r);
    const char *in_whole = strstr(call->whole, TC_TRANSFORM), *transform;
    size_t before = in_whole ? (size_t)(in_whole - call->whole) : 0;
    const char *prefix = ap_escape_uri(r->pool, apr_pstrmemdup(r->pool, call->whole, before));
    const char *rest;
    apr_uri_t uri;

    if (apr_uri_parse(r->pool, location, &uri) != APR_SUCCESS || !uri.path ||
        *uri.path != '/' || has_transform(r, uri.path) || leads_elsewhere(r, &uri) ||
        (uri.scheme && strcasecmp(uri.scheme, "http") != 0 &&
         strcasecmp(uri.scheme, "https") != 0))
        return NULL;
    transform = apr_pstrcat(r->pool, TC_TRANSFORM, ap_escape_path_segment(r->pool, call->text),
                            ")", NULL);
    before = strlen(prefix);
    if (strncmp(uri.path, prefix, before) != 0 || uri.path[before] != '/')
        before = 0;
    rest = uri.path + before;
    uri.path =
        apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, uri.path, before), transform, rest, NULL);
    return apr_uri_unparse(r->pool, &uri, 0);
}

static void rewrite(request_rec *r, apr_table_t *headers, location_change *change)
{
    const char *location = apr_table_get(headers, "Location");
    const char *made =
        location && !leads_to_page(r, location) ? with_transform(r, location) : NULL;

    if (!made)
        return;
    apr_table_setn(headers, "Location", made);
    change->before = location;
    change->after = made;
}

/* ---- the body ------------------------------------------------------------------------ */

/* httpd's own, made before it asks for filters, is a few lines and a link. */
#define BODY_MOST 65536

static const char *link_to(apr_pool_t *pool, const char *location)
{
    return apr_pstrcat(pool, "href=\"", ap_escape_html(pool, location), "\"", NULL);
}

static apr_status_t pass_changed(ap_filter_t *f, location_change *change)
{
    apr_pool_t *pool = f->r->pool;
    const char *from = link_to(pool, change->before), *to = link_to(pool, change->after), *at;
    apr_bucket *first = APR_BRIGADE_FIRST(change->body);
    apr_size_t length;
    char *text;

    if (apr_brigade_pflatten(change->body, &text, &length, pool) == APR_SUCCESS) {
        text = apr_pstrmemdup(pool, text, length);
        at = strstr(text, from);
        if (at) {
            text = apr_pstrcat(pool, apr_pstrmemdup(pool, text, (apr_size_t)(at - text)), to,
                               at + strlen(from), NULL);
            while (!APR_BUCKET_IS_EOS(first)) {
                apr_bucket_delete(first);
                first = APR_BRIGADE_FIRST(change->body);
            }
            APR_BUCKET_INSERT_BEFORE(first,
                                     apr_bucket_pool_create(text, strlen(text), pool,
                                                            f->r->connection->bucket_alloc));
            apr_table_unset(f->r->headers_out, "Content-Length");
        }
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, change->body);
}

static bool is_whole(const apr_bucket_brigade *bb)
{
    return !APR_BRIGADE_EMPTY(bb) && APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb));
}

/* The body is kept until all of it is there. */
static apr_status_t keep_body(ap_filter_t *f, location_change *change, apr_bucket_brigade *bb)
{
    apr_off_t length = 0;

    ap_save_brigade(f, &change->body, &bb, f->r->pool);
    if (is_whole(change->body))
        return pass_changed(f, change);
    if (apr_brigade_length(change->body, 1, &length) == APR_SUCCESS && length <= BODY_MOST)
        return APR_SUCCESS;
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, change->body);
}

apr_status_t tc_location_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    location_change *change = f->ctx;

    if (change->body)
        return keep_body(f, change, bb);
    /* A redirect to the canonical spelling names it whole. */
    if (ap_is_HTTP_REDIRECT(r->status) && !tc_call_canonical(r)) {
        rewrite(r, r->headers_out, change);
        rewrite(r, r->err_headers_out, change);
    }
    if (change->before && change->is_own && !r->header_only)
        return keep_body(f, change, bb);
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}
