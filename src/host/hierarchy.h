/* SPDX-License-Identifier: Apache-2.0 */
/* Where a controller shows this process's cgroup: in a container, under a service manager, of
   version 1 or 2. */
#ifndef TC_HIERARCHY_H
#define TC_HIERARCHY_H

#include "reading.h"

#include <limits.h>
#include <stdbool.h>

typedef struct tc_hierarchy {
    int version;
    char point[PATH_MAX];     /* its mount point */
    char directory[PATH_MAX]; /* the cgroup's, at or below it; the mount point where the cgroup
                                 is not visible */
} tc_hierarchy;

/* By /proc/self/cgroup and /proc/self/mountinfo below `root`: 0, ENOENT where there is no such
   controller, or the error of reading. */
int tc_hierarchy_find(tc_hierarchy *at, const char *root, const char *controller);

/* From a cgroup's `directory`, a copy of at->directory at first, to its parent's; false at the
   mount point. */
bool tc_hierarchy_up(const tc_hierarchy *at, char *directory);

/* A file of a cgroup's `directory`: tc_reading_file() and tc_reading_number(). */
int tc_hierarchy_file(const char *root, const char *directory, const char *file, char *buffer,
                      size_t size);
tc_reading tc_hierarchy_number(const char *root, const char *directory, const char *file);

#endif
