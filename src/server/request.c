/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include "config.h"
#include "job.h"

#include <apr_strings.h>

tc_request *tc_request_find(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &tmpfs_convert_module);
}

tc_request *tc_request_of(request_rec *r)
{
    tc_request *request = tc_request_find(r);

    if (!request) {
        request = apr_pcalloc(r->pool, sizeof *request);
        ap_set_module_config(r->request_config, &tmpfs_convert_module, request);
    }
    return request;
}

const char *tc_request_canonical(request_rec *r)
{
    tc_request *request = tc_request_of(r);
    char text[TC_CANONICAL_MAX];

    if (!request->canonical && request->job && !request->refused) {
        tc_params_canonical(&request->job->params, text, sizeof text);
        request->canonical = apr_pstrdup(r->pool, text);
    }
    return request->canonical;
}
