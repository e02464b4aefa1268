/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVIF decoding through libavif. Its boxes are read as they are asked for; the
 * picture is decoded as a whole into planes, and turned into rows a few at a time.
 *
 * How to turn it upright is said by the properties irot and imir; an orientation
 * in EXIF is not to be heeded beside them (ISO/IEC 23000-22, 7.3.6.7).
 */
#include "codec_avif.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avif/avif.h>

/* Even, so that a band begins with a row of chroma. */
#define BAND_ROWS 16

/* Rows of luma above and below a band that its chroma is interpolated from. */
#define MARGIN 2

/* Before the header is read: libavif's own bounds. */
#define SIDE_MAX 65536

/* Frames an image sequence without a still picture may have: each costs a table entry. */
#define FRAMES_MAX 20000

/* Kinds of AV1's open bitstream units. */
#define OBU_METADATA 5
#define OBU_LAST     8
#define OBU_PADDING  15

/* Units of no known kind, or with metadata, that a picture may have. */
#define STRANGE_MAX 16

struct tc_decoder {
    const tc_input *input;
    tc_fail *fail;
    bool decoding; /* what is read now goes to the AV1 decoder */
    avifIO io;
    uint8_t *buffer; /* what libavif asked for last */
    size_t buffer_size;
    avifDecoder *avif;
    avifCropRect crop; /* the part of the coded picture that is shown */
    tc_model model;
    bool alpha;
    uint8_t *rgb; /* converted rows */
    size_t stride;
    uint8_t *band;
    uint32_t next;
};

tc_error tc_avif_failed(tc_fail *fail, int result, tc_error fallback)
{
    if (fail->error)
        return fail->error;
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

/* The end of an open bitstream unit that begins at `at` (AV1 specification, 5.3); `length`
 * where it takes all the rest, or more. */
static size_t unit_end(const uint8_t *data, size_t at, size_t length)
{
    bool extended = data[at] & 4, sized = data[at] & 2;
    uint64_t size = 0;
    unsigned shift = 0;

    at += extended ? 2 : 1;
    if (!sized)
        return length;
    for (; at < length && shift < 56; shift += 7) {
        size |= (uint64_t)(data[at] & 0x7f) << shift;
        if (!(data[at++] & 0x80))
            break;
    }
    return at >= length || size > length - at ? length : at + (size_t)size;
}

/*
 * dav1d says something on standard error, which is httpd's log, about every unit
 * that it does not know. A file may hold millions of them; an honest one has none.
 */
static bool is_quiet(const uint8_t *data, size_t length)
{
    unsigned strange = 0;

    for (size_t at = 0; at < length; at = unit_end(data, at, length)) {
        unsigned type = data[at] >> 3 & 15;
        strange +=
            type == 0 || type == OBU_METADATA || (type > OBU_LAST && type != OBU_PADDING);
    }
    return strange <= STRANGE_MAX;
}

/* The buffer is no larger than what the file still has, whatever is asked for. */
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
    if (length > decoder->buffer_size) {
        uint8_t *grown = realloc(decoder->buffer, length);

        if (!grown)
            return AVIF_RESULT_OUT_OF_MEMORY;
        decoder->buffer = grown;
        decoder->buffer_size = length;
    }
    data->data = decoder->buffer;
    data->size = 0;
    if (length == 0)
        return AVIF_RESULT_OK;
    error = decoder->input->read(decoder->input->context, offset, decoder->buffer, length,
                                 &data->size);
    if (error && decoder->fail->error == TC_E_OK)
        tc_fail_set(decoder->fail, error, "reading failed");
    if (!error && decoder->decoding && !is_quiet(decoder->buffer, data->size))
        error =
            tc_fail_set(decoder->fail, TC_E_DAMAGED, "AVIF: too many units of no known kind");
    return error ? AVIF_RESULT_IO_ERROR : AVIF_RESULT_OK;
}

static void avif_decode_free(tc_decoder *decoder)
{
    if (!decoder)
        return;
    if (decoder->avif)
        avifDecoderDestroy(decoder->avif);
    free(decoder->buffer);
    free(decoder->rgb);
    free(decoder->band);
    free(decoder);
}

