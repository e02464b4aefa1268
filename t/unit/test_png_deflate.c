/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Photographs written as PNG by ISA-L: the same pixels by libpng and zlib, in no more bytes
 * than libpng and zlib need for them, in chunks of a bounded length. Drawings are zlib's.
 */
#include "image/codec/png_deflate.h"

#include "pictures.h"
#include "pngs.h"

#include <malloc.h>

#include <zlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const tc_model models[] = {TC_GREY, TC_GREY_ALPHA, TC_RGB, TC_RGB_ALPHA};

static uint32_t below(uint32_t bound)
{
    static uint32_t state = 1;

    state = state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)state * bound) >> 32);
}

/* Slopes with noise, which is little to the left; or noise alone. */
static pixels photograph(uint32_t w, uint32_t h, tc_model model, bool noise)
{
    pixels made = draw(w, h, model);
    uint8_t channels = tc_model_channels(model), *at = made.data;

    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w * channels; x++, at++)
            *at = (uint8_t)(noise ? below(256)
                                  : *at * 3 / 4 + below(1 + 24 * x / (w * channels)));
    }
    return made;
}

static bytes write_png(const pixels *from, bool flat)
{
    tc_encode_spec spec = {
        .model = from->model, .width = from->w, .height = from->h, .flat = flat};
    size_t stride = (size_t)from->w * tc_model_channels(from->model);
    bytes made = {0};
    tc_output output = {write_bytes, &made};
    tc_fail fail = {TC_E_OK, ""};
    tc_encoder *encoder = NULL;

    if (tc_codec_png.encode_open(&encoder, &output, &spec, &fail))
        abort();
    for (uint32_t y = 0; y < from->h;) {
        uint32_t rows = 1 + below(from->h - y);
        tc_strip strip = {{{from->data + stride * y, stride, rows}}};

        if (tc_codec_png.encode_rows(encoder, &strip))
            abort();
        y += rows;
    }
    if (tc_codec_png.encode_finish(encoder))
        abort();
    tc_codec_png.encode_free(encoder);
    return made;
}

/* By libpng, whose warnings are errors here: it checks what zlib's checksum says, too. */
static void refuse(png_structp png, png_const_charp message)
{
    printf("# %s\n", message);
    png_longjmp(png, 1);
}

static bool holds(const bytes *file, const pixels *right)
{
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, refuse, refuse);
    png_infop info = png_create_info_struct(png);
    size_t stride = (size_t)right->w * tc_model_channels(right->model);
    png_bytes left = {file->data, file->length};
    bool same = false;

    if (setjmp(png_jmpbuf(png)) == 0) {
        png_set_read_fn(png, &left, read_png_bytes);
        png_read_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
        same = left.length == 0 && png_get_image_width(png, info) == right->w &&
               png_get_image_height(png, info) == right->h &&
               png_get_rowbytes(png, info) == stride;
        for (uint32_t y = 0; same && y < right->h; y++)
            same = memcmp(png_get_rows(png, info)[y], right->data + stride * y, stride) == 0;
    }
    png_destroy_read_struct(&png, &info, NULL);
    return same;
}

static void pictures_hold(void)
{
    static const uint32_t sizes[][2] = {{1, 1},    {1, 300},   {300, 1},   {2, 2},
                                        {17, 23},  {300, 225}, {5000, 9},  {1000, 700},
                                        {9, 5000}, {128, 128}, {16384, 2}, {333, 1}};

    for (size_t at = 0; at < COUNT(models); at++) {
        unsigned wrong = 0;

        for (size_t size = 0; size < COUNT(sizes); size++) {
            for (int kind = 0; kind < 4; kind++) {
                pixels from = photograph(sizes[size][0], sizes[size][1], models[at], kind & 1);
                bytes file = write_png(&from, kind & 2);

                wrong += !holds(&file, &from);
                free(file.data);
                free(from.data);
            }
        }
        ok(wrong == 0, "pictures of %u samples a pixel: by libpng the same pixels",
           tc_model_channels(models[at]));
    }
}

/* ---- sizes ---------------------------------------------------------------------------------
 */

static void on_write(png_structp png, png_bytep data, png_size_t length)
{
    put(png_get_io_ptr(png), data, length);
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* By libpng as png_encode.c asks it where ISA-L is not built in. */
static bytes write_by_libpng(const pixels *from)
{
    static const int types[] = {[TC_GREY] = PNG_COLOR_TYPE_GRAY,
                                [TC_GREY_ALPHA] = PNG_COLOR_TYPE_GRAY_ALPHA,
                                [TC_RGB] = PNG_COLOR_TYPE_RGB,
                                [TC_RGB_ALPHA] = PNG_COLOR_TYPE_RGB_ALPHA};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, refuse, refuse);
    png_infop info = png_create_info_struct(png);
    size_t stride = (size_t)from->w * tc_model_channels(from->model);
    bytes made = {0};

    if (setjmp(png_jmpbuf(png)))
        abort();
    png_set_write_fn(png, &made, on_write, on_flush);
    png_set_IHDR(png, info, from->w, from->h, 8, types[from->model], PNG_INTERLACE_NONE, 0, 0);
    png_set_compression_level(png, 1);
    png_set_compression_strategy(png, Z_RLE);
    png_set_filter(png, 0, PNG_FILTER_AVG);
    png_set_compression_buffer_size(png, TC_IO_BYTES);
    png_write_info(png, info);
    for (uint32_t y = 0; y < from->h; y++)
        png_write_row(png, from->data + stride * y);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return made;
}

