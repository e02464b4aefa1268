/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large blocks of the fuzzers' heap, kept for the next execution. AddressSanitizer maps and
 * unmaps each block of more than 128 KB; dav1d takes several for each file, and their page
 * faults were most of the time of the targets that decode AVIF.
 *
 * A block is one of the sanitizer's own allocator. Freed, it is filled with JUNK and
 * poisoned, and is handed out again in a later execution only, so that a use after free
 * within one is still reported; what it has beyond the size asked for stays poisoned. The
 * leak checker sees each block that is in use as before: the table hides where those are.
 * libFuzzer, which looks for leaks where more was allocated than freed, does not count the
 * reused ones: fuzz_heap_next counts them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP */
#endif
#include "fuzz.h"

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>
#include <string.h>

/* The sanitizer's own. */
void *__interceptor_malloc(size_t size);
void *__interceptor_calloc(size_t count, size_t size);
void *__interceptor_realloc(void *block, size_t size);
int __interceptor_posix_memalign(void **block, size_t alignment, size_t size);
void __interceptor_free(void *block);

#define LARGE      ((size_t)32 * 1024) /* smaller blocks are none of this file's */
#define LARGEST    ((size_t)4 * 1024 * 1024)
#define GRAIN      ((size_t)16 * 1024) /* what sizes are rounded up to; each block's alignment */
#define KEPT_BYTES ((size_t)64 * 1024 * 1024)
#define JUNK       0xa7

/*
 * What is done here depends on earlier executions, and is not coverage of this one. The
 * first calls come before the sanitizer has set itself up, its shadow memory included.
 */
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))), \
                             apply_to = function)

enum heap_state { USED, FREED, READY };

typedef struct heap_entry {
    uintptr_t place; /* of a block in use inverted: no pointer to it */
    size_t room, size;
    enum heap_state state;
} heap_entry;

enum { ENTRIES = 1024 };

static heap_entry entries[ENTRIES];
static size_t count, kept_bytes;
static size_t used, used_before;
static bool begun; /* the first execution is over, and with it what is set up once */
/* Recursive: what is done on the way out of a fault allocates. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static uintptr_t place_of(const void *block)
{
    return ~(uintptr_t)block;
}

static void *hand_out(heap_entry *entry, size_t size)
{
    void *block = (void *)entry->place;

    ASAN_UNPOISON_MEMORY_REGION(block, size);
    entry->place = place_of(block);
    entry->size = size;
    entry->state = USED;
    used++;
    return block;
}

/* A new block with an entry of its own, or NULL: the table is full, or there is no memory. */
static void *add(size_t room, size_t size)
{
    void *block = NULL;

    if (count == ENTRIES || __interceptor_posix_memalign(&block, GRAIN, room) != 0)
        return NULL;
    memset(block, JUNK, room);
    ASAN_POISON_MEMORY_REGION(block, room);
    kept_bytes += room;
    entries[count] = (heap_entry){.place = (uintptr_t)block, .room = room};
    return hand_out(&entries[count++], size);
}

static void *take(size_t size)
{
    size_t room = (size + GRAIN - 1) / GRAIN * GRAIN;
    void *block = NULL;

    if (!begun || size < LARGE || size > LARGEST)
        return NULL;
    pthread_mutex_lock(&lock);
    for (size_t at = 0; !block && at < count; at++) {
        if (entries[at].state == READY && entries[at].room == room)
            block = hand_out(&entries[at], size);
    }
    if (!block)
        block = add(room, size);
    pthread_mutex_unlock(&lock);
    return block;
}

/* The entry of a block in use; one that is freed already ends the process. */
static heap_entry *find_entry(const void *block)
{
    if (!block || (uintptr_t)block % GRAIN != 0)
        return NULL;
    for (size_t at = 0; at < count; at++) {
        if (entries[at].state == USED && entries[at].place == place_of(block))
            return &entries[at];
        must(entries[at].state == USED || entries[at].place != (uintptr_t)block);
    }
    return NULL;
}

/* The size of a block of the table, or 0. */
static size_t size_of(const void *block)
{
    const heap_entry *entry;
    size_t size;

    pthread_mutex_lock(&lock);
    entry = find_entry(block);
    size = entry ? entry->size : 0;
    pthread_mutex_unlock(&lock);
    return size;
}

void free(void *block)
{
    heap_entry *entry;

    if (!begun) {
        __interceptor_free(block);
        return;
    }
    pthread_mutex_lock(&lock);
    entry = find_entry(block);
    if (entry) {
        memset(block, JUNK, entry->size);
        ASAN_POISON_MEMORY_REGION(block, entry->room);
        entry->place = (uintptr_t)block;
        entry->state = FREED;
        used--;
    }
    pthread_mutex_unlock(&lock);
    if (!entry)
        __interceptor_free(block);
}

void *malloc(size_t size)
{
    void *block = take(size);

    return block ? block : __interceptor_malloc(size);
}

void *calloc(size_t members, size_t size)
{
    void *block = size != 0 && members > LARGEST / size ? NULL : take(members * size);

    if (!block)
        return __interceptor_calloc(members, size);
    return memset(block, 0, members * size);
}

int posix_memalign(void **to, size_t alignment, size_t size)
{
    void *block = alignment > GRAIN ? NULL : take(size);

    if (!block)
        return __interceptor_posix_memalign(to, alignment, size);
    *to = block;
    return 0;
}

void *realloc(void *block, size_t size)
{
    size_t had = begun ? size_of(block) : 0;
    void *grown;

    if (had == 0)
        return __interceptor_realloc(block, size);
    grown = size == 0 ? NULL : malloc(size);
    if (grown)
        memcpy(grown, block, had < size ? had : size);
    if (grown || size == 0)
        free(block);
    return grown;
}

/* All that are not in use go back to the sanitizer. */
static void give_back(void)
{
    size_t left = 0;

    for (size_t at = 0; at < count; at++) {
        if (entries[at].state == USED) {
            entries[left++] = entries[at];
        } else {
            ASAN_UNPOISON_MEMORY_REGION((void *)entries[at].place, entries[at].room);
            __interceptor_free((void *)entries[at].place);
            kept_bytes -= entries[at].room;
        }
    }
    count = left;
}

void fuzz_heap_next(void)
{
    bool more;

    pthread_mutex_lock(&lock);
    begun = true;
    for (size_t at = 0; at < count; at++) {
        if (entries[at].state == FREED)
            entries[at].state = READY;
    }
    if (kept_bytes > KEPT_BYTES || count > ENTRIES / 2)
        give_back();
    more = used > used_before;
    used_before = used;
    pthread_mutex_unlock(&lock);
    if (more)
        must(__lsan_do_recoverable_leak_check() == 0);
}

#pragma clang attribute pop