/* The still picture, or where there is none the first frame of a sequence. */
static avifResult parse(tc_decoder *decoder)
{
    avifDecoder *avif = decoder->avif;
    avifResult result;

    /* Of the AV1 decoders it alone heeds a limit on the coded picture's size. */
    avif->codecChoice = AVIF_CODEC_CHOICE_DAV1D;
    avif->maxThreads = 1;
    avif->requestedSource = AVIF_DECODER_SOURCE_PRIMARY_ITEM;
    avif->ignoreXMP = AVIF_TRUE;
    avif->imageDimensionLimit = SIDE_MAX;
    avif->imageCountLimit = FRAMES_MAX;
    /* As browsers do: files that lack a pixi property are many, and their pictures whole. */
    avif->strictFlags = AVIF_STRICT_ALPHA_ISPE_REQUIRED;
    decoder->io = (avifIO){.read = on_read, .sizeHint = decoder->input->size, .data = decoder};
    avifDecoderSetIO(avif, &decoder->io);
    result = avifDecoderParse(avif);
    if (result == AVIF_RESULT_NO_CONTENT || result == AVIF_RESULT_NO_AV1_ITEMS_FOUND)
        result = avifDecoderSetSource(avif, AVIF_DECODER_SOURCE_TRACKS);
    return result;
}

/* What is shown: all of it, unless there is a clean aperture that makes sense. */
static avifCropRect shown(const avifImage *image)
{
    avifCropRect all = {0, 0, image->width, image->height}, crop;
    avifDiagnostics why;

    if (!(image->transformFlags & AVIF_TRANSFORM_CLAP))
        return all;
    avifDiagnosticsClearError(&why);
    return avifCropRectConvertCleanApertureBox(&crop, &image->clap, image->width, image->height,
                                               image->yuvFormat, &why)
               ? crop
               : all;
}

/* EXIF's number for: turned by irot, anticlockwise, and then mirrored by imir. */
static uint8_t orientation(const avifImage *image)
{
    static const uint8_t number[4][3] = {{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}};
    unsigned turn = image->transformFlags & AVIF_TRANSFORM_IROT ? image->irot.angle & 3 : 0;
    unsigned mirror =
        image->transformFlags & AVIF_TRANSFORM_IMIR ? 1 + (image->imir.mode & 1) : 0;

    return number[turn][mirror];
}

/*
 * What libavif and its codec keep, bytes: the planes, in their decoded form and as
 * the codec's reference; an alpha plane likewise; the coded data, twice.
 */
static uint64_t held_bytes(const tc_decoder *decoder)
{
    const avifImage *image = decoder->avif->image;
    uint64_t samples = image->yuvFormat == AVIF_PIXEL_FORMAT_YUV444   ? 6
                       : image->yuvFormat == AVIF_PIXEL_FORMAT_YUV422 ? 4
                       : image->yuvFormat == AVIF_PIXEL_FORMAT_YUV400 ? 2
                                                                      : 3;

    if (decoder->alpha)
        samples += 2;
    return (uint64_t)image->width * image->height * samples * (image->depth > 8 ? 2 : 1) +
           2 * decoder->input->size;
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
    result = parse(decoder);
    if (result != AVIF_RESULT_OK && strstr(decoder->avif->diag.error, "too large"))
        return tc_fail_set(fail, TC_E_PIXELS_TOO_MANY, "AVIF: %s", decoder->avif->diag.error);
    if (result != AVIF_RESULT_OK)
        return tc_avif_failed(fail, result, TC_E_DAMAGED);
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

    /* The coded picture may claim more than the header that was judged. */
    avif->imageSizeLimit = width * height;
    decoder->decoding = true;
    result = avifDecoderNextImage(avif);
    if (result != AVIF_RESULT_OK)
        return tc_avif_failed(decoder->fail, result, TC_E_DAMAGED);
    image = avif->image;
    if (image->width != width || image->height != height)
        return tc_fail_set(decoder->fail, TC_E_DAMAGED,
                           "AVIF: the picture has another size than its header");
    if ((image->yuvFormat == AVIF_PIXEL_FORMAT_YUV400) != tc_model_is_grey(decoder->model) ||
        (decoder->alpha && !image->alphaPlane))
        return tc_fail_set(decoder->fail, TC_E_DAMAGED,
                           "AVIF: the picture is of another kind than its header says");
    return TC_E_OK;
}

