/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is decided once, before a request comes: where temporary files go. Wrong
 * directories are named when the configuration is tested, not when a visitor
 * waits.
 */
#ifndef TC_STARTUP_H
#define TC_STARTUP_H

#include <ap_mpm.h>
#include <httpd.h>
#include <http_config.h>

/*
 * check_config hook: try every directory as the user the children will be, and
 * resolve the directories. Fails, with the directive and the fix named, for one that
 * was configured and cannot serve.
 */
int tc_startup_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main);

/* post_config hook: say once where temporary files go, and warn of what leaves dentries. */
int tc_startup_announce(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main);

/* child_init hook. */
void tc_startup_child(apr_pool_t *pool, server_rec *main);

/* child_status hook: take away what a child that was killed may have left with a name. */
void tc_startup_child_status(server_rec *main, pid_t pid, ap_generation_t generation, int slot,
                             mpm_child_status status);

#endif
