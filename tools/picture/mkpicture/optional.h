/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of libraries that need not be there: WebP, AVIF, GIF. */
#ifndef MKPICTURE_OPTIONAL_H
#define MKPICTURE_OPTIONAL_H

#include "scene.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Write `w` x `h` stored pixels as the format that the ending names; false for an ending that
 * is not one of an optional library that was there. */
bool write_optional(const char *ending, const scene *scene, FILE *out, uint32_t w, uint32_t h);

#endif
