/* SPDX-License-Identifier: Apache-2.0 */
/* What the headers of a source say that a conversion has to respect or to correct. */
#ifndef TC_SOURCE_HEADERS_H
#define TC_SOURCE_HEADERS_H

#include "image/core/image.h"

#include <httpd.h>

#include <stdbool.h>

/*
 * Whether Cache-Control has no-transform (RFC 9111, 5.2.2.6): the response then passes as it
 * is. Seen of another server's and a program's responses; what mod_headers sets here, it sets
 * later.
 */
bool tc_source_headers_are_final(const request_rec *r);

/*
 * The file's name in Content-Disposition with the ending of `format`, where it has that of
 * another format of pictures. Names without such an ending stay.
 */
void tc_source_headers_rename(request_rec *r, tc_format format);

#endif
