/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures from files and into them, by libjpeg and libpng alone. */
#include "file.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

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

bytes_image quality_read(const char *name)
{
    FILE *in = open_or_die(name, "rb");
    int first = getc(in);
    bytes_image image;

    rewind(in);
    image = first == 0x89 ? read_png(in, name) : read_jpeg(in);
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
