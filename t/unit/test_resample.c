/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streaming resampler against a reference in doubles, written from the
 * header's words and nothing else: Lanczos-3 stretched by the factor, or
 * Catmull-Rom where the picture grows; weights outside the window left out; weights
 * normalised; colour premultiplied.
 */
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "image/scale/resample.h"
#include "image/scale/weights.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define PI           3.14159265358979323846

typedef struct shape {
    tc_axis x, y;
    uint8_t channels;
    bool alpha;
} shape;

static uint64_t random_state = 20240607;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 32) * bound >> 32);
}

static void *room(size_t size)
{
    void *made = calloc(size ? size : 1, 1);

    if (!made)
        abort();
    return made;
}

/* A row is handed over in a block of its own size, so that a sanitiser sees over-reads. */
typedef struct run_result {
    uint8_t *out;       /* y.count rows of x.count pixels */
    bool protocol;      /* no row too early, all rows by the last put */
    uint32_t last_used; /* source rows put when the last row was ready */
} run_result;

static run_result run(const shape *s, const uint8_t *in)
{
    size_t in_row = (size_t)s->x.limit * s->channels,
           out_row = (size_t)s->x.count * s->channels;
    run_result result = {room(out_row * s->y.count), true, 0};
    uint8_t *row = malloc(in_row), *got_row = malloc(out_row);
    tc_resample *resample = NULL;
    uint32_t got = 0;

    if (!row || !got_row ||
        tc_resample_create(&resample, &s->x, &s->y, s->channels, s->alpha) != TC_E_OK)
        abort();
    result.protocol &= !tc_resample_ready(resample);
    for (uint32_t y = 0; y < s->y.limit; y++) {
        memcpy(row, in + y * in_row, in_row);
        tc_resample_write_row(resample, row);
        memset(row, 0xa5, in_row);
        while (got < s->y.count && tc_resample_ready(resample)) {
            memset(got_row, 0x5a, out_row);
            tc_resample_read_row(resample, got_row);
            memcpy(result.out + got++ * out_row, got_row, out_row);
            result.last_used = y + 1;
        }
    }
    result.protocol &= got == s->y.count && !tc_resample_ready(resample);
    tc_resample_free(resample);
    free(row);
    free(got_row);
    return result;
}

/* The reference */

static double kernel(double x, bool grow)
{
    x = fabs(x);
    if (grow)
        return x < 1   ? 1.5 * x * x * x - 2.5 * x * x + 1
               : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2
                       : 0;
    if (x >= 3)
        return 0;
    return x == 0 ? 1 : 3 * sin(PI * x) * sin(PI * x / 3) / (PI * PI * x * x);
}

/* The normalised weights of output sample `at`, from source sample *first on. */
static uint32_t weights(const tc_axis *axis, uint32_t at, double *weight, uint32_t *first)
{
    double step = (axis->to - axis->from) / axis->size, sum = 0;
    double stretch = step < 1 ? 1 : step, centre = axis->from + (at + 0.5) * step;
    int64_t low = (int64_t)floor(axis->from), high = (int64_t)ceil(axis->to);
    uint32_t count = 0;

    if (high > axis->limit)
        high = axis->limit;
    if (low < (int64_t)floor(centre - 3 * stretch - 1))
        low = (int64_t)floor(centre - 3 * stretch - 1);
    if (high > (int64_t)ceil(centre + 3 * stretch + 1))
        high = (int64_t)ceil(centre + 3 * stretch + 1);
    *first = (uint32_t)low;
    for (int64_t i = low; i < high; i++)
        sum += weight[count++] = kernel(((double)i + 0.5 - centre) / stretch, step < 1);
    for (uint32_t i = 0; i < count; i++)
        weight[i] /= sum;
    return count;
}

/* Rows of x.count pixels, horizontally and then vertically; colour premultiplied with alpha,
 * 0..255. */
