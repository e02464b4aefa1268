/* SPDX-License-Identifier: Apache-2.0 */
/* For memfd_create(2) and F_ADD_SEALS. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <apr_errno.h>
#include <apr_file_io.h>
#include <apr_portable.h>
#include <apr_strings.h>

#define FIRST_CHUNK ((apr_size_t)16 * 1024)
#define LAST_CHUNK  ((apr_size_t)256 * 1024)
#define BUFFER      ((apr_size_t)64 * 1024)

/* What a client holds is counted in steps, so that it is one addition in many writes: of a
   small result little too much, of one in a file as TempMemory is. */
#define HEAP_STEP ((uint64_t)16 * 1024)

/* A piece of heap memory. Once sealed its bucket owns it. */
typedef struct chunk {
    struct chunk *next;
    apr_size_t size, used;
    char data[];
} chunk;

struct tc_spool {
    apr_pool_t *pool;
    apr_size_t threshold;
    apr_off_t length;    /* taken in */
    uint64_t charged;    /* bytes counted for the client */
    chunk *first, *last; /* the contents; with a file, its one write buffer */
    tc_temp_backend backend;
    apr_status_t dead; /* what every write answers from now on */
};

/* ---- heap ---------------------------------------------------------------- */

static void free_chunk_data(void *data)
{
    free((char *)data - offsetof(chunk, data));
}

/* Detach the first chunk; from here on it is the caller's. */
static chunk *detach_chunk(tc_spool *spool)
{
    chunk *taken = spool->first;

    if (taken) {
        spool->first = taken->next;
        if (!spool->first)
            spool->last = NULL;
    }
    return taken;
}

static chunk *add_chunk(tc_spool *spool, apr_size_t size)
{
    chunk *added = malloc(sizeof(*added) + size);

    if (!added)
        return NULL;
    added->next = NULL;
    added->size = size;
    added->used = 0;
    if (spool->last)
        spool->last->next = added;
    else
        spool->first = added;
    spool->last = added;
    return added;
}

static apr_size_t fill_chunk(chunk *to, const char *data, apr_size_t length)
{
    apr_size_t room = to->size - to->used;

    if (length > room)
        length = room;
    memcpy(to->data + to->used, data, length);
    to->used += length;
    return length;
}

static apr_size_t smaller(apr_size_t a, apr_size_t b)
{
    return a < b ? a : b;
}

/* Twice the last one, or at once what this write needs; never more than the threshold
   leaves. */
static apr_size_t next_chunk_size(const tc_spool *spool, apr_size_t needed, apr_size_t allowed)
{
    apr_size_t size = spool->last ? 2 * spool->last->size : FIRST_CHUNK;

    if (size < needed)
        size = needed;
    return smaller(smaller(size, LAST_CHUNK), allowed);
}

static apr_status_t put_in_heap(tc_spool *spool, const char *data, apr_size_t length)
{
    apr_size_t allowed = spool->threshold - (apr_size_t)spool->length;

    while (length) {
        chunk *to = spool->last;
        apr_size_t took;

        if (!to || to->used == to->size) {
            to = add_chunk(spool, next_chunk_size(spool, length, allowed));
            if (!to)
                return APR_ENOMEM;
        }
        took = fill_chunk(to, data, length);
        data += took;
        length -= took;
        allowed -= took;
    }
    return APR_SUCCESS;
}

/* ---- file ---------------------------------------------------------------- */

/* Everything in heap memory into the file, which is open. */
static apr_status_t flush_chunks(tc_spool *spool)
{
    apr_status_t status = APR_SUCCESS;

    while (spool->first && status == APR_SUCCESS) {
        status = tc_temp_backend_write(&spool->backend, spool->first->data, spool->first->used);
        free(detach_chunk(spool));
    }
    return status;
}

static apr_status_t put_in_file(tc_spool *spool, const char *data, apr_size_t length)
{
    apr_status_t status;

    while (length) {
        chunk *buffer = spool->first ? spool->first : add_chunk(spool, BUFFER);
        apr_size_t took;

        if (!buffer)
            return APR_ENOMEM;
        if (buffer->used == 0 && length >= BUFFER)
            return tc_temp_backend_write(&spool->backend, data, length);
        took = fill_chunk(buffer, data, length);
        data += took;
        length -= took;
        if (buffer->used == BUFFER) {
            status = tc_temp_backend_write(&spool->backend, buffer->data, BUFFER);
            if (status != APR_SUCCESS)
                return status;
            buffer->used = 0;
        }
    }
    return APR_SUCCESS;
}

