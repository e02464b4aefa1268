/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clean apertures at every odd and even place, in every sampling: what is decoded a few rows
 * at a time is that part of what libavif decodes at once. The codec is compiled into this
 * program with guarded buffers, so that a row too many ends it in every build.
 */
#ifdef TC_WITH_AVIF

#ifndef TC_GUARDED
#define TC_GUARDED
#endif
#include "base/buffer.c"
#include "image/codec/avif.c"

#include "avifs.h"

#define CODEC (&tc_codec_avif)

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define W 134
#define H 140

/* All of the file's picture, without its crop, as libavif converts it. */
static pixels decode_whole(const bytes *file, bool alpha, avifPixelFormat *format)
{
    avifDecoder *avif = avifDecoderCreate();
    avifRGBImage rgb;
    pixels whole = {W, H, alpha ? TC_RGB_ALPHA : TC_RGB, NULL};

    avif->codecChoice = AVIF_CODEC_CHOICE_DAV1D;
    avif->maxThreads = 1;
    avifDecoderSetIOMemory(avif, file->data, file->length);
    if (avifDecoderParse(avif) == AVIF_RESULT_OK &&
        avifDecoderNextImage(avif) == AVIF_RESULT_OK) {
        *format = avif->image->yuvFormat;
        avifRGBImageSetDefaults(&rgb, avif->image);
        rgb.depth = 8;
        rgb.format = alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
        rgb.rowBytes = W * (alpha ? 4 : 3);
        rgb.pixels = whole.data = malloc((size_t)rgb.rowBytes * H);
        avifImageYUVToRGB(avif->image, &rgb);
    }
    avifDecoderDestroy(avif);
    return whole;
}

/* Whether `got` is the part of `whole`; of grey it has one colour in place of three. */
static bool is_part(const pixels *got, const pixels *whole, const avifCropRect *crop)
{
    uint8_t channels = tc_model_channels(got->model);

    if (!got->data || got->w != crop->width || got->h != crop->height)
        return false;
    for (uint32_t y = 0; y < got->h; y++) {
        for (uint32_t x = 0; x < got->w; x++) {
            const uint8_t *one = pixel(got, x, y),
                          *other = pixel(whole, crop->x + x, crop->y + y);

            if (one[0] != other[0] ||
                (!tc_model_is_grey(got->model) && (one[1] != other[1] || one[2] != other[2])) ||
                (tc_model_has_alpha(got->model) && one[channels - 1] != other[3]))
                return false;
        }
    }
    return true;
}

/* Where the chroma cannot be cut there, all of the picture (ISO/IEC 23000-22, 7.3.6.7). */
static avifCropRect shown_part(const avifCropRect *crop, avifPixelFormat format)
{
    avifCropRect all = {0, 0, W, H};
    bool horizontal = format == AVIF_PIXEL_FORMAT_YUV420 || format == AVIF_PIXEL_FORMAT_YUV422;
    bool vertical = format == AVIF_PIXEL_FORMAT_YUV420;

    return (horizontal && (crop->x | crop->width) % 2) ||
                   (vertical && (crop->y | crop->height) % 2)
               ? all
               : *crop;
}

static void try_crops(const recipe *recipe, const char *what)
{
    static const uint32_t xs[] = {0, 1, 6}, ys[] = {0, 1, 2, 3, 18, 51},
                          heights[] = {1, 2, 15, 16, 17, 18, 0};
    bytes file = make(recipe);
    avifPixelFormat format = AVIF_PIXEL_FORMAT_NONE;
    pixels whole = decode_whole(&file, recipe->alpha, &format);
    unsigned tried = 0, cut = 0, bad = 0;

    for (size_t at = 0; whole.data && at < COUNT(xs) * COUNT(ys) * COUNT(heights); at++) {
        uint32_t x = xs[at % COUNT(xs)], y = ys[at / COUNT(xs) % COUNT(ys)];
        uint32_t h = heights[at / COUNT(xs) / COUNT(ys)];
        avifCropRect asked = {x, y, W - x - (uint32_t)at % 3, h ? h : H - y}, crop;
        tc_fail fail;
        pixels got;

        set_crop(&file, &asked, W, H);
        crop = shown_part(&asked, format);
        cut += crop.height < H;
        tried++;
        if (decode(CODEC, &file, file.length, 1, NULL, &got, &fail) ||
            !is_part(&got, &whole, &crop)) {
            printf("# %ux%u at %u,%u: %s\n", asked.width, asked.height, x, y,
                   fail.error ? fail.text : "other pixels");
            bad++;
        }
        free(got.data);
    }
    ok(tried > 0 && cut > 0 && bad == 0, "%s: %u crops, each its part of the whole", what,
       tried);
    ok(tc_buffer_live() == 0, "... and no buffer is left over");
    free(whole.data);
    free(file.data);
}

int main(void)
{
    static const struct {
        avifPixelFormat format;
        const char *name;
    } formats[] = {{AVIF_PIXEL_FORMAT_YUV444, "4:4:4"},
                   {AVIF_PIXEL_FORMAT_YUV422, "4:2:2"},
                   {AVIF_PIXEL_FORMAT_YUV420, "4:2:0"},
                   {AVIF_PIXEL_FORMAT_YUV400, "4:0:0"}};
    static const struct {
        recipe recipe;
        const char *name;
    } kinds[] = {
        {{.depth = 8}, ""},
        {{.depth = 8, .alpha = true}, " with alpha"},
        {{.depth = 8, .alpha = true, .premultiplied = true}, " with premultiplied alpha"},
        {{.depth = 10}, " of 10 bits"},
        {{.depth = 12, .alpha = true}, " of 12 bits with alpha"},
        {{.depth = 8, .flags = AVIF_TRANSFORM_IROT | AVIF_TRANSFORM_IMIR, .angle = 1},
         " turned and mirrored"},
        {{.depth = 8, .alpha = true, .columns = 1, .rows = 1}, " in a grid of one"},
        {{.depth = 8, .alpha = true, .columns = 1, .rows = 2}, " in a grid of two"},
    };

    for (size_t at = 0; at < COUNT(formats) * COUNT(kinds); at++) {
        recipe recipe = kinds[at % COUNT(kinds)].recipe;
        char what[100];

        recipe.w = W;
        recipe.h = H;
        recipe.format = formats[at / COUNT(kinds)].format;
        recipe.flags |= AVIF_TRANSFORM_CLAP;
        recipe.crop = (avifCleanApertureBox){W, 1, H, 1, 0, 1, 0, 1};
        snprintf(what, sizeof what, "%s%s", formats[at / COUNT(kinds)].name,
                 kinds[at % COUNT(kinds)].name);
        try_crops(&recipe, what);
    }
    return done_testing();
}

#else

#include "tap.h"

int main(void)
{
    skip("AVIF", "libavif is not built in");
    return done_testing();
}

#endif
