/* SPDX-License-Identifier: Apache-2.0 */
/* The clock that stages are timed with. */
#ifndef TC_CLOCK_H
#define TC_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds since some fixed point in the past; never jumps. */
static inline uint64_t tc_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
