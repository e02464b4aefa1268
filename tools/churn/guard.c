/* SPDX-License-Identifier: Apache-2.0 */
/* What a run must not do to the machine: the least that stays free, the most it takes. */
#include "guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

static double mib(uint64_t bytes)
{
    return (double)bytes / CHURN_MIB;
}

void churn_guard_begin(churn_guard *guard, const churn_context *context,
                       const churn_options *options)
{
    uint64_t mb = 1u << 20, share;
    tc_memory memory;

    tc_memory_read(&memory, NULL);
    guard->gauge = churn_gauge_read(&context->gauge);
    guard->bytes_each = churn_bytes_each(options->name_length);
    guard->floor = options->min_available_mb * mb;
    if (!guard->floor) {
        share = memory.total.error ? 0 : memory.total.value / 100 * 15;
        guard->floor = share > 512 * mb ? share : 512 * mb;
    }
    guard->most = options->max_retained_mb * mb;
    if (!guard->most) {
        share = memory.available.error ? UINT64_MAX : memory.available.value / 10;
        guard->most = share < 512 * mb ? share : 512 * mb;
    }
}

/* By the host's reading, but no more than the files made can have left. */
static bool retains_too_much(const churn_guard *guard, const churn_context *context,
                             uint64_t files, char *why, size_t size)
{
    tc_reading now = churn_gauge_read(&context->gauge);
    uint64_t grown = 0;

    if (!now.error && !guard->gauge.error && now.value > guard->gauge.value)
        grown = now.value - guard->gauge.value;
    if (grown > files)
        grown = files;
    if ((double)grown * guard->bytes_each < (double)guard->most)
        return false;
    snprintf(why, size, "%.0f MB of kernel memory retained (--max-retained-mb)",
             mib(guard->most));
    return true;
}

static bool memory_short(const churn_guard *guard, const churn_context *context,
                         const churn_options *options, char *why, size_t size)
{
    uint64_t planned = 0;
    tc_memory memory;

    tc_memory_read(&memory, NULL);
    if (memory.available.error)
        return false;
    /* What it will take; once it runs, that is no longer available anyway. */
    if (options->hog.value && context->shared->hog.pid <= 0)
        planned = (options->memcg_mb ? options->memcg_mb : options->hog.value) << 20;
    if (memory.available.value >= guard->floor + planned)
        return false;
    snprintf(why, size, "%.0f MB of memory available, %.0f are to stay%s (--min-available-mb)",
             mib(memory.available.value), mib(guard->floor), planned ? " beside --hog" : "");
    return true;
}

static bool cgroup_full(char *why, size_t size)
{
    tc_cgroup own;

    tc_cgroup_read(&own, NULL);
    if (own.error || own.limit.error || own.usage.error || own.limit.value == TC_UNLIMITED ||
        own.usage.value < own.limit.value / 10 * 9)
        return false;
    snprintf(why, size,
             "%.0f of the %.0f MB of this memory cgroup are used: 90 %% (--memcg "
             "makes one of its own)",
             mib(own.usage.value), mib(own.limit.value));
    return true;
}

static bool disk_full(const churn_workdir *workdir, uint64_t percent, char *why, size_t size)
{
    struct statvfs st;
    const char *what = NULL;

    if (fstatvfs(workdir->fd, &st))
        return false;
    /* Those that do not count have a total of 0. */
    if (st.f_blocks && (double)st.f_bavail < (double)st.f_blocks * (double)percent / 100)
        what = "blocks";
    else if (st.f_files && (double)st.f_favail < (double)st.f_files * (double)percent / 100)
        what = "inodes";
    if (!what)
        return false;
    snprintf(why, size, "less than %llu %% of the %s free in %.150s (--min-free)",
             (unsigned long long)percent, what, workdir->base);
    return true;
}

bool churn_guard_trips(const churn_guard *guard, const churn_context *context,
                       const churn_options *options, const churn_workdir *workdir,
                       uint64_t files, char *why, size_t size)
{
    return retains_too_much(guard, context, files, why, size) ||
           memory_short(guard, context, options, why, size) ||
           (!context->memcg.version && cgroup_full(why, size)) ||
           disk_full(workdir, options->min_free_percent, why, size);
}
