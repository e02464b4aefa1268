/* SPDX-License-Identifier: Apache-2.0 */
#include "mmap_threshold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>

static bool is_set(const char *name, const char *tunable)
{
    const char *tunables = getenv("GLIBC_TUNABLES");

    return getenv(name) || (tunables && strstr(tunables, tunable));
}

/* A fixed bound fixes the other one too, at 128 KiB. */
void tc_mmap_threshold_fix(void)
{
    if (is_set("MALLOC_MMAP_THRESHOLD_", "glibc.malloc.mmap_threshold="))
        return;
    mallopt(M_MMAP_THRESHOLD, (int)TC_MMAP_THRESHOLD);
    if (!is_set("MALLOC_TRIM_THRESHOLD_", "glibc.malloc.trim_threshold="))
        mallopt(M_TRIM_THRESHOLD, (int)TC_MMAP_THRESHOLD);
}
#else
void tc_mmap_threshold_fix(void)
{
}
#endif
