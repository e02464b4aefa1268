/* SPDX-License-Identifier: Apache-2.0 */
/* The host's memory: on recorded kernels, on files that no kernel writes, and here. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tap.h"
#include "roots.h"
#include "host/memory.h"

#define KB     UINT64_C(1024)
#define FILLER 20000

static void test_kernels(void)
{
    static const struct {
        const char *root;
        /* in kilobytes, except the pages swapped */
        uint64_t total, free, available, buffers, cached, swap_cached, slab, reclaimable,
            unreclaimable, shmem, swap_total, swap_free, in, out;
    } kernels[] = {
        {FIXTURE("2.6.32"), 502056, 23388, 0, 41112, 118344, 3132, 176560, 158208, 18352, 232,
         1048572, 1017260, 1734, 8211},
        {FIXTURE("3.10"), 1883724, 96208, 0, 2104, 1018312, 2480, 412496, 371836, 40660, 16524,
         2097148, 2055676, 620, 10988},
        {FIXTURE("4.18"), 7906748, 411280, 6420436, 150944, 5120880, 0, 901236, 822708, 78528,
         12412, 0, 0, 0, 0},
        {FIXTURE("5.15"), 4005596, 312044, 3011920, 188164, 2210892, 8, 560340, 466612, 93728,
         3920, 2097148, 2096372, 14, 208},
    };
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
        tc_memory memory;

        tc_memory_read(&memory, kernels[i].root);
        is_value(memory.total, kernels[i].total * KB, kernels[i].root);
        is_value(memory.free, kernels[i].free * KB, "free");
        if (kernels[i].available)
            is_value(memory.available, kernels[i].available * KB, "available");
        else
            is_missing(memory.available, ENODATA, "available");
        is_value(memory.buffers, kernels[i].buffers * KB, "buffers");
        is_value(memory.cached, kernels[i].cached * KB, "cached");
        is_value(memory.swap_cached, kernels[i].swap_cached * KB, "swap cached");
        is_value(memory.slab, kernels[i].slab * KB, "slab");
        is_value(memory.slab_reclaimable, kernels[i].reclaimable * KB, "reclaimable");
        is_value(memory.slab_unreclaimable, kernels[i].unreclaimable * KB, "unreclaimable");
        is_value(memory.shmem, kernels[i].shmem * KB, "shared");
        is_value(memory.swap_total, kernels[i].swap_total * KB, "swap");
        is_value(memory.swap_free, kernels[i].swap_free * KB, "free swap");
        is_value(memory.swapped_in, kernels[i].in * page, "swapped in");
        is_value(memory.swapped_out, kernels[i].out * page, "swapped out");
        is_value(tc_memory_used(&memory, true),
                 (kernels[i].total - kernels[i].free - kernels[i].buffers - kernels[i].cached) *
                     KB,
                 "used, with the slab");
        is_value(tc_memory_used(&memory, false),
                 (kernels[i].total - kernels[i].free - kernels[i].buffers - kernels[i].cached -
                  kernels[i].reclaimable) *
                     KB,
                 "used, without");
    }
}

/* Recorded here: only what must hold between its readings. */
static void test_recorded(void)
{
    tc_memory memory;

    tc_memory_read(&memory, FIXTURE("6.18"));
    is_value(memory.total, 24684092 * KB, FIXTURE("6.18"));
    ok(!memory.available.error && memory.available.value < memory.total.value, "available");
    ok(memory.slab_reclaimable.value + memory.slab_unreclaimable.value == memory.slab.value,
       "the slab has two parts");
    is_value(memory.swapped_in, 0, "swapped in");
}

static tc_memory memory_of(uint64_t total, uint64_t free, uint64_t cached, uint64_t slab)
{
    return (tc_memory){.total = tc_reading_of(total),
                       .free = tc_reading_of(free),
                       .buffers = tc_reading_of(0),
                       .cached = tc_reading_of(cached),
                       .slab_reclaimable = tc_reading_of(slab)};
}

