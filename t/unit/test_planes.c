/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG to JPEG, WebP and AVIF on planes: what comes out lies where the path over RGB puts it,
 * to within a fraction of what moving the chroma by one sample would change, for every
 * sampling, orientation, parity and cut; and unscaled planes are what went in.
 */
#include <malloc.h>
#include <math.h>
#include <time.h>

#include <png.h>

#include "tap.h"
#include "jpegs.h"
#include "targets.h"
#include "image/exif/orientation.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const sampling samplings[] = {
    {"4:2:0", {2, 1, 1}, {2, 1, 1}, false, false},
    {"4:2:2", {2, 1, 1}, {1, 1, 1}, false, false},
    {"4:4:4", {1, 1, 1}, {1, 1, 1}, false, false},
    {"4:4:0", {1, 1, 1}, {2, 1, 1}, false, false},
    {"4:1:1", {4, 1, 1}, {1, 1, 1}, false, false},
    {"4:1:0", {4, 1, 1}, {2, 1, 1}, false, false},
    {"1x4", {1, 1, 1}, {4, 1, 1}, false, false},
    {"planes of three sizes", {2, 2, 1}, {2, 1, 2}, false, false},
    {"finer chroma than luma", {1, 2, 2}, {1, 2, 2}, false, false},
    {"4:2:0 progressive", {2, 1, 1}, {2, 1, 1}, false, true},
    {"grey", {1}, {1}, true, false},
    {"grey that says 2x2", {2}, {2}, true, false},
};

static uint32_t below(uint32_t bound)
{
    return (uint32_t)rand() % bound;
}

/* A PNG as Y, Cb, Cr, the latter of two by two pixels, the last ones repeated. */
typedef struct expected_planes {
    uint32_t w, h;
    double *plane[3];
} expected_planes;

static double of_pixel(const uint8_t *p, int c)
{
    if (c == 0)
        return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
    if (c == 1)
        return 128 - 0.168735892 * p[0] - 0.331264108 * p[1] + 0.5 * p[2];
    return 128 + 0.5 * p[0] - 0.418687589 * p[1] - 0.081312411 * p[2];
}

static expected_planes read_expected(const bytes *png)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    expected_planes expected;
    uint8_t *rgb;

    if (!png_image_begin_read_from_memory(&image, png->data, png->length))
        abort();
    image.format = PNG_FORMAT_RGB;
    rgb = malloc(PNG_IMAGE_SIZE(image));
    if (!png_image_finish_read(&image, NULL, rgb, 0, NULL))
        abort();
    expected.w = image.width;
    expected.h = image.height;
    for (int c = 0; c < 3; c++) {
        uint32_t by = c == 0 ? 1 : 2, w = (image.width + by - 1) / by;
        uint32_t h = (image.height + by - 1) / by;
        double *to = expected.plane[c] = calloc((size_t)w * h, sizeof *to);

        for (uint32_t y = 0; y < h * by; y++) {
            for (uint32_t x = 0; x < w * by; x++) {
                uint32_t px = x < image.width ? x : image.width - 1;
                uint32_t py = y < image.height ? y : image.height - 1;
                const uint8_t *p = rgb + 3 * ((size_t)py * image.width + px);
                to[(size_t)(y / by) * w + x / by] += of_pixel(p, c) / (by * by);
            }
        }
    }
    free(rgb);
    return expected;
}

typedef struct plane_distance {
    double mean, most;
} plane_distance;

/* How far two planes are from each other; -1 when they differ in size. */
static plane_distance compare(const expected_planes *expected, const planes *got, int c)
{
    uint32_t by = c == 0 ? 1 : 2, w = (expected->w + by - 1) / by;
    uint32_t h = (expected->h + by - 1) / by;
    plane_distance distance = {0, 0};

    if (got->plane[c].w != w || got->plane[c].h != h)
        return (struct plane_distance){-1, -1};
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++) {
            double off = fabs(expected->plane[c][(size_t)y * w + x] -
                              got->plane[c].data[got->plane[c].stride * y + x]);
            distance.mean += off / w / h;
            distance.most = off > distance.most ? off : distance.most;
        }
    }
    return distance;
}

/* ---- both ways ------------------------------------------------------------------- */

typedef struct distance_totals {
    unsigned cases, wrong;
    plane_distance worst[3];
} distance_totals;

