/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

void die(const char *what, const char *which)
{
    fprintf(stderr, "mkpicture: %s: %s\n", what, which);
    exit(2);
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
