/* SPDX-License-Identifier: Apache-2.0 */
/* Samples over time: the ring, rates and quantiles between samples, readers beside a writer. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "shared/history.h"

#define SECOND INT64_C(1000000)

static tc_counter_snapshot counts;
static tc_host host;
static double used[TC_TEMP_SLOTS];

static void *shared(unsigned samples)
{
    void *memory = mmap(NULL, tc_history_size(samples), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        printf("Bail out! no shared memory\n");
        exit(1);
    }
    return memory;
}

static tc_history made(unsigned samples)
{
    tc_history history = {0};

    tc_history_adopt(&history, shared(samples), samples);
    return history;
}

static void end(tc_history *history)
{
    munmap(history->ring, tc_history_size(history->samples));
}

static void add(const tc_history *history, int64_t second)
{
    host.taken = second;
    host.dentry.dentries = tc_reading_of((uint64_t)second);
    tc_history_add(history, second * SECOND, &host, &counts, used);
}

static void test_ring(void)
{
    tc_history all = {0}, *history = &all;
    void *memory = shared(4);
    tc_sample sample[8];
    tc_host seen;

    ok(!tc_history_adopt(history, memory, 4) && tc_history_adopt(history, memory, 4),
       "adopted once");
    ok(tc_history_read(history, 0, sample, 8) == 0, "empty at first");
    ok(!tc_history_host(history, &seen), "... without the host's figures");
    add(history, 100);
    add(history, 110);
    ok(tc_history_read(history, 0, sample, 8) == 2 && sample[0].time == 100 &&
           sample[1].time == 110,
       "two samples, the oldest first");
    ok(tc_history_host(history, &seen) && seen.taken == 110, "the host's figures are the last");
    for (int at = 2; at < 9; at++)
        add(history, 100 + 10 * at);
    /* Of four slots one may be under the writer's hand. */
    ok(tc_history_read(history, 0, sample, 8) == 3 && sample[0].time == 160 &&
           sample[2].time == 180,
       "a full ring gives the newest");
    ok(tc_history_read(history, 175, sample, 8) == 1 && sample[0].time == 180,
       "only what was asked for");
    ok(tc_history_read(history, 0, sample, 2) == 2 && sample[1].time == 180,
       "no more than there is room for: the newest");
    ok(tc_history_read(history, 500, sample, 8) == 0, "nothing from the future");
    end(history);
}

static void test_copy(void)
{
    tc_history small = made(4), large = made(16), tiny = made(3), none = {0};
    tc_sample sample[16];

    for (int at = 0; at < 10; at++)
        add(&small, 100 + at);
    tc_history_copy(&large, &none);
    ok(tc_history_read(&large, 0, sample, 16) == 0, "from no history nothing is taken over");
    tc_history_copy(&large, &small);
    ok(tc_history_read(&large, 0, sample, 16) == 4 && sample[0].time == 106 &&
           sample[3].time == 109,
       "a larger ring takes over all");
    tc_history_copy(&tiny, &large);
    ok(tc_history_read(&tiny, 0, sample, 16) == 2 && sample[1].time == 109,
       "a smaller one the newest");
    end(&tiny);
    ok(!tc_history_adopt(&large, large.ring, 15) && tc_history_read(&large, 0, sample, 16) == 0,
       "another size is begun anew");
    small.layout ^= 1;
    tc_history_copy(&large, &small);
    ok(tc_history_read(&large, 0, sample, 16) == 0, "another layout is not taken over");
    ok(!tc_history_adopt(&small, small.ring, 4) && tc_history_read(&small, 0, sample, 16) == 0,
       "... but begun anew");
    end(&small);
    large.samples = 16;
    end(&large);
}

/* ---- what a sample says ------------------------------------------------------------ */

static void took(tc_stage stage, uint64_t ns, uint64_t times)
{
    unsigned at = 0;

    while (tc_bucket_bound(at) < ns)
        at++;
    counts.stage[stage].count[at] += times;
}

