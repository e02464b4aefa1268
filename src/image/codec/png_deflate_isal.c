/* SPDX-License-Identifier: Apache-2.0 */
#include "png_deflate.h"

#include "base/buffer.h"

#include <stdio.h>
#include <string.h>

#include <isa-l.h>

/* Levels 2 and 3 make as many bytes, and those of level 3 depend on the processor. */
#define LEVEL 1

/* Runs only, as zlib's Z_RLE: of a photograph's filtered bytes what else repeats is noise. */
#define WINDOW_BITS 2
#define WINDOW      (1 << WINDOW_BITS)

/*
 * Literals and matches that share their Huffman codes: zlib has 16384 at its default. With as
 * many photographs of 300x300 come to up to 100.3 percent of zlib's bytes, with half of them
 * to 97.4 to 99.9.
 */
#define TOKENS      8192
#define LEVEL_BYTES (ISAL_DEF_LVL1_REQ + ISAL_DEF_LVL1_TOKEN_SIZE * TOKENS)

/* Filtered bytes that are deflated at once, and up to a row more. */
#define BATCH 16384

#define FILTER_AVERAGE 3

/* Of RFC 1950: a window of 32 KiB, the fastest level. */
static const uint8_t zlib_header[2] = {0x78, 0x01};

struct tc_png_deflate {
    struct isal_zstream stream;
    uint32_t row_bytes, rows_left;
    unsigned step;
    size_t held; /* filtered bytes that ISA-L was not given yet */
    bool begun;  /* ISA-L was given some */
    bool busy;   /* ISA-L has not taken all that it was given */
    bool taken;  /* what the output has */
    uint8_t *above;
    uint8_t *batch;
    _Alignas(16) uint8_t level[LEVEL_BYTES];
    uint8_t out[TC_IO_BYTES];
};

static uint32_t bytes_of_row(const tc_encode_spec *spec)
{
    return spec->width * tc_model_channels(spec->model);
}

bool tc_png_deflate_takes(const tc_encode_spec *spec)
{
    return !spec->flat;
}

uint64_t tc_png_deflate_bytes(const tc_encode_spec *spec)
{
    return sizeof(tc_png_deflate) + BATCH + 2 * ((uint64_t)bytes_of_row(spec) + 1);
}

void tc_png_deflate_free(tc_png_deflate *deflate)
{
    if (!deflate)
        return;
    tc_buffer_free(deflate->above);
    tc_buffer_free(deflate->batch);
    tc_buffer_free(deflate);
}

static void start(tc_png_deflate *deflate)
{
    struct isal_zstream *stream = &deflate->stream;

    isal_deflate_init(stream);
    stream->level = LEVEL;
    stream->level_buf = deflate->level;
    stream->level_buf_size = sizeof deflate->level;
    stream->hist_bits = WINDOW_BITS;
    stream->gzip_flag = IGZIP_ZLIB_NO_HDR; /* but the checksum at the end */
    memcpy(deflate->out, zlib_header, sizeof zlib_header);
    stream->next_out = deflate->out + sizeof zlib_header;
    stream->avail_out = (uint32_t)(sizeof deflate->out - sizeof zlib_header);
}

tc_png_deflate *tc_png_deflate_open(const tc_encode_spec *spec)
{
    tc_png_deflate *made = tc_buffer_alloc(sizeof *made);

    if (!made)
        return NULL;
    made->row_bytes = bytes_of_row(spec);
    made->rows_left = spec->height;
    made->step = tc_model_channels(spec->model);
    made->held = 0;
    made->begun = made->busy = made->taken = false;
    made->above = tc_buffer_zeroed(made->row_bytes);
    made->batch = tc_buffer_alloc(BATCH + (size_t)made->row_bytes + 1);
    if (!made->above || !made->batch) {
        tc_png_deflate_free(made);
        return NULL;
    }
    start(made);
    return made;
}

/* PNG's filter by the average of the byte to the left and the one above. */
static void filter_average(uint8_t *restrict to, const uint8_t *restrict row,
                           const uint8_t *restrict above, uint32_t length, unsigned step)
{
    for (uint32_t i = 0; i < step; i++)
        to[i] = (uint8_t)(row[i] - above[i] / 2);
    for (uint32_t i = step; i < length; i++)
        to[i] = (uint8_t)(row[i] - (row[i - step] + above[i]) / 2);
}

