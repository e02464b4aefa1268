/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include "base/buffer.h"
#include "image/compose/canvas.h"
#include "image/colour/cicp.h"
#include "base/clock.h"
#include "image/colour/colour.h"
#include "cost.h"
#include "image/compose/effect.h"
#include "image/exif/exif.h"
#include "meter.h"
#include "image/picture/picture.h"
#include "image/picture/open.h"

#include <stdlib.h>
#include <string.h>

/* Of the rows down to its end, a part of the picture is small at this fraction; measured. */
#define PART 4

struct tc_pipeline {
    tc_outline outline;
    tc_params params;
    tc_limits limits;
    tc_meter meter;
    const tc_input *input;
    tc_fail *fail;
    tc_fail damage; /* that the output has all the same */
    tc_decoder *decoder;
    tc_picture *picture; /* NULL when nothing of it is visible */
    bool planes;         /* the picture goes from decoder to encoder as TC_YCC */
    tc_profile profile;  /* what becomes of the embedded one */
    tc_transform *transform;
    tc_cicp_transform *cicp; /* of a picture without a profile */
    uint8_t *converted;      /* one of the picture's rows */
    uint8_t *exif;           /* for the output */
    size_t exif_length;
    tc_canvas canvas;
    uint8_t *row; /* one composed row, when the canvas is not direct */
    tc_icon *icon;
    tc_effects *effects; /* NULL when none was named */
    tc_encoder *encoder;
    tc_stats stats;
    uint64_t effect_ns;
};

static tc_error no_memory(tc_fail *fail)
{
    return tc_fail_set(fail, TC_E_NO_MEMORY, "out of memory for the picture's rows");
}

/* The named format, else the source's where it can be written, else one that loses nothing. */
static tc_error choose_target(tc_pipeline *pipeline)
{
    tc_outline *outline = &pipeline->outline;
    tc_format format = (tc_format)pipeline->params.format;

    if (format != TC_FORMAT_NONE) {
        const tc_codec *named = tc_codec_find(format);

        if (!named || !named->encode_open)
            return tc_fail_set(pipeline->fail, TC_E_NOT_BUILT,
                               "of=%s: writing %s is not built into this server",
                               tc_format_name(format), tc_format_title(format));
        outline->target = named;
        return TC_E_OK;
    }
    outline->target = outline->source;
    if (!outline->target->encode_open)
        outline->target =
            tc_model_has_alpha(outline->info.model) ? &tc_codec_png : &tc_codec_jpeg;
    return TC_E_OK;
}

/* Asked for by q=100; a lossless source whose format and quality nobody names stays so. */
static bool is_lossless(const tc_pipeline *pipeline)
{
    const tc_outline *outline = &pipeline->outline;

    return pipeline->params.quality == 100 ||
           (pipeline->params.quality == 0 && outline->info.lossless &&
            outline->source == outline->target);
}

/* The output as the encoder is told of it; what may go with it is the caller's. */
static tc_encode_spec output_spec(const tc_pipeline *pipeline)
{
    const tc_outline *outline = &pipeline->outline;
    const tc_params *params = &pipeline->params;

    return (tc_encode_spec){.width = outline->plan.output_w,
                            .height = outline->plan.output_h,
                            .model = pipeline->canvas.to,
                            .progressive = params->progressive,
                            .quality =
                                (unsigned)(params->quality ? params->quality : TC_QUALITY),
                            .lossless = is_lossless(pipeline),
                            .palette = outline->info.palette,
                            .flat = outline->info.flat};
}

/* The canvas, and what all of it takes. */
static tc_error weigh(tc_pipeline *pipeline)
{
    tc_outline *outline = &pipeline->outline;
    tc_cost_case of = {.info = &outline->info,
                       .target = outline->target,
                       .params = &pipeline->params,
                       .source_bytes = pipeline->input->size};

    tc_canvas_init(&pipeline->canvas, &outline->plan, &pipeline->params, outline->info.model,
                   outline->target->stores_alpha, tc_effects_colour(&pipeline->params));
    of.spec = output_spec(pipeline);
    of.direct = pipeline->canvas.direct;
    tc_cost_add(&outline->plan, &of);
    return tc_cost_check(&outline->plan, &pipeline->limits, pipeline->fail);
}