static void test_rates(void)
{
    tc_history all = made(16), *history = &all;
    tc_sample sample[16];

    counts.counter[TC_AT_CONVERSIONS + 8] = 1000;
    took(TC_STAGE_TOTAL, 5000000, 1000);
    host.memory.swapped_in = tc_reading_of(4096);
    add(history, 100);
    counts.counter[TC_AT_CONVERSIONS + 8] += 50;
    counts.counter[TC_AT_CONVERSIONS + 9] += 50;
    counts.counter[TC_AT_ERRORS + TC_E_DAMAGED] += 5;
    took(TC_STAGE_TOTAL, 100000000, 100);
    host.memory.swapped_in = tc_reading_of(4096 + 40960);
    add(history, 110);
    host.memory.swapped_in = tc_reading_missing(ENOENT);
    add(history, 120);
    add(history, 115);
    ok(tc_history_read(history, 0, sample, 16) == 3 && sample[2].time == 115,
       "a sample that was later than the next is left out");
    ok(isnan(sample[0].conversions) && isnan(sample[0].latency_p50_seconds),
       "the first sample has no rates");
    ok(sample[1].conversions == 10 && sample[1].errors == 0.5, "conversions a second: %.1f",
       sample[1].conversions);
    ok(sample[1].swapped_in_bytes == 4096, "bytes swapped in a second");
    ok(sample[1].latency_p50_seconds > 0.08 && sample[1].latency_p50_seconds <= 0.1,
       "the quantile is of what came since the last sample: %.3f",
       sample[1].latency_p50_seconds);
    ok(isnan(sample[2].conversions) && isnan(sample[2].swapped_in_bytes),
       "a clock that was put back and a figure that is gone have no rate");
    end(history);
}

static void test_waits(void)
{
    tc_history all = made(16), *history = &all;
    tc_sample sample[16];

    memset(&counts, 0, sizeof counts);
    counts.counter[TC_AT_ERRORS + TC_E_OVERLOAD] = 7;
    took(TC_STAGE_QUEUE, 9000000000, 500);
    add(history, 100);
    counts.counter[TC_AT_ERRORS + TC_E_OVERLOAD] += 20;
    counts.counter[TC_AT_ERRORS + TC_E_DAMAGED] += 80;
    took(TC_STAGE_QUEUE, 200000, 90);
    took(TC_STAGE_QUEUE, 2000000000, 10);
    took(TC_STAGE_TOTAL, 50000000, 100);
    add(history, 110);
    add(history, 120);
    ok(tc_history_read(history, 0, sample, 16) == 3 && isnan(sample[0].refused) &&
           isnan(sample[0].wait_p50_seconds),
       "the first sample has no waits");
    ok(sample[1].refused == 2 && sample[1].errors == 10,
       "refused a second, of all errors: %.1f", sample[1].refused);
    ok(sample[1].wait_p50_seconds > 0.0001 && sample[1].wait_p50_seconds <= 0.0002 &&
           sample[1].wait_p99_seconds > 1.5 && sample[1].wait_p99_seconds <= 2,
       "waits of what came since, not whole durations: %g and %g", sample[1].wait_p50_seconds,
       sample[1].wait_p99_seconds);
    ok(sample[2].refused == 0 && isnan(sample[2].wait_p50_seconds),
       "where none came, none was refused and none waited");
    end(history);
    memset(&counts, 0, sizeof counts);
}

