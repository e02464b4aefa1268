/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "queue.h"

#include "shared.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Linux has no process of a number that takes more (PID_MAX_LIMIT); for the order of
   joining it leaves 2^42. */
#define PID_BITS 22
#define PID_MASK ((UINT64_C(1) << PID_BITS) - 1)

/* Times that every place is looked at before a join gives up. */
#define ROUNDS 64

static uint64_t turn_at(const tc_queue *queue, unsigned at)
{
    return __atomic_load_n(&queue->place[at].turn, __ATOMIC_SEQ_CST);
}

/* `top`, bounded: the memory may have been overwritten. */
static unsigned top_of(const tc_queue *queue)
{
    uint32_t top = __atomic_load_n(&queue->top, __ATOMIC_SEQ_CST);

    return top < TC_QUEUE_MOST ? top : TC_QUEUE_MOST;
}

/* Before the place is taken, so that no call overlooks it. */
static void raise_top(tc_queue *queue, uint32_t top)
{
    uint32_t now = __atomic_load_n(&queue->top, __ATOMIC_SEQ_CST);

    while (now < top && !__atomic_compare_exchange_n(&queue->top, &now, top, false,
                                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
}

unsigned tc_queue_join(tc_queue *queue, pid_t pid)
{
    uint64_t number = __atomic_add_fetch(&queue->joined, 1, __ATOMIC_SEQ_CST);
    uint64_t turn = (number << PID_BITS) | ((uint64_t)pid & PID_MASK);

    /* More than once, since a place may come free behind this one. */
    for (unsigned looked = 0; looked < ROUNDS * TC_QUEUE_MOST; looked++) {
        unsigned at = looked % TC_QUEUE_MOST;
        uint64_t free_place = 0;
        if (turn_at(queue, at))
            continue;
        raise_top(queue, at + 1);
        if (__atomic_compare_exchange_n(&queue->place[at].turn, &free_place, turn, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return at;
    }
    return TC_QUEUE_MOST;
}

/* The place of who has waited longest, and its turn, which is past all turns when nobody does.
 */
static unsigned first_of(const tc_queue *queue, uint64_t *least)
{
    unsigned top = top_of(queue), first = 0;

    *least = UINT64_MAX;
    for (unsigned at = 0; at < top; at++) {
        uint64_t turn = turn_at(queue, at);
        if (turn && turn < *least) {
            *least = turn;
            first = at;
        }
    }
    return first;
}

static pid_t process_of(uint64_t turn)
{
    return (pid_t)(turn & PID_MASK);
}

pid_t tc_queue_before(const tc_queue *queue, unsigned place, uint32_t *bell)
{
    uint64_t own = turn_at(queue, place), least;

    *bell = __atomic_load_n(&queue->place[place].bell, __ATOMIC_SEQ_CST);
    first_of(queue, &least);
    return least < own ? process_of(least) : 0;
}

void tc_queue_wait(tc_queue *queue, unsigned place, uint32_t bell, uint64_t ms)
{
    struct timespec most = {.tv_sec = (time_t)(ms / 1000),
                            .tv_nsec = (long)(ms % 1000) * 1000000};

    /* Woken, changed since, interrupted, too long: the caller looks again in any case. */
    syscall(SYS_futex, &queue->place[place].bell, FUTEX_WAIT, bell, &most, NULL, 0);
}

void tc_queue_leave(tc_queue *queue, unsigned place)
{
    if (place < TC_QUEUE_MOST)
        __atomic_store_n(&queue->place[place].turn, 0, __ATOMIC_SEQ_CST);
}

/* Should the first leave meanwhile, whoever has the place then is woken for nothing, and the
   next first by who left. */
pid_t tc_queue_call(tc_queue *queue)
{
    uint64_t least;
    uint32_t *bell = &queue->place[first_of(queue, &least)].bell;

    if (least == UINT64_MAX)
        return 0;
    __atomic_fetch_add(bell, 1, __ATOMIC_SEQ_CST);
    return syscall(SYS_futex, bell, FUTEX_WAKE, 1, NULL, NULL, 0) > 0 ? 0 : process_of(least);
}

void tc_queue_forget(tc_queue *queue, pid_t pid)
{
    unsigned top = top_of(queue);

    for (unsigned at = 0; at < top; at++) {
        uint64_t turn = turn_at(queue, at);
        if (turn && process_of(turn) == pid)
            __atomic_compare_exchange_n(&queue->place[at].turn, &turn, 0, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

unsigned tc_queue_taken(const tc_queue *queue)
{
    unsigned taken = 0;

    for (unsigned at = 0; at < TC_QUEUE_MOST; at++)
        taken += turn_at(queue, at) != 0;
    return taken;
}

bool tc_queue_is_by_children(const tc_queue *queue)
{
    unsigned top = top_of(queue);

    for (unsigned at = 0; at < TC_QUEUE_MOST; at++) {
        uint64_t turn = turn_at(queue, at);
        if (turn && (at >= top || !tc_shared_is_child(process_of(turn))))
            return false;
    }
    return true;
}
