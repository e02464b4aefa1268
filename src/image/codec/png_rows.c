/* SPDX-License-Identifier: Apache-2.0 */
#include "png_rows.h"

#include "base/buffer.h"
#include "png_filter.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

/* Rows inflated at once: enough that zlib is rarely near the end of its output. */
#define STRIP_ROWS  16
#define STRIP_BYTES 65536

#define CHUNK_MAX 0x7fffffff /* of the specification */

/* What the filters may read past a row. */
#define SLACK 3

struct tc_png_rows {
    const tc_input *input;
    tc_fail *fail;
    const tc_png_filters *filters;
    unsigned step;
    uint32_t row_bytes, rows_left, strip_rows;
    uint64_t offset;         /* of what follows the buffer */
    const uint8_t *at, *end; /* what is buffered of the file */
    bool in_chunk;
    uint32_t chunk_left; /* bytes of the chunk's data still to come */
    uint32_t crc;        /* of the chunk so far */
    z_stream zlib;
    bool zlib_is_open, stream_ended;
    uint8_t *above; /* the strip before's last row, undone; zeros before the first */
    uint8_t *strip; /* rows of a filter type and row_bytes */
    uint8_t io[TC_IO_BYTES];
};

static tc_error damaged(tc_png_rows *rows, const char *why)
{
    return tc_fail_set(rows->fail, TC_E_DAMAGED, "PNG: %s", why);
}

static tc_error refill(tc_png_rows *rows)
{
    size_t got = 0;
    tc_error error =
        rows->input->read(rows->input->context, rows->offset, rows->io, sizeof rows->io, &got);

    if (error) {
        if (rows->fail->error == TC_E_OK)
            tc_fail_set(rows->fail, error, "reading failed");
        return error;
    }
    if (got == 0)
        return damaged(rows, "the file ends before the picture does");
    rows->offset += got;
    rows->at = rows->io;
    rows->end = rows->io + got;
    return TC_E_OK;
}

/* Four bytes, which may lie over the end of what is buffered. */
static tc_error read_word(tc_png_rows *rows, uint32_t *word, uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++) {
        if (rows->at == rows->end) {
            tc_error error = refill(rows);
            if (error)
                return error;
        }
        bytes[i] = *rows->at++;
    }
    *word = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
            bytes[3];
    return TC_E_OK;
}

/* The checksum at a chunk's end. */
static tc_error end_chunk(tc_png_rows *rows)
{
    uint8_t bytes[4];
    uint32_t crc;
    tc_error error = read_word(rows, &crc, bytes);

    rows->in_chunk = false;
    if (!error && crc != rows->crc)
        error = damaged(rows, "IDAT: CRC error");
    return error;
}

/* The next chunk's length and name; it must be pixels. */
static tc_error begin_chunk(tc_png_rows *rows)
{
    uint8_t bytes[4];
    uint32_t name;
    tc_error error = read_word(rows, &rows->chunk_left, bytes);

    if (!error)
        error = read_word(rows, &name, bytes);
    if (error)
        return error;
    if (memcmp(bytes, "IDAT", 4) != 0)
        return damaged(rows, "not enough pixel data");
    if (rows->chunk_left > CHUNK_MAX)
        return damaged(rows, "a chunk is too long");
    rows->crc = (uint32_t)crc32(0, bytes, 4);
    rows->in_chunk = true;
    return TC_E_OK;
}

/* Some bytes of the chunk, past its start and before its end: *length of them at rows->at. */
static tc_error chunk_data(tc_png_rows *rows, uint32_t *length)
{
    tc_error error = rows->at == rows->end ? refill(rows) : TC_E_OK;

    if (error)
        return error;
    *length = (uint32_t)(rows->end - rows->at);
    if (*length > rows->chunk_left)
        *length = rows->chunk_left;
    rows->crc = (uint32_t)crc32(rows->crc, rows->at, *length);
    rows->chunk_left -= *length;
    return TC_E_OK;
}

/* Give zlib more of the stream. */
static tc_error feed(tc_png_rows *rows)
{
    uint32_t length = 0;
    tc_error error = TC_E_OK;

    while (!error && (!rows->in_chunk || rows->chunk_left == 0))
        error = rows->in_chunk ? end_chunk(rows) : begin_chunk(rows);
    if (!error)
        error = chunk_data(rows, &length);
    if (error)
        return error;
    rows->zlib.next_in = (Bytef *)(uintptr_t)rows->at;
    rows->zlib.avail_in = length;
    rows->at += length;
    return TC_E_OK;
}

