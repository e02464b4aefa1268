/* SPDX-License-Identifier: Apache-2.0 */
#include "geometry.h"

#include "base/number.h"
#include "image/exif/orientation.h"
#include "resample.h"
#include "weights.h"

#include <math.h>

/*
 * The scaled picture's sides, of which a canvas may show only a part, stay under
 * this whatever the limits, so that arithmetic on them has room.
 */
#define SCALED_MAX 1000000

/* A size in whole pixels: nearest, or strictly the one below, but at least one. */
static uint32_t whole_size(double value, bool strict)
{
    return value < 1 ? 1 : (uint32_t)(value + (strict ? 0 : 0.5));
}

/* A coordinate in pixels, percent being of `full`. */
static double in_pixels(const tc_coord *coord, double full)
{
    return coord->unit == TC_UNIT_PERCENT ? coord->value * full / 100 : coord->value;
}

tc_error tc_limits_check(const tc_limits *limits, const tc_image_info *info, tc_fail *fail)
{
    uint64_t pixels = (uint64_t)info->width * info->height;

    if (limits->max_pixels && pixels > limits->max_pixels)
        return tc_fail_set(fail, TC_E_PIXELS_TOO_MANY,
                           "the picture has %ux%u pixels, over the limit of %llu", info->width,
                           info->height, (unsigned long long)limits->max_pixels);
    return TC_E_OK;
}

/* One side of the source rectangle, clipped to the picture's `full` pixels. */
static tc_error plan_side(const tc_coord *corner, const tc_coord *size, uint32_t full,
                          bool strict, const char *key, uint32_t *start, uint32_t *length,
                          tc_fail *fail)
{
    double from = corner->unit ? in_pixels(corner, full) : 0;
    double span = size->unit ? in_pixels(size, full) : full;
    uint32_t first = from < full ? (uint32_t)(from + (strict ? 0 : 0.5)) : full;
    uint32_t count = whole_size(span < full ? span : full, strict);

    if (from >= full)
        return tc_fail_set(fail, TC_E_PARAM,
                           "%s: the source rectangle begins at %.0f, outside the picture's %u "
                           "pixels",
                           key, from, full);
    /* One that begins within the last pixel, and is rounded to the edge, has that pixel. */
    if (first >= full)
        first = full - 1;
    *start = first;
    *length = count < full - first ? count : full - first;
    return TC_E_OK;
}

typedef struct size {
    double w, h;
} size;

/* The destination size of `rect` before rounding, whether or not it will be used. */
static size plan_destination(const tc_params *params, const tc_rect *rect, double full_w,
                             double full_h)
{
    double aspect = (double)rect->w / rect->h;
    size to = {in_pixels(&params->dw, full_w), in_pixels(&params->dh, full_h)};
    bool has_w = params->dw.unit != TC_UNIT_UNSET, has_h = params->dh.unit != TC_UNIT_UNSET;

    if (!has_w && !has_h)
        return (size){rect->w, rect->h};
    if (!has_h)
        return (size){to.w, to.w / aspect};
    if (!has_w)
        return (size){to.h * aspect, to.h};
    if (params->aspect != TC_ASPECT_STRETCH) {
        bool taller = rect->w / to.w < rect->h / to.h;
        if (taller == (params->aspect == TC_ASPECT_FIT))
            to.w = to.h * aspect;
        else
            to.h = to.w / aspect;
    }
    return to;
}

/* Where one side of the picture lies on the canvas, and what of it is visible. */
static void offset_side(const tc_coord *coord, double full, uint32_t canvas, uint32_t scaled,
                        uint32_t *offset, uint32_t *first, uint32_t *count)
{
    double wanted =
        coord->unit ? in_pixels(coord, full) : ((double)canvas - (double)scaled) * 0.5;
    int64_t start = (int64_t)wanted; /* toward zero, as the originals do */
    int64_t end = start + scaled;
    int64_t from = start > 0 ? start : 0, to = end < canvas ? end : canvas;

    *count = to > from ? (uint32_t)(to - from) : 0;
    *offset = *count ? (uint32_t)from : 0;
    *first = *count ? (uint32_t)(from - start) : 0;
}

