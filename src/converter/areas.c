/* SPDX-License-Identifier: Apache-2.0 */
/* For memfd_create and F_ADD_SEALS. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "areas.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* In front of the areas: the keeper's word, and whose each area is. */
typedef struct board {
    uint32_t staff; /* 0: all; else since when, and how many there are */
    int32_t owner[];
} board;

/* On pages of its own: a converter has only that of its area. */
static size_t front(unsigned count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (sizeof(board) + count * sizeof(int32_t) + page - 1) / page * page;
}

static size_t all_bytes(unsigned count)
{
    return front(count) + count * TC_AREA;
}

static int32_t *owner(const tc_areas *areas, unsigned at)
{
    return &((board *)areas->start)->owner[at];
}

static int map(tc_areas *areas, unsigned count, int file, int may)
{
    void *start = mmap(NULL, all_bytes(count), may, MAP_SHARED, file, 0);

    *areas = (tc_areas){NULL, 0};
    if (start == MAP_FAILED)
        return errno;
    *areas = (tc_areas){start, count};
    return 0;
}

/* Under a limit for files, which counts for memory too, the signal would end httpd. */
static int set_length(int file, size_t length)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN}, before;
    int error;

    sigaction(SIGXFSZ, &ignored, &before);
    error = ftruncate(file, (off_t)length) == 0 ? 0 : errno;
    sigaction(SIGXFSZ, &before, NULL);
    return error;
}

int tc_areas_make(tc_areas *areas, unsigned count, int *file)
{
    int error;

    *areas = (tc_areas){NULL, 0};
    *file = memfd_create("converter-results", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*file < 0)
        return errno;
    error = set_length(*file, all_bytes(count));
    if (!error && fcntl(*file, F_ADD_SEALS, SEALS) != 0)
        error = errno;
    if (!error)
        error = map(areas, count, *file, PROT_READ);
    if (error) {
        close(*file);
        *file = -1;
    }
    return error;
}

int tc_areas_map(tc_areas *areas, unsigned count, int file)
{
    struct stat info;

    *areas = (tc_areas){NULL, 0};
    if (fstat(file, &info) != 0)
        return errno;
    if (fcntl(file, F_GET_SEALS) != SEALS || info.st_size != (off_t)all_bytes(count))
        return EINVAL;
    return map(areas, count, file, PROT_READ | PROT_WRITE);
}

void tc_areas_unmap(tc_areas *areas)
{
    if (areas->start)
        munmap(areas->start, all_bytes(areas->count));
    *areas = (tc_areas){NULL, 0};
}

static unsigned char *area(const tc_areas *areas, unsigned at)
{
    return (unsigned char *)areas->start + front(areas->count) + at * TC_AREA;
}

unsigned char *tc_areas_keep(tc_areas *areas, unsigned at)
{
    unsigned char *start = areas->start, *own = area(areas, at);
    size_t before = (size_t)(own - start), behind = all_bytes(areas->count) - before - TC_AREA;

    if (munmap(start, before) != 0 || (behind && munmap(own + TC_AREA, behind) != 0))
        return NULL;
    *areas = (tc_areas){NULL, 0};
    return own;
}

const unsigned char *tc_areas_at(const tc_areas *areas, unsigned at)
{
    return area(areas, at);
}

void tc_areas_give(tc_areas *areas, unsigned at, pid_t converter)
{
    if (areas->start)
        __atomic_store_n(owner(areas, at), (int32_t)converter, __ATOMIC_SEQ_CST);
}

bool tc_areas_is(const tc_areas *areas, unsigned at, pid_t converter)
{
    /* After all that was read of the area. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(owner(areas, at), __ATOMIC_SEQ_CST) == (int32_t)converter;
}

int tc_areas_find(const tc_areas *areas, pid_t converter)
{
    for (unsigned at = 0; at < areas->count; at++) {
        if (__atomic_load_n(owner(areas, at), __ATOMIC_RELAXED) == (int32_t)converter)
            return (int)at;
    }
    return -1;
}

/* ---- the keeper's word ------------------------------------------------------------------ */

/* Seconds of the clock that all processes have, in as many bits as the word leaves. */
static uint32_t seconds(void)
{
    return (uint32_t)(tc_clock_tick_ns() / UINT64_C(1000000000)) & (UINT32_MAX >> 2);
}

void tc_areas_say(tc_areas *areas, tc_staff staff)
{
    uint32_t word = staff == TC_STAFF_ALL ? 0 : seconds() << 2 | (uint32_t)staff;

    if (areas->start)
        __atomic_store_n(&((board *)areas->start)->staff, word, __ATOMIC_RELAXED);
}

tc_staff tc_areas_hear(const tc_areas *areas)
{
    uint32_t word =
        areas->start ? __atomic_load_n(&((board *)areas->start)->staff, __ATOMIC_RELAXED) : 0;

    return word == 0 || seconds() - (word >> 2) > TC_AREAS_STALE_S ? TC_STAFF_ALL
                                                                   : (tc_staff)(word & 3);
}
