/* SPDX-License-Identifier: Apache-2.0 */
#include "conditions.h"

#include <stdbool.h>
#include <string.h>

static bool has(const request_rec *r, const char *header)
{
    return apr_table_get(r->headers_in, header) != NULL;
}

void tc_conditions_need_tags(request_rec *r)
{
    const char *whole = apr_table_get(r->headers_in, "If-Range");

    /* A subrequest's headers are the page's. */
    if (r->main)
        return;
    if (!has(r, "If-None-Match"))
        apr_table_unset(r->headers_in, "If-Modified-Since");
    /* No part is sent to be put to parts of another conversion. That the source has changed
       since, 412, a date does tell. */
    if ((whole && !strchr(whole, '"')) ||
        (has(r, "If-Unmodified-Since") && !has(r, "If-Match"))) {
        apr_table_unset(r->headers_in, "Range");
        apr_table_unset(r->headers_in, "If-Range");
    }
}
