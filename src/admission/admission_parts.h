/* SPDX-License-Identifier: Apache-2.0 */
/* What admission.c is made of; for it alone. */
#ifndef TC_ADMISSION_PARTS_H
#define TC_ADMISSION_PARTS_H

#include "admission.h"

#include "base/clock.h"
#include "shared/processes.h"
#include "queue.h"

/* What one process has; slot 0's is never cleared. */
typedef struct tc_share {
    uint32_t active, queued, following, held;
    uint64_t kib;  /* of the plans */
    uint64_t temp; /* bytes */
} tc_share;

/*
 * The sums of all shares, and the shares. Conversions and their memory are one
 * word, `work`, so that both are taken or neither. A share is raised after its sum
 * and lowered before it, so that one killed between the two, a matter of
 * nanoseconds, leaves the sum a place too high: one place is lost until the server
 * is restarted, and never are there more at work than may be. `queued` bounds how
 * many are in `queue`: it is raised before and lowered after. What `queue`, `backlog` and
 * `hint` say decides which request is next or refused, never how much may run.
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
    } hint; /* the limits of the last request, where none are at hand */
    tc_backlog backlog;
    tc_queue queue;
    tc_processes processes;
    tc_share share[TC_PROCESSES];
};

#define ACTIVE_BITS 16
#define ACTIVE_MOST ((UINT64_C(1) << ACTIVE_BITS) - 1)

#define US_PER_MS UINT64_C(1000)

static inline uint64_t tc_admission_now_us(void)
{
    return tc_clock_ns() / 1000;
}

/* ---- what each process holds: admission_shares.c ----------------------------------- */

/* This process's share. */
tc_share *tc_share_own(tc_admission *admission);
pid_t tc_share_pid(void);

/* Raise `*number` by one unless it has reached `most`. */
bool tc_share_take_one(uint32_t *number, uint32_t most);

/* Whole KiB, and few enough that 65535 of them add up within a word. */
uint64_t tc_share_kib(uint64_t bytes);

/* Whether `kib` fit into the bound of bytes where `taken` are taken. */
bool tc_share_has_memory(const tc_admission_limits *limits, uint64_t taken, uint64_t kib);

/* Whether a conversion of `kib` may begin while `work` is under way. */
bool tc_share_fits(uint64_t work, const tc_admission_limits *limits, uint64_t kib);

/* Take a place and `kib` for this process, if both are free. */
bool tc_share_enter(tc_admission *admission, const tc_admission_limits *limits, uint64_t kib);

/* Lower both halves of `work`, each to 0 at least. */
void tc_share_lower_work(tc_admission *admission, uint64_t active, uint64_t kib);

/* What `pid` holds is free; for a process that is gone. The second looks whether it is, and
   says so. */
void tc_share_forget(tc_admission *admission, pid_t pid);
bool tc_share_forget_dead(tc_admission *admission, pid_t pid);

/* ---- which request may wait: admission_rules.c --------------------------------------- */

/* A request takes one of httpd's workers, while `pending` connections wait for one; or is done
   with it. */
void tc_rule_hold_worker(tc_admission *admission, const tc_admission_limits *limits,
                         uint32_t pending);
void tc_rule_free_worker(tc_admission *admission);

/* What the queue is to know of a request that needs `kib`. */
tc_queue_entry tc_rule_entry(const tc_admission *admission, const tc_admission_limits *limits,
                             const tc_asker *asker, uint64_t kib);

/* Whether others wait that a request has to go behind; and whether the last free place is for
   another client. */
bool tc_rule_behind(const tc_admission *admission, const tc_admission_limits *limits);
bool tc_rule_capped(const tc_admission *admission, const tc_admission_limits *limits,
                    uint64_t client);

/* How many may wait where `others` have places of the queue; with `called`, some of those in
   it have a free place to go to. */
uint32_t tc_rule_room(const tc_admission *admission, const tc_admission_limits *limits,
                      uint32_t others, bool called);

/* The verdict on one that would wait now, and `holds` its worker by tc_rule_hold_worker() or
   does not yet; TC_WAIT where the queue is bounded by number. */
tc_verdict tc_rule_judge(const tc_admission *admission, const tc_admission_limits *limits,
                         const tc_queue_entry *entry, bool holds);

/* Whether one that would wait now would be refused, by number or by verdict. */
bool tc_rule_full(const tc_admission *admission, const tc_admission_limits *limits,
                  const tc_queue_entry *entry);

#endif
