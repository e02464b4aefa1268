/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebP decoding through libwebp, which gets just the picture's own chunks out of the
 * container, as they come, and gives back rows as far as it is.
 *
 * An animation's first frame lies on a transparent canvas: the background colour
 * in the file is a hint that no browser takes.
 */
#include "webp.h"

#include "base/buffer.h"

#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

/* How many of the next bytes libwebp's bit reader holds. */
#define READ_AHEAD 16

/* Rows of a composed canvas at a time. */
#define STRIP_ROWS 16

struct tc_decoder {
    const tc_input *input;
    tc_fail *fail;
    const tc_cancel *cancel; /* NULL until decoding starts */
    tc_webp_file file;
    bool alpha;    /* rows have it: the picture does, or it does not cover its canvas */
    uint8_t *data; /* the picture's chunks, of which `filled` bytes are read */
    size_t filled;
    WebPDecoderConfig config;
    WebPIDecoder *incremental;
    uint8_t *pixels; /* the decoded frame, of which `ready` rows are done */
    size_t stride;
    uint32_t rows, ready, next; /* `next`: the canvas's */
    uint8_t *strip;
};

static tc_error no_memory(tc_decoder *decoder)
{
    return tc_fail_set(decoder->fail, TC_E_NO_MEMORY, "WebP: out of memory");
}

static tc_error damaged(tc_decoder *decoder, const char *why)
{
    return tc_fail_set(decoder->fail, TC_E_DAMAGED, "WebP: %s", why);
}

static void webp_decode_free(tc_decoder *decoder)
{
    if (!decoder)
        return;
    WebPIDelete(decoder->incremental);
    tc_buffer_free(decoder->file.icc);
    tc_buffer_free(decoder->file.exif);
    tc_buffer_free(decoder->data);
    tc_buffer_free(decoder->pixels);
    tc_buffer_free(decoder->strip);
    free(decoder);
}

/*
 * What libwebp and this file keep of the whole picture, bytes a pixel: the decoded
 * frame; a lossless picture's own copy; the alpha of a lossy one, which is a
 * lossless picture in itself.
 */
static unsigned held_a_pixel(const tc_decoder *decoder)
{
    if (decoder->file.lossless)
        return decoder->alpha ? 8 : 7;
    return decoder->file.alpha ? 9 : decoder->alpha ? 4 : 3;
}

static tc_error webp_decode_open(tc_decoder **made, const tc_input *input, tc_image_info *info,
                                 tc_fail *fail)
{
    tc_decoder *decoder = calloc(1, sizeof *decoder);
    tc_error error;

    *made = decoder;
    if (!decoder)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "WebP: out of memory");
    decoder->input = input;
    decoder->fail = fail;
    error = tc_webp_read(&decoder->file, input, fail);
    if (error)
        return error;
    decoder->alpha = decoder->file.alpha || decoder->file.composed;
    *info = (tc_image_info){
        .format = TC_FORMAT_WEBP,
        .width = decoder->file.width,
        .height = decoder->file.height,
        .orientation = decoder->file.orientation,
        .model = decoder->alpha ? TC_RGB_ALPHA : TC_RGB,
        /* libwebp averages the colours of a lossy picture whatever its alpha. */
        .max_reduce =
            decoder->file.composed || (decoder->alpha && !decoder->file.lossless) ? 1 : 8,
        .lossless = decoder->file.lossless,
        .held_bytes =
            (uint64_t)decoder->file.frame.w * decoder->file.frame.h * held_a_pixel(decoder) +
            decoder->file.held + decoder->file.length,
        .scaled_bytes =
            (uint64_t)decoder->file.frame.w * decoder->file.frame.h * (decoder->alpha ? 4 : 3)};
    if (decoder->file.exif) {
        info->exif = decoder->file.exif + decoder->file.exif_skip;
        info->exif_length = decoder->file.exif_length;
    }
    if (decoder->file.icc && memcmp(decoder->file.icc + 16, "RGB ", 4) == 0) {
        info->icc = decoder->file.icc;
        info->icc_length = decoder->file.icc_length;
    }
    return TC_E_OK;
}

/* Where libwebp is to put the frame: our own memory, in the canvas's model. */
static tc_error start_decoding(tc_decoder *decoder, uint32_t w, uint32_t h, bool scaled)
{
    WebPDecoderConfig *config = &decoder->config;

    if (!WebPInitDecoderConfig(config))
        return tc_fail_set(decoder->fail, TC_E_INTERNAL,
                           "WebP: libwebp is not the version that the module was built with");
    decoder->rows = h;
    decoder->stride = (size_t)w * (decoder->alpha ? 4 : 3);
    decoder->pixels = tc_buffer_alloc(decoder->stride * h);
    decoder->data = tc_buffer_alloc(decoder->file.length);
    if (!decoder->pixels || !decoder->data)
        return no_memory(decoder);
    config->options.use_scaling = scaled;
    config->options.scaled_width = (int)w;
    config->options.scaled_height = (int)h;
    config->output.colorspace = decoder->alpha ? MODE_RGBA : MODE_RGB;
    config->output.is_external_memory = 1;
    config->output.u.RGBA.rgba = decoder->pixels;
    config->output.u.RGBA.stride = (int)decoder->stride;
    config->output.u.RGBA.size = decoder->stride * h;
    decoder->incremental = WebPIDecode(NULL, 0, config);
    return decoder->incremental ? TC_E_OK : no_memory(decoder);
}

