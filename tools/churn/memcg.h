/* SPDX-License-Identifier: Apache-2.0 */
/* A memory cgroup of the run's own, and a process that takes memory in it. */
#ifndef CHURN_MEMCG_H
#define CHURN_MEMCG_H

#include "shared.h"

#include "host/host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct churn_memcg {
    int version; /* 0: none was made */
    char path[CHURN_PATH];
} churn_memcg;

/* A fresh memory cgroup limited to `mb`. Returns 0, or an errno value with words in `why`. */
int churn_memcg_make(churn_memcg *memcg, uint64_t mb, churn_undo *undo, char *why, size_t size);
/* Move the calling process. Returns 0 or an errno value. */
int churn_memcg_join(const churn_memcg *memcg);
/* Its slab (v2) or kernel (v1) memory in bytes. */
tc_reading churn_memcg_slab(const churn_memcg *memcg);
void churn_memcg_remove(const char *path);

/* Fork a process that takes `mb` in the cgroup and holds it for `hold` seconds. */
int churn_hog_start(churn_hog *hog, const churn_memcg *memcg, uint64_t mb, double hold);
/* Wait for it; false when it was killed or failed. */
bool churn_hog_wait(churn_hog *hog);

#endif
