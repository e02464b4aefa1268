/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module that sends files as mod_xsendfile does: a filter of the same name and kind, which
 * puts the file that X-Sendfile names in the place of the answer's body.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include <apr_buckets.h>

static apr_status_t send_file(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    const char *name = apr_table_get(r->headers_out, "X-Sendfile");
    apr_bucket *end = apr_bucket_eos_create(bb->bucket_alloc);
    apr_file_t *file;
    apr_finfo_t info;

    ap_remove_output_filter(f);
    if (!name)
        name = apr_table_get(r->err_headers_out, "X-Sendfile");
    if (!name || apr_file_open(&file, name, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT,
                               r->pool) != APR_SUCCESS)
        return ap_pass_brigade(f->next, bb);
    apr_table_unset(r->headers_out, "X-Sendfile");
    apr_table_unset(r->err_headers_out, "X-Sendfile");
    apr_brigade_cleanup(bb);
    apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_MTIME, file);
    ap_set_content_length(r, info.size);
    ap_update_mtime(r, info.mtime);
    ap_set_last_modified(r);
    apr_brigade_insert_file(bb, file, 0, info.size, r->pool);
    APR_BRIGADE_INSERT_TAIL(bb, end);
    return ap_pass_brigade(f->next, bb);
}

static void insert(request_rec *r)
{
    ap_add_output_filter("XSENDFILE", NULL, r, r->connection);
}

static void hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_register_output_filter("XSENDFILE", send_file, NULL, AP_FTYPE_CONTENT_SET);
    ap_hook_insert_filter(insert, NULL, NULL, APR_HOOK_LAST + 1);
}

AP_DECLARE_MODULE(sendfile) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks, 0};
