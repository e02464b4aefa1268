/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PNG encoding through libpng, speed first. An output whose source had a palette is
 * held as indices, when it is small, until it is whole or has a colour too many.
 */
#include "base/buffer.h"
#include "png.h"
#include "png_deflate.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define COLOURS 256
#define SLOTS   1024 /* of a hash table, a quarter full at most */

/* The colours so far: as r, g, b, a in memory, numbered as they came. */
typedef struct palette_builder {
    unsigned count;
    uint32_t colour[COLOURS];
    uint16_t slot[SLOTS]; /* 0, or a colour's number and one */
} palette_builder;

struct tc_encoder {
    const tc_output *output;
    tc_fail *fail;
    png_structp png;
    png_infop info;
    uint32_t width, height;
    uint8_t channels;
    palette_builder *palette; /* while it may come to be one */
    uint8_t *held;            /* an index a pixel, of rows that are not written yet */
    uint32_t held_rows;
    uint8_t *row;            /* one held row as colours */
    tc_png_deflate *deflate; /* a photograph's pixels past libpng, or NULL */
};

static void on_error(png_structp png, png_const_charp message)
{
    tc_png_give_up(png, message, TC_E_INTERNAL);
}

static void on_write(png_structp png, png_bytep data, png_size_t length)
{
    tc_encoder *encoder = png_get_io_ptr(png);
    tc_error error = encoder->output->write(encoder->output->context, data, length);

    if (error) {
        if (encoder->fail->error == TC_E_OK)
            tc_fail_set(encoder->fail, error, "writing the result failed");
        png_error(png, "write");
    }
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void free_held(tc_encoder *encoder)
{
    free(encoder->palette);
    tc_buffer_free(encoder->held);
    tc_buffer_free(encoder->row);
    encoder->palette = NULL;
    encoder->held = encoder->row = NULL;
}

void tc_png_encode_free(tc_encoder *encoder)
{
    if (!encoder)
        return;
    png_destroy_write_struct(&encoder->png, &encoder->info);
    free_held(encoder);
    tc_png_deflate_free(encoder->deflate);
    free(encoder);
}

/*
 * Of twelve photographs at 300x300, each filter alone: average with run lengths takes
 * 1.8 ms and 86 KB, Paeth 2.4 ms and 82 KB; with zlib's search at level 1 it is 2.3 ms
 * and 95 KB, what it finds being noise, and the defaults take 20 ms for 83 KB. What is
 * flat needs the search: of screenshots level 1 makes 527 KB of run lengths' 770.
 * libdeflate's level 1 would save 0.7 of the 1.8 ms, for 5 percent more bytes and an
 * output held whole.
 */
static void choose_compression(png_structp png, bool flat)
{
    png_set_compression_level(png, 1);
    png_set_compression_strategy(png, flat ? Z_DEFAULT_STRATEGY : Z_RLE);
    png_set_filter(png, 0, flat ? PNG_FILTER_SUB : PNG_FILTER_AVG);
    png_set_compression_buffer_size(png, TC_IO_BYTES);
}

static bool start_writing(tc_encoder *encoder, const tc_encode_spec *spec)
{
    static const int colour_type[] = {[TC_GREY] = PNG_COLOR_TYPE_GRAY,
                                      [TC_GREY_ALPHA] = PNG_COLOR_TYPE_GRAY_ALPHA,
                                      [TC_RGB] = PNG_COLOR_TYPE_RGB,
                                      [TC_RGB_ALPHA] = PNG_COLOR_TYPE_RGB_ALPHA};
    png_structp png = encoder->png;

    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_benign_errors(png, 1); /* a profile that libpng mistrusts is left out */
    png_set_write_fn(png, encoder, on_write, on_flush);
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): no other models are stored */
    png_set_IHDR(png, encoder->info, spec->width, spec->height, 8, colour_type[spec->model],
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    choose_compression(png, spec->flat);
#ifdef PNG_eXIf_SUPPORTED
    if (spec->exif)
        png_set_eXIf_1(png, encoder->info, (png_uint_32)spec->exif_length,
                       (png_bytep)spec->exif);
#endif
    if (spec->icc)
        png_set_iCCP(png, encoder->info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, spec->icc,
                     (png_uint_32)spec->icc_length);
    if (!encoder->palette)
        png_write_info(png, encoder->info);
    return encoder->fail->error == TC_E_OK;
}

/* Room to hold an output that may have a palette; false without memory. */
static bool hold(tc_encoder *encoder, const tc_encode_spec *spec)
{
    if (!spec->palette || tc_model_is_grey(spec->model) ||
        (uint64_t)spec->width * spec->height > TC_PALETTE_PIXELS_MAX)
        return true;
    encoder->palette = calloc(1, sizeof *encoder->palette);
    encoder->held = tc_buffer_alloc((size_t)spec->width * spec->height);
    encoder->row = tc_buffer_alloc((size_t)spec->width * encoder->channels);
    return encoder->palette && encoder->held && encoder->row;
}

/* How the pixels come to be written; false without memory. */
static bool prepare(tc_encoder *encoder, const tc_encode_spec *spec)
{
    if (!hold(encoder, spec))
        return false;
    if (encoder->palette || !tc_png_deflate_takes(spec))
        return true;
    encoder->deflate = tc_png_deflate_open(spec);
    return encoder->deflate != NULL;
}

tc_error tc_png_encode_open(tc_encoder **made, const tc_output *output,
                            const tc_encode_spec *spec, tc_fail *fail)
{
    tc_encoder *encoder = calloc(1, sizeof *encoder);

    *made = encoder;
    if (!encoder)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "PNG: out of memory");
    encoder->output = output;
    encoder->fail = fail;
    encoder->width = spec->width;
    encoder->height = spec->height;
    encoder->channels = tc_model_channels(spec->model);
    encoder->png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, fail, on_error, tc_png_warned);
    encoder->info = encoder->png ? png_create_info_struct(encoder->png) : NULL;
    if (!encoder->info || !prepare(encoder, spec))
        return tc_fail_set(fail, TC_E_NO_MEMORY, "PNG: out of memory");
    return start_writing(encoder, spec) ? TC_E_OK : fail->error;
}

