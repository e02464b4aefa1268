/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How children ended, as far as it concerns temporary files with a name: one that ended in
 * order has removed its own, and one that never made a name has left none. Only after others
 * must the parent read the directories for what they left.
 */
#ifndef TC_ENDS_H
#define TC_ENDS_H

#include <httpd.h>

#include <apr_pools.h>

#include <stdbool.h>

/* post_config hook: the memory that children and parent share; kept over restarts. */
int tc_ends_start(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main);

/* child_init hook; `pool` is destroyed when the child ends in order. */
void tc_ends_child(apr_pool_t *pool, server_rec *main);

/* Whether child `pid`, which has ended, may have left a file with a name. */
bool tc_ends_may_leave(pid_t pid);

#endif
