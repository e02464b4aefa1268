/* SPDX-License-Identifier: Apache-2.0 */
#include "decode_cost.h"

#include "image/codec/codec.h"
#include "picture.h"
#include "image/scale/weights.h"

/*
 * All constants are nanoseconds of one thread of an AMD EPYC (Zen 3) under load, with
 * libjpeg-turbo 2.1, libpng 1.6, libwebp 1.2, libavif 0.11 with aom 3.6 and dav1d 1.0.
 */
/* ---- decoding ----------------------------------------------------------------------- */

#define REDUCTIONS 4 /* 1, 2, 4, 8 */

/* How a picture is stored, as far as it decides what decoding takes. */
typedef enum storage_kind {
    JPEG_ROWS,
    JPEG_REDUCED,
    JPEG_SCANS,
    PNG_ROWS,
    PNG_PASSES,
    GIF_ROWS,
    WEBP_LOSSY,
    WEBP_LOSSLESS,
    AVIF_PICTURE,
    STORAGES
} storage_kind;

static const struct {
    bool samples;            /* `each` is for a sample, else for a pixel */
    double byte;             /* of the file */
    double bytes_most;       /* what bytes can take a pixel or sample; 0: no bound */
    double each[REDUCTIONS]; /* of the picture before it is reduced */
    double byte_eighth;      /* where other than `byte`; 0: the same */
} decoding[STORAGES] = {
    [JPEG_ROWS] = {false, 10, 0, {1.9, 1.7, 1, 0.6}, 0},
    [JPEG_REDUCED] = {false, 6.6, 0, {1.2, 0.9, 0.7, 0.5}, 5.2},
    /* At 1/8 most scans are not read. */
    [JPEG_SCANS] = {false, 34, 0, {8.5, 8.5, 9, 6}, 10},
    /* What does not compress is stored as it is, in less time. Both are zlib's: ISA-L, which
     * does not read every kind, takes two thirds of it all. Filters are AVX2's. */
    [PNG_ROWS] = {true, 5, 2, {2}, 0},
    [PNG_PASSES] = {true, 5.5, 2.4, {7.5}, 0},
    [GIF_ROWS] = {false, 5, 0, {7}, 0},
    [WEBP_LOSSY] = {false, 68, 0, {5, 4, 3.5, 3}, 0},
    [WEBP_LOSSLESS] = {false, 36, 45, {5, 5, 5, 5}, 0},
    [AVIF_PICTURE] = {false, 62, 0, {18}, 0},
};

/* Of what is decoded with more than 8 bits a sample, or with a plane of alpha apart. */
#define DEEP_FACTOR  1.7
#define ALPHA_FACTOR 1.4

/* From the first row on and whole rows: src/image/codec/jpeg_decode.c. */
static bool is_reduced(const tc_image_info *info, const tc_plan *plan, const tc_rect *used)
{
    return info->own_reduced > 0 && plan->reduce >= info->own_reduced && used->y == 0 &&
           used->x == 0 && used->w == info->width;
}

static storage_kind storage_of(const tc_image_info *info, const tc_plan *plan,
                               const tc_rect *used)
{
    bool held = info->held_bytes > 0;

    switch (info->format) {
    case TC_FORMAT_PNG:
        return held ? PNG_PASSES : PNG_ROWS;
    case TC_FORMAT_GIF:
        return GIF_ROWS;
    case TC_FORMAT_WEBP:
        return info->lossless ? WEBP_LOSSLESS : WEBP_LOSSY;
    case TC_FORMAT_AVIF:
        return AVIF_PICTURE;
    default:
        return held ? JPEG_SCANS : is_reduced(info, plan, used) ? JPEG_REDUCED : JPEG_ROWS;
    }
}

/* Whether rows come as they are decoded, and those below the last that is used do not. */
static bool streams(storage_kind storage)
{
    return storage == JPEG_ROWS || storage == JPEG_REDUCED || storage == PNG_ROWS ||
           storage == GIF_ROWS || storage == WEBP_LOSSY;
}

static double decode_ns(const tc_image_info *info, const tc_plan *plan, const tc_rect *used,
                        double bytes)
{
    storage_kind storage = storage_of(info, plan, used);
    unsigned at = plan->reduce == 8 ? 3 : plan->reduce / 2;
    double rows = streams(storage) ? (double)used->y + used->h : info->height;
    double count = rows * info->width;
    double byte = decoding[storage].byte, most = decoding[storage].bytes_most, ns;

    if (plan->reduce == 8 && decoding[storage].byte_eighth > 0)
        byte = decoding[storage].byte_eighth;
    if (decoding[storage].samples)
        count *= tc_model_channels(info->model);
    ns = bytes * rows / info->height * byte;
    if (most > 0 && ns > count * most)
        ns = count * most;
    ns += count * decoding[storage].each[at];
    if (storage == AVIF_PICTURE && tc_model_has_alpha(info->model))
        ns *= ALPHA_FACTOR;
    if (info->cmyk)
        ns += count / plan->reduce / plan->reduce * 4;
    return info->deep ? ns * DEEP_FACTOR : ns;
}
/* ---- resampling --------------------------------------------------------------------- */

#define HORIZONTAL_MAC 0.06 /* one weight times one sample */
#define VERTICAL_MAC   0.09
#define SAMPLE         0.25 /* an output's sample, weights aside */
#define PREMULTIPLY    1.2  /* a source pixel with alpha */
#define DIVIDE         4.0  /* an output's pixel with alpha */
#define ORIENT         7.0  /* a pixel of a picture that is turned by 90 degrees or 180 */
#define PLANES         2    /* planes of 4:2:0 take as much as this many channels */

static double resample_ns(const tc_image_info *info, const tc_plan *plan, const tc_rect *used)
{
    double reduce = plan->reduce;
    tc_axis x = {plan->source.x / reduce,
                 ((double)plan->source.x + plan->source.w) / reduce,
                 info->width / plan->reduce + 1,
                 plan->scaled_w,
                 plan->visible.x,
                 plan->visible.w,
                 0};
    tc_axis y = {plan->source.y / reduce,
                 ((double)plan->source.y + plan->source.h) / reduce,
                 info->height / plan->reduce + 1,
                 plan->scaled_h,
                 plan->visible.y,
                 plan->visible.h,
                 0};
    double rows = used->h / reduce, out = (double)plan->visible.w * plan->visible.h;
    unsigned channels = info->planes ? PLANES : tc_model_channels(info->model);
    double macs = rows * plan->visible.w * tc_weights_most(&x) * HORIZONTAL_MAC +
                  out * tc_weights_most(&y) * VERTICAL_MAC;
    double ns = channels * (macs + out * SAMPLE);

    if (tc_model_has_alpha(info->model))
        ns += rows * used->w / reduce * PREMULTIPLY + out * DIVIDE;
    return plan->orientation > 2 ? ns + out * ORIENT : ns;
}

uint64_t tc_cost_picture_ns(const tc_image_info *info, const tc_plan *plan, uint64_t bytes)
{
    tc_rect used;

    if (plan->empty)
        return 0;
    used = tc_picture_source(info, plan);
    return (uint64_t)(decode_ns(info, plan, &used, (double)bytes) +
                      resample_ns(info, plan, &used));
}
