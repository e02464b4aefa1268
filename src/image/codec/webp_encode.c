/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebP encoding through libwebp, which wants the whole picture: rows are gathered
 * in its own memory, as RGB or as the planes of a lossy one, and encoded at the end. libwebp
 * writes no profile, so with one the container is written here, around what libwebp has put
 * into its own.
 */
#include "webp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <webp/encode.h>

/*
 * Lossy, 0 to 6: 3 has all that the default of 4 gains in bytes and half a decibel over 2,
 * for a little less time. Lossless, 0 to 9: 1, speed first.
 */
#define LOSSY_METHOD   3
#define LOSSLESS_LEVEL 1

/*
 * A lossy picture's tokens are held until their probabilities are known: up to 28 bytes a
 * pixel. Over this many pixels libwebp guesses them from a first pass instead, in no memory,
 * which makes photographs 0.5 to 3 percent larger and takes a third longer.
 */
#define TOKEN_PIXELS_MAX (2 * 1024 * 1024)

struct tc_encoder {
    const tc_output *output;
    tc_fail *fail;
    const tc_cancel *cancel;
    WebPConfig config;
    WebPPicture picture;
    bool drawable;          /* the picture's memory is there */
    WebPMemoryWriter whole; /* what libwebp wrote, when a profile is to go into it */
    tc_model model;
    uint32_t next;
    uint32_t put[TC_PLANES]; /* of TC_YCC: rows of each plane that are in */
    uint8_t *icc;
    size_t icc_length;
    uint8_t *exif;
    size_t exif_length;
};

static tc_error no_memory(tc_fail *fail)
{
    return tc_fail_set(fail, TC_E_NO_MEMORY, "WebP: out of memory");
}

static tc_error put(tc_encoder *encoder, const void *data, size_t length)
{
    tc_error error = encoder->output->write(encoder->output->context, data, length);

    if (error && encoder->fail->error == TC_E_OK)
        tc_fail_set(encoder->fail, error, "writing the result failed");
    return error;
}

static int on_write(const uint8_t *data, size_t length, const WebPPicture *picture)
{
    return put(picture->custom_ptr, data, length) == TC_E_OK;
}

/* Asked by libwebp between the parts of its work; 0 ends it. */
static int on_progress(int percent, const WebPPicture *picture)
{
    const tc_encoder *encoder = picture->user_data;

    (void)percent;
    return tc_cancel_check(encoder->cancel, encoder->fail) == TC_E_OK;
}

void tc_webp_encode_free(tc_encoder *encoder)
{
    if (!encoder)
        return;
    if (encoder->drawable)
        WebPPictureFree(&encoder->picture);
    WebPMemoryWriterClear(&encoder->whole);
    free(encoder->icc);
    free(encoder->exif);
    free(encoder);
}

static bool holds_tokens(const tc_encode_spec *spec)
{
    return (uint64_t)spec->width * spec->height <= TOKEN_PIXELS_MAX;
}

/*
 * Measured with noise, bytes a pixel: the picture as RGB and as planes, and the output, 7 to
 * 8; tokens; alpha and lossless pictures with what libwebp's search keeps, 33; and where a
 * profile or EXIF goes with it the output again, in memory that grows by doubling.
 */
uint64_t tc_webp_encode_held(const tc_encode_spec *spec)
{
    double each = 35, quality = spec->quality;

    if (!spec->lossless) {
        each = quality <= 82 ? 7.2 : 8.4;
        if (holds_tokens(spec))
            each += quality <= 82 ? 4.5 + quality * 0.155 : 17.2 + (quality - 82) * 0.63;
        if (tc_model_has_alpha(spec->model))
            each += 33;
    }
    if (spec->icc || spec->exif)
        each += spec->lossless ? 8 : 4;
    return (uint64_t)(each * spec->width * spec->height) + 512 * 1024;
}

static bool configure(tc_encoder *encoder, const tc_encode_spec *spec)
{
    WebPConfig *config = &encoder->config;

    if (!WebPConfigInit(config) || !WebPPictureInit(&encoder->picture))
        return false;
    if (spec->lossless)
        return WebPConfigLosslessPreset(config, LOSSLESS_LEVEL);
    config->quality = (float)spec->quality;
    config->method = LOSSY_METHOD;
    config->low_memory = !holds_tokens(spec);
    return true;
}

