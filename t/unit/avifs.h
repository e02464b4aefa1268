/* SPDX-License-Identifier: Apache-2.0 */
/* AVIF files of libavif's own making, of a ramp. */
#ifndef AVIFS_H
#define AVIFS_H

#include "pictures.h"

#include <avif/avif.h>

/* Whether libavif did what it was asked to is seen by what comes out. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wunused-result"
#endif

/* What libavif is asked to make of a ramp. */
typedef struct recipe {
    uint32_t w, h;
    unsigned depth;
    avifPixelFormat format;
    bool alpha, premultiplied;
    int frames;
    uint32_t columns, rows; /* of a grid; 0: none */
    avifTransformFlags flags;
    uint8_t angle, mirror;
    avifCleanApertureBox crop;
} recipe;

/* libavif 1.0 renamed the field. */
static void set_mirror(avifImage *image, uint8_t axis)
{
#if AVIF_VERSION >= 1000000
    image->imir.axis = axis;
#else
    image->imir.mode = axis;
#endif
}

static avifImage *make_image(const recipe *recipe)
{
    pixels from = draw(recipe->w, recipe->h, recipe->alpha ? TC_RGB_ALPHA : TC_RGB);
    avifImage *image =
        avifImageCreate((int)recipe->w, (int)recipe->h, (int)recipe->depth, recipe->format);
    avifRGBImage rgb;

    image->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_BT601;
    image->transformFlags = recipe->flags;
    image->irot.angle = recipe->angle;
    set_mirror(image, recipe->mirror);
    image->clap = recipe->crop;
    image->alphaPremultiplied = recipe->premultiplied;
    avifRGBImageSetDefaults(&rgb, image);
    rgb.depth = 8;
    rgb.format = recipe->alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.pixels = from.data;
    rgb.rowBytes = recipe->w * (recipe->alpha ? 4 : 3);
    avifImageRGBToYUV(image, &rgb);
    free(from.data);
    return image;
}

/* Equal cells, whose sides are whole: libavif wants 64 pixels at least, even ones of chroma. */
static avifResult add_grid(avifEncoder *encoder, const recipe *recipe, const avifImage *image)
{
    uint32_t count = recipe->columns * recipe->rows, w = recipe->w / recipe->columns,
             h = recipe->h / recipe->rows;
    avifImage *cell[64] = {0};
    avifResult result;

    for (uint32_t at = 0; at < count; at++) {
        avifCropRect rect = {w * (at % recipe->columns), h * (at / recipe->columns), w, h};

        cell[at] = avifImageCreateEmpty();
        avifImageSetViewRect(cell[at], image, &rect);
        cell[at]->transformFlags = image->transformFlags;
        cell[at]->clap = image->clap;
        cell[at]->irot = image->irot;
        cell[at]->imir = image->imir;
        cell[at]->alphaPremultiplied = image->alphaPremultiplied;
    }
    result =
        avifEncoderAddImageGrid(encoder, recipe->columns, recipe->rows,
                                (const avifImage *const *)cell, AVIF_ADD_IMAGE_FLAG_SINGLE);
    for (uint32_t at = 0; at < count; at++)
        avifImageDestroy(cell[at]);
    return result;
}

__attribute__((unused)) static bytes make(const recipe *recipe)
{
    avifEncoder *encoder = avifEncoderCreate();
    avifImage *image = make_image(recipe);
    avifRWData data = AVIF_DATA_EMPTY;
    bytes made = {0};

    encoder->speed = AVIF_SPEED_FASTEST;
    encoder->minQuantizer = encoder->maxQuantizer = 4;
    encoder->minQuantizerAlpha = encoder->maxQuantizerAlpha = 4;
    if (recipe->columns) {
        add_grid(encoder, recipe, image);
        avifEncoderFinish(encoder, &data);
    } else if (recipe->frames > 1) {
        for (int at = 0; at < recipe->frames; at++) {
            /* Later frames are darker. */
            avifEncoderAddImage(encoder, image, 1, AVIF_ADD_IMAGE_FLAG_NONE);
            memset(image->yuvPlanes[AVIF_CHAN_Y], 0,
                   (size_t)image->yuvRowBytes[AVIF_CHAN_Y] * recipe->h);
        }
        avifEncoderFinish(encoder, &data);
    } else {
        avifEncoderWrite(encoder, image, &data);
    }
    put(&made, data.data, data.size);
    avifRWDataFree(&data);
    avifImageDestroy(image);
    avifEncoderDestroy(encoder);
    return made;
}

/* Where in the file the clean aperture is told becomes `crop` of a picture of that size. */
__attribute__((unused)) static void set_crop(bytes *file, const avifCropRect *crop, uint32_t w,
                                             uint32_t h)
{
    int32_t value[8] = {(int32_t)crop->width,
                        1,
                        (int32_t)crop->height,
                        1,
                        (int32_t)(2 * crop->x + crop->width) - (int32_t)w,
                        2,
                        (int32_t)(2 * crop->y + crop->height) - (int32_t)h,
                        2};
    uint8_t *to = find(file, "clap") + 4;

    for (int at = 0; at < 8; at++, to += 4) {
        for (int byte = 0; byte < 4; byte++)
            to[byte] = (uint8_t)((uint32_t)value[at] >> (24 - 8 * byte));
    }
}

#endif