void tc_png_deflate_put(tc_png_deflate *deflate, const uint8_t *row)
{
    uint8_t *to = deflate->batch + deflate->held;

    *to = FILTER_AVERAGE;
    filter_average(to + 1, row, deflate->above, deflate->row_bytes, deflate->step);
    memcpy(deflate->above, row, deflate->row_bytes);
    deflate->held += (size_t)deflate->row_bytes + 1;
    deflate->rows_left--;
}

/*
 * Bytes that stand before the first, and which nothing that follows can repeat: a match goes
 * back by no more than WINDOW, and those from the first WINDOW bytes on would have to begin
 * with one that is none of them. Without a history ISA-L 2.30 hashes its stream's address in
 * place of the second byte, and the same picture has other bytes in another place in memory.
 */
static void set_history(tc_png_deflate *deflate)
{
    uint8_t history[2 * WINDOW], other = 0;
    size_t first = deflate->held < WINDOW ? deflate->held : WINDOW;

    while (memchr(deflate->batch, other, first))
        other++;
    memset(history, other, sizeof history);
    isal_deflate_set_dict(&deflate->stream, history, sizeof history);
    deflate->begun = true;
}

/* Give ISA-L the batch, once it is full or the last. */
static bool begin_batch(tc_png_deflate *deflate)
{
    struct isal_zstream *stream = &deflate->stream;

    if (deflate->held == 0 || (deflate->held < BATCH && deflate->rows_left > 0))
        return false;
    if (!deflate->begun)
        set_history(deflate);
    stream->next_in = deflate->batch;
    stream->avail_in = (uint32_t)deflate->held;
    stream->end_of_stream = deflate->rows_left == 0;
    deflate->held = 0;
    return true;
}

static const uint8_t *take_output(tc_png_deflate *deflate, size_t *length)
{
    *length = sizeof deflate->out - deflate->stream.avail_out;
    deflate->taken = true;
    return *length > 0 ? deflate->out : NULL;
}

const uint8_t *tc_png_deflate_take(tc_png_deflate *deflate, size_t *length)
{
    struct isal_zstream *stream = &deflate->stream;

    if (deflate->taken) {
        stream->next_out = deflate->out;
        stream->avail_out = sizeof deflate->out;
        deflate->taken = false;
    }
    if (!deflate->busy)
        deflate->busy = begin_batch(deflate);
    if (!deflate->busy)
        return NULL;
    isal_deflate(stream);
    if (stream->avail_out == 0)
        return take_output(deflate, length);
    deflate->busy = false;
    return stream->end_of_stream ? take_output(deflate, length) : NULL;
}

/* ---- which bytes it writes -------------------------------------------------------------- */

#define SAMPLE_W 96
#define SAMPLE_H 64

/* A row of a photograph, or near: slopes with noise. */
static void draw_sample(uint8_t *row, uint32_t y, uint32_t *noise)
{
    for (uint32_t at = 0; at < SAMPLE_W * 3; at++) {
        *noise = *noise * 1664525u + 1013904223u;
        row[at] = (uint8_t)(at * at / 300 + y * 2 + (*noise >> 24) % (1 + y / 4));
    }
}

static uint32_t sum_of_sample(void)
{
    tc_encode_spec spec = {.model = TC_RGB, .width = SAMPLE_W, .height = SAMPLE_H};
    tc_png_deflate *deflate = tc_png_deflate_open(&spec);
    uint32_t sum = 0, noise = 1;

    for (uint32_t y = 0; deflate && y < SAMPLE_H; y++) {
        uint8_t row[SAMPLE_W * 3];
        const uint8_t *piece;
        size_t length;

        draw_sample(row, y, &noise);
        tc_png_deflate_put(deflate, row);
        while ((piece = tc_png_deflate_take(deflate, &length)))
            sum = crc32_gzip_refl(sum, piece, length);
    }
    tc_png_deflate_free(deflate);
    return sum;
}

void tc_png_deflate_library(char *text, size_t size)
{
    /* The library does not tell its version; this is that of its headers. */
    snprintf(text, size, "ISA-L %d.%d.%d/%08x", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION,
             ISAL_PATCH_VERSION, sum_of_sample());
}
