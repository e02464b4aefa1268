/* SPDX-License-Identifier: Apache-2.0 */
#include "admission_parts.h"

#include "shared/shared.h"

#include <errno.h>

/* ---- which is next ------------------------------------------------------------------- */

static void give_hint(tc_admission *admission, const tc_admission_limits *limits)
{
    __atomic_store_n(&admission->hint.active, limits->active, __ATOMIC_RELAXED);
    __atomic_store_n(&admission->hint.timed, limits->timed, __ATOMIC_RELAXED);
    __atomic_store_n(&admission->hint.bytes, limits->bytes, __ATOMIC_RELAXED);
}

static tc_queue_room room_of(const tc_admission *admission, const tc_admission_limits *limits)
{
    uint64_t work = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST);
    uint64_t budget = limits->bytes / 1024 + (limits->bytes % 1024 != 0);
    uint64_t taken = work >> ACTIVE_BITS;
    tc_queue_room room = {.active = limits->active, .free_kib = UINT64_MAX};

    if (limits->bytes)
        room.free_kib = taken < budget ? budget - taken : 0;
    room.capped = limits->timed;
    room.last = limits->active && (work & ACTIVE_MOST) + 1 == limits->active;
    return room;
}

/* Sequentially consistent, here and where a request gets in line: either the one that waits
   sees the place that came free, or the one that frees it sees that something waits. */
static void call_next(tc_admission *admission)
{
    tc_admission_limits limits = {
        .active = __atomic_load_n(&admission->hint.active, __ATOMIC_RELAXED),
        .timed = __atomic_load_n(&admission->hint.timed, __ATOMIC_RELAXED) != 0,
        .bytes = __atomic_load_n(&admission->hint.bytes, __ATOMIC_RELAXED)};

    /* No more processes than that have died; waiters see the rest themselves when they look. */
    for (unsigned tries = 0; tries < TC_PROCESSES; tries++) {
        tc_queue_room room = room_of(admission, &limits);

        if (__atomic_load_n(&admission->queued, __ATOMIC_SEQ_CST) == 0 ||
            !tc_share_forget_dead(admission, tc_queue_call(&admission->queue, &room)))
            break;
    }
}

/* ---- waiting ----------------------------------------------------------------------- */

/* The next goes on if it can, unless its process was stopped: the others do not wait for that
   when nothing was at work at IDLE_LOOKS looks in a row, `*idle` by now. */
#define IDLE_LOOKS 4

static bool may_enter(const tc_admission *admission, bool next, unsigned *idle)
{
    if (__atomic_load_n(&admission->work, __ATOMIC_SEQ_CST) == 0)
        ++*idle;
    else
        *idle = 0;
    return next || *idle > IDLE_LOOKS;
}

/* Until it is next and a place comes free, time is up, or `cancel` says that nobody wants it
   any more. */
static int wait_for_place(tc_admission *admission, const tc_admission_limits *limits,
                          const tc_queue_entry *entry, const tc_cancel *cancel, int place)
{
    uint64_t end = tc_admission_now_us() + limits->wait_ms * US_PER_MS;
    unsigned idle = 0;

    for (;;) {
        uint32_t bell = tc_queue_bell(&admission->queue, place);
        tc_queue_room room = room_of(admission, limits);
        int passes = -1;
        pid_t before = tc_queue_before(&admission->queue, place, &room, &passes);
        uint64_t work = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST);
        uint64_t now = tc_admission_now_us(), left, most;

        if (now < end && before > 0 && tc_share_fits(work, limits, 0) &&
            tc_share_forget_dead(admission, before)) {
            call_next(admission);
            continue;
        }
        if (may_enter(admission, before == 0, &idle) &&
            tc_share_enter(admission, limits, entry->kib)) {
            tc_queue_run(&admission->queue, place, before == 0 ? passes : -1, now);
            return 0;
        }
        if (now >= end)
            return ETIMEDOUT;
        if (cancel && cancel->check(cancel->context))
            return ECANCELED;
        left = (end - now + US_PER_MS - 1) / US_PER_MS;
        /* For its client, and for places that nobody takes since a process died. */
        most = tc_shared_check_ms(__atomic_load_n(&admission->queued, __ATOMIC_RELAXED));
        tc_queue_wait(&admission->queue, place, bell, left > most ? most : left);
    }
}

