/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coalescing: the same picture asked for many times at once, while no cache has it yet: one
 * request converts, the others wait and then ask again, so that the cache in this
 * server answers them. mod_cache's own lock does not do that: as long as it has
 * nothing, stale or not, it lets every request through; and the request that leads here
 * is not always the one that may store there, so CacheLock has to be off.
 */
#ifndef TC_COALESCE_H
#define TC_COALESCE_H

#include <httpd.h>
#include <util_filter.h>

#include <stdbool.h>

#define TC_COALESCE_FILTER "TMPFS_CONVERT_ONCE"

/* post_read_request hook, before mod_cache sees the request: keeps the client's own conditions,
   in whose place mod_cache may put its own. */
int tc_coalesce_remember(request_rec *r);

/* Whether the request waited for another's conversion, and then asked the cache again. */
bool tc_coalesce_waited(const request_rec *r);

/* Whether it has one of the conditions that may make a response without a picture. */
bool tc_coalesce_is_conditional(const request_rec *r);

/* handler hook, after mod_cache's and before all that make a response: leads, or waits. */
int tc_coalesce_handler(request_rec *r);

/*
 * The same for a request with a condition, once that turned out to cost a conversion: OK
 * when it is answered. mod_cache's own conditions, by which it has confirmed what it
 * holds, are among them; the response to those is then another picture.
 */
int tc_coalesce_changed(request_rec *r);

/* Output filter behind mod_cache's: with the end of the response the cache has it. */
apr_status_t tc_coalesce_filter(ap_filter_t *f, apr_bucket_brigade *bb);

#endif
