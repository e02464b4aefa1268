/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream.h"

#include "conditions.h"
#include "request.h"
#include "tags.h"
#include "url.h"

#include <util_filter.h>

/*
 * The client's tags are the source's with the variant behind. Those of this
 * variant become the source's again, so that its server can compare; with none
 * of them no condition is left, neither the date, which counts only without tags.
 * A query may be a page's own and so its tags: they all stay.
 */
static void translate_tags(request_rec *r, const char *variant, bool is_query)
{
    const char *tags = apr_table_get(r->headers_in, "If-None-Match");
    const char *made;

    if (!tags || strcmp(tags, "*") == 0)
        return;
    made = tc_tags_of_source(r->pool, tags, variant);
    if (is_query) {
        if (made)
            apr_table_mergen(r->headers_in, "If-None-Match", made);
    } else if (made) {
        apr_table_setn(r->headers_in, "If-None-Match", made);
    } else {
        apr_table_unset(r->headers_in, "If-None-Match");
        apr_table_unset(r->headers_in, "If-Modified-Since");
    }
}

void tc_upstream_request(request_rec *r, const char *variant)
{
    tc_request *request = tc_request_of(r);
    bool is_query = request->call && request->call->kind == TC_CALL_QUERY;

    if (request->client_headers)
        return;
    request->client_headers = r->headers_in;
    r->headers_in = apr_table_copy(r->pool, r->headers_in);
    apr_table_setn(r->headers_in, "Accept-Encoding", "identity");
    apr_table_unset(r->headers_in, "Range");
    apr_table_unset(r->headers_in, "If-Range");
    if (tc_url_may_be_picture(r))
        tc_conditions_need_tags(r);
    translate_tags(r, variant, is_query);
    /* For a server that packs all the same; it stands before us, by its type. A packed file
       that is asked for with a query of its own stays packed. */
    if ((!is_query || r->proxyreq) && ap_get_output_filter_handle("INFLATE"))
        ap_add_output_filter("INFLATE", NULL, r, r->connection);
}

void tc_upstream_restore(request_rec *r)
{
    tc_request *request = tc_request_find(r);

    if (!request || !request->client_headers)
        return;
    r->headers_in = request->client_headers;
    request->client_headers = NULL;
}

int tc_upstream_redirected(request_rec *r)
{
    tc_request *before = r->prev ? tc_request_find(r->prev) : NULL;

    if (before && before->client_headers)
        r->headers_in = before->client_headers;
    return DECLINED;
}
