/* SPDX-License-Identifier: Apache-2.0 */
#include "spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_errno.h>
#include <apr_file_io.h>
#include <apr_portable.h>
#include <apr_strings.h>

#define FIRST_CHUNK ((apr_size_t)16 * 1024)
#define LAST_CHUNK  ((apr_size_t)256 * 1024)
#define BUFFER      ((apr_size_t)64 * 1024)
#define RECHECK     ((apr_size_t)1024 * 1024)

/* Beside the errno values: what is left in the directory is the reserve. */
#define AT_RESERVE (-1)

/* A piece of heap memory. Once sealed its bucket owns it. */
typedef struct chunk {
    struct chunk *next;
    apr_size_t size, used;
    char data[];
} chunk;

/* Where one file may be; `dir` is NULL for a memfd. */
typedef struct place {
    const tc_spool_dir *dir;
    tc_temp_method method;
} place;

struct tc_spool {
    apr_pool_t *pool;
    const tc_spool_places *places;
    apr_size_t threshold;
    apr_off_t length;     /* taken in */
    chunk *first, *last;  /* the contents; with a file, its one write buffer */
    tc_tempfile file;     /* open when fd is not -1 */
    place at;             /* the file's */
    unsigned next_place;  /* places before it are used up */
    apr_off_t stored;     /* bytes in the file */
    uint64_t put;         /* bytes written to this very file, here or while moving to it */
    apr_size_t unchecked; /* of these since the reserve was looked at */
    int failure;          /* the last place's: errno value or AT_RESERVE */
    const char *reason;   /* the same in words */
    apr_status_t dead;    /* what every write answers from now on */
};

/* ---- heap ---------------------------------------------------------------- */

static void free_chunk_data(void *data)
{
    free((char *)data - offsetof(chunk, data));
}

/* Detach the first chunk; from here on it is the caller's. */
static chunk *take_chunk(tc_spool *spool)
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

/* ---- counting ------------------------------------------------------------ */

static unsigned number_of(const place *where)
{
    return where->dir ? where->dir->number : 0;
}

static void count_opened(tc_spool *spool)
{
    tc_counters *counters = spool->places->counters;
    unsigned number = number_of(&spool->at);

    tc_count(counters, TC_AT_TEMP_MADE + number, 1);
    tc_gauge(counters, TC_NOW_TEMP_OPEN + number, 1);
    if (spool->file.method == TC_TEMP_UNLINKED)
        tc_count(counters, TC_AT_TEMP_HELD + number, 1);
}

static void count_written(tc_spool *spool, apr_size_t length)
{
    unsigned number = number_of(&spool->at);

    spool->put += length;
    tc_count(spool->places->counters, TC_AT_TEMP_BYTES + number, length);
    tc_gauge(spool->places->counters, TC_NOW_TEMP_OPEN_BYTES + number, (int64_t)length);
}

/* Close a file of `bytes` bytes at `where`. */
static void close_file(const tc_spool *spool, tc_tempfile *file, const place *where,
                       uint64_t bytes)
{
    tc_counters *counters = spool->places->counters;
    unsigned number = number_of(where);

    if (file->fd < 0)
        return;
    if (file->method == TC_TEMP_NAMED)
        tc_count(counters, TC_AT_TEMP_CLOSED + number, 1);
    tc_gauge(counters, TC_NOW_TEMP_OPEN + number, -1);
    tc_gauge(counters, TC_NOW_TEMP_OPEN_BYTES + number, -(int64_t)bytes);
    tc_temp_close(file);
}

/* ---- places -------------------------------------------------------------- */

/* The place of this number in the order they are tried; false past the last. */
static bool place_at(const tc_spool_places *places, unsigned number, place *found)
{
    if (places->method == TC_TEMP_AUTO || places->method == TC_TEMP_MEMFD) {
        if (number == 0) {
            *found = (place){NULL, TC_TEMP_MEMFD};
            return true;
        }
        number--;
    }
    if (places->method == TC_TEMP_MEMFD || number >= places->dirs)
        return false;
    *found = (place){&places->dir[number], places->method};
    return true;
}

static const char *failure_words(int failure, char *buffer, size_t size)
{
    if (failure == AT_RESERVE)
        return "no more space than the reserve";
    return apr_strerror(APR_FROM_OS_ERROR(failure), buffer, size);
}

