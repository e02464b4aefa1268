/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "shared.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool is_blank(const void *memory, size_t size)
{
    const char *bytes = memory;

    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

tc_segment tc_shared_adopt(void *memory, uint64_t layout, size_t head)
{
    uint64_t *word = memory;

    if (is_blank(memory, head)) {
        __atomic_store_n(word, layout, __ATOMIC_RELEASE);
        return TC_SEGMENT_NEW;
    }
    return __atomic_load_n(word, __ATOMIC_ACQUIRE) == layout ? TC_SEGMENT_KNOWN
                                                             : TC_SEGMENT_OTHER;
}

#define LOOKS 50

bool tc_shared_settled(const void *memory, bool (*adds_up)(const void *memory))
{
    for (int look = 0; look < LOOKS; look++) {
        if (adds_up(memory))
            return true;
        usleep(1000);
    }
    return false;
}

#define CHECK_MS      50
#define CHECK_MOST_MS 1000
#define CHECKERS      4

uint64_t tc_shared_check_ms(uint32_t waiting)
{
    uint64_t ms = waiting > CHECKERS ? (uint64_t)waiting * CHECK_MS / CHECKERS : CHECK_MS;

    return ms < CHECK_MOST_MS ? ms : CHECK_MOST_MS;
}

void tc_shared_wait(const uint32_t *word, uint32_t seen, uint64_t ms)
{
    struct timespec most = {.tv_sec = (time_t)(ms / 1000),
                            .tv_nsec = (long)(ms % 1000) * 1000000};

    syscall(SYS_futex, word, FUTEX_WAIT, seen, &most, NULL, 0);
}

int tc_shared_wake(uint32_t *word, int most)
{
    long woken = syscall(SYS_futex, word, FUTEX_WAKE, most, NULL, NULL, 0);

    return woken > 0 ? (int)woken : 0;
}

/* With WNOWAIT and WNOHANG waitid(2) neither blocks nor reaps, whatever `pid` is. */
bool tc_shared_is_child(int64_t pid)
{
    siginfo_t info;

    if (pid <= 0 || pid > INT_MAX)
        return false;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void tc_shared_lower(uint32_t *number, uint32_t amount)
{
    uint32_t now = __atomic_load_n(number, __ATOMIC_RELAXED);

    while (!__atomic_compare_exchange_n(number, &now, now > amount ? now - amount : 0, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
}

void tc_shared_lower64(uint64_t *number, uint64_t amount)
{
    uint64_t now = __atomic_load_n(number, __ATOMIC_RELAXED);

    while (!__atomic_compare_exchange_n(number, &now, now > amount ? now - amount : 0, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
}
