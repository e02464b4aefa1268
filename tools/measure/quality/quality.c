/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes tools/bench's pictures and judges answers:
 *
 *   quality prepare PHOTO WIDTH HEIGHT OUT.{jpg,png} [KEY=VALUE...]
 *   quality reference PICTURE WIDTH HEIGHT REFERENCE [wide=N high=N]
 *   quality encode REFERENCE OUT.{jpg,png} [quality=N]
 *   quality compare REFERENCE PICTURE...
 *
 * prepare: the middle of the photograph in the shape asked for, reduced to that size;
 * a photograph that has fewer pixels is not enlarged, which would leave it without
 * fine detail, but continued by its mirror image. Keys: quality=N, progressive=1,
 * restart=N (rows of MCUs between restart markers), alpha=1, which cuts an oval with a
 * soft edge. reference: the picture resized in double precision, as bytes on disk in this
 * machine's order; with wide and high only the middle of it, of that size. encode: that
 * reference written with plain libjpeg or libpng, the best that any program could answer.
 * compare: a line `SSIM PSNR WIDTH HEIGHT BYTES` a picture.
 */
#include "file.h"
#include "image.h"
#include "likeness.h"
#include "resize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct quality_options {
    writing how;
    int alpha;
    int wide, high; /* 0: all */
} quality_options;

static quality_options parse_options(int count, char **words)
{
    quality_options options = {.how = {.quality = 85}};

    for (int at = 0; at < count; at++) {
        if (sscanf(words[at], "quality=%d", &options.how.quality) != 1 &&
            sscanf(words[at], "progressive=%d", &options.how.progressive) != 1 &&
            sscanf(words[at], "restart=%d", &options.how.restart) != 1 &&
            sscanf(words[at], "wide=%d", &options.wide) != 1 &&
            sscanf(words[at], "high=%d", &options.high) != 1 &&
            sscanf(words[at], "alpha=%d", &options.alpha) != 1)
            quality_die("no such option", words[at]);
    }
    return options;
}

static uint32_t side(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*end || value < 1 || value > 65500)
        quality_die("not a size", text);
    return (uint32_t)value;
}

/* ---- prepare ------------------------------------------------------------------- */

/* Sample `at` of a row of `length` that goes on by its mirror image. */
static uint32_t mirrored(uint32_t at, uint32_t length)
{
    uint32_t there = at % (2 * length);

    return there < length ? there : 2 * length - 1 - there;
}

/* A rectangle of w x h pixels from x, y on, mirrored where the picture ends. */
static bytes_image cut(const bytes_image *from, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
    bytes_image to = {w, h, 3, quality_alloc((size_t)w * h, 3)};

    for (uint32_t row = 0; row < h; row++) {
        const uint8_t *line =
            from->data + (size_t)mirrored(y + row, from->h) * from->w * from->channels;
        uint8_t *put = to.data + (size_t)row * w * 3;
        for (uint32_t column = 0; column < w; column++)
            memcpy(put + 3 * (size_t)column,
                   line + (size_t)mirrored(x + column, from->w) * from->channels, 3);
    }
    return to;
}

static bytes_image fitted(const bytes_image *photo, uint32_t w, uint32_t h)
{
    double scale = fmin((double)photo->w / w, (double)photo->h / h);
    uint32_t wide, high;
    bytes_image middle, rounded;
    exact_image exact;

    if (scale <= 1)
        return cut(photo, 0, 0, w, h);
    wide = (uint32_t)(w * scale);
    high = (uint32_t)(h * scale);
    middle = cut(photo, (photo->w - wide) / 2, (photo->h - high) / 2, wide, high);
    exact = quality_resize(&middle, w, h);
    rounded = quality_round(&exact);
    free(exact.data);
    free(middle.data);
    return rounded;
}

/* Opaque inside an oval, clear outside, an eighth of its radius between. */
static bytes_image with_alpha(const bytes_image *from)
{
    bytes_image to = {from->w, from->h, 4, quality_alloc((size_t)from->w * from->h, 4)};

    for (uint32_t y = 0; y < to.h; y++) {
        for (uint32_t x = 0; x < to.w; x++) {
            size_t at = (size_t)y * to.w + x;
            double far = hypot((x + 0.5) * 2 / to.w - 1, (y + 0.5) * 2 / to.h - 1);
            double alpha = (1 - far) * 8;
            memcpy(to.data + 4 * at, from->data + 3 * at, 3);
            to.data[4 * at + 3] = (uint8_t)(255 * fmin(1, fmax(0, alpha)) + 0.5);
        }
    }
    return to;
}

