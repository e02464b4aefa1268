/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What admission learns and tells: how long conversions of a kind take, how long requests
 * waited lately, how many were refused, and how often the log may say so. In shared
 * memory, all zero at first. It may hold anything: a wrong number makes a wrong estimate.
 */
#ifndef TC_BACKLOG_H
#define TC_BACKLOG_H

#include "policy.h"

#include <stdbool.h>
#include <stdint.h>

/* Kinds of conversions that are told apart. */
#define TC_KINDS 256

/* Minutes that are looked back at, and slots for them. */
#define TC_LATELY         10
#define TC_LATELY_SLOTS   16
#define TC_LATELY_LONG_US UINT64_C(1000000)

typedef struct tc_backlog {
    tc_waits waits;
    uint64_t mean_us[TC_KINDS]; /* 0: none was measured */
    uint64_t mean_all_us;
    uint64_t pace; /* tc_policy_pace() */
    struct {
        uint64_t minute;
        uint32_t served, waited_long, refused;
    } lately[TC_LATELY_SLOTS];
    uint64_t logged_s;
    uint32_t unlogged;
} tc_backlog;

/* What one of `kind` is thought to take, in microseconds with its place; and that one took
   `took_us`. */
uint64_t tc_backlog_cost(const tc_backlog *backlog, unsigned kind);
void tc_backlog_learn(tc_backlog *backlog, unsigned kind, uint64_t took_us);

/* A request got its place after `wait_us`; or was refused. */
void tc_backlog_served(tc_backlog *backlog, uint64_t now_us, uint64_t wait_us);
void tc_backlog_refused(tc_backlog *backlog, uint64_t now_us);

/* As tc_waits_lasting(). */
bool tc_backlog_lasting(const tc_backlog *backlog, uint64_t now_us, uint64_t oldest_us,
                        uint64_t bound_us);

/* The last ten minutes. */
typedef struct tc_lately {
    uint64_t served, waited_long, refused; /* requests; of those served, over a second */
} tc_lately;

void tc_backlog_read(const tc_backlog *backlog, uint64_t now_us, tc_lately *lately);

/*
 * Whether the log may have a line about a refusal in this second; in `*more` for how many
 * that had none it stands. tc_backlog_unlogged() takes what no line has stood for.
 */
bool tc_backlog_may_log(tc_backlog *backlog, uint64_t now_us, uint32_t *more);
uint32_t tc_backlog_unlogged(tc_backlog *backlog);

#endif