static double finest(const int factor[3])
{
    return fmax(factor[0], fmax(factor[1], factor[2]));
}

/*
 * One picture of w x h both ways. What is allowed is a part of the levels from one
 * sample to the next, of the answer or, where that is finer, of the original; and
 * some for rounding, twice to JPEG and to RGB.
 */
static void both_ways(distance_totals *totals, const target *target, const sampling *sampling,
                      const bytes *file, uint32_t w, uint32_t h, const char *params)
{
    static const double slope[3][2] = {{40, 30}, {34, 6}, {8, 32}}; /* the scene's */
    char text[200];
    tc_plan plan = {0};
    bytes answer, png;
    expected_planes expected;
    planes got;
    bool good = true;

    snprintf(text, sizeof text, "%s,%s", params, target->params);
    answer = convert(file, text, &plan, NULL);
    snprintf(text, sizeof text, "%s,of=png", params);
    png = convert(file, text, NULL, NULL);
    totals->cases++;
    if (!answer.data || !png.data) {
        bool refused = !answer.data && png.data &&
                       (plan.output_w > target->side || plan.output_h > target->side);

        totals->wrong += !refused;
        if (!refused)
            printf("# %s %s: no picture\n", sampling->name, params);
        free(answer.data);
        free(png.data);
        return;
    }
    expected = read_expected(&png);
    got = target->read(&answer);
    for (int c = 0; c < got.count; c++) {
        plane_distance off = compare(&expected, &got, c);
        double by = c == 0 ? 1 : 2;
        double horizontal = fmax(by * plan.source.w / plan.scaled_w,
                                 finest(sampling->h) * plan.reduce / sampling->h[c]);
        double vertical = fmax(by * plan.source.h / plan.scaled_h,
                               finest(sampling->v) * plan.reduce / sampling->v[c]);
        double allowed = slope[c][0] * horizontal / w + slope[c][1] * vertical / h;

        good = good && off.mean >= 0 && off.most <= 3 + target->slack + allowed * 0.4 &&
               off.mean <= 1.6 + target->slack / 6 + allowed * 0.35;
        totals->worst[c].mean = fmax(totals->worst[c].mean, off.mean);
        totals->worst[c].most = fmax(totals->worst[c].most, off.most);
        if (!good)
            printf("# %s %s %s 1/%u: plane %d mean %.2f most %.2f allowed %.2f\n",
                   sampling->name, params, target->params, plan.reduce, c, off.mean, off.most,
                   allowed);
    }
    good = good && got.count == (sampling->grey ? 1 : 3);
    totals->wrong += !good;
    for (int c = 0; c < 3; c++)
        free(expected.plane[c]);
    free_planes(&got);
    free(answer.data);
    free(png.data);
}

static void report(const distance_totals *totals, const target *target, const char *what)
{
    ok(totals->wrong == 0 && totals->cases > 0,
       "%.7s: %s: %u cases, off by Y %.2f (mean %.2f), Cb %.2f (%.2f), Cr %.2f (%.2f)",
       target->params, what, totals->cases, totals->worst[0].most, totals->worst[0].mean,
       totals->worst[1].most, totals->worst[1].mean, totals->worst[2].most,
       totals->worst[2].mean);
}

/* Random wishes: any size, cut, canvas and way of fitting. */
static void random_params(char *text, size_t size, uint32_t w, uint32_t h, int orientation)
{
    static const char *const ways[] = {"l", "s", "n"};
    bool swaps = orientation >= 5;
    uint32_t upright_w = swaps ? h : w, upright_h = swaps ? w : h;
    uint32_t dw = 1 + below(upright_w * 2), dh = 1 + below(upright_h * 2);
    int at = snprintf(text, size, "dw=%u,dh=%u,da=%s,ds=%s,jpeghint=%s", dw, dh, ways[below(3)],
                      below(3) ? "n" : "s", below(2) ? "y" : "n");

    if (below(3) == 0)
        at +=
            snprintf(text + at, size - (size_t)at, ",sx=%u,sy=%u,sw=%u,sh=%u", below(upright_w),
                     below(upright_h), 1 + below(upright_w), 1 + below(upright_h));
    if (below(3) == 0)
        snprintf(text + at, size - (size_t)at, ",cw=%u,ch=%u", 1 + below(dw), 1 + below(dh));
}

