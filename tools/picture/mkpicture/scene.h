/* SPDX-License-Identifier: Apache-2.0 */
/* The picture as drawn, and the options it is drawn and written by. */
#ifndef MKPICTURE_SCENE_H
#define MKPICTURE_SCENE_H

#include <stdint.h>

typedef struct options {
    const char *kind, *colour, *colour2, *space, *type, *profile;
    int seed, quality, progressive, adobe, orientation, depth, interlace, lossless, frames,
        exif, sampling, restart;
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

/* Say why and exit with 2. */
void die(const char *what, const char *which) __attribute__((noreturn));

/* One pixel of the stored picture: where the upright one has it. */
pixel stored_pixel(const scene *scene, uint32_t column, uint32_t row);

#endif
