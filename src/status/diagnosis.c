/* SPDX-License-Identifier: Apache-2.0 */
#include "diagnosis.h"

#include "chart.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A quarter of the memory in one cache of names is more than a cache. */
#define SLAB_SHARE 0.25
/* Bytes a second that the dentry slab grows over ten minutes: 700 MiB a day. */
#define GROWTH 8500.0
/* Within a tenth of its limit a cgroup reclaims all the time. */
#define CGROUP_SHARE 0.9
/* Bytes a second of swapping in, over a minute: the machine waits for its disk. */
#define SWAPPING (256 * 1024.0)
/* Of the bound of files in memory: a few results more, and it is reached. */
#define TEMP_SHARE    0.8
#define WINDOW        600
#define LEAST_SECONDS 60

/* The sample that the last one is to be compared with; NULL when there is none. */
static const tc_sample *sample_before(const tc_snapshot *snapshot, int64_t seconds)
{
    const tc_sample *last;

    if (snapshot->samples == 0)
        return NULL;
    last = &snapshot->sample[snapshot->samples - 1];
    for (unsigned at = 0; at < snapshot->samples; at++) {
        const tc_sample *sample = &snapshot->sample[at];
        if (sample->time >= last->time - seconds)
            return last->time - sample->time >= LEAST_SECONDS ? sample : NULL;
    }
    return NULL;
}

double tc_snapshot_growth(const tc_snapshot *snapshot, int64_t seconds)
{
    const tc_sample *first = sample_before(snapshot, seconds), *last;

    if (!first)
        return NAN;
    last = &snapshot->sample[snapshot->samples - 1];
    return (last->dentry_slab_bytes - first->dentry_slab_bytes) /
           (double)(last->time - first->time);
}

/* Whether what grew are names of files that are no more: a program that walks through a disk
   makes the slab grow as well, once, and with names that are of use. */
static bool grew_by_negatives(const tc_snapshot *snapshot)
{
    const tc_sample *first = sample_before(snapshot, WINDOW), *last;

    if (!first)
        return false;
    last = &snapshot->sample[snapshot->samples - 1];
    return isnan(last->dentries_negative) ||
           last->dentries_negative - first->dentries_negative >
               (last->dentries - first->dentries) / 2;
}

/* 1: the kernel drops a dentry with its file, whichever program made it. */
static bool kernel_drops(const tc_snapshot *snapshot)
{
    tc_reading policy = snapshot->host.sysctls.dentry_negative;

    return !policy.error && policy.value != 0;
}

uint64_t tc_snapshot_left(const tc_snapshot *snapshot)
{
    const tc_counter_snapshot *counts = snapshot->counts;
    uint64_t left = 0;

    for (unsigned at = 1; at < counts->temp_dirs && !kernel_drops(snapshot); at++) {
        if (counts->temp_dir[at].keeps_negatives)
            left += counts->counter[TC_AT_TEMP_CLOSED + at];
    }
    return left;
}

/* ---- findings ----------------------------------------------------------------- */

static tc_finding *add(tc_diagnosis *diagnosis, tc_severity severity, const char *id)
{
    tc_finding *finding = &diagnosis->finding[diagnosis->findings];

    if (diagnosis->findings == TC_FINDINGS)
        return &diagnosis->finding[TC_FINDINGS - 1];
    diagnosis->findings++;
    finding->severity = severity;
    finding->id = id;
    return finding;
}

