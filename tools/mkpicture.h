/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of mkpicture share: options, and the picture as drawn. */
#ifndef MKPICTURE_H
#define MKPICTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct options {
    const char *kind, *colour, *colour2, *space, *type;
    int seed, quality, progressive, adobe, orientation, depth, interlace, lossless, frames;
} options;

typedef struct pixel {
    uint8_t r, g, b, a;
} pixel;

typedef struct scene {
    const options *options;
    uint32_t w, h; /* upright */
    pixel first, second;
    pixel (*draw)(const struct scene *, uint32_t x, uint32_t y);
} scene;

void die(const char *what, const char *which) __attribute__((noreturn));

/* One pixel of the stored picture: where the upright one has it. */
pixel stored_pixel(const scene *scene, uint32_t column, uint32_t row);

/* Write `w` x `h` stored pixels as the format that the ending names; false for an ending that
 * is not one of an optional library that was there. */
bool write_optional(const char *ending, const scene *scene, FILE *out, uint32_t w, uint32_t h);

#endif
