/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Row effects against the same thing done slowly: a two-dimensional convolution of the
 * whole picture in double precision with the kernel that ImageMagick's source gives, a
 * border painted pixel by pixel. For every model, for pictures smaller than the kernel.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "image/compose/effect.h"

static uint32_t random_state = 20250301;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

typedef struct picture {
    tc_shape shape;
    uint8_t *data;
} picture;

static uint8_t *at(const picture *p, uint32_t x, uint32_t y)
{
    return p->data + ((size_t)y * p->shape.width + x) * tc_model_channels(p->shape.model);
}

static picture make(tc_model model, uint32_t w, uint32_t h)
{
    picture p = {{model, w, h}, malloc((size_t)w * h * 4)};

    if (!p.data)
        abort();
    for (size_t i = 0; i < (size_t)w * h * tc_model_channels(model); i++)
        p.data[i] = (uint8_t)(random_below(3) ? random_below(256) : random_below(2) * 255);
    return p;
}

/* The picture through the effects; `*late` gets how many rows the first came after. */
static picture run(const picture *from, const char *text, uint32_t *late, bool *good)
{
    picture to = {from->shape, malloc((size_t)from->shape.width * from->shape.height * 4)};
    size_t stride = (size_t)from->shape.width * tc_model_channels(from->shape.model);
    tc_effects *effects = NULL;
    tc_fail fail = {TC_E_OK, ""};
    uint32_t out = 0;
    tc_params params;

    *late = 0;
    tc_params_init(&params);
    *good = to.data && tc_params_parse(&params, text, strlen(text), NULL, NULL, &fail) == 0 &&
            tc_effects_create(&effects, &params, &from->shape, NULL, &fail) == 0;
    for (uint32_t y = 0; *good && y < from->shape.height; y++) {
        const uint8_t *row;
        uint8_t *copy = malloc(stride); /* so that a row kept too long is seen */

        memcpy(copy, from->data + stride * y, stride);
        *good = tc_effects_write_row(effects, copy) == 0;
        while (*good && tc_effects_read_row(effects, &row) == 0 && row) {
            if (out == 0)
                *late = y;
            if (out < from->shape.height)
                memcpy(to.data + stride * out, row, stride);
            out++;
        }
        free(copy);
    }
    *good = *good && out == from->shape.height;
    tc_effects_free(effects);
    return to;
}

/* ---- the same done slowly ------------------------------------------------------------ */

static double gaussian(double x, double y, double sigma)
{
    return exp(-(x * x + y * y) / (2 * sigma * sigma));
}

/* ImageMagick's BlurKernel (morphology.c): three samples a pixel, 3 sigma and 3 widths. */
static double blur_side(int u, double sigma)
{
    double value = 0;

    for (int i = -1; i <= 1; i++)
        value += gaussian(3 * u + i, 0, 3 * sigma);
    return value;
}

typedef enum effect_name { BLUR, SHARPEN, UNSHARP } effect_name;

/* The kernel's value at u, v, of radius r, normalised. */
static double *kernel(effect_name what, int r, double sigma)
{
    int side = 2 * r + 1;
    double *value = calloc((size_t)side * (size_t)side, sizeof *value), sum = 0;

    for (int v = -r; v <= r; v++) {
        for (int u = -r; u <= r; u++) {
            double here = what == SHARPEN ? -gaussian(u, v, sigma)
                                          : blur_side(u, sigma) * blur_side(v, sigma);
            value[(v + r) * side + u + r] = here;
            sum += here;
        }
    }
    if (what == SHARPEN) { /* SharpenImage (effect.c) */
        double centre = value[r * side + r];
        value[r * side + r] = -2 * sum;
        sum = sum - centre - 2 * sum;
    }
    for (int i = 0; i < side * side; i++)
        value[i] /= sum;
    return value;
}

