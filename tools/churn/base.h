/* SPDX-License-Identifier: Apache-2.0 */
/* What every part of churn may use: how it ends, its limits, its clock and its voice. */
#ifndef CHURN_BASE_H
#define CHURN_BASE_H

/* Exit codes; a run that a signal ended exits with 128 and the signal's number. */
enum {
    CHURN_EXIT_OK = 0,
    CHURN_EXIT_CONTRADICTED = 1,
    CHURN_EXIT_USAGE = 2,
    CHURN_EXIT_STOPPED = 3,
    CHURN_EXIT_UNSURE = 4,
};

#define CHURN_COUNT(array) (sizeof(array) / sizeof(*(array)))

#define CHURN_MIB         (1024.0 * 1024.0)
#define CHURN_MAX_WORKERS 1000
#define CHURN_PATH        4096
#define CHURN_NAME        256

/*
 * A private directory is spread over at least this many, so that what each retained
 * is a measurement of its own and their median forgets a neighbour's burst.
 */
#define CHURN_PARTS 8

/* Seconds on the monotonic clock. */
double churn_now(void);

/* Sleep to `until` (churn_now) or a signal; returns the signal or 0. */
int churn_wait(double until);

/* A message on stderr, with "churn: " before it. */
void churn_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
