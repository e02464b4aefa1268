/* SPDX-License-Identifier: Apache-2.0 */
/* The exact resize: no tables shared, no rounding, one pixel at a time. */
#ifndef QUALITY_RESIZE_H
#define QUALITY_RESIZE_H

#include "image.h"

/*
 * Lanczos with three lobes, stretched by the reduction, in double precision; alpha is
 * premultiplied before. Samples beyond the edge do not count.
 */
exact_image quality_resize(const bytes_image *image, uint32_t w, uint32_t h);

/* Rounded to 8 bits, alpha divided out. */
bytes_image quality_round(const exact_image *image);

#endif