static tc_error avif_decode_start(tc_decoder *decoder, const tc_decode_want *want,
                                  tc_layout *layout)
{
    uint8_t channels = tc_model_channels(decoder->model);
    tc_error error = tc_watch_ask(want->watch, decoder->fail);

    if (!error)
        error = decode_picture(decoder);
    if (error)
        return error;
    decoder->stride = (size_t)decoder->avif->image->width * (decoder->alpha ? 4 : 3);
    decoder->rgb = malloc(decoder->stride * (BAND_ROWS + 2 * MARGIN));
    decoder->band = malloc((size_t)decoder->crop.width * channels * BAND_ROWS);
    if (!decoder->rgb || !decoder->band)
        return tc_fail_set(decoder->fail, TC_E_NO_MEMORY, "AVIF: out of memory");
    *layout = (tc_layout){.model = decoder->model, .planes = 1};
    layout->plane[0].w = decoder->crop.width;
    layout->plane[0].h = decoder->crop.height;
    layout->plane[0].true_w = decoder->crop.width;
    layout->plane[0].true_h = decoder->crop.height;
    layout->plane[0].channels = channels;
    return TC_E_OK;
}

/* Rows `from` to `end` of the coded picture, `from` even, into `rgb`. */
static tc_error convert(tc_decoder *decoder, uint32_t from, uint32_t end)
{
    const avifImage *image = decoder->avif->image;
    avifImage *part = avifImageCreateEmpty();
    avifCropRect rect = {0, from, image->width, end - from};
    avifRGBImage rgb;
    avifResult result =
        part ? avifImageSetViewRect(part, image, &rect) : AVIF_RESULT_OUT_OF_MEMORY;

    if (result == AVIF_RESULT_OK) {
        part->alphaPremultiplied = image->alphaPremultiplied;
        part->colorPrimaries = image->colorPrimaries;
        part->transferCharacteristics = image->transferCharacteristics;
        part->matrixCoefficients = image->matrixCoefficients;
        avifRGBImageSetDefaults(&rgb, part);
        rgb.depth = 8;
        rgb.format = decoder->alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
        rgb.pixels = decoder->rgb;
        rgb.rowBytes = (uint32_t)decoder->stride;
        result = avifImageYUVToRGB(part, &rgb);
    }
    if (part)
        avifImageDestroy(part);
    return result == AVIF_RESULT_OK ? TC_E_OK
                                    : tc_avif_failed(decoder->fail, result, TC_E_UNSUPPORTED);
}

/* The shown part of one converted row; grey is in all three of its colours. */
static void take_row(const tc_decoder *decoder, const uint8_t *from, uint8_t *to)
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

static tc_error avif_decode_rows(tc_decoder *decoder, tc_band *band)
{
    uint32_t left = decoder->crop.height - decoder->next;
    uint32_t rows = left < BAND_ROWS ? left : BAND_ROWS;
    uint32_t first = decoder->crop.y + decoder->next;
    uint32_t from = (first < MARGIN ? 0 : first - MARGIN) & ~1u;
    uint32_t end = first + rows + MARGIN;
    size_t stride = (size_t)decoder->crop.width * tc_model_channels(decoder->model);
    tc_error error;

    if (end > decoder->avif->image->height)
        end = decoder->avif->image->height;
    error = convert(decoder, from, end);
    if (error)
        return error;
    for (uint32_t y = 0; y < rows; y++)
        take_row(decoder, decoder->rgb + decoder->stride * (first - from + y),
                 decoder->band + stride * y);
    band->plane[0].data = decoder->band;
    band->plane[0].stride = stride;
    band->plane[0].rows = rows;
    decoder->next += rows;
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
