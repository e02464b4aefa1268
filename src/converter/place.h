/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On which processor a converter runs. A thread that gives an order sleeps at once, which
 * leaves its processor free and awake. The kernel prefers another one for the converter that is
 * woken, wherever one is idle, and to wake that one costs more than all the rest of handing an
 * order over (tools/bench isolation). So the thread first binds the converter to its own
 * processor; a converter that has long to work frees itself.
 */
#ifndef TC_PLACE_H
#define TC_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A processor's number, or: */
enum {
    TC_PLACE_ANY = -1,  /* not bound to one */
    TC_PLACE_FIXED = -2 /* not to be bound: there is one only, or it is not known which */
};

/* Whether a process may bind another one at all, as a process tells that tries it. */
bool tc_place_may(void);

/* In a converter, before it serves: note where it may run. Returns ANY or FIXED. */
int32_t tc_place_begin(void);

/*
 * Bind `process`, a converter that waits at `place`, to the caller's processor, if the other
 * end of `dialogue` is open: its id is its own while it lives. Returns where it is then: where
 * it was if that is FIXED, or the system refuses. What a converter says is its place need not
 * be true: it bears the cost.
 */
int32_t tc_place_here(int dialogue, pid_t process, int32_t place);

/* Let this process run again wherever it might at tc_place_begin. Returns where it is then. */
int32_t tc_place_free(int32_t place);

#endif
