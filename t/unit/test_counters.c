/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters in shared memory: many processes and threads at once, what a killed
 * process leaves, restarts, and the quantiles of the histogram.
 */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "shared/counters.h"

static tc_counter_snapshot counts; /* too large for a stack */

static void *shared(void)
{
    void *memory = mmap(NULL, tc_counters_size(), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        printf("Bail out! no shared memory\n");
        exit(1);
    }
    return memory;
}

/* A process's own, and its memory; never two at once. */
static tc_counters *made(void)
{
    static tc_counters counters;

    memset(&counters, 0, sizeof counters);
    tc_counters_adopt(&counters, shared(), 1);
    return &counters;
}

static void end(tc_counters *counters)
{
    munmap(counters->slots, tc_counters_size());
}

static void test_adopt(void)
{
    tc_counters *counters = calloc(1, sizeof *counters);
    void *memory = shared(), *other = shared();

    ok(!tc_counters_adopt(counters, memory, 1000), "fresh memory holds no counters");
    tc_count(counters, TC_AT_SOURCE_BYTES, 7);
    ok(tc_counters_adopt(counters, memory, 2000), "a second time it does");
    tc_counters_read(counters, &counts);
    ok(counts.since == 1000 && counts.counter[TC_AT_SOURCE_BYTES] == 7,
       "... and they count on, since the first time");
    counters->layout ^= 1;
    ok(!tc_counters_adopt(counters, memory, 3000), "another layout's are not taken over");
    tc_counters_read(counters, &counts);
    ok(counts.since == 3000 && counts.counter[TC_AT_SOURCE_BYTES] == 0, "... but begun anew");
    tc_counters_pattern(counters, "thumb");
    ok(!tc_counters_adopt(counters, other, 4000) && counters->patterns == 1,
       "other memory is begun anew");
    munmap(memory, tc_counters_size());
    end(counters);
    free(counters);
}

static void test_null(void)
{
    tc_count(NULL, 0, 1);
    tc_gauge(NULL, 0, 1);
    tc_stage_took(NULL, TC_STAGE_TOTAL, 1);
    tc_counters_enter(NULL, 1);
    tc_counters_leave(NULL, 1);
    memset(&counts, 1, sizeof counts);
    tc_counters_read(NULL, &counts);
    ok(counts.counter[0] == 0 && counts.temp_dirs == 0,
       "without shared memory nothing is counted");
}

static void test_bounds(void)
{
    tc_counters *counters = made();

    tc_count(counters, TC_COUNTER_SLOTS, 1);
    tc_gauge(counters, TC_GAUGE_SLOTS, 1);
    tc_stage_took(counters, TC_STAGE_COUNT, 1);
    tc_counters_read(counters, &counts);
    for (unsigned at = 0; at < TC_COUNTER_SLOTS; at++) {
        if (counts.counter[at])
            ok(false, "slot %u was touched", at);
    }
    ok(counts.gauge[0] == 0 && counts.gauge[TC_GAUGE_SLOTS - 1] == 0,
       "a slot past the last is nobody's");
    ok(TC_LAST_CONVERSIONS - TC_AT_CONVERSIONS + 1 == TC_FORMATS * TC_FORMATS &&
           TC_AT_PATTERNS == TC_LAST_CONVERSIONS + 1,
       "the slots of a row are its own");
    end(counters);
}

/* ---- names --------------------------------------------------------------------- */

static void test_names(void)
{
    tc_counters *counters = made();
    char long_path[600], name[16];
    unsigned number, last = 0;

    ok(tc_counters_temp_dir(counters, "/a", "ext4", true) == 1,
       "the first directory is number 1");
    ok(tc_counters_temp_dir(counters, "/b", "tmpfs", false) == 2, "the second 2");
    ok(tc_counters_temp_dir(counters, "/a", "ext4", true) == 1,
       "after a restart it is the same");
    ok(tc_counters_temp_dir(counters, "/a", "tmpfs", false) == 3,
       "on another file system another");
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    number = tc_counters_temp_dir(counters, long_path, "ext4", true);
    ok(number == 4 && tc_counters_temp_dir(counters, long_path, "ext4", true) == 4,
       "a path too long for the table has its number too");
    for (int at = 0; at < TC_TEMP_SLOTS; at++) {
        snprintf(name, sizeof name, "/d%d", at);
        last = tc_counters_temp_dir(counters, name, "ext4", true);
    }
    ok(last == 0, "past the last slot it is 0");
    ok(tc_counters_pattern(counters, "thumb") == 1 && tc_counters_pattern(counters, "x") == 2 &&
           tc_counters_pattern(counters, "thumb") == 1,
       "patterns likewise");
    tc_counters_read(counters, &counts);
    ok(strcmp(counts.temp_dir[0].path, "memfd") == 0 &&
           strcmp(counts.temp_dir[2].path, "/b") == 0 && counts.temp_dir[1].keeps_negatives &&
           !counts.temp_dir[2].keeps_negatives,
       "all are in the snapshot");
    ok(counts.temp_dirs == TC_TEMP_SLOTS && counts.patterns == 3, "... in their numbers");
    end(counters);
}

/* ---- at once -------------------------------------------------------------------- */

#define PROCESSES 4
#define THREADS   4
#define ROUNDS    20000

static void *count_much(void *counters)
{
    for (int round = 0; round < ROUNDS; round++) {
        tc_gauge(counters, TC_NOW_IN_PROGRESS, 1);
        tc_count(counters, TC_AT_ERRORS + TC_E_PARAM, 1);
        tc_stage_took(counters, TC_STAGE_TOTAL, 1000000);
        tc_gauge(counters, TC_NOW_IN_PROGRESS, -1);
    }
    return NULL;
}

