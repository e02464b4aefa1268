/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says of its dentry cache. A figure that cannot be read is a
 * state with its reason, never a zero.
 */
#ifndef TC_DENTRY_H
#define TC_DENTRY_H

#include <stdbool.h>
#include <stdint.h>

/* /proc/sys/fs/dentry-state: counts of the whole host, whatever container this is. */
typedef struct tc_dentry_state {
    int error; /* 0, or the errno value that kept it from being read: the rest is void */
    uint64_t dentries, unused;
    bool has_negative; /* kernels from 5.0 count them */
    uint64_t negative;
} tc_dentry_state;

/* Read the state from `path`, NULL for the kernel's own; about 5 microseconds. */
void tc_dentry_read(tc_dentry_state *state, const char *path);

#endif
