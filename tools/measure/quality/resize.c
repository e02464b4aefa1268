/* SPDX-License-Identifier: Apache-2.0 */
/* The exact resize: no tables shared, no rounding, one pixel at a time. */
#include "resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOBES 3

/* The weights of one output sample: `count` source samples from `first` on. */
typedef struct weights {
    uint32_t first, count;
    double *weight;
} weights;

static double lanczos(double x)
{
    double t = x * M_PI;

    if (fabs(x) < 1e-9)
        return 1;
    return fabs(x) >= LOBES ? 0 : LOBES * sin(t) * sin(t / LOBES) / (t * t);
}

static weights *make_weights(uint32_t from, uint32_t to)
{
    double scale = (double)from / to, stretch = scale > 1 ? scale : 1;
    weights *made = quality_alloc(to, sizeof *made);

    for (uint32_t at = 0; at < to; at++) {
        double centre = (at + 0.5) * scale, sum = 0;
        double low = fmax(0, floor(centre - LOBES * stretch));
        double high = fmin(from, ceil(centre + LOBES * stretch));
        weights *of = &made[at];
        of->first = (uint32_t)low;
        of->count = (uint32_t)(high - low);
        of->weight = quality_alloc(of->count, sizeof *of->weight);
        for (uint32_t k = 0; k < of->count; k++)
            sum += of->weight[k] = lanczos((of->first + k + 0.5 - centre) / stretch);
        for (uint32_t k = 0; k < of->count; k++)
            of->weight[k] /= sum;
    }
    return made;
}

static void free_weights(weights *made, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++)
        free(made[at].weight);
    free(made);
}

/* A row in double, colours premultiplied. */
static void widen(double *to, const uint8_t *from, uint32_t w, unsigned channels)
{
    for (uint32_t x = 0; x < w; x++, to += channels, from += channels) {
        double alpha = channels == 4 ? from[3] / 255.0 : 1;
        for (unsigned c = 0; c < 3; c++)
            to[c] = from[c] * alpha;
        if (channels == 4)
            to[3] = from[3];
    }
}

static void resize_row(double *to, const double *from, const weights *horizontal, uint32_t w,
                       unsigned channels)
{
    for (uint32_t x = 0; x < w; x++) {
        const weights *of = &horizontal[x];
        for (unsigned c = 0; c < channels; c++) {
            double sum = 0;
            for (uint32_t k = 0; k < of->count; k++)
                sum += of->weight[k] * from[(size_t)(of->first + k) * channels + c];
            to[(size_t)x * channels + c] = sum;
        }
    }
}

exact_image quality_resize(const bytes_image *image, uint32_t w, uint32_t h)
{
    unsigned channels = image->channels;
    size_t stride = (size_t)w * channels;
    exact_image to = {w, h, channels, quality_alloc(h, stride * sizeof(double))};
    double *narrow = quality_alloc(image->h, stride * sizeof(double));
    double *row = quality_alloc((size_t)image->w * channels, sizeof(double));
    weights *horizontal = make_weights(image->w, w), *vertical = make_weights(image->h, h);

    for (uint32_t y = 0; y < image->h; y++) {
        widen(row, image->data + (size_t)y * image->w * channels, image->w, channels);
        resize_row(narrow + stride * y, row, horizontal, w, channels);
    }
    for (uint32_t y = 0; y < h; y++) {
        double *put = to.data + stride * y;
        for (uint32_t k = 0; k < vertical[y].count; k++) {
            const double *from = narrow + stride * (vertical[y].first + k);
            for (size_t x = 0; x < stride; x++)
                put[x] += vertical[y].weight[k] * from[x];
        }
    }
    free_weights(horizontal, w);
    free_weights(vertical, h);
    free(narrow);
    free(row);
    return to;
}

static uint8_t level(double value)
{
    return (uint8_t)(fmin(255, fmax(0, value)) + 0.5);
}

bytes_image quality_round(const exact_image *image)
{
    unsigned channels = image->channels;
    size_t pixels = (size_t)image->w * image->h;
    bytes_image to = {image->w, image->h, channels, quality_alloc(pixels, channels)};

    for (size_t at = 0; at < pixels; at++) {
        const double *from = image->data + at * channels;
        uint8_t *put = to.data + at * channels;
        double alpha = channels == 4 ? from[3] / 255 : 1;
        for (unsigned c = 0; c < 3; c++)
            put[c] = level(alpha > 0 ? from[c] / alpha : 0);
        if (channels == 4)
            put[3] = level(from[3]);
    }
    return to;
}
