/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all processes of a run share.
 *
 * One parent forks the workers that make and remove files; all they tell it lies
 * in one shared mapping. A third process, the keeper, waits for the end of both
 * and undoes what a parent that was killed could not. The parent takes signals
 * with sigtimedwait(2) and never in a handler, so nothing breaks its cleanup.
 */
#ifndef CHURN_SHARED_H
#define CHURN_SHARED_H

#include "base.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What one worker tells. Names are read by the parent only when the worker is gone. */
typedef struct churn_slot {
    pid_t pid; /* the parent's: 0 when there is none or it was reaped */
    _Atomic uint64_t files[CHURN_PARTS];
    _Atomic uint64_t busy_ns; /* in the method, without pauses */
    _Atomic int error;        /* what ended it early */
    unsigned part;            /* where `name` is */
    char name[CHURN_NAME];
    char kept[CHURN_PARTS][CHURN_NAME];
} churn_slot;

typedef struct churn_hog {
    pid_t pid;
    _Atomic uint64_t mb;                 /* touched so far */
    _Atomic uint64_t total_ns, worst_ns; /* worst: of one MB */
    _Atomic uint64_t worst_mb;           /* which */
    _Atomic int error;
    _Atomic bool done;
} churn_hog;

/* What is to be undone, each by itself, by the parent or else by the keeper. */
typedef struct churn_undo {
    _Atomic bool has_dir, has_cgroup;
    char base[CHURN_PATH], leaf[64]; /* the private directory */
    dev_t device;
    ino_t inode;
    _Atomic unsigned in_place; /* workers with files in `base` itself, since then */
    int64_t since;             /* seconds since 1970 */
    char cgroup[CHURN_PATH];
    struct {
        _Atomic bool set;
        char path[64], value[32];
    } sysctl[2];
} churn_undo;

typedef struct churn_shared {
    _Atomic bool stop;
    _Atomic int64_t left; /* files still to be made */
    churn_undo undo;
    churn_hog hog;
    churn_slot slot[CHURN_MAX_WORKERS];
} churn_shared;

#endif
