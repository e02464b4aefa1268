/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"

#include "shared/shared.h"

#include <string.h>

/* Linux has no process of a number that takes more (PID_MAX_LIMIT); above it the state. */
#define PID_BITS 22
#define PID_MASK ((UINT64_C(1) << PID_BITS) - 1)

enum state { CLAIMED = 1, WAITS, RUNS };

/* No number that is right comes near: against sums that overflow. */
#define MOST_US (UINT64_MAX >> 16)

static uint64_t owner_of(pid_t pid, enum state state)
{
    return ((uint64_t)state << PID_BITS) | ((uint64_t)pid & PID_MASK);
}

static enum state state_of(uint64_t owner)
{
    return (enum state)(owner >> PID_BITS);
}

static pid_t process_of(uint64_t owner)
{
    return (pid_t)(owner & PID_MASK);
}

static uint64_t bounded(uint64_t us)
{
    return us < MOST_US ? us : MOST_US;
}

static uint64_t owner_at(const tc_queue *queue, unsigned at)
{
    return __atomic_load_n(&queue->place[at].owner, __ATOMIC_SEQ_CST);
}

static unsigned top_of(const tc_queue *queue)
{
    uint32_t top = __atomic_load_n(&queue->top, __ATOMIC_SEQ_CST);

    return top < TC_QUEUE_PLACES ? top : TC_QUEUE_PLACES;
}

static bool is_place(int place)
{
    return place >= 0 && place < TC_QUEUE_PLACES;
}

