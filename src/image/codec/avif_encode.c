/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVIF encoding through libavif: rows are turned into planes as they come, 4:2:0,
 * and encoded at the end as one still picture. TC_YCC are the planes themselves: both have
 * all of 0..255 and the matrix of BT.601.
 */
#include "base/buffer.h"
#include "avif.h"
#include "encode_cost.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avif/avif.h>

/* Rows converted at a time; even, so that each part has its own rows of chroma. */
#define PART_ROWS 16

/* What libavif's readers take unless told otherwise, browsers' among them. AV1 itself has
   65536, but a picture that nobody shows is none. */
#define SIDE_MAX 32768

/* Of libavif's 0 (slowest) to 10. */
#define SPEED 9

#define QUANTIZER_MAX 63

/*
 * Over this many pixels the picture is coded in 16 tiles: less memory, by a sixth of a
 * lossless one's, and viewers can decode it in several threads, for 0.3 percent more bytes.
 */
#define ONE_TILE_PIXELS_MAX (2 * 1024 * 1024)
#define TILES_LOG2          2 /* across, and down */

/* Encoded bytes go out in pieces, so that a spool need not grow at once. */
#define PIECE_BYTES TC_IO_BYTES

/* Of calls that return nothing in libavif 0.11 and an avifResult from 1.0 on. */
#if AVIF_VERSION >= 1000000
#define SUCCEEDS(call) ((call) == AVIF_RESULT_OK)
#else
#define SUCCEEDS(call) ((call), true)
#endif

struct tc_encoder {
    const tc_output *output;
    tc_fail *fail;
    const tc_cancel *cancel;
    avifImage *image;
    avifEncoder *avif;
    avifRWData data;
    tc_model model;
    uint8_t *rows; /* of colours not yet converted */
    size_t stride;
    uint32_t gathered, next; /* rows in `rows`, and the first one's number */
    uint32_t put[TC_PLANES]; /* of TC_YCC: rows of each plane that are in */
    uint64_t finish_ns;      /* processor time that the end will take */
};

static tc_error no_memory(tc_fail *fail)
{
    return tc_fail_set(fail, TC_E_NO_MEMORY, "AVIF: out of memory");
}

void tc_avif_encode_free(tc_encoder *encoder)
{
    if (!encoder)
        return;
    if (encoder->image)
        avifImageDestroy(encoder->image);
    if (encoder->avif)
        avifEncoderDestroy(encoder->avif);
    avifRWDataFree(&encoder->data);
    tc_buffer_free(encoder->rows);
    free(encoder);
}

static int quantizer(unsigned quality)
{
    return (int)((100 - quality) * QUANTIZER_MAX + 50) / 100;
}

static void configure(avifEncoder *avif, const tc_encode_spec *spec)
{
    int level = spec->lossless ? AVIF_QUANTIZER_LOSSLESS : quantizer(spec->quality);

    avif->maxThreads = 1;
    avif->speed = SPEED;
    avif->minQuantizer = avif->maxQuantizer = level;
    avif->minQuantizerAlpha = avif->maxQuantizerAlpha = level;
    if ((uint64_t)spec->width * spec->height > ONE_TILE_PIXELS_MAX)
        avif->tileRowsLog2 = avif->tileColsLog2 = TILES_LOG2;
}

/* Measured with noise, bytes a pixel: planes, what aom keeps, and the output. */
uint64_t tc_avif_encode_held(const tc_encode_spec *spec)
{
    bool tiles = (uint64_t)spec->width * spec->height > ONE_TILE_PIXELS_MAX;
    double each = spec->lossless ? (tiles ? 41 : 50) : spec->quality > 82 ? 24 : 22;

    if (!tiles && !spec->lossless)
        each += 4;
    if (tc_model_has_alpha(spec->model))
        each += spec->lossless ? 6.5 : 4.5;
    return (uint64_t)(each * spec->width * spec->height) + 4 * 1024 * 1024;
}

