/* SPDX-License-Identifier: Apache-2.0 */
/* A PNG in memory as libpng reads it: png_set_read_fn(png, &left, read_png_bytes). */
#ifndef PNGS_H
#define PNGS_H

#include <stdint.h>
#include <string.h>

#include <png.h>

/* What is left of it. */
typedef struct png_bytes {
    const uint8_t *data;
    size_t length;
} png_bytes;

static void read_png_bytes(png_structp png, png_bytep data, png_size_t length)
{
    png_bytes *left = png_get_io_ptr(png);

    if (length > left->length)
        png_error(png, "short");
    memcpy(data, left->data, length);
    left->data += length;
    left->length -= length;
}

#endif