/* A copy of `data` for the end; false without memory. */
static bool keep(uint8_t **to, size_t *to_length, const uint8_t *data, size_t length)
{
    if (!data)
        return true;
    *to = malloc(length);
    if (!*to)
        return false;
    memcpy(*to, data, length);
    *to_length = length;
    return true;
}

tc_error tc_webp_encode_open(tc_encoder **made, const tc_output *output,
                             const tc_encode_spec *spec, tc_fail *fail)
{
    tc_encoder *encoder = calloc(1, sizeof *encoder);
    WebPPicture *picture;

    *made = encoder;
    if (!encoder)
        return no_memory(fail);
    if (spec->width > WEBP_MAX_DIMENSION || spec->height > WEBP_MAX_DIMENSION)
        return tc_fail_set(fail, TC_E_OUTPUT_TOO_LARGE,
                           "a WebP has at most %d pixels a side, not %ux%u", WEBP_MAX_DIMENSION,
                           spec->width, spec->height);
    encoder->output = output;
    encoder->fail = fail;
    encoder->cancel = spec->cancel;
    encoder->model = spec->model;
    WebPMemoryWriterInit(&encoder->whole);
    if (!configure(encoder, spec))
        return tc_fail_set(fail, TC_E_INTERNAL,
                           "WebP: libwebp is not the version that the module was built with");
    picture = &encoder->picture;
    picture->use_argb = spec->model != TC_YCC;
    picture->width = (int)spec->width;
    picture->height = (int)spec->height;
    picture->progress_hook = on_progress;
    picture->user_data = encoder;
    picture->writer = on_write;
    picture->custom_ptr = encoder;
    /* Grey is encoded as colours, for which a grey profile would be wrong. */
    if ((!tc_model_is_grey(spec->model) &&
         !keep(&encoder->icc, &encoder->icc_length, spec->icc, spec->icc_length)) ||
        !keep(&encoder->exif, &encoder->exif_length, spec->exif, spec->exif_length))
        return no_memory(fail);
    if (encoder->icc || encoder->exif) {
        picture->writer = WebPMemoryWrite;
        picture->custom_ptr = &encoder->whole;
    }
    encoder->drawable = WebPPictureAlloc(picture);
    return encoder->drawable ? TC_E_OK : no_memory(fail);
}

static void put_row(uint32_t *to, const uint8_t *from, uint32_t width, tc_model model)
{
    uint8_t step = tc_model_channels(model);
    unsigned g = tc_model_is_grey(model) ? 0 : 1, b = 2 * g;

    for (uint32_t x = 0; x < width; x++, from += step) {
        uint32_t a = tc_model_has_alpha(model) ? from[step - 1] : 255;
        to[x] = a << 24 | (uint32_t)from[0] << 16 | (uint32_t)from[g] << 8 | from[b];
    }
}

/*
 * A row of TC_YCC, which has all of 0..255 as in JPEG, in the range of BT.601, in which WebP's
 * luma has 16..235 and chroma 16..240 about 128: rounded to the nearest.
 */
static void put_luma(uint8_t *to, const uint8_t *from, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++)
        to[x] = (uint8_t)(16 + (from[x] * 219u + 127) / 255);
}

static void put_chroma(uint8_t *to, const uint8_t *from, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++)
        to[x] = (uint8_t)((from[x] * 224u + 128 * (255 - 224) + 127) / 255);
}

static void put_planes(tc_encoder *encoder, const tc_strip *strip)
{
    const WebPPicture *picture = &encoder->picture;
    uint8_t *const plane[TC_PLANES] = {picture->y, picture->u, picture->v};
    uint32_t half = ((uint32_t)picture->width + 1) / 2;

    for (uint32_t y = 0; y < strip->plane[0].rows; y++)
        put_luma(plane[0] + (size_t)picture->y_stride * encoder->put[0]++,
                 strip->plane[0].data + strip->plane[0].stride * y, (uint32_t)picture->width);
    for (unsigned at = 1; at < TC_PLANES; at++) {
        for (uint32_t y = 0; y < strip->plane[at].rows; y++)
            put_chroma(plane[at] + (size_t)picture->uv_stride * encoder->put[at]++,
                       strip->plane[at].data + strip->plane[at].stride * y, half);
    }
}

