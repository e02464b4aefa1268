/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include "config.h"
#include "loglimit.h"
#include "respond.h"

#include "base/clock.h"
#include "base/file.h"

#include <http_log.h>

#include <apr_portable.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

APLOG_USE_MODULE(tmpfs_convert);

static tc_error source_read(void *context, uint64_t offset, void *buffer, size_t length,
                            size_t *got)
{
    tc_source *source = context;
    uint64_t began = tc_clock_ns();
    apr_os_file_t fd;
    tc_error error;

    apr_os_file_get(&fd, source->file);
    error = tc_file_read(fd, source->original.input.size, offset, buffer, length, got);
    source->read_ns += tc_clock_ns() - began;
    return error;
}

/* The file was opened for reading only. */
static apr_status_t descriptor(void *context, int *fd, bool *own)
{
    const tc_source *source = context;

    *own = false;
    return apr_os_file_get(fd, source->file);
}

static apr_status_t close_file(void *file)
{
    return apr_file_close(file);
}

/* Size and date of the open file, and how it is read. */
static apr_status_t prepare(tc_source *source)
{
    apr_status_t status = apr_file_info_get(
        &source->info, APR_FINFO_SIZE | APR_FINFO_MTIME | APR_FINFO_TYPE, source->file);

    source->original = (tc_original){
        {source_read, source, (uint64_t)source->info.size, NULL}, &source->read_ns, descriptor};
    return status;
}

static int no_files(request_rec *r, apr_status_t status)
{
    char words[120];
    tc_fail fail;

    tc_fail_set(&fail, TC_E_NO_FILES, "%s", apr_strerror(status, words, sizeof words));
    return tc_respond_error(r, &fail);
}

int tc_source_open(request_rec *r, tc_source *source)
{
    apr_status_t status;

    if (r->finfo.filetype != APR_REG || (r->path_info && *r->path_info)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "no such file: %s%.*s", tc_log_name(r),
                      TC_LOG_NAME, r->path_info ? r->path_info : "");
        return HTTP_NOT_FOUND;
    }
    /* Not blocking, should a FIFO have taken the file's place meanwhile. */
    status = apr_file_open(&source->file, r->filename,
                           APR_FOPEN_READ | APR_FOPEN_BINARY | APR_FOPEN_NONBLOCK,
                           APR_OS_DEFAULT, r->pool);
    if (status == APR_SUCCESS)
        status = prepare(source);
    if (status != APR_SUCCESS && tc_conversion_spool_error(status) == TC_E_NO_FILES)
        return no_files(r, status);
    if (status != APR_SUCCESS) {
        if (tc_log_allows(r, APLOG_ERR))
            ap_log_rerror(APLOG_MARK, APLOG_ERR, status, r,
                          "TC0013: %s: the file cannot be opened", tc_log_name(r));
        return APR_STATUS_IS_ENOENT(status) ? HTTP_NOT_FOUND : HTTP_FORBIDDEN;
    }
    return source->info.filetype == APR_REG ? OK : HTTP_NOT_FOUND;
}

/* The descriptor, or -1 with errno. Not blocking: a pipe would keep us waiting. */
static int open_beneath(const char *dir, const char *name)
{
    int folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, error;

    if (folder < 0)
        return -1;
    fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    error = errno;
    close(folder);
    errno = error;
    return fd;
}

tc_error tc_source_open_material(request_rec *r, tc_source *source, const char *dir,
                                 const char *name, tc_fail *fail)
{
    apr_os_file_t fd;

    if (!dir)
        return tc_fail_set(fail, TC_E_ICON,
                           "embedicon=%s: TmpfsConvertMaterialDir is not set here", name);
    fd = open_beneath(dir, name);
    if (fd < 0) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, errno, r, "%s/%s cannot be opened", dir, name);
        return tc_fail_set(fail, TC_E_ICON, "embedicon=%s: there is no such icon", name);
    }
    if (apr_os_file_put(&source->file, &fd, APR_FOPEN_READ | APR_FOPEN_BINARY, r->pool) !=
        APR_SUCCESS) {
        close(fd);
        return tc_fail_set(fail, TC_E_INTERNAL, "embedicon=%s: the file could not be prepared",
                           name);
    }
    apr_pool_cleanup_register(r->pool, source->file, close_file, apr_pool_cleanup_null);
    if (prepare(source) != APR_SUCCESS || source->info.filetype != APR_REG)
        return tc_fail_set(fail, TC_E_ICON, "embedicon=%s: there is no such icon", name);
    return TC_E_OK;
}

bool tc_source_changed(const tc_source *source)
{
    apr_finfo_t now;

    if (apr_file_info_get(&now, APR_FINFO_SIZE | APR_FINFO_MTIME, source->file) != APR_SUCCESS)
        return false;
    return now.size != source->info.size || now.mtime != source->info.mtime;
}
