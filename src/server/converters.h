/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The converter processes of a running server: a process that keeps them is forked by httpd's
 * parent for each configuration, and ends with the last child that has that configuration.
 */
#ifndef TC_CONVERTERS_H
#define TC_CONVERTERS_H

#include "converter/exchange.h"

#include <ap_mpm.h>
#include <httpd.h>
#include <http_config.h>

/*
 * check_config hook: whether there are to be converters, and how many. Fails where isolation
 * is required and the kernel has not all locks.
 */
int tc_converters_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main);

/* post_config hook, as early as the counters are there: begin. */
int tc_converters_start(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main);

/* child_init hook. */
void tc_converters_child(apr_pool_t *pool, server_rec *main);

/* Where to take converters from; NULL: conversions run in this process. */
const tc_exchange *tc_converters_pool(const server_rec *server);

/* Whether the configuration asks for them: else a conversion without any is better than none.
 */
bool tc_converters_wanted(const server_rec *server);

#endif
