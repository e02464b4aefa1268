/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include "handler.h"
#include "request.h"
#include "url.h"

#include <http_core.h>

#include <stdbool.h>

static bool begins_with(const char *type, const char *start)
{
    return strncasecmp(type, start, strlen(start)) == 0;
}

/*
 * What a browser shows, or takes for its pages, and no codec reads. Not the types of programs'
 * sources, text/x-perl, application/x-httpd-php, which nobody is to read.
 */
static bool is_page_type(const char *type)
{
    static const char *const pages[] = {"image/svg+xml", "audio/", "video/", "font/"};
    static const char *const applications[] = {"javascript",    "json", "xml",
                                               "manifest+json", "pdf",  "xhtml+xml"};
    const char *name = begins_with(type, "application/") ? type + strlen("application/") : NULL;

    for (size_t at = 0; at < sizeof pages / sizeof pages[0]; at++) {
        if (begins_with(type, pages[at]))
            return true;
    }
    for (size_t at = 0; name && at < sizeof applications / sizeof applications[0]; at++) {
        size_t length = strlen(applications[at]);

        if (begins_with(name, applications[at]) && strchr("; ", name[length]))
            return true;
    }
    return begins_with(type, "text/") && !begins_with(type, "text/x-");
}

int tc_pages_note(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);

    if (!r->handler && (core->handler || core->expr_handler))
        tc_request_of(r)->no_handler = true;
    return DECLINED;
}

int tc_pages_spare(request_rec *r)
{
    const tc_request *request = tc_request_find(r);

    if (request && request->no_handler && r->handler && strcmp(r->handler, TC_HANDLER) == 0 &&
        r->content_type && is_page_type(r->content_type) && !tc_url_is_transform(r))
        r->handler = NULL;
    return DECLINED;
}
