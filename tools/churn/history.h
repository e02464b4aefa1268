/* SPDX-License-Identifier: Apache-2.0 */
/* Readings over the run, for the two charts. */
#ifndef CHURN_HISTORY_H
#define CHURN_HISTORY_H

#include "sample.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Readings over time for the charts: at most CHURN_POINTS, thinned out when there are more. */
#define CHURN_POINTS 2048

typedef struct churn_history {
    size_t count, step, skip;
    int64_t time[CHURN_POINTS];
    double dentry_slab[CHURN_POINTS], negative[CHURN_POINTS], used[CHURN_POINTS],
        slab[CHURN_POINTS], buff[CHURN_POINTS], cach[CHURN_POINTS];
} churn_history;

void churn_history_add(churn_history *history, const churn_row *row);
void churn_history_svg(const churn_history *history, FILE *to);

#endif
