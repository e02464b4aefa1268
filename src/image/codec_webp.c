/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebP decoding through libwebp. The container is walked here, chunk by chunk, so
 * that of an animation nothing but its first frame is read; libwebp gets just the
 * picture's own chunks, as they come, and gives back rows as far as it is.
 *
 * An animation's first frame lies on a transparent canvas: the background colour
 * in the file is a hint that no browser takes.
 */
#include "codec_webp.h"
#include "orientation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

/* Chunks looked at: an animation has one a frame, and what matters stands before or right
 * behind. */
#define CHUNKS_MAX 4096

/* Of an EXIF block only the first directory is of interest. */
#define EXIF_MAX 65536

#define ANMF_HEAD 16

/* Enough for the header of either kind of picture, its chunk's head with it. */
#define PICTURE_HEAD 32

/* Rows of a composed canvas at a time. */
#define BAND_ROWS 16

struct tc_decoder {
    const tc_input *input;
    tc_fail *fail;
    const tc_watch *watch; /* NULL until decoding starts */
    uint64_t end;          /* of the container, or of the file if that is shorter */
    uint32_t width, height;
    tc_rect frame;    /* the picture's place on the canvas */
    uint64_t from;    /* of the picture's chunks: ALPH and VP8, or VP8L */
    uint64_t picture; /* of the chunk with the colours; 0 until it is found */
    size_t length;    /* of the chunks from `from` on */
    bool extended, alpha, lossless, composed;
    uint8_t orientation;
    uint8_t *icc;
    size_t icc_length;
    uint8_t *exif;
    size_t exif_skip, exif_length; /* what precedes the block; what it has */
    uint8_t *data;                 /* the picture's chunks, of which `filled` bytes are read */
    size_t filled;
    WebPDecoderConfig config;
    WebPIDecoder *incremental;
    uint8_t *pixels; /* the decoded frame, of which `ready` rows are done */
    size_t stride;
    uint32_t rows, ready, next; /* `next`: the canvas's */
    uint8_t *band;
};

typedef struct chunk {
    char name[5];
    uint32_t length; /* of the payload, which is followed by a byte when it is odd */
    uint64_t at;     /* of the payload */
} chunk;

static uint32_t get24(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
}

static tc_error no_memory(tc_decoder *decoder)
{
    return tc_fail_set(decoder->fail, TC_E_NO_MEMORY, "WebP: out of memory");
}

static tc_error damaged(tc_decoder *decoder, const char *why)
{
    return tc_fail_set(decoder->fail, TC_E_DAMAGED, "WebP: %s", why);
}

static tc_error read_bytes(tc_decoder *decoder, uint64_t at, void *to, size_t length)
{
    size_t got = 0;
    tc_error error = decoder->input->read(decoder->input->context, at, to, length, &got);

    if (error && decoder->fail->error == TC_E_OK)
        tc_fail_set(decoder->fail, error, "reading failed");
    if (error)
        return error;
    return got == length ? TC_E_OK : damaged(decoder, "the file ends before the picture does");
}

/* The chunk at `at`, which is to lie within `end` with all its payload. */
static tc_error read_chunk(tc_decoder *decoder, uint64_t at, uint64_t end, chunk *chunk)
{
    uint8_t head[TC_WEBP_CHUNK];
    tc_error error;

    if (at + sizeof head > end)
        return damaged(decoder, "the file ends before the picture does");
    error = read_bytes(decoder, at, head, sizeof head);
    if (error)
        return error;
    memcpy(chunk->name, head, 4);
    chunk->name[4] = '\0';
    chunk->length = get24(head + 4) | (uint32_t)head[7] << 24;
    chunk->at = at + sizeof head;
    if (chunk->length > end - chunk->at)
        return damaged(decoder, "the file ends before the picture does");
    return TC_E_OK;
}

static uint64_t behind(const chunk *chunk)
{
    return chunk->at + chunk->length + (chunk->length & 1);
}

static tc_error read_profile(tc_decoder *decoder, const chunk *chunk)
{
    if (decoder->icc || chunk->length < 128 || chunk->length > TC_ICC_MAX)
        return TC_E_OK;
    decoder->icc = malloc(chunk->length);
    if (!decoder->icc)
        return no_memory(decoder);
    decoder->icc_length = chunk->length;
    return read_bytes(decoder, chunk->at, decoder->icc, chunk->length);
}

