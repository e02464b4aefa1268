/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory cgroup this process is in. Dentries are charged to the cgroup that
 * made them, so in a container its limit is where they hurt.
 */
#ifndef TC_CGROUP_H
#define TC_CGROUP_H

#include "reading.h"

typedef struct tc_cgroup {
    int version; /* 1 or 2; 0 when there is no memory controller, with `error` */
    int error;
    char path[512];    /* the cgroup's own directory, in the file system seen here; its mount
                          point when it is not visible there; "" when longer than this */
    tc_reading limit;  /* bytes, the least of this cgroup's and its ancestors';
                         TC_UNLIMITED when none limits */
    tc_reading usage;  /* bytes */
    tc_reading kernel; /* of it kernel memory: v1 memory.kmem.usage_in_bytes, v2 memory.stat
                         kernel */
    tc_reading slab_reclaimable, slab_unreclaimable; /* v2 memory.stat; ENODATA in most of v1 */
} tc_cgroup;

/* By /proc/self/cgroup and /proc/self/mountinfo below `root`, as for the dentry room. About
   75 microseconds. */
void tc_cgroup_read(tc_cgroup *cgroup, const char *root);

#endif
