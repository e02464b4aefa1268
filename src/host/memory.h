/* SPDX-License-Identifier: Apache-2.0 */
/* The host's memory as /proc/meminfo and /proc/vmstat tell it, in bytes. */
#ifndef TC_MEMORY_H
#define TC_MEMORY_H

#include "reading.h"

/* X(field, key in meminfo, title) */
#define TC_MEMORY_FIELDS(X)                                    \
    X(total, "MemTotal", "total")                              \
    X(free, "MemFree", "free")                                 \
    X(available, "MemAvailable", "available") /* from 3.14 */  \
    X(buffers, "Buffers", "buffers")                           \
    X(cached, "Cached", "cached")                              \
    X(swap_cached, "SwapCached", "swap cached")                \
    X(slab, "Slab", "slab")                                    \
    X(slab_reclaimable, "SReclaimable", "slab, reclaimable")   \
    X(slab_unreclaimable, "SUnreclaim", "slab, unreclaimable") \
    X(shmem, "Shmem", "shared memory and tmpfs")               \
    X(swap_total, "SwapTotal", "swap total")                   \
    X(swap_free, "SwapFree", "swap free")

typedef struct tc_memory {
#define X(field, key, title) tc_reading field;
    TC_MEMORY_FIELDS(X)
#undef X
    /* Since boot, from vmstat's pswpin and pswpout. */
    tc_reading swapped_in, swapped_out;
} tc_memory;

/* `root` as for the dentry room. About 40 microseconds, most of them vmstat's. */
void tc_memory_read(tc_memory *memory, const char *root);

/*
 * Memory in use as free(1) has told it in turn: total less free, buffers and
 * cached. `with_slab` false takes the reclaimable slab for a cache too, as procps
 * 3.3.10 and later do: then a slab full of dentries does not show in it.
 */
tc_reading tc_memory_used(const tc_memory *memory, bool with_slab);

#endif
