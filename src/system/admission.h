/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many conversions run at once, and with how much memory, over all processes
 * of the server; who comes when all is taken waits in a short queue, or is sent
 * away. Beside it how much temporary data they hold in memory. In shared memory:
 * what a killed process held comes back when its death is seen. Nothing blocks but
 * waiting in the queue.
 */
#ifndef TC_ADMISSION_H
#define TC_ADMISSION_H

#include "image/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct tc_admission tc_admission;

/* What may be. 0: no bound. */
typedef struct tc_admission_limits {
    uint32_t active; /* conversions at once */
    uint32_t queue;  /* that may wait, beside those that are called to a free place */
    uint32_t wait_ms;
    uint64_t bytes; /* of memory that all plans together may take */
} tc_admission_limits;

/* A place taken; all zero: none. Its owner gives it back, once. */
typedef struct tc_ticket {
    bool held;
    uint64_t kib;
} tc_ticket;

size_t tc_admission_size(void);

/*
 * Take shared `memory` of that size, aligned to 64, into use: new, all zero, or in use
 * already. False when its layout is another one, or it does not add up: take new
 * memory instead; processes that have this one go on with it. For the parent only.
 */
bool tc_admission_adopt(tc_admission *memory);

/* Whether the sums are what processes have, and these are children of this one. Takes up to 50
   ms when not. */
bool tc_admission_adds_up(const tc_admission *admission);

/*
 * A place for a conversion that will take `bytes`, counted in whole KiB. Returns 0
 * with the ticket; E2BIG when `bytes` alone is over the bound of bytes, EAGAIN when the
 * queue is full, ETIMEDOUT when no place came free within the wait, or ECANCELED when
 * `watch` (may be NULL), asked about every 50 ms while waiting, ended it. Requests that
 * wait get in in the order in which they came. `admission` may be NULL: then
 * everything is let in.
 */
int tc_admission_enter(tc_admission *admission, const tc_admission_limits *limits,
                       uint64_t bytes, const tc_watch *watch, tc_ticket *ticket);

/*
 * Count `bytes` for the place of `ticket` from now on, in place of what it was taken with.
 * Never waits: 0, E2BIG as above, or EAGAIN when they do not fit with what the other
 * places have now; then the ticket is as it was. Fewer bytes than before always fit.
 */
int tc_admission_weigh(tc_admission *admission, const tc_admission_limits *limits,
                       uint64_t bytes, tc_ticket *ticket);

/* Whether tc_admission_enter() would give EAGAIN now, whatever the bytes: to send somebody
 * away before anything is done for them. NULL is never full. */
bool tc_admission_full(const tc_admission *admission, const tc_admission_limits *limits);

/* Give the place back; harmless without one. */
void tc_admission_leave(tc_admission *admission, tc_ticket *ticket);

/*
 * Wait for what another makes: takes a place of the queue, though nothing is wanted
 * when it is over. False when the queue has none.
 */
bool tc_admission_follow(tc_admission *admission, const tc_admission_limits *limits);
void tc_admission_unfollow(tc_admission *admission);

/*
 * Account for `bytes` more of temporary data in memory: false, and nothing is
 * accounted for, when all processes together would have more than `most`. What was
 * taken goes back by tc_admission_drop, in whatever pieces. Without an `admission`
 * there is no bound.
 */
bool tc_admission_hold(tc_admission *admission, uint64_t most, uint64_t bytes);
void tc_admission_drop(tc_admission *admission, uint64_t bytes);

/*
 * This process begins; `pid` is gone, and what it held is free. Only once it is
 * dead: what lives gives back itself. Who waits behind a dead one sees that too, and
 * sooner than its parent (pidfd_open(2)). NULL is accepted.
 */
void tc_admission_begin(tc_admission *admission, pid_t pid);
void tc_admission_gone(tc_admission *admission, pid_t pid);

/* What is taken now. */
typedef struct tc_admission_now {
    uint32_t active, queued, following;
    uint64_t bytes; /* planned by the conversions at work */
    uint64_t temp;  /* bytes of temporary data in memory */
} tc_admission_now;

void tc_admission_read(const tc_admission *admission, tc_admission_now *now);

#endif
