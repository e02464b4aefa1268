/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many conversions run at once, and with how much memory, over all processes
 * of the server. A request that finds no place waits in a queue or is refused, by the
 * rules of policy.h. Also how much temporary data they hold in memory. In shared memory:
 * what a killed process held comes back when its death is seen. Nothing blocks but
 * waiting in the queue.
 */
#ifndef TC_ADMISSION_H
#define TC_ADMISSION_H

#include "backlog.h"
#include "base/cancel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct tc_admission tc_admission;

/* What may be. 0: no bound. */
typedef struct tc_admission_limits {
    uint32_t active; /* conversions at once */
    uint32_t queue;  /* that may wait, apart from those that are called to a free place */
    uint32_t wait_ms;
    uint64_t bytes; /* of memory that all plans together may take */
    /* The queue is bounded by time and not by `queue`, and serves clients in turn. */
    bool timed;
    uint32_t workers; /* of httpd: conversions leave some of them free; 0: not known */
} tc_admission_limits;

/* Which request asks for a place. */
typedef struct tc_asker {
    uint64_t client;  /* a number for it */
    unsigned kind;    /* of the conversion: those of one kind take about as long */
    bool worker;      /* it has one of httpd's workers while it waits: HTTP/1.1 */
    uint32_t pending; /* connections that wait for a worker in the listen queue */
    uint64_t start;   /* 0, or its turn from a ticket that it gave back to wait again */
} tc_asker;

/* A place taken; all zero: none. Its owner gives it back, once. */
typedef struct tc_ticket {
    bool held;
    uint64_t kib;
    int place; /* in the queue's table; -1: none */
    unsigned kind;
    bool worker;
    uint64_t start; /* its turn */
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
 * `cancel` (may be NULL), asked every 50 ms while few wait and every second while many do,
 * ended it. With a queue
 * bounded by number requests get in in the order in which they came, except those that
 * pass one that waits for memory. `asker` may be NULL: nobody in particular. `admission`
 * may be NULL: then everything is let in.
 */
int tc_admission_enter(tc_admission *admission, const tc_admission_limits *limits,
                       const tc_asker *asker, uint64_t bytes, const tc_cancel *cancel,
                       tc_ticket *ticket);

/*
 * Count `bytes` for the place of `ticket` from now on, in place of what it was taken with.
 * Never waits: 0, E2BIG as above, or EAGAIN when they do not fit with what the other
 * places have now; then the ticket is as it was. Fewer bytes than before always fit.
 */
int tc_admission_weigh(tc_admission *admission, const tc_admission_limits *limits,
                       uint64_t bytes, tc_ticket *ticket);

/* Whether tc_admission_enter() would give EAGAIN now, whatever the bytes: to refuse a request
   before anything is done for it. NULL is never full. */
bool tc_admission_full(const tc_admission *admission, const tc_admission_limits *limits,
                       const tc_asker *asker);

/* Give the place back; harmless without one. */
void tc_admission_leave(tc_admission *admission, tc_ticket *ticket);

/*
 * Wait for what another makes: takes a place of the queue, though nothing is wanted
 * when it is over. False when the queue has none. `*check_ms`: how often to look at what
 * would end the wait.
 */
bool tc_admission_follow(tc_admission *admission, const tc_admission_limits *limits,
                         const tc_asker *asker, uint64_t *check_ms);
void tc_admission_unfollow(tc_admission *admission, const tc_asker *asker);

/* A request was refused: whether the log may have a line about it in this second, and for how
   many others it stands. And for how many no line has stood so far. */
bool tc_admission_refused(tc_admission *admission, uint32_t *more);
uint32_t tc_admission_unlogged(tc_admission *admission);

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
 * dead: what lives gives back itself. A request that waits behind a dead one sees that too, and
 * sooner than its parent (pidfd_open(2)). NULL is accepted.
 */
void tc_admission_begin(tc_admission *admission, pid_t pid);
void tc_admission_gone(tc_admission *admission, pid_t pid);

/* What is taken now. */
typedef struct tc_admission_now {
    uint32_t active, queued, following;
    uint32_t held;      /* of httpd's workers, by these */
    uint64_t bytes;     /* planned by the conversions at work */
    uint64_t temp;      /* bytes of temporary data in memory */
    uint32_t waiting;   /* of those queued, the ones that have their turn by now */
    uint64_t ahead_us;  /* work of all that run and wait */
    uint64_t oldest_us; /* for so long the first of those that wait has waited */
    tc_lately lately;
} tc_admission_now;

void tc_admission_read(const tc_admission *admission, tc_admission_now *now);

#endif
