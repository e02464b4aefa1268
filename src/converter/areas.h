/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a converter writes a result to and the child that waits for it reads: the two
 * copies that a socket makes cost as much as all the rest of a message. Each converter has an
 * area, and no other one's. Whose it is stands in front of all areas, where the keeper alone
 * writes: a converter that a picture has taken over cannot pass another's off as its own. There
 * it also says when it cannot fork them.
 */
#ifndef TC_AREAS_H
#define TC_AREAS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Bytes of an area. */
#define TC_AREA ((size_t)65536)

typedef struct tc_areas {
    void *start; /* NULL: there are none */
    unsigned count;
} tc_areas;

/* How many converters there are. */
typedef enum tc_staff {
    TC_STAFF_ALL, /* or they will be at once */
    TC_STAFF_SOME,
    TC_STAFF_NONE
} tc_staff;

/*
 * For httpd's parent and the children that it forks, which only read, of `count` converters.
 * `*file` is what a keeper maps them by, the caller's, closed at exec. Returns 0, or errno and
 * has none.
 */
int tc_areas_make(tc_areas *areas, unsigned count, int *file);

/* For a keeper and the converters that it forks. `file` stays the caller's. Returns 0, or
   errno and has none: EINVAL where that is another one, or too short. */
int tc_areas_map(tc_areas *areas, unsigned count, int file);

void tc_areas_unmap(tc_areas *areas);

/* In the converter of this number: its area, and no longer any other. NULL, with errno. */
unsigned char *tc_areas_keep(tc_areas *areas, unsigned at);

/* That of this number. */
const unsigned char *tc_areas_at(const tc_areas *areas, unsigned at);

/* It is this converter's from now on; 0: nobody's. The one before has ended. Does nothing where
   there are none. */
void tc_areas_give(tc_areas *areas, unsigned at, pid_t converter);

/*
 * The number of a converter's area; -1: it has none, as where it is of another keeper than the
 * areas are. To be asked again after a copy: what was read while it is still the same one's is
 * all of it.
 */
int tc_areas_find(const tc_areas *areas, pid_t converter);
bool tc_areas_is(const tc_areas *areas, unsigned at, pid_t converter);

/*
 * The keeper's word on how many there are, which holds for TC_AREAS_STALE_S seconds, as it may
 * be killed: it is to be said again while it is not ALL. Where there are no areas nothing is
 * said, and ALL heard.
 */
#define TC_AREAS_STALE_S 15
void tc_areas_say(tc_areas *areas, tc_staff staff);
tc_staff tc_areas_hear(const tc_areas *areas);

#endif