static double *reference(const shape *s, const uint8_t *in)
{
    uint32_t n = s->channels, longest = s->x.limit > s->y.limit ? s->x.limit : s->y.limit;
    size_t out_row = (size_t)s->x.count * n;
    double *wide = room(sizeof(double) * out_row * s->y.limit);
    double *out = room(sizeof(double) * out_row * s->y.count);
    double *weight = room(sizeof(double) * longest);

    for (uint32_t x = 0; x < s->x.count; x++) {
        uint32_t first, count = weights(&s->x, s->x.first + x, weight, &first);

        for (uint32_t y = 0; y < s->y.limit; y++) {
            const uint8_t *from = in + ((size_t)y * s->x.limit + first) * n;

            for (uint32_t i = 0; i < count * n; i++) {
                bool colour = s->alpha && i % n != n - 1;
                double straight = colour ? from[i / n * n + n - 1] / 255.0 : 1;

                wide[y * out_row + x * n + i % n] += weight[i / n] * from[i] * straight;
            }
        }
    }
    for (uint32_t y = 0; y < s->y.count; y++) {
        uint32_t first, count = weights(&s->y, s->y.first + y, weight, &first);

        for (uint32_t i = 0; i < count; i++) {
            for (size_t at = 0; at < out_row; at++)
                out[y * out_row + at] += weight[i] * wide[(first + i) * out_row + at];
        }
    }
    free(wide);
    free(weight);
    return out;
}

static double clamp(double value, double high)
{
    return value < 0 ? 0 : value > high ? high : value;
}

typedef struct difference {
    double sum, count, worst, worst_alpha; /* in levels */
} difference;

static void note(double *worst, double got, double expected)
{
    double off = fabs(got - expected);

    if (!(off <= *worst))
        *worst = off;
}

/* Without alpha the samples; with it the picture over black and over white, and alpha. */
static void compare(difference *d, const shape *s, const uint8_t *got, const double *expected)
{
    uint32_t n = s->channels;
    size_t pixels = (size_t)s->x.count * s->y.count;

    for (size_t at = 0; at < pixels; at++, got += n, expected += n) {
        double alpha = s->alpha ? clamp(expected[n - 1], 255) : 255;
        double got_alpha = s->alpha ? got[n - 1] : 255;

        if (s->alpha)
            note(&d->worst_alpha, got_alpha, alpha);
        for (uint32_t c = 0; c < (s->alpha ? n - 1 : n); c++) {
            double black = clamp(expected[c], alpha), got_black = got[c] * got_alpha / 255;

            note(&d->worst, got_black, black);
            note(&d->worst, got_black + 255 - got_alpha, black + 255 - alpha);
            d->sum += fabs(got_black - black);
            d->count++;
        }
    }
}

/* Pictures: noise, hard edges (the most overshoot), a gradient. */
static uint8_t *picture(const shape *s, int kind)
{
    uint32_t n = s->channels;
    size_t size = (size_t)s->x.limit * s->y.limit * n;
    uint8_t *in = room(size);

    for (size_t i = 0; i < size; i++) {
        size_t pixel = i / n, x = pixel % s->x.limit, y = pixel / s->x.limit;

        if (kind == 0)
            in[i] = (uint8_t)random_below(256);
        else if (kind == 1)
            in[i] = random_below(7) < 3 ? 255 : 0;
        else
            in[i] = (uint8_t)(x * 3 + y * 5 + i % n * 60);
    }
    return in;
}

static tc_axis plain(uint32_t limit, uint32_t size)
{
    return (tc_axis){0, limit, limit, size, 0, size, 0};
}

static tc_axis random_axis(uint32_t bound)
{
    tc_axis axis = {0, 0, 1 + random_below(bound), 1 + random_below(bound), 0, 0, 0};

    axis.to = axis.limit;
    if (random_below(2)) {
        axis.from = random_below(1000) * 0.001 * axis.limit;
        axis.to = axis.from + (1 + random_below(1000)) * 0.001 * (axis.limit - axis.from);
    }
    if (random_below(4) == 0) {
        axis.from = floor(axis.from);
        axis.to = ceil(axis.to);
    }
    axis.first = random_below(2) ? random_below(axis.size) : 0;
    axis.count =
        random_below(2) ? 1 + random_below(axis.size - axis.first) : axis.size - axis.first;
    return axis;
}

