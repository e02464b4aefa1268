/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of churn share.
 *
 * One parent forks the workers that make and remove files; all they tell it lies
 * in one shared mapping. A third process, the keeper, waits for the end of both
 * and undoes what a parent that was killed could not. The parent takes signals
 * with sigtimedwait(2) and never in a handler, so nothing breaks its cleanup.
 */
#ifndef CHURN_H
#define CHURN_H

#include "host/host.h"
#include "temp/tempfile.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Exit codes; a run that a signal ended exits with 128 and the signal's number. */
enum {
    CHURN_EXIT_OK = 0,
    CHURN_EXIT_CONTRADICTED = 1,
    CHURN_EXIT_USAGE = 2,
    CHURN_EXIT_STOPPED = 3,
    CHURN_EXIT_UNSURE = 4,
};

#define CHURN_COUNT(array) (sizeof(array) / sizeof(*(array)))

#define CHURN_MIB         (1024.0 * 1024.0)
#define CHURN_MAX_DIRS    16
#define CHURN_MAX_WORKERS 1000
#define CHURN_PATH        4096
#define CHURN_NAME        256

/*
 * A private directory is spread over at least this many, so that what each retained
 * is a measurement of its own and their median forgets a neighbour's burst.
 */
#define CHURN_PARTS 8

/* ---- methods ---------------------------------------------------------------- */

typedef struct churn_hand churn_hand;

/* A way to make and remove one temporary file. */
typedef struct churn_method {
    const char *name;
    const char *words; /* for people, in a table of methods */
    /* Make one and remove it. Returns 0 or an errno value, with nothing left in both cases. */
    int (*once)(churn_hand *hand);
    /* Before the first and after the last in each directory; may be NULL. */
    int (*begin)(churn_hand *hand);
    void (*end)(churn_hand *hand);
    /* What d_delete() finds: see churn_expect. */
    bool dropped_last; /* the last reference to a file or directory is its unlink's own */
    bool looked_up;    /* a name that is not there is looked up */
    bool no_directory; /* needs none */
} churn_method;

extern const churn_method churn_methods[];
extern const size_t churn_method_count;

/* NULL when there is none of that name. */
const churn_method *churn_method_named(const char *name);

/* What a method works with: one directory of one worker's. */
struct churn_hand {
    int dir;          /* borrowed */
    const char *path; /* the same directory */
    const char *data;
    size_t size;
    unsigned name_length;
    uint64_t random[2];
    /* The name in use, and one kept until the end; "" when there is none. Both lie where
       the parent finds them when a kill left them behind. */
    char *name, *kept;
};

void churn_hand_seed(churn_hand *hand);

/* A name of `hand->name_length` random characters a-z, 0-9 into `name[CHURN_NAME]`. */
void churn_hand_name(churn_hand *hand, char *name);

/* ---- options ------------------------------------------------------------------ */

typedef enum { CHURN_ANY, CHURN_LEAK, CHURN_CLEAN, CHURN_UNSURE } churn_finding;
typedef enum { CHURN_GAUGE_AUTO, CHURN_GAUGE_NEGATIVE, CHURN_GAUGE_DENTRIES } churn_gauge_kind;

/* "200@30": 200 at the thirtieth second; `at` is negative for the end of the run. */
typedef struct churn_timed {
    uint64_t value; /* 0: not asked for */
    double at;
} churn_timed;

typedef struct churn_options {
    const char *dir[CHURN_MAX_DIRS];
    unsigned dirs;
    const churn_method *method[CHURN_MAX_DIRS];
    unsigned methods;
    uint64_t workers, size, name_length, files;
    uint64_t max_retained_mb; /* 0: by the machine */
    uint64_t min_available_mb;
    uint64_t min_free_percent;
    double pause, jitter, duration, interval; /* seconds */
    bool in_place, keep;
    bool once, compare, help, version;
    const char *format; /* dstat, csv, json */
    const char *csv, *json, *svg;
    churn_finding expect;
    churn_gauge_kind gauge;
    bool memcg_given;
    uint64_t memcg_mb; /* 0: none */
    churn_timed hog;   /* MB */
    churn_timed drop;  /* 1, 2, 3 */
    bool allow_system;
    int64_t cache_pressure;  /* -1: not asked for */
    int64_t dentry_negative; /* -1: not asked for */
} churn_options;

/* Parse and check; ends the program with a message and CHURN_EXIT_USAGE when wrong. */
void churn_options_parse(churn_options *options, int argc, char **argv);