static tc_error read_exif(tc_decoder *decoder, const chunk *chunk)
{
    size_t length = chunk->length < EXIF_MAX ? chunk->length : EXIF_MAX;
    uint8_t *exif = malloc(length ? length : 1);
    /* Some writers keep JPEG's name of the block in front. */
    size_t skip;
    tc_error error;

    if (!exif)
        return no_memory(decoder);
    error = read_bytes(decoder, chunk->at, exif, length);
    skip = !error && length > 6 && memcmp(exif, "Exif\0", 6) == 0 ? 6 : 0;
    if (error || decoder->exif) {
        free(exif);
        return error;
    }
    decoder->orientation = tc_orientation_read(exif + skip, length - skip);
    decoder->exif = exif;
    decoder->exif_skip = skip;
    decoder->exif_length = length - skip;
    return TC_E_OK;
}

static tc_error read_extended(tc_decoder *decoder, const chunk *chunk)
{
    uint8_t body[TC_WEBP_VP8X];
    tc_error error;

    if (chunk->length < sizeof body)
        return damaged(decoder, "the extended header is too short");
    error = read_bytes(decoder, chunk->at, body, sizeof body);
    if (error)
        return error;
    decoder->extended = true;
    decoder->width = get24(body + 4) + 1;
    decoder->height = get24(body + 7) + 1;
    return TC_E_OK;
}

/* ALPH, VP8 or VP8L: the picture is one of the latter two, with the former in front. */
static void note_picture(tc_decoder *decoder, const chunk *chunk)
{
    uint64_t start = chunk->at - TC_WEBP_CHUNK;

    if (decoder->picture)
        return;
    if (strcmp(chunk->name, "ALPH") == 0) {
        decoder->alpha = true;
        decoder->from = start;
        return;
    }
    decoder->lossless = chunk->name[3] == 'L';
    decoder->picture = start;
    if (!decoder->alpha || decoder->lossless)
        decoder->from = start;
    decoder->length = (size_t)(chunk->at + chunk->length - decoder->from);
}

static bool is_picture(const chunk *chunk)
{
    return strcmp(chunk->name, "ALPH") == 0 || strcmp(chunk->name, "VP8 ") == 0 ||
           strcmp(chunk->name, "VP8L") == 0;
}

/* The first frame of an animation: a place on the canvas, then chunks of its own. */
static tc_error read_frame(tc_decoder *decoder, const chunk *frame)
{
    uint8_t head[ANMF_HEAD];
    uint64_t at = frame->at + ANMF_HEAD, end = frame->at + frame->length;
    tc_error error;

    if (decoder->picture)
        return TC_E_OK;
    if (frame->length < ANMF_HEAD || !decoder->extended)
        return damaged(decoder, "an animation's frame without a header");
    error = read_bytes(decoder, frame->at, head, sizeof head);
    decoder->frame = (tc_rect){2 * get24(head), 2 * get24(head + 3), get24(head + 6) + 1,
                               get24(head + 9) + 1};
    for (int count = 0; !error && !decoder->picture && count < CHUNKS_MAX; count++) {
        chunk chunk;

        error = read_chunk(decoder, at, end, &chunk);
        if (error)
            break;
        if (is_picture(&chunk))
            note_picture(decoder, &chunk);
        at = behind(&chunk);
    }
    return error;
}

/* Everything in the container that matters; what stands behind the picture may be missing. */
static tc_error walk(tc_decoder *decoder)
{
    uint64_t at = TC_WEBP_HEAD;
    tc_error error = TC_E_OK;

    for (int count = 0; !error && count < CHUNKS_MAX; count++) {
        chunk chunk;

        if (decoder->picture && (!decoder->extended || at + TC_WEBP_CHUNK > decoder->end))
            break;
        error = read_chunk(decoder, at, decoder->end, &chunk);
        if (error && decoder->picture && error == TC_E_DAMAGED) {
            decoder->fail->error = TC_E_OK;
            return TC_E_OK;
        }
        if (error)
            break;
        if (strcmp(chunk.name, "VP8X") == 0 && at == TC_WEBP_HEAD)
            error = read_extended(decoder, &chunk);
        else if (strcmp(chunk.name, "ICCP") == 0)
            error = read_profile(decoder, &chunk);
        else if (strcmp(chunk.name, "EXIF") == 0)
            error = read_exif(decoder, &chunk);
        else if (strcmp(chunk.name, "ANMF") == 0)
            error = read_frame(decoder, &chunk);
        else if (is_picture(&chunk))
            note_picture(decoder, &chunk);
        at = behind(&chunk);
    }
    return error;
}

