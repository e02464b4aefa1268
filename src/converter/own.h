/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The converters that a process keeps from one conversion to the next, which saves the system
 * calls of passing them on. There are that many more converters than conversions at once, so
 * that nobody waits for one that another process keeps. Which processes may is said by locks
 * on bytes of a file, as the kernel lets go of them however a process ends.
 */
#ifndef TC_OWN_H
#define TC_OWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* With a converter that waits for an order. */
typedef struct tc_dialogue {
    int socket; /* -1: none */
    pid_t pid;
    int32_t place; /* where it is bound to: place.h */
    int area;      /* where its results come back: areas.h; -1: none */
} tc_dialogue;

typedef struct tc_own tc_own;

/* Each is a process of 0.4 MiB. */
#define TC_OWN_MOST 32

/* How many all processes together may keep, where `active` converters are for conversions, and
   there are `most` at most. */
unsigned tc_own_count(unsigned active, unsigned most);

/* The file, for all processes, closed at exec: its descriptor, or -1 with errno. */
int tc_own_file(void);

/*
 * For this process, which is not to open or close `file` elsewhere: that would end its locks.
 * `count` is tc_own_count's, where that is not 0. NULL without memory.
 */
tc_own *tc_own_make(int file, unsigned count);

/* The one that was put there last; false: there is none. Any thread's; accepts NULL. */
bool tc_own_take(tc_own *own, tc_dialogue *dialogue);

/* Keep `dialogue`; false: it stays the caller's, as others keep theirs. As above. */
bool tc_own_put(tc_own *own, const tc_dialogue *dialogue);

/* Close what is kept. Accepts NULL. */
void tc_own_free(tc_own *own);

#endif
