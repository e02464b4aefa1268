/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

#include "config.h"
#include "handler.h"
#include "respond.h"

#include <http_log.h>

#include <apr_strings.h>

APLOG_USE_MODULE(tmpfs_convert);

#define FUNCTION "/small_light("

const tc_call *tc_url_call(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &tmpfs_convert_module);
}

static void keep_call(request_rec *r, const tc_call *call)
{
    ap_set_module_config(r->request_config, &tmpfs_convert_module, (void *)call);
}

/*
 * When the original is rewritten to another URI inside the server, the request
 * goes on as a new one; the function goes with it, or the original would come
 * out whole. An error document is another matter: that is not the original.
 */
static const tc_call *inherited_call(const request_rec *r)
{
    if (r->prev && ap_is_HTTP_SUCCESS(r->prev->status))
        return tc_url_call(r->prev);
    return NULL;
}

int tc_url_translate(request_rec *r)
{
    tc_settings settings;
    tc_call *call;
    const char *function, *end;
    tc_fail fail;

    if (r->proxyreq || !r->uri)
        return DECLINED;
    function = strstr(r->uri, FUNCTION);
    if (!function) {
        keep_call(r, inherited_call(r));
        return DECLINED;
    }
    tc_config_settings(r, &settings);
    if (!settings.enabled)
        return DECLINED;
    end = strpbrk(function + strlen(FUNCTION), ")/");
    if (!end || end[0] != ')' || end[1] != '/') {
        tc_fail_set(&fail, TC_E_PARAM,
                    "small_light: the parameters must end with ')' and a path must follow");
        return tc_respond_error(r, &fail);
    }
    call = apr_palloc(r->pool, sizeof *call);
    call->text = apr_pstrmemdup(r->pool, function + strlen(FUNCTION),
                                (apr_size_t)(end - function) - strlen(FUNCTION));
    keep_call(r, call);
    r->uri =
        apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, r->uri, (apr_size_t)(function - r->uri)),
                    end + 1, NULL);
    return DECLINED;
}

int tc_url_fixup(request_rec *r)
{
    if (!tc_url_call(r) || !r->filename || strncmp(r->filename, "redirect:", 9) == 0)
        return DECLINED;
    if (r->proxyreq) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "TC0012: %s: the original is on another server, and the URL function "
                      "converts files of this one only",
                      r->uri);
        return HTTP_NOT_IMPLEMENTED;
    }
    r->handler = TC_HANDLER;
    return DECLINED;
}
