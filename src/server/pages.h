/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages among the pictures. SetHandler tmpfs-convert is for a directory, and pages that show
 * its pictures lie there too, with their style sheets and drawings: they are served as if
 * SetHandler were not there. Programs are neither run, as with any SetHandler, nor shown.
 */
#ifndef TC_PAGES_H
#define TC_PAGES_H

#include <httpd.h>

/* fixups hook, before the core's, which puts in what SetHandler names. */
int tc_pages_note(request_rec *r);

/* fixups hook, behind the core's. */
int tc_pages_spare(request_rec *r);

#endif
