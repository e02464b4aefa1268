/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says of its dentry cache, and the sysctls it has for it. All of
 * it is of the whole host, whatever container this is. `root` is NULL for this
 * machine, or a directory that stands for / in a test.
 */
#ifndef TC_DENTRY_H
#define TC_DENTRY_H

#include "reading.h"

/*
 * /proc/sys/fs/dentry-state, all six fields; world-readable, about 10 microseconds.
 * `negative` was a dummy before Linux 5.0 (af0c9af1b3f6): ENODATA there, by the
 * version in /proc/sys/kernel/osrelease.
 */
typedef struct tc_dentry_state {
    tc_reading dentries, unused;
    tc_reading age_limit;  /* seconds, unused by the kernel since 2.2 */
    tc_reading want_pages; /* 0 in every kernel of today */
    tc_reading negative;
    tc_reading dummy;
} tc_dentry_state;

void tc_dentry_read(tc_dentry_state *state, const char *root);

/* X(field, path, title): what this or another kernel lets an administrator set. */
#define TC_DENTRY_SYSCTLS(X)                                                                 \
    X(vfs_cache_pressure, "/proc/sys/vm/vfs_cache_pressure", "vm.vfs_cache_pressure")        \
    X(vfs_cache_pressure_denom, "/proc/sys/vm/vfs_cache_pressure_denom",                     \
      "vm.vfs_cache_pressure_denom")                                         /* from 6.16 */ \
    X(dentry_negative, "/proc/sys/fs/dentry-negative", "fs.dentry-negative") /* from 6.13 */ \
    X(negative_dentry_limit, "/proc/sys/fs/negative-dentry-limit",                           \
      "fs.negative-dentry-limit") /* RHEL 7.8 */                                             \
    X(dentry_fs_klimit, "/proc/sys/fs/dentry-fs-klimit",                                     \
      "fs.dentry-fs-klimit")                                        /* RHEL 8.10 */          \
    X(dentry_limit, "/proc/sys/fs/dentry-limit", "fs.dentry-limit") /* proposed in 2026 */

/* A sysctl this kernel lacks is ENOENT. */
typedef struct tc_dentry_sysctls {
#define X(field, path, title) tc_reading field;
    TC_DENTRY_SYSCTLS(X)
#undef X
} tc_dentry_sysctls;

void tc_dentry_sysctls_read(tc_dentry_sysctls *sysctls, const char *root);

/*
 * Bytes of slab memory that one dentry takes where the slab itself cannot be
 * read: 21 objects of 192 bytes in a page of 4096, Linux 3.x to 6.x on 64 bits.
 */
#define TC_DENTRY_BYTES 195

#endif