/* The size that the picture itself has must be the one that the container gives it. */
static tc_error check_picture(tc_decoder *decoder)
{
    uint8_t head[PICTURE_HEAD] = {0};
    WebPBitstreamFeatures features;
    const tc_rect *frame = &decoder->frame;
    size_t left = decoder->length - (size_t)(decoder->picture - decoder->from);
    size_t length = left < sizeof head ? left : sizeof head;
    tc_error error = read_bytes(decoder, decoder->picture, head, length);
    VP8StatusCode status;

    if (error)
        return error;
    status = WebPGetFeatures(head, length, &features);
    if (status == VP8_STATUS_UNSUPPORTED_FEATURE)
        return tc_fail_set(decoder->fail, TC_E_UNSUPPORTED, "WebP: an unknown kind of picture");
    if (status != VP8_STATUS_OK || features.width < 1 || features.height < 1)
        return damaged(decoder, "the picture's header makes no sense");
    if (!frame->w) {
        decoder->frame = (tc_rect){0, 0, (uint32_t)features.width, (uint32_t)features.height};
        if (!decoder->extended) {
            decoder->width = frame->w;
            decoder->height = frame->h;
        }
        if (frame->w != decoder->width || frame->h != decoder->height)
            return damaged(decoder, "the picture has another size than its header");
    }
    if (frame->w != (uint32_t)features.width || frame->h != (uint32_t)features.height)
        return damaged(decoder, "a frame has another size than its header");
    if ((uint64_t)frame->x + frame->w > decoder->width ||
        (uint64_t)frame->y + frame->h > decoder->height)
        return damaged(decoder, "a frame reaches outside the picture");
    decoder->composed = frame->w != decoder->width || frame->h != decoder->height;
    if (decoder->lossless)
        decoder->alpha = features.has_alpha;
    return TC_E_OK;
}

static void webp_decode_free(tc_decoder *decoder)
{
    if (!decoder)
        return;
    WebPIDelete(decoder->incremental);
    free(decoder->icc);
    free(decoder->exif);
    free(decoder->data);
    free(decoder->pixels);
    free(decoder->band);
    free(decoder);
}

/*
 * What libwebp and this file keep of the whole picture, bytes a pixel: the decoded
 * frame; a lossless picture's own copy; the alpha of a lossy one, which is a
 * lossless picture in itself.
 */
static unsigned held_a_pixel(const tc_decoder *decoder)
{
    if (decoder->lossless)
        return decoder->alpha || decoder->composed ? 8 : 7;
    return decoder->alpha ? 9 : decoder->composed ? 4 : 3;
}

static tc_error webp_decode_open(tc_decoder **made, const tc_input *input, tc_image_info *info,
                                 tc_fail *fail)
{
    tc_decoder *decoder = calloc(1, sizeof *decoder);
    uint8_t head[TC_WEBP_HEAD];
    tc_error error;

    *made = decoder;
    if (!decoder)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "WebP: out of memory");
    decoder->input = input;
    decoder->fail = fail;
    decoder->orientation = 1;
    error = read_bytes(decoder, 0, head, sizeof head);
    if (error)
        return error;
    decoder->end = (get24(head + 4) | (uint64_t)head[7] << 24) + TC_WEBP_CHUNK;
    if (decoder->end > input->size)
        decoder->end = input->size;
    error = walk(decoder);
    if (!error && !decoder->picture)
        error = damaged(decoder, "there is no picture in it");
    if (!error)
        error = check_picture(decoder);
    if (error)
        return error;
    *info = (tc_image_info){
        .format = TC_FORMAT_WEBP,
        .width = decoder->width,
        .height = decoder->height,
        .orientation = decoder->orientation,
        .model = decoder->alpha || decoder->composed ? TC_RGB_ALPHA : TC_RGB,
        /* libwebp averages the colours of a lossy picture without heeding its alpha. */
        .max_reduce = decoder->composed || (decoder->alpha && !decoder->lossless) ? 1 : 8,
        .lossless = decoder->lossless,
        .held_bytes = (uint64_t)decoder->frame.w * decoder->frame.h * held_a_pixel(decoder) +
                      decoder->length};
    if (decoder->exif) {
        info->exif = decoder->exif + decoder->exif_skip;
        info->exif_length = decoder->exif_length;
    }
    if (decoder->icc && memcmp(decoder->icc + 16, "RGB ", 4) == 0) {
        info->icc = decoder->icc;
        info->icc_length = decoder->icc_length;
    }
    return TC_E_OK;
}

