/* SPDX-License-Identifier: Apache-2.0 */
/* The module record and its hooks. Wiring only; the rooms are in src/. */
#include "server/account.h"
#include "server/config.h"
#include "server/filter.h"
#include "server/handler.h"
#include "server/job.h"
#include "server/monitor.h"
#include "server/once.h"
#include "server/startup.h"
#include "server/status.h"
#include "server/url.h"

#include <http_protocol.h>
#include <http_request.h>
#include <mod_status.h>
#include <mpm_common.h>

static void register_hooks(apr_pool_t *pool)
{
    static const char *const behind_cache[] = {"mod_cache.c", NULL};
    static const char *const before_cache[] = {"mod_cache.c", NULL};
    static const char *const before_proxy[] = {"mod_proxy.c", NULL};

    (void)pool;
    /* After the MPM's, which settles how many workers there are. */
    ap_hook_check_config(tc_startup_check, NULL, NULL, APR_HOOK_LAST);
    ap_hook_post_config(tc_monitor_start, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(tc_startup_announce, NULL, NULL, APR_HOOK_LAST);
    ap_hook_monitor(tc_monitor_sample, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(tc_monitor_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(tc_startup_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_status(tc_startup_child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_status(tc_monitor_child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(tc_once_remember, NULL, NULL, APR_HOOK_FIRST);
    /* After mod_proxy's (first), which sets r->proxyreq; before mod_cache's quick handler. */
    ap_hook_post_read_request(tc_url_received, NULL, NULL, APR_HOOK_MIDDLE);
    /* Before mod_rewrite and mod_alias, which are to see the original's URI. */
    ap_hook_translate_name(tc_url_translate, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* After mod_rewrite's (first), which may redirect; before mod_dir's (last). */
    ap_hook_fixups(tc_url_fixup, NULL, NULL, APR_HOOK_MIDDLE);
    /* After the core's, which puts in what SetOutputFilter names. */
    ap_hook_insert_filter(tc_filter_insert, NULL, NULL, APR_HOOK_LAST);
    ap_register_output_filter(TC_FILTER, tc_filter, tc_filter_init, AP_FTYPE_RESOURCE);
    ap_register_output_filter(TC_FILTER_ALIAS, tc_filter, tc_filter_init, AP_FTYPE_RESOURCE);
    ap_hook_handler(tc_job_before_cache, NULL, before_cache, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(tc_once_handler, behind_cache, before_proxy, APR_HOOK_REALLY_FIRST);
    /* mod_cache's is AP_FTYPE_CONTENT_SET + 1, to have it packed. */
    ap_register_output_filter(TC_ONCE_FILTER, tc_once_filter, NULL, AP_FTYPE_CONTENT_SET + 2);
    ap_hook_handler(tc_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(tc_status_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(tc_account_transaction, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ap, status_hook, tc_status_section, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA tmpfs_convert_module = {
    STANDARD20_MODULE_STUFF, tc_dir_conf_create, tc_dir_conf_merge, tc_server_conf_create,
    tc_server_conf_merge,    tc_commands,        register_hooks,    0};