/* ---- client -------------------------------------------------------------- */

static apr_status_t charge(tc_spool *spool, apr_size_t more)
{
    const tc_temp_config *temp_config = spool->backend.temp_config;
    uint64_t needed = (uint64_t)spool->length + more, taken;
    uint64_t step = needed <= spool->threshold ? HEAP_STEP : TC_TEMP_BACKEND_STEP;

    if (needed <= spool->charged)
        return APR_SUCCESS;
    taken = (needed - spool->charged + step - 1) / step * step;
    if (tc_holders_acquire(temp_config->holders, temp_config->client, temp_config->per_client,
                           taken)) {
        spool->charged += taken;
        return APR_SUCCESS;
    }
    spool->backend.reason = apr_psprintf(
        spool->pool,
        "client %s: holds %" APR_UINT64_T_FMT " KiB of temporary data and would hold more "
        "than the %" APR_UINT64_T_FMT " KiB of TmpfsConvertTempPerClient",
        temp_config->client_name ? temp_config->client_name : "",
        tc_holders_of(temp_config->holders, temp_config->client) / 1024,
        temp_config->per_client / 1024);
    return TC_SPOOL_CLIENT_FULL;
}

/* ---- public -------------------------------------------------------------- */

static apr_status_t release(void *data)
{
    tc_spool *spool = data;

    while (spool->first)
        free(detach_chunk(spool));
    tc_temp_backend_close(&spool->backend);
    tc_holders_release(spool->backend.temp_config->holders, spool->backend.temp_config->client,
                       spool->charged);
    spool->charged = 0;
    return APR_SUCCESS;
}

/* Nothing can be made of it any more: give everything back now, not with the pool. */
static apr_status_t die(tc_spool *spool, apr_status_t status)
{
    release(spool);
    spool->dead = status;
    return status;
}

tc_spool *tc_spool_create(apr_pool_t *pool, const tc_temp_config *temp_config,
                          apr_size_t threshold)
{
    tc_spool *spool = apr_pcalloc(pool, sizeof(*spool));

    spool->pool = pool;
    spool->threshold = threshold;
    tc_temp_backend_init(&spool->backend, pool, temp_config);
    /* Before anything is held. A forked child must not remove its parent's file; its
       descriptors close at exec. */
    apr_pool_cleanup_register(pool, spool, release, apr_pool_cleanup_null);
    return spool;
}

apr_status_t tc_spool_write(tc_spool *spool, const void *data, apr_size_t length)
{
    apr_status_t status = spool->dead;

    if (status != APR_SUCCESS || length == 0)
        return status;
    status = charge(spool, length);
    if (status == APR_SUCCESS && !tc_temp_backend_is_open(&spool->backend) &&
        length > spool->threshold - (apr_size_t)spool->length) {
        status = tc_temp_backend_open(&spool->backend);
        if (status == APR_SUCCESS)
            status = flush_chunks(spool);
    }
    if (status == APR_SUCCESS)
        status = tc_temp_backend_is_open(&spool->backend) ? put_in_file(spool, data, length)
                                                          : put_in_heap(spool, data, length);
    if (status != APR_SUCCESS)
        return die(spool, status);
    spool->length += (apr_off_t)length;
    return APR_SUCCESS;
}

/* The chunks from `offset` on; what is in the file comes before them. */
static apr_size_t read_chunks(const tc_spool *spool, apr_off_t offset, char *to,
                              apr_size_t length)
{
    apr_size_t total = 0;

    for (const chunk *from = spool->first; from && total < length; from = from->next) {
        if (offset >= (apr_off_t)from->used) {
            offset -= (apr_off_t)from->used;
            continue;
        }
        apr_size_t part = smaller(from->used - (apr_size_t)offset, length - total);
        memcpy(to + total, from->data + offset, part);
        total += part;
        offset = 0;
    }
    return total;
}

