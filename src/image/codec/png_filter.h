/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undoing PNG's row filters (PNG specification, third edition, section 9). Every
 * implementation gives the same bytes; which one is used is chosen once a picture.
 */
#ifndef TC_PNG_FILTER_H
#define TC_PNG_FILTER_H

#include <stddef.h>
#include <stdint.h>

typedef enum tc_png_filter {
    TC_PNG_NONE,
    TC_PNG_SUB,
    TC_PNG_UP,
    TC_PNG_AVERAGE,
    TC_PNG_PAETH,
    TC_PNG_FILTERS
} tc_png_filter;

typedef struct tc_png_filters {
    const char *name;
    /*
     * Undo `count` rows in place: `length` bytes each, at least a pixel, in pixels of `step`
     * bytes, `stride` bytes after the row before; the byte before a row is its filter, one
     * of tc_png_filter. `above` is the row before the first one, undone, or zeros. Up to 3
     * bytes past a row and past `above` are read, and not changed.
     *
     * A multiple of TC_PNG_ABREAST rows is the fastest.
     */
    void (*undo)(uint8_t *row, const uint8_t *above, size_t stride, uint32_t count,
                 uint32_t length, unsigned step);
} tc_png_filters;

#define TC_PNG_ABREAST 8

extern const tc_png_filters tc_png_filters_scalar;

/* For pixels of 3 or 4 bytes, or NULL where they cannot run. */
const tc_png_filters *tc_png_filters_sse(void);
const tc_png_filters *tc_png_filters_avx2(void);

/* The fastest for pixels of `step` bytes that runs here. */
const tc_png_filters *tc_png_filters_best(unsigned step);

#endif
