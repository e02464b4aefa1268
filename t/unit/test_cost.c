/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Estimates of processor time against measured time; what is over the limits is refused
 * before it begins, or ended where the estimate was too low; and how long encoders and
 * decoders go on without asking whether they should.
 */
#include "costs.h"

#include "image/pipeline/cost.h"
#include "image/pipeline/meter.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW_BUILD true
#else
#define SLOW_BUILD false
#endif

static const tc_limits no_limits;

/* ---- estimates ---------------------------------------------------------------------- */

#define SOURCES 14

static const struct {
    const char *format, *options;
} sources[SOURCES] = {
    {"jpg", "1600 1200 kind=noise quality=90"},
    {"jpg", "1600 1200 kind=photo quality=90"},
    {"jpg", "1600 1200 kind=photo quality=90 progressive=1"},
    {"png", "1600 1200 kind=photo"},
    {"png", "1200 900 kind=noise type=rgba"},
    {"png", "1600 1200 kind=photo interlace=1"},
    {"png", "1600 1200 kind=photo depth=16 type=rgba"},
    {"jpg", "1600 1200 kind=photo space=cmyk"},
    {"gif", "1600 1200 kind=photo"},
    {"webp", "1600 1200 kind=photo quality=90"},
    {"webp", "1600 1200 kind=photo lossless=1"},
    {"avif", "1600 1200 kind=photo quality=90"},
    {"jpg", "1600 1200 kind=photo profile=p3"},
    {"png", "300 225 kind=noise type=rgba"},
};

/* Detailed pictures: an estimate does not know that one is drawn. */
static const struct {
    unsigned source;
    const char *params;
} conversions[] = {
    {0, "dw=300,dh=300"},
    {0, "dw=150,dh=150,jpeghint=y"},
    {0, "of=jpeg,q=95"},
    {0, "of=jpeg,progressive=y"},
    {0, "of=webp"},
    {0, "of=webp,dw=2000,dh=2000,ds=s"},
    {0, "of=avif"},
    {0, "of=avif,q=60,dw=1000,dh=1000"},
    {0, "of=avif,q=100,dw=700,dh=700"},
    {1, "dw=150,dh=150"},
    {1, "dw=150,dh=150,jpeghint=y"},
    {1, "dw=150,dh=150,jpeghint=y,of=webp"},
    {1, "dw=700,dh=700"},
    {1, "of=webp,q=60"},
    {1, "of=png"},
    {1, "angle=90,of=jpeg"},
    {2, "dw=150,dh=150,of=jpeg"},
    {2, "dw=1500,dh=1500,of=jpeg"},
    {2, "progressive=y,of=jpeg"},
    {3, "dw=200,dh=200,of=jpeg"},
    {3, "of=png"},
    {3, "of=webp,q=100"},
    {3, "dw=3000,dh=3000,ds=s,of=jpeg"},
    {3, "dw=1500,dh=2000,da=n,ds=s,of=jpeg"},
    {3, "blur=10x10,of=jpeg"},
    {3, "blur=0x10,of=jpeg"},
    {3, "unsharp=10x5,sharpen=3x1,of=jpeg"},
    {3, "cw=2000,ch=1500,cc=10f,of=jpeg"},
    {4, "of=png"},
    {4, "of=avif,dw=900,dh=900"},
    {5, "dw=200,dh=200,of=jpeg"},
    {6, "dw=200,dh=200,of=jpeg"},
    {7, "of=jpeg,dw=1500,dh=1500"},
    {8, "dw=200,dh=200,of=jpeg"},
    {9, "dw=200,dh=200,of=jpeg"},
    {9, "dw=1500,dh=1500,of=jpeg"},
    {10, "dw=200,dh=200,of=jpeg"},
    {11, "dw=200,dh=200,of=jpeg"},
    {12, "of=jpeg"},
    {13, "of=webp,dw=1000,dh=1000,ds=s"},
};

#define CONVERSIONS (sizeof conversions / sizeof conversions[0])

/* What slows a processor for a moment adds; the least of some turns has least of it. All take
   their turns, so that a moment of some seconds is not all that there is of one. */
#define TURNS 3

/*
 * The constants are of one machine, and this one, with what else it does now, is faster or
 * slower as a whole: by the median of all. Against that each estimate is held.
 */
#define MACHINE_MOST 4

typedef struct estimate {
    double planned, took; /* seconds; 0: not measured */
} estimate;

static estimate estimates[CONVERSIONS];

