/* SPDX-License-Identifier: Apache-2.0 */
#include "png_inflate.h"

#include "base/buffer.h"

#include <zlib.h>

static void zlib_close(void *state)
{
    if (state)
        inflateEnd(state);
    tc_buffer_free(state);
}

static void *zlib_open(void)
{
    z_stream *zlib = tc_buffer_zeroed(sizeof *zlib);

    if (!zlib || inflateInit(zlib) != Z_OK) {
        tc_buffer_free(zlib);
        return NULL;
    }
    inflateValidate(zlib, 0);
    return zlib;
}

static tc_inflated zlib_run(void *state, tc_png_stream *stream)
{
    z_stream *zlib = state;
    int status;

    /* Without input as well: zlib may hold the rest of a match, and bits of more codes. */
    zlib->next_in = (Bytef *)(uintptr_t)stream->in;
    zlib->avail_in = stream->in_left;
    zlib->next_out = stream->out;
    zlib->avail_out = stream->out_left;
    status = inflate(zlib, Z_NO_FLUSH);
    stream->in = zlib->next_in;
    stream->in_left = zlib->avail_in;
    stream->out = zlib->next_out;
    stream->out_left = zlib->avail_out;
    if (status == Z_STREAM_END)
        return TC_INFLATED_ENDED;
    if (status == Z_MEM_ERROR)
        return TC_INFLATED_NO_MEMORY;
    if (status != Z_OK && status != Z_BUF_ERROR) {
        stream->why = zlib->msg ? zlib->msg : "the pixel data cannot be inflated";
        return TC_INFLATED_DAMAGED;
    }
    return stream->out_left == 0 ? TC_INFLATED_FULL : TC_INFLATED_HUNGRY;
}

static uint32_t zlib_crc32(uint32_t crc, const uint8_t *bytes, size_t length)
{
    return (uint32_t)crc32(crc, bytes, (uInt)length);
}

const tc_png_inflater tc_png_inflater_zlib = {"zlib", zlib_open, zlib_run, zlib_close,
                                              zlib_crc32};

#ifndef TC_WITH_ISAL

const tc_png_inflater *tc_png_inflater_isal(void)
{
    return NULL;
}

#endif

const tc_png_inflater *tc_png_inflater_best(void)
{
    const tc_png_inflater *isal = tc_png_inflater_isal();

    return isal ? isal : &tc_png_inflater_zlib;
}
