/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests that wait for a place and those that have one, over all processes. In
 * shared memory, and all zero when empty; nothing here blocks but tc_queue_wait(), a
 * futex(2). Another process may have written anything into it: sizes are constants, every
 * index read from it is checked, and wrong numbers make a wrong order, no more.
 *
 * A thread that waits reads its bell, asks tc_queue_next() whether it is its turn and
 * looks whether there is what it waits for, then waits, and so on. Whatever may let the
 * next go on is followed by tc_queue_call(), and so is tc_queue_leave(): then no call is
 * lost, since a request that joins is seen by calls from then on, and sees what was before.
 */
#ifndef TC_QUEUE_H
#define TC_QUEUE_H

#include "policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Requests that may wait at once; of those that run, some more are known. */
#define TC_QUEUE_MOST   4096
#define TC_QUEUE_PLACES (TC_QUEUE_MOST + 512)

/* One request; each number is written before `owner` says what it is. */
typedef struct tc_queue_place {
    uint64_t owner; /* 0: free; else the process, and whether it waits or runs */
    uint64_t number, turn, client, kib;
    uint64_t ends;     /* what its client was charged up to, with this one */
    uint64_t cost_us;  /* what it is thought to take */
    uint64_t since_us; /* waits or runs */
    uint32_t passed;
    uint32_t bell;   /* raised to wake what waits there */
    uint32_t worker; /* it has one of httpd's workers */
} tc_queue_place;

typedef struct tc_queue {
    uint64_t joined; /* ever */
    uint64_t now;    /* virtual: the charge at which the last that was let in began */
    uint32_t top;    /* no place from here on was ever taken */
    tc_queue_place place[TC_QUEUE_PLACES];
} tc_queue;

/* A request that asks. */
typedef struct tc_queue_entry {
    uint64_t client, kib, cost_us;
    uint64_t start; /* of its charge, as tc_queue_start() says */
    uint64_t came_us;
    bool fair;        /* in turn with other clients; else in the order of coming */
    bool worker;      /* it has one of httpd's workers */
    uint32_t pending; /* connections that wait for one */
    bool runs;        /* has its place already */
} tc_queue_entry;

/* From where on a request of `client` is charged now. */
uint64_t tc_queue_start(const tc_queue *queue, uint64_t client);

/* The place of the calling thread, whose process is `pid`: an index, or -1 when all are taken.
 */
int tc_queue_join(tc_queue *queue, pid_t pid, const tc_queue_entry *entry);

/* The request runs from `now_us` on, and has passed the one at `passes`; -1: none. */
void tc_queue_run(tc_queue *queue, int place, int passes, uint64_t now_us);

/* Frees the place; -1 is none. Returns since when it ran, 0 when that is not known. */
uint64_t tc_queue_leave(tc_queue *queue, int place);

/* What the next is chosen by. */
typedef struct tc_queue_room {
    uint32_t active;   /* places in all; for `capped` */
    uint64_t free_kib; /* memory that is free */
    bool capped;       /* no client may have all places */
    bool last;         /* but one place is taken */
} tc_queue_room;

/* 0 when `place` is next, with the place that it passes, or -1; else the process of the one
   that is, or -1 when none is. */
pid_t tc_queue_before(const tc_queue *queue, int place, const tc_queue_room *room, int *passes);

/* Whether all places but the last are one client's, and that is `client`. */
bool tc_queue_capped(const tc_queue *queue, uint64_t client, uint32_t active);

uint32_t tc_queue_bell(const tc_queue *queue, int place);

/* Until the bell is no longer `bell`, or `ms` milliseconds; may return earlier. */
void tc_queue_wait(tc_queue *queue, int place, uint32_t bell, uint64_t ms);

/* Wake the next, if anybody waits; its process when it did not sleep, which is because it is
   awake or because it is dead, else 0. */
pid_t tc_queue_call(tc_queue *queue, const tc_queue_room *room);

/* All places of a process that is gone are free. To be followed by tc_queue_call(). */
void tc_queue_forget(tc_queue *queue, pid_t pid);

/* How many requests wait, and whether every place is a child's of this process. */
unsigned tc_queue_waiting(const tc_queue *queue);
bool tc_queue_is_by_children(const tc_queue *queue);

/* What is ahead of a request, and what its client has. */
typedef struct tc_queue_ahead {
    uint64_t work_us;   /* of those that run and of those that wait and go before it */
    uint64_t all_us;    /* ... and of all that wait */
    uint64_t oldest_us; /* since when the first of those that wait has waited; 0: none does */
    uint32_t own;       /* its client's that have workers of httpd */
    uint32_t waiting;
} tc_queue_ahead;

/* `entry` NULL: one that comes last. */
void tc_queue_read(const tc_queue *queue, const tc_queue_entry *entry, uint64_t now_us,
                   tc_queue_ahead *ahead);

#endif
