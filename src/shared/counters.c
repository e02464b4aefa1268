/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

#include "processes.h"
#include "shared.h"

#include <math.h>
#include <string.h>

/* The shared memory. Gauges are read only where the slot has a process, so that the others take
   up no pages. */
struct tc_counter_slots {
    uint64_t counter[TC_COUNTER_SLOTS] __attribute__((aligned(64)));
    tc_histogram stage[TC_STAGE_COUNT] __attribute__((aligned(64)));
    tc_processes processes __attribute__((aligned(64)));
    uint64_t gauge[TC_PROCESSES][TC_GAUGE_SLOTS] __attribute__((aligned(64)));
};

/* This process's slot: set once, before its threads are. */
static unsigned own;

/* ---- histogram --------------------------------------------------------------- */

#define DECADE(unit)                                                                   \
    unit, unit * 5 / 4, unit * 8 / 5, unit * 2, unit * 5 / 2, unit * 16 / 5, unit * 4, \
        unit * 5, unit * 63 / 10, unit * 8

static const uint64_t bounds[TC_BUCKETS] = {
    DECADE(UINT64_C(10000)),       DECADE(UINT64_C(100000)),
    DECADE(UINT64_C(1000000)),     DECADE(UINT64_C(10000000)),
    DECADE(UINT64_C(100000000)),   DECADE(UINT64_C(1000000000)),
    DECADE(UINT64_C(10000000000)), UINT64_MAX};

uint64_t tc_bucket_bound(unsigned at)
{
    return at < TC_BUCKETS ? bounds[at] : UINT64_MAX;
}

