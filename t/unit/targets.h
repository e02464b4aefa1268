/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats that are written from a JPEG's planes, and those planes read back in JPEG's range;
 * and a JPEG of colours that RGB has not.
 */
#ifndef TARGETS_H
#define TARGETS_H

#include <math.h>

#ifdef TC_WITH_AVIF
#include <avif/avif.h>
#endif
#ifdef TC_WITH_WEBP
#include <webp/decode.h>
#endif

#include "jpegs.h"

/* A format that can be written from planes. */
typedef struct target {
    const char *params;
    planes (*read)(const bytes *file);
    double slack;  /* what coding at the best lossy quality takes, in levels */
    uint32_t side; /* pixels a side that it can have */
} target;

__attribute__((unused)) static planes read_jpeg(const bytes *file)
{
    return read_planes(file, 1);
}

static const target jpeg = {"of=jpeg,q=100", read_jpeg, 0, 65500};

#ifdef TC_WITH_WEBP
/* A plane of WebP, whose range is 16 to 16 + `range`, in all of 0..255. */
static void take_plane(planes *to, int at, const uint8_t *from, size_t stride, double middle,
                       double range)
{
    double low = middle > 0 ? middle : 16;

    to->plane[at].stride = to->plane[at].w;
    to->plane[at].data = malloc((size_t)to->plane[at].w * to->plane[at].h);
    for (uint32_t y = 0; y < to->plane[at].h; y++) {
        for (uint32_t x = 0; x < to->plane[at].w; x++) {
            double level = middle + (from[stride * y + x] - low) * 255 / range;
            to->plane[at].data[(size_t)to->plane[at].w * y + x] =
                (uint8_t)lround(fmin(255, fmax(0, level)));
        }
    }
}

static planes read_webp(const bytes *file)
{
    planes planes = {.count = 3};
    int w, h, stride, half;
    uint8_t *u, *v;
    uint8_t *y = WebPDecodeYUV(file->data, file->length, &w, &h, &u, &v, &stride, &half);

    if (!y)
        abort();
    for (int at = 0; at < 3; at++) {
        planes.plane[at].w = (uint32_t)(at == 0 ? w : (w + 1) / 2);
        planes.plane[at].h = (uint32_t)(at == 0 ? h : (h + 1) / 2);
    }
    take_plane(&planes, 0, y, (size_t)stride, 0, 219);
    take_plane(&planes, 1, u, (size_t)half, 128, 224);
    take_plane(&planes, 2, v, (size_t)half, 128, 224);
    WebPFree(y);
    return planes;
}

/* One sample of 40,000 pictures was 2.5 off for its block's coding alone: an edge of the canvas
   in it, the plane's mean .02. */
static const target webp = {"of=webp,q=99", read_webp, 3, 16383};
#endif

#ifdef TC_WITH_AVIF
static planes read_avif(const bytes *file)
{
    planes planes = {.count = 3};
    avifDecoder *decoder = avifDecoderCreate();
    avifImage *image = avifImageCreateEmpty();

    if (avifDecoderReadMemory(decoder, image, file->data, file->length) != AVIF_RESULT_OK ||
        image->yuvFormat != AVIF_PIXEL_FORMAT_YUV420 || image->yuvRange != AVIF_RANGE_FULL ||
        image->matrixCoefficients != AVIF_MATRIX_COEFFICIENTS_BT601)
        abort();
    for (int at = 0; at < 3; at++) {
        planes.plane[at].w = at == 0 ? image->width : (image->width + 1) / 2;
        planes.plane[at].h = at == 0 ? image->height : (image->height + 1) / 2;
        planes.plane[at].stride = image->yuvRowBytes[at];
        planes.plane[at].data = malloc(planes.plane[at].stride * planes.plane[at].h);
        memcpy(planes.plane[at].data, image->yuvPlanes[at],
               planes.plane[at].stride * planes.plane[at].h);
    }
    avifImageDestroy(image);
    avifDecoderDestroy(decoder);
    return planes;
}

static const target avif = {"of=avif,q=99", read_avif, 2, 32768};
#endif

/* Flat, 4:2:0: bright, and as green as chroma can tell. */
__attribute__((unused)) static bytes make_extreme(uint32_t w, uint32_t h)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long length = 0;
    uint8_t *row = malloc((size_t)w * 3);

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &data, &length);
    cinfo.image_width = w;
    cinfo.image_height = h;
    cinfo.input_components = 3;
    cinfo.in_color_space = JCS_YCbCr;
    jpeg_set_defaults(&cinfo);
    jpeg_set_quality(&cinfo, 100, TRUE);
    jpeg_start_compress(&cinfo, TRUE);
    for (uint32_t x = 0; x < w; x++)
        memcpy(row + 3 * (size_t)x, (uint8_t[]){200, 20, 30}, 3);
    while (cinfo.next_scanline < h)
        jpeg_write_scanlines(&cinfo, &row, 1);
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(row);
    return (bytes){data, length};
}

#endif
