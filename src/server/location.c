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

void tc_location_insert(request_rec *r)
{
    if (tc_url_is_function(r))
        ap_add_output_filter(TC_LOCATION_FILTER, NULL, r, r->connection);
}

/* Another server, which knows nothing of the function, sends the client to another still. */
static bool leads_elsewhere(request_rec *r, const apr_uri_t *uri)
{
    const char *host = r->hostname ? r->hostname : ap_get_server_name(r);

    return r->proxyreq && uri->hostname && strcasecmp(uri->hostname, host) != 0;
}

/* To a page about this answer, and not to where the original is: what ErrorDocument names, and
   what a module sends a client to who has to log in. */
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

static bool has_function(request_rec *r, const char *path)
{
    const char *params, *end;
    tc_spelling spelling;

    return tc_spelling_read(r->pool, path, tc_url_slashes(r), &spelling) &&
           tc_url_find_function(spelling.path, &params, &end);
}

/* `location` with the function where the client had it, or NULL when it stays as it is. */
static const char *with_function(request_rec *r, const char *location)
{
    const tc_call *call = tc_url_call(r);
    const char *in_whole = strstr(call->whole, TC_FUNCTION), *function;
    size_t before = in_whole ? (size_t)(in_whole - call->whole) : 0;
    const char *prefix = ap_escape_uri(r->pool, apr_pstrmemdup(r->pool, call->whole, before));
    const char *rest;
    apr_uri_t uri;

    if (apr_uri_parse(r->pool, location, &uri) != APR_SUCCESS || !uri.path ||
        *uri.path != '/' || has_function(r, uri.path) || leads_elsewhere(r, &uri) ||
        (uri.scheme && strcasecmp(uri.scheme, "http") && strcasecmp(uri.scheme, "https")))
        return NULL;
    function = apr_pstrcat(r->pool, TC_FUNCTION, ap_escape_path_segment(r->pool, call->text),
                           ")", NULL);
    before = strlen(prefix);
    if (strncmp(uri.path, prefix, before) != 0 || uri.path[before] != '/')
        before = 0;
    rest = uri.path + before;
    uri.path =
        apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, uri.path, before), function, rest, NULL);
    return apr_uri_unparse(r->pool, &uri, 0);
}

static void rewrite(request_rec *r, apr_table_t *headers)
{
    const char *location = apr_table_get(headers, "Location");
    const char *made =
        location && !leads_to_page(r, location) ? with_function(r, location) : NULL;

    if (made)
        apr_table_setn(headers, "Location", made);
}

apr_status_t tc_location_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    /* A redirect to the canonical spelling names it whole. */
    if (ap_is_HTTP_REDIRECT(f->r->status) && !tc_call_canonical(f->r)) {
        rewrite(f->r, f->r->headers_out);
        rewrite(f->r, f->r->err_headers_out);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}
