/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's life. */
#define _GNU_SOURCE
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

typedef struct worker_state {
    const churn_context *context;
    const churn_options *options;
    const churn_workdir *workdir;
    churn_slot *slot;
    unsigned index, parts;
    int dir[CHURN_PARTS];
    char path[CHURN_PARTS][CHURN_PATH + 128];
    double deadline;
    churn_hand hand;
} worker_state;

static volatile sig_atomic_t asked_to_end;

static void on_term(int signal)
{
    (void)signal;
    asked_to_end = 1;
}

/* Only the flag and SIGTERM, which the parent's death sends too, end a worker, and both
   only between two files. */
static void take_signals(void)
{
    struct sigaction action = {.sa_handler = on_term};
    sigset_t none;

    sigaction(SIGTERM, &action, NULL);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool at_end(const worker_state *worker)
{
    return asked_to_end || worker->context->shared->stop || churn_now() >= worker->deadline;
}

/* To be woken by SIGTERM, and not to sleep over the end. */
static void nap(const worker_state *worker, double seconds)
{
    double left = worker->deadline - churn_now();
    struct timespec time;

    if (seconds > left)
        seconds = left;
    if (seconds <= 0)
        return;
    time.tv_sec = (time_t)seconds;
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

static int open_parts(worker_state *worker)
{
    const churn_workdir *workdir = worker->workdir;

    worker->parts = workdir->parts ? workdir->parts : 1;
    for (unsigned part = 0; part < worker->parts; part++) {
        char name[32] = ".";

        if (workdir->parts)
            churn_workdir_part(name, sizeof(name), worker->index, part);
        snprintf(worker->path[part], sizeof(worker->path[part]), "%s/%s", workdir->path, name);
        worker->dir[part] = openat(workdir->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (worker->dir[part] < 0)
            return errno;
    }
    return 0;
}

static void turn_to(worker_state *worker, unsigned part)
{
    worker->slot->part = part;
    worker->hand.dir = worker->dir[part];
    worker->hand.path = worker->path[part];
    worker->hand.kept = worker->slot->kept[part];
}

static bool take_ticket(churn_shared *shared)
{
    return atomic_fetch_sub(&shared->left, 1) > 0;
}

static int make_all(worker_state *worker)
{
    const churn_method *method = worker->options->method[0];
    int rc = 0;

    for (unsigned turn = 0; rc == 0 && !at_end(worker); turn++) {
        unsigned part = turn % worker->parts;
        double start;

        if (!take_ticket(worker->context->shared))
            break;
        turn_to(worker, part);
        start = churn_now();
        rc = method->once(&worker->hand);
        atomic_fetch_add(&worker->slot->busy_ns, (uint64_t)((churn_now() - start) * 1e9));
        if (rc == 0)
            atomic_fetch_add(&worker->slot->files[part], 1);
        if (rc == 0 && worker->options->pause > 0)
            nap(worker, worker->options->pause);
    }
    return rc;
}

static int work(worker_state *worker)
{
    const churn_method *method = worker->options->method[0];
    unsigned begun = 0;
    int rc = open_parts(worker);

    if (rc)
        return rc;
    if (worker->index == 0 && worker->workdir->parts)
        churn_canary_leave(worker->workdir);
    nap(worker,
        worker->options->jitter * (double)(worker->hand.random[1] >> 11) / (1ull << 53));
    for (; method->begin && rc == 0 && begun < worker->parts; begun++) {
        turn_to(worker, begun);
        rc = method->begin(&worker->hand);
    }
    if (rc == 0)
        rc = make_all(worker);
    while (method->end && begun-- > 0) {
        turn_to(worker, begun);
        method->end(&worker->hand);
    }
    return rc;
}

void churn_work(const churn_context *context, const churn_options *options,
                const churn_workdir *workdir, unsigned index, pid_t parent)
{
    churn_slot *slot = &context->shared->slot[index];
    worker_state *worker = calloc(1, sizeof(*worker));
    char *data = malloc(options->size + 1);
    int rc = worker && data ? 0 : ENOMEM;

    take_signals();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* It may have died before that. */
    if (getppid() != parent)
        _exit(0);
    if (rc == 0)
        rc = churn_memcg_join(&context->memcg);
    if (rc == 0) {
        memset(data, 'x', options->size + 1);
        worker->context = context;
        worker->options = options;
        worker->workdir = workdir;
        worker->slot = slot;
        worker->index = index;
        worker->deadline = churn_now() + options->duration;
        worker->hand.data = data;
        worker->hand.size = options->size;
        worker->hand.name_length = (unsigned)options->name_length;
        worker->hand.name = slot->name;
        churn_hand_seed(&worker->hand);
        rc = work(worker);
    }
    slot->error = rc;
    _exit(0);
}
