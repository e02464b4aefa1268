/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for memory that all processes share. It is not trusted: a child that was taken over
 * may write anything there, and while others read it. The parent, which may be root, reads
 * it too. Therefore:
 *
 *  - sizes, addresses, names and numbers of slots are kept in private memory, set by the
 *    parent before it forks;
 *  - a value is read once, into private memory, and bounded there before it is used;
 *  - no loop depends on shared values alone to end, and a sum that is lowered stops at 0;
 *  - a process id found there may be asked about; it is never waited for or signalled.
 *
 * Such a child can still make counts wrong and have conversions refused.
 */
#ifndef TC_SHARED_H
#define TC_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A segment after it was mapped, by its first word, which says what the rest means. */
typedef enum tc_segment {
    TC_SEGMENT_NEW,   /* all zero before; its first word is `layout` now */
    TC_SEGMENT_KNOWN, /* it was in use with this layout */
    TC_SEGMENT_OTHER  /* of another layout, or no segment: not touched */
} tc_segment;

/*
 * Which of these `memory` is. Of memory that is large and used in part only the first `head`
 * bytes have to be zero, so that the pages of the rest are not touched. For the parent only.
 */
tc_segment tc_shared_adopt(void *memory, uint64_t layout, size_t head);

/* Whether `pid`, a value from shared memory, is a child of this process: alive, or dead and not
   yet waited for. */
bool tc_shared_is_child(int64_t pid);

/* A number that stands alone: neither orders anything else. */
static inline uint64_t tc_shared_get(const uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

static inline void tc_shared_set(uint64_t *number, uint64_t value)
{
    __atomic_store_n(number, value, __ATOMIC_RELAXED);
}

/* Lower `*number` by `amount`, or to 0 when it is less. */
void tc_shared_lower(uint32_t *number, uint32_t amount);
void tc_shared_lower64(uint64_t *number, uint64_t amount);

/*
 * Whether the sums in `memory` are what its processes have, by `adds_up`: looked at up to 50
 * times, a millisecond apart, since they differ for a moment while something is taken or given
 * back.
 */
bool tc_shared_settled(const void *memory, bool (*adds_up)(const void *memory));

/*
 * How often, in milliseconds, each of `waiting` requests looks around while it waits. Of many
 * each looks less often, so that all of them together cost the processors no more than a few:
 * 130 that looked every 50 ms took a sixth of the conversions' time.
 */
uint64_t tc_shared_check_ms(uint32_t waiting);

/* Wait while `*word` is `seen`, `ms` at most; it may end sooner for no reason (futex(2)). */
void tc_shared_wait(const uint32_t *word, uint32_t seen, uint64_t ms);

/* Wake as many as `most` that wait for `*word` to change; returns how many. */
int tc_shared_wake(uint32_t *word, int most);

/*
 * Call after copying from shared memory and before checking the copy: keeps the compiler
 * from reading the original again, which may have changed since.
 */
static inline void tc_shared_copied(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

#endif
