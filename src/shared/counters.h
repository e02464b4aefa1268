/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server counts, in memory shared by all its processes and kept over
 * restarts. One row a counter: from it come the slots, the fields of the status
 * page in every format, and the help. Counting is one relaxed atomic addition.
 */
#ifndef TC_COUNTERS_H
#define TC_COUNTERS_H

#include "base/error.h"
#include "image/core/image.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Names given in the configuration get a number that stays theirs over restarts. */
#define TC_TEMP_SLOTS 32 /* 0: memfd; then temporary directories */
#define TC_PATTERNS   64 /* 0: no pattern, and those past the last */
#define TC_STATUSES   6  /* classes 1xx to 5xx; 0: none */

/* X(dimension, slots, label, second label) */
#define TC_DIMENSIONS(X)                                  \
    X(ONE, 1, NULL, NULL)                                 \
    X(STATUS, TC_STATUSES, "code", NULL)                  \
    X(FORMATS, TC_FORMATS *TC_FORMATS, "input", "output") \
    X(PATTERN, TC_PATTERNS, "pattern", NULL)              \
    X(ERROR, TC_E_COUNT, "reason", NULL)                  \
    X(TEMP_DIR, TC_TEMP_SLOTS, "dir", NULL)

typedef enum tc_dimension {
#define X(name, slots, first, second) TC_DIM_##name,
    TC_DIMENSIONS(X)
#undef X
} tc_dimension;

enum {
#define X(name, slots, first, second) TC_SLOTS_##name = slots,
    TC_DIMENSIONS(X)
#undef X
};

/* X(id, dimension, unit, section, name, title, help): only ever rising. */
#define TC_COUNTERS(X)                                                                         \
    X(REQUESTS, STATUS, NONE, CONVERSIONS, "requests", "Answers",                              \
      "Answers to requests for conversions, by class of status")                               \
    X(CONVERSIONS, FORMATS, NONE, CONVERSIONS, "conversions", "Pictures",                      \
      "Pictures converted, by format of the source and of the result")                         \
    X(PATTERNS, PATTERN, NONE, PATTERNS, "pattern_conversions", "Pictures",                    \
      "Pictures converted, by the configured pattern that was asked for")                      \
    X(ERRORS, ERROR, NONE, ERRORS, "errors", "Requests",                                       \
      "Requests for conversions that were refused or failed, by reason")                       \
    X(SOURCE_BYTES, ONE, BYTES, TRAFFIC, "source_bytes", "Sources read",                       \
      "Bytes of the source files that were converted")                                         \
    X(SOURCE_PIXELS, ONE, NONE, TRAFFIC, "source_pixels", "Sources, pixels",                   \
      "Pixels of the source pictures that were converted")                                     \
    X(RESULT_BYTES, ONE, BYTES, TRAFFIC, "result_bytes", "Results made",                       \
      "Bytes of the pictures that were made")                                                  \
    X(TEMP_MADE, TEMP_DIR, NONE, TEMP, "temp_files_made", "Made", "Temporary files made")      \
    X(TEMP_HELD, TEMP_DIR, NONE, TEMP, "temp_files_removed_while_held", "Removed while held",  \
      "Temporary files whose name was removed while they were open, which leaves no dentry")   \
    X(TEMP_CLOSED, TEMP_DIR, NONE, TEMP, "temp_files_removed_after_close",                     \
      "Removed after close",                                                                   \
      "Temporary files closed first and then removed, which leaves a negative dentry on file " \
      "systems that keep those")                                                               \
    X(TEMP_BYTES, TEMP_DIR, BYTES, TEMP, "temp_written_bytes", "Written",                      \
      "Bytes written to temporary files")                                                      \
    X(TEMP_MOVED, TEMP_DIR, NONE, TEMP, "temp_files_moved_on", "Moved on",                     \
      "Temporary files that found no more room here and went to the next place")               \
    X(CONVERTER_DEATHS, ONE, NONE, TRAFFIC, "converter_deaths", "Converters died",             \
      "Converter processes that ended by a signal or of themselves, and were replaced")        \
    X(CONVERTER_KILLS, ONE, NONE, TRAFFIC, "converter_kills", "Converters killed",             \
      "Converter processes that were killed, because their conversion took too long or its "   \
      "client was gone, and were replaced")                                                    \
    X(TEMP_SWEPT, ONE, NONE, TRAFFIC, "temp_files_swept", "Files of killed children removed",  \
      "Temporary files that a killed process had left and the parent removed")                 \
    X(DIED, ONE, NONE, TRAFFIC, "children_died_converting", "Children that died at work",      \
      "Processes of the server that ended in the middle of a conversion")

/* X(id, dimension, unit, section, name, title, help): of what is alive now. A process that
   is killed takes its share with it. */
#define TC_GAUGES(X)                                                              \
    X(IN_PROGRESS, ONE, NONE, TRAFFIC, "conversions_in_progress", "Under way",    \
      "Conversions that run now")                                                 \
    X(QUEUED, ONE, NONE, TRAFFIC, "conversions_queued", "Waiting",                \
      "Conversions that wait for a slot")                                         \
    X(CONVERTERS, ONE, NONE, TRAFFIC, "converters", "Converters",                 \
      "Converter processes; 0: conversions run in the children of httpd")         \
    X(TEMP_OPEN, TEMP_DIR, NONE, TEMP, "temp_files_open", "Open now",             \
      "Temporary files that are open now")                                        \
    X(TEMP_OPEN_BYTES, TEMP_DIR, BYTES, TEMP, "temp_open_bytes", "Bytes in them", \
      "Bytes in the temporary files that are open now")

