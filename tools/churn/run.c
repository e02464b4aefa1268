/* SPDX-License-Identifier: Apache-2.0 */
/* One run: the parent forks the workers, watches them, and measures what they left. */
#define _GNU_SOURCE
#include "run.h"

#include "guard.h"
#include "keeper.h"
#include "report.h"
#include "sample.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GUARD_PERIOD 0.25
#define STOP_SECONDS 2.0
#define HOG_HOLD     2.0

typedef struct run_state {
    churn_context *context;
    const churn_options *options;
    churn_workdir *workdir;
    churn_result *result;
    churn_guard guard;
    unsigned alive;
    int64_t since; /* seconds since 1970 */
    double started, next_guard, next_sample, period;
    double gauge_start, gauge_peak, fell;
    churn_timed hog, drop; /* value 0: done or not asked for */
} run_state;

static uint64_t files_of(const churn_slot *slot)
{
    uint64_t files = 0;

    for (int part = 0; part < CHURN_PARTS; part++)
        files += slot->files[part];
    return files;
}

static void end_as(run_state *run, churn_ending ending, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The first reason to end is the one. */
static void end_as(run_state *run, churn_ending ending, const char *format, ...)
{
    va_list arguments;

    run->context->shared->stop = true;
    if (run->result->ending != CHURN_DONE)
        return;
    run->result->ending = ending;
    va_start(arguments, format);
    vsnprintf(run->result->why, sizeof(run->result->why), format, arguments);
    va_end(arguments);
}

/* ---- workers ------------------------------------------------------------------------- */

static void note_end(run_state *run, unsigned index, int status)
{
    churn_slot *slot = &run->context->shared->slot[index];

    slot->pid = 0;
    run->alive--;
    if (WIFSIGNALED(status)) {
        bool memory = WTERMSIG(status) == SIGKILL && run->context->memcg.version;

        end_as(run, CHURN_FAILED, "worker %u was killed by signal %d (%s)%s", index,
               WTERMSIG(status), strsignal(WTERMSIG(status)),
               memory ? ", perhaps by the memory cgroup" : "");
    } else if (slot->error) {
        run->result->error = slot->error;
        end_as(run, CHURN_FAILED, "worker %u: %s in %s: %s", index,
               run->options->method[0]->name, run->workdir->path, strerror(slot->error));
    }
}

static void reap(run_state *run, int flags)
{
    for (unsigned i = 0; i < run->workdir->workers && run->alive; i++) {
        pid_t pid = run->context->shared->slot[i].pid, done;
        int status;

        if (pid == 0)
            continue;
        do
            done = waitpid(pid, &status, flags);
        while (done < 0 && errno == EINTR);
        if (done == pid)
            note_end(run, i, status);
    }
}

static void kill_all(const run_state *run, int signal)
{
    for (unsigned i = 0; i < run->workdir->workers; i++) {
        if (run->context->shared->slot[i].pid)
            kill(run->context->shared->slot[i].pid, signal);
    }
}

static void start_workers(run_state *run)
{
    churn_shared *shared = run->context->shared;
    pid_t parent = getpid();

    memset(shared->slot, 0, sizeof(*shared->slot) * run->workdir->workers);
    shared->stop = false;
    shared->left = (int64_t)run->options->files;
    fflush(NULL);
    run->started = churn_now();
    for (unsigned i = 0; i < run->workdir->workers; i++) {
        pid_t pid = fork();

        if (pid == 0)
            churn_work(run->context, run->options, run->workdir, i, parent);
        if (pid < 0) {
            end_as(run, CHURN_FAILED, "worker %u could not be forked: %s", i, strerror(errno));
            return;
        }
        shared->slot[i].pid = pid;
        run->alive++;
    }
}

static void stop_workers(run_state *run)
{
    double until = churn_now() + STOP_SECONDS;

    run->context->shared->stop = true;
    /* Out of a long pause; a file that is being made is finished first. */
    kill_all(run, SIGTERM);
    for (reap(run, WNOHANG); run->alive && churn_now() < until; reap(run, WNOHANG))
        churn_wait(until);
    kill_all(run, SIGKILL);
    reap(run, 0);
}

/* ---- while they work ------------------------------------------------------------------- */

static double gauge_now(const run_state *run)
{
    tc_reading reading = churn_gauge_read(&run->context->gauge);

    return reading.error ? 0 : (double)reading.value;
}

static void sample(run_state *run)
{
    churn_sample sample;

    if (!run->context->report)
        return;
    churn_sample_take(&sample, run->context);
    churn_report_sample(run->context->report, &sample);
}

static void check_guards(run_state *run)
{
    churn_result *result = run->result;
    double gauge = gauge_now(run);

    result->files = 0;
    for (unsigned i = 0; i < run->workdir->workers; i++)
        result->files += files_of(&run->context->shared->slot[i]);
    if (gauge > run->gauge_peak)
        run->gauge_peak = gauge;
    else if (run->gauge_peak - gauge > run->fell)
        run->fell = run->gauge_peak - gauge;
    if (churn_guard_trips(&run->guard, run->context, run->options, run->workdir, result->files,
                          result->why, sizeof(result->why))) {
        char why[sizeof(result->why)];

        strcpy(why, result->why);
        end_as(run, CHURN_GUARDED, "%s", why);
    }
    if (run->context->report && ferror(churn_report_text(run->context->report)))
        end_as(run, CHURN_FAILED, "nobody reads what is written");
}

static void drop_caches(run_state *run)
{
    int rc = churn_drop_caches((unsigned)run->drop.value, run->result);

    if (rc)
        end_as(run, CHURN_FAILED, "vm.drop_caches: %s", strerror(rc));
    run->drop.value = 0;
}

static void start_hog(run_state *run)
{
    int rc = churn_hog_start(&run->context->shared->hog, &run->context->memcg, run->hog.value,
                             HOG_HOLD);

    if (rc)
        end_as(run, CHURN_FAILED, "--hog: fork: %s", strerror(rc));
    run->hog.value = 0;
}

static bool due(const churn_timed *timed, double at)
{
    return timed->value && timed->at >= 0 && at >= timed->at;
}

static void tick(run_state *run)
{
    double now = churn_now();

    if (now >= run->next_guard) {
        check_guards(run);
        run->next_guard = now + GUARD_PERIOD;
    }
    if (due(&run->hog, now - run->started))
        start_hog(run);
    if (due(&run->drop, now - run->started))
        drop_caches(run);
    if (now >= run->next_sample) {
        sample(run);
        run->next_sample += run->period * (1 + floor((now - run->next_sample) / run->period));
    }
    /* They end by themselves; this is for one that hangs. */
    if (now >= run->started + run->options->duration + 1)
        run->context->shared->stop = true;
}

static void watch(run_state *run)
{
    while (run->alive && !run->context->shared->stop) {
        int signal =
            churn_wait(run->next_guard < run->next_sample ? run->next_guard : run->next_sample);

        if (signal == SIGCHLD) {
            reap(run, WNOHANG);
        } else if (signal) {
            run->result->signal = signal;
            end_as(run, CHURN_SIGNALLED, "signal %d (%s)", signal, strsignal(signal));
        }
        tick(run);
    }
}

/* ---- before and after ----------------------------------------------------------------------
 */

/* The gauge's change a second with nothing of ours running. */
static void measure_idle(run_state *run)
{
    double seconds = run->options->duration / 20 < 1 ? run->options->duration / 20 : 1;
    double before = gauge_now(run), start = churn_now();
    struct timespec nap = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};

    nanosleep(&nap, NULL);
    run->result->idle_rate = (gauge_now(run) - before) / (churn_now() - start);
}