static void random_pictures(const target *target, const sampling *sampling, uint32_t largest,
                            unsigned rounds)
{
    distance_totals totals = {0};

    for (unsigned round = 0; round < rounds; round++) {
        uint32_t w = 1 + below(largest), h = 1 + below(largest);
        int orientation = 1 + (int)below(8);
        bytes file = make_jpeg(sampling, w, h, orientation);
        char params[160];

        random_params(params, sizeof params, w, h, orientation);
        both_ways(&totals, target, sampling, &file, w, h, params);
        free(file.data);
    }
    report(&totals, target, sampling->name);
}

/* Sample x, y of a stored plane of w x h, seen upright. */
static const uint8_t *upright(const planes *planes, int c, int orientation, uint32_t x,
                              uint32_t y)
{
    uint32_t w = planes->plane[c].w, h = planes->plane[c].h;
    uint32_t sx = orientation >= 5 ? y : x, sy = orientation >= 5 ? x : y;

    if (tc_orientation_mirrors((uint8_t)orientation))
        sx = w - 1 - sx;
    if (tc_orientation_flips((uint8_t)orientation))
        sy = h - 1 - sy;
    return planes->plane[c].data + planes->plane[c].stride * sy + sx;
}

/*
 * Unscaled 4:2:0 planes pass unchanged but for the second coding, which at the same
 * quality, of the same blocks, changes next to nothing; turned, they are turned.
 */
static void unscaled_is_unchanged(void)
{
    for (int orientation = 1; orientation <= 8; orientation++) {
        bytes file = make_jpeg(&samplings[0], 96, 64, orientation);
        bytes answer = convert(&file, "q=100", NULL, NULL);
        planes in = read_planes(&file, 1), out = read_planes(&answer, 1);
        unsigned wrong = 0, samples = 0;

        for (int c = 0; c < 3; c++) {
            for (uint32_t y = 0; y < out.plane[c].h; y++) {
                for (uint32_t x = 0; x < out.plane[c].w; x++, samples++)
                    wrong += abs(out.plane[c].data[out.plane[c].stride * y + x] -
                                 *upright(&in, c, orientation, x, y)) > 1;
            }
        }
        ok(wrong == 0 && samples == 96 * 64 * 3 / 2, "orientation %d, unscaled: %u samples",
           orientation, samples);
        free_planes(&in);
        free_planes(&out);
        free(file.data);
        free(answer.data);
    }
}

/* A plane may be far ahead of another: the narrowest strips, the farthest reach. */
static void skewed_pictures(const target *target)
{
    static const struct {
        int sampling;
        uint32_t w, h;
        const char *params;
    } skewed[] = {{0, 3, 900, "dw=3,dh=5,da=n"},        {0, 3, 900, "dw=40,dh=899,da=n,ds=s"},
                  {5, 5, 300, "dw=5,dh=2,da=n"},        {5, 5, 40, "dw=5,dh=3000,da=n,ds=s"},
                  {6, 9, 700, "dw=9,dh=77,da=n"},       {6, 9, 33, "dw=3,dh=1999,da=n,ds=s"},
                  {7, 50, 999, "dw=50,dh=10,da=n"},     {8, 50, 999, "dw=50,dh=10,da=n"},
                  {8, 7, 20, "dw=7,dh=2000,da=n,ds=s"}, {2, 8, 1000, "dw=4,dh=1,da=n"}};

    distance_totals totals = {0};

    for (size_t at = 0; at < COUNT(skewed); at++) {
        const sampling *sampling = &samplings[skewed[at].sampling];
        bytes file = make_jpeg(sampling, skewed[at].w, skewed[at].h, 1);

        both_ways(&totals, target, sampling, &file, skewed[at].w, skewed[at].h,
                  skewed[at].params);
        free(file.data);
    }
    report(&totals, target, "planes far ahead of one another");
}

#if defined TC_WITH_WEBP || defined TC_WITH_AVIF
/* A format that stores planes of colours, where grey has other ways. */
static void other_formats(const target *target)
{
    bytes file = make_extreme(64, 48), answer = convert(&file, target->params, NULL, NULL);
    planes in = read_planes(&file, 1), out = target->read(&answer);
    int off = 0;

    /* By way of RGB they would come back thirty levels away. */
    for (int c = 0; c < 3; c++) {
        int from = in.plane[c].data[in.plane[c].stride * 9 + 9];
        int to = out.plane[c].data[out.plane[c].stride * 9 + 9];
        off = abs(from - to) > off ? abs(from - to) : off;
    }
    ok(off <= 3, "%s: colours that RGB has not, off by %d", target->params, off);
    free_planes(&in);
    free_planes(&out);
    free(answer.data);
    free(file.data);
    for (size_t at = 0; at < COUNT(samplings); at++) {
        if (!samplings[at].grey)
            random_pictures(target, &samplings[at], 300, 20);
    }
    skewed_pictures(target);
}

