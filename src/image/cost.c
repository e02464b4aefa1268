/* SPDX-License-Identifier: Apache-2.0 */
#include "cost.h"

#include "cicp.h"
#include "colour.h"
#include "effect.h"
#include "orientation.h"
#include "picture.h"
#include "taps.h"

#include <stdio.h>

/*
 * All constants are nanoseconds of one thread of an AMD EPYC (Zen 3) under load, with
 * libjpeg-turbo 2.1, libpng 1.6, libwebp 1.2, libavif 0.11 with aom 3.6 and dav1d 1.0.
 */

/* ---- decoding ----------------------------------------------------------------------- */

#define REDUCTIONS 4 /* 1, 2, 4, 8 */

/* How a picture is stored, as far as it decides what decoding takes. */
typedef enum storage {
    JPEG_ROWS,
    JPEG_SCANS,
    PNG_ROWS,
    PNG_PASSES,
    GIF_ROWS,
    WEBP_LOSSY,
    WEBP_LOSSLESS,
    AVIF_PICTURE,
    STORAGES
} storage;

static const struct {
    bool samples;            /* `each` is for a sample, else for a pixel */
    double byte;             /* of the file */
    double bytes_most;       /* what bytes can take a pixel or sample; 0: no bound */
    double each[REDUCTIONS]; /* of the picture before it is reduced */
    double byte_eighth;      /* where other than `byte`; 0: the same */
} decoding[STORAGES] = {
    [JPEG_ROWS] = {false, 10, 0, {1.9, 1.7, 1, 0.6}, 0},
    /* At 1/8 most scans are not read. */
    [JPEG_SCANS] = {false, 30, 0, {8, 7, 6, 5}, 8},
    /* What does not compress is stored as it is, in less time. */
    [PNG_ROWS] = {true, 5.5, 2.4, {3}, 0},
    [PNG_PASSES] = {true, 5.5, 2.4, {7.5}, 0},
    [GIF_ROWS] = {false, 5, 0, {7}, 0},
    [WEBP_LOSSY] = {false, 68, 0, {5, 4, 3.5, 3}, 0},
    [WEBP_LOSSLESS] = {false, 36, 45, {5, 5, 5, 5}, 0},
    [AVIF_PICTURE] = {false, 62, 0, {18}, 0},
};

/* Of what is decoded with more than 8 bits a sample, or with a plane of alpha apart. */
#define DEEP_FACTOR  1.7
#define ALPHA_FACTOR 1.4

static storage storage_of(const tc_image_info *info)
{
    bool held = info->held_bytes > 0;

    switch (info->format) {
    case TC_FORMAT_PNG:
        return held ? PNG_PASSES : PNG_ROWS;
    case TC_FORMAT_GIF:
        return GIF_ROWS;
    case TC_FORMAT_WEBP:
        return info->lossless ? WEBP_LOSSLESS : WEBP_LOSSY;
    case TC_FORMAT_AVIF:
        return AVIF_PICTURE;
    default:
        return held ? JPEG_SCANS : JPEG_ROWS;
    }
}

/* Whether rows come as they are decoded, and those below the last that is used do not. */
static bool streams(storage storage)
{
    return storage == JPEG_ROWS || storage == PNG_ROWS || storage == GIF_ROWS ||
           storage == WEBP_LOSSY;
}

static double decode_ns(const tc_image_info *info, const tc_plan *plan, const tc_rect *used,
                        double bytes)
{
    storage storage = storage_of(info);
    unsigned at = plan->reduce == 8 ? 3 : plan->reduce / 2;
    double rows = streams(storage) ? (double)used->y + used->h : info->height;
    double count = rows * info->width;
    double byte = decoding[storage].byte, most = decoding[storage].bytes_most, ns;

    if (plan->reduce == 8 && decoding[storage].byte_eighth > 0)
        byte = decoding[storage].byte_eighth;
    if (decoding[storage].samples)
        count *= tc_model_channels(info->model);
    ns = bytes * rows / info->height * byte;
    if (most > 0 && ns > count * most)
        ns = count * most;
    ns += count * decoding[storage].each[at];
    if (storage == AVIF_PICTURE && tc_model_has_alpha(info->model))
        ns *= ALPHA_FACTOR;
    if (info->cmyk)
        ns += count / plan->reduce / plan->reduce * 4;
    return info->deep ? ns * DEEP_FACTOR : ns;
}

/* ---- resampling, colours, canvas ---------------------------------------------------- */

#define ACROSS_MAC   0.06 /* one weight times one sample */
#define DOWN_MAC     0.09
#define SAMPLE       0.25 /* an answer's sample, taps aside */
#define PREMULTIPLY  1.2  /* a source pixel with alpha */
#define DIVIDE       4.0  /* an answer's pixel with alpha */
#define TURN         7.0  /* a pixel of a picture that is turned by 90 degrees or 180 */
#define CANVAS       2.0  /* a pixel laid on a canvas, or made of grey */
#define CANVAS_ALPHA 4.5
#define PLANES       2 /* planes of 4:2:0 take as much as so many channels */

/* To make a profile's transform. */
#define PROFILE 4e6

/* A pixel through it, by model. */
static const double profile_ns[] = {
    [TC_GREY] = 1, [TC_GREY_ALPHA] = 1, [TC_RGB] = 18, [TC_RGB_ALPHA] = 48, [TC_CMYK] = 70};