static void test_used(void)
{
    tc_memory memory = memory_of(100, 20, 30, 10);

    is_value(tc_memory_used(&memory, true), 50, "used");
    is_value(tc_memory_used(&memory, false), 40, "used without the slab");
    memory.slab_reclaimable = tc_reading_missing(ENODATA);
    is_value(tc_memory_used(&memory, true), 50, "the slab unknown: no matter");
    is_missing(tc_memory_used(&memory, false), ENODATA, "but here it does");
    memory.free = tc_reading_missing(EACCES);
    is_missing(tc_memory_used(&memory, true), EACCES, "free unknown");
    memory = memory_of(100, 20, 90, 10);
    is_value(tc_memory_used(&memory, false), 80, "more cached than there can be: as free(1)");
    memory = memory_of(100, 120, 0, 0);
    is_missing(tc_memory_used(&memory, true), EPROTO, "more free than there is");
}

/* ---- files that no kernel writes ----------------------------------------------------- */

static void test_meminfo_lines(void)
{
    static const struct {
        const char *what, *text;
        int error;
        uint64_t kilobytes;
    } cases[] = {
        {"empty", "", ENODATA, 0},
        {"garbage", "\x01\xff MemFree\n\n:::\n", ENODATA, 0},
        {"a longer key", "MemFreeish:  12 kB\n", ENODATA, 0},
        {"an ordinary line", "MemFree:  12 kB\n", 0, 12},
        {"no newline", "MemTotal: 40 kB\nMemFree:  12 kB", 0, 12},
        {"cut behind the number", "MemTotal: 40 kB\nMemFree:  12", EPROTO, 0},
        {"cut in the unit", "MemFree:  12 k", EPROTO, 0},
        {"cut before the number", "MemFree:", EPROTO, 0},
        {"cut in the key", "MemFr", ENODATA, 0},
        {"another unit", "MemFree:  12 MB\n", EPROTO, 0},
        {"no unit", "MemFree:  12\n", EPROTO, 0},
        {"below zero", "MemFree:  -12 kB\n", EPROTO, 0},
        {"64 bits of kilobytes", "MemFree:  18446744073709551615 kB\n", EPROTO, 0},
        {"more than 64 bits", "MemFree:  99999999999999999999999 kB\n", EPROTO, 0},
        {"the most there is room for", "MemFree:  18014398509481983 kB\n", 0,
         UINT64_C(18014398509481983)},
    };
    char root[PATH_MAX];
    tc_memory memory;

    make_root(root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        put(root, "/proc/meminfo", cases[i].text);
        tc_memory_read(&memory, root);
        reading_is(memory.free, cases[i].error, cases[i].kilobytes * KB, cases[i].what,
                   __LINE__);
    }
    is_missing(memory.swapped_in, ENOENT, "no vmstat: swapped in");
    is_missing(memory.swapped_out, ENOENT, "and out");
    is_missing(memory.total, ENODATA, "and a meminfo of one line has no total");
    remove_root(root);
}

static void test_vmstat_lines(void)
{
    static const struct {
        const char *what, *text;
        int in, out;
    } cases[] = {
        {"empty", "", ENODATA, ENODATA},
        {"without a final newline", "pswpin 1\npswpout 1", 0, 0},
        {"the other order", "pswpout 1\npswpin 1\n", 0, 0},
        {"one only", "pswpin 1\npswpouts 1\n", 0, ENODATA},
        {"cut before the number", "pswpin 1\npswpout ", 0, EPROTO},
        {"huge", "pswpin 18446744073709551615\npswpout 1\n", EPROTO, 0},
    };
    char root[PATH_MAX];
    tc_memory memory;

    make_root(root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        put(root, "/proc/vmstat", cases[i].text);
        tc_memory_read(&memory, root);
        ok(memory.swapped_in.error == cases[i].in && memory.swapped_out.error == cases[i].out,
           "vmstat %s: %d, %d", cases[i].what, memory.swapped_in.error,
           memory.swapped_out.error);
    }
    is_missing(memory.total, ENOENT, "no meminfo: no total");
    is_missing(memory.swap_free, ENOENT, "nor anything else of it");
    remove_root(root);
}

