/* SPDX-License-Identifier: Apache-2.0 */
/* What the client says it reads: the Accept header (RFC 9110, 12.5.1). */
#ifndef TC_ACCEPT_H
#define TC_ACCEPT_H

#include "image/core/image.h"

#include <httpd.h>

/*
 * The format that of=auto means for this request: AVIF, else WebP, when the client
 * names it with a weight over 0 and it can be written here; else TC_FORMAT_NONE,
 * which is the source's. A wildcard names neither: clients send it that show
 * neither. Between the two the weights do not decide.
 */
tc_format tc_accept_format(const request_rec *r);

/* The weight that begins at `text`, "0.75", in thousandths; -1: that is not a number. */
int tc_accept_weight(const char *text);

/*
 * Take Accept-Encoding out of Vary: the source was asked for unpacked, whatever the client
 * accepts, and the response does not depend on it.
 */
void tc_accept_unvary(request_rec *r);
/*
 * Replace the request's Accept by one of three that mean the same to tc_accept_format: with
 * it as it came, caches would keep a response for each way to write it. Other handlers see
 * it too, and may still choose by it between AVIF, WebP and all else. Left as it is where
 * it has been looked at already, by mod_negotiation or mod_cache's quick handler.
 */
void tc_accept_reduce(request_rec *r);

/* Say that the response depends on Accept, unless Vary already does. */
void tc_accept_vary(request_rec *r);

#endif
