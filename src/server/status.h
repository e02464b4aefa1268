/* SPDX-License-Identifier: Apache-2.0 */
/* The status page: SetHandler tmpstat, and a section of mod_status's page. */
#ifndef TC_STATUS_H
#define TC_STATUS_H

#include <httpd.h>

#define TC_STATUS_HANDLER "tmpstat"

/*
 * GET and HEAD. The query names the format: ?auto, ?json, ?metrics, else Accept
 * does, else it is HTML; and span=TIME (of the charts and, with history, of
 * the JSON), history, and refresh[=SECONDS].
 */
int tc_status_handler(request_rec *r);

/* mod_status's optional hook. */
int tc_status_section(request_rec *r, int flags);

#endif
