/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entry for sources that another handler makes: a proxy, a program, a
 * repository. The body is taken in as it comes, in memory until the spool's
 * threshold and then in a temporary file, and nothing goes out before all of it
 * is converted: a source that breaks off is an error, never half a picture.
 */
#ifndef TC_FILTER_H
#define TC_FILTER_H

#include <httpd.h>
#include <util_filter.h>

#include <stdbool.h>

#define TC_FILTER       "TMPFS_CONVERT"
#define TC_FILTER_ALIAS "SMALL_LIGHT"        /* mod_small_light's */
#define TC_FILTER_LATE  "TMPFS_CONVERT_LATE" /* the same behind mod_xsendfile's */

/* Whether a filter of the request is ours under mod_small_light's name. */
bool tc_filter_is_alias(const request_rec *r);

/* insert_filter hook: a call whose source is not a local file needs the filter. */
void tc_filter_insert(request_rec *r);

/*
 * Before the handler runs: refuse wrong parameters, ask the source's server for
 * the whole picture as it is, and leave files to our own handler.
 */
int tc_filter_init(ap_filter_t *f);

apr_status_t tc_filter(ap_filter_t *f, apr_bucket_brigade *bb);

#endif
