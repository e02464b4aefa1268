/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a codec library reads or writes: rows, strips, encoded data, profiles. The
 * libraries are not instrumented, so the sanitizers do not see where they go past its end.
 *
 * Built with TC_GUARDED (the sanitizer and fuzz builds) each buffer ends right before a page
 * that cannot be touched. Sizes that are not a multiple of 16 leave up to 15 bytes there,
 * which hold a pattern, as do the bytes in front; a changed pattern is reported by
 * tc_buffer_free, which then ends the process. Without TC_GUARDED these are malloc(3) and
 * its kin.
 *
 * Buffers are aligned to 16 bytes, and to 32 or 64 where the size is a multiple of that and
 * the build is guarded. NULL without memory.
 */
#ifndef TC_BUFFER_H
#define TC_BUFFER_H

#include <stddef.h>

#ifdef TC_GUARDED

#define TC_BUFFER_GUARDED 1

void *tc_buffer_alloc(size_t size);

/* All zeros. */
void *tc_buffer_zeroed(size_t size);

/* As realloc(3); `buffer` may be NULL, and is kept where there is no memory. */
void *tc_buffer_resize(void *buffer, size_t size);

/* NULL is accepted. */
void tc_buffer_free(void *buffer);

/* Buffers of all threads that are not freed yet. */
size_t tc_buffer_live(void);

#else

#include <stdlib.h>

#define TC_BUFFER_GUARDED 0

static inline void *tc_buffer_alloc(size_t size)
{
    return malloc(size);
}

static inline void *tc_buffer_zeroed(size_t size)
{
    return calloc(1, size);
}

static inline void *tc_buffer_resize(void *buffer, size_t size)
{
    return realloc(buffer, size);
}

static inline void tc_buffer_free(void *buffer)
{
    free(buffer);
}

#endif

#endif
