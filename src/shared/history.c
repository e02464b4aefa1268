/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include "shared.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define VERSION 3
#define TRIES   1000

/* Bounds of what a sample holds: times before the year 10000, readings of 64 bits. */
#define TIME_MOST    INT64_C(253402300799)
#define READING_MOST 0x1p64

/* What the next sample's rates are counted from; all zero before the first. Where it was
   overwritten, the next sample's rates are wrong, and nothing else. */
typedef struct last_totals {
    int64_t time_us;
    uint64_t conversions, errors, refused;
    tc_reading swapped_in, swapped_out;
    tc_histogram queue, total;
} last_totals;

/*
 * The shared memory. Sample n, from 0, is in slot n modulo the slots there are, and
 * `written` is raised after it is whole: a reader takes the numbers from `written`
 * down, and drops what was overwritten while it read. `host` is guarded by a sequence
 * number, 0 before the first and odd while it is being written.
 */
struct tc_history_ring {
    uint64_t written;
    uint32_t sequence;
    last_totals last;
    tc_host host;
    tc_sample sample[];
};

static uint64_t layout(void)
{
    return ((uint64_t)VERSION << 56) ^ ((uint64_t)sizeof(tc_sample) << 40) ^
           ((uint64_t)sizeof(tc_host) << 16) ^ sizeof(tc_history_ring);
}

size_t tc_history_size(unsigned samples)
{
    return sizeof(tc_history_ring) + samples * sizeof(tc_sample);
}

bool tc_history_adopt(tc_history *history, void *memory, unsigned samples)
{
    if (history->layout == layout() && history->ring == memory && history->samples == samples)
        return true;
    memset(memory, 0, sizeof(tc_history_ring));
    *history = (tc_history){layout(), memory, samples};
    return false;
}

static void put_sample(const tc_history *history, const tc_sample *sample)
{
    tc_history_ring *ring = history->ring;
    uint64_t number = __atomic_load_n(&ring->written, __ATOMIC_RELAXED);

    ring->sample[number % history->samples] = *sample;
    __atomic_store_n(&ring->written, number + 1, __ATOMIC_RELEASE);
}

/* The number of the oldest sample in the ring when `end` have been written. */
static uint64_t oldest_of(const tc_history *history, uint64_t end)
{
    return end > history->samples ? end - history->samples : 0;
}

