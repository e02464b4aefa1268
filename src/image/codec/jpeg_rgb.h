/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YCbCr to RGB, with libjpeg's results (jdcolor.c).
 */
#ifndef TC_CODEC_JPEG_RGB_H
#define TC_CODEC_JPEG_RGB_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

/* A row of `width` pixels, a sample of each for every one. */
typedef void tc_jpeg_rgb(JSAMPROW to, const JSAMPLE *luma, const JSAMPLE *blue,
                         const JSAMPLE *red, uint32_t width);

tc_jpeg_rgb tc_jpeg_rgb_plain;

/* NULL where it cannot run. */
tc_jpeg_rgb *tc_jpeg_rgb_avx2(void);

#endif
