/* SPDX-License-Identifier: Apache-2.0 */
#include "inherited.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/lines.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* ---- descriptors ------------------------------------------------------------------------ */

/* The least of `keep` that is not below `fd`; INT_MAX without one. */
static int next_kept(const int *keep, size_t count, int fd)
{
    int next = INT_MAX;

    for (size_t i = 0; i < count; i++) {
        if (keep[i] >= fd && keep[i] < next)
            next = keep[i];
    }
    return next;
}

static bool is_kept(const int *keep, size_t count, int fd)
{
    return next_kept(keep, count, fd) == fd;
}

/* For kernels without close_range, older than 5.9. */
static int close_listed(const int *keep, size_t count)
{
    DIR *folder = opendir("self/fd");
    const struct dirent *entry;

    if (!folder)
        return errno;
    while ((entry = readdir(folder))) {
        int fd = isdigit((unsigned char)*entry->d_name) ? atoi(entry->d_name) : -1;
        if (fd > STDERR_FILENO && fd != dirfd(folder) && !is_kept(keep, count, fd))
            close(fd);
    }
    closedir(folder);
    return 0;
}

static int close_others(const int *keep, size_t count)
{
    unsigned first = STDERR_FILENO + 1;

    for (;;) {
        unsigned next = (unsigned)next_kept(keep, count, (int)first);

        if (next > first &&
            syscall(SYS_close_range, first, next == INT_MAX ? ~0u : next - 1, 0u) != 0)
            return errno == ENOSYS || errno == EPERM ? close_listed(keep, count) : errno;
        if (next == INT_MAX)
            return 0;
        first = next + 1;
    }
}

int tc_inherited_close(const int *keep, size_t count, int null)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (!is_kept(keep, count, fd) && fd != null && dup2(null, fd) < 0)
            return errno;
    }
    /* `null` is closed here, unless it is one of the three. */
    return close_others(keep, count);
}

/* ---- memory ------------------------------------------------------------------------------ */

static bool holds_kept(uintptr_t start, uintptr_t end, const tc_lockdown_region *keep,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uintptr_t first = (uintptr_t)keep[i].start;
        if (first < end && first + keep[i].length > start)
            return true;
    }
    return false;
}

int tc_inherited_unmap(const tc_lockdown_region *keep, size_t count)
{
    const char *line;
    tc_lines maps;
    int error = tc_lines_open(&maps, NULL, "self/maps");

    if (error)
        return error;
    while (!error && (line = tc_lines_next(&maps))) {
        uintptr_t start, end;
        char may[5];

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, may) != 3)
            error = EPROTO;
        else if (may[1] == 'w' && may[3] == 's' && !holds_kept(start, end, keep, count) &&
                 munmap((void *)start, end - start) != 0)
            error = errno;
    }
    if (error) {
        tc_lines_close(&maps);
        return error;
    }
    return tc_lines_close(&maps);
}
