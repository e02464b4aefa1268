/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVIF decoding through libavif. Its boxes are walked first (codec_avif_boxes.h), then read
 * as libavif asks for them; the picture is decoded as a whole into planes, and turned into
 * rows a few at a time.
 *
 * How to turn it upright is said by the properties irot and imir; an orientation
 * in EXIF is ignored where these are given (ISO/IEC 23000-22, 7.3.6.7).
 */
#include "avif.h"

#include "base/buffer.h"
#include "avif_boxes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avif/avif.h>

#define STRIP_ROWS 16

/* Rows of luma above and below a strip that its chroma is interpolated from. */
#define MARGIN 2

struct tc_decoder {
    const tc_input *input;
    tc_fail *fail;
    tc_avif_file file;
    const tc_avif_picture *picture; /* the one of the file's that is decoded */
    avifIO io;
    uint8_t *buffer; /* what libavif asked for last */
    size_t buffer_size;
    avifDecoder *avif;
    avifCropRect crop; /* the part of the coded picture that is shown */
    tc_model model;
    bool alpha;
    uint8_t *rgb;      /* converted rows of the coded picture */
    uint32_t rgb_rows; /* that it has room for */
    size_t stride;     /* of its rows */
    uint8_t *strip;
    uint32_t next;
};

tc_error tc_avif_failed(tc_fail *fail, int result, tc_error fallback)
{
    if (fail->error)
        return fail->error;
    /* libavif calls any failure of a codec or of libyuv by one name, out of memory too. */
    if (errno == ENOMEM)
        result = AVIF_RESULT_OUT_OF_MEMORY;
    switch (result) {
    case AVIF_RESULT_OUT_OF_MEMORY:
        return tc_fail_set(fail, TC_E_NO_MEMORY, "AVIF: out of memory");
    case AVIF_RESULT_UNSUPPORTED_DEPTH:
    case AVIF_RESULT_NO_CODEC_AVAILABLE:
    case AVIF_RESULT_NOT_IMPLEMENTED:
        return tc_fail_set(fail, TC_E_UNSUPPORTED, "AVIF: %s",
                           avifResultToString((avifResult)result));
    case AVIF_RESULT_TRUNCATED_DATA:
        return tc_fail_set(fail, TC_E_DAMAGED, "AVIF: the file ends before the picture does");
    default:
        return tc_fail_set(fail, fallback, "AVIF: %s", avifResultToString((avifResult)result));
    }
}

/* Room for `length` bytes, whose end is guarded where buffers are. */
static bool make_room(tc_decoder *decoder, size_t length)
{
    if (length == decoder->buffer_size || (length < decoder->buffer_size && !TC_BUFFER_GUARDED))
        return true;
    tc_buffer_free(decoder->buffer);
    decoder->buffer = tc_buffer_alloc(length);
    decoder->buffer_size = decoder->buffer ? length : 0;
    return decoder->buffer != NULL;
}

/* The buffer is at most as large as what the file still has, whatever is asked for. */
static avifResult on_read(avifIO *io, uint32_t flags, uint64_t offset, size_t length,
                          avifROData *data)
{
    tc_decoder *decoder = io->data;
    uint64_t size = decoder->input->size;
    tc_error error;

    if (flags || offset > size)
        return AVIF_RESULT_IO_ERROR;
    if (length > size - offset)
        length = (size_t)(size - offset);
    if (!make_room(decoder, length))
        return AVIF_RESULT_OUT_OF_MEMORY;
    data->data = decoder->buffer;
    data->size = 0;
    if (length == 0)
        return AVIF_RESULT_OK;
    error = decoder->input->read(decoder->input->context, offset, decoder->buffer, length,
                                 &data->size);
    if (error && decoder->fail->error == TC_E_OK)
        tc_fail_set(decoder->fail, error, "reading failed");
    return error ? AVIF_RESULT_IO_ERROR : AVIF_RESULT_OK;
}

