/* SPDX-License-Identifier: Apache-2.0 */
/* What a run changes on the machine, and that it is undone however the run ends. */
#ifndef CHURN_KEEPER_H
#define CHURN_KEEPER_H

#include "context.h"
#include "shared.h"

#include <stdint.h>
#include <sys/types.h>

typedef struct churn_keeper {
    pid_t pid;
    int pipe;
} churn_keeper;

/* To be called before anything is made. Returns 0 or an errno value. */
int churn_keeper_start(churn_keeper *keeper, churn_shared *shared);
void churn_keeper_end(churn_keeper *keeper);

/* Undo all that is recorded. What cannot be is said on stderr. */
void churn_undo_all(churn_undo *undo);

/* Set a sysctl of /proc/sys and record its old value. Returns 0 or an errno value: EBUSY when
   another churn has it. */
int churn_sysctl_set(churn_undo *undo, const char *path, int64_t value);

/* Fills result->dropped. Returns 0 or an errno value. */
int churn_drop_caches(unsigned what, churn_result *result);

#endif
