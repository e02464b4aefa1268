/* SPDX-License-Identifier: Apache-2.0 */
/* The module record and its hooks. Wiring only; the rooms are in src/. */
#include "server/account.h"
#include "server/cache.h"
#include "server/config.h"
#include "server/converters.h"
#include "server/ends.h"
#include "server/fetch.h"
#include "server/filter.h"
#include "server/handler.h"
#include "server/location.h"
#include "server/monitor.h"
#include "server/coalesce.h"
#include "server/pages.h"
#include "server/raw.h"
#include "server/sections.h"
#include "server/startup.h"
#include "server/status.h"
#include "server/upstream.h"
#include "server/url.h"

#include <http_protocol.h>
#include <http_request.h>
#include <mod_proxy.h>
#include <mod_status.h>
#include <mpm_common.h>

static void register_hooks(apr_pool_t *pool)
{
    static const char *const the_cache[] = {"mod_cache.c", NULL};
    static const char *const before_proxy[] = {"mod_proxy.c", NULL};
    static const char *const behind_actions[] = {"mod_actions.c", NULL};
    static const char *const before_files[] = {"mod_file_cache.c", NULL};

    static const char *const the_rewriter[] = {"mod_rewrite.c", NULL};
    static const char *const mappers[] = {"mod_proxy.c", "mod_alias.c", NULL};

    (void)pool;
    /* After the MPM's, which settles how many workers there are. */
    ap_hook_check_config(tc_startup_check, NULL, NULL, APR_HOOK_LAST);
    /* After the one above, which says how many there can be. */
    ap_hook_check_config(tc_converters_check, NULL, NULL, APR_HOOK_LAST + 1);
    /* Before mod_ssl reads private keys: what is forked here has nothing that is secret in its
       memory but what the configuration itself says. The counters come before it. */
    ap_hook_post_config(tc_monitor_start, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_post_config(tc_converters_start, NULL, NULL, APR_HOOK_REALLY_FIRST + 1);
    ap_hook_child_init(tc_converters_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(tc_startup_announce, NULL, NULL, APR_HOOK_LAST);
    ap_hook_monitor(tc_monitor_sample, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(tc_monitor_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(tc_ends_start, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(tc_ends_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(tc_startup_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_status(tc_startup_child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_status(tc_monitor_child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(tc_upstream_redirected, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_post_read_request(tc_coalesce_remember, NULL, NULL, APR_HOOK_FIRST);
    /* After mod_proxy's (first), which sets r->proxyreq; before mod_cache's quick handler. */
    ap_hook_post_read_request(tc_url_received, NULL, NULL, APR_HOOK_MIDDLE);
    /* Before mod_rewrite and mod_alias, which are to see the source's URI. */
    ap_hook_translate_name(tc_url_translate, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* Behind mod_rewrite, before whatever maps the URI. */
    ap_hook_translate_name(tc_url_translate_rewritten, the_rewriter, mappers, APR_HOOK_FIRST);
    ap_hook_pre_translate_name(tc_sections_stop, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* Behind the one above, before mod_proxy's. */
    ap_hook_pre_translate_name(tc_raw_pretranslate, NULL, NULL, APR_HOOK_REALLY_FIRST + 1);
    ap_hook_map_to_storage(tc_raw_restore, NULL, NULL, APR_HOOK_REALLY_FIRST - 1);
    ap_hook_map_to_storage(tc_sections_stop, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_post_perdir_config(tc_sections_access, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_type_checker(tc_sections_stop, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_type_checker(tc_sections_merge, NULL, NULL, APR_HOOK_REALLY_FIRST + 1);
    ap_hook_fixups(tc_sections_stop_fixups, NULL, NULL, APR_HOOK_REALLY_FIRST - 1);
    ap_hook_fixups(tc_pages_note, NULL, NULL, APR_HOOK_REALLY_FIRST - 1);
    ap_hook_fixups(tc_pages_spare, NULL, NULL, APR_HOOK_REALLY_FIRST + 1);
    /* After mod_dir's and others' that go on with another file's configuration. */
    ap_hook_fixups(tc_sections_merge, NULL, NULL, APR_HOOK_REALLY_LAST + 10);
    /* After mod_rewrite's (first), which may redirect; before mod_dir's (last). */
    ap_hook_fixups(tc_url_fixup, NULL, NULL, APR_HOOK_MIDDLE);
    /* After the core's, which puts in what SetOutputFilter names. */
    ap_hook_insert_filter(tc_filter_insert, NULL, NULL, APR_HOOK_LAST);
    ap_register_output_filter(TC_FILTER, tc_filter, tc_filter_init, AP_FTYPE_RESOURCE);
    ap_register_output_filter(TC_FILTER_ALIAS, tc_filter, tc_filter_init, AP_FTYPE_RESOURCE);
    /* mod_xsendfile's is of this type, and in the chain before it. */
    ap_register_output_filter(TC_FILTER_LATE, tc_filter, NULL, AP_FTYPE_CONTENT_SET);
    ap_hook_insert_filter(tc_location_insert, NULL, NULL, APR_HOOK_LAST);
    ap_hook_insert_error_filter(tc_location_insert_error, NULL, NULL, APR_HOOK_LAST);
    /* Before mod_headers', which comes in later. */
    ap_register_output_filter(TC_LOCATION_FILTER, tc_location_filter, NULL,
                              AP_FTYPE_CONTENT_SET - 1);
    /* Before the key is made: what is refused or redirected is not looked up. */
    ap_hook_handler(tc_handler_before_cache, NULL, the_cache, APR_HOOK_REALLY_FIRST - 1);
    ap_hook_handler(tc_cache_key, NULL, the_cache, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(tc_handler_first, the_cache, before_proxy, APR_HOOK_REALLY_FIRST);
    /* mod_cache's is AP_FTYPE_CONTENT_SET + 1, to have it packed, and comes in last. */
    ap_register_output_filter(TC_CACHE_FILTER, tc_cache_filter, NULL, AP_FTYPE_CONTENT_SET + 1);
    /* Before INFLATE, AP_FTYPE_RESOURCE - 1. */
    ap_register_output_filter(TC_FETCH_FILTER, tc_fetch_filter, NULL, AP_FTYPE_RESOURCE - 2);
    /* Behind HTTP_IN, which splits what comes, and before mod_ssl's. */
    ap_register_input_filter(TC_FETCH_INPUT, tc_fetch_input, NULL, AP_FTYPE_TRANSCODE);
    ap_register_input_filter(TC_FETCH_END, tc_fetch_end, NULL, AP_FTYPE_RESOURCE);
    APR_OPTIONAL_HOOK(proxy, create_req, tc_fetch_create, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(proxy, request_status, tc_fetch_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_register_output_filter(TC_COALESCE_FILTER, tc_coalesce_filter, NULL,
                              AP_FTYPE_CONTENT_SET + 2);
    ap_hook_handler(tc_handler, NULL, NULL, APR_HOOK_MIDDLE);
    /* Behind every module that may run what a content type names, mod_actions' being last;
       mod_file_cache, as last, serves files as they are, and so does the core behind it. */
    ap_hook_handler(tc_handler_file, behind_actions, before_files, APR_HOOK_LAST + 5);
    ap_hook_handler(tc_status_handler, NULL, NULL, APR_HOOK_MIDDLE);
    /* First: mod_log_config is to find the notes, and the source's URI, cached or not. */
    ap_hook_log_transaction(tc_account_transaction, NULL, NULL, APR_HOOK_FIRST);
    APR_OPTIONAL_HOOK(ap, status_hook, tc_status_section, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA tmpfs_convert_module = {
    STANDARD20_MODULE_STUFF, tc_dir_conf_create, tc_dir_conf_merge, tc_server_conf_create,
    tc_server_conf_merge,    tc_commands,        register_hooks,    0};
