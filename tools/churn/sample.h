/* SPDX-License-Identifier: Apache-2.0 */
/* The machine at one moment, and the line of readings between two of them. */
#ifndef CHURN_SAMPLE_H
#define CHURN_SAMPLE_H

#include "context.h"

#include "host/host.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CHURN_CPU_FIELDS 8

typedef struct churn_sample {
    double at; /* churn_now */
    bool has_cpu;
    uint64_t cpu[CHURN_CPU_FIELDS]; /* user nice system idle iowait irq softirq steal */
    uint64_t files;
    tc_host host;
    tc_reading cgroup_slab;
} churn_sample;

void churn_sample_take(churn_sample *sample, const churn_context *context);

/*
 * One line of readings; NAN is one that cannot be had. X(field, decimals): in bytes,
 * percent, or numbers; those a file and a second are of the interval.
 */
#define CHURN_COLUMNS(X)        \
    X(epoch, 0)                 \
    X(seconds, 3)               \
    X(usr, 1)                   \
    X(sys, 1)                   \
    X(idl, 1)                   \
    X(wai, 1)                   \
    X(hiq, 1)                   \
    X(siq, 1)                   \
    X(used, 0)                  \
    X(buff, 0)                  \
    X(cach, 0)                  \
    X(free, 0)                  \
    X(swap_used, 0)             \
    X(swap_free, 0)             \
    X(files, 0)                 \
    X(files_per_second, 1)      \
    X(nr_dentry, 0)             \
    X(nr_negative, 0)           \
    X(negative_change, 0)       \
    X(negative_per_file, 4)     \
    X(dentry_slab, 0)           \
    X(dentry_slab_estimated, 0) \
    X(slab_reclaimable, 0)      \
    X(cgroup_slab, 0)           \
    X(used_without_slab, 0)

typedef struct churn_row {
#define X(field, decimals) double field;
    CHURN_COLUMNS(X)
#undef X
} churn_row;

/* From one sample to the next; `first` is the run's. */
churn_row churn_row_between(const churn_sample *first, const churn_sample *from,
                            const churn_sample *to);

/* The line beside dstat's, and its head. */
void churn_line_head(FILE *to);
void churn_line(FILE *to, const churn_row *row);

#endif
