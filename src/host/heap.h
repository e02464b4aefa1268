/* SPDX-License-Identifier: Apache-2.0 */
/* How the C library's allocator keeps what was given back to it. */
#ifndef TC_HEAP_H
#define TC_HEAP_H

#include <stddef.h>

/* Blocks of this size and more go back to the system when they are freed. */
#define TC_HEAP_LARGE ((size_t)1024 * 1024)

/*
 * Settle that for this process, before it has threads. glibc raises its bound for such
 * blocks to the size of each one freed, up to 32 MiB: after the first large picture
 * the next one lies in the arena of its thread, which keeps it. Does nothing when the
 * administrator has a bound in the environment (MALLOC_MMAP_THRESHOLD_ or
 * GLIBC_TUNABLES), or with another C library.
 */
void tc_heap_settle(void);

#endif
