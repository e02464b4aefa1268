/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <Location> and <LocationMatch> for a URL with the transform in it. Two URIs have sections
 * that count: the source's, which httpd maps and checks like any other, and the one that
 * the client asked for. Both must allow the request. Of everything else that both set, the
 * sections of the asked URI are merged last.
 */
#ifndef TC_SECTIONS_H
#define TC_SECTIONS_H

#include <httpd.h>

#include <stdbool.h>

/*
 * In translate_name, with the transform still in r->uri: whether TmpfsConvert is On for it,
 * for the source's URI, or in the directory that this is mapped to. When it is,
 * r->per_dir_config is that of the source's URI.
 */
bool tc_sections_enable(request_rec *r, char *source);

/* Whether TmpfsConvert is On by the sections of r->uri as it is. */
bool tc_sections_enabled(request_rec *r);

/* Whether the request only checks access to the asked URI, and maps to nothing. */
bool tc_sections_is_check(const request_rec *r);

/* post_perdir_config hook: what the asked URI's sections require. */
int tc_sections_access(request_rec *r);

/* type_checker hook, and after all fixups: the asked URI's sections over the source's. */
int tc_sections_merge(request_rec *r);

/* pre_translate_name, map_to_storage and fixups hooks: a check goes no further. */
int tc_sections_stop(request_rec *r);
int tc_sections_stop_fixups(request_rec *r);

#endif