/* ---- a palette -------------------------------------------------------------------- */

static uint32_t load_colour(const uint8_t *from, uint8_t channels)
{
    uint8_t bytes[4] = {from[0], from[1], from[2], channels == 4 ? from[3] : 255};
    uint32_t colour;

    memcpy(&colour, bytes, sizeof colour);
    return colour;
}

/* A colour's number, a new one where it has none yet; COLOURS when there is no more room. */
static unsigned number_of(palette_builder *palette, uint32_t colour)
{
    uint32_t at = (colour * 0x9e3779b1u) >> 22;

    while (palette->slot[at]) {
        if (palette->colour[palette->slot[at] - 1] == colour)
            return palette->slot[at] - 1u;
        at = (at + 1) % SLOTS;
    }
    if (palette->count == COLOURS)
        return COLOURS;
    palette->colour[palette->count] = colour;
    palette->slot[at] = (uint16_t)++palette->count;
    return palette->count - 1;
}

/*
 * Hold one row as indices; false at a colour too many, and then it is not held. In a
 * frame of its own, for its locals change and the caller has a setjmp.
 */
static __attribute__((noinline)) bool hold_row(tc_encoder *encoder, const uint8_t *row)
{
    uint8_t *to = encoder->held + (size_t)encoder->held_rows * encoder->width;
    uint32_t before = 0;
    unsigned number = COLOURS;

    for (uint32_t x = 0; x < encoder->width; x++, row += encoder->channels) {
        uint32_t colour = load_colour(row, encoder->channels);
        if (number == COLOURS || colour != before)
            number = number_of(encoder->palette, colour);
        if (number == COLOURS)
            return false;
        before = colour;
        to[x] = (uint8_t)number;
    }
    encoder->held_rows++;
    return true;
}

