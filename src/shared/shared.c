/* SPDX-License-Identifier: Apache-2.0 */
#include "shared.h"

#include <limits.h>
#include <string.h>
#include <sys/wait.h>

bool tc_shared_is_blank(const void *memory, size_t size)
{
    const char *bytes = memory;

    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
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
