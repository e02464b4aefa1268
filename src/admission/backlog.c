/* SPDX-License-Identifier: Apache-2.0 */
#include "backlog.h"

#include "shared/shared.h"

#define SECOND UINT64_C(1000000)
#define MINUTE (60 * SECOND)

/* Longer than any conversion: what is more was not written by us. */
#define MOST_US (3600 * SECOND)

/* Of the pace: no right one comes near. */
#define PACE_BOUND (UINT64_C(1024) * TC_PACE)

static uint64_t bounded(uint64_t us)
{
    return us < MOST_US ? us : MOST_US;
}

/* ---- costs ------------------------------------------------------------------------- */

/* 0 when nothing was measured. */
static uint64_t mean_of(const tc_backlog *backlog, unsigned kind)
{
    return bounded(tc_policy_mean(tc_shared_get(&backlog->mean_us[kind % TC_KINDS]),
                                  tc_shared_get(&backlog->mean_all_us)));
}

/* What another process wrote there is a wrong estimate at most. */
static uint64_t pace_of(const tc_backlog *backlog)
{
    uint64_t pace = tc_shared_get(&backlog->pace);

    return pace < PACE_BOUND ? pace : PACE_BOUND;
}

uint64_t tc_backlog_cost(const tc_backlog *backlog, unsigned kind)
{
    uint64_t mean = mean_of(backlog, kind), pace = pace_of(backlog);

    if (mean == 0)
        return TC_COST_BLIND;
    return bounded(pace ? mean * pace / TC_PACE : mean);
}

/* Two that learn at once may lose one of their samples, of which there are many. */
void tc_backlog_learn(tc_backlog *backlog, unsigned kind, uint64_t took_us)
{
    uint64_t *mean = &backlog->mean_us[kind % TC_KINDS], thought = mean_of(backlog, kind);

    took_us = bounded(took_us);
    if (thought)
        tc_shared_set(&backlog->pace, tc_policy_pace(pace_of(backlog), thought, took_us));
    tc_shared_set(mean, tc_policy_learn(bounded(tc_shared_get(mean)), took_us));
    tc_shared_set(&backlog->mean_all_us,
                  tc_policy_learn(bounded(tc_shared_get(&backlog->mean_all_us)), took_us));
}

/* ---- waits ------------------------------------------------------------------------- */

static tc_waits read_waits(const tc_backlog *backlog)
{
    return (tc_waits){tc_shared_get(&backlog->waits.second),
                      tc_shared_get(&backlog->waits.least_us),
                      tc_shared_get(&backlog->waits.before_us)};
}

/* The slot of this minute, emptied by the first that comes in it. */
static unsigned slot_of(tc_backlog *backlog, uint64_t now_us)
{
    uint64_t minute = now_us / MINUTE + 1;
    unsigned at = (unsigned)(minute % TC_LATELY_SLOTS);
    uint64_t has = tc_shared_get(&backlog->lately[at].minute);

    if (has != minute &&
        __atomic_compare_exchange_n(&backlog->lately[at].minute, &has, minute, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        __atomic_store_n(&backlog->lately[at].served, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&backlog->lately[at].waited_long, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&backlog->lately[at].refused, 0, __ATOMIC_RELAXED);
    }
    return at;
}

void tc_backlog_served(tc_backlog *backlog, uint64_t now_us, uint64_t wait_us)
{
    unsigned at = slot_of(backlog, now_us);
    tc_waits waits = read_waits(backlog);

    __atomic_fetch_add(&backlog->lately[at].served, 1, __ATOMIC_RELAXED);
    if (wait_us > TC_LATELY_LONG_US)
        __atomic_fetch_add(&backlog->lately[at].waited_long, 1, __ATOMIC_RELAXED);
    tc_waits_note(&waits, now_us, wait_us);
    tc_shared_set(&backlog->waits.least_us, waits.least_us);
    tc_shared_set(&backlog->waits.before_us, waits.before_us);
    tc_shared_set(&backlog->waits.second, waits.second);
}

void tc_backlog_refused(tc_backlog *backlog, uint64_t now_us)
{
    __atomic_fetch_add(&backlog->lately[slot_of(backlog, now_us)].refused, 1, __ATOMIC_RELAXED);
}

bool tc_backlog_lasting(const tc_backlog *backlog, uint64_t now_us, uint64_t oldest_us,
                        uint64_t bound_us)
{
    tc_waits waits = read_waits(backlog);

    return tc_waits_lasting(&waits, now_us, oldest_us, bound_us);
}

void tc_backlog_read(const tc_backlog *backlog, uint64_t now_us, tc_lately *lately)
{
    uint64_t now = now_us / MINUTE + 1;

    *lately = (tc_lately){0};
    for (unsigned at = 0; at < TC_LATELY_SLOTS; at++) {
        uint64_t minute = tc_shared_get(&backlog->lately[at].minute);

        if (minute == 0 || minute > now || now - minute >= TC_LATELY)
            continue;
        lately->served += __atomic_load_n(&backlog->lately[at].served, __ATOMIC_RELAXED);
        lately->waited_long +=
            __atomic_load_n(&backlog->lately[at].waited_long, __ATOMIC_RELAXED);
        lately->refused += __atomic_load_n(&backlog->lately[at].refused, __ATOMIC_RELAXED);
    }
}

/* ---- the log ------------------------------------------------------------------------- */

bool tc_backlog_may_log(tc_backlog *backlog, uint64_t now_us, uint32_t *more)
{
    uint64_t second = now_us / SECOND + 1, logged = tc_shared_get(&backlog->logged_s);

    if (logged == second ||
        !__atomic_compare_exchange_n(&backlog->logged_s, &logged, second, false,
                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        __atomic_fetch_add(&backlog->unlogged, 1, __ATOMIC_RELAXED);
        return false;
    }
    *more = tc_backlog_unlogged(backlog);
    return true;
}

uint32_t tc_backlog_unlogged(tc_backlog *backlog)
{
    return __atomic_exchange_n(&backlog->unlogged, 0, __ATOMIC_RELAXED);
}