void churn_options_help(FILE *to);

/* ---- shared memory ------------------------------------------------------------------ */

/* What one worker tells. Names are read by the parent only when the worker is gone. */
typedef struct churn_slot {
    pid_t pid; /* the parent's: 0 when there is none or it was reaped */
    _Atomic uint64_t files[CHURN_PARTS];
    _Atomic uint64_t busy_ns; /* in the method, without pauses */
    _Atomic int error;        /* what ended it early */
    unsigned part;            /* where `name` is */
    char name[CHURN_NAME];
    char kept[CHURN_PARTS][CHURN_NAME];
} churn_slot;

typedef struct churn_hog {
    pid_t pid;
    _Atomic uint64_t mb;                 /* touched so far */
    _Atomic uint64_t total_ns, worst_ns; /* worst: of one MB */
    _Atomic uint64_t worst_mb;           /* which */
    _Atomic int error;
    _Atomic bool done;
} churn_hog;

/* What is to be undone, each by itself, by the parent or else by the keeper. */
typedef struct churn_undo {
    _Atomic bool has_dir, has_cgroup;
    char base[CHURN_PATH], leaf[64]; /* the private directory */
    dev_t device;
    ino_t inode;
    _Atomic unsigned in_place; /* workers with files in `base` itself, since then */
    int64_t since;             /* seconds since 1970 */
    char cgroup[CHURN_PATH];
    struct {
        _Atomic bool set;
        char path[64], value[32];
    } knob[2];
} churn_undo;

typedef struct churn_shared {
    _Atomic bool stop;
    _Atomic int64_t left; /* files still to be made */
    churn_undo undo;
    churn_hog hog;
    churn_slot slot[CHURN_MAX_WORKERS];
} churn_shared;

/* ---- the keeper, and what it undoes ---------------------------------------------------- */

typedef struct churn_keeper {
    pid_t pid;
    int pipe;
} churn_keeper;

/* To be called before anything is made. Returns 0 or an errno value. */
int churn_keeper_start(churn_keeper *keeper, churn_shared *shared);
void churn_keeper_end(churn_keeper *keeper);

/* Undo all that is recorded. What cannot be is said on stderr. */
void churn_undo_all(churn_undo *undo);

/* Remove everything in the directory `fd`, each name held by a descriptor over its removal. */
void churn_empty(int fd);

/* ---- places --------------------------------------------------------------------------------
 */

typedef struct churn_place {
    char base[CHURN_PATH]; /* as given, without symbolic links */
    char path[CHURN_PATH + 64];
    char leaf[64]; /* "" in place */
    tc_temp_fs fs;
    int base_fd, fd;         /* fd == base_fd in place */
    unsigned workers, parts; /* parts: of each worker, 0 in place */
} churn_place;

/* Returns 0 or an errno value, then with nothing open or left. */
int churn_place_open(churn_place *place, const churn_options *options, const char *dir,
                     churn_undo *undo);

/* The directory of a worker's part, below place->fd. */
void churn_place_part(char *name, size_t size, unsigned worker, unsigned part);

/* Remove what is left of the private directory, unless `keep`. */
void churn_place_close(churn_place *place, bool keep, churn_undo *undo);

/* The file names of dead workers that are still there. Returns how many were removed. */
unsigned churn_place_strays(const churn_place *place, churn_shared *shared, int64_t since);

/* ---- measuring
 * -------------------------------------------------------------------------------- */

/* The figure that falls when a directory's negatives are freed. */
typedef struct churn_gauge {
    churn_gauge_kind kind; /* never CHURN_GAUGE_AUTO */
    const char *name;
} churn_gauge;

churn_gauge churn_gauge_choose(churn_gauge_kind wanted);
tc_figure churn_gauge_read(const churn_gauge *gauge);

/* Remove the empty directory `name`; `*drop` is what the gauge fell by, less what others did to
   it. Returns 0 or an errno value. */
int churn_gauge_rmdir(const churn_gauge *gauge, int dir, const char *name, double *drop);

/* Negatives that churn_canary_leave makes. */
#define CHURN_CANARIES 900

/*
 * Whether the file system keeps any negative dentry: names that are not there are looked
 * up in directories made and removed for it.
 */
bool churn_canary_probe(const churn_gauge *gauge, const churn_place *place);

/* The same directories made by a worker and left; later `alive` tells whether they still
   held their negatives, that is, whether nothing was reclaimed in between. */
void churn_canary_leave(const churn_place *place);
bool churn_canary_alive(const churn_gauge *gauge, const churn_place *place);