tc_error tc_webp_encode_rows(tc_encoder *encoder, const tc_strip *strip)
{
    WebPPicture *picture = &encoder->picture;

    if (encoder->model == TC_YCC) {
        put_planes(encoder, strip);
        return TC_E_OK;
    }
    for (uint32_t y = 0; y < strip->plane[0].rows; y++)
        put_row(picture->argb + (size_t)picture->argb_stride * encoder->next++,
                strip->plane[0].data + strip->plane[0].stride * y, (uint32_t)picture->width,
                encoder->model);
    return TC_E_OK;
}

static void set24(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
}

static void set32(uint8_t *at, uint32_t value)
{
    set24(at, value);
    at[3] = (uint8_t)(value >> 24);
}

/* A chunk of `length` bytes, padded to an even number. */
static tc_error put_chunk(tc_encoder *encoder, const char *name, const uint8_t *data,
                          size_t length)
{
    uint8_t head[TC_WEBP_CHUNK];
    tc_error error;

    if (!data)
        return TC_E_OK;
    memcpy(head, name, 4);
    set32(head + 4, (uint32_t)length);
    error = put(encoder, head, sizeof head);
    if (!error)
        error = put(encoder, data, length);
    return error || length % 2 == 0 ? error : put(encoder, "", 1);
}

static size_t chunk_size(const uint8_t *data, size_t length)
{
    return data ? TC_WEBP_CHUNK + length + length % 2 : 0;
}

/* The extended header, the profile, the chunks that libwebp wrote, and EXIF. */
static tc_error write_extended(tc_encoder *encoder)
{
    const uint8_t *from = encoder->whole.mem + TC_WEBP_HEAD;
    size_t left = encoder->whole.size - TC_WEBP_HEAD;
    uint8_t head[TC_WEBP_HEAD + TC_WEBP_CHUNK + TC_WEBP_VP8X] = "RIFF";
    uint8_t *extended = head + TC_WEBP_HEAD, *body = extended + TC_WEBP_CHUNK;
    tc_error error;

    if (memcmp(from, "VP8X", 4) == 0) {
        body[0] = from[TC_WEBP_CHUNK];
        from += TC_WEBP_CHUNK + TC_WEBP_VP8X;
        left -= TC_WEBP_CHUNK + TC_WEBP_VP8X;
    } else if (tc_model_has_alpha(encoder->model)) {
        body[0] = TC_WEBP_HAS_ALPHA;
    }
    body[0] |= (encoder->icc ? TC_WEBP_HAS_ICC : 0) | (encoder->exif ? TC_WEBP_HAS_EXIF : 0);
    set32(head + 4, (uint32_t)(sizeof head - TC_WEBP_CHUNK + left +
                               chunk_size(encoder->icc, encoder->icc_length) +
                               chunk_size(encoder->exif, encoder->exif_length)));
    memcpy(head + 8, "WEBP", 4);
    memcpy(extended, "VP8X", 4);
    set32(extended + 4, TC_WEBP_VP8X);
    set24(body + 4, (uint32_t)encoder->picture.width - 1);
    set24(body + 7, (uint32_t)encoder->picture.height - 1);
    error = put(encoder, head, sizeof head);
    if (!error)
        error = put_chunk(encoder, "ICCP", encoder->icc, encoder->icc_length);
    if (!error)
        error = put(encoder, from, left);
    return error ? error : put_chunk(encoder, "EXIF", encoder->exif, encoder->exif_length);
}

tc_error tc_webp_encode_finish(tc_encoder *encoder)
{
    bool whole;

    errno = 0;
    whole = WebPEncode(&encoder->config, &encoder->picture);
    /* Without memory it can also go on, with a lesser picture. */
    if (whole && errno != ENOMEM)
        return encoder->icc || encoder->exif ? write_extended(encoder) : TC_E_OK;
    if (encoder->fail->error) /* a callback's; libwebp may call it something else */
        return encoder->fail->error;
    switch (encoder->picture.error_code) {
    case VP8_ENC_OK: /* in places libwebp gives up without memory and does not say so */
    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BAD_WRITE: /* of the writer into memory */
        return no_memory(encoder->fail);
    default:
        return tc_fail_set(encoder->fail, TC_E_INTERNAL, "WebP: libwebp's error %d",
                           (int)encoder->picture.error_code);
    }
}
