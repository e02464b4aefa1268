/* SPDX-License-Identifier: Apache-2.0 */
/* The picture as drawn, and the options it is drawn and written by. */
#ifndef MKPICTURE_SCENE_H
#define MKPICTURE_SCENE_H

#include <stdbool.h>
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

/* The same number for the same place and seed, on every machine. */
uint32_t scene_hash(uint32_t x, uint32_t y, uint32_t seed);
/* Smooth noise, 0..1: hashed corners, blended. */
double scene_noise(double x, double y, uint32_t seed);

/* lighthouse.c */
pixel draw_lighthouse(const scene *scene, uint32_t x, uint32_t y);
pixel draw_cutout(const scene *scene, uint32_t x, uint32_t y);

/* One pixel of the stored picture: where the upright one has it. */
pixel stored_pixel(const scene *scene, uint32_t column, uint32_t row);

#endif
