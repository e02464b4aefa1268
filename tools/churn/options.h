/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef CHURN_OPTIONS_H
#define CHURN_OPTIONS_H

#include "base.h"
#include "method.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CHURN_MAX_DIRS 16

typedef enum { CHURN_ANY, CHURN_LEAK, CHURN_CLEAN, CHURN_UNSURE } churn_finding;
typedef enum { CHURN_GAUGE_AUTO, CHURN_GAUGE_NEGATIVE, CHURN_GAUGE_DENTRIES } churn_gauge_kind;

/* "200@30": 200 at the thirtieth second; `at` is negative for the end of the run. */
typedef struct churn_timed {
    uint64_t value; /* 0: not asked for */
    double at;
} churn_timed;

typedef struct churn_options {
    const char *dir[CHURN_MAX_DIRS];
    unsigned dirs;
    const churn_method *method[CHURN_MAX_DIRS];
    unsigned methods;
    uint64_t workers, size, name_length, files;
    uint64_t max_retained_mb; /* 0: by the machine */
    uint64_t min_available_mb;
    uint64_t min_free_percent;
    double pause, jitter, duration, interval; /* seconds */
    bool in_place, keep;
    bool once, compare, help, version;
    const char *format; /* dstat, csv, json */
    const char *csv, *json, *svg;
    churn_finding expect;
    churn_gauge_kind gauge;
    bool memcg_given;
    uint64_t memcg_mb; /* 0: none */
    churn_timed hog;   /* MB */
    churn_timed drop;  /* 1, 2, 3 */
    bool allow_system;
    int64_t cache_pressure;  /* -1: not asked for */
    int64_t dentry_negative; /* -1: not asked for */
} churn_options;

/* Parse and check; ends the program with a message and CHURN_EXIT_USAGE when wrong. */
void churn_options_parse(churn_options *options, int argc, char **argv);

void churn_options_help(FILE *to);

#endif
