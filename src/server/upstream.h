/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request's headers while another handler is asked for the source: it must answer
 * the whole of it, unpacked, and compare its own entity tags. The client's own headers
 * are put back before anything that looks at the converted response sees them.
 */
#ifndef TC_UPSTREAM_H
#define TC_UPSTREAM_H

#include <httpd.h>

/* Replace headers_in for the handlers that follow; `variant` is of the response's tag. */
void tc_upstream_request(request_rec *r, const char *variant);

/* Put the client's headers back. Nothing happens when they are in place. */
void tc_upstream_restore(request_rec *r);

/* post_read_request hook: an internal redirect begins with the client's headers. */
int tc_upstream_redirected(request_rec *r);

#endif
