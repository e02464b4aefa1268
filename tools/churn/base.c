/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

double churn_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int churn_wait(double until)
{
    double left = until - churn_now();
    struct timespec time = {0, 0};
    sigset_t set;
    int signal;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    if (left > 0) {
        time.tv_sec = (time_t)left;
        time.tv_nsec = (long)((left - (double)time.tv_sec) * 1e9);
    }
    signal = sigtimedwait(&set, NULL, &time);
    return signal > 0 ? signal : 0;
}

void churn_say(const char *format, ...)
{
    va_list arguments;

    fputs("churn: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}
