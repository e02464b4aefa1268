/* SPDX-License-Identifier: Apache-2.0 */
/* How the C library's allocator keeps what was given back to it. */
#ifndef TC_MMAP_THRESHOLD_H
#define TC_MMAP_THRESHOLD_H

#include <stddef.h>

/* Blocks of this size and more go back to the system when they are freed, and so does what is
   free at the end of an arena, when it is more. */
#define TC_MMAP_THRESHOLD ((size_t)1024 * 1024)

/*
 * Fix that for this process, before it has threads. glibc raises its bound for such
 * blocks to the size of each one freed, up to 32 MiB: after the first large picture
 * the next one lies in the arena of its thread, which keeps it. What is kept at an arena's end
 * has room for most pictures: to give it back after each, and have it page by page for the
 * next, took a fiftieth of a PNG's time. Does nothing when the administrator has a bound in the
 * environment (MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ or GLIBC_TUNABLES), or with
 * another C library.
 */
void tc_mmap_threshold_fix(void);

#endif