/* False without memory for EXIF or the profile. */
static bool describe(avifImage *image, const tc_encode_spec *spec)
{
    image->yuvRange = AVIF_RANGE_FULL;
    image->colorPrimaries = AVIF_COLOR_PRIMARIES_BT709;
    image->transferCharacteristics = AVIF_TRANSFER_CHARACTERISTICS_SRGB;
    image->matrixCoefficients = spec->lossless && !tc_model_is_grey(spec->model)
                                    ? AVIF_MATRIX_COEFFICIENTS_IDENTITY
                                    : AVIF_MATRIX_COEFFICIENTS_BT601;
    if (spec->exif &&
        !(SUCCEEDS(avifImageSetMetadataExif(image, spec->exif, spec->exif_length)) &&
          image->exif.size == spec->exif_length))
        return false;
    if (spec->icc) {
        image->colorPrimaries = AVIF_COLOR_PRIMARIES_UNSPECIFIED;
        image->transferCharacteristics = AVIF_TRANSFER_CHARACTERISTICS_UNSPECIFIED;
        return SUCCEEDS(avifImageSetProfileICC(image, spec->icc, spec->icc_length)) &&
               image->icc.size == spec->icc_length;
    }
    return true;
}

tc_error tc_avif_encode_open(tc_encoder **made, const tc_output *output,
                             const tc_encode_spec *spec, tc_fail *fail)
{
    tc_encoder *encoder = calloc(1, sizeof *encoder);
    avifPixelFormat format = tc_model_is_grey(spec->model) ? AVIF_PIXEL_FORMAT_YUV400
                             : spec->lossless              ? AVIF_PIXEL_FORMAT_YUV444
                                                           : AVIF_PIXEL_FORMAT_YUV420;

    *made = encoder;
    if (!encoder)
        return no_memory(fail);
    if (spec->width > SIDE_MAX || spec->height > SIDE_MAX)
        return tc_fail_set(fail, TC_E_OUTPUT_TOO_LARGE,
                           "an AVIF has at most %d pixels a side, not %ux%u", SIDE_MAX,
                           spec->width, spec->height);
    encoder->output = output;
    encoder->fail = fail;
    encoder->cancel = spec->cancel;
    encoder->model = spec->model;
    encoder->finish_ns = tc_cost_encode_ns(TC_FORMAT_AVIF, spec);
    encoder->stride = (size_t)spec->width * tc_model_channels(spec->model);
    if (spec->model != TC_YCC)
        encoder->rows = tc_buffer_alloc(encoder->stride * PART_ROWS);
    encoder->avif = avifEncoderCreate();
    encoder->image = avifImageCreate((int)spec->width, (int)spec->height, 8, format);
    if ((spec->model != TC_YCC && !encoder->rows) || !encoder->avif || !encoder->image)
        return no_memory(fail);
    if (!describe(encoder->image, spec))
        return no_memory(fail);
    configure(encoder->avif, spec);
    if (!SUCCEEDS(avifImageAllocatePlanes(
            encoder->image,
            AVIF_PLANES_YUV | (tc_model_has_alpha(spec->model) ? AVIF_PLANES_A : 0))) ||
        !encoder->image->yuvPlanes[AVIF_CHAN_Y] ||
        (tc_model_has_alpha(spec->model) && !encoder->image->alphaPlane))
        return no_memory(fail);
    return TC_E_OK;
}

/* Colours of the gathered rows into their place in the planes. */
static avifResult convert_colours(tc_encoder *encoder)
{
    avifCropRect rect = {0, encoder->next, encoder->image->width, encoder->gathered};
    avifImage *part = avifImageCreateEmpty();
    avifRGBImage rgb;
    avifResult result =
        part ? avifImageSetViewRect(part, encoder->image, &rect) : AVIF_RESULT_OUT_OF_MEMORY;

    if (result == AVIF_RESULT_OK) {
        avifRGBImageSetDefaults(&rgb, part);
        rgb.depth = 8;
        rgb.format =
            tc_model_has_alpha(encoder->model) ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
        rgb.pixels = encoder->rows;
        rgb.rowBytes = (uint32_t)encoder->stride;
        result = avifImageRGBToYUV(part, &rgb);
        /* Some versions of libavif think that it has become the planes' owner. */
        part->imageOwnsYUVPlanes = part->imageOwnsAlphaPlane = AVIF_FALSE;
    }
    if (part)
        avifImageDestroy(part);
    return result;
}

