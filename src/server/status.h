/* SPDX-License-Identifier: Apache-2.0 */
/* The status page: SetHandler tmpstat. */
#ifndef TC_STATUS_H
#define TC_STATUS_H

#include <httpd.h>

#define TC_STATUS_HANDLER "tmpstat"

int tc_status_handler(request_rec *r);

#endif