/* Before the place is taken, so that no call overlooks it. */
static void raise_top(tc_queue *queue, uint32_t top)
{
    uint32_t now = __atomic_load_n(&queue->top, __ATOMIC_SEQ_CST);

    while (now < top && !__atomic_compare_exchange_n(&queue->top, &now, top, false,
                                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
}

static void raise_now(tc_queue *queue, uint64_t start)
{
    uint64_t now = tc_shared_get(&queue->now);

    while (now < start && !__atomic_compare_exchange_n(&queue->now, &now, start, false,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

/* ---- coming and going -------------------------------------------------------------- */

/* The end of what its requests that wait or run are charged; what is over is forgiven. */
uint64_t tc_queue_start(const tc_queue *queue, uint64_t client)
{
    uint64_t start = bounded(tc_shared_get(&queue->now));
    unsigned top = top_of(queue);

    for (unsigned at = 0; at < top; at++) {
        const tc_queue_place *place = &queue->place[at];
        uint64_t ends;

        if (state_of(owner_at(queue, at)) < WAITS || tc_shared_get(&place->client) != client)
            continue;
        ends = bounded(tc_shared_get(&place->ends));
        if (ends > start)
            start = ends;
    }
    return start;
}

static void fill(tc_queue *queue, tc_queue_place *place, const tc_queue_entry *entry)
{
    tc_shared_set(&place->number, __atomic_add_fetch(&queue->joined, 1, __ATOMIC_SEQ_CST));
    tc_shared_set(&place->turn, entry->fair ? tc_policy_turn(entry->start, entry->came_us) : 0);
    tc_shared_set(&place->client, entry->client);
    tc_shared_set(&place->kib, entry->kib);
    tc_shared_set(&place->ends, entry->start + entry->cost_us);
    tc_shared_set(&place->cost_us, entry->cost_us);
    tc_shared_set(&place->since_us, entry->came_us);
    __atomic_store_n(&place->passed, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&place->worker, entry->worker, __ATOMIC_RELAXED);
    if (entry->runs)
        raise_now(queue, entry->start);
}

int tc_queue_join(tc_queue *queue, pid_t pid, const tc_queue_entry *entry)
{
    for (unsigned at = 0; at < TC_QUEUE_PLACES; at++) {
        tc_queue_place *place = &queue->place[at];
        uint64_t free_place = 0;

        if (owner_at(queue, at))
            continue;
        raise_top(queue, at + 1);
        if (!__atomic_compare_exchange_n(&place->owner, &free_place, owner_of(pid, CLAIMED),
                                         false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            continue;
        fill(queue, place, entry);
        __atomic_store_n(&place->owner, owner_of(pid, entry->runs ? RUNS : WAITS),
                         __ATOMIC_SEQ_CST);
        return (int)at;
    }
    return -1;
}

void tc_queue_run(tc_queue *queue, int place, int passes, uint64_t now_us)
{
    tc_queue_place *mine;

    if (!is_place(place))
        return;
    mine = &queue->place[place];
    if (is_place(passes))
        __atomic_fetch_add(&queue->place[passes].passed, 1, __ATOMIC_RELAXED);
    raise_now(queue,
              bounded(tc_shared_get(&mine->ends)) - bounded(tc_shared_get(&mine->cost_us)));
    tc_shared_set(&mine->since_us, now_us);
    __atomic_store_n(&mine->owner, owner_of(process_of(owner_at(queue, (unsigned)place)), RUNS),
                     __ATOMIC_SEQ_CST);
}

uint64_t tc_queue_leave(tc_queue *queue, int place)
{
    uint64_t since;

    if (!is_place(place))
        return 0;
    since = tc_shared_get(&queue->place[place].since_us);
    __atomic_store_n(&queue->place[place].owner, 0, __ATOMIC_SEQ_CST);
    return since;
}

void tc_queue_forget(tc_queue *queue, pid_t pid)
{
    unsigned top = top_of(queue);

    for (unsigned at = 0; at < top; at++) {
        uint64_t owner = owner_at(queue, at);
        if (owner && process_of(owner) == pid)
            __atomic_compare_exchange_n(&queue->place[at].owner, &owner, 0, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

unsigned tc_queue_waiting(const tc_queue *queue)
{
    unsigned waiting = 0;

    for (unsigned at = 0; at < TC_QUEUE_PLACES; at++)
        waiting += state_of(owner_at(queue, at)) == WAITS;
    return waiting;
}

bool tc_queue_is_by_children(const tc_queue *queue)
{
    unsigned top = top_of(queue);

    for (unsigned at = 0; at < TC_QUEUE_PLACES; at++) {
        uint64_t owner = owner_at(queue, at);
        if (owner && (at >= top || !tc_shared_is_child(process_of(owner))))
            return false;
    }
    return true;
}

/* ---- which is next ------------------------------------------------------------------- */

/* The client that has `most` places or more, if all that are known to run are its own. */
static bool only_client(const tc_queue *queue, uint32_t most, uint64_t *client)
{
    unsigned top = top_of(queue);
    uint32_t running = 0;

    for (unsigned at = 0; at < top; at++) {
        uint64_t has;

        if (state_of(owner_at(queue, at)) != RUNS)
            continue;
        has = tc_shared_get(&queue->place[at].client);
        if (running && has != *client)
            return false;
        *client = has;
        running++;
    }
    return running >= most && running > 0;
}

bool tc_queue_capped(const tc_queue *queue, uint64_t client, uint32_t active)
{
    uint64_t only;

    return tc_policy_capped(active, active - 1) && only_client(queue, active - 1, &only) &&
           only == client;
}

static tc_turn turn_at(const tc_queue *queue, unsigned at)
{
    const tc_queue_place *place = &queue->place[at];

    return (tc_turn){tc_shared_get(&place->turn), tc_shared_get(&place->number),
                     tc_shared_get(&place->client), tc_shared_get(&place->kib),
                     __atomic_load_n(&place->passed, __ATOMIC_RELAXED)};
}

static bool pick(const tc_queue *queue, const tc_queue_room *room, unsigned *at, int *passes)
{
    tc_pick pick = {.free_kib = room->free_kib};
    unsigned top = top_of(queue);

    if (room->capped && room->last && tc_policy_capped(room->active, room->active - 1))
        pick.capped = only_client(queue, room->active - 1, &pick.client);
    for (unsigned i = 0; i < top; i++) {
        if (state_of(owner_at(queue, i)) == WAITS) {
            tc_turn turn = turn_at(queue, i);
            tc_pick_offer(&pick, &turn, i);
        }
    }
    return tc_pick_next(&pick, at, passes);
}

pid_t tc_queue_before(const tc_queue *queue, int place, const tc_queue_room *room, int *passes)
{
    unsigned at;

    if (!pick(queue, room, &at, passes))
        return -1;
    return (int)at == place ? 0 : process_of(owner_at(queue, at));
}

uint32_t tc_queue_bell(const tc_queue *queue, int place)
{
    return __atomic_load_n(&queue->place[place].bell, __ATOMIC_SEQ_CST);
}

void tc_queue_wait(tc_queue *queue, int place, uint32_t bell, uint64_t ms)
{
    /* Woken, changed since, interrupted, too long: the caller looks again in any case. */
    tc_shared_wait(&queue->place[place].bell, bell, ms);
}

/* Should the next leave meanwhile, the request that has the place then is woken for nothing,
   and the one that left wakes the one after it. */
pid_t tc_queue_call(tc_queue *queue, const tc_queue_room *room)
{
    unsigned at;
    int passes;
    uint64_t owner;
    uint32_t *bell;

    if (!pick(queue, room, &at, &passes))
        return 0;
    owner = owner_at(queue, at);
    bell = &queue->place[at].bell;
    __atomic_fetch_add(bell, 1, __ATOMIC_SEQ_CST);
    return tc_shared_wake(bell, 1) > 0 ? 0 : process_of(owner);
}

/* ---- what is ahead --------------------------------------------------------------------- */

static uint64_t since(const tc_queue_place *place, uint64_t now_us)
{
    uint64_t from = tc_shared_get(&place->since_us);

    return from < now_us ? now_us - from : 0;
}

void tc_queue_read(const tc_queue *queue, const tc_queue_entry *entry, uint64_t now_us,
                   tc_queue_ahead *ahead)
{
    uint64_t turn =
        entry && entry->fair ? tc_policy_turn(entry->start, entry->came_us) : UINT64_MAX;
    unsigned top = top_of(queue);

    *ahead = (tc_queue_ahead){0};
    for (unsigned at = 0; at < top; at++) {
        const tc_queue_place *place = &queue->place[at];
        enum state state = state_of(owner_at(queue, at));
        uint64_t cost = bounded(tc_shared_get(&place->cost_us)),
                 age = bounded(since(place, now_us));

        if (state < WAITS)
            continue;
        if (entry && tc_shared_get(&place->client) == entry->client)
            ahead->own += place->worker != 0;
        if (state == RUNS) {
            cost = tc_policy_left(cost, age);
            ahead->work_us += cost;
        } else {
            ahead->waiting++;
            ahead->work_us += tc_shared_get(&place->turn) <= turn ? cost : 0;
            if (age > ahead->oldest_us)
                ahead->oldest_us = age;
        }
        ahead->all_us += cost;
    }
}
