/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's slab caches. /proc/slabinfo and /sys/kernel/slab are readable by
 * root only and slabinfo costs 300 microseconds, so this is for a parent process
 * now and then, and for tools.
 */
#ifndef TC_SLAB_H
#define TC_SLAB_H

#include "reading.h"

#define TC_SLAB_NAME 32
#define TC_SLAB_TOP  12

typedef struct tc_slab_cache {
    char name[TC_SLAB_NAME];  /* ends in '~' when it was longer; need not be the only one */
    uint64_t active, objects; /* objects in use, objects there is room for */
    uint64_t active_slabs, slabs;
    uint32_t object_bytes, objects_per_slab, slab_bytes;
    uint64_t bytes; /* slabs * slab_bytes: what the cache takes */
} tc_slab_cache;

/* slabtop's head. */
typedef struct tc_slab_totals {
    uint64_t active, objects, active_slabs, slabs, active_caches, caches;
    uint64_t active_bytes, bytes; /* bytes of objects in use; of all slabs */
    uint32_t least_object, most_object;
} tc_slab_totals;

typedef struct tc_slab {
    int error;            /* 0, or why there are no readings of the dentry cache */
    tc_slab_cache dentry; /* named "dentry" or, in old kernels, "dentry_cache" */
    int others_error;     /* 0, or why the rest is not: ENOENT when only sysfs was there */
    tc_slab_totals totals;
    unsigned others; /* the largest caches other than dentry, by bytes, largest first */
    tc_slab_cache other[TC_SLAB_TOP];
} tc_slab;

/*
 * Read /proc/slabinfo (format 2.x), or, on kernels without it, the dentry cache
 * from /sys/kernel/slab/dentry. `root` as for the dentry room.
 */
void tc_slab_read(tc_slab *slab, const char *root);

#endif