static void run_child(tc_counters *counters)
{
    pthread_t thread[THREADS];

    tc_counters_enter(counters, getpid());
    for (int at = 0; at < THREADS; at++)
        pthread_create(&thread[at], NULL, count_much, counters);
    for (int at = 0; at < THREADS; at++)
        pthread_join(thread[at], NULL);
    _exit(0);
}

static void test_at_once(void)
{
    tc_counters *counters = made();
    const uint64_t all = (uint64_t)PROCESSES * THREADS * ROUNDS;
    pid_t child[PROCESSES];

    fflush(stdout);
    for (int at = 0; at < PROCESSES; at++) {
        child[at] = fork();
        if (child[at] == 0)
            run_child(counters);
    }
    for (int at = 0; at < PROCESSES; at++)
        waitpid(child[at], NULL, 0);
    tc_counters_read(counters, &counts);
    ok(counts.counter[TC_AT_ERRORS + TC_E_PARAM] == all, "no addition is lost");
    ok(counts.gauge[TC_NOW_IN_PROGRESS] == 0, "what began has ended");
    ok(counts.stage[TC_STAGE_TOTAL].sum_ns == all * 1000000, "the sum of times is whole");
    end(counters);
}

static void test_killed(void)
{
    tc_counters *counters = made();
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        tc_counters_enter(counters, getpid());
        tc_gauge(counters, TC_NOW_IN_PROGRESS, 3);
        tc_count(counters, TC_AT_SOURCE_BYTES, 5);
        raise(SIGKILL);
    }
    waitpid(child, &status, 0);
    tc_counters_read(counters, &counts);
    ok(counts.gauge[TC_NOW_IN_PROGRESS] == 3, "a killed child had three under way");
    tc_counters_leave(counters, child);
    tc_counters_read(counters, &counts);
    ok(counts.gauge[TC_NOW_IN_PROGRESS] == 0, "... they are void when the parent knows");
    ok(counts.counter[TC_AT_SOURCE_BYTES] == 5, "... and what it had counted stays");
    ok(counts.counter[TC_AT_DIED] == 1, "... and that it died at work is counted, once");
    tc_counters_leave(counters, child);
    tc_counters_enter(counters, getpid());
    tc_gauge(counters, TC_NOW_IN_PROGRESS, 1);
    tc_gauge(counters, TC_NOW_IN_PROGRESS, -1);
    tc_counters_leave(counters, getpid());
    tc_counters_read(counters, &counts);
    ok(counts.counter[TC_AT_DIED] == 1, "... and not one that ends when its work is done");
    end(counters);
}

/* ---- histogram ------------------------------------------------------------------ */

static void test_bucket_bounds(void)
{
    bool rising = true;

    for (unsigned at = 1; at < TC_BUCKETS - 1; at++)
        rising &= tc_bucket_bound(at) > tc_bucket_bound(at - 1) &&
                  tc_bucket_bound(at) <= tc_bucket_bound(at - 1) * 13 / 10;
    ok(rising, "bounds rise, by 28 %% at most");
    ok(tc_bucket_bound(0) == 10000 && tc_bucket_bound(TC_BUCKETS - 2) == 80000000000,
       "from 10 microseconds to 80 seconds");
    ok(tc_bucket_bound(TC_BUCKETS - 1) == UINT64_MAX && tc_bucket_bound(9999) == UINT64_MAX,
       "and the last has none");
}

static void test_quantiles(void)
{
    tc_counters *counters = made();
    double p50, p99;

    tc_counters_read(counters, &counts);
    ok(isnan(tc_histogram_quantile(&counts.stage[0], 0.5)), "of nothing there is no quantile");
    /* 1 ms to 1000 ms, each once. */
    for (uint64_t ms = 1; ms <= 1000; ms++)
        tc_stage_took(counters, TC_STAGE_ENCODE, ms * 1000000);
    tc_counters_read(counters, &counts);
    p50 = tc_histogram_quantile(&counts.stage[TC_STAGE_ENCODE], 0.50);
    p99 = tc_histogram_quantile(&counts.stage[TC_STAGE_ENCODE], 0.99);
    ok(fabs(p50 - 0.500) < 0.005, "half of 1..1000 ms is under 500 ms: %.4f", p50);
    ok(fabs(p99 - 0.990) < 0.010, "99 %% under 990 ms: %.4f", p99);
    ok(tc_histogram_quantile(&counts.stage[TC_STAGE_ENCODE], 0) <= 0.001 &&
           tc_histogram_quantile(&counts.stage[TC_STAGE_ENCODE], 1) <= 1.0001,
       "the ends are within");
    tc_stage_took(counters, TC_STAGE_SEND, 0);
    tc_stage_took(counters, TC_STAGE_SEND, UINT64_C(3600000000000));
    tc_counters_read(counters, &counts);
    ok(counts.stage[TC_STAGE_SEND].count[0] == 1 &&
           counts.stage[TC_STAGE_SEND].count[TC_BUCKETS - 1] == 1,
       "nothing and an hour are in the first and the last bucket");
    ok(tc_histogram_quantile(&counts.stage[TC_STAGE_SEND], 1) == 80.0,
       "of what is past the last bound no more is said");
    end(counters);
}

int main(void)
{
    test_adopt();
    test_null();
    test_bounds();
    test_names();
    test_at_once();
    test_killed();
    test_bucket_bounds();
    test_quantiles();
    return done_testing();
}
