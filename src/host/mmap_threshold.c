/* SPDX-License-Identifier: Apache-2.0 */
#include "mmap_threshold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>

static bool is_set(void)
{
    const char *tunables = getenv("GLIBC_TUNABLES");

    return getenv("MALLOC_MMAP_THRESHOLD_") ||
           (tunables && strstr(tunables, "glibc.malloc.mmap_threshold="));
}

void tc_mmap_threshold_fix(void)
{
    if (!is_set())
        mallopt(M_MMAP_THRESHOLD, (int)TC_MMAP_THRESHOLD);
}
#else
void tc_mmap_threshold_fix(void)
{
}
#endif