static int wait_in_queue(tc_admission *admission, const tc_admission_limits *limits,
                         const tc_queue_entry *entry, const tc_cancel *cancel,
                         tc_ticket *ticket)
{
    tc_share *mine = tc_share_own(admission);
    uint32_t others = __atomic_load_n(&admission->following, __ATOMIC_RELAXED);
    int rc = EAGAIN;

    if (tc_rule_judge(admission, limits, entry, true) != TC_WAIT)
        return EAGAIN;
    if (!tc_share_take_one(&admission->queued, tc_rule_room(admission, limits, others, true)))
        return EAGAIN;
    __atomic_fetch_add(&mine->queued, 1, __ATOMIC_RELAXED);
    ticket->place = tc_queue_join(&admission->queue, tc_share_pid(), entry);
    if (ticket->place >= 0)
        rc = wait_for_place(admission, limits, entry, cancel, ticket->place);
    if (rc) {
        tc_queue_leave(&admission->queue, ticket->place);
        ticket->place = -1;
    }
    tc_shared_lower(&mine->queued, 1);
    tc_shared_lower(&admission->queued, 1);
    /* Another is next now. If there is no place, it is called when there is. */
    if (tc_share_fits(__atomic_load_n(&admission->work, __ATOMIC_SEQ_CST), limits, 0))
        call_next(admission);
    return rc;
}

/* At once if it can. */
static int enter(tc_admission *admission, const tc_admission_limits *limits,
                 tc_queue_entry *entry, const tc_cancel *cancel, tc_ticket *ticket)
{
    if (tc_rule_behind(admission, limits) || tc_rule_capped(admission, limits, entry->client) ||
        !tc_share_enter(admission, limits, entry->kib))
        return wait_in_queue(admission, limits, entry, cancel, ticket);
    entry->runs = true;
    ticket->place = tc_queue_join(&admission->queue, tc_share_pid(), entry);
    return 0;
}

static const tc_asker nobody = {.worker = true};

int tc_admission_enter(tc_admission *admission, const tc_admission_limits *limits,
                       const tc_asker *asker, uint64_t bytes, const tc_cancel *cancel,
                       tc_ticket *ticket)
{
    uint64_t kib = tc_share_kib(bytes);
    tc_queue_entry entry;
    int rc;

    asker = asker ? asker : &nobody;
    *ticket =
        (tc_ticket){.kib = kib, .place = -1, .kind = asker->kind, .worker = asker->worker};
    if (!admission)
        return 0;
    if (!tc_share_has_memory(limits, 0, kib))
        return E2BIG;
    give_hint(admission, limits);
    entry = tc_rule_entry(admission, limits, asker, kib);
    ticket->start = entry.start;
    if (asker->worker)
        tc_rule_hold_worker(admission, limits, asker->pending);
    rc = enter(admission, limits, &entry, cancel, ticket);
    ticket->held = rc == 0;
    if (rc == 0) {
        uint64_t now = tc_admission_now_us();
        tc_backlog_served(&admission->backlog, now, now - entry.came_us);
    } else if (asker->worker) {
        tc_rule_free_worker(admission);
    }
    return rc;
}

bool tc_admission_full(const tc_admission *admission, const tc_admission_limits *limits,
                       const tc_asker *asker)
{
    tc_queue_entry entry;

    if (!admission)
        return false;
    asker = asker ? asker : &nobody;
    if (!tc_rule_behind(admission, limits) &&
        !tc_rule_capped(admission, limits, asker->client) &&
        tc_share_fits(__atomic_load_n(&admission->work, __ATOMIC_RELAXED), limits, 0))
        return false;
    entry = tc_rule_entry(admission, limits, asker, 0);
    return tc_rule_full(admission, limits, &entry);
}

