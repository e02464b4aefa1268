/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program and says what it took, all its threads and waited-for children
 * together:
 *
 *   usage COMMAND [ARGUMENT...]
 *
 * prints `cpu_ms`, `wall_ms` and `peak_kb` (resident memory of its largest process)
 * as `key: value` lines on standard output; the program's own output goes to standard
 * error. Ends as the program ended.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double ms(const struct timeval *time)
{
    return (double)time->tv_sec * 1e3 + (double)time->tv_usec / 1e3;
}

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
    double began = now_ms();
    struct rusage usage;
    int status;
    pid_t pid;

    if (argc < 2) {
        fputs("usage: usage COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    pid = fork();
    if (pid == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(argv[1], argv + 1);
        fprintf(stderr, "usage: %s: %s\n", argv[1], strerror(errno));
        _exit(127);
    }
    while (pid > 0 && wait4(pid, &status, 0, &usage) < 0) {
        if (errno != EINTR)
            pid = -1;
    }
    if (pid < 0) {
        fprintf(stderr, "usage: %s\n", strerror(errno));
        return 2;
    }
    printf("cpu_ms: %.3f\nwall_ms: %.3f\npeak_kb: %ld\n",
           ms(&usage.ru_utime) + ms(&usage.ru_stime), now_ms() - began, usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
