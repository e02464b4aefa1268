/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "admission.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 1024
#define LAYOUT    UINT64_C(0x7463616430303031)

typedef struct share {
    int64_t pid; /* 0: free */
    uint32_t active, queued;
    uint64_t bytes;
} share;

/*
 * The sums of all shares, and the shares. A share is raised after its sum and
 * lowered before it, so that one killed between the two, a matter of nanoseconds,
 * leaves the sum a place too high: one place is lost until the server is
 * restarted, and never are there more at work than may be. `freed` is raised at
 * every release, and waited on.
 */
struct tc_admission {
    uint64_t layout;
    uint32_t active, queued;
    uint64_t bytes;
    uint32_t freed;
    share share[PROCESSES];
};

/* This process's share: set once, before its threads are. */
static unsigned own;

size_t tc_admission_size(void)
{
    return sizeof(tc_admission);
}

void tc_admission_adopt(tc_admission *memory)
{
    if (memory->layout == LAYOUT)
        return;
    memset(memory, 0, sizeof *memory);
    __atomic_store_n(&memory->layout, LAYOUT, __ATOMIC_RELEASE);
}

/* ---- counting ------------------------------------------------------------------- */

/* Raise `*number` by one unless it has reached `most` (0: no bound). */
static bool take_one(uint32_t *number, uint32_t most)
{
    uint32_t now = __atomic_load_n(number, __ATOMIC_RELAXED);

    do {
        if (most && now >= most)
            return false;
    } while (!__atomic_compare_exchange_n(number, &now, now + 1, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    return true;
}

static bool take_bytes(uint64_t *number, uint64_t bytes, uint64_t most)
{
    uint64_t now = __atomic_load_n(number, __ATOMIC_RELAXED);

    do {
        if (most && now && (bytes > most || now > most - bytes))
            return false;
    } while (!__atomic_compare_exchange_n(number, &now, now + bytes, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    return true;
}

static bool try_enter(tc_admission *admission, const tc_admission_limits *limits,
                      uint64_t bytes)
{
    share *mine = &admission->share[own];

    if (!take_one(&admission->active, limits->active))
        return false;
    if (!take_bytes(&admission->bytes, bytes, limits->bytes)) {
        __atomic_fetch_sub(&admission->active, 1, __ATOMIC_ACQ_REL);
        return false;
    }
    __atomic_fetch_add(&mine->active, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&mine->bytes, bytes, __ATOMIC_RELAXED);
    return true;
}

/* ---- waiting -------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void wait_freed(tc_admission *admission, uint32_t seen, uint64_t ms)
{
    struct timespec most = {.tv_sec = (time_t)(ms / 1000),
                            .tv_nsec = (long)(ms % 1000) * 1000000};

    /* Woken, changed since, interrupted, too long: all the same, it is tried again. */
    syscall(SYS_futex, &admission->freed, FUTEX_WAIT, seen, &most, NULL, 0);
}

static void wake(tc_admission *admission)
{
    __atomic_fetch_add(&admission->freed, 1, __ATOMIC_ACQ_REL);
    if (__atomic_load_n(&admission->queued, __ATOMIC_ACQUIRE))
        /* All, for the first may want more bytes than there are. */
        syscall(SYS_futex, &admission->freed, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int wait_in_queue(tc_admission *admission, const tc_admission_limits *limits,
                         uint64_t bytes)
{
    uint64_t end = now_ms() + limits->wait_ms;
    share *mine = &admission->share[own];
    int rc = ETIMEDOUT;

    if (limits->queue == 0 || !take_one(&admission->queued, limits->queue))
        return EAGAIN;
    __atomic_fetch_add(&mine->queued, 1, __ATOMIC_RELAXED);
    for (;;) {
        uint32_t seen = __atomic_load_n(&admission->freed, __ATOMIC_ACQUIRE);
        uint64_t now = now_ms();

        if (try_enter(admission, limits, bytes)) {
            rc = 0;
            break;
        }
        if (now >= end)
            break;
        wait_freed(admission, seen, end - now);
    }
    __atomic_fetch_sub(&mine->queued, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&admission->queued, 1, __ATOMIC_ACQ_REL);
    return rc;
}

int tc_admission_enter(tc_admission *admission, const tc_admission_limits *limits,
                       uint64_t bytes, tc_ticket *ticket)
{
    int rc = 0;

    *ticket = (tc_ticket){false, bytes};
    if (!admission)
        return 0;
    /* Nobody overtakes those who wait. */
    if (__atomic_load_n(&admission->queued, __ATOMIC_ACQUIRE) ||
        !try_enter(admission, limits, bytes))
        rc = wait_in_queue(admission, limits, bytes);
    ticket->held = rc == 0;
    return rc;
}

void tc_admission_leave(tc_admission *admission, tc_ticket *ticket)
{
    share *mine;

    if (!admission || !ticket->held)
        return;
    ticket->held = false;
    mine = &admission->share[own];
    __atomic_fetch_sub(&mine->active, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&mine->bytes, ticket->bytes, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&admission->bytes, ticket->bytes, __ATOMIC_ACQ_REL);
    __atomic_fetch_sub(&admission->active, 1, __ATOMIC_ACQ_REL);
    wake(admission);
}

/* ---- processes ------------------------------------------------------------------- */

void tc_admission_begin(tc_admission *admission, pid_t pid)
{
    if (!admission)
        return;
    for (unsigned at = 1; at < PROCESSES; at++) {
        int64_t free_share = 0;
        if (__atomic_compare_exchange_n(&admission->share[at].pid, &free_share, pid, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            own = at;
            return;
        }
    }
}

/* What is taken off a sum is what the shares tell, never more than is there. */
static void give_back(uint32_t *sum, uint32_t amount)
{
    uint32_t now = __atomic_load_n(sum, __ATOMIC_RELAXED);

    while (!__atomic_compare_exchange_n(sum, &now, now > amount ? now - amount : 0, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        ;
}

static void give_back_bytes(uint64_t *sum, uint64_t amount)
{
    uint64_t now = __atomic_load_n(sum, __ATOMIC_RELAXED);

    while (!__atomic_compare_exchange_n(sum, &now, now > amount ? now - amount : 0, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        ;
}

void tc_admission_gone(tc_admission *admission, pid_t pid)
{
    if (!admission)
        return;
    for (unsigned at = 1; at < PROCESSES; at++) {
        share *gone = &admission->share[at];
        if (__atomic_load_n(&gone->pid, __ATOMIC_ACQUIRE) != pid)
            continue;
        give_back(&admission->active, gone->active);
        give_back(&admission->queued, gone->queued);
        give_back_bytes(&admission->bytes, gone->bytes);
        gone->active = gone->queued = 0;
        gone->bytes = 0;
        __atomic_store_n(&gone->pid, 0, __ATOMIC_RELEASE);
        wake(admission);
        return;
    }
}

void tc_admission_now(const tc_admission *admission, uint32_t *active, uint32_t *queued)
{
    *active = admission ? __atomic_load_n(&admission->active, __ATOMIC_RELAXED) : 0;
    *queued = admission ? __atomic_load_n(&admission->queued, __ATOMIC_RELAXED) : 0;
}