static void note_failure(tc_spool *spool, const place *where, int failure)
{
    char buffer[120];
    const char *hint = "";

    if (failure == EMFILE)
        hint = " (the limit of this process, see ulimit -n)";
    else if (failure == ENFILE)
        hint = " (the limit of the whole system, see fs.file-max)";
    spool->failure = failure;
    spool->reason =
        apr_psprintf(spool->pool, "%s: %s%s", where->dir ? where->dir->path : "memfd",
                     failure_words(failure, buffer, sizeof(buffer)), hint);
}

static apr_status_t failure_status(const tc_spool *spool)
{
    switch (spool->failure) {
    case AT_RESERVE:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return APR_ENOSPC;
    default:
        return APR_FROM_OS_ERROR(spool->failure);
    }
}

static bool above_reserve(const tc_spool_places *places, const place *where)
{
    uint64_t available, total;

    if (!where->dir || (places->reserve_bytes == 0 && places->reserve_percent <= 0))
        return true;
    /* What is wrong with the directory the write itself will say. */
    if (tc_temp_space(where->dir->path, &available, &total))
        return true;
    if (places->reserve_percent > 0)
        return (double)available >= (double)total * places->reserve_percent / 100;
    return available >= places->reserve_bytes;
}

static int open_at(tc_spool *spool, const place *where)
{
    const char *path = where->dir ? where->dir->path : NULL;
    int rc;

    if (!above_reserve(spool->places, where))
        return AT_RESERVE;
    if (where->method != TC_TEMP_AUTO)
        return tc_temp_open(&spool->file, where->method, path);
    rc = tc_temp_open(&spool->file, TC_TEMP_TMPFILE, path);
    return rc == EOPNOTSUPP ? tc_temp_open(&spool->file, TC_TEMP_UNLINKED, path) : rc;
}

/* An empty file in the first place that is not used up. */
static apr_status_t open_next(tc_spool *spool)
{
    place where;

    while (place_at(spool->places, spool->next_place, &where)) {
        int rc = open_at(spool, &where);

        spool->next_place++;
        if (rc == 0) {
            spool->at = where;
            spool->unchecked = 0;
            spool->put = 0;
            count_opened(spool);
            return APR_SUCCESS;
        }
        note_failure(spool, &where, rc);
        tc_count(spool->places->counters, TC_AT_TEMP_MOVED + number_of(&where), 1);
        /* Not the directory's fault: the next one would answer the same. */
        if (rc == EMFILE || rc == ENFILE)
            return failure_status(spool);
    }
    if (!spool->failure) {
        spool->failure = ENOSPC;
        spool->reason = "no temporary directory is configured";
    }
    return failure_status(spool);
}

/* ---- file ---------------------------------------------------------------- */

