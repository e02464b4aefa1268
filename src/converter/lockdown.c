/* SPDX-License-Identifier: Apache-2.0 */
/* For O_PATH. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "apart.h"
#include "base/clock.h"
#include "host/reading.h"
#include "inherited.h"
#include "landlock.h"
#include "seccomp.h"

/* ---- what there is ---------------------------------------------------------------------- */

static int try_landlock(void)
{
    unsigned abi = tc_landlock_abi();

    return abi && tc_landlock_apply(abi) == 0 ? (int)abi : 0;
}

static int try_seccomp(void)
{
    return tc_seccomp_known() && tc_seccomp_apply() == 0;
}

tc_locks tc_lockdown_now(void)
{
    tc_locks now = {TC_LOCK_LIMITS, tc_apart(try_landlock)};

    if (now.landlock)
        now.locks |= TC_LOCK_LANDLOCK;
    if (tc_apart(try_seccomp))
        now.locks |= TC_LOCK_SECCOMP;
    return now;
}

char *tc_lockdown_text(unsigned locks, char *text, size_t size)
{
#define X(id, name) name,
    static const char *const names[] = {TC_LOCKS(X)};
#undef X
    size_t length = 0;

    snprintf(text, size, "none");
    for (unsigned i = 0; i < TC_LOCK_COUNT && length < size; i++) {
        if (locks & 1u << i)
            length += (size_t)snprintf(text + length, size - length, "%s%s", length ? ", " : "",
                                       names[i]);
    }
    return text;
}

/* ---- limits ------------------------------------------------------------------------------ */

/* The resource's limit is `most`, or what it was where that is less. */
static int lower(int resource, uint64_t most)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0)
        return errno;
    if (limit.rlim_max > most)
        limit.rlim_max = (rlim_t)most;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) == 0 ? 0 : errno;
}

static int highest(const int *keep, size_t count)
{
    int most = STDERR_FILENO;

    for (size_t i = 0; i < count; i++) {
        if (keep[i] > most)
            most = keep[i];
    }
    return most;
}

#ifdef TC_GUARDED
#define LIMITS_SPACE false /* a sanitizer's shadow takes address space as it likes */
#else
#define LIMITS_SPACE true
#endif

static uint64_t with(uint64_t base, uint64_t bytes)
{
    uint64_t space;

    return bytes && !__builtin_add_overflow(base + TC_LOCKDOWN_SPARE, bytes, &space)
               ? space
               : RLIM_INFINITY;
}

static int limit_process(const tc_lockdown_spec *spec, uint64_t base)
{
    const struct {
        int resource;
        uint64_t most;
    } limits[] = {
        {RLIMIT_NOFILE, (uint64_t)highest(spec->keep, spec->keep_count) + 1 + spec->files},
        {RLIMIT_FSIZE, spec->file_bytes},
        {RLIMIT_NPROC, 0},
        {RLIMIT_CORE, 0},
        /* Twice: for a job, and for what malloc has kept of those before. */
        {RLIMIT_AS, LIMITS_SPACE ? with(base, 2 * spec->most_bytes) : RLIM_INFINITY},
    };
    int error = 0;

    /* A write past RLIMIT_FSIZE fails; processor time past RLIMIT_CPU ends the process. */
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || signal(SIGXCPU, SIG_DFL) == SIG_ERR)
        error = errno;
    for (size_t i = 0; !error && i < sizeof(limits) / sizeof(*limits); i++)
        error = lower(limits[i].resource, limits[i].most);
    return error;
}

/* A limit of this process as the last job had it: a call that changes nothing is left out. */
typedef struct job_limit {
    int resource;
    bool known;
    struct rlimit now;
} job_limit;

static int limit_job(job_limit *limit, uint64_t most)
{
    struct rlimit wanted;

    if (!limit->known && getrlimit(limit->resource, &limit->now) != 0)
        return errno;
    limit->known = true;
    wanted = limit->now;
    wanted.rlim_cur = most < wanted.rlim_max ? (rlim_t)most : wanted.rlim_max;
    if (wanted.rlim_cur == limit->now.rlim_cur)
        return 0;
    if (setrlimit(limit->resource, &wanted) != 0)
        return errno;
    limit->now = wanted;
    return 0;
}

