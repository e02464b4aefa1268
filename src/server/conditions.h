/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions by date. A picture changes with its pattern, the defaults, an icon and this
 * module too, and none of them has a date that all servers of a site and all restarts agree
 * on; Last-Modified is the source's alone. Entity tags know all of it, dates do not: a
 * request with a date and no tag may be for any earlier conversion of the same source.
 */
#ifndef TC_CONDITIONS_H
#define TC_CONDITIONS_H

#include <httpd.h>

/*
 * Of a request for a picture: conditions that a date alone would fulfil are taken out of
 * headers_in, so that the whole picture is sent. Before mod_cache looks at them, which
 * answers 304 by itself.
 */
void tc_conditions_need_tags(request_rec *r);

#endif
