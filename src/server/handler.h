/* SPDX-License-Identifier: Apache-2.0 */
/* The entry for files: the URL function, or SetHandler tmpfs-convert. */
#ifndef TC_HANDLER_H
#define TC_HANDLER_H

#include <httpd.h>

#define TC_HANDLER "tmpfs-convert"

int tc_handler(request_rec *r);

#endif