static void set_text(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void set_text(char *text, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(text, size, format, args);
    va_end(args);
}

#define SET_TEXT(finding, part, ...) \
    set_text((finding)->part, sizeof(finding)->part, __VA_ARGS__)

static void check_method(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    uint64_t left = tc_snapshot_left(snapshot);
    char bytes[32], so_far[96] = "";

    if (snapshot->method != TC_TEMP_NAMED || kernel_drops(snapshot))
        return;
    tc_chart_number(bytes, sizeof bytes, (double)left * TC_DENTRY_BYTES, TC_UNIT_BYTES);
    if (left)
        snprintf(so_far, sizeof so_far, ", %" PRIu64 " (%s) so far", left, bytes);
    for (unsigned at = 0; at < snapshot->temp_dirs; at++) {
        const tc_snapshot_temp_dir *temp_dir = &snapshot->temp_dir[at];
        tc_finding *finding;

        if (temp_dir->number == 0 || !temp_dir->fs.keeps_negatives)
            continue;
        finding = add(diagnosis, TC_WARNING, "method_leaves_dentries");
        SET_TEXT(finding, what,
                 "%.160s is %s and the method is named: each temporary file leaves a negative "
                 "dentry "
                 "in kernel memory%s",
                 temp_dir->path, temp_dir->fs.name, so_far);
        SET_TEXT(finding, todo, "Set TmpfsConvertTempMethod auto");
        return;
    }
}

static bool is_usable(const tc_snapshot_temp_dir *temp_dir)
{
    return temp_dir->number == 0 ||
           (!temp_dir->available.error && temp_dir->available.value > temp_dir->reserve);
}

/* One that nobody asked for is not a fault while others take its place. */
static void check_temp_dir(tc_diagnosis *diagnosis, const tc_snapshot_temp_dir *temp_dir,
                           bool others)
{
    bool missing = temp_dir->available.error != 0;
    tc_finding *finding = add(diagnosis, temp_dir->named || !others ? TC_WARNING : TC_NOTE,
                              missing ? "temp_dir_unusable" : "temp_dir_full");
    const char *kind = temp_dir->named ? "" : ", one of the defaults,";
    char words[120];

    if (missing)
        SET_TEXT(finding, what, "The temporary directory %.160s%s cannot be used: %s",
                 temp_dir->path, kind,
                 tc_reading_reason(temp_dir->available.error, words, sizeof words));
    else
        SET_TEXT(finding, what, "The temporary directory %.160s%s is full to its reserve",
                 temp_dir->path, kind);
    if (!temp_dir->named)
        SET_TEXT(finding, todo, "%sset TmpfsConvertTempDir to replace the defaults",
                 others ? "The others are used; " : "Make room there, or ");
    else if (missing)
        SET_TEXT(finding, todo, "Repair it, or remove it from TmpfsConvertTempDir");
    else
        SET_TEXT(finding, todo,
                 "Make room there, or give TmpfsConvertTempDir another directory");
}

static void check_temp_dirs(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    unsigned usable = 0;

    for (unsigned at = 0; at < snapshot->temp_dirs; at++)
        usable += is_usable(&snapshot->temp_dir[at]);
    for (unsigned at = 0; at < snapshot->temp_dirs; at++) {
        if (!is_usable(&snapshot->temp_dir[at]))
            check_temp_dir(diagnosis, &snapshot->temp_dir[at], usable > 0);
    }
    if (usable == 0) {
        tc_finding *finding = add(diagnosis, TC_WARNING, "no_temp_dir");
        SET_TEXT(finding, what, "No directory for temporary files is usable");
        SET_TEXT(finding, todo,
                 "Set TmpfsConvertTempDir to a directory that the server's User can write to");
    }
}

static void check_temp_memory(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    double bound = (double)snapshot->temp_memory_bound, used = (double)snapshot->temp_memory;
    bool disk = false;
    char text[32];
    tc_finding *finding;

    for (unsigned at = 0; at < snapshot->temp_dirs; at++)
        disk |= snapshot->temp_dir[at].number && !snapshot->temp_dir[at].fs.in_memory;
    if (snapshot->temp_memory_bound == TC_UNLIMITED || bound == 0 || used <= TEMP_SHARE * bound)
        return;
    finding = add(diagnosis, TC_WARNING, "temp_memory_near_limit");
    tc_chart_number(text, sizeof text, bound, TC_UNIT_BYTES);
    SET_TEXT(finding, what, "Temporary files in memory take %.0f %% of their limit of %s%s",
             100 * used / bound, text, disk ? "" : ", and no directory is on a disk");
    SET_TEXT(finding, todo,
             disk ? "Further files go to a disk; raise TmpfsConvertTempMemory if there is "
                    "memory for it"
                  : "Name one in TmpfsConvertTempDir, or raise TmpfsConvertTempMemory; "
                    "otherwise answers will be 503");
}

/* Whose they are: what this server counted is the lesser part or not. */
static void point_elsewhere(tc_finding *finding, const tc_snapshot *snapshot)
{
    uint64_t left = tc_snapshot_left(snapshot);
    tc_reading negative = snapshot->host.dentry.negative;

    if (left && (negative.error || left * 2 > negative.value))
        SET_TEXT(finding, todo,
                 "Set TmpfsConvertTempMethod auto: this server's temporary files left these "
                 "dentries");
    else
        SET_TEXT(
            finding, todo,
            "It is not this server's temporary files; find the program that makes and removes "
            "files: perf record -a -e ext4:ext4_unlink_enter -- sleep 10. As root, "
            "sysctl vm.drop_caches=2 frees it for now");
}

static void check_slab(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    bool estimated;
    tc_reading bytes = tc_host_dentry_bytes(&snapshot->host, &estimated);
    tc_reading total = snapshot->host.memory.total;
    double growth = tc_snapshot_growth(snapshot, WINDOW);
    char size[32], rate[32];
    tc_finding *finding;

    if (!bytes.error && !total.error && total.value &&
        (double)bytes.value > SLAB_SHARE * (double)total.value) {
        finding = add(diagnosis, TC_WARNING, "dentry_slab_large");
        tc_chart_number(size, sizeof size, (double)bytes.value, TC_UNIT_BYTES);
        SET_TEXT(finding, what,
                 "The kernel's dentry slab takes %s, %.0f %% of this host's memory", size,
                 100.0 * (double)bytes.value / (double)total.value);
        point_elsewhere(finding, snapshot);
    }
    if (growth > GROWTH && grew_by_negatives(snapshot)) {
        finding = add(diagnosis, TC_WARNING, "dentry_slab_grows");
        tc_chart_number(rate, sizeof rate, growth * 3600, TC_UNIT_BYTES);
        SET_TEXT(finding, what, "The kernel's dentry slab grows by %s an hour", rate);
        point_elsewhere(finding, snapshot);
    }
}

static void check_memory(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    const tc_cgroup *cgroup = &snapshot->host.cgroup;
    tc_finding *finding;
    char rate[32];

    if (!cgroup->error && !cgroup->limit.error && !cgroup->usage.error &&
        cgroup->limit.value != TC_UNLIMITED && cgroup->limit.value &&
        (double)cgroup->usage.value > CGROUP_SHARE * (double)cgroup->limit.value) {
        finding = add(diagnosis, TC_WARNING, "cgroup_near_limit");
        SET_TEXT(finding, what, "This server's memory cgroup is at %.0f %% of its limit",
                 100.0 * (double)cgroup->usage.value / (double)cgroup->limit.value);
        SET_TEXT(finding, todo,
                 "Raise the limit of the container or unit, or see what fills it below");
    }
    if (snapshot->samples &&
        snapshot->sample[snapshot->samples - 1].swapped_in_bytes > SWAPPING) {
        finding = add(diagnosis, TC_WARNING, "swapping");
        tc_chart_number(rate, sizeof rate,
                        snapshot->sample[snapshot->samples - 1].swapped_in_bytes,
                        TC_UNIT_BYTES);
        SET_TEXT(finding, what, "This host swaps in %s a second", rate);
        SET_TEXT(finding, todo,
                 "The host is short of memory: the memory chart shows what uses it");
    }
}

/* Pictures that are missing from somebody's page, or late. */
static void check_queue(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    const tc_admission_now *now = &snapshot->admitted;
    const tc_admission_limits *bounds = &snapshot->bounds;
    tc_finding *finding;

    if (now->lately.refused) {
        finding = add(diagnosis, TC_WARNING, "requests_refused");
        SET_TEXT(finding, what,
                 "%" PRIu64
                 " requests for conversions were refused in the last ten minutes, and "
                 "%" PRIu64 " served",
                 now->lately.refused, now->lately.served);
        if (!bounds->timed)
            SET_TEXT(
                finding, todo,
                "Leave QUEUE out of TmpfsConvertMaxActive, so that the queue is bounded by "
                "time, or raise it; put a cache in front");
        else if (bounds->workers && bounds->workers < 64)
            SET_TEXT(
                finding, todo,
                "Raise MaxRequestWorkers, which is %u, so that more can wait; put a cache in "
                "front, or add processors",
                bounds->workers);
        else
            SET_TEXT(finding, todo,
                     "Put a cache in front, add processors, or raise the WAIT of "
                     "TmpfsConvertMaxActive (N auto WAIT)");
    }
    if (now->lately.waited_long * 2 > now->lately.served) {
        finding = add(diagnosis, TC_WARNING, "waits_long");
        SET_TEXT(
            finding, what,
            "More than half of the conversions of the last ten minutes waited over a second");
        SET_TEXT(finding, todo, "Put a cache in front, or add processors");
    }
}

static void check_converters(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    tc_finding *finding;

    if (!snapshot->converters_missing)
        return;
    finding = add(diagnosis, TC_WARNING, "converters_missing");
    SET_TEXT(finding, what, "Of %u converter processes only %" PRIu64 " can be started",
             snapshot->converters, snapshot->counts->gauge[TC_NOW_CONVERTERS]);
    SET_TEXT(finding, todo,
             "TC0132 in the error log says why: a limit of processes (ulimit -u, TasksMax=), "
             "or what this system lacks for their locks");
}

static void note_estimates(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    char words[120];
    tc_finding *finding;

    if (snapshot->host.slab.error) {
        finding = add(diagnosis, TC_NOTE, "slab_estimated");
        SET_TEXT(finding, what,
                 "The slab's size is an estimate, %d bytes a dentry: /proc/slabinfo: %s",
                 TC_DENTRY_BYTES,
                 tc_reading_reason(snapshot->host.slab.error, words, sizeof words));
        SET_TEXT(finding, todo,
                 "Start httpd as root, as distributions do, to get the true figure");
    }
    if (snapshot->interval == 0) {
        finding = add(diagnosis, TC_NOTE, "no_history");
        SET_TEXT(finding, what, "No samples are taken, so there are no charts over time");
        SET_TEXT(finding, todo, "Set TmpfsConvertHistory 10");
    }
}

/* ---- the sentence --------------------------------------------------------------- */

static void summarize_well(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    bool estimated;
    tc_reading bytes = tc_host_dentry_bytes(&snapshot->host, &estimated);
    char slab[32] = "unknown";
    const char *leaves = "its temporary files have left no dentry behind";
    char left[80];

    if (!bytes.error)
        tc_chart_number(slab, sizeof slab, (double)bytes.value, TC_UNIT_BYTES);
    if (tc_snapshot_left(snapshot)) {
        snprintf(left, sizeof left,
                 "its temporary files leave no dentry now (%" PRIu64 " are from before)",
                 tc_snapshot_left(snapshot));
        leaves = left;
    }
    snprintf(
        diagnosis->summary, sizeof diagnosis->summary,
        "All is well: this server answers conversions, %s, and the kernel's dentry slab is "
        "%s%s.",
        leaves, estimated ? "about " : "", slab);
}

static void summarize(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    const tc_finding *first = &diagnosis->finding[0];
    unsigned warnings = 0;
    char more[48] = "";

    for (unsigned at = 0; at < diagnosis->findings; at++)
        warnings += diagnosis->finding[at].severity == TC_WARNING;
    diagnosis->well = warnings == 0;
    if (diagnosis->well) {
        summarize_well(diagnosis, snapshot);
        return;
    }
    if (warnings > 1)
        snprintf(more, sizeof more, " (and %u more, below)", warnings - 1);
    snprintf(diagnosis->summary, sizeof diagnosis->summary, "%s%s. %s.", first->what, more,
             first->todo);
}

void tc_diagnose(tc_diagnosis *diagnosis, const tc_snapshot *snapshot)
{
    memset(diagnosis, 0, sizeof *diagnosis);
    check_converters(diagnosis, snapshot);
    check_method(diagnosis, snapshot);
    check_temp_dirs(diagnosis, snapshot);
    check_temp_memory(diagnosis, snapshot);
    check_slab(diagnosis, snapshot);
    check_memory(diagnosis, snapshot);
    check_queue(diagnosis, snapshot);
    note_estimates(diagnosis, snapshot);
    summarize(diagnosis, snapshot);
}