tc_error tc_pipeline_open(tc_pipeline **pipeline, const tc_input *input,
                          const tc_params *params, const tc_limits *limits, tc_fail *fail)
{
    tc_pipeline *made = calloc(1, sizeof *made);
    tc_error error;

    *pipeline = NULL;
    fail->error = TC_E_OK;
    if (!made)
        return no_memory(fail);
    made->input = input;
    made->params = *params;
    made->limits = *limits;
    made->fail = fail;
    error = tc_picture_open(&made->outline.source, &made->decoder, input, limits,
                            &made->outline.info, fail);
    if (!error)
        error = choose_target(made);
    if (!error)
        error = tc_plan_make(&made->outline.plan, params, &made->outline.info, limits, fail);
    if (!error && !made->outline.plan.pass)
        error = weigh(made);
    if (error) {
        tc_pipeline_free(made);
        return error;
    }
    *pipeline = made;
    return TC_E_OK;
}

tc_error tc_pipeline_icon(tc_pipeline *pipeline, const tc_input *icon)
{
    tc_plan *plan = &pipeline->outline.plan;
    tc_error error = tc_icon_open(&pipeline->icon, icon, &pipeline->params, plan->output_w,
                                  plan->output_h, &pipeline->limits, pipeline->fail);

    if (error)
        return error;
    plan->bytes += tc_icon_bytes(pipeline->icon);
    plan->cost_ns += tc_icon_ns(pipeline->icon);
    return tc_cost_check(plan, &pipeline->limits, pipeline->fail);
}

const tc_fail *tc_pipeline_damage(const tc_pipeline *pipeline)
{
    return pipeline->damage.error == TC_E_OK ? NULL : &pipeline->damage;
}

const tc_outline *tc_pipeline_outline(const tc_pipeline *pipeline)
{
    return &pipeline->outline;
}

void tc_pipeline_free(tc_pipeline *pipeline)
{
    if (!pipeline)
        return;
    tc_picture_free(pipeline->picture);
    if (pipeline->outline.source)
        pipeline->outline.source->decode_free(pipeline->decoder);
    if (pipeline->encoder) /* a target that is only read has none, and no way to free one */
        pipeline->outline.target->encode_free(pipeline->encoder);
    tc_effects_free(pipeline->effects);
    tc_icon_free(pipeline->icon);
    tc_transform_free(pipeline->transform);
    tc_cicp_free(pipeline->cicp);
    tc_buffer_free(pipeline->converted);
    tc_buffer_free(pipeline->exif);
    tc_buffer_free(pipeline->row);
    free(pipeline);
}

/* What becomes of the embedded profile; without one or an output to show it nothing does. */
static tc_error start_colour(tc_pipeline *pipeline)
{
    const tc_image_info *info = &pipeline->outline.info;
    tc_model model = tc_image_profile_model(info);

    pipeline->profile = TC_PROFILE_DROP;
    if (pipeline->outline.plan.empty || (!info->icc && tc_cicp_is_srgb(info->cicp)))
        return TC_E_OK;
    if (info->icc ? tc_transform_open(&pipeline->transform, info->icc, info->icc_length, model,
                                      &pipeline->profile)
                  : tc_cicp_open(&pipeline->cicp, info->cicp, model))
        return no_memory(pipeline->fail);
    if (info->cmyk && !pipeline->transform)
        pipeline->profile = TC_PROFILE_DROP; /* the rows are RGB, not what it describes */
    if (!pipeline->transform && !pipeline->cicp)
        return TC_E_OK;
    pipeline->converted = tc_buffer_alloc((size_t)pipeline->outline.plan.picture_w *
                                          tc_model_channels(tc_transform_model(model)));
    return pipeline->converted ? TC_E_OK : no_memory(pipeline->fail);
}

/* One of the picture's rows in sRGB. */
static void convert(tc_pipeline *pipeline, tc_strip *strip)
{
    uint32_t pixels = pipeline->outline.plan.picture_w;

    if (pipeline->transform)
        tc_transform_row(pipeline->transform, strip->plane[0].data, pipeline->converted,
                         pixels);
    else
        tc_cicp_row(pipeline->cicp, strip->plane[0].data, pipeline->converted, pixels);
    *strip = (tc_strip){{{pipeline->converted, 0, 1}}};
}

