/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>

static bool is_settled(void)
{
    const char *tunables = getenv("GLIBC_TUNABLES");

    return getenv("MALLOC_MMAP_THRESHOLD_") ||
           (tunables && strstr(tunables, "glibc.malloc.mmap_threshold="));
}

void tc_heap_settle(void)
{
    if (!is_settled())
        mallopt(M_MMAP_THRESHOLD, (int)TC_HEAP_LARGE);
}
#else
void tc_heap_settle(void)
{
}
#endif
