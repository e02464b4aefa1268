/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A header's figures and limits, 32 bytes, then a parameter text: whatever they say,
 * the plan lies within the picture, the canvas and the limits, and its estimates are
 * those of arithmetic that cannot overflow.
 */
#include "fuzz.h"

#include "image/scale/geometry.h"
#include "image/exif/orientation.h"

/* No codec built or thinkable reports a larger side: PNG's sizes have 31 bits. */
#define SIDE_BITS 0x7fffffff

static tc_image_info take_info(fuzz_bytes *bytes)
{
    static const tc_model models[] = {TC_GREY, TC_GREY_ALPHA, TC_RGB, TC_RGB_ALPHA};
    tc_image_info info = {.width = fuzz_u32(bytes) & SIDE_BITS,
                          .height = fuzz_u32(bytes) & SIDE_BITS,
                          .held_bytes = fuzz_u32(bytes)};
    uint8_t kind = fuzz_u8(bytes);

    info.format = TC_FORMAT_JPEG;
    info.orientation = (uint8_t)(1 + fuzz_u8(bytes) % 8);
    info.model = models[kind & 3];
    info.max_reduce = 1u << (kind >> 2 & 3);
    info.width += info.width == 0;
    info.height += info.height == 0;
    return info;
}

static bool inside(const tc_rect *rect, uint32_t w, uint32_t h)
{
    return rect->w >= 1 && rect->h >= 1 && rect->x < w && rect->y < h &&
           rect->w <= w - rect->x && rect->h <= h - rect->y;
}

static void check_picture(const tc_plan *plan)
{
    bool swaps = tc_orientation_swaps(plan->orientation);

    if (plan->empty) {
        must(plan->canvas && plan->picture_w == 0 && plan->picture_h == 0);
        return;
    }
    must(inside(&plan->visible, plan->scaled_w, plan->scaled_h));
    must(plan->picture_w == (swaps ? plan->visible.h : plan->visible.w));
    must(plan->picture_h == (swaps ? plan->visible.w : plan->visible.h));
    must(plan->picture_w <= plan->output_w && plan->picture_h <= plan->output_h);
    must(plan->offset_x <= plan->output_w - plan->picture_w);
    must(plan->offset_y <= plan->output_h - plan->picture_h);
    if (!plan->canvas)
        must(plan->picture_w == plan->output_w && plan->picture_h == plan->output_h);
}

static void check_plan(const tc_plan *plan, const tc_image_info *info, const tc_limits *limits)
{
    uint64_t w = info->width, h = info->height;

    must(!limits->max_pixels || w * h <= limits->max_pixels);
    if (plan->pass)
        return; /* nothing is done, and nothing is planned */
    must(plan->orientation >= 1 && plan->orientation <= 8);
    must(inside(&plan->source, info->width, info->height));
    must(plan->scaled_w >= 1 && plan->scaled_h >= 1);
    must(plan->reduce >= 1 && plan->reduce <= info->max_reduce);
    must((plan->reduce & (plan->reduce - 1)) == 0);
    must(plan->output_w >= 1 && plan->output_h >= 1);
    must(!limits->max_output_w || plan->output_w <= limits->max_output_w);
    must(!limits->max_output_h || plan->output_h <= limits->max_output_h);
    check_picture(plan);
    must(plan->pixels >= 1 && plan->pixels <= w * h);
    must(plan->bytes >= info->held_bytes);
    must(plan->bytes - info->held_bytes >= plan->output_w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes bytes = {data, size};
    tc_image_info info = take_info(&bytes);
    tc_limits limits = {.max_pixels = (uint64_t)fuzz_u32(&bytes) << (fuzz_u8(&bytes) % 32),
                        .max_output_w = fuzz_u32(&bytes),
                        .max_output_h = fuzz_u32(&bytes),
                        .max_radius = 10,
                        .max_sigma = 10};
    tc_fail fail = {0};
    tc_params params;
    tc_plan plan;
    tc_error error;

    tc_params_init(&params);
    if (tc_params_parse(&params, (const char *)bytes.at, bytes.left, NULL, NULL, &fail))
        return 0;
    error = tc_plan_make(&plan, &params, &info, &limits, &fail);
    if (error)
        fuzz_must_be_told(error, &fail);
    else
        check_plan(&plan, &info, &limits);
    return 0;
}
