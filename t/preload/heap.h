/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocator with calls that can be made to fail: malloc and its kin defined
 * over those of the C library or of a sanitizer, which do the work. For the one
 * source of a program or preloaded library that includes it and defines
 * heap_fails(); before everything else that has an allocator of its own.
 */
#ifndef HEAP_H
#define HEAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Called before a sanitizer has laid out its own memory: without its checks. */
#define HEAP_PLAIN __attribute__((no_sanitize("address", "undefined")))

/* Whether this call, whose return address is `caller`, is to fail; and what became of
 * those that did not: `blocks` is 1 where the block was taken, -1 where it is about to be given
 * back, and one after the other where its size changes. */
HEAP_PLAIN static bool heap_fails(const void *caller);
HEAP_PLAIN static void heap_changed(int blocks, void *block, const void *caller);

typedef struct heap_calls {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    void (*free)(void *);
} heap_calls;

static heap_calls heap_next;

/* dlsym(3) may itself allocate: then from here, never given back. */
static union {
    char bytes[16384];
    max_align_t align;
} heap_early;
static size_t heap_early_used;
static bool heap_looking;

HEAP_PLAIN static void *heap_from_early(size_t size)
{
    void *taken = heap_early.bytes + heap_early_used;

    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (size > sizeof heap_early.bytes - heap_early_used)
        abort();
    heap_early_used += size;
    return taken;
}

HEAP_PLAIN static bool heap_is_early(const void *block)
{
    return (const char *)block >= heap_early.bytes &&
           (const char *)block < heap_early.bytes + sizeof heap_early.bytes;
}

HEAP_PLAIN static void heap_find(void *to, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(to, &found, sizeof found);
}

/* False while the functions are being looked for: the process has one thread then. */
HEAP_PLAIN static bool heap_ready(void)
{
    if (__atomic_load_n(&heap_next.free, __ATOMIC_ACQUIRE))
        return true;
    if (heap_looking)
        return false;
    heap_looking = true;
    heap_find(&heap_next.malloc, "malloc");
    heap_find(&heap_next.calloc, "calloc");
    heap_find(&heap_next.realloc, "realloc");
    heap_find(&heap_next.posix_memalign, "posix_memalign");
    heap_find(&heap_next.aligned_alloc, "aligned_alloc");
    heap_find(&heap_next.free, "free");
    heap_looking = false;
    return true;
}

HEAP_PLAIN static void *heap_noted(void *block, const void *caller)
{
    if (block)
        heap_changed(1, block, caller);
    return block;
}

#define CALLER __builtin_return_address(0)

HEAP_PLAIN void *malloc(size_t size)
{
    if (!heap_ready())
        return heap_from_early(size);
    if (heap_fails(CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_noted(heap_next.malloc(size), CALLER);
}

HEAP_PLAIN void *calloc(size_t count, size_t size)
{
    if (!heap_ready())
        return heap_from_early(count * size); /* zero still */
    if (heap_fails(CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_noted(heap_next.calloc(count, size), CALLER);
}

HEAP_PLAIN void *realloc(void *block, size_t size)
{
    void *made;

    if (!heap_ready() || heap_is_early(block)) {
        made = malloc(size);
        if (made && block) /* what lies behind the early block is early memory too */
            memcpy(made, block,
                   size < (size_t)(heap_early.bytes + sizeof heap_early.bytes - (char *)block)
                       ? size
                       : (size_t)(heap_early.bytes + sizeof heap_early.bytes - (char *)block));
        return made;
    }
    if (heap_fails(CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    if (block)
        heap_changed(-1, block, CALLER);
    made = heap_next.realloc(block, size);
    if (made || (block && size > 0)) /* else it was given back, or there was none */
        heap_changed(1, made ? made : block, CALLER);
    return made;
}

HEAP_PLAIN int posix_memalign(void **block, size_t alignment, size_t size)
{
    int rc;

    if (!heap_ready())
        abort();
    if (heap_fails(CALLER))
        return ENOMEM;
    rc = heap_next.posix_memalign(block, alignment, size);
    if (rc == 0)
        heap_changed(1, *block, CALLER);
    return rc;
}

HEAP_PLAIN void *aligned_alloc(size_t alignment, size_t size)
{
    if (!heap_ready())
        abort();
    if (heap_fails(CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_noted(heap_next.aligned_alloc(alignment, size), CALLER);
}

HEAP_PLAIN void free(void *block)
{
    if (!block || heap_is_early(block))
        return;
    if (!heap_ready())
        return;
    heap_changed(-1, block, CALLER);
    heap_next.free(block);
}

#endif
