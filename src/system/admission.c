/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "admission.h"

#include "image/clock.h"
#include "queue.h"
#include "shared.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROCESSES 1024
#define LAYOUT    UINT64_C(0x7463616430303036)

/* How often who waits looks around: at its watch, and for places that nobody takes. */
#define ASK_MS 50

#define US_PER_MS UINT64_C(1000)

/* What one process has. Slot 0 is for processes past the last, and is never cleared. */
typedef struct share {
    int64_t pid; /* 0: free; below: of a dead process, and being given back */
    uint32_t active, queued, following, held;
    uint64_t kib;  /* of the plans */
    uint64_t temp; /* bytes */
} share;

/*
 * The sums of all shares, and the shares. Conversions and their memory are one
 * word, `work`, so that both are taken or neither. A share is raised after its sum
 * and lowered before it, so that one killed between the two, a matter of
 * nanoseconds, leaves the sum a place too high: one place is lost until the server
 * is restarted, and never are there more at work than may be. `queued` bounds how
 * many are in `queue`: it is raised before and lowered after. What `queue`, `backlog` and
 * `hint` say decides who is next and who is refused, never how much may run.
 */
struct tc_admission {
    uint64_t layout;
    uint64_t work; /* conversions in the low ACTIVE_BITS, KiB above */
    uint64_t temp;
    uint32_t queued, following;
    uint32_t held;          /* of httpd's workers, by conversions that run, wait or follow */
    uint64_t reserve_since; /* microseconds; 0: the reserve is not in use */
    struct {
        uint32_t active, timed;
        uint64_t bytes;
    } hint; /* the limits of who came last, for those who have none at hand */
    tc_backlog backlog;
    tc_queue queue;
    share share[PROCESSES];
};

#define ACTIVE_BITS 16
#define ACTIVE_MOST ((UINT64_C(1) << ACTIVE_BITS) - 1)
#define KIB_MOST    (UINT64_MAX >> ACTIVE_BITS)

/* This process's share and number: set once, before its threads are. */
static unsigned own;
static pid_t own_pid;

size_t tc_admission_size(void)
{
    return sizeof(tc_admission);
}

/* ---- whether it adds up ----------------------------------------------------------- */

/* Times, a millisecond apart, that shares and sums are compared: they differ for a moment while
   a place is taken or given back. */
#define LOOKS 50

/* A copy, each field read once. */
static share read_share(const share *from)
{
    return (share){__atomic_load_n(&from->pid, __ATOMIC_ACQUIRE),
                   __atomic_load_n(&from->active, __ATOMIC_RELAXED),
                   __atomic_load_n(&from->queued, __ATOMIC_RELAXED),
                   __atomic_load_n(&from->following, __ATOMIC_RELAXED),
                   __atomic_load_n(&from->held, __ATOMIC_RELAXED),
                   __atomic_load_n(&from->kib, __ATOMIC_RELAXED),
                   __atomic_load_n(&from->temp, __ATOMIC_RELAXED)};
}

static bool sums_agree(const tc_admission *admission)
{
    uint64_t work = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST);
    uint64_t active = 0, queued = 0, following = 0, held = 0, kib = 0, temp = 0;

    for (unsigned at = 0; at < PROCESSES; at++) {
        share one = read_share(&admission->share[at]);
        active += one.active;
        queued += one.queued;
        following += one.following;
        held += one.held;
        kib += one.kib;
        temp += one.temp;
    }
    return active == (work & ACTIVE_MOST) && kib == work >> ACTIVE_BITS &&
           temp == __atomic_load_n(&admission->temp, __ATOMIC_SEQ_CST) &&
           following == __atomic_load_n(&admission->following, __ATOMIC_SEQ_CST) &&
           held == __atomic_load_n(&admission->held, __ATOMIC_SEQ_CST) &&
           queued == __atomic_load_n(&admission->queued, __ATOMIC_SEQ_CST) &&
           queued == tc_queue_waiting(&admission->queue);
}

