/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which request is admitted, served next or refused: the rules of admission as
 * functions over plain numbers. No clock, no shared memory; admission.c and queue.c collect
 * the numbers, t/unit/test_policy.c simulates whole servers with them.
 *
 * Times are microseconds. The order of service is start-time fair queueing: a request's
 * turn is the larger of the virtual time and the end of what its client was charged for
 * before, so that a client with much work ahead goes after one with little. A quarter of
 * the time waited counts as well, so that no stream of newcomers starves anybody.
 */
#ifndef TC_POLICY_H
#define TC_POLICY_H

#include <stdbool.h>
#include <stdint.h>

/* ---- sizes ----------------------------------------------------------------------- */

/* Conversions at once without a number of the administrator's: two a processor, to cover
   reading and sending, and one that is kept for a client that has none under way. */
uint32_t tc_policy_active(long processors);

/*
 * Of httpd's `workers`, those kept free of conversions for everything else: none of two,
 * one of up to eight, else a quarter. They are kept under lasting overload only: before,
 * a request waits there rather than being refused. To a server of up to 32 workers that is
 * lasting overload by the time that requests wait: others wait in its listen queue as long.
 * A larger one keeps half of them always, a quarter from clients that have little, and all once
 * they were in use for a quarter of a second without a break; then up to half are for clients
 * that have little.
 * A server whose processes are still being started has fewer workers than that. Connections
 * that find none wait in its listen queue, and the reserve is in use when the whole server's
 * would be with all of these. From then on, until none waits, no client has more than half of
 * the workers there are, but for a browser's six.
 */
uint32_t tc_policy_reserve(uint32_t workers);

/* ---- the order of service ----------------------------------------------------------- */

/* A request that waits. */
typedef struct tc_turn {
    uint64_t turn;   /* the smallest is next; tc_policy_turn() */
    uint64_t number; /* order of arrival, where turns are equal */
    uint64_t client;
    uint64_t kib;    /* of memory that it needs */
    uint32_t passed; /* how often a later one went before it, for it lacked memory */
} tc_turn;

/* The turn of a request that is charged from `start` on and has waited since `came_us`. */
uint64_t tc_policy_turn(uint64_t start, uint64_t came_us);

/* Later requests may go before one that lacks memory so often. */
#define TC_PASSES 32

/* How the next is found: filled in, offered every request that waits, in any order, and read.
 */
typedef struct tc_pick {
    uint64_t free_kib;
    bool capped; /* `client` has all places but the last, which is not for it */
    uint64_t client;
    /* found: */
    bool found, blocked;
    tc_turn next, large; /* `large`: the first that lacks memory */
    unsigned next_at, large_at;
} tc_pick;

void tc_pick_offer(tc_pick *pick, const tc_turn *turn, unsigned at);

/*
 * Whether there is a next one; its index then, and the index of the one that it passes, or -1.
 * One that was passed often enough is next even though it lacks memory: all wait for it.
 */
bool tc_pick_next(const tc_pick *pick, unsigned *at, int *passes);

/* Whether the last of `active` places is not for a client that has `running` of them. */
bool tc_policy_capped(uint32_t active, uint32_t running);

/* ---- what is refused ----------------------------------------------------------------- */

/* How waits were lately, by the second; all zero before the first. */
typedef struct tc_waits {
    uint64_t second;    /* of `least_us` */
    uint64_t least_us;  /* the least wait of that second so far */
    uint64_t before_us; /* ... and of the second before; UINT64_MAX: none ended */
} tc_waits;

void tc_waits_note(tc_waits *waits, uint64_t now_us, uint64_t wait_us);

/*
 * Lasting overload (CoDel's measure): the least wait over a whole second was over `bound_us`.
 * Where none ended in that time the wait of the oldest that waits is the least.
 */
bool tc_waits_lasting(const tc_waits *waits, uint64_t now_us, uint64_t oldest_us,
                      uint64_t bound_us);

/* What is known when a request asks for a place and there is none at once. */
typedef struct tc_load {
    uint64_t wait_us;     /* the bound, WAIT */
    uint64_t expected_us; /* until its turn comes */
    bool lasting;         /* tc_waits_lasting(), with a quarter of WAIT */
    bool worker;          /* it holds one of httpd's workers: HTTP/1.1 */
    uint32_t workers;     /* of httpd; 0: not known, and nothing is refused for them */
    uint32_t held;        /* by conversions that run or wait, this one with them */
    uint32_t pending;     /* connections that wait for a worker in httpd's listen queue */
    uint32_t own;         /* of these, its client's */
    uint64_t reserve_us;  /* for how long they, with those pending, have been in the reserve */
} tc_load;

typedef enum tc_verdict {
    TC_WAIT,      /* to be queued */
    TC_TOO_LONG,  /* refused: the queue is longer than WAIT, and has been for a while */
    TC_NO_WORKERS /* refused: conversions have all of httpd's workers but the reserve */
} tc_verdict;

tc_verdict tc_policy_verdict(const tc_load *load);

/* ---- what is learned ------------------------------------------------------------------ */

/* Before anything was measured: a thumbnail of a photograph. Little rather than much, so that
   nothing is refused for what is not known. */
#define TC_COST_BLIND UINT64_C(10000)

/*
 * What one is thought to take whose kind took `kind_us` so far and all kinds `all_us`, each 0
 * when nothing was measured; 0 when nothing was. Of a kind not seen yet no more than
 * TC_COST_UNKNOWN: a page of thumbnails must not be refused for the blurs that were before.
 */
#define TC_COST_UNKNOWN UINT64_C(100000)
uint64_t tc_policy_mean(uint64_t kind_us, uint64_t all_us);

/* The running mean `mean_us`, 0 when nothing was measured, after one more took `took_us`. */
uint64_t tc_policy_learn(uint64_t mean_us, uint64_t took_us);

/*
 * How fast the machine is against what was learned, in 1/TC_PACE of the time, after a
 * conversion that was thought to take `mean_us` took `took_us`; `pace` 0: nothing is known.
 * Kinds are many, and each learns slowly; other work on the processors slows all at once.
 */
#define TC_PACE 1024
uint64_t tc_policy_pace(uint64_t pace, uint64_t mean_us, uint64_t took_us);

/* What is left of a conversion that was thought to take `cost_us` and has run `ran_us`: of one
   that is overdue as much again as it was late, or will never be seen to end. */
uint64_t tc_policy_left(uint64_t cost_us, uint64_t ran_us);

/* Retry-After, in seconds, where so much work is ahead of `active` places. */
unsigned tc_policy_retry(uint64_t ahead_us, uint32_t active);

#endif
