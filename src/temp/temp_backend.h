/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One temporary file, in the first target that has room for it. When a target runs
 * full in the middle of a write the bytes move on to the next and nothing is lost.
 * Data are written with write(2), never through a mapping, because a full tmpfs
 * answers a mapping with SIGBUS and a write with ENOSPC.
 */
#ifndef TC_TEMP_BACKEND_H
#define TC_TEMP_BACKEND_H

#include "admission/admission.h"
#include "shared/counters.h"
#include "holders.h"
#include "tempfile.h"

#include <apr_pools.h>

#define TC_TEMP_DIRS 16

/* A temporary directory as resolved at configuration. */
typedef struct tc_temp_dir {
    const char *path;
    tc_temp_fs fs;
    unsigned number; /* its slot in the counters */
    bool named;      /* by the configuration, and not a default */
    /* To be left free in its file system: bytes, or percent of its size when over 0. */
    uint64_t reserve_bytes;
    double reserve_percent;
} tc_temp_dir;

/* Where spools may put files: made at configuration, then constant. */
typedef struct tc_temp_config {
    tc_temp_method method;
    unsigned dirs;
    tc_temp_dir dir[TC_TEMP_DIRS];
    tc_counters *counters; /* what files are made and left is counted there; or NULL */
    /* All processes' files in memory, memfd and tmpfs, together have at most this many
       bytes; without an admission there is no bound. */
    tc_admission *admission;
    uint64_t memory;
    /* What spools hold for one client, in memory and on disks, is at most this many bytes;
       without holders there is no bound. In a copy for one request: whose it is, as a number
       and in words. */
    tc_holders *holders;
    uint64_t per_client;
    uint64_t client;
    const char *client_name;
    volatile apr_uint32_t *named; /* set before the process makes a file with a name; or NULL */
} tc_temp_config;

/* Bytes by which files in memory are accounted for. */
#define TC_TEMP_BACKEND_STEP ((uint64_t)256 * 1024)

/* Where one file may be; `dir` is NULL for a memfd. */
typedef struct tc_temp_target {
    const tc_temp_dir *dir;
    tc_temp_method method;
} tc_temp_target;

/* A file of a backend, and what is accounted for on its behalf. */
typedef struct tc_temp_backend_file {
    tc_tempfile temp; /* open when its fd is not -1 */
    tc_temp_target at;
    uint64_t put;  /* bytes written to it, here or while moving to it */
    uint64_t held; /* bytes of memory accounted for; 0 on a disk */
} tc_temp_backend_file;

typedef struct tc_temp_backend {
    apr_pool_t *pool;
    const tc_temp_config *temp_config;
    tc_temp_backend_file file;
    unsigned next_target; /* targets before it are used up */
    apr_off_t stored;     /* bytes in the file */
    apr_size_t unchecked; /* of these since the reserve was looked at */
    int failure;          /* the last target's */
    const char *reason;   /* the same in words, naming the target; "" without a failure */
} tc_temp_backend;

/* Nothing is open yet. `pool` is for words; the owner of the backend closes it. */
void tc_temp_backend_init(tc_temp_backend *backend, apr_pool_t *pool,
                          const tc_temp_config *temp_config);

/* Whether it has a file. */
static inline bool tc_temp_backend_is_open(const tc_temp_backend *backend)
{
    return backend->file.temp.fd >= 0;
}

/*
 * Open an empty file; append to it. APR_SUCCESS, APR_ENOMEM, APR_ENOSPC when no
 * target has room, or what else the last target's system call said; then the backend
 * can only be closed.
 */
apr_status_t tc_temp_backend_open(tc_temp_backend *backend);
apr_status_t tc_temp_backend_write(tc_temp_backend *backend, const char *data,
                                   apr_size_t length);

/* Read what is there from `offset` on, up to `length` bytes, `*got` of them. */
apr_status_t tc_temp_backend_read(tc_temp_backend *backend, apr_off_t offset, char *buffer,
                                  apr_size_t length, apr_size_t *got);

/* Harmless a second time. */
void tc_temp_backend_close(tc_temp_backend *backend);

#endif