static double resample_ns(const tc_image_info *info, const tc_plan *plan, const tc_rect *used)
{
    double reduce = plan->reduce;
    tc_axis x = {plan->source.x / reduce,
                 ((double)plan->source.x + plan->source.w) / reduce,
                 info->width / plan->reduce + 1,
                 plan->scaled_w,
                 plan->visible.x,
                 plan->visible.w,
                 0};
    tc_axis y = {plan->source.y / reduce,
                 ((double)plan->source.y + plan->source.h) / reduce,
                 info->height / plan->reduce + 1,
                 plan->scaled_h,
                 plan->visible.y,
                 plan->visible.h,
                 0};
    double rows = used->h / reduce, out = (double)plan->visible.w * plan->visible.h;
    unsigned channels = info->planes ? PLANES : tc_model_channels(info->model);
    double macs = rows * plan->visible.w * tc_taps_most(&x) * ACROSS_MAC +
                  out * tc_taps_most(&y) * DOWN_MAC;
    double ns = channels * (macs + out * SAMPLE);

    if (tc_model_has_alpha(info->model))
        ns += rows * used->w / reduce * PREMULTIPLY + out * DIVIDE;
    return plan->orientation > 2 ? ns + out * TURN : ns;
}

uint64_t tc_cost_picture_ns(const tc_image_info *info, const tc_plan *plan, uint64_t bytes)
{
    tc_rect used;

    if (plan->empty)
        return 0;
    used = tc_picture_source(info, plan);
    return (uint64_t)(decode_ns(info, plan, &used, (double)bytes) +
                      resample_ns(info, plan, &used));
}

/* ---- encoding ----------------------------------------------------------------------- */

#define POINTS 5

/* Qualities between which what a pixel takes is interpolated. */
static const unsigned point[POINTS] = {1, 30, 82, 95, 99};

typedef struct curve {
    double ns[POINTS];
} curve;

static const curve jpeg_curve = {{2.8, 3.4, 5, 7.5, 10}};
static const curve jpeg_scans_curve = {{20, 31, 50, 62, 70}};
static const curve webp_curve = {{90, 135, 215, 275, 330}};
/* The encoder cannot be interrupted: this is noise's. */
static const curve avif_curve = {{65, 140, 225, 280, 330}};

#define GREY_FACTOR      0.7 /* of JPEG and AVIF, without chroma */
#define PNG_SAMPLE       11.0
#define PNG_FLAT_SAMPLE  16.0
#define PNG_PALETTE      60.0 /* a pixel that may come to be an index */
#define WEBP_LOSSLESS_NS 300.0
#define WEBP_ALPHA       300.0 /* the dearest: libwebp cannot be interrupted in it */
#define AVIF_LOSSLESS    760.0
#define AVIF_ALPHA       140.0
#define AVIF_ALPHA_EXACT 280.0

static double on_curve(const curve *curve, unsigned quality)
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

/* ---- the whole ---------------------------------------------------------------------- */

/* What the smallest takes: headers, tables, allocations. */
#define START 0.4e6

/* Between picture and encoder: the profile's colours, the canvas, effects. */
static double answer_ns(const tc_plan *plan, const tc_cost_case *of)
{
    const tc_image_info *info = of->info;
    double picture = (double)plan->picture_w * plan->picture_h;
    double output = (double)plan->output_w * plan->output_h, ns = START;
    tc_shape shape = {of->spec.model, plan->output_w, plan->output_h};

    if (info->icc || !tc_cicp_is_srgb(info->cicp))
        ns += PROFILE + picture * profile_ns[tc_image_profile_model(info)];
    if (!of->direct)
        ns += output * CANVAS + (tc_model_has_alpha(info->model) ? picture * CANVAS_ALPHA : 0);
    return ns + (double)tc_effects_ns(of->params, &shape);
}

void tc_cost_add(tc_plan *plan, const tc_cost_case *of)
{
    tc_shape shape = {of->spec.model, plan->output_w, plan->output_h};

    plan->bytes += tc_effects_bytes(of->params, &shape);
    /* The decoder's profile, its transform, and EXIF with the copy for the answer. */
    plan->bytes += of->info->icc_length + 2 * (uint64_t)of->info->exif_length;
    if (of->info->icc)
        plan->bytes += tc_transform_bytes(of->info->icc, of->info->icc_length,
                                          tc_image_profile_model(of->info));
    else if (!tc_cicp_is_srgb(of->info->cicp))
        plan->bytes += tc_cicp_bytes();
    plan->bytes += of->target->encode_held ? of->target->encode_held(&of->spec) : 0;
    plan->cost_ns = tc_cost_picture_ns(of->info, plan, of->source_bytes) +
                    (uint64_t)answer_ns(plan, of) +
                    tc_cost_encode_ns(of->target->format, &of->spec);
}

/* What sets a limit, for people: " (TmpfsConvertMaxCost)". */
static const char *named(const char *by, char *text, size_t size)
{
    *text = '\0';
    if (by)
        snprintf(text, size, " (%s)", by);
    return text;
}

tc_error tc_cost_check(const tc_plan *plan, const tc_limits *limits, tc_fail *fail)
{
    char by[64];

    if (limits->max_memory && plan->bytes > limits->max_memory)
        return tc_fail_set(fail, TC_E_TOO_COSTLY,
                           "the conversion would take %llu MiB, over the limit of %llu%s",
                           (unsigned long long)((plan->bytes >> 20) + 1),
                           (unsigned long long)(limits->max_memory >> 20),
                           named(limits->memory_by, by, sizeof by));
    if (limits->max_cost_ns && plan->cost_ns > limits->max_cost_ns)
        return tc_fail_set(fail, TC_E_TOO_COSTLY,
                           "the conversion would take about %.1f s of a processor, over the "
                           "limit of %.1f s%s",
                           (double)plan->cost_ns / 1e9, (double)limits->max_cost_ns / 1e9,
                           named(limits->cost_by, by, sizeof by));
    return TC_E_OK;
}
