/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says what a JPEG, PNG, WebP or AVIF holds, decoded whole by its library alone:
 *
 *   picprobe FILE [X,Y...]
 *
 * prints `key: value` lines, and `pixel X,Y: r g b a` for each place (c m y k
 * for a CMYK JPEG). Exits with 1 when the file cannot be decoded without a
 * warning.
 */
#include <setjmp.h>
#include <stdint.h>
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

typedef struct probed_picture {
    uint32_t w, h;
    int channels;
    uint8_t *data;
} probed_picture;

static void die(const char *what)
{
    fprintf(stderr, "picprobe: %s\n", what);
    exit(1);
}

static void make(probed_picture *picture, uint32_t w, uint32_t h, int channels)
{
    picture->w = w;
    picture->h = h;
    picture->channels = channels;
    picture->data = malloc((size_t)w * h * (size_t)channels);
    if (!picture->data)
        die("out of memory");
}

static const char *jpeg_model(J_COLOR_SPACE space)
{
    return space == JCS_GRAYSCALE ? "grey"
           : space == JCS_CMYK    ? "cmyk"
           : space == JCS_YCCK    ? "ycck"
                                  : "rgb";
}

/* The quality whose table of luma this is on libjpeg's scale; 0: of none. */
static int jpeg_quality(const JQUANT_TBL *table)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    int quality = 100;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    for (; table && quality > 0; quality--) {
        jpeg_set_quality(&cinfo, quality, TRUE);
        if (memcmp(cinfo.quant_tbl_ptrs[0]->quantval, table->quantval,
                   sizeof table->quantval) == 0)
            break;
    }
    jpeg_destroy_compress(&cinfo);
    return table ? quality : 0;
}

/* The block itself, in hexadecimal, and its orientation; the tests' own are big-endian. */
static void print_exif(const uint8_t *exif, size_t length)
{
    int orientation = 0;

    for (size_t at = 10; exif && at + 12 <= length; at += 12) {
        if (exif[at] == 1 && exif[at + 1] == 0x12) {
            orientation = exif[at + 9];
            break;
        }
    }
    if (orientation)
        printf("exif_orientation: %d\n", orientation);
    else
        printf("exif_orientation: none\n");
    printf("exif: ");
    for (size_t at = 0; exif && at < length; at++)
        printf("%02x", exif[at]);
    printf("\n");
}

/* What the markers say. */
static void print_jpeg_markers(j_decompress_ptr cinfo)
{
    const uint8_t *exif = NULL;
    size_t length = 0, icc = 0;

    for (jpeg_saved_marker_ptr m = cinfo->marker_list; m; m = m->next) {
        if (!exif && m->marker == JPEG_APP0 + 1 && m->data_length >= 6 &&
            memcmp(m->data, "Exif", 4) == 0) {
            exif = m->data + 6;
            length = m->data_length - 6;
        }
        if (m->marker == JPEG_APP0 + 2 && m->data_length > 14 &&
            memcmp(m->data, "ICC_PROFILE", 12) == 0)
            icc += m->data_length - 14;
    }
    print_exif(exif, length);
    printf("icc: %zu\n", icc);
}

static void read_jpeg(FILE *in, probed_picture *picture)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors; /* its own way out is right for a tool: say why, exit */

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_stdio_src(&cinfo, in);
    jpeg_save_markers(&cinfo, JPEG_APP0 + 1, 0xffff);
    jpeg_save_markers(&cinfo, JPEG_APP0 + 2, 0xffff);
    jpeg_read_header(&cinfo, TRUE);
    printf("format: jpeg\nwidth: %u\nheight: %u\nmodel: %s\nprogressive: %d\n",
           cinfo.image_width, cinfo.image_height, jpeg_model(cinfo.jpeg_color_space),
           cinfo.progressive_mode);
    printf("sampling: %dx%d\n", cinfo.comp_info[0].h_samp_factor,
           cinfo.comp_info[0].v_samp_factor);
    printf("quality: %d\nrestart: %u\n",
           jpeg_quality(cinfo.quant_tbl_ptrs[cinfo.comp_info[0].quant_tbl_no]),
           cinfo.restart_interval);
    print_jpeg_markers(&cinfo);
    jpeg_start_decompress(&cinfo);
    make(picture, cinfo.output_width, cinfo.output_height, cinfo.output_components);
    while (cinfo.output_scanline < cinfo.output_height) {
        JSAMPROW row = picture->data +
                       (size_t)cinfo.output_scanline * picture->w * (size_t)picture->channels;
        jpeg_read_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_decompress(&cinfo);
    if (errors.num_warnings > 0)
        die("libjpeg warned");
    jpeg_destroy_decompress(&cinfo);
}

static const char *png_model(int type)
{
    return type == PNG_COLOR_TYPE_PALETTE      ? "palette"
           : type == PNG_COLOR_TYPE_GRAY       ? "grey"
           : type == PNG_COLOR_TYPE_GRAY_ALPHA ? "greya"
           : type == PNG_COLOR_TYPE_RGB        ? "rgb"
                                               : "rgba";
}