/* Grey needs no conversion: its levels are the plane's. */
static void copy_grey(tc_encoder *encoder)
{
    const avifImage *image = encoder->image;
    uint8_t step = tc_model_channels(encoder->model);

    for (uint32_t y = 0; y < encoder->gathered; y++) {
        const uint8_t *from = encoder->rows + encoder->stride * y;
        size_t row = encoder->next + y;
        uint8_t *grey = image->yuvPlanes[AVIF_CHAN_Y] + row * image->yuvRowBytes[AVIF_CHAN_Y];
        uint8_t *alpha = step == 2 ? image->alphaPlane + row * image->alphaRowBytes : NULL;

        for (uint32_t x = 0; x < image->width; x++, from += step) {
            grey[x] = from[0];
            if (alpha)
                alpha[x] = from[1];
        }
    }
}

static tc_error flush(tc_encoder *encoder)
{
    avifResult result = AVIF_RESULT_OK;

    if (encoder->gathered == 0)
        return TC_E_OK;
    errno = 0;
    if (tc_model_is_grey(encoder->model))
        copy_grey(encoder);
    else
        result = convert_colours(encoder);
    encoder->next += encoder->gathered;
    encoder->gathered = 0;
    return result == AVIF_RESULT_OK ? TC_E_OK
                                    : tc_avif_failed(encoder->fail, result, TC_E_INTERNAL);
}

static void put_planes(tc_encoder *encoder, const tc_strip *strip)
{
    const avifImage *image = encoder->image;

    for (unsigned at = 0; at < TC_PLANES; at++) {
        uint32_t w = at == AVIF_CHAN_Y ? image->width : (image->width + 1) / 2;

        for (uint32_t y = 0; y < strip->plane[at].rows; y++)
            memcpy(image->yuvPlanes[at] + (size_t)image->yuvRowBytes[at] * encoder->put[at]++,
                   strip->plane[at].data + strip->plane[at].stride * y, w);
    }
}

tc_error tc_avif_encode_rows(tc_encoder *encoder, const tc_strip *strip)
{
    if (encoder->model == TC_YCC) {
        put_planes(encoder, strip);
        return TC_E_OK;
    }
    for (uint32_t y = 0; y < strip->plane[0].rows; y++) {
        tc_error error;

        memcpy(encoder->rows + encoder->stride * encoder->gathered++,
               strip->plane[0].data + strip->plane[0].stride * y, encoder->stride);
        if (encoder->gathered < PART_ROWS)
            continue;
        error = flush(encoder);
        if (error)
            return error;
    }
    return TC_E_OK;
}

tc_error tc_avif_encode_finish(tc_encoder *encoder)
{
    tc_error error = flush(encoder);
    avifResult result;

    /* What follows cannot be interrupted. */
    if (!error)
        error = tc_cancel_afford(encoder->cancel, encoder->finish_ns, encoder->fail);
    if (error)
        return error;
    errno = 0;
    result = avifEncoderWrite(encoder->avif, encoder->image, &encoder->data);
    if (result != AVIF_RESULT_OK)
        return tc_avif_failed(encoder->fail, result, TC_E_INTERNAL);
    for (size_t at = 0; at < encoder->data.size && !error; at += PIECE_BYTES) {
        size_t left = encoder->data.size - at;

        error = encoder->output->write(encoder->output->context, encoder->data.data + at,
                                       left < PIECE_BYTES ? left : PIECE_BYTES);
    }
    if (error && encoder->fail->error == TC_E_OK)
        tc_fail_set(encoder->fail, error, "writing the result failed");
    return error;
}
