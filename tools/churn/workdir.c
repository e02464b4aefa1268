/* SPDX-License-Identifier: Apache-2.0 */
/* The private directory: its making, its parts, and that nothing of it is left. */
#define _GNU_SOURCE
#include "workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A worker's share of the parts: one each when there are many workers. */
static unsigned parts_each(unsigned workers)
{
    return workers >= CHURN_PARTS ? 1 : (CHURN_PARTS + workers - 1) / workers;
}

void churn_workdir_part(char *name, size_t size, unsigned worker, unsigned part)
{
    snprintf(name, size, "w%u-%u", worker, part);
}

static int make_parts(churn_workdir *workdir)
{
    char name[32];

    for (unsigned worker = 0; worker < workdir->workers; worker++) {
        for (unsigned part = 0; part < workdir->parts; part++) {
            churn_workdir_part(name, sizeof(name), worker, part);
            if (mkdirat(workdir->fd, name, 0700))
                return errno;
        }
    }
    return 0;
}

static int make_private(churn_workdir *workdir, churn_undo *undo)
{
    churn_hand hand = {.name_length = 10};
    char letters[CHURN_NAME];
    struct stat info;
    int rc = EEXIST;

    churn_hand_seed(&hand);
    while (rc == EEXIST) {
        churn_hand_name(&hand, letters);
        snprintf(workdir->leaf, sizeof(workdir->leaf), "churn-%.10s", letters);
        rc = mkdirat(workdir->base_fd, workdir->leaf, 0700) ? errno : 0;
    }
    if (rc)
        return rc;
    workdir->fd = openat(workdir->base_fd, workdir->leaf, DIRECTORY);
    if (workdir->fd < 0 || fstat(workdir->fd, &info)) {
        rc = errno;
        tc_temp_remove_held(workdir->base_fd, workdir->leaf, AT_REMOVEDIR);
        return rc;
    }
    snprintf(undo->base, sizeof(undo->base), "%s", workdir->base);
    snprintf(undo->leaf, sizeof(undo->leaf), "%s", workdir->leaf);
    undo->device = info.st_dev;
    undo->inode = info.st_ino;
    undo->has_dir = true;
    snprintf(workdir->path, sizeof(workdir->path), "%s/%s",
             strcmp(workdir->base, "/") ? workdir->base : "", workdir->leaf);
    return make_parts(workdir);
}

static int open_base(churn_workdir *workdir, const char *dir)
{
    char *whole = realpath(dir, NULL);
    int rc = 0;

    if (!whole)
        return errno;
    if (strlen(whole) >= sizeof(workdir->base))
        rc = ENAMETOOLONG;
    else
        strcpy(workdir->base, whole);
    free(whole);
    if (rc)
        return rc;
    workdir->base_fd = open(workdir->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return workdir->base_fd < 0 ? errno : 0;
}

int churn_workdir_open(churn_workdir *workdir, const churn_options *options, const char *dir,
                       churn_undo *undo)
{
    int rc;

    memset(workdir, 0, sizeof(*workdir));
    workdir->base_fd = workdir->fd = -1;
    workdir->workers = (unsigned)options->workers;
    rc = open_base(workdir, dir);
    if (rc == 0)
        rc = tc_temp_fs_of(workdir->base, &workdir->fs);
    if (rc == 0 && options->in_place) {
        workdir->fd = workdir->base_fd;
        strcpy(workdir->path, workdir->base);
        strcpy(undo->base, workdir->base);
        undo->since = (int64_t)time(NULL) - 1;
        undo->in_place = workdir->workers;
    } else if (rc == 0) {
        workdir->parts = parts_each(workdir->workers);
        rc = make_private(workdir, undo);
    }
    if (rc)
        churn_workdir_close(workdir, false, undo);
    return rc;
}

void churn_empty(int fd)
{
    int again = openat(fd, ".", DIRECTORY);
    DIR *entries = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;

    if (!entries) {
        if (again >= 0)
            close(again);
        return;
    }
    while ((entry = readdir(entries))) {
        int below;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        below = openat(fd, entry->d_name, DIRECTORY | O_NONBLOCK);
        if (below >= 0) {
            churn_empty(below);
            close(below);
        }
        tc_temp_remove_held(fd, entry->d_name, below >= 0 ? AT_REMOVEDIR : 0);
    }
    closedir(entries);
}

void churn_workdir_close(churn_workdir *workdir, bool keep, churn_undo *undo)
{
    if (workdir->leaf[0] && workdir->fd >= 0 && !keep) {
        int rc;

        churn_empty(workdir->fd);
        rc = tc_temp_remove_held(workdir->base_fd, workdir->leaf, AT_REMOVEDIR);
        if (rc)
            churn_say("%s could not be removed: %s", workdir->path, strerror(rc));
    }
    /* Removed or kept: either way there is nothing to undo. */
    undo->has_dir = false;
    undo->in_place = 0;
    if (workdir->fd >= 0 && workdir->fd != workdir->base_fd)
        close(workdir->fd);
    if (workdir->base_fd >= 0)
        close(workdir->base_fd);
    workdir->fd = workdir->base_fd = -1;
}

/*
 * A worker notes a name before it makes the file: what is there of this name, but from
 * before the run or of somebody else's, is not the worker's.
 */
static bool remove_ours(int dir, const char *name, int64_t since)
{
    struct stat info;

    if (!name[0] || fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) ||
        info.st_uid != geteuid() || info.st_ctim.tv_sec < since)
        return false;
    return tc_temp_remove_held(dir, name, S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0) == 0;
}

unsigned churn_workdir_strays(const churn_workdir *workdir, churn_shared *shared, int64_t since)
{
    unsigned removed = 0;

    for (unsigned worker = 0; worker < workdir->workers; worker++) {
        churn_slot *slot = &shared->slot[worker];

        for (unsigned part = 0; part < (workdir->parts ? workdir->parts : 1); part++) {
            char path[32] = ".";
            int dir;

            if (workdir->parts)
                churn_workdir_part(path, sizeof(path), worker, part);
            /* Nearly always there is nothing to look for. */
            if (!slot->kept[part][0] && !(slot->name[0] && slot->part == part))
                continue;
            dir = openat(workdir->fd, path, DIRECTORY);
            if (dir < 0)
                continue;
            if (slot->part == part)
                removed += remove_ours(dir, slot->name, since);
            removed += remove_ours(dir, slot->kept[part], since);
            close(dir);
        }
    }
    return removed;
}
