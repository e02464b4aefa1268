/* SPDX-License-Identifier: Apache-2.0 */
/* When a run must stop for the machine's sake. */
#ifndef CHURN_GUARD_H
#define CHURN_GUARD_H

#include "context.h"
#include "workdir.h"

#include "host/host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct churn_guard {
    uint64_t floor, most; /* bytes */
    tc_reading gauge;     /* at the start */
    double bytes_each;
} churn_guard;

void churn_guard_begin(churn_guard *guard, const churn_context *context,
                       const churn_options *options);

/* Whether to stop, with the reason in `why`. */
bool churn_guard_trips(const churn_guard *guard, const churn_context *context,
                       const churn_options *options, const churn_workdir *workdir,
                       uint64_t files, char *why, size_t size);

#endif