static void put_host(tc_history_ring *ring, const tc_host *host)
{
    uint32_t writing = (__atomic_load_n(&ring->sequence, __ATOMIC_RELAXED) + 1) | 1;

    __atomic_store_n(&ring->sequence, writing, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    ring->host = *host;
    /* Not 0, when it wraps: that means "none yet". */
    __atomic_store_n(&ring->sequence, writing + 1 ? writing + 1 : 2, __ATOMIC_RELEASE);
}

void tc_history_copy(const tc_history *to, const tc_history *from)
{
    tc_history_ring *old = from->ring;
    tc_sample sample;
    uint64_t end;

    if (from->layout != layout())
        return;
    end = __atomic_load_n(&old->written, __ATOMIC_ACQUIRE);
    for (uint64_t at = oldest_of(from, end); at != end; at++) {
        sample = old->sample[at % from->samples];
        put_sample(to, &sample);
    }
    to->ring->last = old->last;
    to->ring->host = old->host;
}

/* ---- taking a sample ----------------------------------------------------------- */

static double number(tc_reading reading)
{
    return reading.error ? NAN : (double)reading.value;
}

static double per_second(uint64_t now, uint64_t before, double seconds)
{
    return seconds > 0 && now >= before ? (double)(now - before) / seconds : NAN;
}

static double swap_rate(tc_reading now, tc_reading before, double seconds)
{
    return now.error || before.error ? NAN : per_second(now.value, before.value, seconds);
}

static uint64_t sum(const uint64_t *from, unsigned first, unsigned last)
{
    uint64_t total = 0;

    for (unsigned at = first; at <= last; at++)
        total += from[at];
    return total;
}

static void sample_memory(tc_sample *sample, const tc_host *host)
{
    const tc_memory *memory = &host->memory;
    bool estimated;

    sample->dentries = number(host->dentry.dentries);
    sample->dentries_negative = number(host->dentry.negative);
    sample->dentry_slab_bytes = number(tc_host_dentry_bytes(host, &estimated));
    sample->memory_total_bytes = number(memory->total);
    sample->memory_slab_bytes = number(memory->slab);
    sample->memory_cached_bytes = number(memory->buffers) + number(memory->cached);
    sample->memory_free_bytes = number(memory->free);
    /* What is left is used, so that the areas of the chart add up to the memory there is. */
    sample->memory_used_bytes =
        fmax(0, sample->memory_total_bytes - sample->memory_free_bytes -
                    sample->memory_cached_bytes - sample->memory_slab_bytes);
    sample->swap_used_bytes = number(memory->swap_total) - number(memory->swap_free);
}

/* What of `now` was counted after `before`. */
static tc_histogram since(const tc_histogram *now, const tc_histogram *before)
{
    tc_histogram since = *now;

    for (unsigned at = 0; at < TC_BUCKETS; at++)
        since.count[at] -= before->count[at] <= since.count[at] ? before->count[at] : 0;
    return since;
}

static void sample_quantiles(tc_sample *sample, const last_totals *last,
                             const tc_counter_snapshot *counts)
{
    tc_histogram queue = since(&counts->stage[TC_STAGE_QUEUE], &last->queue);
    tc_histogram total = since(&counts->stage[TC_STAGE_TOTAL], &last->total);

    sample->wait_p50_seconds = tc_histogram_quantile(&queue, 0.50);
    sample->wait_p99_seconds = tc_histogram_quantile(&queue, 0.99);
    sample->latency_p50_seconds = tc_histogram_quantile(&total, 0.50);
    sample->latency_p99_seconds = tc_histogram_quantile(&total, 0.99);
}

static void sample_rates(tc_sample *sample, last_totals *last, int64_t now_us,
                         const tc_host *host, const tc_counter_snapshot *counts)
{
    double seconds = last->time_us ? ((double)now_us - (double)last->time_us) / 1e6 : 0;
    uint64_t conversions = sum(counts->counter, TC_AT_CONVERSIONS, TC_LAST_CONVERSIONS);
    uint64_t errors = sum(counts->counter, TC_AT_ERRORS, TC_LAST_ERRORS);
    uint64_t refused = counts->counter[TC_AT_ERRORS + TC_E_OVERLOAD];

    sample->conversions = per_second(conversions, last->conversions, seconds);
    sample->errors = per_second(errors, last->errors, seconds);
    sample->refused = per_second(refused, last->refused, seconds);
    sample->swapped_in_bytes = swap_rate(host->memory.swapped_in, last->swapped_in, seconds);
    sample->swapped_out_bytes = swap_rate(host->memory.swapped_out, last->swapped_out, seconds);
    if (seconds > 0)
        sample_quantiles(sample, last, counts);
    last->time_us = now_us;
    last->conversions = conversions;
    last->errors = errors;
    last->refused = refused;
    last->swapped_in = host->memory.swapped_in;
    last->swapped_out = host->memory.swapped_out;
    last->queue = counts->stage[TC_STAGE_QUEUE];
    last->total = counts->stage[TC_STAGE_TOTAL];
}

void tc_history_now(tc_sample *sample, int64_t now_us, const tc_host *host,
                    const tc_counter_snapshot *counts, const double *temp_dir_used)
{
    memset(sample, 0, sizeof *sample);
    sample->time = now_us / 1000000;
    sample_memory(sample, host);
    sample->conversions = sample->errors = sample->refused = NAN;
    sample->swapped_in_bytes = sample->swapped_out_bytes = NAN;
    sample->latency_p50_seconds = sample->latency_p99_seconds = NAN;
    sample->wait_p50_seconds = sample->wait_p99_seconds = NAN;
    sample->temp_open_bytes =
        (double)sum(counts->gauge, TC_NOW_TEMP_OPEN_BYTES, TC_NOW_LAST_TEMP_OPEN_BYTES);
    memcpy(sample->temp_dir_used, temp_dir_used, sizeof sample->temp_dir_used);
}

void tc_history_add(const tc_history *history, int64_t now_us, const tc_host *host,
                    const tc_counter_snapshot *counts, const double *temp_dir_used)
{
    tc_sample sample;
    last_totals last = history->ring->last;

    tc_shared_copied();
    tc_history_now(&sample, now_us, host, counts, temp_dir_used);
    sample_rates(&sample, &last, now_us, host, counts);
    history->ring->last = last;
    put_sample(history, &sample);
    put_host(history->ring, host);
}

/* ---- reading ------------------------------------------------------------------- */

/*
 * The number of the oldest sample from `since` on; times rise, so by halving.
 * Where the clock was put back they do not everywhere: then it may be one of
 * before that, but never one past the right one.
 */
static uint64_t first_since(const tc_history *history, uint64_t low, uint64_t high,
                            int64_t since)
{
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const tc_sample *sample = &history->ring->sample[middle % history->samples];
        if (__atomic_load_n(&sample->time, __ATOMIC_RELAXED) < since)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void bound(double *reading)
{
    if (!(*reading >= 0 && *reading <= READING_MOST))
        *reading = NAN;
}

static void bound_readings(tc_sample *sample)
{
#define X(field, unit, title) bound(&sample->field);
    TC_SAMPLE_FIELDS(X)
#undef X
    for (unsigned at = 0; at < TC_TEMP_SLOTS; at++)
        bound(&sample->temp_dir_used[at]);
}

/* Leave out what a clock, since put right, took for later than what came after it, and what
   has no valid time; bound the rest. */
static unsigned keep_rising(tc_sample *samples, unsigned count, int64_t since)
{
    unsigned kept = count;
    int64_t latest = TIME_MOST;

    for (unsigned at = count; at > 0; at--) {
        tc_sample *sample = &samples[at - 1];
        if (sample->time > latest || sample->time <= 0)
            continue;
        bound_readings(sample);
        latest = sample->time;
        if (latest >= since && --kept != at - 1)
            samples[kept] = *sample;
    }
    if (kept > 0)
        memmove(samples, samples + kept, (count - kept) * sizeof *samples);
    return count - kept;
}

unsigned tc_history_read(const tc_history *history, int64_t since, tc_sample *samples,
                         unsigned room)
{
    const tc_history_ring *ring = history->ring;
    uint64_t end = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE), at, oldest, lost;

    at = first_since(history, oldest_of(history, end), end, since);
    if (end - at > room)
        at = end - room;
    for (uint64_t i = at; i != end; i++)
        samples[i - at] = ring->sample[i % history->samples];
    tc_shared_copied();
    /* The writer may have come round, and be at work on the next one. */
    oldest = oldest_of(history, __atomic_load_n(&ring->written, __ATOMIC_RELAXED) + 1);
    lost = oldest > at ? oldest - at : 0;
    if (lost >= end - at)
        return 0;
    memmove(samples, samples + lost, (size_t)(end - at - lost) * sizeof *samples);
    return keep_rising(samples, (unsigned)(end - at - lost), since);
}

bool tc_history_host(const tc_history *history, tc_host *host)
{
    const tc_history_ring *ring = history->ring;

    for (int try = 0; try < TRIES; try++) {
        uint32_t before = __atomic_load_n(&ring->sequence, __ATOMIC_ACQUIRE);
        if (before == 0)
            return false;
        if (before & 1)
            continue;
        *host = ring->host;
        tc_shared_copied();
        if (__atomic_load_n(&ring->sequence, __ATOMIC_RELAXED) != before)
            continue;
        tc_host_bound(host);
        return host->taken > 0 && host->taken <= TIME_MOST;
    }
    return false;
}
