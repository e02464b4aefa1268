/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transform in a URI that is not decoded. mod_proxy maps such a one where ProxyPass says
 * mapping=encoded or mapping=servlet, before any URI is decoded, and sends such a one on
 * where it says nocanon: the transform is taken out there too.
 */
#ifndef TC_RAW_H
#define TC_RAW_H

#include <httpd.h>

/* pre_translate_name hook, before mod_proxy's: the transform goes where that maps the rest. */
int tc_raw_pretranslate(request_rec *r);

/*
 * Once the transform is out of r->uri: take it out of r->unparsed_uri as well, which nocanon
 * sends on, until tc_raw_restore.
 */
void tc_raw_hide(request_rec *r);

/* map_to_storage hook, before all others: r->unparsed_uri as the client sent it. */
int tc_raw_restore(request_rec *r);

#endif
