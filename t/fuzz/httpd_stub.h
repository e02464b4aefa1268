/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as httpd hands them to our hooks, for targets without a server. */
#ifndef HTTPD_STUB_H
#define HTTPD_STUB_H

#include "server/config.h"

/* What holds for every request until it is set anew. */
extern tc_settings stub_settings;

/* A GET for `uri`, which is taken as decoded, and `query`, NULL for none; of a file. */
request_rec *stub_request(apr_pool_t *pool, const char *uri, const char *query);

/* The same for a request line's URI, decoded as httpd does. NULL where that refuses it. */
request_rec *stub_request_of(apr_pool_t *pool, const char *target);

#endif
