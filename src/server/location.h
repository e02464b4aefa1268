/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redirects of a source that was called by the transform: made of the source's URI, they
 * would lead to the whole picture, and browsers remember that. The transform goes back in.
 */
#ifndef TC_LOCATION_H
#define TC_LOCATION_H

#include <httpd.h>
#include <util_filter.h>

#define TC_LOCATION_FILTER "TMPFS_CONVERT_LOCATION"

/* insert_filter hook, for redirects of handlers. */
void tc_location_insert(request_rec *r);

/* insert_error_filter hook, for all others: the link in the body that httpd writes, too. */
void tc_location_insert_error(request_rec *r);

apr_status_t tc_location_filter(ap_filter_t *f, apr_bucket_brigade *bb);

#endif
