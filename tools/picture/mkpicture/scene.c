/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void die(const char *what, const char *which)
{
    fprintf(stderr, "mkpicture: %s: %s\n", what, which);
    exit(2);
}

uint32_t scene_hash(uint32_t x, uint32_t y, uint32_t seed)
{
    uint32_t h = x * 0x9e3779b1u ^ y * 0x85ebca77u ^ seed * 0xc2b2ae3du;

    h = (h ^ h >> 15) * 0x2c1b3c6du;
    h = (h ^ h >> 12) * 0x297a2d39u;
    return h ^ h >> 15;
}

double scene_noise(double x, double y, uint32_t seed)
{
    double left = floor(x), top = floor(y), u = x - left, v = y - top;
    uint32_t i = (uint32_t)(int32_t)left, j = (uint32_t)(int32_t)top;
    double a = scene_hash(i, j, seed), b = scene_hash(i + 1, j, seed);
    double c = scene_hash(i, j + 1, seed), d = scene_hash(i + 1, j + 1, seed);

    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    return ((a + (b - a) * u) * (1 - v) + (c + (d - c) * u) * v) / 4294967295.0;
}

pixel stored_pixel(const scene *scene, uint32_t column, uint32_t row)
{
    uint32_t w = scene->w - 1, h = scene->h - 1;

    switch (scene->options->orientation) {
    case 2:
        return scene->draw(scene, w - column, row);
    case 3:
        return scene->draw(scene, w - column, h - row);
    case 4:
        return scene->draw(scene, column, h - row);
    case 5:
        return scene->draw(scene, row, column);
    case 6:
        return scene->draw(scene, w - row, column);
    case 7:
        return scene->draw(scene, w - row, h - column);
    case 8:
        return scene->draw(scene, row, h - column);
    default:
        return scene->draw(scene, column, row);
    }
}
