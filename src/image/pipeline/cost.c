/* SPDX-License-Identifier: Apache-2.0 */
#include "cost.h"

#include "image/colour/cicp.h"
#include "image/colour/colour.h"
#include "image/picture/decode_cost.h"
#include "image/compose/effect.h"
#include "image/codec/encode_cost.h"

#include <stdio.h>

/* Nanoseconds, measured as in image/picture/decode_cost.c. */

/* What the smallest takes: headers, tables, allocations. */
#define START 0.4e6

#define CANVAS       2.0 /* a pixel laid on a canvas, or made of grey */
#define CANVAS_ALPHA 4.5

/* To make a profile's transform. */
#define PROFILE 4e6

/* A pixel through it, by model. */
static const double profile_ns[] = {
    [TC_GREY] = 1, [TC_GREY_ALPHA] = 1, [TC_RGB] = 18, [TC_RGB_ALPHA] = 48, [TC_CMYK] = 70};

/* Between picture and encoder: the profile's colours, the canvas, effects. */
static double output_ns(const tc_plan *plan, const tc_cost_case *of)
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
    /* The decoder's profile, its transform, and EXIF with the copy for the output. */
    plan->bytes += of->info->icc_length + 2 * (uint64_t)of->info->exif_length;
    if (of->info->icc)
        plan->bytes += tc_transform_bytes(of->info->icc, of->info->icc_length,
                                          tc_image_profile_model(of->info));
    else if (!tc_cicp_is_srgb(of->info->cicp))
        plan->bytes += tc_cicp_bytes();
    plan->bytes += of->target->encode_held ? of->target->encode_held(&of->spec) : 0;
    plan->cost_ns = tc_cost_picture_ns(of->info, plan, of->source_bytes) +
                    (uint64_t)output_ns(plan, of) +
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
        return tc_fail_set(
            fail, TC_E_TOO_COSTLY,
            "the conversion would take %llu MiB of memory, over the limit of %llu%s",
            (unsigned long long)((plan->bytes >> 20) + 1),
            (unsigned long long)(limits->max_memory >> 20),
            named(limits->memory_by, by, sizeof by));
    if (limits->max_cost_ns && plan->cost_ns > limits->max_cost_ns)
        return tc_fail_set(fail, TC_E_TOO_COSTLY,
                           "the conversion would take about %.1f s of processor time, over the "
                           "limit of %.1f s%s",
                           (double)plan->cost_ns / 1e9, (double)limits->max_cost_ns / 1e9,
                           named(limits->cost_by, by, sizeof by));
    return TC_E_OK;
}
