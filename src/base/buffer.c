/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#endif
#include "buffer.h"

#ifdef TC_GUARDED

#include <pthread.h>
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
typedef struct map_record {
    uint64_t magic;
    size_t size;
    size_t pages; /* bytes between the two untouchable pages */
} map_record;

enum { HEAD = sizeof(map_record) + FRONT };

/* Freed maps are kept for buffers of as many pages: to map new ones takes page faults, half
   the time of a fuzzer. */
enum { KEPT_MAPS = 64 };
#define KEPT_BYTES ((size_t)16 * 1024 * 1024)

/* Untouchable all over, so that an access after the free is caught as in an unmapped one. */
typedef struct kept_map {
    uint8_t *map;
    size_t pages;
} kept_map;

static kept_map kept[KEPT_MAPS]; /* the oldest first */
static size_t kept_maps, kept_bytes;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

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
static map_record *record_of(void *buffer)
{
    return (map_record *)(((uintptr_t)buffer - HEAD) & ~(uintptr_t)(page_size() - 1));
}

static uint8_t *buffer_end(const map_record *record)
{
    return (uint8_t *)(uintptr_t)record + record->pages;
}

__attribute__((noreturn)) static void fail(const void *buffer, const char *what)
{
    fprintf(stderr, "tc_buffer: %s of the buffer at %p\n", what, buffer);
    abort();
}

/* The oldest kept map with that many bytes between its guards, or NULL. */
static uint8_t *pop_kept(size_t pages)
{
    uint8_t *map = NULL;
    size_t at = 0;

    pthread_mutex_lock(&kept_lock);
    while (at < kept_maps && kept[at].pages != pages)
        at++;
    if (at < kept_maps) {
        map = kept[at].map;
        kept_bytes -= pages;
        kept_maps--;
        memmove(kept + at, kept + at + 1, (kept_maps - at) * sizeof *kept);
    }
    pthread_mutex_unlock(&kept_lock);
    return map;
}

/* Whether the map, which nobody can touch, is kept. */
static bool keep(uint8_t *map, size_t pages)
{
    bool room;

    pthread_mutex_lock(&kept_lock);
    room = kept_maps < KEPT_MAPS && pages <= KEPT_BYTES - kept_bytes;
    if (room) {
        kept[kept_maps++] = (kept_map){map, pages};
        kept_bytes += pages;
    }
    pthread_mutex_unlock(&kept_lock);
    return room;
}

/* A page that cannot be touched, `pages` bytes that can, another; or NULL. */
static uint8_t *map_pages(size_t pages)
{
    size_t page = page_size();
    uint8_t *map = pop_kept(pages);

    if (!map) {
        map = mmap(NULL, pages + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED)
            return NULL;
    }
    if (mprotect(map + page, pages, PROT_READ | PROT_WRITE) == 0)
        return map;
    munmap(map, pages + 2 * page);
    return NULL;
}

static void unmap_pages(uint8_t *map, size_t pages)
{
    size_t page = page_size();

    if (mprotect(map + page, pages, PROT_NONE) != 0 || !keep(map, pages))
        munmap(map, pages + 2 * page);
}

static void *make_buffer(size_t size, int content)
{
    size_t pages;
    uint8_t *map, *buffer;
    map_record *record;

    if (size > SIZE_MAX / 2)
        return NULL;
    pages = round_up(HEAD + round_up(size, ALIGNMENT), page_size());
    map = map_pages(pages);
    if (!map)
        return NULL;
    record = (void *)(map + page_size());
    record->magic = MAGIC;
    record->size = size;
    record->pages = pages;
    buffer = buffer_end(record) - round_up(size, ALIGNMENT);
    memset(record + 1, PATTERN, (size_t)(buffer - (uint8_t *)(record + 1)));
    memset(buffer, content, size);
    memset(buffer + size, PATTERN, (size_t)(buffer_end(record) - buffer) - size);
    ASAN_POISON_MEMORY_REGION(record + 1, (size_t)(buffer - (uint8_t *)(record + 1)));
    ASAN_POISON_MEMORY_REGION(buffer + size, (size_t)(buffer_end(record) - buffer) - size);
    __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return buffer;
}

void *tc_buffer_zeroed(size_t size)
{
    return make_buffer(size, 0);
}

/* Not zeros: what is read before it is written differs from an ordinary build. */
void *tc_buffer_alloc(size_t size)
{
    return make_buffer(size, JUNK);
}

static bool is_pattern(const uint8_t *from, const uint8_t *end)
{
    return from == end ||
           (*from == PATTERN && memcmp(from, from + 1, (size_t)(end - from) - 1) == 0);
}

void tc_buffer_free(void *buffer)
{
    map_record *record;
    size_t pages;

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
    record->magic = 0;
    unmap_pages((uint8_t *)record - page_size(), pages);
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
