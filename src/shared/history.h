/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples over time in shared memory: written by one process, the parent, and
 * read by all; and the host's readings of the last sample, which only root could
 * read.
 */
#ifndef TC_HISTORY_H
#define TC_HISTORY_H

#include "counters.h"
#include "host/host.h"

/* X(field, unit, title): one number a sample; NAN where it could not be read. */
#define TC_SAMPLE_FIELDS(X)                                                            \
    X(dentries, NONE, "Dentries")                                                      \
    X(dentries_negative, NONE, "Negative dentries")                                    \
    X(dentry_slab_bytes, BYTES, "Dentry slab")                                         \
    X(memory_total_bytes, BYTES, "Memory")                                             \
    X(memory_used_bytes, BYTES, "Used") /* by programs and the kernel, without slab */ \
    X(memory_slab_bytes, BYTES, "Slab")                                                \
    X(memory_cached_bytes, BYTES, "Buffers and cache")                                 \
    X(memory_free_bytes, BYTES, "Free")                                                \
    X(swap_used_bytes, BYTES, "Swap used")                                             \
    X(swapped_in_bytes, PER_SECOND, "Swapped in")                                      \
    X(swapped_out_bytes, PER_SECOND, "Swapped out")                                    \
    X(conversions, PER_SECOND, "Conversions")                                          \
    X(errors, PER_SECOND, "Errors")                                                    \
    X(latency_p50_seconds, SECONDS, "Half took less than")                             \
    X(latency_p99_seconds, SECONDS, "99 % took less than")                             \
    X(refused, PER_SECOND, "Refused") /* no slot was free */                           \
    X(wait_p50_seconds, SECONDS, "Half waited less than")                              \
    X(wait_p99_seconds, SECONDS, "99 % waited less than")                              \
    X(temp_open_bytes, BYTES, "In temporary files")

typedef struct tc_sample {
    int64_t time; /* seconds since 1970 */
#define X(field, unit, title) double field;
    TC_SAMPLE_FIELDS(X)
#undef X
    double temp_dir_used[TC_TEMP_SLOTS]; /* share of each that is in use, 0..1, by its number */
} tc_sample;

/* The shared memory; see shared.h. */
typedef struct tc_history_ring tc_history_ring;

/* A process's handle on a history, in private memory; all zero: no history yet. */
typedef struct tc_history {
    uint64_t layout; /* of the ring */
    tc_history_ring *ring;
    unsigned samples; /* that the ring has room for */
} tc_history;

/* Bytes of shared memory for `samples` samples. */
size_t tc_history_size(unsigned samples);

/*
 * Take shared `memory` of that size, at least one sample's, into use: empty unless
 * `history` has it already, with this layout and room. Returns whether it had it.
 */
bool tc_history_adopt(tc_history *history, void *memory, unsigned samples);

/* Add what `from` holds to the empty history `to`, as many as there is room for. */
void tc_history_copy(const tc_history *to, const tc_history *from);

/*
 * Make a sample of what was read at `now_us` (microseconds since 1970) and put
 * it into the ring, and `host` with it. `temp_dir_used` has TC_TEMP_SLOTS shares. By
 * one process only.
 */
void tc_history_add(const tc_history *history, int64_t now_us, const tc_host *host,
                    const tc_counter_snapshot *counts, const double *temp_dir_used);

/* The same into `sample` and not the ring, for a chart that ends now; its rates are NAN. */
void tc_history_now(tc_sample *sample, int64_t now_us, const tc_host *host,
                    const tc_counter_snapshot *counts, const double *temp_dir_used);

/*
 * Copy samples taken at `since` or later, oldest first, at most `room`, the
 * newest of them; times never fall, whatever the clock did. Returns how many.
 * Whatever the memory holds, times are from 1970 to 9999, and readings are NAN or
 * from 0 to 2^64.
 */
unsigned tc_history_read(const tc_history *history, int64_t since, tc_sample *samples,
                         unsigned room);

/* The host's readings as last sampled, bounded by tc_host_bound(); false when none were yet. */
bool tc_history_host(const tc_history *history, tc_host *host);

#endif