static void avif_decode_free(tc_decoder *decoder)
{
    if (!decoder)
        return;
    if (decoder->avif)
        avifDecoderDestroy(decoder->avif);
    tc_buffer_free(decoder->buffer);
    tc_buffer_free(decoder->rgb);
    tc_buffer_free(decoder->strip);
    free(decoder);
}

/* The still picture, or where there is none the first frame of a sequence. */
static avifResult parse_source(tc_decoder *decoder)
{
    avifResult result;

    decoder->picture = &decoder->file.still;
    decoder->avif->requestedSource = AVIF_DECODER_SOURCE_PRIMARY_ITEM;
    result = avifDecoderParse(decoder->avif);
    if (result == AVIF_RESULT_NO_CONTENT || result == AVIF_RESULT_NO_AV1_ITEMS_FOUND) {
        decoder->picture = &decoder->file.sequence;
        result = avifDecoderSetSource(decoder->avif, AVIF_DECODER_SOURCE_TRACKS);
    }
    return result;
}

static avifResult parse(tc_decoder *decoder)
{
    avifDecoder *avif = decoder->avif;
    avifResult result;

    /* Of the AV1 decoders it alone keeps to a limit on the coded picture's size. */
    avif->codecChoice = AVIF_CODEC_CHOICE_DAV1D;
    avif->maxThreads = 1;
    avif->ignoreXMP = AVIF_TRUE;
    avif->ignoreExif = decoder->file.exif_is_large;
    avif->imageDimensionLimit = TC_AVIF_SIDE_MAX;
    avif->imageCountLimit = TC_AVIF_FRAMES_MAX;
    /* As browsers do: files that lack a pixi property are many, and their pictures whole. */
    avif->strictFlags = AVIF_STRICT_ALPHA_ISPE_REQUIRED;
    decoder->io = (avifIO){.read = on_read, .sizeHint = decoder->input->size, .data = decoder};
    avifDecoderSetIO(avif, &decoder->io);
    errno = 0;
    result = parse_source(decoder);
    if (result == AVIF_RESULT_INVALID_EXIF_PAYLOAD) {
        /* From 1.0 on libavif refuses a whole picture whose EXIF has no TIFF header. */
        avif->ignoreExif = AVIF_TRUE;
        result = parse_source(decoder);
    }
    return result;
}

/* Whether the crop begins and ends between samples of chroma (ISO/IEC 23000-22, 7.3.6.7). */
static bool cuts_chroma_whole(const avifCropRect *crop, avifPixelFormat format)
{
    bool vertical = format == AVIF_PIXEL_FORMAT_YUV420;
    bool horizontal = vertical || format == AVIF_PIXEL_FORMAT_YUV422;

    return !(horizontal && (crop->x | crop->width) & 1) &&
           !(vertical && (crop->y | crop->height) & 1);
}

/* What is shown: all of it, unless there is a clean aperture that makes sense. */
static avifCropRect shown(const avifImage *image)
{
    avifCropRect all = {0, 0, image->width, image->height}, crop;
    avifDiagnostics why;

    if (!(image->transformFlags & AVIF_TRANSFORM_CLAP))
        return all;
    avifDiagnosticsClearError(&why);
    /* libavif 1.2 takes odd widths and heights, which 0.11 refuses: the same for both. */
    return avifCropRectConvertCleanApertureBox(&crop, &image->clap, image->width, image->height,
                                               image->yuvFormat, &why) &&
                   cuts_chroma_whole(&crop, image->yuvFormat)
               ? crop
               : all;
}

/* 0: top and bottom change places, 1: left and right. */
static unsigned mirror_axis(const avifImage *image)
{
#if AVIF_VERSION >= 1000000
    return image->imir.axis;
#else
    return image->imir.mode;
#endif
}

/* EXIF's number for: turned by irot, anticlockwise, and then mirrored by imir. */
static uint8_t orientation(const avifImage *image)
{
    static const uint8_t number[4][3] = {{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}};
    unsigned angle = image->transformFlags & AVIF_TRANSFORM_IROT ? image->irot.angle & 3 : 0;
    unsigned mirror =
        image->transformFlags & AVIF_TRANSFORM_IMIR ? 1 + (mirror_axis(image) & 1) : 0;

    return number[angle][mirror];
}

