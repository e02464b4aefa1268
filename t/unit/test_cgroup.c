/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory cgroup, in the ways in which containers and service managers show it,
 * and the whole of a host.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <time.h>

#include "tap.h"
#include "roots.h"
#include "host/host.h"

#define CGROUP  "/proc/self/cgroup"
#define MOUNTS  "/proc/self/mountinfo"
#define V1_NONE "9223372036854771712\n" /* no limit, by a kernel of 3.19 and later */

/* ---- recorded kernels ----------------------------------------------------------- */

static void check_none(const tc_cgroup *cgroup, int error, const char *what)
{
    ok(cgroup->version == 0 && cgroup->error == error && cgroup->path[0] == '\0',
       "%s: no controller", what);
    is_missing(cgroup->limit, error, "nor a limit");
    is_missing(cgroup->usage, error, "nor a usage");
    is_missing(cgroup->kernel, error, "nor kernel memory");
    is_missing(cgroup->slab_reclaimable, error, "nor slab");
    is_missing(cgroup->slab_unreclaimable, error, "of any kind");
}

static void check_place(const tc_cgroup *cgroup, int version, const char *path,
                        const char *what)
{
    ok(cgroup->version == version && cgroup->error == 0 && strcmp(cgroup->path, path) == 0,
       "%s: v%d in %s", what, cgroup->version, cgroup->path);
}

static void test_kernels(void)
{
    tc_cgroup cgroup;

    tc_cgroup_read(&cgroup, FIXTURE("2.6.32"));
    check_none(&cgroup, ENOENT, "2.6.32");

    tc_cgroup_read(&cgroup, FIXTURE("3.10"));
    check_place(&cgroup, 1, "/sys/fs/cgroup/memory", "3.10");
    is_value(cgroup.limit, 536870912, "the hierarchy's limit, less than its own");
    is_value(cgroup.usage, 390471680, "usage");
    is_value(cgroup.kernel, 0, "kernel memory, not limited and so not counted");
    is_missing(cgroup.slab_reclaimable, ENODATA, "v1 has no slab");

    tc_cgroup_read(&cgroup, FIXTURE("4.18"));
    check_place(&cgroup, 1, "/sys/fs/cgroup/memory/system.slice/apache2.service", "4.18");
    is_value(cgroup.limit, TC_UNLIMITED, "no limit");
    is_value(cgroup.usage, UINT64_C(2204311552), "usage");
    is_value(cgroup.kernel, 252837888, "kernel memory");

    tc_cgroup_read(&cgroup, FIXTURE("5.15"));
    check_place(&cgroup, 2, "/sys/fs/cgroup/system.slice/apache2.service", "5.15");
    is_value(cgroup.limit, UINT64_C(2147483648), "the slice's limit");
    is_value(cgroup.usage, 611287040, "usage");
    is_missing(cgroup.kernel, ENODATA, "kernel memory was not told before 5.18");
    is_value(cgroup.slab_reclaimable, 68214784, "slab, reclaimable");
    is_value(cgroup.slab_unreclaimable, 2011136, "slab, unreclaimable");

    tc_cgroup_read(&cgroup, FIXTURE("6.18"));
    ok(cgroup.version == 2 && strstr(cgroup.path, "/cri-containerd-71d0c2e94a5b.scope"),
       "6.18: v2 in %s", cgroup.path);
    is_value(cgroup.limit, 536870912, "the pod's limit, less than the container's");
    is_value(cgroup.usage, 401932288, "usage");
    is_value(cgroup.kernel, 117899264, "kernel memory");
    is_value(cgroup.slab_reclaimable, 110214784, "slab, reclaimable");
    is_value(cgroup.slab_unreclaimable, 3311136, "slab, unreclaimable");
}

/* ---- v1, where it may be ---------------------------------------------------------- */

static void put_v1(const char *root, const char *dir, const char *limit)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/memory.limit_in_bytes", dir);
    put(root, path, limit);
    snprintf(path, sizeof(path), "%s/memory.usage_in_bytes", dir);
    put(root, path, "4096\n");
}