/* A rectangle of the upright picture of w x h pixels, as it lies in the stored one. */
static tc_rect to_stored(tc_rect rect, uint8_t orientation, uint32_t w, uint32_t h)
{
    tc_rect stored = rect;
    uint32_t stored_w = w, stored_h = h;

    if (tc_orientation_swaps(orientation)) {
        stored = (tc_rect){rect.y, rect.x, rect.h, rect.w};
        stored_w = h;
        stored_h = w;
    }
    if (tc_orientation_mirrors(orientation))
        stored.x = stored_w - stored.x - stored.w;
    if (tc_orientation_flips(orientation))
        stored.y = stored_h - stored.y - stored.h;
    return stored;
}

/*
 * How far the decoder itself may reduce: leaving at least twice the target's
 * size looks the same as decoding everything, leaving once the size (jpeghint)
 * costs a little sharpness. Where 1/8 is cheap, one and a half times is enough
 * for it: of 12 MP to 300 pixels that has an SSIM of .9655 against .9683, in a
 * fourth of the time.
 */
static bool leaves_enough(uint32_t source, uint32_t scaled, uint64_t halves, unsigned reduce)
{
    return 2 * (uint64_t)source >= halves * scaled * reduce;
}

static unsigned plan_reduce(const tc_plan *plan, const tc_params *params,
                            const tc_image_info *info)
{
    unsigned reduce;

    for (reduce = info->max_reduce; reduce > 1; reduce /= 2) {
        uint64_t halves = params->jpeghint ? 2 : reduce == 8 && info->eighth_is_cheap ? 3 : 4;

        if (leaves_enough(plan->source.w, plan->scaled_w, halves, reduce) &&
            leaves_enough(plan->source.h, plan->scaled_h, halves, reduce))
            return reduce;
    }
    return 1;
}

/*
 * What planes hold over RGB: chroma, at half the output's resolution, takes twice the
 * weights, and luma is put as far ahead as chroma reaches, and the rows of a strip.
 */
static uint64_t planes_cost(const tc_axis *x, const tc_axis *y)
{
    uint64_t weights_x = tc_weights_most(x), weights_y = tc_weights_most(y);

    return (weights_y + 96) * x->count * sizeof(int16_t) + x->count * (weights_x * 4 + 16) +
           y->count * (weights_y * 2 + 12);
}

/* What the decoder holds of the whole picture, of which some may be of the reduced one. */
static uint64_t held_bytes(const tc_image_info *info, uint64_t pixels)
{
    uint64_t full = (uint64_t)info->width * info->height;

    return info->held_bytes - info->scaled_bytes +
           (uint64_t)((double)info->scaled_bytes * (double)pixels / (double)full);
}

static void plan_cost(tc_plan *plan, const tc_image_info *info)
{
    uint8_t channels = tc_model_channels(info->cmyk ? TC_CMYK : info->model);
    uint32_t w = (info->width + plan->reduce - 1) / plan->reduce;
    uint32_t h = (info->height + plan->reduce - 1) / plan->reduce;
    tc_axis x = {0, w, w, plan->scaled_w, 0, plan->visible.w, 0};
    tc_axis y = {0, h, h, plan->scaled_h, 0, plan->visible.h, 0};

    plan->pixels = (uint64_t)w * h;
    plan->bytes = held_bytes(info, plan->pixels) + (uint64_t)w * channels * 32 +
                  tc_resample_bytes(&x, &y, channels) + (uint64_t)plan->output_w * 4 * 32;
    if (plan->reduce >= info->own_reduced)
        plan->bytes += info->own_bytes;
    if (info->planes)
        plan->bytes += planes_cost(&x, &y);
    if (info->palette && (uint64_t)plan->output_w * plan->output_h <= TC_PALETTE_PIXELS_MAX)
        plan->bytes += (uint64_t)plan->output_w * plan->output_h;
    if (plan->orientation > 2)
        plan->bytes += (uint64_t)plan->visible.w * plan->visible.h * channels;
}

static tc_error check_output(uint32_t w, uint32_t h, const tc_limits *limits, tc_fail *fail)
{
    if ((limits->max_output_w && w > limits->max_output_w) ||
        (limits->max_output_h && h > limits->max_output_h))
        return tc_fail_set(fail, TC_E_OUTPUT_TOO_LARGE,
                           "the answer would have %ux%u pixels, over the limit of %ux%u", w, h,
                           limits->max_output_w, limits->max_output_h);
    if (limits->max_output_pixels && (uint64_t)w * h > limits->max_output_pixels)
        return tc_fail_set(
            fail, TC_E_OUTPUT_TOO_LARGE,
            "the answer would have %ux%u pixels, over the limit of %llu%s%s%s", w, h,
            (unsigned long long)limits->max_output_pixels, limits->output_by ? " (" : "",
            limits->output_by ? limits->output_by : "", limits->output_by ? ")" : "");
    return TC_E_OK;
}

