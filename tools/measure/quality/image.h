/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pictures that quality judges, and what all its parts need. Nothing of src/ is used,
 * so that it cannot agree with itself.
 */
#ifndef QUALITY_IMAGE_H
#define QUALITY_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/* 8 bits a sample, RGB or RGBA (straight alpha), rows without gaps; free(data) it. */
typedef struct bytes_image {
    uint32_t w, h;
    unsigned channels; /* 3 or 4 */
    uint8_t *data;
} bytes_image;

/* Samples 0..255 in double; with 4 channels the colours are premultiplied. free(data) it. */
typedef struct exact_image {
    uint32_t w, h;
    unsigned channels;
    double *data;
} exact_image;

/* Say why and exit with 2. */
__attribute__((noreturn)) void quality_die(const char *what, const char *which);

/* malloc(count * size) or quality_die. */
void *quality_alloc(size_t count, size_t size);

#endif
