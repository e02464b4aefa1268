/* SPDX-License-Identifier: Apache-2.0 */
/* How like two pictures are: luma, PSNR, SSIM. */
#include "likeness.h"

#include <math.h>
#include <stdlib.h>

#define WINDOW 11
#define SIGMA  1.5
#define GREY   128.0 /* what lies under transparency */

/* One pixel's luma: premultiplied colours, alpha 0..1. */
static double luma_of(double r, double g, double b, double alpha)
{
    return 0.299 * r + 0.587 * g + 0.114 * b + (1 - alpha) * GREY;
}

double *quality_luma(const exact_image *image)
{
    size_t pixels = (size_t)image->w * image->h;
    double *luma = quality_alloc(pixels, sizeof *luma);

    for (size_t at = 0; at < pixels; at++) {
        const double *from = image->data + at * image->channels;
        double value =
            luma_of(from[0], from[1], from[2], image->channels == 4 ? from[3] / 255 : 1);
        /* What no 8-bit picture can hold is nobody's fault. */
        luma[at] = fmin(255, fmax(0, value));
    }
    return luma;
}

double *quality_luma_bytes(const bytes_image *image)
{
    size_t pixels = (size_t)image->w * image->h;
    double *luma = quality_alloc(pixels, sizeof *luma);

    for (size_t at = 0; at < pixels; at++) {
        const uint8_t *from = image->data + at * image->channels;
        double alpha = image->channels == 4 ? from[3] / 255.0 : 1;
        luma[at] = luma_of(from[0] * alpha, from[1] * alpha, from[2] * alpha, alpha);
    }
    return luma;
}

double quality_psnr(const double *a, const double *b, uint32_t w, uint32_t h)
{
    size_t samples = (size_t)w * h;
    double sum = 0;

    for (size_t at = 0; at < samples; at++)
        sum += (a[at] - b[at]) * (a[at] - b[at]);
    return sum == 0 ? 99 : 10 * log10(255.0 * 255.0 * (double)samples / sum);
}

/* The means, weighted by the window, of a, b, aa, bb and ab around one place. */
typedef struct moments {
    double a, b, aa, bb, ab;
} moments;

static double similarity(const moments *m)
{
    const double c1 = 0.01 * 255 * 0.01 * 255, c2 = 0.03 * 255 * 0.03 * 255;
    double both = m->ab - m->a * m->b;
    double spread = m->aa - m->a * m->a + m->bb - m->b * m->b;

    return (2 * m->a * m->b + c1) * (2 * both + c2) /
           ((m->a * m->a + m->b * m->b + c1) * (spread + c2));
}

static void add(moments *m, double weight, const moments *from)
{
    m->a += weight * from->a;
    m->b += weight * from->b;
    m->aa += weight * from->aa;
    m->bb += weight * from->bb;
    m->ab += weight * from->ab;
}

static void make_window(double *window)
{
    double sum = 0;

    for (int k = 0; k < WINDOW; k++) {
        double far = k - WINDOW / 2;
        sum += window[k] = exp(-far * far / (2 * SIGMA * SIGMA));
    }
    for (int k = 0; k < WINDOW; k++)
        window[k] /= sum;
}

double quality_ssim(const double *a, const double *b, uint32_t w, uint32_t h)
{
    double window[WINDOW], sum = 0;
    moments *horizontal;
    uint32_t inside = w - WINDOW + 1;

    if (w < WINDOW || h < WINDOW)
        quality_die("too small to compare", "SSIM");
    make_window(window);
    horizontal = quality_alloc((size_t)inside * h, sizeof *horizontal);
    for (uint32_t y = 0; y < h; y++) {
        const double *p = a + (size_t)y * w, *q = b + (size_t)y * w;
        for (uint32_t x = 0; x < inside; x++) {
            for (uint32_t k = 0; k < WINDOW; k++) {
                double s = p[x + k], t = q[x + k];
                moments one = {s, t, s * s, t * t, s * t};
                add(&horizontal[(size_t)y * inside + x], window[k], &one);
            }
        }
    }
    for (uint32_t y = 0; y + WINDOW <= h; y++) {
        for (uint32_t x = 0; x < inside; x++) {
            moments whole = {0};
            for (uint32_t k = 0; k < WINDOW; k++)
                add(&whole, window[k], &horizontal[(size_t)(y + k) * inside + x]);
            sum += similarity(&whole);
        }
    }
    free(horizontal);
    return sum / ((double)inside * (h - WINDOW + 1));
}
