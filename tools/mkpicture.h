/* SPDX-License-Identifier: Apache-2.0 */
/* What mkpicture puts into its pictures beside pixels. */
#ifndef MKPICTURE_H
#define MKPICTURE_H

#include <stddef.h>
#include <stdint.h>

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
