/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blur, sharpen and unsharp: all three are a Gaussian blur, done horizontally and then
 * vertically, and a sum of it with the picture. The kernels are ImageMagick's (6.9,
 * morphology.c, effect.c and gem.c), so that RxS means here what it means there. Colour is
 * premultiplied; beyond the edges the picture goes on as its last pixel.
 *
 * ImageMagick's sharpening kernel is, in two dimensions, a Gaussian taken negative with
 * twice its sum at the centre. With g the Gaussian's value at the centre and s its sum, that
 * is p + s / (s + g) * (p - blurred p): an unsharp mask without a threshold.
 */
#include "base/buffer.h"
#include "effect_kind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A blur kernel is sampled this often a pixel; a sharpening one once. */
#define RANK 3

/* Where a Gaussian of no given radius ends: a level of 16 bits. */
#define FAINTEST (1 / 65535.0)

#define RADIUS_MOST 8192

/* What of picture and blur is added: picture + amount * (picture - blur), or the blur. */
typedef struct mix_factors {
    bool blur;
    float amount, threshold; /* of levels, for twice the difference */
} mix_factors;

struct tc_effect {
    mix_factors mix;
    uint8_t channels;
    bool alpha;
    uint32_t width, height, samples; /* of a row */
    uint32_t radius;
    float *weight;          /* of the centre and `radius` neighbours on each side */
    float *padded;          /* a row, premultiplied, and `radius` pixels on each side */
    uint32_t held, sources; /* rows in the rings */
    float *ring;            /* rows blurred horizontally; row y is at y % held */
    uint8_t *source;        /* rows as they came; a ring as well */
    float *sum;
    uint8_t *out;
    uint32_t next_in, next_out;
};

/* ---- kernels ------------------------------------------------------------------------ */

static double gaussian(double x, double sigma)
{
    return exp(-x * x / (2 * sigma * sigma));
}

/* How far a Gaussian of one or two `dimensions` reaches before it is too faint to show. */
static uint32_t reach(double sigma, unsigned dimensions)
{
    double side = gaussian(0, sigma) + 2 * gaussian(1, sigma);
    uint32_t radius = 2;

    for (;; radius++) {
        double edge = gaussian(radius, sigma);

        side += 2 * edge;
        if (radius >= RADIUS_MOST || edge / (dimensions == 1 ? side : side * side) < FAINTEST)
            return radius - 1;
    }
}

/* ImageMagick cuts a blur's radius to whole pixels and rounds a sharpening one up. */
static uint32_t whole_radius(const tc_gauss *gauss, bool sharpens)
{
    if (gauss->radius == 0)
        return reach(gauss->sigma, sharpens ? 2 : 1);
    if (sharpens || gauss->radius < 1)
        return (uint32_t)ceil(gauss->radius);
    return (uint32_t)gauss->radius;
}

/* The value `distance` pixels from the centre. */
static double kernel_value(uint32_t distance, double sigma, unsigned rank)
{
    double value = 0;
    int first = -(int)(rank / 2);

    for (int at = first; at <= -first; at++)
        value += gaussian(distance + (double)at / rank, sigma);
    return value;
}

static void fill_kernel(float *weight, uint32_t radius, double sigma, unsigned rank)
{
    double sum = 0;

    for (uint32_t at = 0; at <= radius; at++)
        sum += kernel_value(at, sigma, rank) * (at ? 2 : 1);
    for (uint32_t at = 0; at <= radius; at++)
        weight[at] = (float)(kernel_value(at, sigma, rank) / sum);
}

static mix_factors sharpening(const tc_gauss *gauss, uint32_t radius)
{
    double side = 1;

    for (uint32_t at = 1; at <= radius; at++)
        side += 2 * gaussian(at, gauss->sigma);
    return (mix_factors){false, (float)(side * side / (side * side + 1)), 0};
}

/* ---- making ----------------------------------------------------------------------------- */

typedef struct gauss_sizes {
    uint32_t radius, held, sources;
    size_t samples, padded;
} gauss_sizes;

static gauss_sizes find_sizes(const tc_gauss *gauss, const tc_shape *shape, bool sharpens,
                              bool blurs)
{
    uint8_t channels = tc_model_channels(shape->model);
    gauss_sizes sizes = {.radius = whole_radius(gauss, sharpens)};

    sizes.held = 2 * sizes.radius + 1;
    if (sizes.held > shape->height)
        sizes.held = shape->height;
    sizes.sources = blurs ? 0 : sizes.radius < shape->height ? sizes.radius + 1 : shape->height;
    sizes.samples = (size_t)shape->width * channels;
    sizes.padded = sizes.samples + (size_t)2 * sizes.radius * channels;
    return sizes;
}

