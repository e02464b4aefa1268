/* SPDX-License-Identifier: Apache-2.0 */
#include "coalesce_table.h"

#include "shared.h"

#include <errno.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

#define SLOTS  4096
#define LAYOUT UINT64_C(0x7463666c30303033)

/* Slots that a key may have, one behind the other: with hundreds of conversions at once hardly
 * a key finds none. */
#define PLACES 8

/* A process id has at most 22 bits (PID_MAX_LIMIT in the kernel's threads.h). */
#define PID_BITS 22
#define PID_MASK ((UINT64_C(1) << PID_BITS) - 1)

/*
 * `current` is one word, of the key without its low bits and the leader's pid, 0
 * without a conversion, so that two that come at once cannot both lead. `done` is the
 * last conversion's key, half of it, and when it ended, in milliseconds modulo 2^32.
 * `ended` is raised at every end, and waited on.
 */
typedef struct table_slot {
    uint64_t current, done;
    uint32_t ended;
} table_slot;

struct tc_coalesce_table {
    uint64_t layout;
    table_slot slot[SLOTS] __attribute__((aligned(64)));
};

size_t tc_coalesce_table_size(void)
{
    return sizeof(tc_coalesce_table);
}

uint64_t tc_coalesce_table_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t tag_of(uint64_t key)
{
    return key & ~PID_MASK;
}

/* The `at`-th of the places that a key may have. */
static table_slot *place_of(tc_coalesce_table *table, uint64_t key, unsigned at)
{
    return &table->slot[(key + at) % SLOTS];
}

static bool has(const table_slot *of, uint64_t key)
{
    uint64_t current = __atomic_load_n(&of->current, __ATOMIC_SEQ_CST);

    return current && tag_of(current) == tag_of(key);
}

/* Where the key's conversion is, not looking at `except`. */
static table_slot *find(tc_coalesce_table *table, uint64_t key, const table_slot *except)
{
    for (unsigned at = 0; at < PLACES; at++) {
        table_slot *of = place_of(table, key, at);

        if (of != except && has(of, key))
            return of;
    }
    return NULL;
}

/* A place for it, from now on this process', or NULL. */
static table_slot *take(tc_coalesce_table *table, uint64_t key)
{
    uint64_t mine = tag_of(key) | (uint64_t)getpid();

    for (unsigned at = 0; at < PLACES; at++) {
        table_slot *of = place_of(table, key, at);
        uint64_t none = 0;

        if (__atomic_compare_exchange_n(&of->current, &none, mine, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return of;
    }
    return NULL;
}

static void wake(table_slot *of)
{
    __atomic_fetch_add(&of->ended, 1, __ATOMIC_SEQ_CST);
    tc_shared_wake(&of->ended, INT_MAX);
}

static void leave(table_slot *of)
{
    __atomic_store_n(&of->current, 0, __ATOMIC_SEQ_CST);
    wake(of);
}

static bool ended_since(tc_coalesce_table *table, uint64_t key, uint64_t since)
{
    for (unsigned at = 0; at < PLACES; at++) {
        uint64_t done = __atomic_load_n(&place_of(table, key, at)->done, __ATOMIC_SEQ_CST);

        if (done && done >> 32 == key >> 32 && (int32_t)((uint32_t)done - (uint32_t)since) >= 0)
            return true;
    }
    return false;
}

tc_coalesce_role tc_coalesce_table_join(tc_coalesce_table *table, uint64_t key, uint64_t since,
                                        unsigned *slot)
{
    tc_coalesce_role role;
    table_slot *of;

    if (!table)
        return TC_COALESCE_ALONE;
    if (find(table, key, NULL))
        return TC_COALESCE_FOLLOW;
    of = take(table, key);
    if (!of)
        return TC_COALESCE_ALONE;
    /* Looked at only now: of two that took a place each in this moment one sees the other, and
     * a conversion that ended has left its mark before. */
    role = TC_COALESCE_LEAD;
    if (find(table, key, of))
        role = TC_COALESCE_FOLLOW;
    else if (ended_since(table, key, since))
        role = TC_COALESCE_DONE;
    if (role == TC_COALESCE_LEAD)
        *slot = (unsigned)(of - table->slot);
    else
        leave(of);
    return role;
}

int tc_coalesce_table_wait(tc_coalesce_table *table, uint64_t key, unsigned wait_ms,
                           uint64_t check_ms, const tc_cancel *cancel)
{
    uint64_t end = tc_coalesce_table_clock() + wait_ms;
    const table_slot *of;

    while ((of = find(table, key, NULL)) != NULL) {
        uint32_t seen = __atomic_load_n(&of->ended, __ATOMIC_SEQ_CST);
        uint64_t now = tc_coalesce_table_clock(), left;

        if (!has(of, key))
            continue;
        if (now >= end)
            return ETIMEDOUT;
        if (cancel && cancel->check(cancel->context))
            return ECANCELED;
        left = end - now < check_ms ? end - now : check_ms;
        tc_shared_wait(&of->ended, seen, left);
    }
    return 0;
}

void tc_coalesce_table_end(tc_coalesce_table *table, uint64_t key, unsigned slot)
{
    table_slot *of = &table->slot[slot];
    uint64_t done = (key >> 32) << 32 | (uint32_t)tc_coalesce_table_clock();

    __atomic_store_n(&of->done, done, __ATOMIC_SEQ_CST);
    leave(of);
}

/* End the conversions that `dead` led; with 0 those whose leader is not a child of this
 * process. */
static void end_all(tc_coalesce_table *table, pid_t dead)
{
    for (unsigned at = 0; at < SLOTS; at++) {
        table_slot *of = &table->slot[at];
        uint64_t current = __atomic_load_n(&of->current, __ATOMIC_SEQ_CST);
        pid_t leader = (pid_t)(current & PID_MASK);

        if (current && (dead ? leader == dead : !tc_shared_is_child(leader)) &&
            __atomic_compare_exchange_n(&of->current, &current, 0, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            wake(of);
    }
}

void tc_coalesce_table_gone(tc_coalesce_table *table, pid_t pid)
{
    if (table && pid > 0)
        end_all(table, pid);
}

bool tc_coalesce_table_adopt(tc_coalesce_table *memory)
{
    switch (tc_shared_adopt(memory, LAYOUT, sizeof *memory)) {
    case TC_SEGMENT_NEW:
        return true;
    case TC_SEGMENT_KNOWN:
        end_all(memory, 0);
        return true;
    default:
        return false;
    }
}