/* Of this process, by its open /proc/self/statm, which is a system call; 0: not known. */
static uint64_t space_now(int statm)
{
    char text[256];
    ssize_t length = pread(statm, text, sizeof text - 1, 0);

    text[length > 0 ? length : 0] = '\0';
    return tc_reading_parse(text, NULL).value * (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * Whether malloc has its blocks from elsewhere than glibc's does, which grows the heap: one
 * that was loaded before it (jemalloc), which may keep address space that it does not use.
 */
static bool is_malloc_foreign(void)
{
    void *block = malloc(1000);
    bool foreign = !block || (uintptr_t)block >= (uintptr_t)sbrk(0);

    free(block);
    return foreign;
}

/*
 * What malloc has of the jobs before. Blocks that a picture leaves behind below one that stays
 * are malloc's, not the next job's: that can use them, but large blocks of its own come from
 * elsewhere.
 */
static uint64_t kept_bytes(const tc_lockdown *lockdown)
{
    uint64_t now = (uintptr_t)sbrk(0), before = lockdown->heap_end;

    if (lockdown->statm >= 0) {
        now = space_now(lockdown->statm);
        before = lockdown->base_bytes;
    }
    return now > before ? now - before : 0;
}

int tc_lockdown_space(const tc_lockdown *lockdown, uint64_t bytes)
{
    static job_limit space = {.resource = RLIMIT_AS};

    if (!(lockdown->locks & TC_LOCK_LIMITS) || !LIMITS_SPACE)
        return 0;
    return limit_job(&space, with(lockdown->base_bytes + kept_bytes(lockdown), bytes));
}

bool tc_lockdown_is_worn(const tc_lockdown *lockdown)
{
    return lockdown->locks & TC_LOCK_LIMITS && LIMITS_SPACE && lockdown->statm >= 0 &&
           lockdown->most_bytes && kept_bytes(lockdown) > lockdown->most_bytes;
}

/*
 * Whole seconds that this process, which has one thread, cannot have used yet. They are asked
 * for once a second: that is a system call, and the processor's time is never ahead of the
 * clock's.
 */
static uint64_t next_second(void)
{
    static uint64_t next, asked_ns;
    uint64_t now = tc_clock_ns();
    struct timespec used;

    if (asked_ns && now - asked_ns < UINT64_C(1000000000))
        return next;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0)
        return RLIM_INFINITY;
    asked_ns = now;
    next = (uint64_t)used.tv_sec + 2;
    return next;
}

int tc_lockdown_time(const tc_lockdown *lockdown, unsigned seconds)
{
    static job_limit time = {.resource = RLIMIT_CPU};
    uint64_t end;

    if (!(lockdown->locks & TC_LOCK_LIMITS))
        return 0;
    end = seconds ? next_second() : RLIM_INFINITY;
    return limit_job(&time, end < RLIM_INFINITY ? end + seconds : end);
}

/* ---- the locks -----------------------------------------------------------------------------
 */

/* -1: not opened yet. */
static int proc = -1, null = -1;

int tc_lockdown_prepare(void)
{
    if (proc < 0)
        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (null < 0)
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
    return proc < 0 || null < 0 ? errno : 0;
}

/* Filters and domains hold for the thread that asks for them. */
static int check_threads(void)
{
    char text[8192];
    int error = tc_reading_file(NULL, "self/status", text, sizeof(text));
    tc_reading threads = error ? tc_reading_missing(error) : tc_reading_keyed(text, "Threads");

    if (threads.error)
        return threads.error;
    return threads.value == 1 ? 0 : EBUSY;
}

/* Where malloc is glibc's no descriptor is left. */
static int read_base(tc_lockdown *lockdown)
{
    int statm = open("self/statm", O_RDONLY | O_CLOEXEC);

    if (statm < 0)
        return errno;
    lockdown->base_bytes = space_now(statm);
    if (is_malloc_foreign())
        lockdown->statm = statm;
    else
        close(statm);
    return lockdown->base_bytes ? 0 : EINVAL;
}

/*
 * Not dumpable: a core has what httpd's parent had in memory, and RLIMIT_CORE does not hold
 * for a core_pattern with a program; nor can another process of the same user then read or
 * trace this one.
 */
static int give_up_rights(void)
{
    umask(077);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return errno;
    return 0;
}

static tc_error failed(tc_fail *fail, const char *what, int error)
{
    return tc_fail_set(fail, TC_E_INTERNAL, "converter not locked: %s: %s", what,
                       strerror(error));
}

/* What it has from the process that forked it; and the size that is left. */
static tc_error give_back(const tc_lockdown_spec *spec, tc_lockdown *lockdown, tc_fail *fail)
{
    int error = tc_lockdown_prepare();

    if (error || fchdir(proc) != 0)
        return failed(fail, "/proc or /dev/null", error ? error : errno);
    if ((error = check_threads()) != 0)
        return failed(fail, "threads", error);
    if ((error = tc_inherited_close(spec->keep, spec->keep_count, null)) != 0)
        return failed(fail, "descriptors", error);
    proc = null = -1;
    if ((error = tc_inherited_unmap(spec->share, spec->share_count)) != 0)
        return failed(fail, "shared memory", error);
    if ((error = read_base(lockdown)) != 0)
        return failed(fail, "/proc/self/statm", error);
    return chdir("/") == 0 ? TC_E_OK : failed(fail, "/", errno);
}

tc_error tc_lockdown_apply(const tc_lockdown_spec *spec, tc_lockdown *lockdown, tc_fail *fail)
{
    int error;

    *lockdown = (tc_lockdown){
        .heap_end = (uintptr_t)sbrk(0), .most_bytes = spec->most_bytes, .statm = -1};
    /* Little CMS writes the date into profiles; from here on /etc/localtime cannot be read. */
    tzset();
    if (give_back(spec, lockdown, fail))
        return fail->error;
    if (spec->locks & TC_LOCK_LIMITS &&
        (error = limit_process(spec, lockdown->base_bytes)) != 0)
        return failed(fail, "limits", error);
    if ((error = give_up_rights()) != 0)
        return failed(fail, "privileges", error);
    if (spec->locks & TC_LOCK_LANDLOCK && (error = tc_landlock_apply(tc_landlock_abi())) != 0)
        return failed(fail, "Landlock", error);
    if (spec->locks & TC_LOCK_SECCOMP && (error = tc_seccomp_apply()) != 0)
        return failed(fail, "seccomp", error);
    lockdown->locks = spec->locks;
    return TC_E_OK;
}