/* ---- the run
 * ------------------------------------------------------------------------------------ */

typedef enum { CHURN_DONE, CHURN_SIGNALLED, CHURN_GUARDED, CHURN_FAILED } churn_ending;

typedef struct churn_result {
    churn_ending ending;
    int signal, error;
    char why[256]; /* of an ending other than CHURN_DONE */
    uint64_t files;
    double seconds, us_a_file;
    bool measured;   /* retained and ratio hold */
    bool by_rmdir;   /* else by the host-wide change, less that of an idle second */
    double retained; /* negatives: sum over the parts */
    double ratio;    /* a file: median over the parts */
    bool few;        /* too few files in the parts to tell */
    bool noisy;      /* not by_rmdir, and others' changes were not small against it */
    bool reclaimed;  /* negatives went while it ran */
    bool keeps_any;  /* churn_canary_probe */
    double host_delta, idle_rate; /* of the gauge; idle_rate a second, 0 when not measured */
    double gave_back_ms;          /* what the rmdirs took */
    uint64_t hog_before_ns, hog_before_worst_ns;
    struct {
        double ms;
        int64_t dentries, negatives, bytes;
    } dropped;
    unsigned strays;
} churn_result;

typedef struct churn_memcg {
    int version; /* 0: none was made */
    char path[CHURN_PATH];
} churn_memcg;

struct churn_report;

/* All that a run needs, made once by main. */
typedef struct churn_context {
    const churn_options *options;
    churn_shared *shared;
    churn_gauge gauge;
    churn_memcg memcg;
    tc_dentry_knobs knobs;
    struct churn_report *report; /* NULL: nothing is shown while it runs */
} churn_context;

/* One run of `options` (not always context->options) in options->dir[0]. */
void churn_run(churn_context *context, const churn_options *options, churn_place *place,
               churn_result *result);

/* A worker's life; `index` of place->workers. Never returns. */
_Noreturn void churn_work(const churn_context *context, const churn_options *options,
                          const churn_place *place, unsigned index, pid_t parent);

/* Sleep to `until` (churn_now) or a signal; returns the signal or 0. */
int churn_wait(double until);

/* Seconds on the monotonic clock. */
double churn_now(void);

/* ---- guards
 * ---------------------------------------------------------------------------------------- */

typedef struct churn_guard {
    uint64_t floor, most; /* bytes */
    tc_figure gauge;      /* at the start */
    double bytes_each;
} churn_guard;

void churn_guard_begin(churn_guard *guard, const churn_context *context,
                       const churn_options *options);

/* Whether to stop, with the reason in `why`. */
bool churn_guard_trips(const churn_guard *guard, const churn_context *context,
                       const churn_options *options, const churn_place *place, uint64_t files,
                       char *why, size_t size);

/* ---- the system
 * ------------------------------------------------------------------------------------- */

/* Set a knob of /proc/sys and record its old value. Returns 0 or an errno value: EBUSY when
   another churn has it. */
int churn_knob_set(churn_undo *undo, const char *path, int64_t value);

/* Fills result->dropped. Returns 0 or an errno value. */
int churn_drop_caches(unsigned what, churn_result *result);

/* A fresh memory cgroup limited to `mb`. Returns 0, or an errno value with words in `why`. */
int churn_memcg_make(churn_memcg *memcg, uint64_t mb, churn_undo *undo, char *why, size_t size);
/* Move the calling process. Returns 0 or an errno value. */
int churn_memcg_join(const churn_memcg *memcg);
/* Its slab (v2) or kernel (v1) memory in bytes. */
tc_figure churn_memcg_slab(const churn_memcg *memcg);
void churn_memcg_remove(const char *path);

/* Fork a process that takes `mb` in the cgroup and holds it for `hold` seconds. */
int churn_hog_start(churn_hog *hog, const churn_memcg *memcg, uint64_t mb, double hold);
/* Wait for it; false when it was killed or failed. */
bool churn_hog_wait(churn_hog *hog);

/* ---- samples and reports
 * --------------------------------------------------------------------------------- */

#define CHURN_CPU_FIELDS 8

typedef struct churn_sample {
    double at; /* churn_now */
    bool has_cpu;
    uint64_t cpu[CHURN_CPU_FIELDS]; /* user nice system idle iowait irq softirq steal */
    uint64_t files;
    tc_host host;
    tc_figure cgroup_slab;
} churn_sample;

void churn_sample_take(churn_sample *sample, const churn_context *context);

