/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "processors.h"

#include "hierarchy.h"
#include "lines.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>

/* Of leaf 1, in ECX. */
#define PCID (1u << 17)
#endif

/* Microseconds of processor time a period, and that: false where no quota is to be read. */
static bool quota_in(const tc_hierarchy *at, const char *root, const char *directory,
                     uint64_t *quota, uint64_t *period)
{
    char text[64];
    const char *rest;
    tc_reading most, span;

    if (at->version == 2) {
        if (tc_hierarchy_file(root, directory, "cpu.max", text, sizeof(text)))
            return false;
        most = tc_reading_parse(text, &rest);
        span = tc_reading_parse(rest, NULL);
    } else {
        most = tc_hierarchy_number(root, directory, "cpu.cfs_quota_us");
        span = tc_hierarchy_number(root, directory, "cpu.cfs_period_us");
    }
    *quota = most.value;
    *period = span.value;
    return !most.error && !span.error && *quota && *period;
}

unsigned tc_processors_quota(const char *root)
{
    tc_hierarchy at;
    char directory[PATH_MAX];
    uint64_t least = 0;

    if (tc_hierarchy_find(&at, root, "cpu"))
        return 0;
    strcpy(directory, at.directory);
    do {
        uint64_t quota, period, whole;

        if (!quota_in(&at, root, directory, &quota, &period))
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

/* ---- changes of process ------------------------------------------------------------------ */

#ifdef __aarch64__
bool tc_processors_keep_translations(const char *root)
{
    (void)root;
    return true;
}
#else
/* A word of a line: not a part of another, such as invpcid. */
static bool has_word(const char *line, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = strstr(line, word); at; at = strstr(at + 1, word)) {
        if (at > line && at[-1] == ' ' && (at[length] == ' ' || !at[length]))
            return true;
    }
    return false;
}

/* Of the processor itself, where the kernel's word cannot be read (ProcSubset=pid). */
static bool has_pcid(void)
{
#ifdef __x86_64__
    unsigned eax, ebx, ecx, edx;

    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & PCID);
#else
    return false;
#endif
}

/* Of the first processor: the kernel turns off for all what one of them lacks. */
bool tc_processors_keep_translations(const char *root)
{
    const char *line;
    tc_lines lines;
    bool keeps = false;

    if (tc_lines_open(&lines, root, "/proc/cpuinfo"))
        return has_pcid();
    while ((line = tc_lines_next(&lines))) {
        if (strncmp(line, "flags", 5) == 0) {
            keeps = has_word(line, "pcid");
            break;
        }
    }
    tc_lines_close(&lines);
    return keeps;
}
#endif
