/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "jpeg_blocks.h"

#include "base/buffer.h"

#include <string.h>
#include <sys/mman.h>

#include <jerror.h>

/* The size of huge pages where they matter (x86-64, arm64 with 4 KiB pages). */
#define HUGE_PAGE ((size_t)2 * 1024 * 1024)

/* Arrays begin at this, for the vectors that read them. */
#define ALIGNMENT 64

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* libjpeg's opaque handle is the array itself. */
static tc_jpeg_block_array *array_of(tc_jpeg_blocks *blocks, jvirt_barray_ptr handle)
{
    for (unsigned at = 0; at < TC_JPEG_COMPONENTS; at++) {
        if ((void *)handle == (void *)&blocks->array[at])
            return &blocks->array[at];
    }
    return NULL;
}

/* The decoder asks for one array a component, in order, and for no others. */
static jvirt_barray_ptr request(j_common_ptr cinfo, int pool, boolean zero, JDIMENSION wide,
                                JDIMENSION high, JDIMENSION most)
{
    tc_jpeg_blocks *blocks = tc_jpeg_blocks_of(cinfo);
    tc_jpeg_block_array *array;

    (void)pool;
    (void)zero; /* they always are */
    if (blocks->requested >= blocks->frame->components)
        ERREXIT(cinfo, JERR_BAD_VIRTUAL_ACCESS);
    array = &blocks->array[blocks->requested++];
    array->wide = wide;
    array->high = high;
    array->most = most < high ? most : high;
    return (jvirt_barray_ptr)(void *)array;
}

static bool holds_dc(const tc_jpeg_blocks *blocks, unsigned at)
{
    return blocks->frame->component[at].dc_only;
}

/* Bytes behind the window, if any, and of blocks that libjpeg sees. */
static size_t dc_bytes(const tc_jpeg_blocks *blocks, unsigned at)
{
    const tc_jpeg_block_array *array = &blocks->array[at];

    return holds_dc(blocks, at) ? aligned((size_t)array->wide * array->high * sizeof(JCOEF))
                                : 0;
}

static size_t block_bytes(const tc_jpeg_blocks *blocks, unsigned at)
{
    const tc_jpeg_block_array *array = &blocks->array[at];

    return (size_t)array->wide * (holds_dc(blocks, at) ? array->most : array->high) *
           sizeof(JBLOCK);
}

/* Zeroed memory: small ones of libjpeg's pool, large ones of the system. */
static uint8_t *get(j_common_ptr cinfo, tc_jpeg_blocks *blocks, size_t size)
{
    size_t room = size + HUGE_PAGE;
    uintptr_t start;
    void *memory;

    if (size < HUGE_PAGE) {
        memory = cinfo->mem->alloc_large(cinfo, JPOOL_IMAGE, size + ALIGNMENT);
        memset(memory, 0, size + ALIGNMENT);
        return (uint8_t *)aligned((uintptr_t)memory);
    }
    memory = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        ERREXIT1(cinfo, JERR_OUT_OF_MEMORY, 0);
    blocks->map = memory;
    blocks->map_bytes = room;
    start = ((uintptr_t)memory + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    /* A wish: where the system has no huge pages, or none left, it is the same but slower. */
    madvise((void *)start, size, MADV_HUGEPAGE);
    return (uint8_t *)start;
}

/* The next `size` bytes at *to; where buffers are guarded, a buffer for each array. */
static void *carve(j_common_ptr cinfo, uint8_t **to, size_t size)
{
    void *piece = *to;

    if (TC_BUFFER_GUARDED) {
        piece = tc_buffer_zeroed(size);
        if (!piece)
            ERREXIT1(cinfo, JERR_OUT_OF_MEMORY, 0);
    } else {
        *to += size;
    }
    return piece;
}

static void realize(j_common_ptr cinfo)
{
    tc_jpeg_blocks *blocks = tc_jpeg_blocks_of(cinfo);
    size_t size = 0;
    uint8_t *to = NULL;

    for (unsigned at = 0; at < blocks->requested; at++)
        size += dc_bytes(blocks, at) + block_bytes(blocks, at);
    if (size == 0 || blocks->array[0].row)
        return;
    if (!TC_BUFFER_GUARDED)
        to = get(cinfo, blocks, size);
    for (unsigned at = 0; at < blocks->requested; at++) {
        tc_jpeg_block_array *array = &blocks->array[at];

        array->row =
            cinfo->mem->alloc_small(cinfo, JPOOL_IMAGE, array->most * sizeof(JBLOCKROW));
        array->blocks = carve(cinfo, &to, block_bytes(blocks, at));
        if (holds_dc(blocks, at))
            array->dc = carve(cinfo, &to, dc_bytes(blocks, at));
    }
}

/* What was decoded in the window goes to its place. */
static void store(tc_jpeg_block_array *array)
{
    size_t count = (size_t)array->rows * array->wide;
    JCOEF *dc = array->dc + (size_t)array->first * array->wide;

    for (size_t at = 0; at < count; at++)
        dc[at] = array->blocks[at][0];
}

static void load(tc_jpeg_block_array *array, JDIMENSION first, JDIMENSION rows)
{
    size_t count = (size_t)rows * array->wide;
    const JCOEF *dc = array->dc + (size_t)first * array->wide;

    for (size_t at = 0; at < count; at++)
        array->blocks[at][0] = dc[at];
    array->first = first;
    array->rows = rows;
}

static JBLOCKARRAY access_array(j_common_ptr cinfo, jvirt_barray_ptr handle, JDIMENSION first,
                                JDIMENSION rows, boolean writable)
{
    tc_jpeg_block_array *array = array_of(tc_jpeg_blocks_of(cinfo), handle);
    JDIMENSION in_window = 0;

    if (!array || !array->row || rows > array->most || first > array->high ||
        rows > array->high - first)
        ERREXIT(cinfo, JERR_BAD_VIRTUAL_ACCESS);
    if (array->dc) {
        if (array->written)
            store(array);
        load(array, first, rows);
        array->written = writable;
        in_window = first;
    }
    for (JDIMENSION y = 0; y < rows; y++)
        array->row[y] = array->blocks + (size_t)(first - in_window + y) * array->wide;
    return array->row;
}

void tc_jpeg_blocks_put_in(tc_jpeg_blocks *blocks, j_decompress_ptr cinfo,
                           const tc_jpeg_frame *frame)
{
    blocks->frame = frame;
    cinfo->mem->request_virt_barray = request;
    cinfo->mem->realize_virt_arrays = realize;
    cinfo->mem->access_virt_barray = access_array;
}

void tc_jpeg_blocks_free(tc_jpeg_blocks *blocks)
{
    if (blocks->map)
        munmap(blocks->map, blocks->map_bytes);
    blocks->map = NULL;
    for (unsigned at = 0; TC_BUFFER_GUARDED && at < blocks->requested; at++) {
        tc_buffer_free(blocks->array[at].blocks);
        tc_buffer_free(blocks->array[at].dc);
        blocks->array[at].blocks = NULL;
        blocks->array[at].dc = NULL;
    }
}
