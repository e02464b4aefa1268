/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory retained, by a reading of the kernel. */
#ifndef CHURN_GAUGE_H
#define CHURN_GAUGE_H

#include "options.h"
#include "workdir.h"

#include "host/host.h"

#include <stdbool.h>

/* The reading that falls when a directory's negatives are freed. */
typedef struct churn_gauge {
    churn_gauge_kind kind; /* never CHURN_GAUGE_AUTO */
    const char *name;
} churn_gauge;

churn_gauge churn_gauge_choose(churn_gauge_kind wanted);
tc_reading churn_gauge_read(const churn_gauge *gauge);

/* Remove the empty directory `name`; `*drop` is what the gauge fell by, less what others did to
   it. Returns 0 or an errno value. */
int churn_gauge_rmdir(const churn_gauge *gauge, int dir, const char *name, double *drop);

/* Negatives that churn_canary_leave makes. */
#define CHURN_CANARIES 900

/*
 * Whether the file system keeps any negative dentry: names that are not there are looked
 * up in directories made and removed for it.
 */
bool churn_canary_probe(const churn_gauge *gauge, const churn_workdir *workdir);

/* The same directories made by a worker and left; later `alive` tells whether they still
   held their negatives, that is, whether nothing was reclaimed in between. */
void churn_canary_leave(const churn_workdir *workdir);
bool churn_canary_alive(const churn_gauge *gauge, const churn_workdir *workdir);

#endif