/* The lines that count stand behind hundreds of kilobytes of others, and one of a megabyte. */
static void test_long(void)
{
    char root[PATH_MAX];
    size_t size = (size_t)FILLER * 20 + (1 << 20), length = 0;
    char *text = malloc(size + 128);
    tc_memory memory;

    make_root(root);
    for (int i = 0; i < FILLER; i++)
        length += (size_t)sprintf(text + length, "counter_%05d 1\n", i);
    memset(text + length, 'x', 1 << 20);
    length += 1 << 20;
    strcpy(text + length, "\npswpin 3\npswpout 4\n");
    put(root, "/proc/vmstat", text);
    strcpy(text + length, "\nMemTotal: 40 kB\nMemFree: 3 kB\n");
    put(root, "/proc/meminfo", text);
    tc_memory_read(&memory, root);
    is_value(memory.swapped_in, 3 * (uint64_t)sysconf(_SC_PAGESIZE), "behind a long vmstat");
    is_value(memory.swapped_out, 4 * (uint64_t)sysconf(_SC_PAGESIZE), "and the next");
    is_value(memory.total, 40 * KB, "behind a long meminfo");
    is_value(memory.free, 3 * KB, "and the next");
    free(text);
    remove_root(root);
}

static int memory_error(const void *root)
{
    tc_memory memory;

    tc_memory_read(&memory, root);
    return memory.total.error == memory.swapped_out.error ? memory.swap_free.error : 200;
}

static void test_unreadable(void)
{
    char root[PATH_MAX];
    int error;

    make_root(root);
    put(root, "/proc/meminfo", "MemTotal: 40 kB\n");
    put(root, "/proc/vmstat", "pswpin 1\n");
    lock(root, "/proc/meminfo");
    lock(root, "/proc/vmstat");
    error = as_ordinary_user(memory_error, root);
    ok(error == EACCES, "locked files: %s", strerror(error));
    remove_root(root);
    make_root(root);
    put(root, "/proc/meminfo/folder", "");
    put(root, "/proc/vmstat/folder", "");
    ok(memory_error(root) == EISDIR, "files that open and cannot be read");
    remove_root(root);
}

static void test_here(void)
{
    tc_memory memory;
    tc_reading with, without;

    tc_memory_read(&memory, NULL);
    with = tc_memory_used(&memory, true);
    without = tc_memory_used(&memory, false);
    ok(!memory.total.error && memory.total.value > (16 << 20), "total here: %llu",
       (unsigned long long)memory.total.value);
    ok(!memory.free.error && memory.free.value <= memory.total.value, "free: %llu",
       (unsigned long long)memory.free.value);
    ok(!with.error && with.value <= memory.total.value, "used: %llu",
       (unsigned long long)with.value);
    ok(!without.error && without.value <= memory.total.value, "without the slab: %llu",
       (unsigned long long)without.value);
    ok(!memory.slab.error && memory.slab.value > 0, "slab: %llu",
       (unsigned long long)memory.slab.value);
    if (memory.swapped_in.error)
        skip("swapped here", strerror(memory.swapped_in.error));
    else
        ok(!memory.swapped_out.error, "swapped: %llu in, %llu out",
           (unsigned long long)memory.swapped_in.value,
           (unsigned long long)memory.swapped_out.value);
    ok(as_ordinary_user(memory_error, NULL) == 0, "for everyone to read");
}

int main(void)
{
    int fds = entries("/proc/self/fd");

    need_fixtures();
    test_kernels();
    test_recorded();
    test_used();
    test_meminfo_lines();
    test_vmstat_lines();
    test_long();
    test_unreadable();
    test_here();
    ok(entries("/proc/self/fd") == fds, "no descriptor left");
    return done_testing();
}