/* Inflate exactly `length` bytes. */
static tc_error inflate_bytes(tc_png_rows *rows, uint8_t *to, uint32_t length)
{
    z_stream *zlib = &rows->zlib;

    zlib->next_out = to;
    zlib->avail_out = length;
    while (zlib->avail_out > 0) {
        int status;

        if (zlib->avail_in == 0) {
            tc_error error = feed(rows);
            if (error)
                return error;
        }
        status = inflate(zlib, Z_NO_FLUSH);
        if (status == Z_MEM_ERROR)
            return tc_fail_set(rows->fail, TC_E_NO_MEMORY, "PNG: out of memory");
        rows->stream_ended = status == Z_STREAM_END;
        if (rows->stream_ended && zlib->avail_out > 0)
            return damaged(rows, "not enough pixel data");
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            return damaged(rows, zlib->msg ? zlib->msg : "the pixel data cannot be inflated");
    }
    return TC_E_OK;
}

/*
 * All rows are there: to the stream's end, and to the end of the chunk that holds it.
 * What else the stream has, or should have had, is of no interest.
 */
static tc_error finish(tc_png_rows *rows)
{
    uint8_t surplus[64];
    int status = rows->stream_ended ? Z_STREAM_END : Z_OK;
    tc_error error = TC_E_OK;

    rows->zlib.next_out = surplus;
    rows->zlib.avail_out = sizeof surplus;
    while (!error && status == Z_OK && rows->zlib.avail_out > 0) {
        if (rows->zlib.avail_in == 0)
            error = feed(rows);
        if (!error)
            status = inflate(&rows->zlib, Z_NO_FLUSH);
    }
    while (!error && rows->in_chunk && rows->chunk_left > 0) {
        uint32_t length = 0;

        error = chunk_data(rows, &length);
        if (!error)
            rows->at += length;
    }
    return error ? error : rows->in_chunk ? end_chunk(rows) : TC_E_OK;
}

void tc_png_rows_free(tc_png_rows *rows)
{
    if (!rows)
        return;
    if (rows->zlib_is_open)
        inflateEnd(&rows->zlib);
    tc_buffer_free(rows->above);
    tc_buffer_free(rows->strip);
    tc_buffer_free(rows);
}

static tc_error open_zlib(tc_png_rows *rows)
{
    if (inflateInit(&rows->zlib) != Z_OK)
        return tc_fail_set(rows->fail, TC_E_NO_MEMORY, "PNG: out of memory");
    rows->zlib_is_open = true;
    inflateValidate(&rows->zlib, 0);
    return TC_E_OK;
}

tc_error tc_png_rows_open(tc_png_rows **rows, const tc_input *input, uint64_t offset,
                          uint32_t width, uint32_t height, unsigned step, tc_fail *fail)
{
    tc_png_rows *made = tc_buffer_zeroed(sizeof *made);
    size_t stride = (size_t)width * step + 1;

    *rows = made;
    if (!made)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "PNG: out of memory");
    made->input = input;
    made->fail = fail;
    made->filters = tc_png_filters_best(step);
    made->step = step;
    made->row_bytes = width * step;
    made->rows_left = height;
    made->strip_rows = STRIP_BYTES / stride < 1 ? 1 : (uint32_t)(STRIP_BYTES / stride);
    if (made->strip_rows > STRIP_ROWS)
        made->strip_rows = STRIP_ROWS;
    made->offset = offset;
    made->at = made->end = made->io;
    made->above = tc_buffer_zeroed(stride + SLACK);
    made->strip = tc_buffer_alloc(stride * made->strip_rows + SLACK);
    if (!made->above || !made->strip)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "PNG: out of memory");
    memset(made->strip + stride * made->strip_rows, 0, SLACK);
    return open_zlib(made);
}

/* Undo the filters of the strip's first `count` rows. */
static tc_error undo_filters(tc_png_rows *rows, uint32_t count)
{
    size_t stride = (size_t)rows->row_bytes + 1;
    const uint8_t *above = rows->above;

    for (uint32_t y = 0; y < count; y++) {
        uint8_t *row = rows->strip + stride * y + 1, *second = row + stride;

        if (row[-1] >= TC_PNG_FILTERS)
            return damaged(rows, "a row has an unknown filter");
        if (row[-1] == TC_PNG_PAETH && y + 1 < count && second[-1] == TC_PNG_PAETH) {
            rows->filters->paeth_two(row, above, second, rows->row_bytes, rows->step);
            row = second;
            y++;
        } else {
            rows->filters->undo[row[-1]](row, above, rows->row_bytes, rows->step);
        }
        above = row;
    }
    memcpy(rows->above, above, rows->row_bytes);
    return TC_E_OK;
}

tc_error tc_png_rows_next(tc_png_rows *rows, tc_strip *strip)
{
    uint32_t count = rows->rows_left < rows->strip_rows ? rows->rows_left : rows->strip_rows;
    size_t stride = (size_t)rows->row_bytes + 1;
    tc_error error = inflate_bytes(rows, rows->strip, (uint32_t)(stride * count));

    rows->rows_left -= count;
    if (!error && rows->rows_left == 0)
        error = finish(rows);
    if (!error)
        error = undo_filters(rows, count);
    if (error)
        return error;
    strip->plane[0].data = rows->strip + 1;
    strip->plane[0].stride = stride;
    strip->plane[0].rows = count;
    return TC_E_OK;
}
