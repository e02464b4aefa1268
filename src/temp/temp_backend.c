/* SPDX-License-Identifier: Apache-2.0 */
#include "temp_backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_atomic.h>
#include <apr_errno.h>
#include <apr_strings.h>

#define BUFFER  ((apr_size_t)64 * 1024)
#define RECHECK ((apr_size_t)1024 * 1024)

/* In addition to the errno values: what is left in the directory is the reserve; what all files
   in memory may have is taken. */
#define AT_RESERVE (-1)
#define AT_BOUND   (-2)

/* ---- counting ------------------------------------------------------------ */

static unsigned number_of(const tc_temp_target *where)
{
    return where->dir ? where->dir->number : 0;
}

static void count_opened(const tc_temp_backend *backend)
{
    tc_counters *counters = backend->temp_config->counters;
    unsigned number = number_of(&backend->file.at);

    tc_count(counters, TC_AT_TEMP_MADE + number, 1);
    tc_gauge(counters, TC_NOW_TEMP_OPEN + number, 1);
    if (backend->file.temp.method == TC_TEMP_UNLINKED)
        tc_count(counters, TC_AT_TEMP_HELD + number, 1);
}

static void count_written(tc_temp_backend *backend, apr_size_t length)
{
    unsigned number = number_of(&backend->file.at);

    backend->file.put += length;
    tc_count(backend->temp_config->counters, TC_AT_TEMP_BYTES + number, length);
    tc_gauge(backend->temp_config->counters, TC_NOW_TEMP_OPEN_BYTES + number, (int64_t)length);
}

static void count_moved(const tc_temp_backend *backend, const tc_temp_target *where)
{
    tc_count(backend->temp_config->counters, TC_AT_TEMP_MOVED + number_of(where), 1);
}

/* The file's bytes first, then what was accounted for them. */
static void close_file(const tc_temp_backend *backend, tc_temp_backend_file *file)
{
    tc_counters *counters = backend->temp_config->counters;
    unsigned number = number_of(&file->at);

    if (file->temp.fd < 0)
        return;
    if (file->temp.method == TC_TEMP_NAMED)
        tc_count(counters, TC_AT_TEMP_CLOSED + number, 1);
    tc_gauge(counters, TC_NOW_TEMP_OPEN + number, -1);
    tc_gauge(counters, TC_NOW_TEMP_OPEN_BYTES + number, -(int64_t)file->put);
    tc_temp_close(&file->temp);
    if (file->held)
        tc_admission_drop(backend->temp_config->admission, file->held);
    file->held = 0;
}

/*
 * Have `length` bytes more of a file in memory accounted for, in whole steps, so
 * that it is one addition in many writes.
 */
static bool hold(tc_temp_backend *backend, apr_size_t length)
{
    tc_temp_backend_file *file = &backend->file;
    uint64_t needed = file->put + length, more;

    if ((file->at.dir && !file->at.dir->fs.in_memory) || needed <= file->held)
        return true;
    more = (needed - file->held + TC_TEMP_BACKEND_STEP - 1) / TC_TEMP_BACKEND_STEP *
           TC_TEMP_BACKEND_STEP;
    if (!tc_admission_hold(backend->temp_config->admission, backend->temp_config->memory, more))
        return false;
    file->held += more;
    return true;
}

/* ---- targets -------------------------------------------------------------- */

/* The target of this number in the order they are tried; false past the last. */
static bool target_at(const tc_temp_config *temp_config, unsigned number, tc_temp_target *found)
{
    if (temp_config->method == TC_TEMP_AUTO || temp_config->method == TC_TEMP_MEMFD) {
        if (number == 0) {
            *found = (tc_temp_target){NULL, TC_TEMP_MEMFD};
            return true;
        }
        number--;
    }
    if (temp_config->method == TC_TEMP_MEMFD || number >= temp_config->dirs)
        return false;
    *found = (tc_temp_target){&temp_config->dir[number], temp_config->method};
    return true;
}