static void sizes_hold(void)
{
    static const uint32_t sizes[][2] = {{120, 90}, {300, 225}, {1000, 750}};

    for (size_t size = 0; size < COUNT(sizes); size++) {
        for (int noise = 0; noise < 2; noise++) {
            pixels from = photograph(sizes[size][0], sizes[size][1], TC_RGB, noise);
            bytes file = write_png(&from, false), other = write_by_libpng(&from);

            ok((double)file.length <= (double)other.length * 1.002,
               "%s of %ux%u: %zu bytes, zlib makes %zu", noise ? "noise" : "a photograph",
               from.w, from.h, file.length, other.length);
            free(file.data);
            free(other.data);
            free(from.data);
        }
    }
}

static uint32_t word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void chunks_hold(void)
{
    pixels from = photograph(1000, 700, TC_RGB, true);
    bytes file = write_png(&from, false);
    unsigned chunks = 0, wrong = 0;
    size_t at = 8;

    while (at + 12 <= file.length) {
        uint32_t length = word(file.data + at);

        if (memcmp(file.data + at + 4, "IDAT", 4) == 0) {
            chunks++;
            wrong += length == 0 || length > TC_IO_BYTES;
        }
        at += 12 + (size_t)length;
    }
    ok(wrong == 0 && at == file.length && chunks >= from.w * from.h * 3 / TC_IO_BYTES,
       "%zu bytes in %u chunks of pixels, none over 64 KiB", file.length, chunks);
    free(file.data);
    free(from.data);
}

/* ---- who writes what ------------------------------------------------------------------------
 */

static void tells_itself(void)
{
    char first[TC_VERSIONS_MAX], second[TC_VERSIONS_MAX];
    const tc_encode_spec photo = {.model = TC_RGB, .width = 9, .height = 9};
    const tc_encode_spec drawing = {.model = TC_RGB, .width = 9, .height = 9, .flat = true};
    bool isal = tc_png_deflate_takes(&photo);

    tc_codec_png.library(first, sizeof first);
    tc_codec_png.library(second, sizeof second);
    ok(strcmp(first, second) == 0 && strstr(first, zlibVersion()) &&
           (strstr(first, "ISA-L ") != NULL) == isal,
       "an answer's ETag has what its bytes depend on: %s", first);
    ok(!tc_png_deflate_takes(&drawing), "a drawing is left to zlib");
    ok(isal == (tc_codec_png.encode_held(&photo) > 0) &&
           tc_codec_png.encode_held(&drawing) == 0,
       "what ISA-L holds is planned: %llu bytes",
       (unsigned long long)tc_codec_png.encode_held(&photo));
}

/* In each row stretches of one colour, another one each: after the filter as many runs, each
   of which has to be found as one where its bytes are new. */
static pixels stretches(uint32_t w, uint32_t h)
{
    pixels made = draw(w, h, TC_RGB);
    uint32_t colour = 0;

    for (uint32_t at = 0; at < w * h; at++) {
        if (at % 100 == 0)
            colour = below(1 << 24);
        memcpy(made.data + (size_t)at * 3, &colour, 3);
    }
    return made;
}

/* Every one stands in memory 64 KiB behind the one before. */
static void bytes_depend_on_the_picture(void)
{
    pixels from = stretches(600, 40);
    bytes first = write_png(&from, false);
    void *moved[600];
    unsigned others = 0;

    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    for (size_t at = 0; at < COUNT(moved); at++) {
        bytes again = write_png(&from, false);

        others +=
            again.length != first.length || memcmp(again.data, first.data, first.length) != 0;
        free(again.data);
        moved[at] = malloc(1 << 16);
        if (!moved[at])
            abort();
    }
    ok(others == 0, "the same bytes wherever in memory they are made: %u others", others);
    ok(holds(&first, &from), "by libpng the same pixels");
    for (size_t at = 0; at < COUNT(moved); at++)
        free(moved[at]);
    free(first.data);
    free(from.data);
}

int main(void)
{
    pictures_hold();
    chunks_hold();
    sizes_hold();
    bytes_depend_on_the_picture();
    tells_itself();
    return done_testing();
}
