/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undoing PNG's row filters (PNG specification, third edition, section 9). Every
 * implementation gives the same bytes; which one is used is chosen once a picture.
 */
#ifndef TC_PNG_FILTER_H
#define TC_PNG_FILTER_H

#include <stdint.h>

#define TC_PNG_FILTERS 5
#define TC_PNG_PAETH   4

/*
 * Undo one row in place: `length` bytes in pixels of `step` bytes, `above` the row
 * before, undone, or zeros. Up to 3 bytes past either row are read, never written.
 */
typedef void tc_png_unfilter(uint8_t *row, const uint8_t *above, uint32_t length,
                             unsigned step);

/* By filter type: none, sub, up, average, Paeth; for pixels of `step` bytes. */
typedef struct tc_png_filters {
    const char *name;
    tc_png_unfilter *undo[TC_PNG_FILTERS];
    /* A Paeth row and `second`, the Paeth row after it, which together take little longer. */
    void (*paeth_two)(uint8_t *row, const uint8_t *above, uint8_t *second, uint32_t length,
                      unsigned step);
} tc_png_filters;

extern const tc_png_filters tc_png_filters_scalar;

/* For pixels of 3 or 4 bytes, or NULL where it cannot run. */
const tc_png_filters *tc_png_filters_sse(void);

/* The fastest for pixels of `step` bytes that runs here. */
const tc_png_filters *tc_png_filters_best(unsigned step);

#endif
