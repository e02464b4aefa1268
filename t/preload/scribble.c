/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child that was taken over, for a server under test, by LD_PRELOAD: a thread in one
 * of the children, another when that one ends, writes over all memory that the module
 * shares, while the server runs. That memory lies between pages that nobody may touch,
 * so that whoever is led out of it dies of it. How it is written over is read from a file
 * of numbers, TC_SCRIBBLE, mapped by every process: t/http/94-scribble.t writes it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "scribble.h"

#define SEGMENTS 64
#define SLACK    0xa5 /* what is between the page before a segment and the segment */

typedef struct control {
    int64_t mode;    /* 0: nothing is written; else a way of the list below */
    int64_t seed;    /* of what is random */
    int64_t owner;   /* the process that writes */
    int64_t rounds;  /* that it has written, counted here */
    int64_t guarded; /* segments of the module's that were made, counted here */
    int64_t broken;  /* segments that were written beyond, counted here */
    int64_t hurry;   /* how often more the parent's monitor hook is called */
    int64_t hurried; /* how often it was, counted here */
} control;

static control nothing, *control_of = &nothing;

/* As they were when this process was forked. */
static struct segment {
    char *mapped, *memory; /* the page before it; itself, at the end of its last page */
    size_t size, whole;
} segment[SEGMENTS];

static __thread bool guarding;

/* ---- segments ------------------------------------------------------------------------ */