static void read_png(FILE *in, probed_picture *picture)
{
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    png_bytepp rows;
    png_bytep exif = NULL, profile;
    png_uint_32 length = 0, icc = 0;
    png_charp name;
    int method;

    if (!info)
        die("out of memory");
    if (setjmp(png_jmpbuf(png)))
        die("libpng failed");
    png_init_io(png, in);
    png_read_png(png, info,
                 PNG_TRANSFORM_EXPAND | PNG_TRANSFORM_SCALE_16 | PNG_TRANSFORM_GRAY_TO_RGB,
                 NULL);
    printf("format: png\nwidth: %u\nheight: %u\n", png_get_image_width(png, info),
           png_get_image_height(png, info));
    png_get_eXIf_1(png, info, &length, &exif);
    print_exif(exif, length);
    png_get_iCCP(png, info, &name, &method, &profile, &icc);
    printf("icc: %u\n", (unsigned)icc);
    make(picture, png_get_image_width(png, info), png_get_image_height(png, info),
         png_get_channels(png, info));
    rows = png_get_rows(png, info);
    for (uint32_t y = 0; y < picture->h; y++)
        memcpy(picture->data + (size_t)y * picture->w * (size_t)picture->channels, rows[y],
               (size_t)picture->w * (size_t)picture->channels);
    png_destroy_read_struct(&png, &info, NULL);
}

/* The colour type as stored: a byte of the header, before libpng's transformations. */
static void print_png_header(FILE *in)
{
    uint8_t head[33];

    if (fread(head, 1, sizeof head, in) != sizeof head)
        die("no header");
    printf("depth: %d\nmodel: %s\ninterlaced: %d\n", head[24], png_model(head[25]), head[28]);
    rewind(in);
}

#if defined TC_WITH_WEBP || defined TC_WITH_AVIF
/* All of the file, at most as much as any test makes. */
static uint8_t *read_file(FILE *in, size_t *length)
{
    static uint8_t data[8 << 20];

    *length = fread(data, 1, sizeof data, in);
    return data;
}
#endif

#ifdef TC_WITH_WEBP
static void read_webp(FILE *in, probed_picture *picture)
{
    WebPBitstreamFeatures seen;
    size_t length;
    const uint8_t *data = read_file(in, &length);

    if (WebPGetFeatures(data, length, &seen) != VP8_STATUS_OK)
        die("not a WebP");
    printf("format: webp\nwidth: %d\nheight: %d\nmodel: %s\nlossless: %d\n", seen.width,
           seen.height, seen.has_alpha ? "rgba" : "rgb", seen.format == 2);
    make(picture, (uint32_t)seen.width, (uint32_t)seen.height, 4);
    if (!WebPDecodeRGBAInto(data, length, picture->data, (size_t)picture->w * picture->h * 4,
                            (int)picture->w * 4))
        die("libwebp failed");
}
#endif

#ifdef TC_WITH_AVIF
static void read_avif(FILE *in, probed_picture *picture)
{
    avifDecoder *decoder = avifDecoderCreate();
    avifImage *image = avifImageCreateEmpty();
    avifRGBImage rgb;
    size_t length;
    const uint8_t *data = read_file(in, &length);

    if (avifDecoderReadMemory(decoder, image, data, length) != AVIF_RESULT_OK)
        die("libavif failed");
    printf("format: avif\nwidth: %u\nheight: %u\nmodel: %s\ndepth: %u\n", image->width,
           image->height,
           image->yuvFormat == AVIF_PIXEL_FORMAT_YUV400 ? image->alphaPlane ? "greya" : "grey"
           : image->alphaPlane                          ? "rgba"
                                                        : "rgb",
           image->depth);
    printf("sampling: %s\n", avifPixelFormatToString(image->yuvFormat));
    make(picture, image->width, image->height, 4);
    avifRGBImageSetDefaults(&rgb, image);
    rgb.depth = 8;
    rgb.pixels = picture->data;
    rgb.rowBytes = picture->w * 4;
    if (avifImageYUVToRGB(image, &rgb) != AVIF_RESULT_OK)
        die("libavif failed");
    avifImageDestroy(image);
    avifDecoderDestroy(decoder);
}
#endif

static void print_pixel(const probed_picture *picture, const char *place)
{
    unsigned x, y;
    const uint8_t *at;

    if (sscanf(place, "%u,%u", &x, &y) != 2 || x >= picture->w || y >= picture->h)
        die("no such place in the picture");
    at = picture->data + ((size_t)y * picture->w + x) * (size_t)picture->channels;
    if (picture->channels == 1)
        printf("pixel %s: %d %d %d 255\n", place, at[0], at[0], at[0]);
    else
        printf("pixel %s: %d %d %d %d\n", place, at[0], at[1], at[2],
               picture->channels == 4 ? at[3] : 255);
}

int main(int argc, char **argv)
{
    probed_picture picture;
    FILE *in = argc > 1 ? fopen(argv[1], "rb") : NULL;
    int first;

    if (!in)
        die("usage: picprobe FILE [X,Y...]");
    first = getc(in);
    rewind(in);
    if (first == 0x89) {
        print_png_header(in);
        read_png(in, &picture);
#ifdef TC_WITH_WEBP
    } else if (first == 'R') {
        read_webp(in, &picture);
#endif
#ifdef TC_WITH_AVIF
    } else if (first == 0) {
        read_avif(in, &picture);
#endif
    } else {
        read_jpeg(in, &picture);
    }
    for (int at = 2; at < argc; at++)
        print_pixel(&picture, argv[at]);
    free(picture.data);
    fclose(in);
    return 0;
}
