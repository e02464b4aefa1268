/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which answers are being made, over all processes, so that requests for the same
 * one can wait for it and then take it from the cache. In shared memory; a flight
 * whose leader was killed ends when its death is seen. Two keys that meet in one
 * slot do not know of each other: then work is done twice, and nothing else.
 */
#ifndef TC_FLIGHTS_H
#define TC_FLIGHTS_H

#include "base/cancel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct tc_flights tc_flights;

typedef enum tc_flight {
    TC_FLIGHT_ALONE,  /* nobody is to wait for this one */
    TC_FLIGHT_LEAD,   /* it is the caller's to make, and to end */
    TC_FLIGHT_FOLLOW, /* somebody is at it */
    TC_FLIGHT_DONE    /* somebody has been, since the caller looked for the answer */
} tc_flight;

size_t tc_flights_size(void);

/*
 * Take shared `memory` of that size, aligned to 64, into use: new, all zero, or in use
 * already; then flights whose leader is not a child of this process are ended. False when
 * it is neither: take new memory instead. For the parent only.
 */
bool tc_flights_adopt(tc_flights *memory);

/* Milliseconds of the clock that flights are timed by. */
uint64_t tc_flights_clock(void);

/* Join the flight of `key`, the caller having looked for the answer no earlier than `since`.
   `flights` may be NULL: then everybody is alone. */
tc_flight tc_flights_join(tc_flights *flights, uint64_t key, uint64_t since);

/*
 * Wait for the flight of `key` to end. Returns 0, ETIMEDOUT after `wait_ms`, or
 * ECANCELED when `cancel` (may be NULL), asked about every 50 ms, ended it.
 */
int tc_flights_wait(tc_flights *flights, uint64_t key, unsigned wait_ms,
                    const tc_cancel *cancel);

/* The leader's: the answer is where others find it, or there is none. */
void tc_flights_end(tc_flights *flights, uint64_t key);

/* The process `pid` is dead; NULL is accepted. */
void tc_flights_gone(tc_flights *flights, pid_t pid);

#endif