/*
 * Whether the source is to go out as it is: the whole of it, as it is seen, is smaller
 * than the target both ways, or larger either way. The target is the canvas, or else the
 * destination.
 */
static bool plan_pass(const tc_params *params, uint32_t full_w, uint32_t full_h, size to)
{
    bool canvas = params->cw && params->ch;

    if (params->pass == TC_PASS_NONE || (!canvas && !params->dw.unit && !params->dh.unit))
        return false;
    if (canvas)
        to = (size){params->cw, params->ch};
    return params->pass == TC_PASS_SMALLER ? full_w < to.w && full_h < to.h
                                           : full_w > to.w || full_h > to.h;
}

/*
 * What is not to be scaled. In the originals the corner counts against the rectangle's
 * size, and what they do not scale they do not crop either.
 */
static void leave_unscaled(const tc_params *params, uint32_t full_w, uint32_t full_h,
                           tc_rect *rect, size *to)
{
    if (params->policy.strict) {
        if (to->w < (double)rect->w - rect->x || to->h < (double)rect->h - rect->y)
            return;
        *rect = (tc_rect){0, 0, full_w, full_h};
        *to = (size){full_w, full_h};
    } else if (to->w >= rect->w && to->h >= rect->h) {
        *to = (size){rect->w, rect->h};
    }
}

/*
 * The size that `box` makes of w x h pixels before rounding. A picture never grows: with
 * `crop` a side that it does not have is as long as the picture's own.
 */
static size box_size(const tc_box *box, double w, double h)
{
    double wide = box->w && box->w < w ? box->w : w, high = box->h && box->h < h ? box->h : h;

    if (box->crop)
        return (size){wide, high};
    return wide / w < high / h ? (size){wide, h * wide / w} : (size){w * high / h, high};
}

/* Cut from the middle what is too much of `rect` for the aspect of w x h. */
static void crop_middle(tc_rect *rect, uint32_t w, uint32_t h)
{
    uint32_t wide = whole_size((double)rect->h * w / h, false);
    uint32_t high = whole_size((double)rect->w * h / w, false);

    if (wide < rect->w) {
        rect->x += (rect->w - wide) / 2;
        rect->w = wide;
    } else if (high < rect->h) {
        rect->y += (rect->h - high) / 2;
        rect->h = high;
    }
}

/*
 * Whether `want` is `to`, rounded up or down; or `side`, the box's own, where `to` is rounded
 * to a pixel less: WordPress then takes the whole side. Never over `full`, the picture's.
 */
static bool is_side(uint32_t want, double to, uint32_t side, uint32_t full)
{
    bool whole = want == side && to < side && to >= side - 1.5;

    return want <= full && (whole || fabs(to - want) < 1);
}

/* `as` is what some box makes, but for the rounding, in which programs differ. The answer has
   just that size. */
static tc_error plan_size(const tc_params *params, tc_rect *rect, tc_rect *scaled,
                          tc_fail *fail)
{
    const tc_box *want = &params->size;

    for (uint32_t at = 0; at < params->sizes.count; at++) {
        const tc_box *box = &params->sizes.box[at];
        size to = box_size(box, rect->w, rect->h);

        if (!is_side(want->w, to.w, box->w, rect->w) ||
            !is_side(want->h, to.h, box->h, rect->h))
            continue;
        if (box->crop)
            crop_middle(rect, want->w, want->h);
        *scaled = (tc_rect){0, 0, want->w, want->h};
        return TC_E_OK;
    }
    if (!params->sizes.count)
        return tc_fail_set(fail, TC_E_PARAM, "as=%ux%u: there are no sizes to choose from",
                           want->w, want->h);
    return tc_fail_set(fail, TC_E_SIZE, "as=%ux%u: not a size of this picture, %ux%u", want->w,
                       want->h, rect->w, rect->h);
}

