/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures from files and into them, by libjpeg and libpng alone. */
#ifndef QUALITY_FILE_H
#define QUALITY_FILE_H

#include "image.h"

/* How a picture is written. */
typedef struct writing {
    int quality;     /* JPEG: 1..100 */
    int progressive; /* JPEG: not 0 is libjpeg's simple progression */
} writing;

/* A JPEG or PNG by its first byte: decoded whole by libjpeg or libpng. */
bytes_image quality_read(const char *name);

/* JPEG (4:2:0) or PNG by the name's ending. */
void quality_write(const char *name, const bytes_image *image, const writing *how);

#endif