static uint64_t bytes_for(const gauss_sizes *sizes)
{
    return sizeof(tc_effect) + sizes->radius * sizeof(float) +
           (sizes->held + 1) * (uint64_t)sizes->samples * sizeof(float) +
           sizes->padded * sizeof(float) + (sizes->sources + 1) * (uint64_t)sizes->samples;
}

/* Measured: a sample, of it each pair of weights in both passes, and its mixing; a pixel. */
#define SAMPLE_NS 2.8
#define PAIR_NS   0.29
#define MIX_NS    1.5
#define ALPHA_NS  5.0

static double pixel_ns(const tc_gauss *gauss, const tc_shape *shape, bool sharpens, bool blurs)
{
    double ns = SAMPLE_NS + PAIR_NS * whole_radius(gauss, sharpens) + (blurs ? 0 : MIX_NS);

    return ns * tc_model_channels(shape->model) +
           (tc_model_has_alpha(shape->model) ? ALPHA_NS : 0);
}

static tc_error make(tc_effect **effect, const tc_gauss *gauss, const tc_shape *shape,
                     bool sharpens, bool blurs)
{
    gauss_sizes sizes = find_sizes(gauss, shape, sharpens, blurs);
    tc_effect *made = calloc(1, sizeof *made);

    *effect = made;
    if (!made)
        return TC_E_NO_MEMORY;
    made->channels = tc_model_channels(shape->model);
    made->alpha = tc_model_has_alpha(shape->model);
    made->width = shape->width;
    made->height = shape->height;
    made->samples = (uint32_t)sizes.samples;
    made->radius = sizes.radius;
    made->held = sizes.held;
    made->sources = sizes.sources;
    made->weight = malloc((sizes.radius + 1) * sizeof *made->weight);
    made->padded = malloc(sizes.padded * sizeof *made->padded);
    made->ring = malloc(sizes.held * sizes.samples * sizeof *made->ring);
    made->source = blurs ? NULL : malloc(sizes.sources * sizes.samples);
    made->sum = malloc(sizes.samples * sizeof *made->sum);
    made->out = tc_buffer_alloc(sizes.samples);
    if (!made->weight || !made->padded || !made->ring || (!blurs && !made->source) ||
        !made->sum || !made->out)
        return TC_E_NO_MEMORY;
    fill_kernel(made->weight, sizes.radius, gauss->sigma, sharpens ? 1 : RANK);
    made->mix = (mix_factors){blurs, (float)gauss->amount, (float)(gauss->threshold * 255)};
    if (sharpens)
        made->mix = sharpening(gauss, sizes.radius);
    return TC_E_OK;
}

static void gauss_free(tc_effect *effect)
{
    if (!effect)
        return;
    free(effect->weight);
    free(effect->padded);
    free(effect->ring);
    free(effect->source);
    free(effect->sum);
    tc_buffer_free(effect->out);
    free(effect);
}

/* ---- rows in -------------------------------------------------------------------------------
 */

static void premultiply(float *to, const uint8_t *from, uint32_t pixels, uint8_t channels)
{
    for (; pixels > 0; pixels--, to += channels, from += channels) {
        float alpha = from[channels - 1];

        for (uint8_t c = 0; c + 1 < channels; c++)
            to[c] = from[c] * (alpha / 255);
        to[channels - 1] = alpha;
    }
}

static void load(const tc_effect *effect, float *to, const uint8_t *row)
{
    if (effect->alpha) {
        premultiply(to, row, effect->width, effect->channels);
        return;
    }
    for (uint32_t at = 0; at < effect->samples; at++)
        to[at] = row[at];
}

/* The row into `padded`, its ends repeated. */
static void pad(tc_effect *effect, const uint8_t *row)
{
    uint8_t channels = effect->channels;
    float *first = effect->padded + (size_t)effect->radius * channels;
    float *end = first + effect->samples;

    load(effect, first, row);
    for (float *to = effect->padded; to < first; to += channels)
        memcpy(to, first, channels * sizeof *to);
    for (uint32_t at = 0; at < effect->radius; at++)
        memcpy(end + (size_t)at * channels, end - channels, channels * sizeof *end);
}

/* sum = a * weight, or sum += (a + b) * weight. */
static void weigh(float *restrict sum, const float *restrict a, float weight, uint32_t length)
{
    for (uint32_t at = 0; at < length; at++)
        sum[at] = a[at] * weight;
}

static void weigh_pair(float *restrict sum, const float *a, const float *b, float weight,
                       uint32_t length)
{
    for (uint32_t at = 0; at < length; at++)
        sum[at] += (a[at] + b[at]) * weight;
}