/* Whether everything that is taken is held by a process that can give it back. */
static bool shares_are_by_children(const tc_admission *admission)
{
    for (unsigned at = 1; at < PROCESSES; at++) {
        share one = read_share(&admission->share[at]);
        bool has = one.active || one.queued || one.following || one.held || one.kib || one.temp;

        if (one.pid == 0 ? has : !tc_shared_is_child(one.pid))
            return false;
    }
    return true;
}

bool tc_admission_adds_up(const tc_admission *admission)
{
    for (int look = 0; look < LOOKS; look++) {
        if (sums_agree(admission) && shares_are_by_children(admission) &&
            tc_queue_is_by_children(&admission->queue))
            return true;
        usleep(1000);
    }
    return false;
}

bool tc_admission_adopt(tc_admission *memory)
{
    if (tc_shared_is_blank(memory, sizeof *memory)) {
        __atomic_store_n(&memory->layout, LAYOUT, __ATOMIC_RELEASE);
        return true;
    }
    return __atomic_load_n(&memory->layout, __ATOMIC_ACQUIRE) == LAYOUT &&
           tc_admission_adds_up(memory);
}

/* ---- counting ------------------------------------------------------------------- */

/* Raise `*number` by one unless it has reached `most`. */
static bool take_one(uint32_t *number, uint32_t most)
{
    uint32_t now = __atomic_load_n(number, __ATOMIC_RELAXED);

    do {
        if (now >= most)
            return false;
    } while (!__atomic_compare_exchange_n(number, &now, now + 1, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    return true;
}

/* Lower both halves of `work`, each to 0 at least. */
static void lower_work(tc_admission *admission, uint64_t active, uint64_t kib)
{
    uint64_t now = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST), left;

    do {
        uint64_t now_active = now & ACTIVE_MOST, now_kib = now >> ACTIVE_BITS;
        left = (now_kib > kib ? now_kib - kib : 0) << ACTIVE_BITS;
        left |= now_active > active ? now_active - active : 0;
    } while (!__atomic_compare_exchange_n(&admission->work, &now, left, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
}

/* Whole KiB, and few enough that 65535 of them add up within a word. */
static uint64_t kib_of(uint64_t bytes)
{
    uint64_t kib = bytes / 1024 + (bytes % 1024 != 0), most = KIB_MOST >> ACTIVE_BITS;

    return kib < most ? kib : most;
}

/* Whether `kib` fit into the bound of bytes where `taken` are taken. */
static bool has_memory(const tc_admission_limits *limits, uint64_t taken, uint64_t kib)
{
    uint64_t budget = limits->bytes / 1024 + (limits->bytes % 1024 != 0);

    return limits->bytes == 0 || (kib <= budget && taken <= budget - kib);
}

/* Whether a conversion of `kib` may begin while `work` is under way. */
static bool fits(uint64_t work, const tc_admission_limits *limits, uint64_t kib)
{
    return (work & ACTIVE_MOST) < (limits->active ? limits->active : ACTIVE_MOST) &&
           has_memory(limits, work >> ACTIVE_BITS, kib);
}

static bool try_enter(tc_admission *admission, const tc_admission_limits *limits, uint64_t kib)
{
    share *mine = &admission->share[own];
    uint64_t now = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST);

    do {
        if (!fits(now, limits, kib))
            return false;
    } while (!__atomic_compare_exchange_n(&admission->work, &now,
                                          now + (kib << ACTIVE_BITS) + 1, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    __atomic_fetch_add(&mine->active, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&mine->kib, kib, __ATOMIC_RELAXED);
    return true;
}

/* ---- the dead ------------------------------------------------------------------- */

/* Whether the process is dead, if its parent has not seen that yet; httpd's may take a second.
   false where the kernel cannot tell (before Linux 5.3). */
static bool is_dead(pid_t pid)
{
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    bool dead;

    if (ended.fd < 0)
        return errno == ESRCH;
    dead = poll(&ended, 1, 0) == 1;
    close(ended.fd);
    return dead;
}

/* What the shares tell is on the sums, too, for they are raised after and lowered before. */
static void give_back(tc_admission *admission, const share *gone)
{
    lower_work(admission, gone->active, gone->kib);
    tc_shared_lower64(&admission->temp, gone->temp);
    tc_shared_lower(&admission->queued, gone->queued);
    tc_shared_lower(&admission->following, gone->following);
    tc_shared_lower(&admission->held, gone->held);
}

static void clear(share *of)
{
    of->active = of->queued = of->following = of->held = 0;
    of->kib = of->temp = 0;
}

/* By its parent or by who found it dead, whichever is first: only one gives back. */
static void forget(tc_admission *admission, pid_t pid)
{
    tc_queue_forget(&admission->queue, pid);
    for (unsigned at = 1; at < PROCESSES; at++) {
        share *gone = &admission->share[at];
        int64_t owner = pid;
        share held;
        if (!__atomic_compare_exchange_n(&gone->pid, &owner, -owner, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED))
            continue;
        held = read_share(gone);
        give_back(admission, &held);
        clear(gone);
        __atomic_store_n(&gone->pid, 0, __ATOMIC_RELEASE);
        break;
    }
}

static bool forget_if_dead(tc_admission *admission, pid_t pid)
{
    if (pid == 0 || pid == own_pid || !is_dead(pid))
        return false;
    forget(admission, pid);
    return true;
}

/* ---- who is next ------------------------------------------------------------------- */

static uint64_t now_us(void)
{
    return tc_clock_ns() / 1000;
}

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

    /* At most so many processes have died; waiters see the rest themselves within ASK_MS. */
    for (unsigned tries = 0; tries < PROCESSES; tries++) {
        tc_queue_room room = room_of(admission, &limits);

        if (__atomic_load_n(&admission->queued, __ATOMIC_SEQ_CST) == 0 ||
            !forget_if_dead(admission, tc_queue_call(&admission->queue, &room)))
            break;
    }
}

/* ---- workers ----------------------------------------------------------------------- */

/* When the reserve came into use is kept until conversions have half of the rest: under
   lasting overload as many come as go. */
static void note_reserve(tc_admission *admission, const tc_admission_limits *limits)
{
    uint32_t held = __atomic_load_n(&admission->held, __ATOMIC_RELAXED);
    uint32_t most = limits->workers - tc_policy_reserve(limits->workers);
    uint64_t none = 0;

    if (held > most)
        __atomic_compare_exchange_n(&admission->reserve_since, &none, now_us(), false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    else if (held <= most / 2)
        __atomic_store_n(&admission->reserve_since, 0, __ATOMIC_RELAXED);
}

static void hold_worker(tc_admission *admission, const tc_admission_limits *limits)
{
    __atomic_fetch_add(&admission->held, 1, __ATOMIC_ACQ_REL);
    __atomic_fetch_add(&admission->share[own].held, 1, __ATOMIC_RELAXED);
    if (limits->workers)
        note_reserve(admission, limits);
}

static void free_worker(tc_admission *admission)
{
    tc_shared_lower(&admission->share[own].held, 1);
    tc_shared_lower(&admission->held, 1);
}

/* ---- waiting ----------------------------------------------------------------------- */

/* The next goes on if it can, unless its process was stopped: the others do not wait for that
   when nothing was at work at so many looks one after the other, `*idle` by now. */
#define IDLE_LOOKS 4

static bool may_enter(const tc_admission *admission, bool next, unsigned *idle)
{
    if (__atomic_load_n(&admission->work, __ATOMIC_SEQ_CST) == 0)
        ++*idle;
    else
        *idle = 0;
    return next || *idle > IDLE_LOOKS;
}

/* Until it is next and a place comes free, time is up, or the watch says that nobody wants it
   any more. */
static int wait_for_place(tc_admission *admission, const tc_admission_limits *limits,
                          const tc_queue_entry *entry, const tc_watch *watch, int place)
{
    uint64_t end = now_us() + limits->wait_ms * US_PER_MS;
    unsigned idle = 0;

    for (;;) {
        uint32_t bell = tc_queue_bell(&admission->queue, place);
        tc_queue_room room = room_of(admission, limits);
        int passes = -1;
        pid_t before = tc_queue_before(&admission->queue, place, &room, &passes);
        uint64_t now = now_us(), left;

        if (now < end && before > 0 && forget_if_dead(admission, before))
            continue;
        if (may_enter(admission, before == 0, &idle) &&
            try_enter(admission, limits, entry->kib)) {
            tc_queue_run(&admission->queue, place, before == 0 ? passes : -1, now);
            return 0;
        }
        if (now >= end)
            return ETIMEDOUT;
        if (watch && watch->check(watch->context))
            return ECANCELED;
        left = (end - now + US_PER_MS - 1) / US_PER_MS;
        tc_queue_wait(&admission->queue, place, bell, left > ASK_MS ? ASK_MS : left);
    }
}

/* Nothing overtakes those that wait; but where none may, those are of a configuration that is
   on its way out. */
static bool is_behind(const tc_admission *admission, const tc_admission_limits *limits)
{
    return (limits->queue || limits->timed) &&
           __atomic_load_n(&admission->queued, __ATOMIC_SEQ_CST);
}

/* The last place is for another client. */
static bool is_capped(const tc_admission *admission, const tc_admission_limits *limits,
                      uint64_t client)
{
    uint64_t active = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST) & ACTIVE_MOST;

    return limits->timed && limits->active && active + 1 == limits->active &&
           tc_queue_capped(&admission->queue, client, limits->active);
}

/* Those that are called to one of them wait no longer, though they have yet to leave the line:
   so many more may have joined it, and as many as may work and wait are never refused, however
   they come and go. */
static uint32_t free_places(const tc_admission *admission, const tc_admission_limits *limits)
{
    uint64_t active = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST) & ACTIVE_MOST;

    return limits->queue && limits->active > active ? (uint32_t)(limits->active - active) : 0;
}

/* How many may wait where `others` have places of the queue, and `more` are of no account. */
static uint32_t room_beside(const tc_admission_limits *limits, uint32_t others, uint32_t more)
{
    uint64_t most = limits->timed ? TC_QUEUE_MOST : (uint64_t)limits->queue + more;

    if (most > TC_QUEUE_MOST)
        most = TC_QUEUE_MOST;
    return most > others ? (uint32_t)(most - others) : 0;
}

/* By the rules of a queue that is bounded by time. */
static tc_verdict judge(const tc_admission *admission, const tc_admission_limits *limits,
                        const tc_queue_entry *entry)
{
    uint64_t since = __atomic_load_n(&admission->reserve_since, __ATOMIC_RELAXED);
    tc_load load = {.wait_us = limits->wait_ms * US_PER_MS,
                    .worker = entry->worker,
                    .workers = limits->workers,
                    .held = __atomic_load_n(&admission->held, __ATOMIC_RELAXED)};
    tc_queue_ahead ahead;
    uint64_t now = entry->came_us;

    tc_queue_read(&admission->queue, entry, now, &ahead);
    load.expected_us = limits->active ? ahead.work_us / limits->active : 0;
    load.lasting =
        tc_backlog_lasting(&admission->backlog, now, ahead.oldest_us, load.wait_us / 4);
    load.own = ahead.own;
    load.reserve_us = since && since < now ? now - since : 0;
    return tc_policy_verdict(&load);
}

static bool is_full(const tc_admission *admission, const tc_admission_limits *limits,
                    const tc_queue_entry *entry)
{
    uint32_t queued = __atomic_load_n(&admission->queued, __ATOMIC_RELAXED);
    uint32_t others = __atomic_load_n(&admission->following, __ATOMIC_RELAXED);

    return queued >= room_beside(limits, others, free_places(admission, limits)) ||
           (limits->timed && judge(admission, limits, entry) != TC_WAIT);
}

static int wait_in_queue(tc_admission *admission, const tc_admission_limits *limits,
                         const tc_queue_entry *entry, const tc_watch *watch, tc_ticket *ticket)
{
    share *mine = &admission->share[own];
    uint32_t others = __atomic_load_n(&admission->following, __ATOMIC_RELAXED);
    int rc = EAGAIN;

    if (limits->timed && judge(admission, limits, entry) != TC_WAIT)
        return EAGAIN;
    if (!take_one(&admission->queued,
                  room_beside(limits, others, free_places(admission, limits))))
        return EAGAIN;
    __atomic_fetch_add(&mine->queued, 1, __ATOMIC_RELAXED);
    ticket->place = tc_queue_join(&admission->queue, own_pid, entry);
    if (ticket->place >= 0)
        rc = wait_for_place(admission, limits, entry, watch, ticket->place);
    if (rc) {
        tc_queue_leave(&admission->queue, ticket->place);
        ticket->place = -1;
    }
    tc_shared_lower(&mine->queued, 1);
    tc_shared_lower(&admission->queued, 1);
    /* Another is next now. If there is no place, it is called when there is. */
    if (fits(__atomic_load_n(&admission->work, __ATOMIC_SEQ_CST), limits, 0))
        call_next(admission);
    return rc;
}

/* At once if it can. */
static int enter(tc_admission *admission, const tc_admission_limits *limits,
                 tc_queue_entry *entry, const tc_watch *watch, tc_ticket *ticket)
{
    if (is_behind(admission, limits) || is_capped(admission, limits, entry->client) ||
        !try_enter(admission, limits, entry->kib))
        return wait_in_queue(admission, limits, entry, watch, ticket);
    entry->runs = true;
    ticket->place = tc_queue_join(&admission->queue, own_pid, entry);
    return 0;
}

static tc_queue_entry entry_of(const tc_admission *admission, const tc_admission_limits *limits,
                               const tc_asker *asker, uint64_t kib)
{
    tc_queue_entry entry = {.client = asker->client,
                            .kib = kib,
                            .cost_us = tc_backlog_cost(&admission->backlog, asker->kind),
                            .start = asker->start,
                            .came_us = now_us(),
                            .fair = limits->timed,
                            .worker = asker->worker};

    if (!entry.start)
        entry.start = tc_queue_start(&admission->queue, asker->client);
    return entry;
}

static const tc_asker nobody = {.worker = true};

int tc_admission_enter(tc_admission *admission, const tc_admission_limits *limits,
                       const tc_asker *asker, uint64_t bytes, const tc_watch *watch,
                       tc_ticket *ticket)
{
    uint64_t kib = kib_of(bytes);
    tc_queue_entry entry;
    int rc;

    asker = asker ? asker : &nobody;
    *ticket =
        (tc_ticket){.kib = kib, .place = -1, .kind = asker->kind, .worker = asker->worker};
    if (!admission)
        return 0;
    if (!has_memory(limits, 0, kib))
        return E2BIG;
    give_hint(admission, limits);
    entry = entry_of(admission, limits, asker, kib);
    ticket->start = entry.start;
    if (asker->worker)
        hold_worker(admission, limits);
    rc = enter(admission, limits, &entry, watch, ticket);
    ticket->held = rc == 0;
    if (rc == 0) {
        uint64_t now = now_us();
        tc_backlog_served(&admission->backlog, now, now - entry.came_us);
    } else if (asker->worker) {
        free_worker(admission);
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
    if (!is_behind(admission, limits) && !is_capped(admission, limits, asker->client) &&
        fits(__atomic_load_n(&admission->work, __ATOMIC_RELAXED), limits, 0))
        return false;
    entry = entry_of(admission, limits, asker, 0);
    return is_full(admission, limits, &entry);
}

int tc_admission_weigh(tc_admission *admission, const tc_admission_limits *limits,
                       uint64_t bytes, tc_ticket *ticket)
{
    uint64_t kib = kib_of(bytes), had = ticket->kib, now;

    if (!admission || !ticket->held)
        return 0;
    if (!has_memory(limits, 0, kib))
        return E2BIG;
    if (kib <= had) {
        tc_shared_lower64(&admission->share[own].kib, had - kib);
        lower_work(admission, 0, had - kib);
        ticket->kib = kib;
        call_next(admission);
        return 0;
    }
    now = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST);
    do {
        if (!has_memory(limits, now >> ACTIVE_BITS, kib - had))
            return EAGAIN;
    } while (!__atomic_compare_exchange_n(&admission->work, &now,
                                          now + ((kib - had) << ACTIVE_BITS), false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    __atomic_fetch_add(&admission->share[own].kib, kib - had, __ATOMIC_RELAXED);
    ticket->kib = kib;
    return 0;
}

void tc_admission_leave(tc_admission *admission, tc_ticket *ticket)
{
    uint64_t since, now = now_us();
    share *mine;

    if (!admission || !ticket->held)
        return;
    ticket->held = false;
    since = tc_queue_leave(&admission->queue, ticket->place);
    if (since && since < now)
        tc_backlog_learn(&admission->backlog, ticket->kind, now - since);
    if (ticket->worker)
        free_worker(admission);
    mine = &admission->share[own];
    tc_shared_lower(&mine->active, 1);
    tc_shared_lower64(&mine->kib, ticket->kib);
    lower_work(admission, 1, ticket->kib);
    call_next(admission);
}

/* ---- waiting for another's answer ---------------------------------------------------- */

bool tc_admission_follow(tc_admission *admission, const tc_admission_limits *limits,
                         const tc_asker *asker)
{
    tc_queue_entry entry;
    uint32_t others;

    if (!admission)
        return true;
    asker = asker ? asker : &nobody;
    others = __atomic_load_n(&admission->queued, __ATOMIC_RELAXED);
    entry = entry_of(admission, limits, asker, 0);
    if ((limits->timed && judge(admission, limits, &entry) != TC_WAIT) ||
        !take_one(&admission->following, room_beside(limits, others, 0)))
        return false;
    __atomic_fetch_add(&admission->share[own].following, 1, __ATOMIC_RELAXED);
    if (asker->worker)
        hold_worker(admission, limits);
    return true;
}

void tc_admission_unfollow(tc_admission *admission, const tc_asker *asker)
{
    if (!admission)
        return;
    if (!asker || asker->worker)
        free_worker(admission);
    tc_shared_lower(&admission->share[own].following, 1);
    tc_shared_lower(&admission->following, 1);
}

/* ---- refusals ------------------------------------------------------------------------ */

bool tc_admission_refused(tc_admission *admission, uint32_t *more)
{
    uint64_t now = now_us();

    *more = 0;
    if (!admission)
        return true;
    tc_backlog_refused(&admission->backlog, now);
    return tc_backlog_say(&admission->backlog, now, more);
}

uint32_t tc_admission_unsaid(tc_admission *admission)
{
    return admission ? tc_backlog_rest(&admission->backlog) : 0;
}

/* ---- temporary data in memory ------------------------------------------------------ */

bool tc_admission_hold(tc_admission *admission, uint64_t most, uint64_t bytes)
{
    uint64_t now;

    if (!admission)
        return true;
    now = __atomic_load_n(&admission->temp, __ATOMIC_RELAXED);
    do {
        if (bytes > most || now > most - bytes)
            return false;
    } while (!__atomic_compare_exchange_n(&admission->temp, &now, now + bytes, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    __atomic_fetch_add(&admission->share[own].temp, bytes, __ATOMIC_RELAXED);
    return true;
}

void tc_admission_drop(tc_admission *admission, uint64_t bytes)
{
    if (!admission)
        return;
    tc_shared_lower64(&admission->share[own].temp, bytes);
    tc_shared_lower64(&admission->temp, bytes);
}

/* ---- processes ------------------------------------------------------------------- */

void tc_admission_begin(tc_admission *admission, pid_t pid)
{
    if (!admission)
        return;
    own_pid = pid;
    /* Of one whose number this process has, and whose death nobody saw. */
    tc_admission_gone(admission, pid);
    for (unsigned at = 1; at < PROCESSES; at++) {
        int64_t free_share = 0;
        if (__atomic_compare_exchange_n(&admission->share[at].pid, &free_share, pid, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            clear(&admission->share[at]);
            own = at;
            return;
        }
    }
}

void tc_admission_gone(tc_admission *admission, pid_t pid)
{
    if (!admission)
        return;
    forget(admission, pid);
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
    tc_queue_read(&admission->queue, NULL, now_us(), &ahead);
    now->waiting = ahead.waiting;
    now->ahead_us = ahead.all_us;
    now->oldest_us = ahead.oldest_us;
    tc_backlog_read(&admission->backlog, now_us(), &now->lately);
}
