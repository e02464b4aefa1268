/* SPDX-License-Identifier: Apache-2.0 */
/* What a run needs, and what it finds. */
#ifndef CHURN_CONTEXT_H
#define CHURN_CONTEXT_H

#include "gauge.h"
#include "memcg.h"
#include "options.h"
#include "shared.h"

#include "host/host.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { CHURN_DONE, CHURN_SIGNALLED, CHURN_GUARDED, CHURN_FAILED } churn_ending;

typedef struct churn_result {
    churn_ending ending;
    int signal, error;
    char why[256]; /* of an ending other than CHURN_DONE */
    uint64_t files;
    double seconds, us_a_file;
    bool measured;   /* retained and ratio hold */
    bool by_rmdir;   /* else by the host-wide change, less that of an idle second */
    double retained; /* negatives: sum over the parts */
    double ratio;    /* a file: median over the parts */
    bool few;        /* too few files in the parts to tell */
    bool noisy;      /* not by_rmdir, and others' changes were not small against it */
    bool reclaimed;  /* negatives went while it ran */
    bool keeps_any;  /* churn_canary_probe */
    double host_delta, idle_rate; /* of the gauge; idle_rate a second, 0 when not measured */
    double gave_back_ms;          /* what the rmdirs took */
    uint64_t hog_before_ns, hog_before_worst_ns;
    struct {
        double ms;
        int64_t dentries, negatives, bytes;
    } dropped;
    unsigned strays;
} churn_result;

struct churn_report;

/* All that a run needs, made once by main. */
typedef struct churn_context {
    const churn_options *options;
    churn_shared *shared;
    churn_gauge gauge;
    churn_memcg memcg;
    tc_dentry_sysctls sysctls;
    struct churn_report *report; /* NULL: nothing is shown while it runs */
} churn_context;

#endif
