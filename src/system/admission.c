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
#define LAYOUT    UINT64_C(0x7463616430303034)

/* How often who waits looks around: at its watch, and for places that nobody takes. */
#define ASK_MS 50

#define NS_PER_MS UINT64_C(1000000)

/* What one process has. Slot 0 is for processes past the last, and is never cleared. */
typedef struct share {
    int64_t pid; /* 0: free; below: of a dead process, and being given back */
    uint32_t active, queued, following;
    uint64_t kib;  /* of the plans */
    uint64_t temp; /* bytes */
} share;

/*
 * The sums of all shares, and the shares. Conversions and their memory are one
 * word, `work`, so that both are taken or neither. A share is raised after its sum
 * and lowered before it, so that one killed between the two, a matter of
 * nanoseconds, leaves the sum a place too high: one place is lost until the server
 * is restarted, and never are there more at work than may be. `queued` bounds how
 * many are in `queue`: it is raised before and lowered after.
 */
struct tc_admission {
    uint64_t layout;
    uint64_t work; /* conversions in the low ACTIVE_BITS, KiB above */
    uint64_t temp;
    uint32_t queued, following;
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
                   __atomic_load_n(&from->kib, __ATOMIC_RELAXED),
                   __atomic_load_n(&from->temp, __ATOMIC_RELAXED)};
}

static bool sums_agree(const tc_admission *admission)
{
    uint64_t work = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST);
    uint64_t active = 0, queued = 0, following = 0, kib = 0, temp = 0;

    for (unsigned at = 0; at < PROCESSES; at++) {
        share one = read_share(&admission->share[at]);
        active += one.active;
        queued += one.queued;
        following += one.following;
        kib += one.kib;
        temp += one.temp;
    }
    return active == (work & ACTIVE_MOST) && kib == work >> ACTIVE_BITS &&
           temp == __atomic_load_n(&admission->temp, __ATOMIC_SEQ_CST) &&
           following == __atomic_load_n(&admission->following, __ATOMIC_SEQ_CST) &&
           queued == __atomic_load_n(&admission->queued, __ATOMIC_SEQ_CST) &&
           queued == tc_queue_taken(&admission->queue);
}