static bool compare_one(const shape *s, int kind, difference *d)
{
    uint8_t *in = picture(s, kind);
    double *expected = reference(s, in);
    run_result got = run(s, in);
    bool protocol = got.protocol;

    compare(d, s, got.out, expected);
    free(in);
    free(expected);
    free(got.out);
    return protocol;
}

static void say_axis(const char *name, const tc_axis *a)
{
    printf("#   %s: %.17g..%.17g of %u to %g, [%g, +%u)\n", name, a->from, a->to, a->limit,
           a->size, a->first, a->count);
}

static void random_shapes(void)
{
    for (int row = 0; row < 8; row++) {
        uint8_t channels = (uint8_t)(row % 4 + 1);
        bool alpha = row >= 4, protocol = true;
        difference all = {0, 0, 0, 0};
        double allowed = alpha ? 2 : 1;
        int told = 0;

        if (alpha && channels == 1)
            continue;
        for (int i = 0; i < 300; i++) {
            shape s = {random_axis(i < 200 ? 60 : 400), random_axis(i < 200 ? 60 : 100),
                       channels, alpha};
            difference one = {0, 0, 0, 0};

            protocol &= compare_one(&s, i % 3, &one);
            if ((one.worst > allowed || one.worst_alpha > 1) && told++ < 3) {
                printf("# off by %.3f, alpha %.3f:\n", one.worst, one.worst_alpha);
                say_axis("x", &s.x);
                say_axis("y", &s.y);
            }
            all.sum += one.sum;
            all.count += one.count;
            note(&all.worst, one.worst, 0);
            note(&all.worst_alpha, one.worst_alpha, 0);
        }
        ok(all.worst <= allowed && all.worst_alpha <= 1,
           "%u channels%s, 300 random shapes: at most %.3f levels off (alpha %.3f), mean %.4f",
           channels, alpha ? " with alpha" : "", all.worst, all.worst_alpha,
           all.sum / all.count);
        ok(protocol, "every row was ready by the last put, none before the first");
    }
}

static void extremes(void)
{
    static const struct {
        uint32_t w, h, to_w, to_h;
    } sizes[] = {{1, 1, 1, 1},     {1, 1, 100, 100}, {2, 2, 100, 100},   {5000, 1, 1, 1},
                 {1, 5000, 1, 1},  {1, 1, 5000, 1},  {1, 1, 1, 5000},    {5000, 3, 7, 3},
                 {3, 5000, 3, 7},  {500, 500, 1, 1}, {1000, 20, 10, 2},  {20, 1000, 2, 10},
                 {65535, 1, 2, 1}, {1, 65535, 1, 2}, {65535, 2, 300, 2}, {200, 200, 199, 201},
                 {301, 7, 300, 7}, {64, 64, 8, 8},   {63, 65, 31, 33}};

    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (uint8_t channels = 1; channels <= 4; channels += 3) {
            shape s = {plain(sizes[i].w, sizes[i].to_w), plain(sizes[i].h, sizes[i].to_h),
                       channels, channels == 4};
            difference d = {0, 0, 0, 0};
            bool protocol = true;

            for (int kind = 0; kind < 3; kind++)
                protocol &= compare_one(&s, kind, &d);
            ok(protocol && d.worst <= (s.alpha ? 2 : 1) && d.worst_alpha <= 1,
               "%ux%u to %ux%u, %u channels: at most %.3f levels off (alpha %.3f)", sizes[i].w,
               sizes[i].h, sizes[i].to_w, sizes[i].to_h, channels, d.worst, d.worst_alpha);
        }
    }
}

