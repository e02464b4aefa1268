/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that all processes share: what is counted, and samples over time.
 * It outlives restarts. The parent, which may be root, takes the samples; no
 * child holds a privileged descriptor.
 */
#ifndef TC_MONITOR_H
#define TC_MONITOR_H

#include "shared/coalesce_table.h"
#include "shared/history.h"
#include "status/snapshot.h"

#include <ap_mpm.h>
#include <httpd.h>

/* post_config hook: make or take over the shared memory, and take the first sample. */
int tc_monitor_start(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main);

/* monitor hook, in the parent about every ten seconds: take a sample when one is due. */
int tc_monitor_sample(apr_pool_t *pool, server_rec *main);

/* child_init hook. */
void tc_monitor_child(apr_pool_t *pool, server_rec *main);

/* child_status hook: what a child that is gone had under way is void. */
void tc_monitor_child_status(server_rec *main, pid_t pid, ap_generation_t generation, int slot,
                             mpm_child_status status);

/* NULL before tc_monitor_start, or when there was no shared memory. */
tc_counters *tc_monitor_counters(const server_rec *server);

/* NULL as above. */
tc_coalesce_table *tc_monitor_coalesce_table(const server_rec *server);

/*
 * Collect what a status page tells, with samples of the last `seconds`, all of
 * it in `pool`.
 */
tc_snapshot *tc_monitor_snapshot(apr_pool_t *pool, const server_rec *server, int64_t seconds);

#endif