/* Where libwebp is to put the frame: memory of ours, in the canvas's model. */
static tc_error start_decoding(tc_decoder *decoder, uint32_t w, uint32_t h, bool scaled)
{
    WebPDecoderConfig *config = &decoder->config;
    bool alpha = decoder->alpha || decoder->composed;

    if (!WebPInitDecoderConfig(config))
        return tc_fail_set(decoder->fail, TC_E_INTERNAL,
                           "WebP: another libwebp than built with");
    decoder->rows = h;
    decoder->stride = (size_t)w * (alpha ? 4 : 3);
    decoder->pixels = malloc(decoder->stride * h);
    decoder->data = malloc(decoder->length);
    if (!decoder->pixels || !decoder->data)
        return no_memory(decoder);
    config->options.use_scaling = scaled;
    config->options.scaled_width = (int)w;
    config->options.scaled_height = (int)h;
    config->output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
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
    uint32_t w = (decoder->frame.w + want->reduce - 1) / want->reduce;
    uint32_t h = (decoder->frame.h + want->reduce - 1) / want->reduce;
    bool alpha = decoder->alpha || decoder->composed;
    tc_error error;

    decoder->watch = want->watch;
    error = start_decoding(decoder, w, h, want->reduce > 1);
    if (error)
        return error;
    if (decoder->composed) {
        w = decoder->width;
        h = decoder->height;
        decoder->band = malloc((size_t)w * 4 * BAND_ROWS);
        if (!decoder->band)
            return no_memory(decoder);
    }
    *layout = (tc_layout){.model = alpha ? TC_RGB_ALPHA : TC_RGB, .planes = 1};
    layout->plane[0].w = w;
    layout->plane[0].h = h;
    /* libwebp stretches the whole picture over the samples: each of them is whole. */
    layout->plane[0].true_w = w;
    layout->plane[0].true_h = h;
    layout->plane[0].channels = alpha ? 4 : 3;
    return TC_E_OK;
}

/* Read on, and let libwebp decode as far as that goes. */
static tc_error decode_more(tc_decoder *decoder)
{
    size_t left = decoder->length - decoder->filled;
    size_t length = left < TC_IO_BYTES ? left : TC_IO_BYTES;
    tc_error error = tc_watch_ask(decoder->watch, decoder->fail);
    VP8StatusCode status;
    int ready = 0;

    if (error)
        return error;
    if (left == 0)
        return damaged(decoder, "the data end before the picture does");
    error = read_bytes(decoder, decoder->from + decoder->filled,
                       decoder->data + decoder->filled, length);
    if (error)
        return error;
    decoder->filled += length;
    status = WebPIUpdate(decoder->incremental, decoder->data, decoder->filled);
    if (status == VP8_STATUS_OUT_OF_MEMORY)
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
    const tc_rect *frame = &decoder->frame;

    memset(to, 0, (size_t)decoder->width * 4);
    if (y >= frame->y && y - frame->y < frame->h)
        memcpy(to + (size_t)frame->x * 4, decoder->pixels + decoder->stride * (y - frame->y),
               decoder->stride);
}

static tc_error composed_rows(tc_decoder *decoder, tc_band *band)
{
    const tc_rect *frame = &decoder->frame;

    band->plane[0].data = decoder->band;
    band->plane[0].stride = (size_t)decoder->width * 4;
    band->plane[0].rows = 0;
    while (band->plane[0].rows < BAND_ROWS && decoder->next < decoder->height) {
        uint32_t y = decoder->next;

        while (y >= frame->y && y - frame->y < frame->h && y - frame->y >= decoder->ready) {
            tc_error error = decode_more(decoder);
            if (error)
                return error;
        }
        compose(decoder, y, decoder->band + band->plane[0].stride * band->plane[0].rows++);
        decoder->next++;
    }
    return TC_E_OK;
}

static tc_error webp_decode_rows(tc_decoder *decoder, tc_band *band)
{
    if (decoder->composed)
        return composed_rows(decoder, band);
    while (decoder->ready <= decoder->next) {
        tc_error error = decode_more(decoder);
        if (error)
            return error;
    }
    band->plane[0].data = decoder->pixels + decoder->stride * decoder->next;
    band->plane[0].stride = decoder->stride;
    band->plane[0].rows = decoder->ready - decoder->next;
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
    .library = webp_library,
    .decode_open = webp_decode_open,
    .decode_start = webp_decode_start,
    .decode_rows = webp_decode_rows,
    .decode_free = webp_decode_free,
    .encode_held = 12,
    .encode_open = tc_webp_encode_open,
    .encode_rows = tc_webp_encode_rows,
    .encode_finish = tc_webp_encode_finish,
    .encode_free = tc_webp_encode_free,
};
