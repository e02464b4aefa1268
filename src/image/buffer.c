/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#endif
#include "buffer.h"

#ifdef TC_GUARDED

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is poisoned the sanitizer reports at the access, with both stacks. */
#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define ALIGNMENT ((size_t)16)
#define PATTERN   0xc5
#define JUNK      0xa7
#define MAGIC     0x7463627566666572u

/* Bytes of pattern in front of a buffer, at least. */
#define FRONT 64

/*
 * The layout: a page that cannot be touched, the record, the pattern, the buffer, the
 * pattern up to a multiple of 16 bytes, a page that cannot be touched.
 */
typedef struct record {
    uint64_t magic;
    size_t size;
    size_t pages; /* bytes between the two untouchable pages */
} record;

enum { HEAD = sizeof(record) + FRONT };

static size_t live;

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t size, size_t to)
{
    return (size + to - 1) / to * to;
}

/* The buffer begins less than a page after the earliest place where it can. */
static record *record_of(void *buffer)
{
    return (record *)(((uintptr_t)buffer - HEAD) & ~(uintptr_t)(page_size() - 1));
}

static uint8_t *buffer_end(const record *record)
{
    return (uint8_t *)(uintptr_t)record + record->pages;
}

__attribute__((noreturn)) static void fail(const void *buffer, const char *what)
{
    fprintf(stderr, "tc_buffer: %s of the buffer at %p\n", what, buffer);
    abort();
}

/* All zeros, as the system gives them. */
void *tc_buffer_zeroed(size_t size)
{
    size_t page = page_size(), pages;
    uint8_t *map, *buffer;
    record *record;

    if (size > SIZE_MAX / 2)
        return NULL;
    pages = round_up(HEAD + round_up(size, ALIGNMENT), page);
    map = mmap(NULL, pages + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    if (mprotect(map + page, pages, PROT_READ | PROT_WRITE) != 0) {
        munmap(map, pages + 2 * page);
        return NULL;
    }
    record = (void *)(map + page);
    record->magic = MAGIC;
    record->size = size;
    record->pages = pages;
    buffer = buffer_end(record) - round_up(size, ALIGNMENT);
    memset(record + 1, PATTERN, (size_t)(buffer - (uint8_t *)(record + 1)));
    memset(buffer + size, PATTERN, (size_t)(buffer_end(record) - buffer) - size);
    ASAN_POISON_MEMORY_REGION(record + 1, (size_t)(buffer - (uint8_t *)(record + 1)));
    ASAN_POISON_MEMORY_REGION(buffer + size, (size_t)(buffer_end(record) - buffer) - size);
    __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return buffer;
}

/* Not zeros: what is read before it is written differs from an ordinary build. */
void *tc_buffer_alloc(size_t size)
{
    void *buffer = tc_buffer_zeroed(size);

    if (buffer)
        memset(buffer, JUNK, size);
    return buffer;
}

static bool is_pattern(const uint8_t *from, const uint8_t *end)
{
    while (from < end && *from == PATTERN)
        from++;
    return from == end;
}

void tc_buffer_free(void *buffer)
{
    size_t page = page_size(), pages;
    record *record;

    if (!buffer)
        return;
    record = record_of(buffer);
    if (record->magic != MAGIC)
        fail(buffer, "the record is not there");
    pages = record->pages;
    ASAN_UNPOISON_MEMORY_REGION(record, pages);
    if (!is_pattern((uint8_t *)(record + 1), buffer))
        fail(buffer, "something was written in front");
    if (!is_pattern((uint8_t *)buffer + record->size, buffer_end(record)))
        fail(buffer, "something was written past the end");
    munmap((uint8_t *)record - page, pages + 2 * page);
    __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
}

void *tc_buffer_resize(void *buffer, size_t size)
{
    uint8_t *resized = tc_buffer_alloc(size);

    if (resized && buffer) {
        size_t had = record_of(buffer)->size;

        memcpy(resized, buffer, had < size ? had : size);
        tc_buffer_free(buffer);
    }
    return resized;
}

size_t tc_buffer_live(void)
{
    return __atomic_load_n(&live, __ATOMIC_RELAXED);
}

#endif