static void measure_estimate(unsigned at, picture *from, int turn)
{
    estimate *made = &estimates[at];
    tc_fail fail = {TC_E_OK, ""};
    double began = cpu_seconds(), took;
    tc_plan plan = {0};

    if (convert_picture(from, conversions[at].params, &no_limits, NULL, &plan, NULL, &fail) ==
        TC_E_OK) {
        took = cpu_seconds() - began;
        made->took = turn == 0 || took < made->took ? took : made->took;
        made->planned = (double)plan.cost_ns / 1e9;
    }
    if (turn > 0 && fail.error == TC_E_OK)
        return;
    ok(fail.error == TC_E_OK, "%s, %s: converted", sources[conversions[at].source].format,
       conversions[at].params);
    if (fail.error)
        printf("# %s\n", fail.text);
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static void compare_estimates(void)
{
    double factor[CONVERSIONS] = {0}, median;
    size_t count = 0;

    for (size_t at = 0; at < CONVERSIONS; at++) {
        if (estimates[at].took > 0)
            factor[count++] = estimates[at].planned / estimates[at].took;
    }
    qsort(factor, count, sizeof *factor, by_value);
    median = count ? factor[count / 2] : 0;
    ok(median > 1. / MACHINE_MOST && median < MACHINE_MOST,
       "this machine takes 1/%.2f of what is planned", median);
    for (size_t at = 0; at < CONVERSIONS; at++) {
        const estimate *made = &estimates[at];
        double off = made->took > 0 ? made->planned / made->took / median : 0;

        if (made->took > 0)
            ok(off > 0.5 && off < 2, "%s %s, %s: planned %.1f ms, took %.1f: %.2f",
               sources[conversions[at].source].format, sources[conversions[at].source].options,
               conversions[at].params, made->planned * 1e3, made->took * 1e3, off);
    }
}

static void take_turns(int turn)
{
    for (unsigned source = 0; source < SOURCES; source++) {
        picture from = make_picture(sources[source].format, sources[source].options);

        if (!from.data && turn == 0)
            skip(sources[source].format, "mkpicture does not make it in this build");
        for (unsigned at = 0; from.data && at < CONVERSIONS; at++) {
            if (conversions[at].source == source)
                measure_estimate(at, &from, turn);
        }
        free(from.data);
    }
}

static void test_estimates(void)
{
    for (int turn = 0; turn < TURNS; turn++)
        take_turns(turn);
    compare_estimates();
}

/* ---- limits ------------------------------------------------------------------------- */

static const struct {
    const char *params;
    tc_limits limits;
    tc_error error;
    const char *says;
} limited[] = {
    {"dw=4000,dh=4000,da=n,ds=s,of=jpeg",
     {.max_output_pixels = 16000000, .output_by = "Pixels"},
     TC_E_OK,
     ""},
    {"dw=4000,dh=4001,da=n,ds=s,of=jpeg",
     {.max_output_pixels = 16000000, .output_by = "Pixels"},
     TC_E_OUTPUT_TOO_LARGE,
     "4000x4001 pixels, over the limit of 16000000 (Pixels)"},
    {"cw=5000,ch=5000,dw=10,dh=10",
     {.max_output_pixels = 16000000},
     TC_E_OUTPUT_TOO_LARGE,
     "over the limit of 16000000"},
    {"dw=8192,dh=8192,da=n,ds=s,of=avif,q=100",
     {.max_memory = 256 << 20, .memory_by = "Memory"},
     TC_E_TOO_COSTLY,
     "over the limit of 256 (Memory)"},
    {"dw=8192,dh=8192,da=n,ds=s,of=avif,q=100",
     {.max_cost_ns = 3000000000u, .cost_by = "Cost"},
     TC_E_TOO_COSTLY,
     "of processor time, over the limit of 3.0 s (Cost)"},
    {"dw=8192,dh=8192,da=n,ds=s,of=webp",
     {.max_cost_ns = 3000000000u, .cost_by = "Cost"},
     TC_E_TOO_COSTLY,
     "(Cost)"},
    {"dw=8192,dh=8192,da=n,ds=s,of=jpeg,unsharp=0x10,blur=0x10,sharpen=0x10",
     {.max_cost_ns = 3000000000u, .cost_by = "Cost"},
     TC_E_TOO_COSTLY,
     "(Cost)"},
    {"dw=8192,dh=8192,da=n,ds=s,of=jpeg,progressive=y,q=100",
     {.max_cost_ns = 3000000000u},
     TC_E_TOO_COSTLY,
     "of processor time"},
    {"dw=100,dh=100,of=jpeg",
     {.max_output_pixels = 16000000, .max_memory = 256 << 20, .max_cost_ns = 3000000000u},
     TC_E_OK,
     ""},
    {"dw=100,dh=100,of=jpeg", {.max_memory = 1000}, TC_E_TOO_COSTLY, "MiB"},
    {"pt=ptss,dw=300,dh=300", {.max_memory = 1, .max_cost_ns = 1}, TC_E_OK, ""},
};

static void test_limits(void)
{
    picture from = make_picture("png", "200 150 kind=noise");

    for (size_t at = 0; at < sizeof limited / sizeof limited[0]; at++) {
        tc_fail fail = {TC_E_OK, ""};
        double began = cpu_seconds();
        tc_pipeline *pipeline = NULL;
        tc_input input;
        tc_error error = open_conversion(&pipeline, &input, &from, limited[at].params,
                                         &limited[at].limits, &fail);

        if (error == TC_E_NOT_BUILT)
            skip(limited[at].params, "not built in");
        else
            ok(error == limited[at].error && strstr(fail.text, limited[at].says) &&
                   cpu_seconds() - began < 0.05,
               "%s: %s %s", limited[at].params, tc_error_name(error), fail.text);
        tc_pipeline_free(pipeline);
    }
    free(from.data);
}

/* Sources that are large are no reason to refuse what is made of them, nor is a part. */
static void test_honest(void)
{
    static const tc_limits presets = {
        .max_output_pixels = 16000000, .max_memory = 256 << 20, .max_cost_ns = 3000000000u};
    static const struct {
        const char *params;
        tc_image_info info;
        uint64_t bytes;
    } honest[] = {
        {"dw=300,dh=300",
         {.format = TC_FORMAT_JPEG,
          .width = 10000,
          .height = 10000,
          .orientation = 1,
          .model = TC_RGB,
          .max_reduce = 8,
          .planes = true},
         30000000},
        {"dw=1600,dh=1600",
         {.format = TC_FORMAT_JPEG,
          .width = 8000,
          .height = 6000,
          .orientation = 1,
          .model = TC_RGB,
          .max_reduce = 8,
          .planes = true},
         20000000},
        {"dw=4000,dh=3000,of=webp",
         {.format = TC_FORMAT_JPEG,
          .width = 6000,
          .height = 4000,
          .orientation = 1,
          .model = TC_RGB,
          .max_reduce = 8,
          .planes = true},
         10000000},
        {"dw=300,dh=300",
         {.format = TC_FORMAT_PNG,
          .width = 8000,
          .height = 6000,
          .orientation = 1,
          .model = TC_RGB,
          .max_reduce = 1},
         60000000},
    };

    for (size_t at = 0; at < sizeof honest / sizeof honest[0]; at++) {
        tc_params params;
        tc_fail fail = {TC_E_OK, ""};
        tc_cost_case of = {.info = &honest[at].info,
                           .target = tc_codec_find(honest[at].info.format),
                           .params = &params,
                           .direct = true,
                           .source_bytes = honest[at].bytes};
        tc_plan plan;

        tc_params_init(&params);
        tc_params_parse(&params, honest[at].params, strlen(honest[at].params), NULL, NULL,
                        &fail);
        if (params.format)
            of.target = tc_codec_find((tc_format)params.format);
        if (!of.target) {
            skip(honest[at].params, "not built in");
            continue;
        }
        tc_plan_make(&plan, &params, &honest[at].info, &presets, &fail);
        of.spec = (tc_encode_spec){.width = plan.output_w,
                                   .height = plan.output_h,
                                   .model = honest[at].info.model,
                                   .quality = TC_QUALITY};
        tc_cost_add(&plan, &of);
        ok(!fail.error && !tc_cost_check(&plan, &presets, &fail),
           "%ux%u %s, %s: %.2f s and %llu KiB planned, within the defaults",
           honest[at].info.width, honest[at].info.height,
           tc_format_name(honest[at].info.format), honest[at].params,
           (double)plan.cost_ns / 1e9, (unsigned long long)(plan.bytes >> 10));
    }
}

/* ---- the bound while it runs -------------------------------------------------------- */

static void test_meter(void)
{
    tc_limits limits = {.max_cost_ns = 30000000, .cost_by = "Cost"};
    tc_fail fail = {TC_E_OK, ""};
    tc_meter meter;
    double began;

    tc_meter_begin(&meter, &limits, NULL, &fail);
    usleep(60000);
    ok(tc_cancel_check(&meter.cancel, &fail) == TC_E_OK, "time that the thread slept is free");
    ok(tc_cancel_afford(&meter.cancel, 10000000, &fail) == TC_E_OK, "10 ms of 30 can be had");
    ok(tc_cancel_afford(&meter.cancel, 40000000, &fail) == TC_E_TOO_COSTLY, "... 40 cannot");
    ok(strstr(fail.text, "(Cost)") != NULL, "... and it says what bounds it");
    fail.error = TC_E_OK;
    began = cpu_seconds();
    while (tc_cancel_check(&meter.cancel, &fail) == TC_E_OK && cpu_seconds() - began < 5)
        ;
    ok(fail.error == TC_E_TOO_COSTLY, "work is ended");
    ok(cpu_seconds() - began < 0.1, "... near the limit");
    limits.max_cost_ns = 0;
    fail.error = TC_E_OK;
    tc_meter_begin(&meter, &limits, NULL, &fail);
    ok(tc_cancel_afford(&meter.cancel, UINT64_MAX / 2, &fail) == TC_E_OK, "no limit, no bound");
}

/* Reading takes what no estimate knows of. */
static void test_ended(void)
{
    static const tc_limits limits = {.max_cost_ns = 100000000};
    picture from = make_picture("jpg", "1200 900 kind=noise");
    tc_fail fail = {TC_E_OK, ""};
    double began = cpu_seconds();

    from.burn = 0.02;
    ok(convert_picture(&from, "dw=300,dh=300", &limits, NULL, NULL, NULL, &fail) ==
           TC_E_TOO_COSTLY,
       "a conversion that takes more than was planned is ended: %s", fail.text);
    ok(cpu_seconds() - began < 0.3, "... soon after its limit");
    from.burn = 0;
    ok(!convert_picture(&from, "dw=300,dh=300", &limits, NULL, NULL, NULL, &fail),
       "... and another one is not");
    free(from.data);
}

/* ---- how often they ask ------------------------------------------------------------- */

typedef struct check_gaps {
    double last, longest;
} check_gaps;

static tc_error note_gap(void *context)
{
    check_gaps *gaps = context;
    double now = cpu_seconds();

    if (now - gaps->last > gaps->longest)
        gaps->longest = now - gaps->last;
    gaps->last = now;
    return TC_E_OK;
}

static const struct {
    const char *format, *options, *params;
} asking[] = {
    {"jpg", "2000 1500 kind=noise", "of=jpeg,progressive=y"},
    {"jpg", "2000 1500 kind=noise progressive=1", "of=jpeg"},
    {"png", "2000 1500 kind=photo interlace=1", "of=jpeg,dw=100,dh=100"},
    {"jpg", "2000 1500 kind=noise", "of=webp,q=95"},
    {"gif", "2000 1500 kind=photo interlace=1", "of=jpeg,dw=100,dh=100"},
};

/*
 * The bound is a part of what the whole takes, so that a slow machine, or one that is
 * busy, does not fail: with one piece of work that asks nothing it is most of it.
 */
static void test_gaps(void)
{
    for (size_t at = 0; at < sizeof asking / sizeof asking[0]; at++) {
        picture from = make_picture(asking[at].format, asking[at].options);
        double began = cpu_seconds(), took;
        check_gaps gaps = {began, 0};
        tc_cancel cancel = {.check = note_gap, .context = &gaps};
        tc_fail fail = {TC_E_OK, ""};

        if (!from.data) {
            skip(asking[at].params, "mkpicture does not make it in this build");
            continue;
        }
        gaps.last = began = cpu_seconds();
        if (convert_picture(&from, asking[at].params, &no_limits, &cancel, NULL, NULL, &fail) ==
            TC_E_NOT_BUILT) {
            skip(asking[at].params, "not built in");
        } else {
            note_gap(&gaps);
            took = cpu_seconds() - began;
            ok(!fail.error && gaps.longest < took / 2,
               "%s %s, %s: of %.0f ms at most %.0f without asking", asking[at].format,
               asking[at].options, asking[at].params, took * 1e3, gaps.longest * 1e3);
        }
        free(from.data);
    }
}

int main(void)
{
    if (SLOW_BUILD)
        skip("estimates against measured time", "a sanitizer's build takes other times");
    else
        test_estimates();
    test_limits();
    test_honest();
    test_meter();
    test_ended();
    test_gaps();
    return done_testing();
}
