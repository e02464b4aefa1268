/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The URL function: /any/prefix/small_light(PARAMETERS)/path is the picture at
 * /any/prefix/path, resized. It is taken out of the URI before anything maps the
 * URI to a file, so that aliases, rewriting, access control and directory
 * sections are those of the original.
 */
#ifndef TC_URL_H
#define TC_URL_H

#include <httpd.h>

/* What the URL asked for; kept with the request. */
typedef struct tc_call {
    const char *text; /* between the parentheses, percent-decoded */
} tc_call;

/* The function this request was called with, or NULL. */
const tc_call *tc_url_call(const request_rec *r);

/* translate_name hook, before all others. */
int tc_url_translate(request_rec *r);

/* fixups hook: a request that came through the function is answered by our handler. */
int tc_url_fixup(request_rec *r);

#endif
