/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undoing: by the parent at its end, or, when the parent was killed, by the
 * keeper. The keeper reads from a pipe whose other end the parent and every
 * worker hold: its end of file means that all of them are gone, whatever way.
 */
/* For O_PATH. */
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void undo_dir(churn_undo *undo)
{
    int base = open(undo->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    int fd = base < 0
                 ? -1
                 : openat(base, undo->leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;

    /* It may have been moved away, and another be there in its place. */
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_dev == undo->device &&
        info.st_ino == undo->inode) {
        churn_empty(fd);
        rc = tc_temp_remove_held(base, undo->leaf, AT_REMOVEDIR);
    }
    if (rc)
        churn_say("%s/%s could not be removed: %s", undo->base, undo->leaf, strerror(rc));
    if (fd >= 0)
        close(fd);
    if (base >= 0)
        close(base);
}

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;
    ssize_t out;

    if (fd < 0)
        return errno;
    do
        out = write(fd, text, strlen(text));
    while (out < 0 && errno == EINTR);
    if (out < 0)
        rc = errno;
    close(fd);
    return rc;
}

void churn_undo_all(churn_undo *undo)
{
    if (atomic_exchange(&undo->has_dir, false))
        undo_dir(undo);
    if (atomic_exchange(&undo->has_cgroup, false))
        churn_memcg_remove(undo->cgroup);
    for (size_t i = CHURN_COUNT(undo->sysctl); i-- > 0;) {
        int rc;

        if (!undo->sysctl[i].set)
            continue;
        /* Forgotten only when done: done twice is harmless, not at all is not. */
        rc = write_text(undo->sysctl[i].path, undo->sysctl[i].value);
        undo->sysctl[i].set = false;
        if (rc)
            churn_say("%s could not be set back to %s: %s", undo->sysctl[i].path,
                      undo->sysctl[i].value, strerror(rc));
    }
}

/*
 * Of two churns at once that set the same, the later would take the earlier's
 * value for the system's own and put that back. The lock lives as long as this
 * process and its workers.
 */
static int lock_sysctl(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

    if (fd < 0)
        return errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    rc = errno == EWOULDBLOCK ? EBUSY : errno;
    close(fd);
    return rc;
}

int churn_sysctl_set(churn_undo *undo, const char *path, int64_t value)
{
    int rc = lock_sysctl(path);
    tc_reading old = tc_reading_number(NULL, path);
    char text[32];
    size_t i = 0;

    if (rc)
        return rc;
    if (old.error)
        return old.error;
    while (i < CHURN_COUNT(undo->sysctl) && undo->sysctl[i].set)
        i++;
    if (i == CHURN_COUNT(undo->sysctl))
        return ENOSPC;
    snprintf(undo->sysctl[i].path, sizeof(undo->sysctl[i].path), "%s", path);
    snprintf(undo->sysctl[i].value, sizeof(undo->sysctl[i].value), "%llu",
             (unsigned long long)old.value);
    undo->sysctl[i].set = true;
    snprintf(text, sizeof(text), "%lld", (long long)value);
    rc = write_text(path, text);
    if (rc)
        undo->sysctl[i].set = false;
    return rc;
}

int churn_drop_caches(unsigned what, churn_result *result)
{
    tc_host before, after;
    char text[8];
    double start;
    bool estimated;
    int rc;

    snprintf(text, sizeof(text), "%u", what);
    tc_host_read(&before, NULL);
    start = churn_now();
    rc = write_text("/proc/sys/vm/drop_caches", text);
    result->dropped.ms = (churn_now() - start) * 1000;
    tc_host_read(&after, NULL);
    result->dropped.dentries =
        (int64_t)before.dentry.dentries.value - (int64_t)after.dentry.dentries.value;
    result->dropped.negatives =
        (int64_t)before.dentry.negative.value - (int64_t)after.dentry.negative.value;
    result->dropped.bytes = (int64_t)tc_host_dentry_bytes(&before, &estimated).value -
                            (int64_t)tc_host_dentry_bytes(&after, &estimated).value;
    return rc;
}

/* ---- the keeper --------------------------------------------------------------------- */

/* Files in a directory that is not ours, by the names that the workers noted. */
static void undo_in_place(churn_shared *shared)
{
    churn_workdir workdir = {.workers = shared->undo.in_place};

    if (workdir.workers == 0)
        return;
    workdir.fd = open(shared->undo.base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (workdir.fd < 0)
        return;
    churn_workdir_strays(&workdir, shared, shared->undo.since);
    close(workdir.fd);
}

_Noreturn static void keep(int pipe_end, churn_shared *shared)
{
    char byte;
    ssize_t got;

    prctl(PR_SET_NAME, "churn-keeper");
    /* What ends the whole group of processes is not to end this one. */
    setsid();
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    do
        got = read(pipe_end, &byte, 1);
    while (got < 0 && errno == EINTR);
    undo_in_place(shared);
    churn_undo_all(&shared->undo);
    _exit(0);
}

int churn_keeper_start(churn_keeper *keeper, churn_shared *shared)
{
    int ends[2];

    if (pipe(ends))
        return errno;
    keeper->pid = fork();
    if (keeper->pid < 0) {
        int rc = errno;

        close(ends[0]);
        close(ends[1]);
        return rc;
    }
    if (keeper->pid == 0) {
        close(ends[1]);
        keep(ends[0], shared);
    }
    close(ends[0]);
    keeper->pipe = ends[1];
    return 0;
}

void churn_keeper_end(churn_keeper *keeper)
{
    close(keeper->pipe);
    while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
