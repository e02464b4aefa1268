/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on their way through: in heap memory until a threshold, then in a
 * temporary file.
 */
#ifndef TC_SPOOL_H
#define TC_SPOOL_H

#include "temp_backend.h"

#include <apr_buckets.h>
#include <apr_pools.h>

typedef struct tc_spool tc_spool;

/* The status of a write that would hold more for the client than it may have. */
#define TC_SPOOL_CLIENT_FULL (APR_OS_START_USERERR + 1)

/*
 * A spool owned by `pool`: its memory and its file go with the pool, unless
 * sealed into a brigade, which then owns the memory. Holds up to `threshold`
 * bytes in heap memory; 0 sends the first byte to a file. `temp_config` is borrowed.
 */
tc_spool *tc_spool_create(apr_pool_t *pool, const tc_temp_config *temp_config,
                          apr_size_t threshold);

/*
 * Append. APR_SUCCESS, APR_ENOMEM, APR_ENOSPC when no target has room,
 * TC_SPOOL_CLIENT_FULL, or what else the last target's system call said. After an error
 * the spool is dead. What it holds, in memory too, is counted for the client until it is
 * closed or its pool goes.
 */
apr_status_t tc_spool_write(tc_spool *spool, const void *data, apr_size_t length);

/*
 * Read up to `length` bytes from `offset` on, into `buffer`; fewer than asked, in
 * `*got`, only at the end. Before or between writes or after them all, not after
 * a seal.
 */
apr_status_t tc_spool_read(tc_spool *spool, apr_off_t offset, void *buffer, apr_size_t length,
                           apr_size_t *got);

/*
 * A descriptor for reading the contents at any offset, the caller's to close: of the file, or
 * for what is in memory of a copy that cannot be changed. After all writes. An error of the
 * system.
 */
apr_status_t tc_spool_descriptor(tc_spool *spool, int *fd);

/* Give memory and file back now; the spool is dead then. Harmless a second time. */
void tc_spool_close(tc_spool *spool);

/*
 * No more writes: append the contents to `bb` without copying, heap buckets
 * or one file bucket (sendfile). A file stays open until the pool goes.
 */
apr_status_t tc_spool_seal(tc_spool *spool, apr_bucket_brigade *bb);

/* Bytes written so far. */
apr_off_t tc_spool_length(const tc_spool *spool);

/* How the file is made, TC_TEMP_AUTO while everything is in memory; for logs and counters. */
tc_temp_method tc_spool_method(const tc_spool *spool);

/* Why the last write or open failed, in words, naming the directory or the client; "" without
   a failure. */
const char *tc_spool_reason(const tc_spool *spool);

#endif