/* One impulse in a long line must not weigh more than the kernel says. */
static void impulses(void)
{
    static const uint32_t lengths[] = {100, 1000, 3000, 5000, 20000, 65535};

    for (size_t i = 0; i < COUNT(lengths); i++) {
        shape s = {plain(lengths[i], 1), plain(1, 1), 1, false};
        double worst = 0;

        for (int at = 0; at <= 20; at++) {
            uint8_t *in = room(lengths[i]);
            double *expected;
            run_result got;

            in[(uint64_t)(lengths[i] - 1) * (unsigned)at / 20] = 255;
            expected = reference(&s, in);
            got = run(&s, in);
            note(&worst, got.out[0], clamp(expected[0], 255));
            free(in);
            free(expected);
            free(got.out);
        }
        ok(worst <= 1, "one white sample of %u black to 1: at most %.3f levels off", lengths[i],
           worst);
    }
}

static const struct {
    uint32_t w, h, to_w, to_h;
    double from_x, to_x;
} flats[] = {{40, 30, 13, 7, 0, 40},    {13, 7, 40, 30, 0, 13},   {20, 20, 20, 20, 0, 20},
             {50, 50, 49, 51, 0.5, 49}, {400, 3, 3, 2, 7.3, 391}, {9, 9, 3, 3, 0.1, 8.9},
             {1, 1, 9, 9, 0, 1},        {2, 2, 9, 9, 0.7, 1.2}};

/* How far the colour of any pixel is from `colour` of a flat picture. */
static int flat_off(const shape *s, const uint8_t *colour)
{
    size_t in_pixels = (size_t)s->x.limit * s->y.limit, off = 0;
    size_t out_pixels = (size_t)s->x.count * s->y.count;
    uint8_t *in = room(in_pixels * s->channels);
    run_result got;

    for (size_t i = 0; i < in_pixels * s->channels; i++)
        in[i] = colour[i % s->channels];
    got = run(s, in);
    for (size_t i = 0; i < out_pixels * s->channels; i++) {
        size_t one = (size_t)abs(got.out[i] - colour[i % s->channels]);

        off = one > off ? one : off;
    }
    free(in);
    free(got.out);
    return (int)off;
}

static void flat_stays_flat(void)
{
    for (size_t i = 0; i < COUNT(flats); i++) {
        shape s = {plain(flats[i].w, flats[i].to_w), plain(flats[i].h, flats[i].to_h), 4,
                   false};
        int off = 0, off_alpha = 0;

        s.x.from = flats[i].from_x;
        s.x.to = flats[i].to_x;
        for (int value = 0; value < 256; value++) {
            uint8_t colour[4] = {(uint8_t)value, (uint8_t)(255 - value), (uint8_t)(value * 7),
                                 (uint8_t)(value + 128)};
            int one;

            s.alpha = false;
            one = flat_off(&s, colour);
            off = one > off ? one : off;
            s.alpha = true;
            colour[3] = 255;
            one = flat_off(&s, colour);
            off_alpha = one > off_alpha ? one : off_alpha;
            colour[3] = (uint8_t)(4 + value % 252);
            one = flat_off(&s, colour);
            off_alpha = one > off_alpha ? one : off_alpha;
        }
        ok(off == 0, "%ux%u to %ux%u: every flat value stays (off by %d)", flats[i].w,
           flats[i].h, flats[i].to_w, flats[i].to_h, off);
        ok(off_alpha == 0, "so it does with alpha of 4 and more (off by %d)", off_alpha);
    }
}

