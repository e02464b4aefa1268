/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pixels of a photograph filtered and deflated by ISA-L, where that is built in: in
 * 30 percent of zlib's time, and to no more bytes. docs/performance.md has
 * the figures, and why drawings and palettes are left to zlib.
 *
 * ISA-L's code for other processors, and other versions of it, may write other bytes.
 */
#ifndef TC_PNG_DEFLATE_H
#define TC_PNG_DEFLATE_H

#include "codec.h"

typedef struct tc_png_deflate tc_png_deflate;

/* Whether ISA-L is built in and the answer one for it. */
bool tc_png_deflate_takes(const tc_encode_spec *spec);

/* What it holds, in bytes. */
uint64_t tc_png_deflate_bytes(const tc_encode_spec *spec);

/* For the spec's width, height and model; NULL without memory. */
tc_png_deflate *tc_png_deflate_open(const tc_encode_spec *spec);

/* The next row; not before _take has given all that there was. */
void tc_png_deflate_put(tc_png_deflate *deflate, const uint8_t *row);

/*
 * The next piece of the stream, valid until the next call, and its length. NULL: there is none
 * before another row, or after the last row none at all.
 */
const uint8_t *tc_png_deflate_take(tc_png_deflate *deflate, size_t *length);

/* Accepts NULL. */
void tc_png_deflate_free(tc_png_deflate *deflate);

/* The library's name and version, with a sum of what it makes of a sample on this processor. */
void tc_png_deflate_library(char *text, size_t size);

#endif