/* The upright source rectangle and the size it is resampled to; whether to do nothing. */
static tc_error plan_scale(const tc_params *params, uint32_t full_w, uint32_t full_h,
                           tc_rect *rect, tc_rect *scaled, bool *pass, tc_fail *fail)
{
    bool strict = params->policy.strict;
    tc_error error;
    size to;

    error = plan_side(&params->sx, &params->sw, full_w, strict, "sx", &rect->x, &rect->w, fail);
    if (!error)
        error =
            plan_side(&params->sy, &params->sh, full_h, strict, "sy", &rect->y, &rect->h, fail);
    if (error)
        return error;
    if (params->size.w)
        return plan_size(params, rect, scaled, fail);
    to = plan_destination(params, rect, full_w, full_h);
    *pass = plan_pass(params, full_w, full_h, to);
    if (!params->upscale)
        leave_unscaled(params, full_w, full_h, rect, &to);
    if (to.w > SCALED_MAX || to.h > SCALED_MAX)
        return tc_fail_set(fail, TC_E_OUTPUT_TOO_LARGE,
                           "the scaled picture would have %.0fx%.0f pixels, over %d", to.w,
                           to.h, SCALED_MAX);
    *scaled = (tc_rect){0, 0, whole_size(to.w, strict), whole_size(to.h, strict)};
    return TC_E_OK;
}

static tc_error check_gauss(const char *key, const tc_gauss *gauss, const tc_limits *limits,
                            tc_fail *fail)
{
    char number[TC_NUMBER_MAX];

    if (limits->max_radius && gauss->radius > limits->max_radius)
        return tc_fail_set(fail, TC_E_PARAM, "%s: the radius is %s, over the limit of %u", key,
                           tc_number_text(number, 'g', 6, gauss->radius), limits->max_radius);
    if (limits->max_sigma && gauss->sigma > limits->max_sigma)
        return tc_fail_set(fail, TC_E_PARAM, "%s: sigma is %s, over the limit of %u", key,
                           tc_number_text(number, 'g', 6, gauss->sigma), limits->max_sigma);
    return TC_E_OK;
}

static tc_error check_effects(const tc_params *params, const tc_limits *limits, tc_fail *fail)
{
    tc_error error = check_gauss("unsharp", &params->unsharp, limits, fail);

    if (!error)
        error = check_gauss("sharpen", &params->sharpen, limits, fail);
    return error ? error : check_gauss("blur", &params->blur, limits, fail);
}

tc_error tc_plan_make(tc_plan *plan, const tc_params *params, const tc_image_info *info,
                      const tc_limits *limits, tc_fail *fail)
{
    uint8_t orientation =
        tc_orientation_rotate(params->autoorient ? info->orientation : 1, params->angle);
    bool swaps = tc_orientation_swaps(orientation);
    uint32_t full_w = swaps ? info->height : info->width;
    uint32_t full_h = swaps ? info->width : info->height;
    tc_rect rect = {0}, scaled = {0}, visible;
    bool pass = false;
    tc_error error = tc_limits_check(limits, info, fail);

    if (!error)
        error = check_effects(params, limits, fail);
    if (!error)
        error = plan_scale(params, full_w, full_h, &rect, &scaled, &pass, fail);
    if (error)
        return error;
    *plan =
        (tc_plan){.orientation = orientation, .pass = pass, .canvas = params->cw && params->ch};
    if (pass)
        return TC_E_OK;
    visible = scaled;
    plan->output_w = scaled.w;
    plan->output_h = scaled.h;
    if (plan->canvas) {
        plan->output_w = params->cw;
        plan->output_h = params->ch;
        offset_side(&params->dx, full_w, params->cw, scaled.w, &plan->offset_x, &visible.x,
                    &visible.w);
        offset_side(&params->dy, full_h, params->ch, scaled.h, &plan->offset_y, &visible.y,
                    &visible.h);
    }
    error = check_output(plan->output_w, plan->output_h, limits, fail);
    if (error)
        return error;
    plan->empty = visible.w == 0 || visible.h == 0;
    if (plan->empty) {
        visible = (tc_rect){0, 0, 0, 0};
        plan->offset_x = plan->offset_y = 0;
    }
    plan->picture_w = visible.w;
    plan->picture_h = visible.h;
    plan->source = to_stored(rect, orientation, full_w, full_h);
    plan->visible = plan->empty ? visible : to_stored(visible, orientation, scaled.w, scaled.h);
    plan->scaled_w = swaps ? scaled.h : scaled.w;
    plan->scaled_h = swaps ? scaled.w : scaled.h;
    plan->reduce = plan_reduce(plan, params, info);
    plan_cost(plan, info);
    return TC_E_OK;
}
