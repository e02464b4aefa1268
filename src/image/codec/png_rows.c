/* SPDX-License-Identifier: Apache-2.0 */
#include "png_rows.h"

#include "base/buffer.h"
#include "png_filter.h"

#include <stdlib.h>
#include <string.h>

/* Rows inflated at once: enough that the end of the output is rarely near, a multiple of those
 * whose filters are undone together, and still in a processor's second cache. The widest rows
 * come one by one. */
#define STRIP_ROWS       (2 * TC_PNG_ABREAST)
#define STRIP_BYTES      98304
#define STRIP_BYTES_MOST 524288

#define CHUNK_MAX 0x7fffffff /* of the specification */

/* ISA-L moves up to 32 KiB of its memory for each piece of the stream: after this many small
 * ones in a row zlib goes on. */
#define SMALL_PIECE  1024
#define SMALL_PIECES 1000

/* What the filters may read past a row. */
#define SLACK 3

struct tc_png_rows {
    const tc_input *input;
    tc_fail *fail;
    const tc_png_filters *filters;
    unsigned step;
    uint32_t row_bytes, rows_done, rows_left, strip_rows;
    uint64_t first; /* the first chunk of pixels */
    const tc_cancel *cancel;
    uint64_t offset;         /* of what follows the buffer */
    const uint8_t *at, *end; /* what is buffered of the file */
    bool in_chunk;
    uint32_t chunk_left; /* bytes of the chunk's data still to come */
    uint32_t crc;        /* of the chunk so far */
    const tc_png_inflater *inflater;
    void *inflate;
    tc_png_stream stream;
    bool stream_ended;
    unsigned small; /* pieces that the inflater was given, one after the other */
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
    rows->crc = rows->inflater->crc32(0, bytes, 4);
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
    rows->crc = rows->inflater->crc32(rows->crc, rows->at, *length);
    rows->chunk_left -= *length;
    return TC_E_OK;
}

/* Give the inflater more of the stream. */
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
    rows->small = length < SMALL_PIECE ? rows->small + 1 : 0;
    if (rows->small > SMALL_PIECES && rows->inflater != &tc_png_inflater_zlib)
        return damaged(rows, "too many small chunks for this inflater");
    rows->stream.in = rows->at;
    rows->stream.in_left = length;
    rows->at += length;
    return TC_E_OK;
}

/* Inflate exactly `length` bytes. */
static tc_error inflate_bytes(tc_png_rows *rows, uint8_t *to, uint32_t length)
{
    tc_error error = TC_E_OK;

    rows->stream.out = to;
    rows->stream.out_left = length;
    while (!error && rows->stream.out_left > 0) {
        tc_inflated status = rows->inflater->run(rows->inflate, &rows->stream);

        rows->stream_ended = status == TC_INFLATED_ENDED;
        if (status == TC_INFLATED_HUNGRY)
            error = feed(rows);
        else if (status == TC_INFLATED_NO_MEMORY)
            error = tc_fail_set(rows->fail, TC_E_NO_MEMORY, "PNG: out of memory");
        else if (status == TC_INFLATED_DAMAGED)
            error = damaged(rows, rows->stream.why);
        else if (rows->stream.out_left > 0)
            error = damaged(rows, "not enough pixel data");
    }
    return error;
}

/*
 * All rows are there: to the stream's end, and to the end of the chunk that holds it.
 * What else the stream has, or should have had, is of no interest.
 */
