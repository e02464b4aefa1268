/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits, over all processes, in the order in which they came. In shared memory,
 * and all zero when empty; nothing here blocks but tc_queue_wait(), a futex(2).
 *
 * A thread that waits asks tc_queue_first() and looks whether there is what it waits
 * for, then waits, and so on. Whatever may let the first go on is followed by
 * tc_queue_call(), and so is tc_queue_leave(): then no call is lost, since who joins
 * is seen by calls from then on, and sees what was before.
 */
#ifndef TC_QUEUE_H
#define TC_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The most that may wait; those who join must be counted, so that never more do. */
#define TC_QUEUE_MOST 4096

typedef struct tc_queue {
    uint64_t joined; /* ever */
    uint32_t top;    /* no place from here on was ever taken */
    struct {
        uint64_t turn; /* 0: free; else the number in order of joining, and the process */
        uint32_t bell; /* raised to wake who waits there */
    } place[TC_QUEUE_MOST];
} tc_queue;

/* The place of the calling thread, whose process is `pid`: an index of place[], or
   TC_QUEUE_MOST when none is free. That cannot be while those who join are counted, unless the
   memory was overwritten (shared.h). */
unsigned tc_queue_join(tc_queue *queue, pid_t pid);

/* The process of who is first when somebody is before `place`, and 0 when nobody is; with the
   state of its bell, which is to be read before looking for what is waited for. */
pid_t tc_queue_before(const tc_queue *queue, unsigned place, uint32_t *bell);

/* Until the bell is no longer `bell`, or `ms` milliseconds; may return earlier. */
void tc_queue_wait(tc_queue *queue, unsigned place, uint32_t bell, uint64_t ms);

/* `place` may be TC_QUEUE_MOST. */
void tc_queue_leave(tc_queue *queue, unsigned place);

/* Wake the first, if anybody waits; its process when it did not sleep, which is because it is
   awake or because it is dead, else 0. */
pid_t tc_queue_call(tc_queue *queue);

/* All places of a process that is gone are free. To be followed by tc_queue_call(). */
void tc_queue_forget(tc_queue *queue, pid_t pid);

/* How many places are taken, and whether all of them are by children of this process. */
unsigned tc_queue_taken(const tc_queue *queue);
bool tc_queue_is_by_children(const tc_queue *queue);

#endif
