/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process has which slot of a table in shared memory. Slot 0 is for processes past
 * the last and belongs to nobody. A slot of a dead process is taken back by its parent or by
 * another that finds it dead, whichever is first; what is in it is the table's owner's affair.
 */
#ifndef TC_PROCESSES_H
#define TC_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TC_PROCESSES 1024

/* 0: free; below: of a dead process, and being taken back. */
typedef struct tc_processes {
    int64_t pid[TC_PROCESSES];
} tc_processes;

/* The process of a slot, as above: it may be anything in memory that was written over. */
static inline int64_t tc_processes_pid(const tc_processes *processes, unsigned at)
{
    return __atomic_load_n(&processes->pid[at], __ATOMIC_ACQUIRE);
}

/* A slot for `pid`; 0: all are taken. */
unsigned tc_processes_enter(tc_processes *processes, pid_t pid);

/* The slot of `pid`, which is gone, for its caller alone to clear; 0: it has none, or another
   clears it. tc_processes_free() when it is clear. */
unsigned tc_processes_claim(tc_processes *processes, pid_t pid);
void tc_processes_free(tc_processes *processes, unsigned at);

/* Whether this process's child has the slot. */
bool tc_processes_is_childs(const tc_processes *processes, unsigned at);

#endif
