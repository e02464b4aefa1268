/* SPDX-License-Identifier: Apache-2.0 */
#include "sections.h"

#include "config.h"
#include "request.h"
#include "url.h"

#include <http_core.h>
#include <http_log.h>
#include <http_request.h>

#include <apr_strings.h>

APLOG_USE_MODULE(tmpfs_convert);

/* ---- whether there is a transform here ---------------------------------------------- */

bool tc_sections_enabled(request_rec *r)
{
    return tc_config_is_on(r);
}

/* The sections of `uri` over `base`, as httpd's own walk has them. */
static ap_conf_vector_t *walk(request_rec *r, char *uri, ap_conf_vector_t *base)
{
    char *mapped = r->uri;
    ap_conf_vector_t *conf = r->per_dir_config, *walked;

    r->uri = uri;
    r->per_dir_config = base;
    ap_location_walk(r);
    walked = r->per_dir_config;
    r->uri = mapped;
    r->per_dir_config = conf;
    return walked;
}

/* Whether the directory that `source` is mapped to says On. Costs a lookup, and is only asked
   where some <Directory> or <Files> does. */
static bool is_on_in_directory(request_rec *r, const char *source)
{
    const request_rec *lookup;

    if (!tc_config_directory_on(r->server))
        return false;
    lookup = ap_sub_req_lookup_uri(ap_escape_uri(r->pool, source), r, NULL);
    if (!lookup->per_dir_config)
        return false;
    return tc_config_is_on(lookup);
}

/* Whether sections say Off themselves, and not only the server they stand in. */
static bool are_off(const ap_conf_vector_t *conf, const ap_conf_vector_t *defaults)
{
    return tc_config_is_off(conf) && !tc_config_is_off(defaults);
}

bool tc_sections_enable(request_rec *r, char *source)
{
    tc_request *request = tc_request_of(r);
    ap_conf_vector_t *defaults = r->server->lookup_defaults;
    ap_conf_vector_t *requested = walk(r, r->uri, defaults), *conf = walk(r, source, defaults);
    ap_conf_vector_t *before = r->per_dir_config;
    bool on = tc_sections_enabled(r);

    /* The transform stays in the URL: for rewriting, and for the filter that reads it there. */
    if (are_off(requested, defaults))
        return false;
    r->per_dir_config = conf;
    if (!on && !tc_sections_enabled(r) && !is_on_in_directory(r, source)) {
        r->per_dir_config = before;
        return false;
    }
    request->has_sections = requested != defaults;
    /* Where the source has none, what is mapped by location is mapped by the asked URI's. */
    if (conf == defaults)
        r->per_dir_config = before;
    return true;
}

/* ---- access to the asked URI --------------------------------------------------------- */

bool tc_sections_is_check(const request_rec *r)
{
    const tc_request *main = r->main ? tc_request_find(r->main) : NULL;

    return main && main->is_checking;
}

int tc_sections_stop(request_rec *r)
{
    return tc_sections_is_check(r) ? OK : DECLINED;
}

int tc_sections_stop_fixups(request_rec *r)
{
    return tc_sections_is_check(r) ? DONE : DECLINED;
}

/*
 * A subrequest for the asked URI that is mapped to nothing, so that of all sections only
 * those by location apply; httpd itself runs the checks on it. A user who had to log in
 * for it is not the source's user yet: its own checks come first.
 */
int tc_sections_access(request_rec *r)
{
    tc_request *request = tc_request_find(r);
    const request_rec *check;

    if (!request)
        return DECLINED;
    request->is_deciding = true;
    if (!request->has_sections)
        return DECLINED;
    request->is_checking = true;
    check = ap_sub_req_lookup_uri(ap_escape_uri(r->pool, request->call->whole), r, NULL);
    request->is_checking = false;
    if (check->status == HTTP_OK || check->status == DONE || check->status == OK) {
        request->user = check->user;
        request->auth_type = check->ap_auth_type;
        return DECLINED;
    }
    r->err_headers_out = apr_table_overlay(r->pool, check->err_headers_out, r->err_headers_out);
    if (ap_is_HTTP_REDIRECT(check->status))
        r->headers_out = apr_table_overlay(r->pool, check->headers_out, r->headers_out);
    return check->status;
}

/* ---- everything else ------------------------------------------------------------------- */

int tc_sections_merge(request_rec *r)
{
    tc_request *request = tc_request_find(r);

    if (request)
        request->is_deciding = false;
    if (!request || !request->call || request->call->kind != TC_CALL_TRANSFORM ||
        r->per_dir_config == request->merged)
        return DECLINED;
    /* Off where the source lies is not undone by the asked URI's On. */
    request->is_off = are_off(r->per_dir_config, r->server->lookup_defaults);
    r->per_dir_config = walk(r, apr_pstrdup(r->pool, request->call->whole), r->per_dir_config);
    request->merged = r->per_dir_config;
    if (!r->user && request->user) {
        r->user = request->user;
        r->ap_auth_type = request->auth_type;
    }
    return DECLINED;
}
