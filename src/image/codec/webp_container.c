/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebP's container (RFC 9649): RIFF chunks, walked one by one, so that of an
 * animation nothing but its first frame is read, and nothing of what a file may
 * hold as well.
 */
#include "base/buffer.h"
#include "webp.h"
#include "webp_lossless.h"
#include "image/exif/orientation.h"

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

typedef struct container_reader {
    tc_webp_file *file;
    const tc_input *input;
    tc_fail *fail;
    uint64_t end;  /* of the container, or of the file if that is shorter */
    bool extended; /* there is a header with the canvas's size */
} container_reader;

typedef struct riff_chunk {
    char name[5];
    uint32_t length; /* of the payload, which is followed by a byte when it is odd */
    uint64_t at;     /* of the payload */
} riff_chunk;

static uint32_t get24(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
}

tc_error tc_webp_read_bytes(const tc_input *input, uint64_t at, void *to, size_t length,
                            tc_fail *fail)
{
    size_t got = 0;
    tc_error error = input->read(input->context, at, to, length, &got);

    if (error && fail->error == TC_E_OK)
        tc_fail_set(fail, error, "reading failed");
    if (error || got == length)
        return error;
    return tc_fail_set(fail, TC_E_DAMAGED, "WebP: the file ends before the picture does");
}

static tc_error no_memory(const container_reader *reader)
{
    return tc_fail_set(reader->fail, TC_E_NO_MEMORY, "WebP: out of memory");
}

static tc_error damaged(const container_reader *reader, const char *why)
{
    return tc_fail_set(reader->fail, TC_E_DAMAGED, "WebP: %s", why);
}

static tc_error read_bytes(const container_reader *reader, uint64_t at, void *to, size_t length)
{
    return tc_webp_read_bytes(reader->input, at, to, length, reader->fail);
}

/* The chunk at `at`, which is to lie within `end` with all its payload. */
static tc_error read_chunk(container_reader *reader, uint64_t at, uint64_t end,
                           riff_chunk *chunk)
{
    uint8_t head[TC_WEBP_CHUNK];
    tc_error error;

    if (at + sizeof head > end)
        return damaged(reader, "the file ends before the picture does");
    error = read_bytes(reader, at, head, sizeof head);
    if (error)
        return error;
    memcpy(chunk->name, head, 4);
    chunk->name[4] = '\0';
    chunk->length = get24(head + 4) | (uint32_t)head[7] << 24;
    chunk->at = at + sizeof head;
    if (chunk->length > end - chunk->at)
        return damaged(reader, "the file ends before the picture does");
    return TC_E_OK;
}

static uint64_t behind(const riff_chunk *chunk)
{
    return chunk->at + chunk->length + (chunk->length & 1);
}

static tc_error read_profile(container_reader *reader, const riff_chunk *chunk)
{
    if (reader->file->icc || chunk->length < 128 || chunk->length > TC_ICC_MAX)
        return TC_E_OK;
    reader->file->icc = tc_buffer_alloc(chunk->length);
    if (!reader->file->icc)
        return no_memory(reader);
    reader->file->icc_length = chunk->length;
    return read_bytes(reader, chunk->at, reader->file->icc, chunk->length);
}

static tc_error read_exif(container_reader *reader, const riff_chunk *chunk)
{
    size_t length = chunk->length < EXIF_MAX ? chunk->length : EXIF_MAX;
    uint8_t *exif;
    /* Some writers keep JPEG's name of the block in front. */
    size_t skip;
    tc_error error;

    if (reader->file->exif)
        return TC_E_OK;
    exif = tc_buffer_alloc(length ? length : 1);
    if (!exif)
        return no_memory(reader);
    error = read_bytes(reader, chunk->at, exif, length);
    if (error) {
        tc_buffer_free(exif);
        return error;
    }
    skip = length > 6 && memcmp(exif, "Exif\0", 6) == 0 ? 6 : 0;
    reader->file->orientation = tc_orientation_read(exif + skip, length - skip);
    reader->file->exif = exif;
    reader->file->exif_skip = skip;
    reader->file->exif_length = length - skip;
    return TC_E_OK;
}

