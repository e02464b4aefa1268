/* SPDX-License-Identifier: Apache-2.0 */
/* A block of EXIF. */
#ifndef MKPICTURE_EXIF_H
#define MKPICTURE_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* The most that mkpicture_exif makes. */
#define MKPICTURE_EXIF_MAX 256

/*
 * An EXIF block, big-endian, with an orientation where it is not 0; with `full` an
 * artist, a copyright and a thumbnail of the bytes "THUMBNAIL" too. Returns its length.
 */
size_t mkpicture_exif(uint8_t to[MKPICTURE_EXIF_MAX], int orientation, int full);

#endif
