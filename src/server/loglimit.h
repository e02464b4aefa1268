/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines that strangers cause: bounded in number and length. */
#ifndef TC_LOGLIMIT_H
#define TC_LOGLIMIT_H

#include <httpd.h>

#include <stdbool.h>

/* Lines a second and process. The first tell what is wrong; the rest are counted. */
#define TC_LOG_RATE 100

/* Bytes of a path or URL in a line. */
#define TC_LOG_NAME 200

/* A process' own; zeroed at first. */
typedef struct tc_log_bound {
    volatile apr_uint32_t second, lines, suppressed;
} tc_log_bound;

/*
 * Whether a line at `level` about `r` may be written: not when this level is not logged, or
 * the second has had its lines. With the first line after some
 * were suppressed comes one that says how many.
 */
bool tc_log_allows(request_rec *r, int level);

/* The request's file, or its URI where there is none, cut after TC_LOG_NAME bytes. */
const char *tc_log_name(request_rec *r);

#endif
