/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_cache behind the access checks, CacheQuickHandler off. There it makes its key of
 * r->uri, which is the source's by then: without this every size of a picture, and the
 * picture itself, would be one entry.
 */
#ifndef TC_CACHE_H
#define TC_CACHE_H

#include <httpd.h>
#include <util_filter.h>

#define TC_CACHE_FILTER "TMPFS_CONVERT_CACHE"

/* handler hook before mod_cache's: r->uri is the transform's while the key is made. */
int tc_cache_key(request_rec *r);

/* r->uri is the source's again; behind mod_cache's handler, or once it has answered. */
void tc_cache_keyed(request_rec *r);

/*
 * Output filter before mod_cache's: a response that sets a cookie, or that a program or
 * another server made for a user who has logged in, is not stored.
 */
apr_status_t tc_cache_filter(ap_filter_t *f, apr_bucket_brigade *bb);

#endif
