/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a conversion, each at its edge: what is exactly as large as the limit is
 * converted, one more is refused, and sums that are larger than 32 bits are no smaller ones.
 */
#include "pictures.h"

#include "image/pipeline/cost.h"
#include "image/pipeline/pipeline.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A picture of w x h pixels, and what the parameters ask for, within these limits. */
static void plans(void)
{
    static const struct {
        uint32_t w, h;
        const char *params;
        tc_limits limits;
        tc_error wanted;
    } cases[] = {
        {100, 100, "dw=10", {.max_pixels = 10000}, TC_E_OK},
        {100, 100, "dw=10", {.max_pixels = 9999}, TC_E_PIXELS_TOO_MANY},
        {10000, 1, "dw=10", {.max_pixels = 9999}, TC_E_PIXELS_TOO_MANY},
        {65536, 65537, "dw=10", {.max_pixels = 100000}, TC_E_PIXELS_TOO_MANY},
        {65536, 65536, "dw=10", {.max_pixels = UINT64_C(1) << 32}, TC_E_OK},
        {100, 100, "dw=50,dh=40,da=n,ds=s", {.max_output_w = 50, .max_output_h = 40}, TC_E_OK},
        {100, 100, "dw=51,dh=40,da=n,ds=s", {.max_output_w = 50}, TC_E_OUTPUT_TOO_LARGE},
        {100, 100, "dw=50,dh=41,da=n,ds=s", {.max_output_h = 40}, TC_E_OUTPUT_TOO_LARGE},
        {100, 100, "cw=50,ch=40", {.max_output_w = 50, .max_output_h = 40}, TC_E_OK},
        {100,
         100,
         "cw=51,ch=40",
         {.max_output_w = 50, .max_output_h = 40},
         TC_E_OUTPUT_TOO_LARGE},
        {100, 100, "dw=50,dh=40,da=n,ds=s", {.max_output_pixels = 2000}, TC_E_OK},
        {100, 100, "dw=50,dh=40,da=n,ds=s", {.max_output_pixels = 1999}, TC_E_OUTPUT_TOO_LARGE},
        {100, 100, "cw=65536,ch=65536", {.max_output_pixels = 100000}, TC_E_OUTPUT_TOO_LARGE},
        {100, 100, "dw=1000000,dh=10,da=n,ds=s", {.max_source = 0}, TC_E_OK},
        {100, 100, "dw=10,dh=1000000,da=n,ds=s", {.max_source = 0}, TC_E_OK},
        {1000001, 1000000, "cw=10,ch=10", {.max_source = 0}, TC_E_OUTPUT_TOO_LARGE},
        {1000000, 1000001, "cw=10,ch=10", {.max_source = 0}, TC_E_OUTPUT_TOO_LARGE},
        {100, 100, "blur=20x3", {.max_radius = 20, .max_sigma = 3}, TC_E_OK},
        {100, 100, "blur=21x3", {.max_radius = 20, .max_sigma = 3}, TC_E_PARAM},
        {100, 100, "blur=20.5x3", {.max_radius = 20, .max_sigma = 3}, TC_E_PARAM},
        {100, 100, "blur=20x3.5", {.max_radius = 20, .max_sigma = 3}, TC_E_PARAM},
        {100, 100, "sharpen=21x3", {.max_radius = 20}, TC_E_PARAM},
        {100, 100, "unsharp=1x4", {.max_sigma = 3}, TC_E_PARAM},
    };

    for (size_t at = 0; at < COUNT(cases); at++) {
        tc_image_info info = {.format = TC_FORMAT_PNG,
                              .width = cases[at].w,
                              .height = cases[at].h,
                              .orientation = 1,
                              .model = TC_RGB,
                              .max_reduce = 1};
        tc_params params;
        tc_plan plan;
        tc_fail fail = {0};
        tc_error error;

        tc_params_init(&params);
        if (tc_params_parse(&params, cases[at].params, strlen(cases[at].params), NULL, NULL,
                            &fail))
            abort();
        error = tc_plan_make(&plan, &params, &info, &cases[at].limits, &fail);
        ok(error == cases[at].wanted, "%ux%u, %s: %s", cases[at].w, cases[at].h,
           cases[at].params, error ? fail.text : "is planned");
    }
}

static void costs(void)
{
    static const struct {
        uint64_t bytes, ns;
        tc_limits limits;
        tc_error wanted;
    } cases[] = {
        {1000, 5, {.max_memory = 1000, .max_cost_ns = 5}, TC_E_OK},
        {1001, 5, {.max_memory = 1000, .max_cost_ns = 5}, TC_E_TOO_COSTLY},
        {1000, 6, {.max_memory = 1000, .max_cost_ns = 5}, TC_E_TOO_COSTLY},
        {UINT64_MAX, 0, {.max_memory = UINT64_MAX - 1}, TC_E_TOO_COSTLY},
        {UINT64_MAX, UINT64_MAX, {.max_memory = 0}, TC_E_OK},
    };

    for (size_t at = 0; at < COUNT(cases); at++) {
        tc_plan plan = {.bytes = cases[at].bytes, .cost_ns = cases[at].ns};
        tc_fail fail = {0};
        tc_error error = tc_cost_check(&plan, &cases[at].limits, &fail);

        ok(error == cases[at].wanted, "%llu bytes, %llu ns: %s",
           (unsigned long long)cases[at].bytes, (unsigned long long)cases[at].ns,
           error ? fail.text : "may begin");
    }
}

/* The limit is `over` bytes less than the file. */
static void source(unsigned over, tc_error wanted)
{
    pixels from = draw(16, 16, TC_RGB);
    bytes file = {0};
    tc_fail fail = {0};
    tc_limits limits = {0};
    tc_pipeline *pipeline;
    tc_params params;
    tc_input input;
    tc_error error;

    encode(&tc_codec_png, &from, (tc_encode_spec){.quality = 80}, &file, &fail);
    input = (tc_input){read_bytes_at, &file, file.length, NULL};
    limits.max_source = file.length - over;
    tc_params_init(&params);
    error = tc_pipeline_open(&pipeline, &input, &params, &limits, &fail);
    ok(error == wanted, "a file %u bytes over the limit: %s", over,
       error ? fail.text : "is opened");
    tc_pipeline_free(pipeline);
    free(from.data);
    free(file.data);
}

int main(void)
{
    plans();
    costs();
    source(0, TC_E_OK);
    source(1, TC_E_SOURCE_TOO_LARGE);
    return done_testing();
}