/* It has no palette after all: write what is held as colours. Within the caller's setjmp. */
static void give_in(tc_encoder *encoder)
{
    const uint8_t *index = encoder->held;

    png_write_info(encoder->png, encoder->info);
    for (uint32_t y = 0; y < encoder->held_rows; y++) {
        uint8_t *to = encoder->row;
        for (uint32_t x = 0; x < encoder->width; x++, to += encoder->channels)
            memcpy(to, &encoder->palette->colour[*index++], encoder->channels);
        png_write_row(encoder->png, encoder->row);
    }
    free_held(encoder);
}

/* All of it has at most 256 colours. Within the caller's setjmp. */
static void write_palette(tc_encoder *encoder)
{
    png_structp png = encoder->png;
    unsigned count = encoder->palette->count, translucent = 0;
    int depth = count <= 2 ? 1 : count <= 4 ? 2 : count <= 16 ? 4 : 8;
    png_color colour[COLOURS];
    png_byte alpha[COLOURS];

    for (unsigned at = 0; at < count; at++) {
        uint8_t bytes[4];
        memcpy(bytes, &encoder->palette->colour[at], sizeof bytes);
        colour[at] = (png_color){bytes[0], bytes[1], bytes[2]};
        alpha[at] = bytes[3];
        translucent = bytes[3] < 255 ? at + 1 : translucent;
    }
    png_set_IHDR(png, encoder->info, encoder->width, encoder->height, depth,
                 PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_PLTE(png, encoder->info, colour, (int)count);
    if (translucent)
        png_set_tRNS(png, encoder->info, alpha, (int)translucent, NULL);
    png_set_compression_level(png, 6); /* a byte a pixel at most, and seldom noise */
    png_set_compression_strategy(png, Z_DEFAULT_STRATEGY);
    png_set_filter(png, 0, PNG_FILTER_NONE);
    png_write_info(png, encoder->info);
    png_set_packing(png);
    for (uint32_t y = 0; y < encoder->held_rows; y++)
        png_write_row(png, encoder->held + (size_t)y * encoder->width);
}

/* ---- rows --------------------------------------------------------------------------- */

/* Within the caller's setjmp. */
static void write_row(tc_encoder *encoder, const uint8_t *row)
{
    const uint8_t *piece;
    size_t length;

    if (!encoder->deflate) {
        png_write_row(encoder->png, row);
        return;
    }
    tc_png_deflate_put(encoder->deflate, row);
    while ((piece = tc_png_deflate_take(encoder->deflate, &length)))
        png_write_chunk(encoder->png, (png_const_bytep) "IDAT", piece, length);
}

tc_error tc_png_encode_rows(tc_encoder *encoder, const tc_strip *strip)
{
    if (setjmp(png_jmpbuf(encoder->png)))
        return encoder->fail->error;
    for (uint32_t y = 0; y < strip->plane[0].rows; y++) {
        const uint8_t *row = strip->plane[0].data + strip->plane[0].stride * y;

        if (encoder->palette) {
            if (hold_row(encoder, row))
                continue;
            give_in(encoder);
        }
        write_row(encoder, row);
    }
    return encoder->fail->error;
}

tc_error tc_png_encode_finish(tc_encoder *encoder)
{
    if (setjmp(png_jmpbuf(encoder->png)))
        return encoder->fail->error;
    if (encoder->palette)
        write_palette(encoder);
    /* libpng would miss the pixels that it has not written itself. */
    if (encoder->deflate)
        png_write_chunk(encoder->png, (png_const_bytep) "IEND", NULL, 0);
    else
        png_write_end(encoder->png, NULL);
    return encoder->fail->error;
}

uint64_t tc_png_encode_held(const tc_encode_spec *spec)
{
    return tc_png_deflate_takes(spec) ? tc_png_deflate_bytes(spec) : 0;
}

void tc_png_library(char *text, size_t size)
{
    char more[64];

    tc_png_deflate_library(more, sizeof more);
    snprintf(text, size, "libpng %s (zlib %s%s%s)", png_get_libpng_ver(NULL), zlibVersion(),
             *more ? ", " : "", more);
}
