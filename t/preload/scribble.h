/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory as a process that was taken over leaves it: segments between pages that
 * nobody may touch, and everything that may be written into them. What is written
 * follows from a seed, which is printed; SCRIBBLE_SEED gives another.
 */
#ifndef SCRIBBLE_H
#define SCRIBBLE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static uint64_t scribble_state;

__attribute__((unused)) static void scribble_seed(void)
{
    const char *given = getenv("SCRIBBLE_SEED");

    scribble_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) << 20;
    scribble_state += given ? 0 : (uint64_t)getpid();
    printf("# SCRIBBLE_SEED=%llu\n", (unsigned long long)scribble_state);
    fflush(stdout);
}

/* Vigna's splitmix64: any seed will do, 0 too. */
static uint64_t scribble_random(void)
{
    uint64_t z = scribble_state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* What breaks programs: for numbers of 64 bits and, twice in a word, of 32; and doubles. */
static const uint64_t scribble_values[] = {
    0,
    1,
    2,
    UINT64_MAX,
    UINT64_MAX - 1,
    INT64_MAX,
    (uint64_t)INT64_MIN,
    UINT64_C(0xffffffff),
    UINT64_C(0x7fffffff7fffffff),
    UINT64_C(0x8000000080000000),
    UINT64_C(0xffffffff00000000),
    UINT64_C(0x0000000100000001),
    UINT64_C(0x0000100000001000), /* 4096, TC_QUEUE_MOST */
    UINT64_C(0x0000100100001001),
    UINT64_C(0x4141414141414141), /* text that does not end */
    UINT64_C(0x7ff0000000000000), /* infinity, NAN, and 1e300 */
    UINT64_C(0x7ff8000000000000),
    UINT64_C(0x7e37e43c8800759c),
};
#define SCRIBBLE_VALUES (sizeof scribble_values / sizeof scribble_values[0])

/* One of those, a small number, a process of this machine, near what was there, or anything. */
__attribute__((unused)) static uint64_t scribble_value(uint64_t before)
{
    uint64_t random = scribble_random();

    switch (random % 8) {
    case 0:
    case 1:
    case 2:
        return scribble_values[(random >> 8) % SCRIBBLE_VALUES];
    case 3:
        return (random >> 8) % 70000;
    case 4:
        return (random >> 32) % 3 ? (uint64_t)getppid() : 1;
    case 5:
        return before + (random >> 8) % 3 - 1;
    case 6:
        return (random >> 8) << 22 | (uint64_t)getppid(); /* a place in the queue */
    default:
        return scribble_random();
    }
}

/* `size` bytes, all zero, aligned to 64, with nothing behind the last one: a page before and a
   page after that cannot be touched. Never given back. */
__attribute__((unused)) static void *scribble_memory(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) / page * page;
    char *memory = mmap(NULL, whole + 2 * page, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED || mprotect(memory + page, whole, PROT_READ | PROT_WRITE) != 0) {
        printf("Bail out! no memory\n");
        exit(1);
    }
    return memory + page + (whole - size) / 64 * 64;
}

__attribute__((unused)) static void scribble_fill(void *memory, size_t size, uint64_t value)
{
    for (size_t at = 0; at + sizeof value <= size; at += sizeof value)
        memcpy((char *)memory + at, &value, sizeof value);
}

/* Everything at once. */
__attribute__((unused)) static void scribble_all(void *memory, size_t size)
{
    volatile uint64_t *word = memory;

    for (size_t at = 0; at < size / sizeof *word; at++)
        word[at] = scribble_value(word[at]);
}

/* A few words, the first ones, which are of more account, as often as all others. */
__attribute__((unused)) static void scribble_some(void *memory, size_t size)
{
    volatile uint64_t *word = memory;
    size_t words = size / sizeof *word;

    for (int count = 0; count < 16; count++) {
        size_t at = scribble_random() % (count % 2 && words > 8 ? 8 : words);
        word[at] = scribble_value(word[at]);
    }
}

#endif
