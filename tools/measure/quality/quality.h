/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tools/bench judges pictures by: our own reading, an exact resize and the usual
 * measures of likeness. Nothing of src/ is used, so that it cannot agree with itself.
 */
#ifndef QUALITY_H
#define QUALITY_H

#include <stddef.h>
#include <stdint.h>

/* 8 bits a sample, RGB or RGBA (straight alpha), rows without gaps; free(data) it. */
typedef struct bytes_image {
    uint32_t w, h;
    unsigned channels; /* 3 or 4 */
    uint8_t *data;
} bytes_image;

/* Samples 0..255 in double; with 4 channels the colours are premultiplied. free(data) it. */
typedef struct exact_image {
    uint32_t w, h;
    unsigned channels;
    double *data;
} exact_image;

/* How a picture is written. */
typedef struct writing {
    int quality;     /* JPEG: 1..100 */
    int progressive; /* JPEG: not 0 is libjpeg's simple progression */
} writing;

/* Say why and exit with 2. */
__attribute__((noreturn)) void quality_die(const char *what, const char *which);

/* malloc(count * size) or quality_die. */
void *quality_alloc(size_t count, size_t size);

/* A JPEG or PNG by its first byte: decoded whole by libjpeg or libpng. */
bytes_image quality_read(const char *name);

/* JPEG (4:2:0) or PNG by the name's ending. */
void quality_write(const char *name, const bytes_image *image, const writing *how);

/*
 * Lanczos with three lobes, stretched by the reduction, in double precision; alpha is
 * premultiplied before. Samples beyond the edge do not count.
 */
exact_image quality_resize(const bytes_image *image, uint32_t w, uint32_t h);

/* Rounded to 8 bits, alpha divided out. */
bytes_image quality_round(const exact_image *image);

/* Luma (BT.601), 0..255, w x h samples; what is transparent lies on middle grey. */
double *quality_luma(const exact_image *image);
double *quality_luma_bytes(const bytes_image *image);

/*
 * Mean SSIM of two luma planes: 11x11 Gaussian window of sigma 1.5, K1 = 0.01,
 * K2 = 0.03, L = 255, where the window lies wholly inside (Wang, Bovik, Sheikh and
 * Simoncelli, 2004). 1 when they are equal.
 */
double quality_ssim(const double *a, const double *b, uint32_t w, uint32_t h);

/* In dB; 99 when they are equal. */
double quality_psnr(const double *a, const double *b, uint32_t w, uint32_t h);

#endif
