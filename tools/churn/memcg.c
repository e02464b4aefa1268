/* SPDX-License-Identifier: Apache-2.0 */
/* A memory cgroup of the run's own, and a process that takes memory in it. */
#include "memcg.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int put(const char *dir, const char *file, const char *text)
{
    char path[CHURN_PATH + 64];
    int fd, rc = 0;

    snprintf(path, sizeof(path), "%s/%s", dir, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    if (write(fd, text, strlen(text)) < 0)
        rc = errno;
    close(fd);
    return rc;
}

/* Whether the cgroup (v2) lets its children have a memory limit. */
static bool gives_memory(const char *dir)
{
    char path[CHURN_PATH + 64], text[512];

    snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
    return tc_reading_file(NULL, path, text, sizeof(text)) == 0 && strstr(text, "memory");
}

/* v2: a cgroup with processes in it cannot have limited children, so it is the nearest
   ancestor that has such already; nothing is changed there. */
static bool climb(char *dir)
{
    while (!gives_memory(dir)) {
        char *slash = strrchr(dir, '/'), path[CHURN_PATH + 64];

        if (!slash || slash == dir)
            return false;
        *slash = '\0';
        snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
        if (access(path, F_OK))
            return false;
    }
    return true;
}

static int limit(const churn_memcg *memcg, uint64_t mb)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)mb << 20);
    return put(memcg->path, memcg->version == 1 ? "memory.limit_in_bytes" : "memory.max", text);
}

int churn_memcg_make(churn_memcg *memcg, uint64_t mb, churn_undo *undo, char *why, size_t size)
{
    static const char hint[] =
        "as root; or without --memcg, under systemd-run --user --scope -p MemoryMax=64M";
    char parent[CHURN_PATH], leaf[32];
    tc_cgroup own;
    int rc;

    tc_cgroup_read(&own, NULL);
    memcg->version = 0;
    if (own.version == 0 || !own.path[0]) {
        snprintf(why, size, "no memory cgroup is mounted here");
        return own.error ? own.error : ENOENT;
    }
    snprintf(parent, sizeof(parent), "%s", own.path);
    if (own.version == 2 && !climb(parent)) {
        snprintf(why, size, "no cgroup above %s limits memory (%s)", own.path, hint);
        return ENOENT;
    }
    snprintf(leaf, sizeof(leaf), "churn-%d", (int)getpid());
    if (strlen(parent) + strlen(leaf) + 2 > sizeof(memcg->path))
        return ENAMETOOLONG;
    strcpy(memcg->path, parent);
    strcat(strcat(memcg->path, "/"), leaf);
    if (mkdir(memcg->path, 0755)) {
        rc = errno;
        snprintf(why, size, "%s: %s (%s)", memcg->path, strerror(rc), hint);
        return rc;
    }
    strcpy(undo->cgroup, memcg->path);
    undo->has_cgroup = true;
    memcg->version = own.version;
    rc = limit(memcg, mb);
    if (rc)
        snprintf(why, size, "%s: its limit cannot be set: %s", memcg->path, strerror(rc));
    return rc;
}

int churn_memcg_join(const churn_memcg *memcg)
{
    return memcg->version ? put(memcg->path, "cgroup.procs", "0") : 0;
}

tc_reading churn_memcg_slab(const churn_memcg *memcg)
{
    char path[CHURN_PATH + 64], text[8192];
    int rc;

    if (memcg->version == 1) {
        snprintf(path, sizeof(path), "%s/memory.kmem.usage_in_bytes", memcg->path);
        return tc_reading_number(NULL, path);
    }
    snprintf(path, sizeof(path), "%s/memory.stat", memcg->path);
    rc = tc_reading_file(NULL, path, text, sizeof(text));
    return rc ? tc_reading_missing(rc) : tc_reading_keyed(text, "slab_reclaimable");
}

void churn_memcg_remove(const char *path)
{
    struct timespec nap = {0, 20000000};

    /* Processes that have just ended keep it busy for a moment. */
    for (int tries = 0; rmdir(path); tries++) {
        if (errno == ENOENT)
            return;
        if (errno != EBUSY || tries == 100) {
            churn_say("%s could not be removed: %s", path, strerror(errno));
            return;
        }
        nanosleep(&nap, NULL);
    }
}

/* ---- the hog -------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A stall is what one megabyte took more than nothing: its page faults, and what the
   kernel did to find the pages. */
static int take(churn_hog *hog, uint64_t mb)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), one = 1 << 20;
    char *at = mmap(NULL, mb * one, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uint64_t start = now_ns();

    if (at == MAP_FAILED)
        return errno;
    /* Pages one by one, as a program that fills a string has them. */
    madvise(at, mb * one, MADV_NOHUGEPAGE);
    for (uint64_t i = 0; i < mb; i++, at += one) {
        uint64_t began = now_ns(), took;

        for (size_t offset = 0; offset < one; offset += page)
            *(volatile char *)(at + offset) = 1;
        took = now_ns() - began;
        if (took > hog->worst_ns) {
            hog->worst_ns = took;
            hog->worst_mb = i + 1;
        }
        hog->mb = i + 1;
        hog->total_ns = now_ns() - start;
    }
    return 0;
}

_Noreturn static void hog_main(churn_hog *hog, const churn_memcg *memcg, uint64_t mb,
                               double hold)
{
    struct timespec nap = {(time_t)hold, (long)((hold - (double)(time_t)hold) * 1e9)};
    sigset_t none;
    int rc, fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    rc = churn_memcg_join(memcg);
    /* If memory runs out, this process is the one to go. */
    fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "1000", 4) < 0)
        rc = rc ? rc : errno;
    if (rc == 0)
        rc = take(hog, mb);
    hog->error = rc;
    hog->done = true;
    if (rc == 0)
        nanosleep(&nap, NULL);
    _exit(0);
}

int churn_hog_start(churn_hog *hog, const churn_memcg *memcg, uint64_t mb, double hold)
{
    hog->mb = hog->total_ns = hog->worst_ns = hog->worst_mb = 0;
    hog->error = 0;
    hog->done = false;
    hog->pid = fork();
    if (hog->pid == 0)
        hog_main(hog, memcg, mb, hold);
    return hog->pid < 0 ? errno : 0;
}

bool churn_hog_wait(churn_hog *hog)
{
    pid_t done;

    do
        done = waitpid(hog->pid, NULL, 0);
    while (done < 0 && errno == EINTR);
    hog->pid = 0;
    return hog->done && hog->error == 0;
}