static tc_error read_extended(container_reader *reader, const riff_chunk *chunk)
{
    uint8_t body[TC_WEBP_VP8X];
    tc_error error;

    if (chunk->length < sizeof body)
        return damaged(reader, "the extended header is too short");
    error = read_bytes(reader, chunk->at, body, sizeof body);
    if (error)
        return error;
    reader->extended = true;
    reader->file->width = get24(body + 4) + 1;
    reader->file->height = get24(body + 7) + 1;
    return TC_E_OK;
}

/* ALPH, VP8 or VP8L: the picture is one of the latter two, with the former in front. */
static void note_picture(container_reader *reader, const riff_chunk *chunk)
{
    uint64_t start = chunk->at - TC_WEBP_CHUNK;

    if (reader->file->picture)
        return;
    if (strcmp(chunk->name, "ALPH") == 0) {
        reader->file->alpha = true;
        reader->file->from = start;
        reader->file->alpha_from = chunk->at;
        reader->file->alpha_length = chunk->length;
        return;
    }
    reader->file->lossless = chunk->name[3] == 'L';
    reader->file->picture = start;
    if (!reader->file->alpha || reader->file->lossless)
        reader->file->from = start;
    reader->file->length = (size_t)(chunk->at + chunk->length - reader->file->from);
}

static bool is_picture(const riff_chunk *chunk)
{
    return strcmp(chunk->name, "ALPH") == 0 || strcmp(chunk->name, "VP8 ") == 0 ||
           strcmp(chunk->name, "VP8L") == 0;
}

/* The first frame of an animation: a place on the canvas, then chunks of its own. */
static tc_error read_frame(container_reader *reader, const riff_chunk *frame)
{
    uint8_t head[ANMF_HEAD];
    uint64_t at = frame->at + ANMF_HEAD, end = frame->at + frame->length;
    tc_error error;

    if (reader->file->picture)
        return TC_E_OK;
    if (frame->length < ANMF_HEAD || !reader->extended)
        return damaged(reader, "a frame of the animation has no header");
    error = read_bytes(reader, frame->at, head, sizeof head);
    reader->file->frame = (tc_rect){2 * get24(head), 2 * get24(head + 3), get24(head + 6) + 1,
                                    get24(head + 9) + 1};
    for (int count = 0; !error && !reader->file->picture && count < CHUNKS_MAX; count++) {
        riff_chunk chunk;

        error = read_chunk(reader, at, end, &chunk);
        if (error)
            break;
        if (is_picture(&chunk))
            note_picture(reader, &chunk);
        at = behind(&chunk);
    }
    return error;
}

/* Everything in the container that matters; what stands behind the picture may be missing. */
static tc_error walk(container_reader *reader)
{
    uint64_t at = TC_WEBP_HEAD;
    tc_error error = TC_E_OK;

    for (int count = 0; !error && count < CHUNKS_MAX; count++) {
        riff_chunk chunk;

        if (reader->file->picture && (!reader->extended || at + TC_WEBP_CHUNK > reader->end))
            break;
        error = read_chunk(reader, at, reader->end, &chunk);
        if (error && reader->file->picture && error == TC_E_DAMAGED) {
            reader->fail->error = TC_E_OK;
            return TC_E_OK;
        }
        if (error)
            break;
        if (strcmp(chunk.name, "VP8X") == 0 && at == TC_WEBP_HEAD)
            error = read_extended(reader, &chunk);
        else if (strcmp(chunk.name, "ICCP") == 0)
            error = read_profile(reader, &chunk);
        else if (strcmp(chunk.name, "EXIF") == 0)
            error = read_exif(reader, &chunk);
        else if (strcmp(chunk.name, "ANMF") == 0)
            error = read_frame(reader, &chunk);
        else if (is_picture(&chunk))
            note_picture(reader, &chunk);
        at = behind(&chunk);
    }
    return error;
}