static tc_error finish(tc_png_rows *rows)
{
    uint8_t surplus[64];
    bool going = !rows->stream_ended;
    tc_error error = TC_E_OK;

    rows->stream.out = surplus;
    rows->stream.out_left = sizeof surplus;
    while (!error && going && rows->stream.out_left > 0) {
        tc_inflated status = rows->inflater->run(rows->inflate, &rows->stream);

        going = status == TC_INFLATED_FULL || status == TC_INFLATED_HUNGRY;
        if (status == TC_INFLATED_HUNGRY)
            error = feed(rows);
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
    rows->inflater->close(rows->inflate);
    tc_buffer_free(rows->above);
    tc_buffer_free(rows->strip);
    tc_buffer_free(rows);
}

static uint32_t rows_at_once(size_t stride)
{
    if (stride * STRIP_ROWS <= STRIP_BYTES)
        return STRIP_ROWS;
    return stride * TC_PNG_ABREAST <= STRIP_BYTES_MOST ? TC_PNG_ABREAST : 1;
}

tc_error tc_png_rows_open(tc_png_rows **rows, const tc_input *input,
                          const tc_png_rows_want *want, tc_fail *fail)
{
    tc_png_rows *made = tc_buffer_zeroed(sizeof *made);
    size_t stride = (size_t)want->width * want->step + 1;

    *rows = made;
    if (!made)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "PNG: out of memory");
    made->input = input;
    made->fail = fail;
    made->cancel = want->cancel;
    made->inflater = want->inflater;
    made->inflate = want->inflater->open();
    made->filters = tc_png_filters_best(want->step);
    made->step = want->step;
    made->row_bytes = want->width * want->step;
    made->rows_left = want->height;
    made->strip_rows = rows_at_once(stride);
    made->first = made->offset = want->offset;
    made->at = made->end = made->io;
    made->above = tc_buffer_zeroed(stride + SLACK);
    made->strip = tc_buffer_alloc(stride * made->strip_rows + SLACK);
    if (!made->inflate || !made->above || !made->strip)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "PNG: out of memory");
    memset(made->strip + stride * made->strip_rows, 0, SLACK);
    return TC_E_OK;
}

/* Undo the filters of the strip's first `count` rows. */
static tc_error undo_filters(tc_png_rows *rows, uint32_t count)
{
    size_t stride = (size_t)rows->row_bytes + 1;

    for (uint32_t y = 0; y < count; y++) {
        if (rows->strip[stride * y] >= TC_PNG_FILTERS)
            return damaged(rows, "a row has an unknown filter");
    }
    rows->filters->undo(rows->strip + 1, rows->above, stride, count, rows->row_bytes,
                        rows->step);
    memcpy(rows->above, rows->strip + stride * (count - 1) + 1, rows->row_bytes);
    return TC_E_OK;
}

/* The next `count` rows; after the last one, the rest of what belongs to them. */
static tc_error read_rows(tc_png_rows *rows, uint32_t count)
{
    size_t stride = (size_t)rows->row_bytes + 1;
    tc_error error = inflate_bytes(rows, rows->strip, (uint32_t)(stride * count));

    if (!error && count == rows->rows_left)
        error = finish(rows);
    return error ? error : undo_filters(rows, count);
}

/*
 * From the first chunk on again by zlib, up to the rows that are not delivered yet. So what is
 * damaged, and what is said of it, is the same in every build.
 */
static tc_error begin_again(tc_png_rows *rows)
{
    size_t stride = (size_t)rows->row_bytes + 1;
    tc_error error = TC_E_OK;

    rows->inflater->close(rows->inflate);
    rows->inflater = &tc_png_inflater_zlib;
    rows->inflate = rows->inflater->open();
    if (!rows->inflate)
        return tc_fail_set(rows->fail, TC_E_NO_MEMORY, "PNG: out of memory");
    rows->fail->error = TC_E_OK;
    rows->offset = rows->first;
    rows->at = rows->end = rows->io;
    rows->in_chunk = false;
    rows->stream.in_left = 0;
    for (uint32_t done = 0; !error && done < rows->rows_done;) {
        uint32_t count = rows->rows_done - done;

        if (count > rows->strip_rows)
            count = rows->strip_rows;
        error = inflate_bytes(rows, rows->strip, (uint32_t)(stride * count));
        if (!error)
            error = tc_cancel_check(rows->cancel, rows->fail);
        done += count;
    }
    return error;
}

tc_error tc_png_rows_next(tc_png_rows *rows, tc_strip *strip)
{
    uint32_t count = rows->rows_left < rows->strip_rows ? rows->rows_left : rows->strip_rows;
    tc_error error = read_rows(rows, count);

    if (error == TC_E_DAMAGED && rows->inflater != &tc_png_inflater_zlib) {
        error = begin_again(rows);
        if (!error)
            error = read_rows(rows, count);
    }
    if (error)
        return error;
    rows->rows_done += count;
    rows->rows_left -= count;
    strip->plane[0].data = rows->strip + 1;
    strip->plane[0].stride = (size_t)rows->row_bytes + 1;
    strip->plane[0].rows = count;
    return TC_E_OK;
}