/* dav1d's own memory, one decoder's: 407 KiB as measured. */
#define CONTEXT_BYTES (512 * 1024)

/*
 * libavif 0.11 has a decoder for each coded picture, and so have later ones where the pictures
 * are not all decoded alike; else from 1.0 on the cells of a grid share one.
 */
static uint32_t decoders(const tc_decoder *decoder)
{
    const tc_avif_picture *picture = decoder->picture;

    if (AVIF_VERSION < 1000000 || decoder->alpha || picture->layered)
        return picture->pictures;
    return 1;
}

/*
 * What libavif and its codec keep, bytes: the coded pictures as they are decoded and as the
 * codec's reference; the planes that a grid's cells are copied into; the coded data, twice;
 * and the decoders.
 */
static uint64_t held_bytes(const tc_decoder *decoder)
{
    const avifImage *image = decoder->avif->image;
    const tc_avif_picture *picture = decoder->picture;
    uint64_t whole = (uint64_t)image->width * image->height;
    /* Halves of a sample a pixel, with chroma. */
    uint64_t samples = image->yuvFormat == AVIF_PIXEL_FORMAT_YUV444   ? 6
                       : image->yuvFormat == AVIF_PIXEL_FORMAT_YUV422 ? 4
                       : image->yuvFormat == AVIF_PIXEL_FORMAT_YUV400 ? 2
                                                                      : 3;
    uint64_t halves = samples * (picture->colour_pixels + whole);

    if (decoder->alpha)
        halves += 2 * (picture->alpha_pixels + whole);
    return halves / 2 * (image->depth > 8 ? 2 : 1) + 2 * picture->coded_bytes +
           (uint64_t)decoders(decoder) * CONTEXT_BYTES;
}

static void describe(tc_decoder *decoder, tc_image_info *info)
{
    const avifImage *image = decoder->avif->image;
    bool grey = image->yuvFormat == AVIF_PIXEL_FORMAT_YUV400;

    decoder->crop = shown(image);
    decoder->alpha = decoder->avif->alphaPresent;
    decoder->model = grey             ? decoder->alpha ? TC_GREY_ALPHA : TC_GREY
                     : decoder->alpha ? TC_RGB_ALPHA
                                      : TC_RGB;
    *info = (tc_image_info){.format = TC_FORMAT_AVIF,
                            .width = decoder->crop.width,
                            .height = decoder->crop.height,
                            .orientation = orientation(image),
                            .model = decoder->model,
                            .max_reduce = 1,
                            .deep = image->depth > 8,
                            .held_bytes = held_bytes(decoder)};
    if (image->exif.size > 0) {
        info->exif = image->exif.data;
        info->exif_length = image->exif.size;
    }
    if (image->icc.size >= 128 && image->icc.size <= TC_ICC_MAX &&
        memcmp(image->icc.data + 16, grey ? "GRAY" : "RGB ", 4) == 0) {
        info->icc = image->icc.data;
        info->icc_length = image->icc.size;
    } else {
        info->cicp =
            (tc_cicp){(uint8_t)image->colorPrimaries, (uint8_t)image->transferCharacteristics};
    }
}

static tc_error avif_decode_open(tc_decoder **made, const tc_input *input, tc_image_info *info,
                                 tc_fail *fail)
{
    tc_decoder *decoder = calloc(1, sizeof *decoder);
    const avifImage *image;
    avifResult result;

    *made = decoder;
    if (!decoder)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "AVIF: out of memory");
    decoder->input = input;
    decoder->fail = fail;
    decoder->avif = avifDecoderCreate();
    if (!decoder->avif)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "AVIF: out of memory");
    if (tc_avif_inspect(input, &decoder->file, fail))
        return fail->error;
    result = parse(decoder);
    if (result != AVIF_RESULT_OK)
        return tc_avif_failed(fail, result, TC_E_DAMAGED);
    if (decoder->picture->pictures == 0)
        return tc_fail_set(fail, TC_E_DAMAGED, "AVIF: the file holds no picture");
    image = decoder->avif->image;
    if (image->width < 1 || image->height < 1)
        return tc_fail_set(fail, TC_E_DAMAGED, "AVIF: the picture has no size");
    describe(decoder, info);
    return TC_E_OK;
}