/* The size that the picture itself has must be the one that the container gives it. */
static tc_error check_picture(container_reader *reader)
{
    uint8_t head[PICTURE_HEAD] = {0};
    WebPBitstreamFeatures features;
    const tc_rect *frame = &reader->file->frame;
    size_t left = reader->file->length - (size_t)(reader->file->picture - reader->file->from);
    size_t length = left < sizeof head ? left : sizeof head;
    tc_error error = read_bytes(reader, reader->file->picture, head, length);
    VP8StatusCode status;

    if (error)
        return error;
    status = WebPGetFeatures(head, length, &features);
    if (status == VP8_STATUS_UNSUPPORTED_FEATURE)
        return tc_fail_set(reader->fail, TC_E_UNSUPPORTED, "WebP: an unknown kind of picture");
    if (status != VP8_STATUS_OK || features.width < 1 || features.height < 1)
        return damaged(reader, "the picture's header is not valid");
    if (!frame->w) {
        reader->file->frame =
            (tc_rect){0, 0, (uint32_t)features.width, (uint32_t)features.height};
        if (!reader->extended) {
            reader->file->width = frame->w;
            reader->file->height = frame->h;
        }
        if (frame->w != reader->file->width || frame->h != reader->file->height)
            return damaged(reader, "the picture's size differs from its header's");
    }
    if (frame->w != (uint32_t)features.width || frame->h != (uint32_t)features.height)
        return damaged(reader, "a frame's size differs from its header's");
    if ((uint64_t)frame->x + frame->w > reader->file->width ||
        (uint64_t)frame->y + frame->h > reader->file->height)
        return damaged(reader, "a frame reaches outside the picture");
    reader->file->composed =
        frame->w != reader->file->width || frame->h != reader->file->height;
    if (reader->file->lossless)
        reader->file->alpha = features.has_alpha;
    return TC_E_OK;
}

/* Bytes that libwebp holds for each column of a picture: some rows of it, and of lossy ones
 * the coefficients of a row of blocks. */
#define COLUMN_LOSSLESS 68
#define COLUMN_LOSSY    128

/* An ALPH chunk's first byte: how its data are stored, in the lowest bits. */
#define ALPHA_METHOD   3
#define ALPHA_LOSSLESS 1

/* What libwebp needs for the streams of a lossless picture or of a lossy one's alpha. */
static tc_error check_streams(container_reader *reader)
{
    tc_webp_file *file = reader->file;
    tc_webp_lossless stream = {0, 0};
    uint32_t w = file->frame.w, h = file->frame.h;
    uint64_t skipped = file->picture - file->from + TC_WEBP_CHUNK;
    uint8_t method = 0;
    tc_error error = TC_E_OK;

    if (file->lossless) {
        error = tc_webp_lossless_read(&stream, reader->input, file->from + skipped,
                                      file->length - (size_t)skipped, true, w, h, reader->fail);
        file->head = (size_t)skipped + stream.head;
    } else if (file->alpha) {
        error = read_bytes(reader, file->alpha_from, &method, file->alpha_length ? 1 : 0);
        if (!error && (method & ALPHA_METHOD) == ALPHA_LOSSLESS)
            error = tc_webp_lossless_read(&stream, reader->input, file->alpha_from + 1,
                                          file->alpha_length - 1, false, w, h, reader->fail);
    }
    file->held = stream.bytes + (uint64_t)w * (file->lossless ? COLUMN_LOSSLESS : COLUMN_LOSSY);
    return error;
}

tc_error tc_webp_read(tc_webp_file *file, const tc_input *input, tc_fail *fail)
{
    container_reader reader = {.file = file, .input = input, .fail = fail};
    uint8_t head[TC_WEBP_HEAD];
    tc_error error = read_bytes(&reader, 0, head, sizeof head);

    if (error)
        return error;
    file->orientation = 1;
    reader.end = (get24(head + 4) | (uint64_t)head[7] << 24) + TC_WEBP_CHUNK;
    if (reader.end > input->size)
        reader.end = input->size;
    error = walk(&reader);
    if (!error && !file->picture)
        error = damaged(&reader, "the file holds no picture");
    if (!error)
        error = check_picture(&reader);
    return error ? error : check_streams(&reader);
}
