/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical spelling of a URL: of all that httpd reads as the same path, the one that
 * has no empty and no dot segments, writes what RFC 3986 allows in a path as itself, and
 * all else as %XX in capitals. An encoded slash stays one.
 *
 * Where the client's spelling has to be the canonical one, the decoded path stands for
 * exactly one URL. Signatures rest on that.
 */
#ifndef TC_SPELLING_H
#define TC_SPELLING_H

#include <apr_pools.h>

#include <stdbool.h>

/* Runs of slashes are one slash. */
#define TC_SPELLING_MERGE 1u
/* %2F is read as a slash; without it stays %2F in the decoded path. */
#define TC_SPELLING_SLASHES 2u
/* Decoded only: dot segments and runs of slashes stay. */
#define TC_SPELLING_AS_WRITTEN 4u

typedef struct tc_spelling {
    const char *target; /* path and query as the client wrote them */
    char *path;         /* decoded */
    const char *query;  /* as the client wrote it; NULL: none, or empty */
    bool exact;         /* encoding the path gives what was decoded, and nothing else */
} tc_spelling;

/* Path and query in a request's URI, which may begin with scheme and host. */
const char *tc_spelling_target(const char *uri);

/*
 * Read a request's URI, with or without scheme and host. False when it has no path or
 * one that cannot be decoded.
 */
bool tc_spelling_read(apr_pool_t *pool, const char *uri, unsigned options,
                      tc_spelling *spelling);

/* A decoded path, encoded. */
const char *tc_spelling_path(apr_pool_t *pool, const char *path);

/* `length` bytes of parameters, KEY=VALUE parted by commas, as a query. */
const char *tc_spelling_query(apr_pool_t *pool, const char *params, size_t length);

#endif
