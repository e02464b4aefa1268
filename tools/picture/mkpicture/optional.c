/* SPDX-License-Identifier: Apache-2.0 */
/* mkpicture's formats of libraries that need not be there: WebP, AVIF, GIF. */
#include "optional.h"

#include <stdlib.h>
#include <string.h>

#ifdef TC_WITH_AVIF
#include <avif/avif.h>
#endif
#ifdef TC_WITH_GIF
#include <gif_lib.h>
#endif
#ifdef TC_WITH_WEBP
#include <webp/encode.h>
#endif

/* All of the picture as RGB or, with type=rgba, RGBA. */
__attribute__((unused)) static uint8_t *draw_all(const scene *scene, uint32_t w, uint32_t h,
                                                 int channels)
{
    uint8_t *made = malloc((size_t)w * h * (size_t)channels), *at = made;

    if (!made)
        die("out of memory", "picture");
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++, at += channels) {
            pixel p = stored_pixel(scene, x, y);
            memcpy(at, (uint8_t[]){p.r, p.g, p.b, p.a}, (size_t)channels);
        }
    }
    return made;
}

__attribute__((unused)) static int channels_of(const scene *scene)
{
    return strcmp(scene->options->type, "rgba") == 0 ? 4 : 3;
}

__attribute__((unused)) static void put_all(FILE *out, const uint8_t *data, size_t length)
{
    if (length == 0 || fwrite(data, 1, length, out) != length)
        die("cannot encode or write", "picture");
}

#ifdef TC_WITH_WEBP
/* libwebp writes no EXIF: the container is made anew around its only chunk. */
static void put_turned_webp(FILE *out, const uint8_t *data, size_t length, uint32_t w,
                            uint32_t h, int orientation)
{
    uint8_t exif[26] = {'M', 'M',  0, 42, 0, 0, 0, 8, 0, 1,
                        1,   0x12, 0, 3,  0, 0, 0, 1, 0, (uint8_t)orientation};
    uint32_t size = (uint32_t)length - 8 + 18 + 8 + sizeof exif;
    uint8_t head[30] = {'R',
                        'I',
                        'F',
                        'F',
                        (uint8_t)size,
                        (uint8_t)(size >> 8),
                        (uint8_t)(size >> 16),
                        (uint8_t)(size >> 24),
                        'W',
                        'E',
                        'B',
                        'P',
                        'V',
                        'P',
                        '8',
                        'X',
                        10,
                        0,
                        0,
                        0,
                        0x08,
                        0,
                        0,
                        0,
                        (uint8_t)(w - 1),
                        (uint8_t)((w - 1) >> 8),
                        0,
                        (uint8_t)(h - 1),
                        (uint8_t)((h - 1) >> 8),
                        0};
    uint8_t chunk[8] = {'E', 'X', 'I', 'F', sizeof exif};

    if (memcmp(data + 12, "VP8X", 4) == 0)
        die("a WebP takes no orientation beside", "type=rgba");
    put_all(out, head, sizeof head);
    put_all(out, data + 12, length - 12);
    put_all(out, chunk, sizeof chunk);
    put_all(out, exif, sizeof exif);
}

static void write_webp(const scene *scene, FILE *out, uint32_t w, uint32_t h)
{
    const options *options = scene->options;
    int channels = channels_of(scene), stride = (int)w * channels;
    uint8_t *rgb = draw_all(scene, w, h, channels), *data = NULL;
    float q = (float)options->quality;
    size_t length;

    if (options->lossless)
        length = channels == 4 ? WebPEncodeLosslessRGBA(rgb, (int)w, (int)h, stride, &data)
                               : WebPEncodeLosslessRGB(rgb, (int)w, (int)h, stride, &data);
    else
        length = channels == 4 ? WebPEncodeRGBA(rgb, (int)w, (int)h, stride, q, &data)
                               : WebPEncodeRGB(rgb, (int)w, (int)h, stride, q, &data);
    if (options->orientation && length > 12)
        put_turned_webp(out, data, length, w, h, options->orientation);
    else
        put_all(out, data, length);
    WebPFree(data);
    free(rgb);
}
#endif

#ifdef TC_WITH_AVIF
/* EXIF's orientations as a turn anticlockwise and then a mirroring; -1: none. */
static const struct {
    uint8_t angle;
    int8_t mode;
} turns[9] = {{0, -1}, {0, -1}, {0, 1}, {2, -1}, {0, 0}, {1, 0}, {3, -1}, {1, 1}, {1, -1}};