/* All 65536 pairs of a value and an alpha come back; under 4 the colour may be rounded. */
static void identity_is_exact(void)
{
    for (int alpha = 0; alpha < 2; alpha++) {
        for (uint8_t n = alpha ? 2 : 1; n <= 4; n++) {
            shape s = {plain(256, 256), plain(256, 256), n, alpha};
            uint8_t *in = room((size_t)256 * 256 * n);
            int worst = 0, worst_faint = 0;
            run_result got;

            for (int i = 0; i < 256 * 256 * n; i++) {
                int pixel = i / n, channel = i % n;

                in[i] =
                    channel == n - 1 ? (uint8_t)(pixel >> 8) : (uint8_t)(pixel + channel * 85);
            }
            got = run(&s, in);
            for (int i = 0; i < 256 * 256 * n; i++) {
                int a = in[i / n * n + n - 1], off = abs(got.out[i] - in[i]);

                if (!alpha || a >= 4 || i % n == n - 1)
                    worst = off > worst ? off : worst;
                else
                    worst_faint = off * a > worst_faint ? off * a : worst_faint;
            }
            ok(worst == 0 && worst_faint < 255 && got.protocol,
               "%u channels%s: a factor of one is exact (off by %d)", n,
               alpha ? " with alpha" : "", worst);
            free(in);
            free(got.out);
        }
    }
}

static void part_is_the_same(void)
{
    bool same = true, lazy = true;

    for (int i = 0; i < 300; i++) {
        shape full = {random_axis(60), random_axis(60), (uint8_t)(1 + i % 4),
                      i % 4 && i % 8 > 3},
              part;
        uint8_t *in;
        run_result a, b;
        bool one = true;

        full.x.first = full.y.first = 0;
        full.x.count = full.x.size;
        full.y.count = full.y.size;
        part = full;
        part.x.first = random_below(full.x.size);
        part.x.count = 1 + random_below(full.x.size - part.x.first);
        part.y.first = random_below(full.y.size);
        part.y.count = 1 + random_below(full.y.size - part.y.first);
        in = picture(&full, i % 3);
        a = run(&full, in);
        b = run(&part, in);
        for (uint32_t y = 0; y < part.y.count; y++) {
            one &= memcmp(b.out + (size_t)y * part.x.count * part.channels,
                          a.out + (((size_t)y + (size_t)part.y.first) * (size_t)full.x.size +
                                   (size_t)part.x.first) *
                                      part.channels,
                          (size_t)part.x.count * part.channels) == 0;
        }
        if (!one && same) {
            say_axis("x", &part.x);
            say_axis("y", &part.y);
        }
        same &= one && a.protocol && b.protocol;
        lazy &= b.last_used <= a.last_used;
        free(in);
        free(a.out);
        free(b.out);
    }
    ok(same, "300 parts are those of the whole, to the byte");
    ok(lazy, "no part needs more source rows than the whole");
}

/* The rows and columns that `axis` needs, and no more, in the axis' own coordinates. */
static tc_axis delivered(tc_axis axis)
{
    uint32_t first, count;

    tc_weights_span(&axis, &first, &count);
    axis.from -= first;
    axis.to -= first;
    axis.limit = count;
    return axis;
}

/* Whether the weights of all outputs lie on samples that there are and sum to one. */
static bool weights_fit(const tc_axis *axis)
{
    tc_weights weights;
    bool fit = tc_weights_make(&weights, axis, 1) == TC_E_OK;

    for (uint32_t at = 0; fit && at < weights.count; at++) {
        int sum = 0;

        for (uint32_t i = 0; i < weights.per_sample; i++)
            sum += weights.weight[(size_t)at * weights.per_sample + i];
        fit = sum == 1 << TC_WEIGHT_BITS && weights.per_sample <= axis->limit &&
              weights.first[at] <= axis->limit - weights.per_sample;
    }
    tc_weights_free(&weights);
    return fit;
}

/*
 * What is wanted of an axis may need a part of its samples, and then those alone are
 * delivered. A window's edge rounds one way from the axis' origin and the other way
 * from the part's: no weight may fall on a sample outside the part for that.
 */
static void delivered_parts(void)
{
    unsigned axes = 0, wrong = 0;

    for (uint32_t full = 1; full <= 40; full++) {
        for (uint32_t size = 1; size <= 60; size++) {
            for (uint32_t first = 0; first < size; first++) {
                for (uint32_t count = 1; count <= 3 && count <= size - first; count++, axes++) {
                    double off = axes % 8 / 16.0;
                    tc_axis part =
                        delivered((tc_axis){off, full - off, full, size, first, count, 0});

                    if (!weights_fit(&part) && wrong++ < 5)
                        say_axis("part", &part);
                }
            }
        }
    }
    ok(wrong == 0, "%u parts, delivered alone, hold all weights", axes);
}

