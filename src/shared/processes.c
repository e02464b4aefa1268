/* SPDX-License-Identifier: Apache-2.0 */
#include "processes.h"

#include "shared.h"

/* The first slot whose process was `from` and now is `to`. */
static unsigned change(tc_processes *processes, int64_t from, int64_t to)
{
    for (unsigned at = 1; at < TC_PROCESSES; at++) {
        int64_t now = from;

        if (__atomic_compare_exchange_n(&processes->pid[at], &now, to, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return at;
    }
    return 0;
}

unsigned tc_processes_enter(tc_processes *processes, pid_t pid)
{
    return change(processes, 0, pid);
}

unsigned tc_processes_claim(tc_processes *processes, pid_t pid)
{
    return pid > 0 ? change(processes, pid, -(int64_t)pid) : 0;
}

void tc_processes_free(tc_processes *processes, unsigned at)
{
    __atomic_store_n(&processes->pid[at], 0, __ATOMIC_RELEASE);
}

bool tc_processes_is_childs(const tc_processes *processes, unsigned at)
{
    return tc_shared_is_child(tc_processes_pid(processes, at));
}