/* X(id, name, title): what a conversion spends its time on. */
#define TC_STAGES(X)                                    \
    X(QUEUE, "queue", "Queue")                          \
    X(READ, "read", "Read")                             \
    X(DECODE, "decode_resample", "Decode and resample") \
    X(ENCODE, "encode", "Encode")                       \
    X(SEND, "send", "Send")                             \
    X(TOTAL, "total", "Total")

/* The first slot of each row, the last, and the next row's after it. */
typedef enum tc_counter_at {
#define X(id, dimension, unit, section, name, title, help) \
    TC_AT_##id, TC_LAST_##id = TC_AT_##id + TC_SLOTS_##dimension - 1,
    TC_COUNTERS(X)
#undef X
        TC_COUNTER_SLOTS
} tc_counter_at;

typedef enum tc_gauge_at {
#define X(id, dimension, unit, section, name, title, help) \
    TC_NOW_##id, TC_NOW_LAST_##id = TC_NOW_##id + TC_SLOTS_##dimension - 1,
    TC_GAUGES(X)
#undef X
        TC_GAUGE_SLOTS
} tc_gauge_at;

typedef enum tc_stage {
#define X(id, name, title) TC_STAGE_##id,
    TC_STAGES(X)
#undef X
        TC_STAGE_COUNT
} tc_stage;

/*
 * Histogram buckets: ten a decade (Renard's R10 numbers, so that 1, 2.5 and 5 are
 * bounds and a bucket is never wider than 28 %), from 10 microseconds to 100
 * seconds; the last one takes what is longer.
 */
#define TC_BUCKETS 71

/* The upper bound of bucket `at` in nanoseconds; UINT64_MAX for the last. */
uint64_t tc_bucket_bound(unsigned at);

typedef struct tc_histogram {
    uint64_t count[TC_BUCKETS]; /* each bucket's own, not summed up */
    uint64_t sum_ns;
} tc_histogram;

/*
 * The time in seconds that the fraction `quantile` (0..1) of what was counted
 * stayed under, interpolated within its bucket; NAN when nothing was counted.
 */
double tc_histogram_quantile(const tc_histogram *histogram, double quantile);

typedef struct tc_temp_dir_name {
    char path[256], fs[16];
    bool keeps_negatives; /* its file system does, as in tc_temp_fs */
} tc_temp_dir_name;

/* All of it at one moment. */
typedef struct tc_counter_snapshot {
    int64_t since; /* seconds since 1970: when counting began */
    uint64_t counter[TC_COUNTER_SLOTS];
    uint64_t gauge[TC_GAUGE_SLOTS];
    tc_histogram stage[TC_STAGE_COUNT];
    unsigned temp_dirs, patterns; /* names in use */
    tc_temp_dir_name temp_dir[TC_TEMP_SLOTS];
    char pattern[TC_PATTERNS][64];
} tc_counter_snapshot;

/* The shared memory: numbers only; see shared.h. */
typedef struct tc_counter_slots tc_counter_slots;

/*
 * A process's handle on the counters, in private memory: the parent fills it before it
 * forks. Names are kept here, so that no child can change them for others. All zero:
 * no counters yet.
 */
typedef struct tc_counters {
    uint64_t layout; /* of the slots */
    tc_counter_slots *slots;
    int64_t since;                /* seconds since 1970: when counting began */
    unsigned temp_dirs, patterns; /* names in use */
    tc_temp_dir_name temp_dir[TC_TEMP_SLOTS];
    char pattern[TC_PATTERNS][64];
} tc_counters;

/* Bytes of shared memory that the counters take; zero pages cost nothing until used. */
size_t tc_counters_size(void);

/*
 * Take shared `memory` (of tc_counters_size bytes, aligned to 64) into use: unless
 * `counters` has it already, with this very layout, start over as of `now`, seconds
 * since 1970. Returns whether it had it. Gauges of processes that are not children of
 * this one are dropped. For the parent only.
 */
bool tc_counters_adopt(tc_counters *counters, void *memory, int64_t now);

/*
 * The number of a temporary directory or a pattern, a new one if need be; 0 when
 * all are taken. For the parent only, while no other process calls it.
 */
unsigned tc_counters_temp_dir(tc_counters *counters, const char *path, const char *fs,
                              bool keeps_negatives);
unsigned tc_counters_pattern(tc_counters *counters, const char *name);

/* Add to a counter's slot (TC_AT_x + position). All of these accept NULL: nothing is counted.
 */
void tc_count(tc_counters *counters, unsigned slot, uint64_t amount);

/* Add to a gauge's slot (TC_NOW_x + position), on account of this process. */
void tc_gauge(tc_counters *counters, unsigned slot, int64_t amount);

/* A stage took `ns` nanoseconds. */
void tc_stage_took(tc_counters *counters, tc_stage stage, uint64_t ns);

/*
 * The process `pid` begins; or is gone, whatever way, and what it had in its gauges is void.
 * One that was at a conversion is counted (DIED).
 */
void tc_counters_enter(tc_counters *counters, pid_t pid);
void tc_counters_leave(tc_counters *counters, pid_t pid);

void tc_counters_read(const tc_counters *counters, tc_counter_snapshot *counts);

#endif