static tc_error decode_picture(tc_decoder *decoder)
{
    avifDecoder *avif = decoder->avif;
    const avifImage *image = avif->image;
    uint32_t width = image->width, height = image->height;
    avifResult result;

    /* The coded pictures may claim more than the header that was judged. */
    avif->imageSizeLimit = (uint32_t)decoder->picture->one_pixels;
    errno = 0;
    result = avifDecoderNextImage(avif);
    if (result != AVIF_RESULT_OK)
        return tc_avif_failed(decoder->fail, result, TC_E_DAMAGED);
    image = avif->image;
    if (image->width != width || image->height != height)
        return tc_fail_set(decoder->fail, TC_E_DAMAGED,
                           "AVIF: the picture's size differs from its header's");
    if ((image->yuvFormat == AVIF_PIXEL_FORMAT_YUV400) != tc_model_is_grey(decoder->model) ||
        (decoder->alpha && !image->alphaPlane))
        return tc_fail_set(decoder->fail, TC_E_DAMAGED,
                           "AVIF: the picture's kind differs from its header's");
    return TC_E_OK;
}

/* The rows of the coded picture, from `from` to `end`, that a strip is converted from. */
typedef struct coded_rows {
    uint32_t first, rows; /* of the coded picture, what the strip has of it */
    uint32_t from, end;
} coded_rows;

/*
 * The coded rows of the strip that begins with row `next` of what is shown. They begin with a
 * row that has chroma of its own, an even one, wherever the shown part begins.
 */
static coded_rows coded_rows_at(const tc_decoder *decoder, uint32_t next)
{
    uint32_t left = decoder->crop.height - next, height = decoder->avif->image->height;
    coded_rows coded = {.first = decoder->crop.y + next,
                        .rows = left < STRIP_ROWS ? left : STRIP_ROWS};

    coded.from = (coded.first < MARGIN ? 0 : coded.first - MARGIN) & ~1u;
    coded.end = coded.first + coded.rows + MARGIN;
    if (coded.end > height)
        coded.end = height;
    return coded;
}

/* The coded rows that a strip needs at most. */
static uint32_t coded_rows_most(const tc_decoder *decoder)
{
    uint32_t most = 0;

    for (uint32_t next = 0; next < decoder->crop.height; next += STRIP_ROWS) {
        coded_rows coded = coded_rows_at(decoder, next);

        if (coded.end - coded.from > most)
            most = coded.end - coded.from;
    }
    return most;
}

static tc_error avif_decode_start(tc_decoder *decoder, const tc_decode_want *want,
                                  tc_layout *layout)
{
    uint8_t channels = tc_model_channels(decoder->model);
    tc_error error = tc_cancel_check(want->cancel, decoder->fail);

    if (!error)
        error = decode_picture(decoder);
    if (error)
        return error;
    decoder->stride = (size_t)decoder->avif->image->width * (decoder->alpha ? 4 : 3);
    decoder->rgb_rows = coded_rows_most(decoder);
    decoder->rgb = tc_buffer_alloc(decoder->stride * decoder->rgb_rows);
    decoder->strip = tc_buffer_alloc((size_t)decoder->crop.width * channels * STRIP_ROWS);
    if (!decoder->rgb || !decoder->strip)
        return tc_fail_set(decoder->fail, TC_E_NO_MEMORY, "AVIF: out of memory");
    *layout = (tc_layout){.model = decoder->model, .planes = 1};
    layout->plane[0].w = decoder->crop.width;
    layout->plane[0].h = decoder->crop.height;
    layout->plane[0].true_w = decoder->crop.width;
    layout->plane[0].true_h = decoder->crop.height;
    layout->plane[0].channels = channels;
    return TC_E_OK;
}

