/* SPDX-License-Identifier: Apache-2.0 */
#include "admission_parts.h"

#include "shared/shared.h"

/* ---- workers ----------------------------------------------------------------------- */

/* When the reserve came into use is kept until conversions have half of the rest and no
   connection waits for a worker: under lasting overload as many come as go. */
static void note_reserve(tc_admission *admission, const tc_admission_limits *limits,
                         uint32_t pending)
{
    uint64_t held = (uint64_t)__atomic_load_n(&admission->held, __ATOMIC_RELAXED) + pending;
    uint32_t most = limits->workers - tc_policy_reserve(limits->workers);
    uint64_t none = 0;

    if (held > most)
        __atomic_compare_exchange_n(&admission->reserve_since, &none, tc_admission_now_us(),
                                    false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    else if (held <= most / 2 && !pending)
        __atomic_store_n(&admission->reserve_since, 0, __ATOMIC_RELAXED);
}

void tc_rule_hold_worker(tc_admission *admission, const tc_admission_limits *limits,
                         uint32_t pending)
{
    __atomic_fetch_add(&admission->held, 1, __ATOMIC_ACQ_REL);
    __atomic_fetch_add(&tc_share_own(admission)->held, 1, __ATOMIC_RELAXED);
    if (limits->workers)
        note_reserve(admission, limits, pending);
}

void tc_rule_free_worker(tc_admission *admission)
{
    tc_shared_lower(&tc_share_own(admission)->held, 1);
    tc_shared_lower(&admission->held, 1);
}

/* ---- which may wait ---------------------------------------------------------------- */

tc_queue_entry tc_rule_entry(const tc_admission *admission, const tc_admission_limits *limits,
                             const tc_asker *asker, uint64_t kib)
{
    tc_queue_entry entry = {.client = asker->client,
                            .kib = kib,
                            .cost_us = tc_backlog_cost(&admission->backlog, asker->kind),
                            .start = asker->start,
                            .came_us = tc_admission_now_us(),
                            .fair = limits->timed,
                            .worker = asker->worker,
                            .pending = asker->pending};

    if (!entry.start)
        entry.start = tc_queue_start(&admission->queue, asker->client);
    return entry;
}

/* Nothing overtakes those that wait; but where none may, those are of a configuration that is
   on its way out. */
bool tc_rule_behind(const tc_admission *admission, const tc_admission_limits *limits)
{
    return (limits->queue || limits->timed) &&
           __atomic_load_n(&admission->queued, __ATOMIC_SEQ_CST);
}

/* The last place is for another client. */
bool tc_rule_capped(const tc_admission *admission, const tc_admission_limits *limits,
                    uint64_t client)
{
    uint64_t active = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST) & ACTIVE_MOST;

    return limits->timed && limits->active && active + 1 == limits->active &&
           tc_queue_capped(&admission->queue, client, limits->active);
}

/* Those that are called to one of them wait no longer, though they have yet to leave the line:
   that many more may have joined it, and as many as may work and wait are never refused,
   however they come and go. */
static uint32_t free_places(const tc_admission *admission, const tc_admission_limits *limits)
{
    uint64_t active = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST) & ACTIVE_MOST;

    return limits->queue && limits->active > active ? (uint32_t)(limits->active - active) : 0;
}

uint32_t tc_rule_room(const tc_admission *admission, const tc_admission_limits *limits,
                      uint32_t others, bool called)
{
    uint64_t most = TC_QUEUE_MOST;

    if (!limits->timed)
        most = (uint64_t)limits->queue + (called ? free_places(admission, limits) : 0);
    if (most > TC_QUEUE_MOST)
        most = TC_QUEUE_MOST;
    return most > others ? (uint32_t)(most - others) : 0;
}

tc_verdict tc_rule_judge(const tc_admission *admission, const tc_admission_limits *limits,
                         const tc_queue_entry *entry, bool holds)
{
    uint64_t since = __atomic_load_n(&admission->reserve_since, __ATOMIC_RELAXED);
    tc_load load = {.wait_us = limits->wait_ms * US_PER_MS,
                    .worker = entry->worker,
                    .workers = limits->workers,
                    .pending = entry->pending,
                    .held = __atomic_load_n(&admission->held, __ATOMIC_RELAXED) + !holds};
    tc_queue_ahead ahead;
    uint64_t now = entry->came_us;

    if (!limits->timed)
        return TC_WAIT;
    tc_queue_read(&admission->queue, entry, now, &ahead);
    load.expected_us = limits->active ? ahead.work_us / limits->active : 0;
    load.lasting =
        tc_backlog_lasting(&admission->backlog, now, ahead.oldest_us, load.wait_us / 4);
    load.own = ahead.own;
    load.reserve_us = since && since < now ? now - since : 0;
    return tc_policy_verdict(&load);
}

bool tc_rule_full(const tc_admission *admission, const tc_admission_limits *limits,
                  const tc_queue_entry *entry)
{
    uint32_t queued = __atomic_load_n(&admission->queued, __ATOMIC_RELAXED);
    uint32_t others = __atomic_load_n(&admission->following, __ATOMIC_RELAXED);

    return queued >= tc_rule_room(admission, limits, others, true) ||
           tc_rule_judge(admission, limits, entry, false) != TC_WAIT;
}