int tc_admission_weigh(tc_admission *admission, const tc_admission_limits *limits,
                       uint64_t bytes, tc_ticket *ticket)
{
    uint64_t kib = tc_share_kib(bytes), had = ticket->kib, now;

    if (!admission || !ticket->held)
        return 0;
    if (!tc_share_has_memory(limits, 0, kib))
        return E2BIG;
    if (kib <= had) {
        tc_shared_lower64(&tc_share_own(admission)->kib, had - kib);
        tc_share_lower_work(admission, 0, had - kib);
        ticket->kib = kib;
        call_next(admission);
        return 0;
    }
    now = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST);
    do {
        if (!tc_share_has_memory(limits, now >> ACTIVE_BITS, kib - had))
            return EAGAIN;
    } while (!__atomic_compare_exchange_n(&admission->work, &now,
                                          now + ((kib - had) << ACTIVE_BITS), false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    __atomic_fetch_add(&tc_share_own(admission)->kib, kib - had, __ATOMIC_RELAXED);
    ticket->kib = kib;
    return 0;
}

void tc_admission_leave(tc_admission *admission, tc_ticket *ticket)
{
    uint64_t since, now = tc_admission_now_us();
    tc_share *mine;

    if (!admission || !ticket->held)
        return;
    ticket->held = false;
    since = tc_queue_leave(&admission->queue, ticket->place);
    if (since && since < now)
        tc_backlog_learn(&admission->backlog, ticket->kind, now - since);
    if (ticket->worker)
        tc_rule_free_worker(admission);
    mine = tc_share_own(admission);
    tc_shared_lower(&mine->active, 1);
    tc_shared_lower64(&mine->kib, ticket->kib);
    tc_share_lower_work(admission, 1, ticket->kib);
    call_next(admission);
}

/* ---- waiting for another's answer ---------------------------------------------------- */

bool tc_admission_follow(tc_admission *admission, const tc_admission_limits *limits,
                         const tc_asker *asker, uint64_t *check_ms)
{
    tc_queue_entry entry;
    uint32_t others;

    *check_ms = tc_shared_check_ms(0);
    if (!admission)
        return true;
    asker = asker ? asker : &nobody;
    others = __atomic_load_n(&admission->queued, __ATOMIC_RELAXED);
    entry = tc_rule_entry(admission, limits, asker, 0);
    if (tc_rule_judge(admission, limits, &entry, false) != TC_WAIT ||
        !tc_share_take_one(&admission->following,
                           tc_rule_room(admission, limits, others, false)))
        return false;
    __atomic_fetch_add(&tc_share_own(admission)->following, 1, __ATOMIC_RELAXED);
    *check_ms = tc_shared_check_ms(__atomic_load_n(&admission->following, __ATOMIC_RELAXED));
    if (asker->worker)
        tc_rule_hold_worker(admission, limits, asker->pending);
    return true;
}

void tc_admission_unfollow(tc_admission *admission, const tc_asker *asker)
{
    if (!admission)
        return;
    if (!asker || asker->worker)
        tc_rule_free_worker(admission);
    tc_shared_lower(&tc_share_own(admission)->following, 1);
    tc_shared_lower(&admission->following, 1);
}

/* ---- refusals ------------------------------------------------------------------------ */

bool tc_admission_refused(tc_admission *admission, uint32_t *more)
{
    uint64_t now = tc_admission_now_us();

    *more = 0;
    if (!admission)
        return true;
    tc_backlog_refused(&admission->backlog, now);
    return tc_backlog_may_log(&admission->backlog, now, more);
}

uint32_t tc_admission_unlogged(tc_admission *admission)
{
    return admission ? tc_backlog_unlogged(&admission->backlog) : 0;
}

/* ---- processes, and what is taken ---------------------------------------------------- */

void tc_admission_gone(tc_admission *admission, pid_t pid)
{
    if (!admission)
        return;
    tc_share_forget(admission, pid);
    call_next(admission);
}

void tc_admission_read(const tc_admission *admission, tc_admission_now *now)
{
    tc_queue_ahead ahead;
    uint64_t work;

    *now = (tc_admission_now){0};
    if (!admission)
        return;
    work = __atomic_load_n(&admission->work, __ATOMIC_RELAXED);
    now->active = (uint32_t)(work & ACTIVE_MOST);
    now->bytes = (work >> ACTIVE_BITS) * 1024;
    now->queued = __atomic_load_n(&admission->queued, __ATOMIC_RELAXED);
    now->following = __atomic_load_n(&admission->following, __ATOMIC_RELAXED);
    now->held = __atomic_load_n(&admission->held, __ATOMIC_RELAXED);
    now->temp = __atomic_load_n(&admission->temp, __ATOMIC_RELAXED);
    tc_queue_read(&admission->queue, NULL, tc_admission_now_us(), &ahead);
    now->waiting = ahead.waiting;
    now->ahead_us = ahead.all_us;
    now->oldest_us = ahead.oldest_us;
    tc_backlog_read(&admission->backlog, tc_admission_now_us(), &now->lately);
}
