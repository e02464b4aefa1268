/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include "config.h"
#include "image/codec.h"
#include "system/dentry.h"

#include <http_protocol.h>
#include <http_request.h>

#include <apr_strings.h>

#include <inttypes.h>

static void put_row(request_rec *r, const char *name, const char *value)
{
    ap_rvputs(r, "<tr><th>", ap_escape_html(r->pool, name), "</th><td>",
              ap_escape_html(r->pool, value), "</td></tr>\n", NULL);
}

static void put_count(request_rec *r, const char *name, uint64_t value)
{
    put_row(r, name, apr_psprintf(r->pool, "%" PRIu64, value));
}

static void put_dentries(request_rec *r)
{
    tc_dentry_state state;

    tc_dentry_read(&state, NULL);
    ap_rputs("<h2>Kernel's dentry cache, whole host</h2>\n<table>\n", r);
    if (state.error) {
        char words[120];
        put_row(r, "not readable", apr_strerror(state.error, words, sizeof words));
    } else {
        put_count(r, "dentries", state.dentries);
        put_count(r, "unused", state.unused);
        if (state.has_negative)
            put_count(r, "negative", state.negative);
        else
            put_row(r, "negative", "not counted by this kernel");
    }
    ap_rputs("</table>\n", r);
}

static void put_place(request_rec *r, const tc_spool_dir *dir)
{
    uint64_t available, total;
    int error = tc_temp_space(dir->path, &available, &total);
    char words[120];

    put_row(r, dir->path,
            error ? apr_psprintf(r->pool, "%s, not readable: %s", dir->fs.name,
                                 apr_strerror(error, words, sizeof words))
                  : apr_psprintf(r->pool, "%s, %" PRIu64 " of %" PRIu64 " MiB available",
                                 dir->fs.name, available >> 20, total >> 20));
}

static void put_places(request_rec *r)
{
    const tc_spool_places *places = tc_config_places(r->server);

    ap_rputs("<h2>Temporary files</h2>\n<table>\n", r);
    put_row(r, "method", tc_temp_method_name(places->method));
    for (unsigned at = 0; at < places->dirs; at++)
        put_place(r, &places->dir[at]);
    ap_rputs("</table>\n", r);
}

int tc_status_handler(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, TC_STATUS_HANDLER) != 0)
        return DECLINED;
    ap_allow_standard_methods(r, MERGE_ALLOW, M_GET, -1);
    if (r->method_number != M_GET)
        return HTTP_METHOD_NOT_ALLOWED;
    ap_set_content_type(r, "text/html; charset=utf-8");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    if (r->header_only)
        return OK;
    ap_rputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
             "<title>tmpstat</title></head>\n<body>\n<h1>tmpstat</h1>\n<table>\n",
             r);
    put_row(r, "codecs", tc_codec_versions());
    ap_rputs("</table>\n", r);
    put_places(r);
    put_dentries(r);
    ap_rputs("</body></html>\n", r);
    return OK;
}