/* tc_temp_write() with an eye on the reserve. */
static int write_file(tc_spool *spool, const char *data, apr_size_t length, apr_size_t *written)
{
    *written = 0;
    while (*written < length) {
        apr_size_t out;
        int rc;

        if (spool->unchecked >= RECHECK) {
            if (!above_reserve(spool->places, &spool->at))
                return AT_RESERVE;
            spool->unchecked = 0;
        }
        rc = tc_temp_write(spool->file.fd, data + *written,
                           smaller(length - *written, RECHECK - spool->unchecked), &out);
        *written += out;
        spool->unchecked += out;
        count_written(spool, out);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_back(int fd, char *buffer, apr_size_t size, apr_off_t offset, apr_size_t *got)
{
    ssize_t in;

    do
        in = pread(fd, buffer, size, offset);
    while (in < 0 && errno == EINTR);
    if (in < 0)
        return errno;
    *got = (apr_size_t)in;
    return in == 0 ? EIO : 0; /* less than was written: cut short by somebody */
}

/* What `from` holds into the new file. 0 or how that one failed; a failure to read goes
   to `*unreadable`, as no other place would help. */
static int copy_from(tc_spool *spool, int from, char *buffer, int *unreadable)
{
    apr_off_t offset = 0;
    apr_size_t got = 0, written;
    int rc;

    while (offset < spool->stored) {
        apr_off_t left = spool->stored - offset;
        apr_size_t want = left < (apr_off_t)BUFFER ? (apr_size_t)left : BUFFER;

        *unreadable = read_back(from, buffer, want, offset, &got);
        if (*unreadable)
            return 0;
        rc = write_file(spool, buffer, got, &written);
        if (rc)
            return rc;
        offset += (apr_off_t)got;
    }
    return 0;
}

/* From the place that just failed, noted already, to the next that takes all of it. */
static apr_status_t move_on(tc_spool *spool)
{
    tc_tempfile old = spool->file;
    place old_place = spool->at;
    uint64_t old_put = spool->put;
    char *buffer = malloc(BUFFER);
    apr_status_t status = buffer ? APR_SUCCESS : APR_ENOMEM;
    bool moved = false;

    /* `old` owns that file from here: the spool must not close or remove it as well. */
    spool->file.fd = -1;
    spool->file.path[0] = '\0';
    tc_count(spool->places->counters, TC_AT_TEMP_MOVED + number_of(&old_place), 1);
    while (!moved && status == APR_SUCCESS) {
        int rc, unreadable = 0;

        status = open_next(spool);
        if (status != APR_SUCCESS)
            break;
        rc = copy_from(spool, old.fd, buffer, &unreadable);
        if (unreadable) {
            note_failure(spool, &old_place, unreadable);
            status = failure_status(spool);
        } else if (rc) {
            close_file(spool, &spool->file, &spool->at, spool->put);
            note_failure(spool, &spool->at, rc);
            tc_count(spool->places->counters, TC_AT_TEMP_MOVED + number_of(&spool->at), 1);
        } else {
            moved = true;
        }
    }
    close_file(spool, &old, &old_place, old_put);
    free(buffer);
    return status;
}

static apr_status_t store(tc_spool *spool, const char *data, apr_size_t length)
{
    while (length) {
        apr_size_t written;
        int rc = write_file(spool, data, length, &written);

        spool->stored += (apr_off_t)written;
        data += written;
        length -= written;
        if (rc) {
            apr_status_t status;

            note_failure(spool, &spool->at, rc);
            status = move_on(spool);
            if (status != APR_SUCCESS)
                return status;
        }
    }
    return APR_SUCCESS;
}

/* Everything in heap memory into the file, which is open. */
static apr_status_t flush_chunks(tc_spool *spool)
{
    apr_status_t status = APR_SUCCESS;

    while (spool->first && status == APR_SUCCESS) {
        status = store(spool, spool->first->data, spool->first->used);
        free(take_chunk(spool));
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
            return store(spool, data, length);
        took = fill_chunk(buffer, data, length);
        data += took;
        length -= took;
        if (buffer->used == BUFFER) {
            status = store(spool, buffer->data, BUFFER);
            if (status != APR_SUCCESS)
                return status;
            buffer->used = 0;
        }
    }
    return APR_SUCCESS;
}

/* ---- public -------------------------------------------------------------- */

static apr_status_t release(void *data)
{
    tc_spool *spool = data;

    while (spool->first)
        free(take_chunk(spool));
    close_file(spool, &spool->file, &spool->at, spool->put);
    return APR_SUCCESS;
}

/* Nothing can be made of it any more: give everything back now, not with the pool. */
static apr_status_t die(tc_spool *spool, apr_status_t status)
{
    release(spool);
    spool->dead = status;
    return status;
}

tc_spool *tc_spool_create(apr_pool_t *pool, const tc_spool_places *places, apr_size_t threshold)
{
    tc_spool *spool = apr_pcalloc(pool, sizeof(*spool));

    spool->pool = pool;
    spool->places = places;
    spool->threshold = threshold;
    spool->file.fd = -1;
    spool->reason = "";
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
    if (spool->file.fd < 0 && length > spool->threshold - (apr_size_t)spool->length) {
        status = open_next(spool);
        if (status == APR_SUCCESS)
            status = flush_chunks(spool);
    }
    if (status == APR_SUCCESS)
        status = spool->file.fd < 0 ? put_in_heap(spool, data, length)
                                    : put_in_file(spool, data, length);
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
    while (spool->file.fd >= 0 && *got < length && offset < spool->stored) {
        apr_size_t in;
        apr_off_t left = spool->stored - offset;
        int rc = read_back(spool->file.fd, to + *got,
                           left < (apr_off_t)(length - *got) ? (apr_size_t)left : length - *got,
                           offset, &in);

        if (rc)
            return APR_FROM_OS_ERROR(rc);
        *got += in;
        offset += (apr_off_t)in;
    }
    *got += read_chunks(spool, offset - spool->stored, to + *got, length - *got);
    return APR_SUCCESS;
}

void tc_spool_close(tc_spool *spool)
{
    die(spool, APR_EOF);
}

static void seal_heap(tc_spool *spool, apr_bucket_brigade *bb)
{
    chunk *taken;

    while ((taken = take_chunk(spool))) {
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
    fd = spool->file.fd;
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
    if (spool->file.fd < 0)
        seal_heap(spool, bb);
    else
        status = seal_file(spool, bb);
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
    return spool->file.fd < 0 ? TC_TEMP_AUTO : spool->file.method;
}

const char *tc_spool_reason(const tc_spool *spool)
{
    return spool->reason;
}
