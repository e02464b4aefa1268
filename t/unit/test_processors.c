/* SPDX-License-Identifier: Apache-2.0 */
/* Processors: what affinity leaves, and what a cgroup's quota pays for. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <time.h>

#include "tap.h"
#include "roots.h"
#include "host/processors.h"

#define V1 "35 31 0:32 / /cg rw - cgroup cgroup rw,cpu,cpuacct\n"
#define V2 "35 31 0:32 / /cg rw - cgroup2 cgroup rw\n"

/* Up to three files of a cgroup tree, `/cg/pod/web` the process's own. */
static const struct {
    const char *what;
    int version;
    struct {
        const char *path, *text;
    } file[4];
    unsigned quota; /* 0: none */
} cases[] = {
    {"v2 without a quota", 2, {{"/cg/pod/web/cpu.max", "max 100000\n"}}, 0},
    {"two processors", 2, {{"/cg/pod/web/cpu.max", "200000 100000\n"}}, 2},
    {"one and a half are two", 2, {{"/cg/pod/web/cpu.max", "150000 100000\n"}}, 2},
    {"a tenth is one", 2, {{"/cg/pod/web/cpu.max", "10000 100000\n"}}, 1},
    {"the pod's, less than its own",
     2,
     {{"/cg/pod/web/cpu.max", "800000 100000\n"}, {"/cg/pod/cpu.max", "300000 100000\n"}},
     3},
    {"its own, less than the pod's",
     2,
     {{"/cg/pod/web/cpu.max", "50000 50000\n"}, {"/cg/pod/cpu.max", "300000 100000\n"}},
     1},
    {"the mount point's", 2, {{"/cg/cpu.max", "400000 100000\n"}}, 4},
    {"no period", 2, {{"/cg/pod/web/cpu.max", "200000\n"}}, 0},
    {"a period of nothing", 2, {{"/cg/pod/web/cpu.max", "200000 0\n"}}, 0},
    {"words", 2, {{"/cg/pod/web/cpu.max", "many few\n"}}, 0},
    {"an empty file", 2, {{"/cg/pod/web/cpu.max", ""}}, 0},
    {"more than an int holds",
     2,
     {{"/cg/pod/web/cpu.max", "9223372036854775807 1\n"}},
     INT_MAX},
    {"v1 without a quota",
     1,
     {{"/cg/pod/web/cpu.cfs_quota_us", "-1\n"}, {"/cg/pod/web/cpu.cfs_period_us", "100000\n"}},
     0},
    {"v1, two and a bit",
     1,
     {{"/cg/pod/web/cpu.cfs_quota_us", "210000\n"},
      {"/cg/pod/web/cpu.cfs_period_us", "100000\n"}},
     3},
    {"v1, the pod's",
     1,
     {{"/cg/pod/web/cpu.cfs_quota_us", "-1\n"},
      {"/cg/pod/web/cpu.cfs_period_us", "100000\n"},
      {"/cg/pod/cpu.cfs_quota_us", "50000\n"},
      {"/cg/pod/cpu.cfs_period_us", "25000\n"}},
     2},
    {"v1 without its period", 1, {{"/cg/pod/web/cpu.cfs_quota_us", "100000\n"}}, 0},
};

static void test_quota(void)
{
    for (size_t at = 0; at < sizeof(cases) / sizeof(*cases); at++) {
        char root[PATH_MAX];
        unsigned quota;

        make_root(root);
        put(root, "/proc/self/cgroup",
            cases[at].version == 1 ? "3:cpu,cpuacct:/pod/web\n0::/\n" : "0::/pod/web\n");
        put(root, "/proc/self/mountinfo", cases[at].version == 1 ? V1 : V2);
        put(root, "/cg/cgroup.controllers", "cpuset cpu io memory\n");
        put(root, "/cg/pod/web/cgroup.procs", "");
        for (int i = 0; i < 4 && cases[at].file[i].path; i++)
            put(root, cases[at].file[i].path, cases[at].file[i].text);
        quota = tc_processors_quota(root);
        ok(quota == cases[at].quota, "%s: %u", cases[at].what, quota);
        remove_root(root);
    }
}

static void test_nothing(void)
{
    char root[PATH_MAX];

    make_root(root);
    ok(tc_processors_quota(root) == 0, "no cgroup, no quota");
    put(root, "/proc/self/cgroup", "0::/pod/web\n");
    put(root, "/proc/self/mountinfo", V2);
    put(root, "/cg/cgroup.controllers", "cpuset io memory\n");
    put(root, "/cg/pod/web/cpu.max", "100000 100000\n");
    ok(tc_processors_quota(root) == 0, "a hierarchy without the controller");
    remove_root(root);
}

static void test_translations(void)
{
    static const struct {
        const char *what, *flags;
        bool keeps;
    } processors[] = {
        {"with PCID", "flags\t\t: fpu vme pcid sse4_1 invpcid\n", true},
        {"PCID last", "flags\t\t: fpu vme pcid\n", true},
        {"with INVPCID alone", "flags\t\t: fpu vme invpcid sse4_1\n", false},
        {"with neither", "flags\t\t: fpu vme sse4_1\n", false},
        {"with a bug of that name", "flags\t\t: fpu\nbugs\t\t: pcid\n", false},
        {"the second only", "flags\t\t: fpu\n\nprocessor\t: 1\nflags\t\t: fpu pcid\n", false},
        {"that tells nothing", "", false},
    };
    char root[PATH_MAX];

#ifdef __aarch64__
    ok(tc_processors_keep_translations(""), "aarch64 always keeps translations");
    return;
#endif
    make_root(root);
    /* What the kernel has turned off (nopcid) is not known then. */
    ok(!tc_processors_keep_translations("") || tc_processors_keep_translations(root),
       "without /proc/cpuinfo the processor itself is asked");
    for (size_t at = 0; at < sizeof processors / sizeof *processors; at++) {
        char text[256];

        snprintf(text, sizeof text, "processor\t: 0\nmodel name\t: a pcid b\n%s",
                 processors[at].flags);
        put(root, "/proc/cpuinfo", text);
        ok(tc_processors_keep_translations(root) == processors[at].keeps, "a processor %s",
           processors[at].what);
    }
    remove_root(root);
}

static void test_affinity(void)
{
    char root[PATH_MAX];
    cpu_set_t all, one;
    int first = 0;

    make_root(root); /* without a quota */
    sched_getaffinity(0, sizeof(all), &all);
    ok(tc_processors(root) == (unsigned)CPU_COUNT(&all), "all that it may run on: %d",
       CPU_COUNT(&all));
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ok(sched_setaffinity(0, sizeof(one), &one) == 0 && tc_processors(root) == 1,
       "one processor by its affinity");
    sched_setaffinity(0, sizeof(all), &all);
    put(root, "/proc/self/cgroup", "0::/\n");
    put(root, "/proc/self/mountinfo", V2);
    put(root, "/cg/cgroup.controllers", "cpu\n");
    put(root, "/cg/cpu.max", "100000 100000\n");
    ok(tc_processors(root) == 1, "one processor by its quota");
    put(root, "/cg/cpu.max", "99999900000 100000\n");
    ok(tc_processors(root) == (unsigned)CPU_COUNT(&all),
       "a quota of more than there are is none");
    remove_root(root);
}

int main(void)
{
    int fds = entries("/proc/self/fd");

    test_quota();
    test_nothing();
    test_translations();
    test_affinity();
    ok(entries("/proc/self/fd") == fds, "nothing is left open");
    return done_testing();
}
