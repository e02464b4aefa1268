/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define PER_CPU 2
#define SECOND  UINT64_C(1000000)

/* Workers of a small server, and how long a larger one lets its reserve be in use. */
#define SMALL      32
#define RESERVE_US (SECOND / 4)

/* A browser's connections to one server over HTTP/1.1. */
#define BROWSER 6

/* Estimates err: under lasting overload, where as many come as go, less than WAIT is too long.
 */
#define TOO_LONG(wait_us) ((wait_us) / 10 * 7)

uint32_t tc_policy_active(long processors)
{
    return PER_CPU * (processors > 0 ? (uint32_t)processors : 1) + 1;
}

uint32_t tc_policy_reserve(uint32_t workers)
{
    if (workers <= 2)
        return 0;
    return workers <= 8 ? 1 : (workers + 3) / 4;
}

uint64_t tc_policy_turn(uint64_t start, uint64_t came_us)
{
    return start + came_us / 4;
}

/* ---- the order of service ----------------------------------------------------------- */

static bool is_before(const tc_turn *a, const tc_turn *b)
{
    return a->turn != b->turn ? a->turn < b->turn : a->number < b->number;
}

void tc_pick_offer(tc_pick *pick, const tc_turn *turn, unsigned at)
{
    if (pick->capped && turn->client == pick->client)
        return;
    if (turn->kib > pick->free_kib) {
        if (!pick->blocked || is_before(turn, &pick->large)) {
            pick->large = *turn;
            pick->large_at = at;
        }
        pick->blocked = true;
        return;
    }
    if (!pick->found || is_before(turn, &pick->next)) {
        pick->next = *turn;
        pick->next_at = at;
    }
    pick->found = true;
}

bool tc_pick_next(const tc_pick *pick, unsigned *at, int *passes)
{
    bool behind = pick->blocked && (!pick->found || is_before(&pick->large, &pick->next));

    *passes = -1;
    if (behind && (!pick->found || pick->large.passed >= TC_PASSES)) {
        *at = pick->large_at;
        return true;
    }
    if (behind)
        *passes = (int)pick->large_at;
    *at = pick->next_at;
    return pick->found;
}

bool tc_policy_capped(uint32_t active, uint32_t running)
{
    return active >= 3 && running >= active - 1;
}

/* ---- what is refused ----------------------------------------------------------------- */

void tc_waits_note(tc_waits *waits, uint64_t now_us, uint64_t wait_us)
{
    uint64_t second = now_us / SECOND;

    if (second != waits->second) {
        waits->before_us = second == waits->second + 1 ? waits->least_us : UINT64_MAX;
        waits->least_us = UINT64_MAX;
        waits->second = second;
    }
    if (wait_us < waits->least_us)
        waits->least_us = wait_us;
}

bool tc_waits_lasting(const tc_waits *waits, uint64_t now_us, uint64_t oldest_us,
                      uint64_t bound_us)
{
    uint64_t second = now_us / SECOND, least = UINT64_MAX;

    if (second == waits->second)
        least = waits->least_us < waits->before_us ? waits->least_us : waits->before_us;
    else if (second == waits->second + 1)
        least = waits->least_us;
    if (least == UINT64_MAX)
        least = oldest_us;
    return oldest_us > bound_us && least > bound_us;
}

/*
 * Of the reserve, the first half is for clients that have little: one that has the rest of
 * the workers to itself must not have others refused. A large server lets everybody have it
 * for a moment, and those that have little a quarter more, so that one that came first with
 * very much leaves them something. The last quarter is never for conversions: while every
 * worker waits for one, nothing can be refused or sent.
 */
static bool has_worker(const tc_load *load)
{
    uint32_t reserve = tc_policy_reserve(load->workers), most = load->workers - reserve;
    uint32_t half = most + (reserve + 1) / 2, more = most + (3 * reserve + 3) / 4;
    bool has_little = load->own < most / 8 + 1;

    /* It has most of the workers that there are, and others cannot even be refused by these. */
    if (load->workers > SMALL && load->pending && load->reserve_us >= RESERVE_US &&
        load->own > BROWSER && load->own > load->held / 2)
        return false;
    if (load->held < most || (load->workers <= SMALL && !load->lasting))
        return true;
    if (load->workers > SMALL && load->reserve_us < RESERVE_US)
        return load->held < (has_little ? more : half);
    return has_little && load->held < half;
}

tc_verdict tc_policy_verdict(const tc_load *load)
{
    if (load->expected_us > (load->lasting ? TOO_LONG(load->wait_us) : load->wait_us))
        return TC_TOO_LONG;
    return load->worker && load->workers && !has_worker(load) ? TC_NO_WORKERS : TC_WAIT;
}

/* ---- what is learned ------------------------------------------------------------------ */

uint64_t tc_policy_mean(uint64_t kind_us, uint64_t all_us)
{
    if (kind_us)
        return kind_us;
    return all_us < TC_COST_UNKNOWN ? all_us : TC_COST_UNKNOWN;
}

uint64_t tc_policy_learn(uint64_t mean_us, uint64_t took_us)
{
    uint64_t mean;

    if (mean_us == 0)
        mean = took_us;
    else
        mean = mean_us - mean_us / 16 + took_us / 16;
    return mean ? mean : 1;
}

/* No more than this apart from what was learned: then one of its kind was another thing. */
#define PACE_MOST  (4 * TC_PACE)
#define PACE_LEAST (TC_PACE / 4)

uint64_t tc_policy_pace(uint64_t pace, uint64_t mean_us, uint64_t took_us)
{
    uint64_t now = took_us * TC_PACE / (mean_us ? mean_us : 1);

    if (!pace)
        pace = TC_PACE;
    now = now < PACE_LEAST ? PACE_LEAST : now > PACE_MOST ? PACE_MOST : now;
    return pace - pace / 16 + now / 16;
}

uint64_t tc_policy_left(uint64_t cost_us, uint64_t ran_us)
{
    return ran_us < cost_us ? cost_us - ran_us : ran_us - cost_us;
}

unsigned tc_policy_retry(uint64_t ahead_us, uint32_t active)
{
    uint64_t seconds = ahead_us / (active ? active : 1) / SECOND + 1;

    return seconds < 120 ? (unsigned)seconds : 120;
}