static void test_v1_places(void)
{
    static const struct {
        const char *what, *cgroup, *mounts, *real, *path;
    } cases[] = {
        {"blanks in the mount point", "4:memory:/web\n",
         "35 31 0:32 / /cg/all\\040of\\011it\\134 rw - cgroup cgroup rw,memory\n",
         "/cg/all of\tit\\/web", "/cg/all of\tit\\/web"},
        {"blanks in the mount's root", "4:memory:/my web/one\n",
         "35 31 0:32 /my\\040web /cg rw - cgroup cgroup rw,memory\n", "/cg/one", "/cg/one"},
        {"controllers mounted together", "4:cpu,memory,cpuacct:/web\n",
         "35 31 0:32 / /cg rw shared:1 master:2 - cgroup none rw,cpu,memory\n", "/cg/web",
         "/cg/web"},
        {"a colon in the path", "4:memory:/web:80/one\n",
         "35 31 0:32 / /cg rw - cgroup cgroup rw,memory\n", "/cg/web:80/one", "/cg/web:80/one"},
        {"an empty mount source", "4:memory:/web\n",
         "35 31 0:32 / /cg rw - cgroup  rw,memory\n", "/cg/web", "/cg/web"},
        {"the mount's root is the path", "4:memory:/docker/1\n",
         "35 31 0:32 /docker/1 /cg ro - cgroup cgroup rw,memory\n", "/cg", "/cg"},
        {"and with more below", "4:memory:/docker/1/web\n",
         "35 31 0:32 /docker/1 /cg ro - cgroup cgroup rw,memory\n", "/cg/web", "/cg/web"},
        {"a root that only begins alike", "4:memory:/docker/12\n",
         "35 31 0:32 /docker/1 /cg ro - cgroup cgroup rw,memory\n", "/cg", "/cg"},
        {"a path not to be seen", "4:memory:/gone\n",
         "35 31 0:32 / /cg rw - cgroup cgroup rw,memory\n", "/cg", "/cg"},
        {"a path outside the namespace", "4:memory:/../other\n",
         "35 31 0:32 / /cg rw - cgroup cgroup rw,memory\n", "/cg", "/cg"},
        {"the root's own", "4:memory:/\n", "35 31 0:32 / /cg rw - cgroup cgroup rw,memory\n",
         "/cg", "/cg"},
        {"a second mount shows it", "4:memory:/a/b\n",
         "35 31 0:32 /x /cg rw - cgroup cgroup rw,memory\n"
         "36 31 0:32 /a /second rw - cgroup cgroup rw,memory\n",
         "/second/b", "/second/b"},
        {"other hierarchies around it", "9:name=memory:/no\n5:memoryx:/no\n4:memory:/web\n",
         "33 31 0:30 / /a rw - cgroup cgroup rw,name=memory\n"
         "34 31 0:31 / /b rw - cgroup cgroup rw,memoryx\n"
         "garbage\n\n1 2 - 3\n"
         "35 31 0:32 / /cg rw - cgroup cgroup rw,memory\n",
         "/cg/web", "/cg/web"},
        {"no newlines", "4:memory:/web", "35 31 0:32 / /cg rw - cgroup cgroup rw,memory",
         "/cg/web", "/cg/web"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char root[PATH_MAX];
        tc_cgroup cgroup;

        make_root(root);
        put(root, CGROUP, cases[i].cgroup);
        put(root, MOUNTS, cases[i].mounts);
        /* Where a path put together carelessly would lead. */
        put(root, "/other/memory.limit_in_bytes", "1\n");
        put(root, "/cg2/memory.limit_in_bytes", "2\n");
        put_v1(root, cases[i].real, "70000\n");
        tc_cgroup_read(&cgroup, root);
        check_place(&cgroup, 1, cases[i].path, cases[i].what);
        is_value(cgroup.limit, 70000, "its limit");
        is_value(cgroup.usage, 4096, "its usage");
        is_missing(cgroup.kernel, ENOENT, "no kernel memory");
        remove_root(root);
    }
}

static void v1_machine(char root[PATH_MAX], const char *limit, const char *stat)
{
    make_root(root);
    put(root, CGROUP, "4:memory:/web\n");
    put(root, MOUNTS, "35 31 0:32 / /cg rw - cgroup cgroup rw,memory\n");
    put_v1(root, "/cg/web", limit);
    if (stat)
        put(root, "/cg/web/memory.stat", stat);
}

static void test_v1_limits(void)
{
    static const struct {
        const char *what, *limit, *stat;
        int error;
        uint64_t value;
    } cases[] = {
        {"a limit of a kernel without the hierarchy's", "1000\n", "cache 1\n", 0, 1000},
        {"no memory.stat", "1000\n", NULL, 0, 1000},
        {"the hierarchy's", "1000\n", "cache 1\nhierarchical_memory_limit 500\n", 0, 500},
        {"memory and swap are another", "1000\n", "hierarchical_memsw_limit 5\n", 0, 1000},
        {"none, in pages", V1_NONE, NULL, 0, TC_UNLIMITED},
        {"none, in bytes", "9223372036854775807\n", NULL, 0, TC_UNLIMITED},
        {"none, by the hierarchy", "9\n", "hierarchical_memory_limit " V1_NONE, 0,
         TC_UNLIMITED},
        {"2^62", "4611686018427387904\n", NULL, 0, TC_UNLIMITED},
        {"one less", "4611686018427387903\n", NULL, 0, UINT64_C(4611686018427387903)},
        {"more than 64 bits", "99999999999999999999\n", NULL, EPROTO, 0},
        {"a word", "much\n", NULL, EPROTO, 0},
        {"empty", "", NULL, EPROTO, 0},
        {"the hierarchy's cut", "1000\n", "hierarchical_memory_limit ", EPROTO, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char root[PATH_MAX];
        tc_cgroup cgroup;

        v1_machine(root, cases[i].limit, cases[i].stat);
        tc_cgroup_read(&cgroup, root);
        reading_is(cgroup.limit, cases[i].error, cases[i].value, cases[i].what, __LINE__);
        remove_root(root);
    }
}

static void test_v1_stat(void)
{
    char root[PATH_MAX];
    tc_cgroup cgroup;

    v1_machine(root, "1000\n", "slab_reclaimable 7\nslab_unreclaimable 8\n");
    put(root, "/cg/web/memory.kmem.usage_in_bytes", "15\n");
    tc_cgroup_read(&cgroup, root);
    is_value(cgroup.slab_reclaimable, 7, "v1 with slab, reclaimable");
    is_value(cgroup.slab_unreclaimable, 8, "and unreclaimable");
    is_value(cgroup.kernel, 15, "and kernel memory");
    remove_root(root);
}

/* ---- v2 --------------------------------------------------------------------------- */

static void v2_machine(char root[PATH_MAX], const char *controllers)
{
    make_root(root);
    put(root, CGROUP, "0::/a/b/c\n");
    put(root, MOUNTS, "33 23 0:28 / /cg rw shared:9 - cgroup2 cgroup2 rw\n");
    put(root, "/cg/cgroup.controllers", controllers);
    put(root, "/cg/a/b/c/memory.current", "4096\n");
}

static void test_v2_limits(void)
{
    static const struct {
        const char *what, *at[4]; /* memory.max from the mount point down */
        int error;
        uint64_t value;
    } cases[] = {
        {"none at all", {NULL, "max\n", "max\n", "max\n"}, 0, TC_UNLIMITED},
        {"its own", {NULL, "max\n", "300\n", "200\n"}, 0, 200},
        {"its parent's", {NULL, "max\n", "100\n", "200\n"}, 0, 100},
        {"the topmost", {NULL, "50\n", "100\n", "max\n"}, 0, 50},
        {"a namespace's, at the mount point", {"40\n", "50\n", "max\n", "max\n"}, 0, 40},
        {"of a level above, the controller not enabled", {NULL, "50\n", NULL, NULL}, 0, 50},
        {"zero", {NULL, "max\n", "max\n", "0\n"}, 0, 0},
        {"no files", {NULL, NULL, NULL, NULL}, 0, TC_UNLIMITED},
        {"garbage above", {NULL, "plenty\n", "100\n", "50\n"}, EPROTO, 0},
        {"garbage in its own", {NULL, "10\n", "10\n", "\n"}, EPROTO, 0},
        {"more than 64 bits", {NULL, "max\n", "max\n", "18446744073709551616\n"}, EPROTO, 0},
    };
    static const char *const files[4] = {"/cg/memory.max", "/cg/a/memory.max",
                                         "/cg/a/b/memory.max", "/cg/a/b/c/memory.max"};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char root[PATH_MAX];
        tc_cgroup cgroup;

        v2_machine(root, "cpu io memory pids\n");
        put(root, "/memory.max", "1\n"); /* above the mount point: none of it */
        for (int level = 0; level < 4; level++)
            if (cases[i].at[level])
                put(root, files[level], cases[i].at[level]);
        tc_cgroup_read(&cgroup, root);
        reading_is(cgroup.limit, cases[i].error, cases[i].value, cases[i].what, __LINE__);
        is_value(cgroup.usage, 4096, "its usage");
        remove_root(root);
    }
}

static void test_v2_root(void)
{
    char root[PATH_MAX];
    tc_cgroup cgroup;

    v2_machine(root, "memory\n");
    put(root, CGROUP, "0::/\n");
    put(root, "/cg/memory.stat", "kernel 12\nslab_reclaimable 7\nslab_unreclaimable x\n");
    tc_cgroup_read(&cgroup, root);
    check_place(&cgroup, 2, "/cg", "the machine's root cgroup");
    is_value(cgroup.limit, TC_UNLIMITED, "has no limit");
    is_missing(cgroup.usage, ENOENT, "and no usage");
    is_value(cgroup.kernel, 12, "but kernel memory");
    is_value(cgroup.slab_reclaimable, 7, "and slab");
    is_missing(cgroup.slab_unreclaimable, EPROTO, "one figure of it garbage");
    remove_root(root);
}

/* Which of the two hierarchies has the memory. */
static void test_hybrid(void)
{
    char root[PATH_MAX];
    tc_cgroup cgroup;

    v2_machine(root, "cpu pids\n");
    tc_cgroup_read(&cgroup, root);
    check_none(&cgroup, ENOENT, "v2 without the controller");
    put(root, "/cg/cgroup.controllers", "\n");
    tc_cgroup_read(&cgroup, root);
    ok(cgroup.version == 0 && cgroup.error == ENOENT, "v2 without any controller");
    put(root, CGROUP, "4:memory:/web\n0::/a/b/c\n");
    put(root, MOUNTS,
        "33 23 0:28 / /cg rw shared:9 - cgroup2 cgroup2 rw\n"
        "35 31 0:32 / /v1 rw - cgroup cgroup rw,memory\n");
    put_v1(root, "/v1/web", "1000\n");
    tc_cgroup_read(&cgroup, root);
    check_place(&cgroup, 1, "/v1/web", "v1 beside it");
    put(root, "/cg/cgroup.controllers", "memory\n");
    put(root, CGROUP, "0::/a/b/c\n4:cpu:/web\n");
    tc_cgroup_read(&cgroup, root);
    check_place(&cgroup, 2, "/cg/a/b/c", "v2 beside controllers of v1");
    remove_root(root);
}

/* ---- what is missing or wrong -------------------------------------------------------- */

static void test_missing(void)
{
    char root[PATH_MAX];
    tc_cgroup cgroup;

    make_root(root);
    tc_cgroup_read(&cgroup, root);
    check_none(&cgroup, ENOENT, "no /proc/self/cgroup");
    put(root, CGROUP, "4:memory:/web\n0::/web\n");
    tc_cgroup_read(&cgroup, root);
    check_none(&cgroup, ENOENT, "no mountinfo");
    put(root, MOUNTS, "");
    tc_cgroup_read(&cgroup, root);
    check_none(&cgroup, ENOENT, "nothing mounted");
    put(root, MOUNTS, "33 23 0:28 / /cg rw shared:9 - cgroup2 cgroup2 rw\n");
    tc_cgroup_read(&cgroup, root);
    check_none(&cgroup, ENOENT, "a mount without its files");
    put(root, CGROUP, "\xff\n::\n:\n4:memory\n0::web\n\n");
    tc_cgroup_read(&cgroup, root);
    check_none(&cgroup, ENOENT, "garbage");
    put(root, CGROUP, "0::/a\n");
    put(root, MOUNTS, "33 23 0:28 / /cg rw shared:9 - cgroup2\n33\n - \n- - -\n33 23 0:28 / -");
    tc_cgroup_read(&cgroup, root);
    check_none(&cgroup, ENOENT, "cut mounts");
    remove_root(root);
}

/* "0::" or "/cg", six names of a hundred characters, and `end`. */
static const char *deep(const char *start, const char *end)
{
    static char path[1024];
    int length = snprintf(path, sizeof(path), "%s", start);

    for (int i = 0; i < 6; i++)
        length += snprintf(path + length, sizeof(path) - (size_t)length, "/%0100d", i);
    snprintf(path + length, sizeof(path) - (size_t)length, "%s", end);
    return path;
}

/* Paths longer than tc_cgroup's own, and than any path. */
static void test_long_paths(void)
{
    char root[PATH_MAX], line[2 * PATH_MAX];
    tc_cgroup cgroup;

    v2_machine(root, "memory\n");
    put(root, CGROUP, deep("0::", "\n"));
    put(root, deep("/cg", "/memory.max"), "77\n");
    put(root, deep("/cg", "/memory.current"), "66\n");
    tc_cgroup_read(&cgroup, root);
    ok(cgroup.version == 2 && cgroup.path[0] == '\0', "a path longer than is kept: none");
    is_value(cgroup.limit, 77, "its limit is right all the same");
    is_value(cgroup.usage, 66, "and its usage");
    memset(line, 'a', sizeof(line));
    memcpy(line, "0::/", 4);
    strcpy(line + sizeof(line) - 2, "\n");
    put(root, CGROUP, line);
    tc_cgroup_read(&cgroup, root);
    check_none(&cgroup, ENAMETOOLONG, "a path longer than any");
    remove_root(root);
}

/* The mount that counts behind thousands of others, one of them with a long line. */
static void test_many_mounts(void)
{
    char root[PATH_MAX], *text = malloc(600000);
    size_t length = 0;
    tc_cgroup cgroup;

    v2_machine(root, "memory\n");
    for (int i = 0; i < 4000; i++)
        length += (size_t)sprintf(text + length, "%d 29 0:%d / /mnt/%d rw - tmpfs tmpfs rw\n",
                                  i, i, i);
    length +=
        (size_t)sprintf(text + length, "4001 29 0:9 / /o rw - overlay overlay rw,lowerdir=");
    memset(text + length, 'x', 200000);
    length += 200000;
    strcpy(text + length, "\n33 23 0:28 / /cg rw - cgroup2 cgroup2 rw\n");
    put(root, MOUNTS, text);
    put(root, "/cg/a/b/c/memory.max", "55\n");
    tc_cgroup_read(&cgroup, root);
    check_place(&cgroup, 2, "/cg/a/b/c", "behind many mounts");
    is_value(cgroup.limit, 55, "with its limit");
    free(text);
    remove_root(root);
}

static int cgroup_error(const void *root)
{
    tc_cgroup cgroup;

    tc_cgroup_read(&cgroup, root);
    return cgroup.error ? cgroup.error : cgroup.limit.error;
}

static void test_unreadable(void)
{
    char root[PATH_MAX];
    int error;

    v2_machine(root, "memory\n");
    put(root, "/cg/a/memory.max", "max\n");
    lock(root, "/cg/a/memory.max");
    error = as_ordinary_user(cgroup_error, root);
    ok(error == EACCES, "a limit above that is locked: %s", strerror(error));
    lock(root, CGROUP);
    error = as_ordinary_user(cgroup_error, root);
    ok(error == EACCES, "a locked /proc/self/cgroup: %s", strerror(error));
    remove_root(root);
}

static void test_here(void)
{
    tc_cgroup cgroup;
    struct stat st;

    tc_cgroup_read(&cgroup, NULL);
    if (cgroup.version == 0) {
        skip("the cgroup here", strerror(cgroup.error));
        return;
    }
    ok(cgroup.version == 1 || cgroup.version == 2, "v%d here", cgroup.version);
    ok(stat(cgroup.path, &st) == 0 && S_ISDIR(st.st_mode), "%s is a folder", cgroup.path);
    ok(!cgroup.limit.error && cgroup.limit.value > 0, "limit: %llu",
       (unsigned long long)cgroup.limit.value);
    if (cgroup.usage.error)
        skip("its usage", strerror(cgroup.usage.error));
    else
        ok(cgroup.usage.value > 0 && cgroup.usage.value <= cgroup.limit.value, "usage: %llu",
           (unsigned long long)cgroup.usage.value);
}

/* ---- the host ------------------------------------------------------------------------ */

static void test_host(void)
{
    tc_host host;
    bool estimated = true;
    int64_t now = (int64_t)time(NULL);

    tc_host_read(&host, FIXTURE("5.15"));
    ok(host.taken >= now && host.taken <= (int64_t)time(NULL), "taken now");
    is_value(host.dentry.negative, 104377, "a host's negative dentries");
    is_value(host.sysctls.vfs_cache_pressure, 100, "its sysctls");
    is_value(host.memory.total, UINT64_C(4101730304), "its memory");
    ok(host.slab.dentry.slabs == 16818, "its slab");
    ok(host.cgroup.version == 2, "its cgroup");
    is_value(tc_host_dentry_bytes(&host, &estimated), 16818 * (uint64_t)sysconf(_SC_PAGESIZE),
             "bytes by the slab");
    ok(!estimated, "are no estimate");
    host.slab.error = EACCES;
    is_value(tc_host_dentry_bytes(&host, &estimated), 352841 * 195, "bytes by the count");
    ok(estimated, "are one");
    host.dentry.dentries = tc_reading_of(UINT64_MAX / 100);
    is_missing(tc_host_dentry_bytes(&host, &estimated), EPROTO, "too many to be");
    host.dentry.dentries = tc_reading_missing(ENOENT);
    is_missing(tc_host_dentry_bytes(&host, &estimated), ENOENT, "neither known");
}

static void test_host_here(void)
{
    struct timespec began, ended;
    double least = 1;
    bool estimated;
    tc_reading bytes;
    tc_host host;

    for (int i = 0; i < 20; i++) {
        clock_gettime(CLOCK_MONOTONIC, &began);
        tc_host_read(&host, NULL);
        clock_gettime(CLOCK_MONOTONIC, &ended);
        double took = (double)(ended.tv_sec - began.tv_sec) +
                      (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
        if (took < least)
            least = took;
    }
    bytes = tc_host_dentry_bytes(&host, &estimated);
    ok(!bytes.error && bytes.value > 0, "%llu bytes of dentries here, %s",
       (unsigned long long)bytes.value, estimated ? "estimated" : "by the slab");
    ok(least < 0.1, "all of a host in %.0f microseconds", least * 1e6);
}

int main(void)
{
    int fds = entries("/proc/self/fd");

    need_fixtures();
    test_kernels();
    test_v1_places();
    test_v1_limits();
    test_v1_stat();
    test_v2_limits();
    test_v2_root();
    test_hybrid();
    test_missing();
    test_long_paths();
    test_many_mounts();
    test_unreadable();
    test_here();
    test_host();
    test_host_here();
    ok(entries("/proc/self/fd") == fds, "no descriptor left");
    return done_testing();
}