/* The same pixels as a PNG has: planes of 4:2:0 would lose colours. */
static void lossless_is_rgb(const char *params)
{
    bytes file = make_jpeg(&samplings[2], 61, 43, 1);
    bytes answer = convert(&file, params, NULL, NULL), png, again;

    png = convert(&file, "of=png", NULL, NULL);
    again = answer.data ? convert(&answer, "of=png", NULL, NULL) : (bytes){NULL, 0};
    ok(again.data && again.length == png.length &&
           memcmp(again.data, png.data, png.length) == 0,
       "%s: the pixels of a PNG", params);
    free(again.data);
    free(png.data);
    free(answer.data);
    free(file.data);
}
#endif

/* GIF is known and may be read, but is never written: refused, without an encoder to free. */
static void refused_target(void)
{
    bytes file = make_jpeg(&samplings[0], 8, 8, 1);
    bytes answer = convert(&file, "of=gif", NULL, NULL);

    ok(!answer.data, "an answer in a format that is not written is refused");
    free(answer.data);
    free(file.data);
}

/* ---- memory ---------------------------------------------------------------------- */

static uint64_t heap_used(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

static tc_error note_peak(void *context)
{
    uint64_t *peak = context, used = heap_used();

    *peak = used > *peak ? used : *peak;
    return TC_E_OK;
}

/* libjpeg's own state, both ways, and the buffers for encoded bytes. */
#define FIXED (400 * 1024)

/* The plan says no less than is held, whichever plane waits for which. */
static void plan_covers_memory(void)
{
    static const struct {
        int sampling;
        uint32_t w, h;
        const char *params;
    } held[] = {{0, 2000, 1500, "dw=800"},
                {0, 2000, 1500, "dw=1999"},
                {0, 2000, 1500, "dw=1000,jpeghint=y"},
                {2, 2000, 1000, "dw=1100"},
                {5, 2000, 1000, "dw=1700"},
                {6, 1000, 900, "dw=4000,dh=1000,da=n,ds=s"},
                {8, 1500, 900, "dw=1400"},
                {9, 1500, 900, "dw=700"},
                {0, 300, 9000, "dw=300,dh=9,da=n"},
                {2, 3000, 3000, "dw=9,dh=9,da=n"}};

    if (heap_used() == 0) {
        skip("memory within the plan", "this C library does not say what the heap holds");
        return;
    }
    for (size_t at = 0; at < COUNT(held); at++) {
        const sampling *sampling = &samplings[held[at].sampling];
        bytes file = make_jpeg(sampling, held[at].w, held[at].h, 1), answer;
        uint64_t before = heap_used(), peak = before;
        tc_cancel cancel = {.check = note_peak, .context = &peak};
        tc_plan plan;

        answer = convert(&file, held[at].params, &plan, &cancel);
        peak -= before + (peak > before ? answer.length : 0);
        ok(answer.data && peak <= plan.bytes + FIXED,
           "%s %ux%u %s: %llu KiB held at most, %llu planned", sampling->name, held[at].w,
           held[at].h, held[at].params, (unsigned long long)peak / 1024,
           (unsigned long long)plan.bytes / 1024);
        free(answer.data);
        free(file.data);
    }
}

int main(void)
{
    const char *given = getenv("TC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

    srand(seed);
    printf("# TC_TEST_SEED=%u\n", seed);
    for (size_t at = 0; at < COUNT(samplings); at++) {
        random_pictures(&jpeg, &samplings[at], 40, 100);
        random_pictures(&jpeg, &samplings[at], 300, 20);
    }
    skewed_pictures(&jpeg);
#ifdef TC_WITH_WEBP
    other_formats(&webp);
    lossless_is_rgb("of=webp,q=100");
#endif
#ifdef TC_WITH_AVIF
    other_formats(&avif);
    lossless_is_rgb("of=avif,q=100");
#endif
    unscaled_is_unchanged();
    refused_target();
    plan_covers_memory();
    return done_testing();
}