static const char *failure_words(int failure, char *buffer, size_t size)
{
    if (failure == AT_RESERVE)
        return "no more space than the reserve";
    if (failure == AT_BOUND)
        return "all that TmpfsConvertTempMemory allows is taken";
    if (failure == EMFILE)
        return "too many open files in this process, see ulimit -n";
    if (failure == ENFILE)
        return "too many open files in the whole system, see fs.file-max";
    return apr_strerror(APR_FROM_OS_ERROR(failure), buffer, size);
}

static void note_failure(tc_temp_backend *backend, const tc_temp_target *where, int failure)
{
    char buffer[120];

    backend->failure = failure;
    backend->reason =
        apr_psprintf(backend->pool, "%s: %s", where->dir ? where->dir->path : "memfd",
                     failure_words(failure, buffer, sizeof(buffer)));
}

static apr_status_t failure_status(const tc_temp_backend *backend)
{
    switch (backend->failure) {
    case AT_RESERVE:
    case AT_BOUND:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return APR_ENOSPC;
    default:
        return APR_FROM_OS_ERROR(backend->failure);
    }
}

static bool above_reserve(const tc_temp_dir *dir)
{
    uint64_t available, total;

    if (!dir || (dir->reserve_bytes == 0 && dir->reserve_percent <= 0))
        return true;
    /* If something is wrong with the directory, the write reports it. */
    if (tc_temp_space(dir->path, &available, &total))
        return true;
    if (dir->reserve_percent > 0)
        return (double)available >= (double)total * dir->reserve_percent / 100;
    return available >= dir->reserve_bytes;
}

/* Set before the name is made: a process may be killed at any moment after. */
static int open_method(tc_temp_backend *backend, const tc_temp_target *where,
                       tc_temp_method method)
{
    volatile apr_uint32_t *named = backend->temp_config->named;

    if (named && (method == TC_TEMP_UNLINKED || method == TC_TEMP_NAMED))
        apr_atomic_set32(named, 1);
    return tc_temp_open(&backend->file.temp, method, where->dir ? where->dir->path : NULL);
}

static int open_temp(tc_temp_backend *backend, const tc_temp_target *where)
{
    int rc;

    if (where->method != TC_TEMP_AUTO)
        return open_method(backend, where, where->method);
    rc = open_method(backend, where, TC_TEMP_TMPFILE);
    return rc == EOPNOTSUPP ? open_method(backend, where, TC_TEMP_UNLINKED) : rc;
}

/* The first step of memory is reserved with it: no file is made that cannot be written to. */
static int open_at(tc_temp_backend *backend, const tc_temp_target *where)
{
    int rc;

    if (!above_reserve(where->dir))
        return AT_RESERVE;
    backend->file = (tc_temp_backend_file){.temp = {.fd = -1}, .at = *where};
    if (!hold(backend, 1))
        return AT_BOUND;
    rc = open_temp(backend, where);
    if (rc && backend->file.held)
        tc_admission_drop(backend->temp_config->admission, backend->file.held);
    return rc;
}

apr_status_t tc_temp_backend_open(tc_temp_backend *backend)
{
    tc_temp_target where;

    while (target_at(backend->temp_config, backend->next_target, &where)) {
        int rc = open_at(backend, &where);

        backend->next_target++;
        if (rc == 0) {
            backend->unchecked = 0;
            count_opened(backend);
            return APR_SUCCESS;
        }
        backend->file.temp.fd = -1;
        note_failure(backend, &where, rc);
        count_moved(backend, &where);
        /* The next directory would fail in the same way. */
        if (rc == EMFILE || rc == ENFILE)
            return failure_status(backend);
    }
    if (!backend->failure) {
        backend->failure = ENOSPC;
        backend->reason = "no temporary directory is configured";
    }
    return failure_status(backend);
}

/* ---- file ---------------------------------------------------------------- */

