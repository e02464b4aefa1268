/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source as a file, read with pread(2). Never a mapping: a file that is
 * cut short while it is mapped answers with SIGBUS.
 */
#ifndef TC_SOURCE_H
#define TC_SOURCE_H

#include "conversion.h"

#include <httpd.h>

#include <apr_file_io.h>

typedef struct tc_source {
    tc_original original;
    apr_file_t *file;
    apr_finfo_t info; /* of the open file, so that validators speak of what is read */
    uint64_t read_ns; /* time spent in reading it so far */
} tc_source;

/*
 * Open the request's file; it is closed with the request's pool. OK, or an HTTP
 * status, logged: 404 when there is no such file, 403 when it may not be read, 503
 * without descriptors.
 */
int tc_source_open(request_rec *r, tc_source *source);

/*
 * Open `name`, which has no folder in it, in the material directory `dir`; NULL: there is
 * none. A symbolic link is not followed. TC_E_ICON when there is no such file.
 */
tc_error tc_source_open_material(request_rec *r, tc_source *source, const char *dir,
                                 const char *name, tc_fail *fail);

/*
 * Whether the file was written to since it was opened: then what was read may be
 * neither the old picture nor the new one. One that was replaced by another, or
 * removed, is whole.
 */
bool tc_source_changed(const tc_source *source);

#endif
