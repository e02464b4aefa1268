/* SPDX-License-Identifier: Apache-2.0 */
#include "holders.h"

#include "shared/processes.h"
#include "shared/shared.h"

#include <stddef.h>
#include <string.h>

#define LAYOUT UINT64_C(0x7463686f30303032)

#define ROWS        3
#define COLUMN_BITS 10
#define COLUMNS     (1U << COLUMN_BITS)
#define KIB         UINT64_C(1024)

typedef uint32_t counts[ROWS][COLUMNS]; /* KiB */

/*
 * The counters, and what each process has in them; slot 0 is for processes past the
 * last, and is never cleared. A share is raised after the counter and lowered before it:
 * one killed between the two, a matter of nanoseconds, leaves the counter too high by
 * what was under way, until the server is restarted, and never too low. All indices are
 * this process's own: whatever is written here by a process that was taken over makes
 * wrong sums, and no wrong address. The shares, 12 KiB each, come last and apart from
 * the processes' ids, so that pages of slots never used are never touched.
 */
struct tc_holders {
    uint64_t layout;
    tc_processes processes;
    counts total;
    counts share[TC_PROCESSES];
};

/* This process's share: set once, before its threads are. */
static unsigned own;

size_t tc_holders_size(void)
{
    return sizeof(tc_holders);
}

/* Whether each counter is the sum of what this process's children hold. Slots of no process
   are not looked at, so that their pages stay untouched. */
static bool adds_up(const void *memory)
{
    const tc_holders *holders = memory;
    counts sum = {{0}};

    for (unsigned at = 0; at < TC_PROCESSES; at++) {
        if (at > 0 && tc_processes_pid(&holders->processes, at) == 0)
            continue;
        if (at > 0 && !tc_processes_is_childs(&holders->processes, at))
            return false;
        for (unsigned row = 0; row < ROWS; row++) {
            for (unsigned column = 0; column < COLUMNS; column++)
                sum[row][column] +=
                    __atomic_load_n(&holders->share[at][row][column], __ATOMIC_RELAXED);
        }
    }
    return memcmp(sum, holders->total, sizeof sum) == 0;
}

bool tc_holders_adopt(tc_holders *memory)
{
    tc_segment is = tc_shared_adopt(memory, LAYOUT, offsetof(tc_holders, share));

    return is == TC_SEGMENT_NEW ||
           (is == TC_SEGMENT_KNOWN && tc_shared_settled(memory, adds_up));
}

/* Steele, Lea and Flood's mix of SplitMix64: each bit depends on all. */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

uint64_t tc_holders_client(uint64_t secret, uint64_t key)
{
    return mix(mix(key + secret) ^ secret);
}

static unsigned column_of(uint64_t client, unsigned row)
{
    return (unsigned)(client >> row * COLUMN_BITS) & (COLUMNS - 1);
}

static uint32_t kib_of(uint64_t bytes)
{
    uint64_t kib = bytes / KIB + (bytes % KIB != 0);

    return kib < UINT32_MAX ? (uint32_t)kib : UINT32_MAX;
}

/* The least of the client's counters. */
static uint32_t held_by(const tc_holders *holders, uint64_t client)
{
    uint32_t least = UINT32_MAX;

    for (unsigned row = 0; row < ROWS; row++) {
        uint32_t now =
            __atomic_load_n(&holders->total[row][column_of(client, row)], __ATOMIC_SEQ_CST);
        if (now < least)
            least = now;
    }
    return least;
}

static void add(tc_holders *holders, uint64_t client, uint32_t kib)
{
    for (unsigned row = 0; row < ROWS; row++)
        __atomic_fetch_add(&holders->total[row][column_of(client, row)], kib, __ATOMIC_SEQ_CST);
}

static void lower(counts *from, uint64_t client, uint32_t kib)
{
    for (unsigned row = 0; row < ROWS; row++)
        tc_shared_lower(&(*from)[row][column_of(client, row)], kib);
}

bool tc_holders_acquire(tc_holders *holders, uint64_t client, uint64_t most, uint64_t bytes)
{
    uint32_t kib = kib_of(bytes);

    if (!holders)
        return true;
    if (kib > most / KIB)
        return false;
    add(holders, client, kib);
    /*
     * Where one row has room, with all that is counted there, the client has. Looked at when
     * all rows are raised: of several that come at once the last sees the others in each row.
     * What each row had while it was raised would not do, for every one of them can be the
     * first in some row.
     */
    if (held_by(holders, client) > most / KIB) {
        lower(&holders->total, client, kib);
        return false;
    }
    for (unsigned row = 0; row < ROWS; row++)
        __atomic_fetch_add(&holders->share[own][row][column_of(client, row)], kib,
                           __ATOMIC_RELAXED);
    return true;
}

void tc_holders_release(tc_holders *holders, uint64_t client, uint64_t bytes)
{
    uint32_t kib = kib_of(bytes);

    if (!holders)
        return;
    lower(&holders->share[own], client, kib);
    lower(&holders->total, client, kib);
}

uint64_t tc_holders_of(const tc_holders *holders, uint64_t client)
{
    return holders ? held_by(holders, client) * KIB : 0;
}

uint64_t tc_holders_largest(const tc_holders *holders)
{
    uint32_t least = UINT32_MAX;

    if (!holders)
        return 0;
    /* The largest client is in each row, in a counter that is not over the row's largest. */
    for (unsigned row = 0; row < ROWS; row++) {
        uint32_t largest = 0;

        for (unsigned column = 0; column < COLUMNS; column++) {
            uint32_t now = __atomic_load_n(&holders->total[row][column], __ATOMIC_RELAXED);
            if (now > largest)
                largest = now;
        }
        if (largest < least)
            least = largest;
    }
    return least * KIB;
}

/* ---- processes ------------------------------------------------------------------- */

static void give_back(tc_holders *holders, counts *share)
{
    for (unsigned row = 0; row < ROWS; row++) {
        for (unsigned column = 0; column < COLUMNS; column++) {
            uint32_t held = __atomic_exchange_n(&(*share)[row][column], 0, __ATOMIC_RELAXED);
            if (held)
                tc_shared_lower(&holders->total[row][column], held);
        }
    }
}

void tc_holders_gone(tc_holders *holders, pid_t pid)
{
    unsigned at = holders ? tc_processes_claim(&holders->processes, pid) : 0;

    if (at == 0)
        return;
    give_back(holders, &holders->share[at]);
    tc_processes_free(&holders->processes, at);
}

void tc_holders_begin(tc_holders *holders, pid_t pid)
{
    if (!holders)
        return;
    /* Of one whose number this process has, and whose death nobody saw. */
    tc_holders_gone(holders, pid);
    own = tc_processes_enter(&holders->processes, pid);
}