static void write_avif(const scene *scene, FILE *out, uint32_t w, uint32_t h)
{
    const options *options = scene->options;
    int channels = channels_of(scene);
    uint8_t *pixels = draw_all(scene, w, h, channels);
    avifImage *image = avifImageCreate((int)w, (int)h, options->depth == 16 ? 10 : 8,
                                       AVIF_PIXEL_FORMAT_YUV444);
    avifEncoder *encoder = avifEncoderCreate();
    avifRWData data = AVIF_DATA_EMPTY;
    avifRGBImage rgb;

    image->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_BT601;
    if (options->orientation > 1 && options->orientation <= 8) {
        int8_t mode = turns[options->orientation].mode;

        image->transformFlags = AVIF_TRANSFORM_IROT | (mode >= 0 ? AVIF_TRANSFORM_IMIR : 0);
        image->irot.angle = turns[options->orientation].angle;
#if AVIF_VERSION >= 1000000
        image->imir.axis = mode > 0;
#else
        image->imir.mode = mode > 0;
#endif
    }
    avifRGBImageSetDefaults(&rgb, image);
    rgb.depth = 8;
    rgb.format = channels == 4 ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.pixels = pixels;
    rgb.rowBytes = w * (uint32_t)channels;
    encoder->speed = AVIF_SPEED_FASTEST;
    encoder->minQuantizer = encoder->maxQuantizer = (100 - options->quality) * 63 / 100;
    if (avifImageRGBToYUV(image, &rgb) != AVIF_RESULT_OK ||
        avifEncoderWrite(encoder, image, &data) != AVIF_RESULT_OK)
        die("libavif failed", "picture");
    put_all(out, data.data, data.size);
    avifRWDataFree(&data);
    avifEncoderDestroy(encoder);
    avifImageDestroy(image);
    free(pixels);
}
#endif

#ifdef TC_WITH_GIF
static int on_write(GifFileType *gif, const GifByteType *data, int length)
{
    return (int)fwrite(data, 1, (size_t)length, gif->UserData);
}

/* A 6x6x6 cube, exact for the corners of the colour space; behind it what is transparent. */
#define CUBE 216

static GifByteType index_of(pixel p)
{
    return p.a < 128
               ? CUBE
               : (GifByteType)((p.r + 25) / 51 * 36 + (p.g + 25) / 51 * 6 + (p.b + 25) / 51);
}

static void put_gif_frame(GifFileType *gif, const scene *scene, uint32_t w, uint32_t h,
                          bool dark)
{
    static const uint32_t first[4] = {0, 4, 2, 1}, step[4] = {8, 8, 4, 2};
    bool interlaced = scene->options->interlace;
    GraphicsControlBlock control = {.TransparentColor =
                                        channels_of(scene) == 4 ? CUBE : NO_TRANSPARENT_COLOR};
    GifPixelType *row = calloc(w, 1);
    GifByteType packed[4];

    EGifGCBToExtension(&control, packed);
    if (!row || !EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, sizeof packed, packed) ||
        !EGifPutImageDesc(gif, 0, 0, (int)w, (int)h, interlaced, NULL))
        die("giflib failed", "frame");
    for (int pass = 0; pass < (interlaced ? 4 : 1); pass++) {
        for (uint32_t y = interlaced ? first[pass] : 0; y < h;
             y += interlaced ? step[pass] : 1) {
            for (uint32_t x = 0; x < w && !dark; x++)
                row[x] = index_of(stored_pixel(scene, x, y));
            if (!EGifPutLine(gif, row, (int)w))
                die("giflib failed", "row");
        }
    }
    free(row);
}

/* frames=N: the first is the picture, the others black. */
static void write_gif(const scene *scene, FILE *out, uint32_t w, uint32_t h)
{
    int error;
    GifFileType *gif = EGifOpen(out, on_write, &error);
    ColorMapObject *map = GifMakeMapObject(256, NULL);

    if (!gif || !map)
        die("giflib failed", "open");
    for (int at = 0; at < CUBE; at++)
        map->Colors[at] =
            (GifColorType){(GifByteType)(at / 36 * 51), (GifByteType)(at / 6 % 6 * 51),
                           (GifByteType)(at % 6 * 51)};
    EGifSetGifVersion(gif, true);
    if (!EGifPutScreenDesc(gif, (int)w, (int)h, 8, 0, map))
        die("giflib failed", "screen");
    GifFreeMapObject(map);
    for (int frame = 0; frame < scene->options->frames; frame++)
        put_gif_frame(gif, scene, w, h, frame > 0);
    if (!EGifCloseFile(gif, &error))
        die("giflib failed", "close");
}
#endif

bool write_optional(const char *ending, const scene *scene, FILE *out, uint32_t w, uint32_t h)
{
    static const struct {
        const char *ending;
        void (*write)(const struct scene *, FILE *, uint32_t, uint32_t);
    } formats[] = {
#ifdef TC_WITH_WEBP
        {".webp", write_webp},
#endif
#ifdef TC_WITH_AVIF
        {".avif", write_avif},
#endif
#ifdef TC_WITH_GIF
        {".gif", write_gif},
#endif
        {NULL, NULL}};

    for (size_t at = 0; formats[at].ending; at++) {
        if (strcmp(formats[at].ending, ending) == 0) {
            formats[at].write(scene, out, w, h);
            return true;
        }
    }
    return false;
}