static void prepare(int argc, char **argv)
{
    quality_options options = parse_options(argc - 4, argv + 4);
    bytes_image photo = quality_read(argv[0]);
    bytes_image image = fitted(&photo, side(argv[1]), side(argv[2]));

    free(photo.data);
    if (options.alpha) {
        bytes_image cut_out = with_alpha(&image);
        free(image.data);
        image = cut_out;
    }
    quality_write(argv[3], &image, &options.how);
    free(image.data);
}

/* ---- references ------------------------------------------------------------------ */

static const char magic[8] = "tcref 1";

/* The middle of the picture, in place. What is over must be even: half a pixel would blur. */
static void keep_middle(exact_image *image, uint32_t wide, uint32_t high)
{
    uint32_t left = (image->w - wide) / 2, above = (image->h - high) / 2;
    size_t row = (size_t)wide * image->channels;

    if (wide > image->w || high > image->h || (image->w - wide) % 2 || (image->h - high) % 2)
        quality_die("not the middle", "wide and high");
    for (uint32_t y = 0; y < high; y++)
        memmove(image->data + y * row,
                image->data + ((size_t)(above + y) * image->w + left) * image->channels,
                row * sizeof *image->data);
    image->w = wide;
    image->h = high;
}

static void reference(int argc, char **argv)
{
    quality_options options = parse_options(argc - 4, argv + 4);
    bytes_image image = quality_read(argv[0]);
    exact_image exact = quality_resize(&image, side(argv[1]), side(argv[2]));
    uint32_t head[3];
    size_t samples;
    FILE *out = fopen(argv[3], "wb");

    if (options.wide > 0 && options.high > 0)
        keep_middle(&exact, (uint32_t)options.wide, (uint32_t)options.high);
    memcpy(head, (uint32_t[]){exact.w, exact.h, exact.channels}, sizeof head);
    samples = (size_t)exact.w * exact.h * exact.channels;
    if (!out || fwrite(magic, sizeof magic, 1, out) != 1 ||
        fwrite(head, sizeof head, 1, out) != 1 ||
        fwrite(exact.data, sizeof *exact.data, samples, out) != samples || fclose(out) != 0)
        quality_die("cannot write", argv[3]);
    free(image.data);
    free(exact.data);
}

static exact_image read_reference(const char *name)
{
    exact_image exact = {0};
    uint32_t head[3];
    char start[sizeof magic];
    size_t samples;
    FILE *in = fopen(name, "rb");

    if (!in || fread(start, sizeof start, 1, in) != 1 ||
        memcmp(start, magic, sizeof magic) != 0 || fread(head, sizeof head, 1, in) != 1 ||
        head[0] > 65500 || head[1] > 65500 || (head[2] != 3 && head[2] != 4))
        quality_die("not a reference", name);
    exact = (exact_image){head[0], head[1], head[2], NULL};
    samples = (size_t)exact.w * exact.h * exact.channels;
    exact.data = quality_alloc(samples, sizeof *exact.data);
    if (fread(exact.data, sizeof *exact.data, samples, in) != samples)
        quality_die("broken off", name);
    fclose(in);
    return exact;
}

static void encode(int argc, char **argv)
{
    quality_options options = parse_options(argc - 2, argv + 2);
    exact_image exact = read_reference(argv[0]);
    bytes_image image = quality_round(&exact);

    quality_write(argv[1], &image, &options.how);
    free(image.data);
    free(exact.data);
}

static void compare(int argc, char **argv)
{
    exact_image exact = read_reference(argv[0]);
    double *ideal = quality_luma(&exact);

    for (int at = 1; at < argc; at++) {
        bytes_image image = quality_read(argv[at]);
        double *luma;
        struct stat info;
        if (image.w != exact.w || image.h != exact.h)
            quality_die("not of the reference's size", argv[at]);
        luma = quality_luma_bytes(&image);
        if (stat(argv[at], &info) != 0)
            quality_die("no such file", argv[at]);
        printf("%.5f %.3f %u %u %lld\n", quality_ssim(ideal, luma, image.w, image.h),
               quality_psnr(ideal, luma, image.w, image.h), image.w, image.h,
               (long long)info.st_size);
        free(luma);
        free(image.data);
    }
    free(ideal);
    free(exact.data);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    if (strcmp(verb, "prepare") == 0 && argc >= 6)
        prepare(argc - 2, argv + 2);
    else if (strcmp(verb, "reference") == 0 && argc >= 6)
        reference(argc - 2, argv + 2);
    else if (strcmp(verb, "encode") == 0 && argc >= 4)
        encode(argc - 2, argv + 2);
    else if (strcmp(verb, "compare") == 0 && argc >= 4)
        compare(argc - 2, argv + 2);
    else
        quality_die("usage", "quality prepare|reference|encode|compare ...");
    return 0;
}