static void *plain_map(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

/* The caller's size need not be whole pages; what it gets is aligned as malloc(3) would. */
static void *guarded_map(size_t size, int protection)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (size + page - 1) / page * page;
    size_t whole = inside + 2 * page, at = 0;
    char *mapped = plain_map(NULL, whole, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    while (at < SEGMENTS && segment[at].mapped)
        at++;
    if (mapped == MAP_FAILED || at == SEGMENTS ||
        mprotect(mapped + page, inside, protection) != 0)
        return MAP_FAILED;
    segment[at] =
        (struct segment){mapped, mapped + page + (inside - size) / 16 * 16, size, whole};
    memset(mapped + page, SLACK, (size_t)(segment[at].memory - mapped) - page);
    __atomic_add_fetch(&control_of->guarded, 1, __ATOMIC_RELAXED);
    return segment[at].memory;
}

static bool is_whole(const struct segment *of)
{
    for (const char *at = of->mapped + sysconf(_SC_PAGESIZE); at < of->memory; at++) {
        if (*at != (char)SLACK)
            return false;
    }
    return true;
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (guarding && (flags & MAP_SHARED))
        return guarded_map(size, protection);
    return plain_map(at, size, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset)
{
    return mmap(at, size, protection, flags, fd, offset);
}

int munmap(void *memory, size_t size)
{
    for (size_t at = 0; memory && at < SEGMENTS; at++) {
        if (segment[at].memory != memory)
            continue;
        if (!is_whole(&segment[at]))
            __atomic_add_fetch(&control_of->broken, 1, __ATOMIC_RELAXED);
        memory = segment[at].mapped;
        size = segment[at].whole;
        segment[at] = (struct segment){0};
        break;
    }
    return (int)syscall(SYS_munmap, memory, size);
}

/* APR's and httpd's, whose headers this does without. */
int apr_shm_create(void **shm, size_t size, const char *file, void *pool);
int apr_proc_wait_all_procs(void *process, int *code, void *why, int how, void *pool);

int apr_shm_create(void **shm, size_t size, const char *file, void *pool)
{
    int (*next)(void **, size_t, const char *, void *);
    void *found = dlsym(RTLD_NEXT, "apr_shm_create");
    Dl_info caller = {0};
    int status;

    memcpy(&next, &found, sizeof next);
    guarding = dladdr(__builtin_return_address(0), &caller) && caller.dli_fname &&
               strstr(caller.dli_fname, "mod_tmpfs_convert");
    status = next(shm, size, file, pool);
    guarding = false;
    return status;
}

/* As httpd's parent does every ten seconds, which is too seldom for a test. */
static void run_monitor(void *pool)
{
    void (*monitor)(void *, void *);
    void *found = dlsym(RTLD_DEFAULT, "ap_run_monitor");
    void **server = dlsym(RTLD_DEFAULT, "ap_server_conf");

    memcpy(&monitor, &found, sizeof monitor);
    for (int64_t times = control_of->hurry; monitor && server && times > 0; times--) {
        monitor(pool, *server);
        __atomic_add_fetch(&control_of->hurried, 1, __ATOMIC_RELAXED);
    }
}

/* Where the parent waits for its children, a second at a time. */
int apr_proc_wait_all_procs(void *process, int *code, void *why, int how, void *pool)
{
    int (*next)(void *, int *, void *, int, void *);
    void *found = dlsym(RTLD_NEXT, "apr_proc_wait_all_procs");

    memcpy(&next, &found, sizeof next);
    run_monitor(pool);
    for (size_t at = 0; at < SEGMENTS; at++) {
        if (segment[at].mapped && !is_whole(&segment[at]))
            __atomic_add_fetch(&control_of->broken, 1, __ATOMIC_RELAXED);
    }
    return next(process, code, why, how, pool);
}

/* ---- ways of writing over them --------------------------------------------------------------
 */

static void write_fill(const struct segment *to)
{
    scribble_fill(to->memory, to->size, scribble_values[scribble_random() % SCRIBBLE_VALUES]);
}

static void write_zeros(const struct segment *to)
{
    scribble_fill(to->memory, to->size, 0);
}

static void write_ones(const struct segment *to)
{
    scribble_fill(to->memory, to->size, UINT64_MAX);
}

static void write_random(const struct segment *to)
{
    uint64_t value;

    for (size_t at = 0; at + sizeof value <= to->size; at += sizeof value) {
        value = scribble_random();
        memcpy(to->memory + at, &value, sizeof value);
    }
}

static void write_all(const struct segment *to)
{
    scribble_all(to->memory, to->size & ~(size_t)7);
}

/* The first words, where sizes and counts usually are, and some others. */
static void write_some(const struct segment *to)
{
    for (int times = 0; times < 20; times++)
        scribble_some(to->memory, to->size & ~(size_t)7);
}

static void write_any(const struct segment *to);

static void (*const ways[])(const struct segment *) = {
    NULL, write_any, write_zeros, write_ones, write_random, write_all, write_some, write_fill};
#define WAYS ((int64_t)(sizeof ways / sizeof ways[0]))

static void write_any(const struct segment *to)
{
    ways[2 + scribble_random() % (WAYS - 2)](to);
}

/* ---- the thread ------------------------------------------------------------------------- */

/* By its first thread's name: the process that keeps the converters, which outlives restarts,
   and with them the memory that it has; or one that it has just forked. */
static bool is_keeper(void)
{
    char name[16] = "";
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/comm", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        syscall(SYS_read, fd, name, sizeof name - 1);
        syscall(SYS_close, fd);
    }
    return strcmp(name, "tc-keeper\n") == 0;
}

static bool is_the_one(void)
{
    int64_t owner = __atomic_load_n(&control_of->owner, __ATOMIC_ACQUIRE);

    if (owner == getpid())
        return true;
    if ((owner && (kill((pid_t)owner, 0) == 0 || errno != ESRCH)) || is_keeper())
        return false;
    return __atomic_compare_exchange_n(&control_of->owner, &owner, getpid(), false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void *scribble(void *unused)
{
    (void)unused;
    scribble_state = (uint64_t)control_of->seed ^ (uint64_t)getpid() << 32;
    for (;;) {
        int64_t mode = __atomic_load_n(&control_of->mode, __ATOMIC_ACQUIRE);

        if (mode <= 0 || mode >= WAYS || !is_the_one()) {
            usleep(5000);
            continue;
        }
        for (size_t at = 0; at < SEGMENTS; at++) {
            if (segment[at].mapped)
                ways[mode](&segment[at]);
        }
        __atomic_add_fetch(&control_of->rounds, 1, __ATOMIC_RELAXED);
        /* Some rounds apart are long enough for values to be believed for a while. */
        usleep((useconds_t)(scribble_random() % 16 ? scribble_random() % 1500
                                                   : scribble_random() % 30000));
    }
    return NULL;
}

static void begin_child(void)
{
    sigset_t all, before;
    pthread_t thread;

    /* Converters have one thread, and no shared memory to write over. */
    if (is_keeper())
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, scribble, NULL) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("TC_SCRIBBLE");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    void *map = MAP_FAILED;

    if (fd >= 0) {
        map = plain_map(NULL, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        syscall(SYS_close, fd);
    }
    if (map == MAP_FAILED)
        return;
    control_of = map;
    pthread_atfork(NULL, NULL, begin_child);
}