/* The coded rows into `rgb`: at its end, whose guard then is where the last row ends. */
static tc_error convert(tc_decoder *decoder, const coded_rows *coded, const uint8_t **rows)
{
    const avifImage *image = decoder->avif->image;
    uint32_t count = coded->end - coded->from;
    avifCropRect rect = {0, coded->from, image->width, count};
    avifImage *part;
    avifRGBImage rgb;
    avifResult result;

    if (count > decoder->rgb_rows)
        return tc_fail_set(decoder->fail, TC_E_INTERNAL, "AVIF: no room for %u rows", count);
    part = avifImageCreateEmpty();
    errno = 0;
    result = part ? avifImageSetViewRect(part, image, &rect) : AVIF_RESULT_OUT_OF_MEMORY;
    if (result == AVIF_RESULT_OK) {
        part->alphaPremultiplied = image->alphaPremultiplied;
        part->colorPrimaries = image->colorPrimaries;
        part->transferCharacteristics = image->transferCharacteristics;
        part->matrixCoefficients = image->matrixCoefficients;
        avifRGBImageSetDefaults(&rgb, part);
        rgb.depth = 8;
        rgb.format = decoder->alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
        rgb.pixels = decoder->rgb + decoder->stride * (decoder->rgb_rows - count);
        rgb.rowBytes = (uint32_t)decoder->stride;
        *rows = rgb.pixels;
        result = avifImageYUVToRGB(part, &rgb);
    }
    if (part)
        avifImageDestroy(part);
    return result == AVIF_RESULT_OK ? TC_E_OK
                                    : tc_avif_failed(decoder->fail, result, TC_E_UNSUPPORTED);
}

/* The shown part of one converted row; grey is in all three of its colours. */
static void copy_row(const tc_decoder *decoder, const uint8_t *from, uint8_t *to)
{
    uint8_t channels = tc_model_channels(decoder->model), step = decoder->alpha ? 4 : 3;

    from += (size_t)decoder->crop.x * step;
    if (!tc_model_is_grey(decoder->model)) {
        memcpy(to, from, (size_t)decoder->crop.width * step);
        return;
    }
    for (uint32_t x = 0; x < decoder->crop.width; x++, from += step, to += channels) {
        to[0] = from[0];
        if (decoder->alpha)
            to[1] = from[3];
    }
}

static tc_error avif_decode_rows(tc_decoder *decoder, tc_strip *strip)
{
    coded_rows coded = coded_rows_at(decoder, decoder->next);
    size_t stride = (size_t)decoder->crop.width * tc_model_channels(decoder->model);
    const uint8_t *from = NULL;
    tc_error error = convert(decoder, &coded, &from);

    if (error)
        return error;
    from += decoder->stride * (coded.first - coded.from);
    for (uint32_t y = 0; y < coded.rows; y++)
        copy_row(decoder, from + decoder->stride * y, decoder->strip + stride * y);
    strip->plane[0].data = decoder->strip;
    strip->plane[0].stride = stride;
    strip->plane[0].rows = coded.rows;
    decoder->next += coded.rows;
    return TC_E_OK;
}

static void avif_library(char *text, size_t size)
{
    char codecs[256];

    avifCodecVersions(codecs);
    snprintf(text, size, "libavif %s (%s)", avifVersion(), codecs);
}

const tc_codec tc_codec_avif = {
    .format = TC_FORMAT_AVIF,
    .name = "avif",
    .mime = "image/avif",
    .stores_alpha = true,
    .accepts_planes = true,
    .has_lossless = true,
    .library = avif_library,
    .decode_open = avif_decode_open,
    .decode_start = avif_decode_start,
    .decode_rows = avif_decode_rows,
    .decode_free = avif_decode_free,
    .encode_held = tc_avif_encode_held,
    .encode_open = tc_avif_encode_open,
    .encode_rows = tc_avif_encode_rows,
    .encode_finish = tc_avif_encode_finish,
    .encode_free = tc_avif_encode_free,
};
