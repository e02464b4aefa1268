/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module that runs programs as mod_php does: its handler answers for a content type.
 * "Running" a file is to answer "NAME ran", or what lies in NAME.out, with the type that its
 * last ending stands for: .png, or text.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#define TYPE "application/x-httpd-php"

static int send_output(request_rec *r, const char *name)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t sent;

    if (apr_file_open(&file, name, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT,
                      r->pool) != APR_SUCCESS)
        return DECLINED;
    if (apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS)
        return HTTP_INTERNAL_SERVER_ERROR;
    ap_set_content_type(r, "image/png");
    ap_send_fd(file, r, 0, (apr_size_t)info.size, &sent);
    return OK;
}

static int run(request_rec *r)
{
    int status;

    if (!r->handler || strcmp(r->handler, TYPE) != 0)
        return DECLINED;
    if (r->finfo.filetype != APR_REG)
        return HTTP_NOT_FOUND;
    if (r->user)
        apr_table_setn(r->headers_out, "X-For", r->user);
    apr_table_setn(r->headers_out, "Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT");
    if (r->args && strstr(r->args, "cookie"))
        apr_table_setn(r->headers_out, "Set-Cookie", "session=1");
    status = send_output(r, apr_pstrcat(r->pool, r->filename, ".out", NULL));
    if (status != DECLINED)
        return status;
    ap_set_content_type(r, "text/html");
    ap_rprintf(r, "%s ran\n", apr_filepath_name_get(r->filename));
    return OK;
}

static void hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_handler(run, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(program) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks, 0};