/* What of the source's EXIF the output is to have. */
static tc_error start_exif(tc_pipeline *pipeline)
{
    const tc_image_info *info = &pipeline->outline.info;
    const tc_params *params = &pipeline->params;
    bool whole = params->inhexif && !params->rmprof && info->exif_length <= TC_EXIF_MAX;

    if (!info->exif || (!whole && !params->policy.keep_copyright))
        return TC_E_OK;
    pipeline->exif = tc_buffer_alloc(whole ? info->exif_length : TC_COPYRIGHT_MAX);
    if (!pipeline->exif)
        return no_memory(pipeline->fail);
    if (whole) {
        memcpy(pipeline->exif, info->exif, info->exif_length);
        pipeline->exif_length = tc_exif_normalise(pipeline->exif, info->exif_length);
    } else {
        pipeline->exif_length =
            tc_exif_copyright(info->exif, info->exif_length, pipeline->exif);
    }
    return TC_E_OK;
}

/* The profile when the output's colours are still the source's, and EXIF. */
static void describe_metadata(const tc_pipeline *pipeline, tc_encode_spec *spec)
{
    const tc_image_info *info = &pipeline->outline.info;

    if (pipeline->profile == TC_PROFILE_KEEP && !pipeline->params.rmprof &&
        tc_model_is_grey(spec->model) == tc_model_is_grey(info->model)) {
        spec->icc = info->icc;
        spec->icc_length = info->icc_length;
    }
    if (pipeline->exif_length > 0) {
        spec->exif = pipeline->exif;
        spec->exif_length = pipeline->exif_length;
    }
}

/*
 * Whether so little of the picture is used that the decoder takes less for that
 * alone, as RGB, than for all planes down to its end.
 */
static bool is_small_part(const tc_image_info *info, const tc_plan *plan)
{
    tc_rect used = tc_picture_source(info, plan);

    return info->crops &&
           (uint64_t)used.w * used.h * PART < (uint64_t)info->width * (used.y + used.h);
}

/*
 * Whether the picture can stay as JPEG stores it: nobody between decoder and
 * encoder needs pixels of RGB. It is half the samples, and no conversions.
 */
static bool wants_planes(const tc_pipeline *pipeline)
{
    const tc_outline *outline = &pipeline->outline;

    return !outline->plan.empty && outline->info.planes && outline->target->accepts_planes &&
           !(outline->target->has_lossless && is_lossless(pipeline)) &&
           pipeline->canvas.direct && !pipeline->converted &&
           !tc_effects_named(&pipeline->params) &&
           !is_small_part(&outline->info, &outline->plan);
}

static tc_error start_output(tc_pipeline *pipeline, const tc_output *output,
                             const tc_cancel *cancel)
{
    const tc_outline *outline = &pipeline->outline;
    tc_encode_spec spec = output_spec(pipeline);

    spec.cancel = cancel;
    if (pipeline->planes)
        spec.model = TC_YCC;
    describe_metadata(pipeline, &spec);
    if (!pipeline->canvas.direct) {
        pipeline->row = tc_buffer_alloc((size_t)spec.width * tc_model_channels(spec.model));
        if (!pipeline->row)
            return no_memory(pipeline->fail);
    }
    return outline->target->encode_open(&pipeline->encoder, output, &spec, pipeline->fail);
}

static tc_error start_effects(tc_pipeline *pipeline, const tc_cancel *cancel)
{
    tc_shape shape = {pipeline->canvas.to, pipeline->outline.plan.output_w,
                      pipeline->outline.plan.output_h};
    tc_error error = TC_E_OK;

    if (!tc_effects_named(&pipeline->params))
        return TC_E_OK;
    if (pipeline->icon)
        error = tc_icon_start(pipeline->icon, cancel, pipeline->fail);
    return error ? error
                 : tc_effects_create(&pipeline->effects, &pipeline->params, &shape,
                                     pipeline->icon, pipeline->fail);
}

