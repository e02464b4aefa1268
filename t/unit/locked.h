/* SPDX-License-Identifier: Apache-2.0 */
/* A process that is locked as a converter is, what it found, and how it ended. */
#ifndef LOCKED_H
#define LOCKED_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "converter/lockdown.h"

#define NOT_LOCKED (-1)

/* Descriptors that a locked process keeps; the one that its answer goes to is added. */
static int locked_keep[3];
static size_t locked_keep_count;

/* Memory that it shares with its parent. */
static tc_lockdown_region locked_share;

typedef struct outcome {
    bool answered;
    int error;  /* what the work returned, when it answered */
    int status; /* of waitpid */
} outcome;

/* Done in the locked process; the result is what `answered` and `error` tell. */
typedef int locked_work(const tc_lockdown *lockdown, const void *context);

/* As a spec's. */
#define NO_LOCKDOWN (~0u)

__attribute__((noreturn)) static void locked_child(unsigned locks, int answer_to,
                                                   locked_work *work, const void *context)
{
    int keep[5] = {answer_to}, error;
    tc_lockdown_spec spec = {.locks = locks,
                             .keep = keep,
                             .keep_count = 1,
                             .files = 8,
                             .file_bytes = 4096,
                             .most_bytes = (uint64_t)512 << 20,
                             .share = &locked_share,
                             .share_count = locked_share.length > 0};
    tc_lockdown lockdown = {.statm = -1};
    tc_fail fail = {TC_E_OK, ""};

#ifdef TC_GUARDED
    keep[spec.keep_count++] = STDERR_FILENO; /* for a sanitizer's report */
#endif
    for (size_t i = 0; i < locked_keep_count; i++)
        keep[spec.keep_count++] = locked_keep[i];
    if (locks != NO_LOCKDOWN && tc_lockdown_apply(&spec, &lockdown, &fail))
        error = NOT_LOCKED;
    else
        error = work(&lockdown, context);
    _exit(write(answer_to, &error, sizeof(error)) == (ssize_t)sizeof(error) ? 0 : 1);
}

/* `locks`: TC_LOCK_*, or NO_LOCKDOWN for a process that nothing was done to. */
static outcome locked(unsigned locks, locked_work *work, const void *context)
{
    outcome outcome = {false, 0, 0};
    int answer[2];
    pid_t pid;

    fflush(stdout);
    if (pipe(answer) != 0 || (pid = fork()) < 0) {
        printf("Bail out! no process: %s\n", strerror(errno));
        exit(1);
    }
    if (pid == 0)
        locked_child(locks, answer[1], work, context);
    close(answer[1]);
    outcome.answered =
        read(answer[0], &outcome.error, sizeof(outcome.error)) == (ssize_t)sizeof(int);
    close(answer[0]);
    waitpid(pid, &outcome.status, 0);
    return outcome;
}

/* How it ended, for people. */
static const char *locked_how(const outcome *outcome)
{
    if (outcome->answered)
        return outcome->error == NOT_LOCKED ? "not locked" : strerror(outcome->error);
    return WIFSIGNALED(outcome->status) ? strsignal(WTERMSIG(outcome->status)) : "ended";
}

#endif