static tc_error webp_decode_start(tc_decoder *decoder, const tc_decode_want *want,
                                  tc_layout *layout)
{
    uint32_t w = (decoder->file.frame.w + want->reduce - 1) / want->reduce;
    uint32_t h = (decoder->file.frame.h + want->reduce - 1) / want->reduce;
    tc_error error;

    decoder->cancel = want->cancel;
    error = start_decoding(decoder, w, h, want->reduce > 1);
    if (error)
        return error;
    if (decoder->file.composed) {
        w = decoder->file.width;
        h = decoder->file.height;
        decoder->strip = tc_buffer_alloc((size_t)w * 4 * STRIP_ROWS);
        if (!decoder->strip)
            return no_memory(decoder);
    }
    *layout = (tc_layout){.model = decoder->alpha ? TC_RGB_ALPHA : TC_RGB, .planes = 1};
    layout->plane[0].w = w;
    layout->plane[0].h = h;
    /* libwebp stretches the whole picture over the samples: each of them is whole. */
    layout->plane[0].true_w = w;
    layout->plane[0].true_h = h;
    layout->plane[0].channels = decoder->alpha ? 4 : 3;
    return TC_E_OK;
}

/* Read on, and let libwebp decode as far as that goes. */
static tc_error decode_more(tc_decoder *decoder)
{
    size_t left = decoder->file.length - decoder->filled;
    /* libwebp starts a lossless picture over until all of its head is there. */
    size_t head = decoder->filled == 0 ? decoder->file.head + READ_AHEAD : 0;
    size_t most = head > TC_IO_BYTES ? head : TC_IO_BYTES;
    size_t length = left < most ? left : most;
    tc_error error = tc_cancel_check(decoder->cancel, decoder->fail);
    VP8StatusCode status;
    int ready = 0;

    if (error)
        return error;
    if (left == 0)
        return damaged(decoder, "the data end before the picture does");
    error = tc_webp_read_bytes(decoder->input, decoder->file.from + decoder->filled,
                               decoder->data + decoder->filled, length, decoder->fail);
    if (error)
        return error;
    decoder->filled += length;
    /* Where memory lacks libwebp says now and then that the data are wrong. */
    errno = 0;
    status = WebPIUpdate(decoder->incremental, decoder->data, decoder->filled);
    if (status == VP8_STATUS_OUT_OF_MEMORY ||
        (status != VP8_STATUS_OK && status != VP8_STATUS_SUSPENDED && errno == ENOMEM))
        return no_memory(decoder);
    if (status == VP8_STATUS_UNSUPPORTED_FEATURE)
        return tc_fail_set(decoder->fail, TC_E_UNSUPPORTED, "WebP: an unknown kind of picture");
    if (status != VP8_STATUS_OK && status != VP8_STATUS_SUSPENDED)
        return damaged(decoder, "the picture's data are corrupt");
    if (WebPIDecGetRGB(decoder->incremental, &ready, NULL, NULL, NULL))
        decoder->ready = (uint32_t)ready;
    if (status == VP8_STATUS_OK)
        decoder->ready = decoder->rows;
    return TC_E_OK;
}

/* One row of the canvas: transparent but for the frame, whose row is ready. */
static void compose(const tc_decoder *decoder, uint32_t y, uint8_t *to)
{
    const tc_rect *frame = &decoder->file.frame;

    memset(to, 0, (size_t)decoder->file.width * 4);
    if (y >= frame->y && y - frame->y < frame->h)
        memcpy(to + (size_t)frame->x * 4, decoder->pixels + decoder->stride * (y - frame->y),
               decoder->stride);
}

static tc_error composed_rows(tc_decoder *decoder, tc_strip *strip)
{
    const tc_rect *frame = &decoder->file.frame;

    strip->plane[0].data = decoder->strip;
    strip->plane[0].stride = (size_t)decoder->file.width * 4;
    strip->plane[0].rows = 0;
    while (strip->plane[0].rows < STRIP_ROWS && decoder->next < decoder->file.height) {
        uint32_t y = decoder->next;

        while (y >= frame->y && y - frame->y < frame->h && y - frame->y >= decoder->ready) {
            tc_error error = decode_more(decoder);
            if (error)
                return error;
        }
        compose(decoder, y, decoder->strip + strip->plane[0].stride * strip->plane[0].rows++);
        decoder->next++;
    }
    return TC_E_OK;
}

static tc_error webp_decode_rows(tc_decoder *decoder, tc_strip *strip)
{
    if (decoder->file.composed)
        return composed_rows(decoder, strip);
    while (decoder->ready <= decoder->next) {
        tc_error error = decode_more(decoder);
        if (error)
            return error;
    }
    strip->plane[0].data = decoder->pixels + decoder->stride * decoder->next;
    strip->plane[0].stride = decoder->stride;
    strip->plane[0].rows = decoder->ready - decoder->next;
    decoder->next = decoder->ready;
    return TC_E_OK;
}

static void webp_library(char *text, size_t size)
{
    int version = WebPGetDecoderVersion();

    snprintf(text, size, "libwebp %d.%d.%d", version >> 16 & 255, version >> 8 & 255,
             version & 255);
}

const tc_codec tc_codec_webp = {
    .format = TC_FORMAT_WEBP,
    .name = "webp",
    .mime = "image/webp",
    .stores_alpha = true,
    .accepts_planes = true,
    .has_lossless = true,
    .library = webp_library,
    .decode_open = webp_decode_open,
    .decode_start = webp_decode_start,
    .decode_rows = webp_decode_rows,
    .decode_free = webp_decode_free,
    .encode_held = tc_webp_encode_held,
    .encode_open = tc_webp_encode_open,
    .encode_rows = tc_webp_encode_rows,
    .encode_finish = tc_webp_encode_finish,
    .encode_free = tc_webp_encode_free,
};
