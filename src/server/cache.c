/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include "request.h"
#include "url.h"

#include <apr_strings.h>

int tc_cache_key(request_rec *r)
{
    tc_request *request = tc_request_find(r);

    if (request && request->call && request->call->whole) {
        request->mapped_uri = r->uri;
        r->uri = apr_pstrdup(r->pool, request->call->whole);
    }
    return DECLINED;
}

void tc_cache_keyed(request_rec *r)
{
    tc_request *request = tc_request_find(r);

    if (!request || !request->mapped_uri)
        return;
    r->uri = request->mapped_uri;
    request->mapped_uri = NULL;
}

static bool sets_cookie(const request_rec *r)
{
    return apr_table_get(r->headers_out, "Set-Cookie") ||
           apr_table_get(r->err_headers_out, "Set-Cookie");
}

apr_status_t tc_cache_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    const tc_request *request = tc_request_find(r);

    if (sets_cookie(r) || (r->user && request && request->job && !request->in_place))
        apr_table_setn(r->subprocess_env, "no-cache", "1");
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}
