/* SPDX-License-Identifier: Apache-2.0 */
/* All that the kernel says at one moment: plain data, fit for shared memory. */
#ifndef TC_HOST_H
#define TC_HOST_H

#include "cgroup.h"
#include "dentry.h"
#include "memory.h"
#include "slab.h"

typedef struct tc_host {
    int64_t taken; /* seconds since 1970; 0: never */
    tc_dentry_state dentry;
    tc_dentry_sysctls sysctls;
    tc_memory memory;
    tc_slab slab;
    tc_cgroup cgroup;
} tc_host;

/* Bound what was copied from shared memory (shared.h): texts are terminated, counts are within
   their arrays. Readings may have any value. */
void tc_host_bound(tc_host *host);

/* Read everything: under a millisecond. `root` as for the dentry room. */
void tc_host_read(tc_host *host, const char *root);

/* Bytes of the dentry slab: as the slab says, else TC_DENTRY_BYTES a dentry, marked in
   `*estimated`. */
tc_reading tc_host_dentry_bytes(const tc_host *host, bool *estimated);

/* Bytes of memory that this server may use at most: the machine's, or its cgroup's limit where
   that is less. */
tc_reading tc_host_usable(const tc_memory *memory, const tc_cgroup *cgroup);

#endif
