/* SPDX-License-Identifier: Apache-2.0 */
/* For cpu_set_t. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "place.h"

#include "apart.h"

#include <poll.h>
#include <sched.h>

/* A converter's, as it began. */
static cpu_set_t all;

static int try_to_bind(void)
{
    cpu_set_t now;

    return sched_getaffinity(0, sizeof now, &now) == 0 &&
           sched_setaffinity(0, sizeof now, &now) == 0;
}

bool tc_place_may(void)
{
    return tc_apart(try_to_bind) == 1;
}

/* More processors than a cpu_set_t has are an error, and so FIXED. */
int32_t tc_place_begin(void)
{
    return sched_getaffinity(0, sizeof all, &all) == 0 && CPU_COUNT(&all) > 1 ? TC_PLACE_ANY
                                                                              : TC_PLACE_FIXED;
}

static bool lives(int dialogue)
{
    struct pollfd look = {dialogue, 0, 0};

    return poll(&look, 1, 0) == 0;
}

int32_t tc_place_here(int dialogue, pid_t process, int32_t place)
{
    int here = place == TC_PLACE_FIXED ? -1 : sched_getcpu();
    cpu_set_t one;

    if (here < 0 || here >= CPU_SETSIZE || here == place || !lives(dialogue))
        return place;
    CPU_ZERO(&one);
    CPU_SET(here, &one);
    return sched_setaffinity(process, sizeof one, &one) == 0 ? here : place;
}

int32_t tc_place_free(int32_t place)
{
    return place >= 0 && sched_setaffinity(0, sizeof all, &all) == 0 ? TC_PLACE_ANY : place;
}
