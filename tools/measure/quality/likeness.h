/* SPDX-License-Identifier: Apache-2.0 */
/* The usual measures of likeness. */
#ifndef QUALITY_LIKENESS_H
#define QUALITY_LIKENESS_H

#include "image.h"

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