/* Whether everything that is taken is held by a process that can give it back. */
static bool shares_are_by_children(const tc_admission *admission)
{
    for (unsigned at = 1; at < PROCESSES; at++) {
        share one = read_share(&admission->share[at]);
        bool has = one.active || one.queued || one.following || one.kib || one.temp;

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
}

static void clear(share *of)
{
    of->active = of->queued = of->following = 0;
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

/* ---- waiting -------------------------------------------------------------------- */

/* Sequentially consistent, here and where somebody gets in line: either who waits sees the
   place that came free, or who frees it sees that somebody waits. */
static void call_next(tc_admission *admission)
{
    /* At most so many processes have died; waiters see the rest themselves within ASK_MS. */
    for (unsigned calls = 0; calls < PROCESSES; calls++) {
        if (!__atomic_load_n(&admission->queued, __ATOMIC_SEQ_CST) ||
            !forget_if_dead(admission, tc_queue_call(&admission->queue)))
            return;
    }
}

/* Whoever is first and could go on goes on, unless its process was stopped: nobody is to wait
   for it longer than for those at work. */
static bool may_enter(const tc_admission *admission, bool first)
{
    return first || __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST) == 0;
}

/* Until it is first and a place comes free, time is up, or the watch says that nobody wants it
   any more. Only the first goes on, even when what it wants is more than a later one does:
   otherwise a large picture would never come in beside small ones. */
static int wait_for_place(tc_admission *admission, const tc_admission_limits *limits,
                          uint64_t kib, const tc_watch *watch, unsigned place)
{
    uint64_t end = tc_clock_ns() + limits->wait_ms * NS_PER_MS;

    for (;;) {
        uint32_t bell;
        pid_t before = tc_queue_before(&admission->queue, place, &bell);
        uint64_t now = tc_clock_ns(), left;

        if (now < end && forget_if_dead(admission, before))
            continue;
        if (may_enter(admission, before == 0) && try_enter(admission, limits, kib))
            return 0;
        if (now >= end)
            return ETIMEDOUT;
        if (watch && watch->check(watch->context))
            return ECANCELED;
        left = (end - now + NS_PER_MS - 1) / NS_PER_MS;
        tc_queue_wait(&admission->queue, place, bell, left > ASK_MS ? ASK_MS : left);
    }
}

/* Nobody overtakes those who wait; but where none may, those are of a configuration that is on
   its way out. */
static bool is_behind(const tc_admission *admission, const tc_admission_limits *limits)
{
    return limits->queue && __atomic_load_n(&admission->queued, __ATOMIC_SEQ_CST);
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
    uint64_t most = (uint64_t)limits->queue + more;

    if (most > TC_QUEUE_MOST)
        most = TC_QUEUE_MOST;
    return most > others ? (uint32_t)(most - others) : 0;
}

static int wait_in_queue(tc_admission *admission, const tc_admission_limits *limits,
                         uint64_t kib, const tc_watch *watch)
{
    share *mine = &admission->share[own];
    uint32_t others = __atomic_load_n(&admission->following, __ATOMIC_RELAXED);
    unsigned place;
    int rc;

    if (!take_one(&admission->queued,
                  room_beside(limits, others, free_places(admission, limits))))
        return EAGAIN;
    __atomic_fetch_add(&mine->queued, 1, __ATOMIC_RELAXED);
    place = tc_queue_join(&admission->queue, own_pid);
    rc = place == TC_QUEUE_MOST ? EAGAIN : wait_for_place(admission, limits, kib, watch, place);
    tc_queue_leave(&admission->queue, place);
    tc_shared_lower(&mine->queued, 1);
    tc_shared_lower(&admission->queued, 1);
    /* The next is first now. If there is no place, it is called when there is. */
    if (fits(__atomic_load_n(&admission->work, __ATOMIC_SEQ_CST), limits, 0))
        call_next(admission);
    return rc;
}

int tc_admission_enter(tc_admission *admission, const tc_admission_limits *limits,
                       uint64_t bytes, const tc_watch *watch, tc_ticket *ticket)
{
    uint64_t kib = kib_of(bytes);
    int rc = 0;

    *ticket = (tc_ticket){false, kib};
    if (!admission)
        return 0;
    if (!has_memory(limits, 0, kib))
        return E2BIG;
    if (is_behind(admission, limits) || !try_enter(admission, limits, kib))
        rc = wait_in_queue(admission, limits, kib, watch);
    ticket->held = rc == 0;
    return rc;
}

bool tc_admission_full(const tc_admission *admission, const tc_admission_limits *limits)
{
    uint32_t queued, others;

    if (!admission)
        return false;
    queued = __atomic_load_n(&admission->queued, __ATOMIC_RELAXED);
    others = __atomic_load_n(&admission->following, __ATOMIC_RELAXED);
    if (queued < room_beside(limits, others, free_places(admission, limits)))
        return false;
    return is_behind(admission, limits) ||
           !fits(__atomic_load_n(&admission->work, __ATOMIC_RELAXED), limits, 0);
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
        __atomic_fetch_sub(&admission->share[own].kib, had - kib, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&admission->work, (had - kib) << ACTIVE_BITS, __ATOMIC_SEQ_CST);
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
    share *mine;

    if (!admission || !ticket->held)
        return;
    ticket->held = false;
    mine = &admission->share[own];
    tc_shared_lower(&mine->active, 1);
    tc_shared_lower64(&mine->kib, ticket->kib);
    lower_work(admission, 1, ticket->kib);
    call_next(admission);
}

/* ---- waiting for another's answer ---------------------------------------------------- */

bool tc_admission_follow(tc_admission *admission, const tc_admission_limits *limits)
{
    uint32_t others;

    if (!admission)
        return true;
    others = __atomic_load_n(&admission->queued, __ATOMIC_RELAXED);
    if (!take_one(&admission->following, room_beside(limits, others, 0)))
        return false;
    __atomic_fetch_add(&admission->share[own].following, 1, __ATOMIC_RELAXED);
    return true;
}

void tc_admission_unfollow(tc_admission *admission)
{
    if (!admission)
        return;
    tc_shared_lower(&admission->share[own].following, 1);
    tc_shared_lower(&admission->following, 1);
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
    uint64_t work;

    *now = (tc_admission_now){0};
    if (!admission)
        return;
    work = __atomic_load_n(&admission->work, __ATOMIC_RELAXED);
    now->active = (uint32_t)(work & ACTIVE_MOST);
    now->bytes = (work >> ACTIVE_BITS) * 1024;
    now->queued = __atomic_load_n(&admission->queued, __ATOMIC_RELAXED);
    now->following = __atomic_load_n(&admission->following, __ATOMIC_RELAXED);
    now->temp = __atomic_load_n(&admission->temp, __ATOMIC_RELAXED);
}