/* Row `y` of the output, or with planes those of them that begin there. */
static tc_error make_rows(tc_pipeline *pipeline, uint32_t y, tc_strip *strip)
{
    const tc_canvas *canvas = &pipeline->canvas;
    tc_error error = TC_E_OK;

    *strip = (tc_strip){0};
    if (tc_canvas_wants_picture(canvas, y))
        error = tc_picture_rows(pipeline->picture, strip);
    if (error)
        return error;
    if (pipeline->converted && strip->plane[0].data)
        convert(pipeline, strip);
    if (canvas->direct)
        return TC_E_OK;
    tc_canvas_row(canvas, strip->plane[0].data, pipeline->row);
    *strip = (tc_strip){{{pipeline->row, 0, 1}}};
    return TC_E_OK;
}

static tc_error put_rows(tc_pipeline *pipeline, const tc_strip *strip)
{
    return pipeline->outline.target->encode_rows(pipeline->encoder, strip);
}

/* A row of the canvas, through the effects, to the encoder. */
static tc_error put_through(tc_pipeline *pipeline, const uint8_t *row)
{
    uint64_t start = tc_clock_ns();
    tc_error error = tc_effects_write_row(pipeline->effects, row);

    while (!error) {
        error = tc_effects_read_row(pipeline->effects, &row);
        pipeline->effect_ns += tc_clock_ns() - start;
        if (error || !row)
            break;
        error = put_rows(pipeline, &(tc_strip){{{row, 0, 1}}});
        start = tc_clock_ns();
    }
    return error;
}

static tc_error pump(tc_pipeline *pipeline, const tc_cancel *cancel)
{
    uint64_t start = tc_clock_ns(), made;
    tc_stats *stats = &pipeline->stats;
    tc_error error = TC_E_OK;

    for (uint32_t y = 0; y < pipeline->outline.plan.output_h && !error; y++) {
        tc_strip strip;

        error = tc_cancel_check(cancel, pipeline->fail);
        if (!error)
            error = make_rows(pipeline, y, &strip);
        made = tc_clock_ns();
        stats->resample_ns += made - start;
        if (!error)
            error = pipeline->effects ? put_through(pipeline, strip.plane[0].data)
                                      : put_rows(pipeline, &strip);
        start = tc_clock_ns();
        stats->encode_ns += start - made;
    }
    return error;
}

static tc_error finish(tc_pipeline *pipeline)
{
    uint64_t start = tc_clock_ns();
    tc_error error = pipeline->outline.target->encode_finish(pipeline->encoder);

    pipeline->stats.encode_ns += tc_clock_ns() - start;
    return error;
}

tc_error tc_pipeline_run(tc_pipeline *pipeline, const tc_output *output,
                         const tc_cancel *client, tc_stats *stats)
{
    const tc_outline *outline = &pipeline->outline;
    const tc_cancel *cancel = &pipeline->meter.cancel;
    tc_decode_want want = {.cancel = cancel};
    tc_error error;

    tc_meter_begin(&pipeline->meter, &pipeline->limits, client, pipeline->fail);
    error = start_colour(pipeline);
    if (!error)
        error = start_exif(pipeline);
    pipeline->planes = wants_planes(pipeline);
    want.planes = pipeline->planes;
    want.library = pipeline->limits.library;
    want.cmyk = pipeline->transform && outline->info.cmyk;
    want.damage = pipeline->params.policy.serve_damaged ? &pipeline->damage : NULL;
    if (!error && !outline->plan.empty)
        error = tc_picture_start(&pipeline->picture, outline->source, pipeline->decoder,
                                 &outline->info, &outline->plan, &want, pipeline->fail);
    if (!error && pipeline->picture)
        pipeline->stats.decode_ns = tc_picture_decode_ns(pipeline->picture);
    if (!error)
        error = start_output(pipeline, output, cancel);
    if (!error)
        error = start_effects(pipeline, cancel);
    if (!error)
        error = pump(pipeline, cancel);
    if (!error)
        error = finish(pipeline);
    if (pipeline->picture) {
        uint64_t before = pipeline->stats.decode_ns;

        pipeline->stats.decode_ns = tc_picture_decode_ns(pipeline->picture);
        pipeline->stats.resample_ns -= pipeline->stats.decode_ns - before;
    }
    pipeline->stats.resample_ns += pipeline->effect_ns;
    pipeline->stats.encode_ns -= pipeline->effect_ns;
    if (stats)
        *stats = pipeline->stats;
    return error;
}