/*
 * One line of figures; NAN is one that cannot be had. X(field, decimals): in bytes,
 * percent, or numbers; those a file and a second are of the interval.
 */
#define CHURN_COLUMNS(X)        \
    X(epoch, 0)                 \
    X(seconds, 3)               \
    X(usr, 1)                   \
    X(sys, 1)                   \
    X(idl, 1)                   \
    X(wai, 1)                   \
    X(hiq, 1)                   \
    X(siq, 1)                   \
    X(used, 0)                  \
    X(buff, 0)                  \
    X(cach, 0)                  \
    X(free, 0)                  \
    X(swap_used, 0)             \
    X(swap_free, 0)             \
    X(files, 0)                 \
    X(files_per_second, 1)      \
    X(nr_dentry, 0)             \
    X(nr_negative, 0)           \
    X(negative_change, 0)       \
    X(negative_per_file, 4)     \
    X(dentry_slab, 0)           \
    X(dentry_slab_estimated, 0) \
    X(slab_reclaimable, 0)      \
    X(cgroup_slab, 0)           \
    X(used_without_slab, 0)

typedef struct churn_row {
#define X(field, decimals) double field;
    CHURN_COLUMNS(X)
#undef X
} churn_row;

/* From one sample to the next; `first` is the run's. */
churn_row churn_row_between(const churn_sample *first, const churn_sample *from,
                            const churn_sample *to);

typedef struct churn_report churn_report;

/* Opens the files; ends the program with CHURN_EXIT_USAGE when one cannot be. */
churn_report *churn_report_open(const churn_options *options);
/* Where text for people goes: stdout, or stderr when figures go to stdout. */
FILE *churn_report_text(const churn_report *report);
void churn_report_begin(churn_report *report, const churn_context *context,
                        const churn_options *options, const churn_place *place);
/* At least each second: shows a line when the interval is over. */
void churn_report_sample(churn_report *report, const churn_sample *sample);
/* The last one: shows its line, unless one was just shown. */
void churn_report_last(churn_report *report, const churn_sample *sample);
void churn_report_end(churn_report *report, const churn_context *context,
                      const churn_options *options, const churn_place *place,
                      const churn_result *result);
/* A line of --compare, in CSV and JSON. `supported` false: the method is not to be had. */
void churn_report_compared(churn_report *report, const churn_context *context,
                           const churn_options *options, const churn_place *place,
                           const churn_result *result, bool supported);
/* False when something could not be written, which is then said. */
bool churn_report_close(churn_report *report);

/* The line beside dstat's, and its head. */
void churn_line_head(FILE *to);
void churn_line(FILE *to, const churn_row *row);

/* Figures over time for the charts: at most CHURN_POINTS, thinned out when there are more. */
#define CHURN_POINTS 2048

typedef struct churn_history {
    size_t count, step, skip;
    int64_t time[CHURN_POINTS];
    double dentry_slab[CHURN_POINTS], negative[CHURN_POINTS], used[CHURN_POINTS],
        slab[CHURN_POINTS], buff[CHURN_POINTS], cach[CHURN_POINTS];
} churn_history;

void churn_history_add(churn_history *history, const churn_row *row);
void churn_history_svg(const churn_history *history, FILE *to);

/* slabtop's table, dentry first. */
void churn_table(FILE *to);

/* `bytes` as dstat has it: at most five characters, "1234M". */
void churn_size(char *text, size_t size, double bytes);

/* ---- the verdict
 * ---------------------------------------------------------------------------------------------
 */

typedef struct churn_expectation {
    churn_finding finding; /* CHURN_ANY: nothing is known of this file system */
    char why[200];
} churn_expectation;

void churn_expect(churn_expectation *expectation, const churn_method *method,
                  const tc_temp_fs *fs, const tc_dentry_knobs *knobs);

/* CHURN_LEAK, CHURN_CLEAN or CHURN_UNSURE, with the reason of the last. */
churn_finding churn_judge(const churn_result *result, const char **why);

const char *churn_finding_name(churn_finding finding);

/* Bytes that a retained name takes. */
double churn_bytes_each(uint64_t name_length);

/* The final block. */
void churn_summary(FILE *to, const churn_context *context, const churn_options *options,
                   const churn_place *place, const churn_result *result);

int churn_exit_code(const churn_options *options, const churn_result *result);

/* Every method in every directory. Returns the exit code. */
int churn_compare(churn_context *context);

/* A message on stderr, with "churn: " before it. */
void churn_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