/* Hours ahead, back, and behind: what is shown never goes back in time. */
static void test_clock(void)
{
    static const int64_t times[] = {1000, 1010, 8000, 8010, 8020, 1030, 1040, 500, 510, 520};
    static const struct {
        int64_t since;
        unsigned count;
        int64_t time[5];
    } rows[] = {{0, 3, {500, 510, 520}}, {510, 2, {510, 520}}, {515, 1, {520}}, {521, 0, {0}}};
    tc_history all = made(16), *history = &all;
    tc_sample sample[16];

    for (unsigned at = 0; at < 7; at++)
        add(history, times[at]);
    ok(tc_history_read(history, 1005, sample, 16) == 3 && sample[0].time == 1010 &&
           sample[1].time == 1030 && sample[2].time == 1040,
       "a clock that was hours ahead for a while left a gap");
    for (unsigned at = 7; at < 10; at++)
        add(history, times[at]);
    for (unsigned row = 0; row < sizeof rows / sizeof *rows; row++) {
        unsigned count = tc_history_read(history, rows[row].since, sample, 16);
        bool good = count == rows[row].count;

        for (unsigned at = 0; good && at < count; at++)
            good = sample[at].time == rows[row].time[at];
        ok(good, "put back for good, from %d on: %u samples", (int)rows[row].since, count);
    }
    end(history);
}

static void test_memory(void)
{
    tc_sample sample;

    memset(&host, 0, sizeof host);
    host.memory.total = tc_reading_of(1000);
    host.memory.free = tc_reading_of(100);
    host.memory.buffers = tc_reading_of(50);
    host.memory.cached = tc_reading_of(250);
    host.memory.slab = tc_reading_of(200);
    host.memory.swap_total = tc_reading_of(70);
    host.memory.swap_free = tc_reading_missing(ENODATA);
    host.dentry.negative = tc_reading_missing(ENODATA);
    tc_history_now(&sample, 5 * SECOND, &host, &counts, used);
    ok(sample.memory_used_bytes + sample.memory_slab_bytes + sample.memory_cached_bytes +
               sample.memory_free_bytes ==
           1000,
       "the parts of the memory add up to it");
    ok(sample.memory_used_bytes == 400 && sample.memory_cached_bytes == 300, "each its own");
    ok(isnan(sample.swap_used_bytes) && isnan(sample.dentries_negative),
       "what cannot be read is no number, never 0");
    ok(isnan(sample.conversions) && isnan(sample.refused) && isnan(sample.wait_p99_seconds),
       "a moment has no rate");
}

/* ---- readers beside a writer --------------------------------------------------------- */

/* Every reading of a sample is its time: a torn one shows. */
static bool whole(const tc_sample *sample)
{
    return sample->dentries == (double)sample->time &&
           sample->temp_dir_used[TC_TEMP_SLOTS - 1] == (double)sample->time;
}

static void write_for_ever(const tc_history *history)
{
    for (int64_t second = 1;; second++) {
        for (unsigned at = 0; at < TC_TEMP_SLOTS; at++)
            used[at] = (double)second;
        host.memory.total = tc_reading_of((uint64_t)second);
        add(history, second);
        /* Now and then a breath, or the ring would always be round before it is read. */
        if (second % 16 == 0)
            usleep(1);
    }
}

static void test_beside(void)
{
    tc_history all = made(64), *history = &all;
    tc_sample sample[64];
    unsigned torn = 0, read = 0, hosts = 0;
    tc_host seen;
    pid_t writer;

    memset(&host, 0, sizeof host);
    fflush(stdout);
    writer = fork();
    if (writer == 0)
        write_for_ever(history);
    while (!tc_history_host(history, &seen))
        usleep(100);
    for (int round = 0; round < 20000; round++) {
        unsigned count = tc_history_read(history, 0, sample, 64);
        for (unsigned at = 0; at < count; at++)
            torn += !whole(&sample[at]) || (at && sample[at].time != sample[at - 1].time + 1);
        read += count;
        if (tc_history_host(history, &seen)) {
            hosts++;
            torn += seen.memory.total.value != (uint64_t)seen.taken;
        }
    }
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    ok(torn == 0, "of %u samples and %u hosts read beside a writer none is torn", read, hosts);
    ok(read > 0 && hosts > 0, "... and some were read");
    end(history);
}

int main(void)
{
    test_ring();
    test_copy();
    test_rates();
    test_waits();
    test_clock();
    test_memory();
    test_beside();
    return done_testing();
}