static void hog_before(run_state *run)
{
    churn_hog *hog = &run->context->shared->hog;
    int rc = churn_hog_start(hog, &run->context->memcg, run->hog.value, 0);

    if (rc || !churn_hog_wait(hog)) {
        end_as(run, CHURN_FAILED, "--hog: %llu of %llu MB were to be had even before: %s",
               (unsigned long long)hog->mb, (unsigned long long)run->hog.value,
               strerror(rc           ? rc
                        : hog->error ? hog->error
                                     : ENOMEM));
    }
    run->result->hog_before_ns = hog->total_ns;
    run->result->hog_before_worst_ns = hog->worst_ns;
}

static void begin(run_state *run)
{
    run->hog = run->options->hog;
    run->drop = run->options->drop;
    run->since = (int64_t)time(NULL) - 1;
    run->period = run->options->interval / ceil(run->options->interval);
    if (run->workdir->parts)
        run->result->keeps_any = churn_canary_probe(&run->context->gauge, run->workdir);
    churn_guard_begin(&run->guard, run->context, run->options);
    check_guards(run);
    if (run->hog.value && run->result->ending == CHURN_DONE)
        hog_before(run);
    if (run->context->report)
        measure_idle(run);
    run->gauge_start = run->gauge_peak = gauge_now(run);
    run->fell = 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static bool remove_part(run_state *run, unsigned worker, unsigned part, double *drop)
{
    double start = churn_now();
    char name[32];
    int rc, fd;

    churn_workdir_part(name, sizeof(name), worker, part);
    rc = churn_gauge_rmdir(&run->context->gauge, run->workdir->fd, name, drop);
    if (rc == ENOTEMPTY || rc == EEXIST) {
        fd = openat(run->workdir->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0) {
            churn_empty(fd);
            close(fd);
        }
        rc = churn_gauge_rmdir(&run->context->gauge, run->workdir->fd, name, drop);
    }
    run->result->gave_back_ms += (churn_now() - start) * 1000;
    return rc == 0;
}

static void measure_parts(run_state *run)
{
    churn_result *result = run->result;
    unsigned parts = run->workdir->workers * run->workdir->parts, used = 0;
    double *ratio = malloc(sizeof(*ratio) * parts);

    result->by_rmdir = true;
    for (unsigned worker = 0; ratio && worker < run->workdir->workers; worker++) {
        for (unsigned part = 0; part < run->workdir->parts; part++) {
            uint64_t files = run->context->shared->slot[worker].files[part];
            double drop;

            if (!remove_part(run, worker, part, &drop) || files == 0)
                continue;
            result->retained += drop;
            ratio[used++] = drop / (double)files;
        }
    }
    if (used) {
        qsort(ratio, used, sizeof(*ratio), by_size);
        result->ratio = (ratio[used / 2] + ratio[(used - 1) / 2]) / 2;
        /* Not to be shown as -0.0000. */
        if (fabs(result->ratio) < 0.00005)
            result->ratio = 0;
    }
    result->measured = used > 0;
    /* One name that stays in each, as same-name's, would count for too much in few. */
    result->few = result->files < 1000 || result->files < 40u * parts;
    free(ratio);
}

static void measure_host(run_state *run)
{
    churn_result *result = run->result;
    double others = result->idle_rate * result->seconds;

    result->by_rmdir = false;
    result->retained = result->host_delta - others;
    result->measured = result->files > 0;
    result->ratio = result->files ? result->retained / (double)result->files : 0;
    result->few = result->files < 1000;
    result->noisy = fabs(others) > 0.05 * (double)result->files;
}

static void measure(run_state *run)
{
    churn_result *result = run->result;
    bool alive = run->workdir->parts && churn_canary_alive(&run->context->gauge, run->workdir);

    if (run->workdir->parts)
        result->reclaimed = result->keeps_any && !alive;
    else
        result->reclaimed = run->fell > 1000 && run->fell > 0.05 * (double)result->files;
    if (alive)
        result->host_delta -= CHURN_CANARIES;
    if (run->workdir->parts && !run->options->keep)
        measure_parts(run);
    else
        measure_host(run);
}

static void count_files(run_state *run)
{
    uint64_t busy = 0;
    churn_result *result = run->result;

    result->seconds = churn_now() - run->started;
    result->files = 0;
    for (unsigned i = 0; i < run->workdir->workers; i++) {
        result->files += files_of(&run->context->shared->slot[i]);
        busy += run->context->shared->slot[i].busy_ns;
    }
    if (result->files)
        result->us_a_file = (double)busy / 1000 / (double)result->files;
}

static void finish(run_state *run)
{
    churn_sample sample;

    stop_workers(run);
    count_files(run);
    run->result->strays = churn_workdir_strays(run->workdir, run->context->shared, run->since);
    run->result->host_delta = gauge_now(run) - run->gauge_start;
    if (run->context->report) {
        churn_sample_take(&sample, run->context);
        churn_report_last(run->context->report, &sample);
    }
    if (run->hog.value && run->result->ending == CHURN_DONE)
        start_hog(run);
    if (run->context->shared->hog.pid > 0)
        churn_hog_wait(&run->context->shared->hog);
    if (run->drop.value && run->result->ending == CHURN_DONE)
        drop_caches(run);
    measure(run);
}

void churn_run(churn_context *context, const churn_options *options, churn_workdir *workdir,
               churn_result *result)
{
    run_state run = {
        .context = context, .options = options, .workdir = workdir, .result = result};

    memset(result, 0, sizeof(*result));
    begin(&run);
    if (result->ending == CHURN_DONE) {
        if (context->report)
            churn_report_begin(context->report, context, options, workdir);
        start_workers(&run);
        run.next_guard = run.started + GUARD_PERIOD;
        run.next_sample = context->report ? run.started : run.started + 1e9;
        if (context->report)
            tick(&run);
        watch(&run);
        finish(&run);
    }
}