/* tc_temp_write() with an eye on the reserve and on the bound of memory. */
static int write_file(tc_temp_backend *backend, const char *data, apr_size_t length,
                      apr_size_t *written)
{
    *written = 0;
    while (*written < length) {
        apr_size_t part = length - *written, out;
        int rc;

        if (backend->unchecked >= RECHECK) {
            if (!above_reserve(backend->file.at.dir))
                return AT_RESERVE;
            backend->unchecked = 0;
        }
        if (part > RECHECK - backend->unchecked)
            part = RECHECK - backend->unchecked;
        if (!hold(backend, part))
            return AT_BOUND;
        rc = tc_temp_write(backend->file.temp.fd, data + *written, part, &out);
        *written += out;
        backend->unchecked += out;
        count_written(backend, out);
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
   to `*unreadable`, as no other target would help. */
static int copy_from(tc_temp_backend *backend, int from, char *buffer, int *unreadable)
{
    apr_off_t offset = 0;
    apr_size_t got = 0, written;
    int rc;

    while (offset < backend->stored) {
        apr_off_t left = backend->stored - offset;
        apr_size_t want = left < (apr_off_t)BUFFER ? (apr_size_t)left : BUFFER;

        *unreadable = read_back(from, buffer, want, offset, &got);
        if (*unreadable)
            return 0;
        rc = write_file(backend, buffer, got, &written);
        if (rc)
            return rc;
        offset += (apr_off_t)got;
    }
    return 0;
}

/* From the target that just failed, noted already, to the next that takes all of it. */
static apr_status_t move_on(tc_temp_backend *backend)
{
    tc_temp_backend_file old = backend->file;
    char *buffer = malloc(BUFFER);
    apr_status_t status = buffer ? APR_SUCCESS : APR_ENOMEM;
    bool moved = false;

    /* `old` owns that file from here: the backend must not close or remove it as well. */
    backend->file = (tc_temp_backend_file){.temp = {.fd = -1}};
    count_moved(backend, &old.at);
    while (!moved && status == APR_SUCCESS) {
        int rc, unreadable = 0;

        status = tc_temp_backend_open(backend);
        if (status != APR_SUCCESS)
            break;
        rc = copy_from(backend, old.temp.fd, buffer, &unreadable);
        if (unreadable) {
            note_failure(backend, &old.at, unreadable);
            status = failure_status(backend);
        } else if (rc) {
            close_file(backend, &backend->file);
            note_failure(backend, &backend->file.at, rc);
            count_moved(backend, &backend->file.at);
        } else {
            moved = true;
        }
    }
    close_file(backend, &old);
    free(buffer);
    return status;
}

/* ---- public -------------------------------------------------------------- */

void tc_temp_backend_init(tc_temp_backend *backend, apr_pool_t *pool,
                          const tc_temp_config *temp_config)
{
    memset(backend, 0, sizeof *backend);
    backend->pool = pool;
    backend->temp_config = temp_config;
    backend->file.temp.fd = -1;
    backend->reason = "";
}

apr_status_t tc_temp_backend_write(tc_temp_backend *backend, const char *data,
                                   apr_size_t length)
{
    while (length) {
        apr_size_t written;
        int rc = write_file(backend, data, length, &written);

        backend->stored += (apr_off_t)written;
        data += written;
        length -= written;
        if (rc) {
            apr_status_t status;

            note_failure(backend, &backend->file.at, rc);
            status = move_on(backend);
            if (status != APR_SUCCESS)
                return status;
        }
    }
    return APR_SUCCESS;
}

apr_status_t tc_temp_backend_read(tc_temp_backend *backend, apr_off_t offset, char *buffer,
                                  apr_size_t length, apr_size_t *got)
{
    *got = 0;
    while (*got < length && offset < backend->stored) {
        apr_size_t in = 0;
        apr_off_t left = backend->stored - offset;
        apr_size_t want = left < (apr_off_t)(length - *got) ? (apr_size_t)left : length - *got;
        int rc = read_back(backend->file.temp.fd, buffer + *got, want, offset, &in);

        if (rc)
            return APR_FROM_OS_ERROR(rc);
        *got += in;
        offset += (apr_off_t)in;
    }
    return APR_SUCCESS;
}

void tc_temp_backend_close(tc_temp_backend *backend)
{
    close_file(backend, &backend->file);
}