/* The rows under the window's end are not waited for. */
static void early_rows(void)
{
    shape s = {plain(10, 10), {0, 20, 100, 10, 0, 10, 0}, 1, false};
    uint8_t *in = picture(&s, 0);
    run_result got = run(&s, in);

    ok(got.protocol && got.last_used <= 20, "a window of 20 rows is done after %u of 100",
       got.last_used);
    free(got.out);
    s.y = (tc_axis){0, 100, 100, 100, 90, 10, 0};
    got = run(&s, in);
    ok(got.protocol && got.last_used == 100, "the last rows need all %u", got.last_used);
    free(got.out);
    s.y = (tc_axis){0, 100, 100, 100, 0, 10, 0};
    got = run(&s, in);
    ok(got.protocol && got.last_used == 10, "at a factor of one, ten rows need %u",
       got.last_used);
    free(got.out);
    free(in);
    tc_resample_free(NULL);
    ok(true, "free takes NULL");
}

/* 0 where the C library cannot tell, as under a sanitiser. */
static uint64_t heap_used(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

static void bytes_are_a_bound(void)
{
    static const struct {
        tc_axis x, y;
    } axes[] = {{{0, 4000, 4000, 300, 0, 300, 0}, {0, 3000, 3000, 225, 0, 225, 0}},
                {{0, 300, 300, 4000, 0, 4000, 0}, {0, 225, 225, 3000, 0, 3000, 0}},
                {{0, 1, 1, 100, 0, 100, 0}, {0, 1, 1, 100, 0, 100, 0}},
                {{0, 20000, 20000, 10, 0, 10, 0}, {0, 20000, 20000, 10, 0, 10, 0}},
                {{0, 500, 500, 500, 0, 500, 0}, {0, 500, 500, 500, 0, 500, 0}},
                {{0.3, 499.2, 500, 499, 3, 400, 0}, {0.7, 498, 500, 498, 5, 17, 0}},
                {{10, 20, 5000, 7, 0, 7, 0}, {100, 4000, 5000, 3, 1, 1, 0}},
                {{0, 65535, 65535, 65534, 0, 65534, 0}, {0, 65535, 65535, 65534, 0, 65534, 0}}};

    for (size_t i = 0; i < COUNT(axes); i++) {
        for (uint8_t n = 1; n <= 4; n++) {
            const tc_axis *x = &axes[i].x, *y = &axes[i].y;
            uint64_t bytes = tc_resample_bytes(x, y, n), before, used;
            double step_x = fmax(1, (x->to - x->from) / x->size);
            double step_y = fmax(1, (y->to - y->from) / y->size);
            double plenty = 65536 + 16.0 * ((6 * step_x + 4) * x->count +
                                            (6 * step_y + 4) * (y->count + x->count * n) +
                                            (double)(x->limit + x->count) * n + 4 * y->count);
            tc_resample *resample;

            before = heap_used();
            if (tc_resample_create(&resample, x, y, n, n > 1) != TC_E_OK)
                abort();
            used = heap_used() - before;
            /* malloc rounds up and keeps a header: 32 bytes a block, a page for huge ones. */
            ok(used <= bytes + 12 * 4096,
               "%u to %g and %u to %g, %u channels: %llu bytes used, %llu said", x->limit,
               x->size, y->limit, y->size, n, (unsigned long long)used,
               (unsigned long long)bytes);
            ok((double)bytes <= plenty, "which is not much more than needed (%.0f)", plenty);
            tc_resample_free(resample);
        }
    }
}

int main(void)
{
    random_shapes();
    extremes();
    impulses();
    flat_stays_flat();
    identity_is_exact();
    part_is_the_same();
    delivered_parts();
    early_rows();
    bytes_are_a_bound();
    return done_testing();
}