/* The first bucket whose bound is not under `ns`. */
static unsigned bucket_of(uint64_t ns)
{
    unsigned low = 0, high = TC_BUCKETS - 1;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (bounds[middle] < ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double tc_histogram_quantile(const tc_histogram *histogram, double quantile)
{
    uint64_t total = 0, under = 0;
    unsigned at = 0;
    double rank, low, high;

    for (unsigned i = 0; i < TC_BUCKETS; i++)
        total += histogram->count[i];
    if (total == 0)
        return NAN;
    rank = quantile * (double)total;
    while (at < TC_BUCKETS - 1 &&
           (histogram->count[at] == 0 || (double)(under + histogram->count[at]) < rank))
        under += histogram->count[at++];
    low = at ? (double)bounds[at - 1] / 1e9 : 0;
    /* Of what took longer than the last bound no more is known than that. */
    if (at == TC_BUCKETS - 1)
        return low;
    high = (double)bounds[at] / 1e9;
    return low + (high - low) * fmax(0, rank - (double)under) / (double)histogram->count[at];
}

/* ---- the shared memory --------------------------------------------------------- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
    return (hash ^ number) * UINT64_C(1099511628211);
}

/* FNV-1a over what the slots mean, so that a module of another version, loaded at a graceful
   restart, does not read its counters where others are. */
static uint64_t layout(void)
{
    uint64_t hash = UINT64_C(14695981039346656037);

#define X(id, dimension, unit, section, name, title, help) \
    hash = hash_number(hash_text(hash, name), TC_SLOTS_##dimension);
    TC_COUNTERS(X)
    TC_GAUGES(X)
#undef X
#define X(id, name, title) hash = hash_text(hash, name);
    TC_STAGES(X)
#undef X
#define X(id, name, text) hash = hash_text(hash, name);
    TC_ERROR_LIST(X)
#undef X
    hash = hash_number(hash, TC_FORMATS);
    hash = hash_number(hash, sizeof(tc_counter_slots));
    return hash_number(hash, sizeof(tc_counters));
}

size_t tc_counters_size(void)
{
    return sizeof(tc_counter_slots);
}

static void clear(tc_counter_slots *slots, unsigned at)
{
    memset(slots->gauge[at], 0, sizeof slots->gauge[at]);
}

static void free_slot(tc_counter_slots *slots, unsigned at)
{
    clear(slots, at);
    tc_processes_free(&slots->processes, at);
}

/* Clear gauges that no child holds, and slot 0's unless all other slots are taken. */
static void drop_strangers(tc_counter_slots *slots)
{
    bool all_taken = true;

    for (unsigned at = 1; at < TC_PROCESSES; at++) {
        int64_t pid = tc_processes_pid(&slots->processes, at);
        bool taken = pid != 0 && tc_shared_is_child(pid);
        if (pid != 0 && !taken)
            free_slot(slots, at);
        all_taken = all_taken && taken;
    }
    if (!all_taken)
        clear(slots, 0);
}

bool tc_counters_adopt(tc_counters *counters, void *memory, int64_t now)
{
    if (counters->layout == layout() && counters->slots == memory) {
        drop_strangers(counters->slots);
        return true;
    }
    memset(memory, 0, sizeof(tc_counter_slots));
    memset(counters, 0, sizeof *counters);
    counters->slots = memory;
    counters->since = now;
    memcpy(counters->temp_dir[0].path, "memfd", sizeof "memfd");
    memcpy(counters->temp_dir[0].fs, "memory", sizeof "memory");
    counters->temp_dirs = 1;
    counters->patterns = 1;
    counters->layout = layout();
    return false;
}

/* What does not fit is cut: then two long names may share a slot, which only blurs a table. */
static void copy_name(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);

    memcpy(to, from, length);
    to[length] = '\0';
}

unsigned tc_counters_temp_dir(tc_counters *counters, const char *path, const char *fs,
                              bool keeps_negatives)
{
    tc_temp_dir_name name = {.keeps_negatives = keeps_negatives};
    unsigned at;

    if (!counters)
        return 0;
    copy_name(name.path, sizeof name.path, path);
    copy_name(name.fs, sizeof name.fs, fs);
    for (at = 1; at < counters->temp_dirs; at++) {
        /* Another file system mounted there is another directory: its files left other traces.
         */
        if (strcmp(counters->temp_dir[at].path, name.path) == 0 &&
            strcmp(counters->temp_dir[at].fs, name.fs) == 0)
            return at;
    }
    if (at == TC_TEMP_SLOTS)
        return 0;
    counters->temp_dir[at] = name;
    counters->temp_dirs = at + 1;
    return at;
}

unsigned tc_counters_pattern(tc_counters *counters, const char *name)
{
    char text[sizeof counters->pattern[0]];
    unsigned at;

    if (!counters)
        return 0;
    copy_name(text, sizeof text, name);
    for (at = 1; at < counters->patterns; at++) {
        if (strcmp(counters->pattern[at], text) == 0)
            return at;
    }
    if (at == TC_PATTERNS)
        return 0;
    copy_name(counters->pattern[at], sizeof counters->pattern[at], text);
    counters->patterns = at + 1;
    return at;
}

/* ---- counting ------------------------------------------------------------------- */

void tc_count(tc_counters *counters, unsigned slot, uint64_t amount)
{
    if (counters && slot < TC_COUNTER_SLOTS)
        __atomic_fetch_add(&counters->slots->counter[slot], amount, __ATOMIC_RELAXED);
}

void tc_gauge(tc_counters *counters, unsigned slot, int64_t amount)
{
    if (counters && slot < TC_GAUGE_SLOTS)
        __atomic_fetch_add(&counters->slots->gauge[own][slot], (uint64_t)amount,
                           __ATOMIC_RELAXED);
}

void tc_stage_took(tc_counters *counters, tc_stage stage, uint64_t ns)
{
    tc_histogram *histogram;

    if (!counters || stage >= TC_STAGE_COUNT)
        return;
    histogram = &counters->slots->stage[stage];
    __atomic_fetch_add(&histogram->count[bucket_of(ns)], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram->sum_ns, ns, __ATOMIC_RELAXED);
}

void tc_counters_leave(tc_counters *counters, pid_t pid)
{
    unsigned at = counters ? tc_processes_claim(&counters->slots->processes, pid) : 0;

    if (!at)
        return;
    if ((int64_t)__atomic_load_n(&counters->slots->gauge[at][TC_NOW_IN_PROGRESS],
                                 __ATOMIC_RELAXED) > 0)
        tc_count(counters, TC_AT_DIED, 1);
    free_slot(counters->slots, at);
}

void tc_counters_enter(tc_counters *counters, pid_t pid)
{
    if (!counters)
        return;
    /* Of one whose number this process has, and whose death nobody saw. */
    tc_counters_leave(counters, pid);
    own = tc_processes_enter(&counters->slots->processes, pid);
    if (own)
        clear(counters->slots, own);
}

static void read_gauges(const tc_counter_slots *slots, tc_counter_snapshot *counts)
{
    for (unsigned at = 0; at < TC_PROCESSES; at++) {
        if (at > 0 && tc_processes_pid(&slots->processes, at) == 0)
            continue;
        for (unsigned slot = 0; slot < TC_GAUGE_SLOTS; slot++)
            counts->gauge[slot] += __atomic_load_n(&slots->gauge[at][slot], __ATOMIC_RELAXED);
    }
    /* Begun and ended are two additions: between them a sum may be read that is one short. */
    for (unsigned slot = 0; slot < TC_GAUGE_SLOTS; slot++) {
        if ((int64_t)counts->gauge[slot] < 0)
            counts->gauge[slot] = 0;
    }
}

void tc_counters_read(const tc_counters *counters, tc_counter_snapshot *counts)
{
    const tc_counter_slots *slots;

    memset(counts, 0, sizeof *counts);
    if (!counters)
        return;
    slots = counters->slots;
    counts->since = counters->since;
    counts->temp_dirs = counters->temp_dirs;
    counts->patterns = counters->patterns;
    memcpy(counts->temp_dir, counters->temp_dir, sizeof counts->temp_dir);
    memcpy(counts->pattern, counters->pattern, sizeof counts->pattern);
    for (unsigned slot = 0; slot < TC_COUNTER_SLOTS; slot++)
        counts->counter[slot] = __atomic_load_n(&slots->counter[slot], __ATOMIC_RELAXED);
    for (unsigned stage = 0; stage < TC_STAGE_COUNT; stage++) {
        const tc_histogram *from = &slots->stage[stage];
        for (unsigned at = 0; at < TC_BUCKETS; at++)
            counts->stage[stage].count[at] =
                __atomic_load_n(&from->count[at], __ATOMIC_RELAXED);
        counts->stage[stage].sum_ns = __atomic_load_n(&from->sum_ns, __ATOMIC_RELAXED);
    }
    read_gauges(slots, counts);
}
