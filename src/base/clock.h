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

/*
 * The same clock as of the last tick, up to 10 ms ago: never ahead of tc_clock_ns(), and read
 * in a quarter of the time, for what is looked at hundreds of times a picture.
 */
static inline uint64_t tc_clock_tick_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
