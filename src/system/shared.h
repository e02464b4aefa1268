/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be relied on in memory that all processes share: nothing. A child that was
 * taken over may have written anything there, and goes on writing while others read, the
 * parent among them, which may be root. So for everything that lies in it:
 *
 *  - sizes, addresses, names and numbers of slots are in memory of each process's own,
 *    set by the parent before it forks;
 *  - a value is read once, into private memory, and bounded there before it is used;
 *  - no loop ends by what it reads alone, and sums that are lowered stop at 0;
 *  - a process that is named there is asked about, never waited for and never signalled.
 *
 * What such a child can do is make the counts wrong and have conversions refused.
 */
#ifndef TC_SHARED_H
#define TC_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether memory that was just made, all zero, is still that. */
bool tc_shared_is_blank(const void *memory, size_t size);

/* Whether `pid`, as shared memory has it, is this process or a child of it, also one that is
   dead and not yet waited for. */
bool tc_shared_is_own(int64_t pid);

/* Terminate a text that was copied from there, and make what is not plain ASCII '?'. */
void tc_shared_text(char *text, size_t size);

/* Lower `*number` by `amount`, or to 0 when it is less. */
void tc_shared_lower(uint32_t *number, uint32_t amount);
void tc_shared_lower64(uint64_t *number, uint64_t amount);

/*
 * After a copy, before it is looked at: keeps the compiler from reading the original once
 * more instead, which may have changed since.
 */
static inline void tc_shared_copied(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

#endif
