/* SPDX-License-Identifier: Apache-2.0 */
#include "encode_cost.h"

#include "png_deflate.h"

/* Measured as in image/picture/decode_cost.c. */

#define POINTS 5

/* Qualities between which what a pixel takes is interpolated. */
static const unsigned point[POINTS] = {1, 30, 82, 95, 99};

typedef struct cost_curve {
    double ns[POINTS];
} cost_curve;

static const cost_curve jpeg_curve = {{2.8, 3.4, 5, 7.5, 10}};
static const cost_curve jpeg_scans_curve = {{20, 31, 50, 62, 70}};
static const cost_curve webp_curve = {{90, 135, 215, 275, 330}};
/* The encoder cannot be interrupted: this is noise's. */
static const cost_curve avif_curve = {{65, 140, 225, 280, 330}};

#define GREY_FACTOR      0.7 /* of JPEG and AVIF, without chroma */
#define PNG_SAMPLE       11.0
#define PNG_FAST_SAMPLE  6.0 /* by ISA-L */
#define PNG_FLAT_SAMPLE  16.0
#define PNG_PALETTE      60.0 /* a pixel that may come to be an index */
#define WEBP_LOSSLESS_NS 300.0
#define WEBP_ALPHA       300.0 /* the dearest: libwebp cannot be interrupted in it */
#define AVIF_LOSSLESS    760.0
#define AVIF_ALPHA       140.0
#define AVIF_ALPHA_EXACT 280.0

static double on_curve(const cost_curve *curve, unsigned quality)
{
    int at = 1;

    if (quality >= point[POINTS - 1])
        return curve->ns[POINTS - 1];
    while (quality > point[at])
        at++;
    return curve->ns[at - 1] + (curve->ns[at] - curve->ns[at - 1]) *
                                   ((double)quality - point[at - 1]) /
                                   (point[at] - point[at - 1]);
}

static double png_ns(const tc_encode_spec *spec)
{
    if (spec->palette && (uint64_t)spec->width * spec->height <= TC_PALETTE_PIXELS_MAX)
        return PNG_PALETTE;
    if (tc_png_deflate_takes(spec))
        return tc_model_channels(spec->model) * PNG_FAST_SAMPLE;
    return tc_model_channels(spec->model) * (spec->flat ? PNG_FLAT_SAMPLE : PNG_SAMPLE);
}

static double webp_ns(const tc_encode_spec *spec)
{
    if (spec->lossless)
        return WEBP_LOSSLESS_NS;
    return on_curve(&webp_curve, spec->quality) +
           (tc_model_has_alpha(spec->model) ? WEBP_ALPHA : 0);
}

static double avif_ns(const tc_encode_spec *spec)
{
    double ns = spec->lossless ? AVIF_LOSSLESS : on_curve(&avif_curve, spec->quality);

    if (tc_model_is_grey(spec->model))
        ns *= GREY_FACTOR;
    if (tc_model_has_alpha(spec->model))
        ns += spec->lossless ? AVIF_ALPHA_EXACT : AVIF_ALPHA;
    return ns;
}

static double jpeg_ns(const tc_encode_spec *spec)
{
    double ns = on_curve(spec->progressive ? &jpeg_scans_curve : &jpeg_curve, spec->quality);

    return spec->model == TC_GREY ? ns * GREY_FACTOR : ns;
}

uint64_t tc_cost_encode_ns(tc_format format, const tc_encode_spec *spec)
{
    double pixels = (double)spec->width * spec->height;

    switch (format) {
    case TC_FORMAT_PNG:
        return (uint64_t)(pixels * png_ns(spec));
    case TC_FORMAT_WEBP:
        return (uint64_t)(pixels * webp_ns(spec));
    case TC_FORMAT_AVIF:
        return (uint64_t)(pixels * avif_ns(spec));
    default:
        return (uint64_t)(pixels * jpeg_ns(spec));
    }
}
