/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures from files and into them, by libjpeg, libpng, libwebp and libavif alone. */
#include "file.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

#ifdef TC_WITH_AVIF
#include <avif/avif.h>
#endif
#ifdef TC_WITH_WEBP
#include <webp/decode.h>
#endif

static FILE *open_or_die(const char *name, const char *mode)
{
    FILE *file = fopen(name, mode);

    if (!file)
        quality_die("cannot open", name);
    return file;
}

static bytes_image read_jpeg(FILE *in)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors; /* its own way out is right for a tool: say why, exit */
    bytes_image image;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_stdio_src(&cinfo, in);
    jpeg_read_header(&cinfo, TRUE);
    cinfo.out_color_space = JCS_RGB;
    jpeg_start_decompress(&cinfo);
    image = (bytes_image){cinfo.output_width, cinfo.output_height, 3,
                          quality_alloc((size_t)cinfo.output_width * cinfo.output_height, 3)};
    while (cinfo.output_scanline < cinfo.output_height) {
        JSAMPROW row = image.data + (size_t)cinfo.output_scanline * image.w * 3;
        jpeg_read_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_decompress(&cinfo);
    jpeg_destroy_decompress(&cinfo);
    return image;
}

static bytes_image read_png(FILE *in, const char *name)
{
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    bytes_image image;
    png_bytepp rows;
    size_t stride;

    if (!info || setjmp(png_jmpbuf(png)))
        quality_die("libpng failed", name);
    png_init_io(png, in);
    png_read_png(png, info,
                 PNG_TRANSFORM_EXPAND | PNG_TRANSFORM_SCALE_16 | PNG_TRANSFORM_GRAY_TO_RGB,
                 NULL);
    image = (bytes_image){png_get_image_width(png, info), png_get_image_height(png, info),
                          png_get_channels(png, info), NULL};
    stride = (size_t)image.w * image.channels;
    image.data = quality_alloc(image.h, stride);
    rows = png_get_rows(png, info);
    for (uint32_t y = 0; y < image.h; y++)
        memcpy(image.data + stride * y, rows[y], stride);
    png_destroy_read_struct(&png, &info, NULL);
    return image;
}

#if defined TC_WITH_WEBP || defined TC_WITH_AVIF
/* All of the file; free() it. */
static uint8_t *read_whole(FILE *in, const char *name, size_t *length)
{
    long end;
    uint8_t *data;

    if (fseek(in, 0, SEEK_END) != 0 || (end = ftell(in)) <= 0)
        quality_die("cannot read", name);
    rewind(in);
    *length = (size_t)end;
    data = quality_alloc(*length, 1);
    if (fread(data, 1, *length, in) != *length)
        quality_die("cannot read", name);
    return data;
}
#endif

#ifdef TC_WITH_WEBP
/* An answer of a photograph, so without alpha. */
static bytes_image read_webp(FILE *in, const char *name)
{
    size_t length;
    uint8_t *file = read_whole(in, name, &length);
    bytes_image image;
    int w, h;

    if (!WebPGetInfo(file, length, &w, &h))
        quality_die("not a WebP", name);
    image = (bytes_image){(uint32_t)w, (uint32_t)h, 3, quality_alloc((size_t)w * (size_t)h, 3)};
    if (!WebPDecodeRGBInto(file, length, image.data, (size_t)w * (size_t)h * 3, w * 3))
        quality_die("libwebp failed", name);
    free(file);
    return image;
}
#endif

#ifdef TC_WITH_AVIF
static bytes_image read_avif(FILE *in, const char *name)
{
    size_t length;
    uint8_t *file = read_whole(in, name, &length);
    avifDecoder *decoder = avifDecoderCreate();
    avifImage *decoded = avifImageCreateEmpty();
    avifRGBImage rgb;
    bytes_image image;

    if (!decoder || !decoded ||
        avifDecoderReadMemory(decoder, decoded, file, length) != AVIF_RESULT_OK)
        quality_die("libavif failed", name);
    image = (bytes_image){decoded->width, decoded->height, 3,
                          quality_alloc((size_t)decoded->width * decoded->height, 3)};
    avifRGBImageSetDefaults(&rgb, decoded);
    rgb.format = AVIF_RGB_FORMAT_RGB;
    rgb.depth = 8;
    rgb.pixels = image.data;
    rgb.rowBytes = image.w * 3;
    if (avifImageYUVToRGB(decoded, &rgb) != AVIF_RESULT_OK)
        quality_die("libavif failed", name);
    avifImageDestroy(decoded);
    avifDecoderDestroy(decoder);
    free(file);
    return image;
}
#endif

bytes_image quality_read(const char *name)
{
    FILE *in = open_or_die(name, "rb");
    int first = getc(in);
    bytes_image image;

    rewind(in);
    if (first == 0x89)
        image = read_png(in, name);
#ifdef TC_WITH_WEBP
    else if (first == 'R')
        image = read_webp(in, name);
#endif
#ifdef TC_WITH_AVIF
    else if (first == 0)
        image = read_avif(in, name);
#endif
    else
        image = read_jpeg(in);
    fclose(in);
    return image;
}

static void write_jpeg(FILE *out, const bytes_image *image, const writing *how)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_stdio_dest(&cinfo, out);
    cinfo.image_width = image->w;
    cinfo.image_height = image->h;
    cinfo.input_components = 3;
    cinfo.in_color_space = JCS_RGB;
    jpeg_set_defaults(&cinfo);
    jpeg_set_quality(&cinfo, how->quality, TRUE);
    if (how->progressive)
        jpeg_simple_progression(&cinfo);
    cinfo.restart_in_rows = how->restart;
    jpeg_start_compress(&cinfo, TRUE);
    while (cinfo.next_scanline < cinfo.image_height) {
        JSAMPROW row = image->data + (size_t)cinfo.next_scanline * image->w * 3;
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
}

static void write_png(FILE *out, const bytes_image *image, const char *name)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (!info || setjmp(png_jmpbuf(png)))
        quality_die("libpng failed", name);
    png_init_io(png, out);
    png_set_IHDR(png, info, image->w, image->h, 8,
                 image->channels == 4 ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (uint32_t y = 0; y < image->h; y++)
        png_write_row(png, image->data + (size_t)y * image->w * image->channels);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

void quality_write(const char *name, const bytes_image *image, const writing *how)
{
    const char *dot = strrchr(name, '.');
    FILE *out = open_or_die(name, "wb");

    if (dot && strcmp(dot, ".png") == 0)
        write_png(out, image, name);
    else if (image->channels == 3)
        write_jpeg(out, image, how);
    else
        quality_die("a JPEG has no alpha", name);
    if (fclose(out) != 0)
        quality_die("cannot write", name);
}
