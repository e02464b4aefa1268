/* SPDX-License-Identifier: Apache-2.0 */
/* The entry for files: the URL transform, or SetHandler tmpfs-convert. */
#ifndef TC_HANDLER_H
#define TC_HANDLER_H

#include <httpd.h>

#define TC_HANDLER "tmpfs-convert"

/*
 * Begin the request's job, once: OK, or the status to answer. Wrong parameters of a query
 * are kept with the request until it turns out that its response is a picture.
 */
int tc_handler_begin(request_rec *r);

/*
 * handler hook, before mod_cache's: what the URL is not allowed to ask for is refused or
 * redirected, cached or not, and Accept is reduced to what decides.
 */
int tc_handler_before_cache(request_rec *r);

/*
 * handler hook, behind mod_cache's and before all that make a response: leads or waits
 * where TmpfsConvertOnce is On, and asks other handlers for what can be converted.
 */
int tc_handler_first(request_rec *r);

/* handler hook: what SetHandler tmpfs-convert names. */
int tc_handler(request_rec *r);

/*
 * handler hook, behind those of all other modules and before httpd's own: a file that none
 * of them took and that may be a picture is read in place.
 */
int tc_handler_file(request_rec *r);

#endif
