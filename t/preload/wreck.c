/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library that breaks while it decodes, by LD_PRELOAD: every so many-th conversion of a
 * converter crashes, does not come to an end, works for long or takes all memory. What and how
 * often is read
 * from a file of numbers, TC_WRECK, mapped by every process of the server:
 * t/lib/TmpfsConvertTest/Wreck.pm writes it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* In the order of Wreck.pm's list. */
typedef struct numbers {
    int64_t mode;  /* what happens: an index of `ways`; 0: nothing */
    int64_t every; /* in each conversion whose number is a multiple of this */
    int64_t jobs;  /* conversions, counted here */
    int64_t hit;   /* of these that were broken */
    int64_t bytes; /* the most that one could take of the memory */
} numbers;

static numbers none, *number = &none;

/* It is a converter, locked or about to be. */
static bool converter;

/* This process has an order, and is to break when it reads the picture. */
static bool due;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("TC_WRECK");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, sizeof *number, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (map != MAP_FAILED)
        number = map;
    if (fd >= 0)
        syscall(SYS_close, fd);
}

/* A converter lets go of all memory that it shares with others; the numbers stay. */
int munmap(void *memory, size_t size)
{
    if (memory != number)
        return (int)syscall(SYS_munmap, memory, size);
    converter = true;
    return 0;
}

/* ---- what happens ------------------------------------------------------------------------ */

static void crash(void)
{
    raise(SIGSEGV);
}

static void loop(void)
{
    for (volatile unsigned turns = 0;; turns++)
        ;
}

static void take_all(void)
{
    enum { PIECE = 1 << 20 };
    int64_t taken = 0;
    char *piece;

    /* Not for ever, should nothing bound it. */
    while (taken < INT64_C(4) << 30 && (piece = malloc(PIECE))) {
        memset(piece, 1, PIECE);
        __asm__ volatile("" : : "r"(piece) : "memory");
        taken += PIECE;
    }
    if (taken > number->bytes)
        number->bytes = taken;
    abort();
}

static void leave(void)
{
    syscall(SYS_exit_group, 3);
}

/* A call that no decoder makes. */
static void call(void)
{
    syscall(SYS_kill, getppid(), SIGKILL);
}

/* Neither computes nor reads. */
static void sleep_on(void)
{
    for (;;)
        usleep(1000000);
}

static void (*const ways[])(void) = {NULL, crash, abort, loop, take_all, leave, call, sleep_on};

/* Work that has an end, unlike loop()'s: in a minute of the processor's time. */
static void work(void)
{
    struct timespec used;
    time_t until;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    until = used.tv_sec + 60;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while (used.tv_sec < until);
}

/* ---- when ----------------------------------------------------------------------------------
 */

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
    ssize_t got = syscall(SYS_recvmsg, socket, message, flags);
    const struct cmsghdr *control = got > 0 ? CMSG_FIRSTHDR(message) : NULL;

    if (number->mode && control && control->cmsg_type == SCM_RIGHTS && converter) {
        int64_t job = __atomic_add_fetch(&number->jobs, 1, __ATOMIC_ACQ_REL);

        due = number->every && job % number->every == 0;
    }
    return got;
}

ssize_t pread(int fd, void *to, size_t length, off_t offset)
{
    int64_t mode = number->mode;

    if (due && mode > 0 && mode < (int64_t)(sizeof ways / sizeof *ways)) {
        due = false;
        __atomic_add_fetch(&number->hit, 1, __ATOMIC_ACQ_REL);
        ways[mode]();
    }
    return syscall(SYS_pread64, fd, to, length, offset);
}

ssize_t pread64(int fd, void *to, size_t length, off64_t offset)
{
    return pread(fd, to, length, offset);
}

/* ---- libavif -----------------------------------------------------------------------------
 */

/* As an index of `ways` would be. */
#define WORK 8

static int find_library(struct dl_phdr_info *info, size_t size, void *found)
{
    (void)size;
    if (!info->dlpi_name || !strstr(info->dlpi_name, "/libavif.so"))
        return 0;
    *(void **)found = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    return 1;
}

/* It is not among the libraries that RTLD_NEXT sees: httpd loads it with the module. */
static void *find_in_library(const char *name)
{
    void *library = NULL, *found = NULL;

    dl_iterate_phdr(find_library, &library);
    if (library) {
        found = dlsym(library, name);
        dlclose(library); /* which the module has loaded, and keeps */
    }
    return found;
}

/* The module calls it once for a picture: there is nothing in it that could be broken off. */
int avifDecoderNextImage(void *decoder)
{
    static int (*next)(void *);

    if (!next) {
        void *found = find_in_library("avifDecoderNextImage");

        memcpy(&next, &found, sizeof next);
    }
    if (due && number->mode == WORK) {
        due = false;
        __atomic_add_fetch(&number->hit, 1, __ATOMIC_ACQ_REL);
        work();
    }
    return next(decoder);
}
