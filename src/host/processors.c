/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "processors.h"

#include "figure.h"
#include "hierarchy.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first two numbers of a file, each -1 where there is none: "max 100000" has one. */
static void numbers_in(const char *root, const char *directory, const char *file,
                       long long number[2])
{
    char path[PATH_MAX + NAME_MAX], text[64], *at = text, *end;

    number[0] = number[1] = -1;
    snprintf(path, sizeof(path), "%s/%s", directory, file);
    if (tc_figure_file(root, path, text, sizeof(text)))
        return;
    for (int i = 0; i < 2; i++) {
        long long value;

        at += strspn(at, " ");
        value = strtoll(at, &end, 10);
        if (end > at)
            number[i] = value;
        at = end + strcspn(end, " ");
    }
}

/* Microseconds of processor time a period, and that; either not above 0: no quota. */
static void quota_in(const tc_hierarchy *at, const char *root, const char *directory,
                     long long *quota, long long *period)
{
    long long number[2];

    if (at->version == 2) {
        numbers_in(root, directory, "cpu.max", number);
        *quota = number[0];
        *period = number[1];
        return;
    }
    numbers_in(root, directory, "cpu.cfs_quota_us", number);
    *quota = number[0];
    numbers_in(root, directory, "cpu.cfs_period_us", number);
    *period = number[0];
}

unsigned tc_processors_quota(const char *root)
{
    tc_hierarchy at;
    char directory[PATH_MAX];
    long long least = 0;

    if (tc_hierarchy_find(&at, root, "cpu"))
        return 0;
    strcpy(directory, at.directory);
    do {
        long long quota, period, whole;

        quota_in(&at, root, directory, &quota, &period);
        if (quota <= 0 || period <= 0)
            continue;
        whole = quota / period + (quota % period != 0);
        if (least == 0 || whole < least)
            least = whole;
    } while (tc_hierarchy_up(&at, directory));
    return least < INT_MAX ? (unsigned)least : INT_MAX;
}

/* A machine with more processors than a cpu_set_t has (EINVAL) tells by sysconf. */
static long usable(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
    return sysconf(_SC_NPROCESSORS_ONLN);
}

unsigned tc_processors(const char *root)
{
    unsigned quota = tc_processors_quota(root);
    long count = usable();

    if (count < 1)
        count = 1;
    return quota && quota < (unsigned long)count ? quota : (unsigned)count;
}
