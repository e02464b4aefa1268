/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of mkpicture share: options, and the picture as drawn. */
#ifndef MKPICTURE_H
#define MKPICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct options {
    const char *kind, *colour, *colour2, *space, *type, *profile;
    int seed, quality, progressive, adobe, orientation, depth, interlace, lossless, frames,
        exif;
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

/*
 * An ICC profile: "srgb", "p3" (Display P3), "gamma1" (grey, light itself), or "swapped"
 * (CMYK whose first ink is magenta and whose second is cyan). The caller frees it. NULL for
 * another name, or without Little CMS.
 */
uint8_t *mkpicture_profile(const char *name, size_t *length);

/* The most that mkpicture_exif makes. */
#define MKPICTURE_EXIF_MAX 256

/*
 * An EXIF block, big-endian, with an orientation where it is not 0; with `full` an
 * artist, a copyright and a thumbnail of the bytes "THUMBNAIL" too. Returns its length.
 */
size_t mkpicture_exif(uint8_t to[MKPICTURE_EXIF_MAX], int orientation, int full);

#endif