static double level(double value)
{
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

/* The convolved sample `c` at x, y, premultiplied; the edges repeated. */
static double convolved(const picture *p, const double *k, int r, int x, int y, int c)
{
    int channels = tc_model_channels(p->shape.model), side = 2 * r + 1;
    bool alpha = tc_model_has_alpha(p->shape.model);
    double sum = 0;

    for (int v = -r; v <= r; v++) {
        for (int u = -r; u <= r; u++) {
            int sx = x + u, sy = y + v, w = (int)p->shape.width, h = (int)p->shape.height;
            const uint8_t *pixel;
            double weight = k[(v + r) * side + u + r];

            sx = sx < 0 ? 0 : sx >= w ? w - 1 : sx;
            sy = sy < 0 ? 0 : sy >= h ? h - 1 : sy;
            pixel = at(p, (uint32_t)sx, (uint32_t)sy);
            if (alpha && c < channels - 1)
                weight *= pixel[channels - 1] / 255.0;
            sum += weight * pixel[c];
        }
    }
    return sum;
}

/* The largest difference between `got` and the picture convolved slowly. */
static double worst(const picture *from, const picture *got, effect_name what, int r,
                    double sigma, double amount, double threshold)
{
    int channels = tc_model_channels(from->shape.model);
    bool alpha = tc_model_has_alpha(from->shape.model);
    double *k = kernel(what, r, sigma), most = 0, none = 1;

    for (int y = 0; y < (int)from->shape.height; y++) {
        for (int x = 0; x < (int)from->shape.width; x++) {
            double value[4], whole = 255;

            for (int c = channels - 1; c >= 0; c--) {
                double here = convolved(from, k, r, x, y, c);

                if (what == UNSHARP) {
                    double picture = convolved(from, &none, 0, x, y, c);
                    double difference = picture - here;
                    here = fabs(2 * difference) < threshold * 255
                               ? picture
                               : picture + amount * difference;
                }
                if (alpha && c == channels - 1)
                    whole = here = level(here);
                value[c] = alpha && c < channels - 1 ? here * 255 / whole : here;
            }
            for (int c = 0; c < channels; c++) {
                double off = fabs(level(value[c]) - at(got, (uint32_t)x, (uint32_t)y)[c]);

                /* Under a level of alpha there is no colour to speak of. */
                if (alpha && c < channels - 1 && whole < 8)
                    off = 0;
                if (off > most)
                    most = off;
            }
        }
    }
    free(k);
    return most;
}

static const char *const models[] = {"grey", "grey and alpha", "RGB", "RGB and alpha"};

static const struct {
    effect_name what;
    const char *text;
    int radius;
    double sigma, amount, threshold;
} gauss[] = {{BLUR, "blur=1x0.5", 1, 0.5, 0, 0},
             {BLUR, "blur=3x1.5", 3, 1.5, 0, 0},
             {BLUR, "blur=3.9x2", 3, 2, 0, 0},
             {BLUR, "blur=6", 6, 3, 0, 0},
             {BLUR, "blur=0.5", 1, 0.5, 0, 0},
             {BLUR, "blur=0x1", 4, 1, 0, 0},
             {BLUR, "blur=9x20", 9, 20, 0, 0},
             {SHARPEN, "sharpen=1x0.5", 1, 0.5, 0, 0},
             {SHARPEN, "sharpen=2x1", 2, 1, 0, 0},
             {SHARPEN, "sharpen=2.1x1", 3, 1, 0, 0},
             {SHARPEN, "sharpen=0x1", 4, 1, 0, 0},
             {UNSHARP, "unsharp=2x5+0.5+0", 2, 5, 0.5, 0},
             {UNSHARP, "unsharp=3x1+2+0.1", 3, 1, 2, 0.1},
             {UNSHARP, "unsharp=2x1", 2, 1, 1, 0.05}};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void gaussians(void)
{
    static const uint32_t sizes[][2] = {{23, 19}, {1, 1}, {2, 9}, {17, 1}, {3, 3}};

    for (size_t i = 0; i < COUNT(gauss); i++) {
        for (tc_model model = TC_GREY; model <= TC_RGB_ALPHA; model++) {
            double most = 0;
            bool all = true, held = true;

            for (size_t s = 0; s < COUNT(sizes); s++) {
                picture from = make(model, sizes[s][0], sizes[s][1]), to;
                uint32_t late, wait = (uint32_t)gauss[i].radius;
                bool good;
                double off;

                to = run(&from, gauss[i].text, &late, &good);
                off = worst(&from, &to, gauss[i].what, gauss[i].radius, gauss[i].sigma,
                            gauss[i].amount, gauss[i].threshold);
                all &= good;
                held &= late == (wait < from.shape.height ? wait : from.shape.height - 1);
                /* At the threshold itself rounding may decide. */
                if (gauss[i].threshold == 0 || model != TC_RGB_ALPHA)
                    most = off > most ? off : most;
                free(from.data);
                free(to.data);
            }
            ok(all && held, "%s of %s: every row, after %d", gauss[i].text, models[model],
               gauss[i].radius);
            ok(most <= 0.5 + 0.05 * (tc_model_has_alpha(model) ? 12 : 1),
               "... as done slowly, within %.2f levels", most);
        }
    }
}

/* Flat colour stays as it is, whatever is done to it. */
static void flat(void)
{
    picture from = make(TC_RGB_ALPHA, 13, 11), to;
    uint32_t late;
    bool good, same;

    for (uint32_t i = 0; i < 13 * 11; i++)
        memcpy(from.data + (size_t)i * 4, "\xfe\x03\x80\xff", 4);
    to = run(&from, "unsharp=3x2+5+0,sharpen=2x1,blur=4x3", &late, &good);
    same = memcmp(from.data, to.data, 13 * 11 * 4) == 0;
    ok(good && same, "three Gaussians in a row leave flat colour alone");
    ok(late == 9, "... each with its own delay: %u rows", late);
    free(from.data);
    free(to.data);
}

static void borders(void)
{
    static const struct {
        const char *text;
        uint32_t bw, bh;
    } table[] = {{"bw=2", 2, 0}, {"bh=3", 0, 3}, {"bw=1,bh=2", 1, 2},
                 {"bw=5", 5, 0}, {"bw=6", 6, 0}, {"bw=99,bh=99", 99, 99}};
    for (size_t i = 0; i < COUNT(table); i++) {
        picture from = make(TC_RGB, 11, 8), to;
        char text[64];
        uint32_t late;
        bool good, same = true;

        snprintf(text, sizeof(text), "%s,bc=ff008040", table[i].text);
        to = run(&from, text, &late, &good);
        for (uint32_t y = 0; y < 8; y++) {
            for (uint32_t x = 0; x < 11; x++) {
                bool on = x < table[i].bw || x + table[i].bw >= 11 || y < table[i].bh ||
                          y + table[i].bh >= 8;
                static const int colour[3] = {255, 0, 128};

                for (int c = 0; c < 3; c++) {
                    int was = at(&from, x, y)[c];
                    double wanted = on ? was + (colour[c] - was) * 64 / 255.0 : was;
                    same &= fabs(wanted - at(&to, x, y)[c]) <= 0.5;
                }
            }
        }
        ok(good && same && late == 0, "%s over a picture of 11x8, once", table[i].text);
        free(from.data);
        free(to.data);
    }
}

static void what_is_named(void)
{
    static const struct {
        const char *text;
        bool named, colour;
    } table[] = {{"", false, false},
                 {"dw=5,bc=f00,ix=4,cw=9,ch=9", false, false},
                 {"blur=1", true, false},
                 {"sharpen=1", true, false},
                 {"unsharp=1", true, false},
                 {"bw=1", true, false},
                 {"bh=1,bc=888", true, false},
                 {"bh=1,bc=f00", true, true},
                 {"embedicon=a.png", true, true}};
    tc_shape shape = {TC_RGB, 1000, 1000};
    tc_params params;
    tc_fail fail;

    for (size_t i = 0; i < COUNT(table); i++) {
        tc_params_init(&params);
        tc_params_parse(&params, table[i].text, strlen(table[i].text), NULL, NULL, &fail);
        ok(tc_effects_named(&params) == table[i].named &&
               tc_effects_colour(&params) == table[i].colour &&
               (tc_effects_bytes(&params, &shape) > 0) == table[i].named,
           "'%s' %s", table[i].text,
           table[i].colour  ? "has colours of its own"
           : table[i].named ? "is an effect"
                            : "costs nothing");
    }
    tc_params_init(&params);
    params.blur = (tc_gauss){10, 5, 0, 0};
    ok(tc_effects_bytes(&params, &shape) > 21 * 3000 * 4 &&
           tc_effects_bytes(&params, &shape) < 26 * 3000 * 4,
       "a radius of 10 holds 21 rows: %llu bytes",
       (unsigned long long)tc_effects_bytes(&params, &shape));
}

int main(void)
{
    gaussians();
    flat();
    borders();
    what_is_named();
    tc_effects_free(NULL);
    return done_testing();
}