apr_status_t tc_spool_read(tc_spool *spool, apr_off_t offset, void *buffer, apr_size_t length,
                           apr_size_t *got)
{
    char *to = buffer;

    *got = 0;
    if (spool->dead != APR_SUCCESS)
        return spool->dead;
    if (tc_temp_backend_is_open(&spool->backend)) {
        apr_status_t status = tc_temp_backend_read(&spool->backend, offset, to, length, got);

        if (status != APR_SUCCESS)
            return status;
    }
    *got += read_chunks(spool, offset + (apr_off_t)*got - spool->backend.stored, to + *got,
                        length - *got);
    return APR_SUCCESS;
}

static apr_status_t copy_heap(const tc_spool *spool, int *fd)
{
    size_t written;
    int made = memfd_create("tmpfs_convert", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int error = made < 0 ? errno : 0;

    for (const chunk *from = spool->first; from && !error; from = from->next)
        error = tc_temp_write(made, from->data, from->used, &written);
    if (!error &&
        fcntl(made, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        error = errno;
    if (error && made >= 0)
        close(made);
    *fd = made;
    return error;
}

/*
 * The same file, for reading only. Where there is no /proc to open it by, as in a chroot, the
 * descriptor that may write: all that can be changed then is this very original, of which
 * nothing else is made.
 */
static apr_status_t open_again(const tc_spool *spool, int *fd)
{
    char path[40];

    snprintf(path, sizeof path, "/proc/self/fd/%d", spool->backend.file.temp.fd);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        *fd = fcntl(spool->backend.file.temp.fd, F_DUPFD_CLOEXEC, 0);
    return *fd < 0 ? errno : APR_SUCCESS;
}

apr_status_t tc_spool_descriptor(tc_spool *spool, int *fd)
{
    apr_status_t status = spool->dead;

    if (status == APR_SUCCESS && !tc_temp_backend_is_open(&spool->backend))
        return copy_heap(spool, fd);
    if (status == APR_SUCCESS)
        status = flush_chunks(spool);
    return status == APR_SUCCESS ? open_again(spool, fd) : die(spool, status);
}

void tc_spool_close(tc_spool *spool)
{
    die(spool, APR_EOF);
}

static void seal_heap(tc_spool *spool, apr_bucket_brigade *bb)
{
    chunk *taken;

    while ((taken = detach_chunk(spool))) {
        apr_bucket *bucket =
            apr_bucket_heap_create(taken->data, taken->used, free_chunk_data, bb->bucket_alloc);

        APR_BRIGADE_INSERT_TAIL(bb, bucket);
    }
}

static apr_status_t seal_file(tc_spool *spool, apr_bucket_brigade *bb)
{
    apr_os_file_t fd;
    apr_file_t *file;
    apr_bucket *bucket;
    apr_status_t status = flush_chunks(spool);

    if (status != APR_SUCCESS)
        return status;
    fd = spool->backend.file.temp.fd;
    /* APR never closes a file put in like this, so the spool stays its one owner. */
    status =
        apr_os_file_put(&file, &fd, APR_FOPEN_READ | APR_FOPEN_SENDFILE_ENABLED, spool->pool);
    if (status != APR_SUCCESS)
        return status;
    bucket = apr_brigade_insert_file(bb, file, 0, spool->length, spool->pool);
    /* Where sendfile(2) cannot be used, under TLS, an I/O error shall be an error of one
       response and not a SIGBUS for the whole process. */
    apr_bucket_file_enable_mmap(bucket, 0);
    apr_bucket_file_set_buf_size(bucket, BUFFER);
    return APR_SUCCESS;
}

apr_status_t tc_spool_seal(tc_spool *spool, apr_bucket_brigade *bb)
{
    apr_status_t status = spool->dead;

    if (status != APR_SUCCESS)
        return status;
    if (tc_temp_backend_is_open(&spool->backend))
        status = seal_file(spool, bb);
    else
        seal_heap(spool, bb);
    if (status != APR_SUCCESS)
        return die(spool, status);
    spool->dead = APR_EOF; /* a write or seal after this one is refused */
    return APR_SUCCESS;
}

apr_off_t tc_spool_length(const tc_spool *spool)
{
    return spool->length;
}

tc_temp_method tc_spool_method(const tc_spool *spool)
{
    return tc_temp_backend_is_open(&spool->backend) ? spool->backend.file.temp.method
                                                    : TC_TEMP_AUTO;
}

const char *tc_spool_reason(const tc_spool *spool)
{
    return spool->backend.reason;
}
