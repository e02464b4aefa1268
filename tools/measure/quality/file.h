/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures from files and into them, by libjpeg, libpng, libwebp and libavif alone. */
#ifndef QUALITY_FILE_H
#define QUALITY_FILE_H

#include "image.h"

/* How a picture is written. */
typedef struct writing {
    int quality;     /* JPEG: 1..100 */
    int progressive; /* JPEG: not 0 is libjpeg's simple progression */
    int restart;     /* JPEG: rows of MCUs between restart markers; 0: none */
} writing;

/* A JPEG or PNG, or where it is built in a WebP or AVIF, by its first byte: decoded whole. */
bytes_image quality_read(const char *name);

/* JPEG (4:2:0) or PNG by the name's ending. */
void quality_write(const char *name, const bytes_image *image, const writing *how);

#endif