static tc_error gauss_write_row(tc_effect *effect, const uint8_t *row)
{
    uint32_t y = effect->next_in++, samples = effect->samples;
    float *to = effect->ring + (size_t)(y % effect->held) * samples;
    const float *centre;

    if (effect->source)
        memcpy(effect->source + (size_t)(y % effect->sources) * samples, row, samples);
    pad(effect, row);
    centre = effect->padded + (size_t)effect->radius * effect->channels;
    weigh(to, centre, effect->weight[0], samples);
    for (uint32_t at = 1; at <= effect->radius; at++) {
        size_t off = (size_t)at * effect->channels;
        weigh_pair(to, centre - off, centre + off, effect->weight[at], samples);
    }
    return TC_E_OK;
}

/* ---- rows out ------------------------------------------------------------------------------
 */

/* The row blurred horizontally that is `off` rows from `y`, or the edge's. */
static const float *blurred(const tc_effect *effect, uint32_t y, int64_t off)
{
    int64_t at = y + off;

    at = at < 0 ? 0 : at >= effect->height ? effect->height - 1 : at;
    return effect->ring + (size_t)(at % effect->held) * effect->samples;
}

static float mixed(const mix_factors *mix, float picture, float blur)
{
    float difference = picture - blur;

    if (fabsf(2 * difference) < mix->threshold)
        return picture;
    return picture + mix->amount * difference;
}

static uint8_t to_byte(float value)
{
    value += 0.5F;
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)value;
}

static void unpremultiply(uint8_t *to, const float *from, uint32_t pixels, uint8_t channels)
{
    for (; pixels > 0; pixels--, to += channels, from += channels) {
        float alpha = from[channels - 1];

        to[channels - 1] = to_byte(alpha);
        for (uint8_t c = 0; c + 1 < channels; c++)
            to[c] = to[channels - 1] ? to_byte(from[c] * (255 / alpha)) : 0;
    }
}

/* An alpha over 255 would darken the colour that is divided by it. */
static void clamp_alpha(float *row, uint32_t pixels, uint8_t channels)
{
    for (row += channels - 1; pixels > 0; pixels--, row += channels)
        *row = *row > 255 ? 255 : *row;
}

static tc_error gauss_read_row(tc_effect *effect, const uint8_t **row)
{
    uint32_t y = effect->next_out, samples = effect->samples;
    uint32_t last =
        y + effect->radius < effect->height ? y + effect->radius : effect->height - 1;

    *row = NULL;
    if (y >= effect->height || effect->next_in <= last)
        return TC_E_OK;
    effect->next_out++;
    weigh(effect->sum, blurred(effect, y, 0), effect->weight[0], samples);
    for (uint32_t at = 1; at <= effect->radius; at++)
        weigh_pair(effect->sum, blurred(effect, y, -(int64_t)at), blurred(effect, y, at),
                   effect->weight[at], samples);
    if (!effect->mix.blur) {
        /* `padded` is free between rows. */
        load(effect, effect->padded, effect->source + (size_t)(y % effect->sources) * samples);
        for (uint32_t at = 0; at < samples; at++)
            effect->sum[at] = mixed(&effect->mix, effect->padded[at], effect->sum[at]);
    }
    if (effect->alpha) {
        clamp_alpha(effect->sum, effect->width, effect->channels);
        unpremultiply(effect->out, effect->sum, effect->width, effect->channels);
    } else {
        for (uint32_t at = 0; at < samples; at++)
            effect->out[at] = to_byte(effect->sum[at]);
    }
    *row = effect->out;
    return TC_E_OK;
}

/* ---- the three kinds -------------------------------------------------------------------- */

#define KIND(kind, sharpens, blurs)                                                          \
    static bool kind##_named(const tc_params *params)                                        \
    {                                                                                        \
        return params->kind.sigma > 0;                                                       \
    }                                                                                        \
    static uint64_t kind##_bytes(const tc_params *params, const tc_shape *shape)             \
    {                                                                                        \
        gauss_sizes sizes = find_sizes(&params->kind, shape, sharpens, blurs);               \
        return bytes_for(&sizes);                                                            \
    }                                                                                        \
    static double kind##_ns(const tc_params *params, const tc_shape *shape)                  \
    {                                                                                        \
        return pixel_ns(&params->kind, shape, sharpens, blurs);                              \
    }                                                                                        \
    static tc_error kind##_create(tc_effect **effect, const tc_params *params,               \
                                  const tc_shape *shape, tc_icon *icon, tc_fail *fail)       \
    {                                                                                        \
        (void)icon;                                                                          \
        (void)fail;                                                                          \
        return make(effect, &params->kind, shape, sharpens, blurs);                          \
    }                                                                                        \
    const tc_effect_kind tc_effect_##kind = {kind##_named,  kind##_bytes,    kind##_ns,      \
                                             kind##_create, gauss_write_row, gauss_read_row, \
                                             gauss_free};

KIND(unsharp, false, false)
KIND(sharpen, true, false)
KIND(blur, false, true)
