/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include "canvas.h"
#include "resample.h"
#include "turn.h"

#include <stdlib.h>
#include <time.h>

struct tc_pipeline {
    tc_outline outline;
    tc_params params;
    const tc_input *input;
    tc_fail *fail;
    tc_decoder *decoder;
    tc_layout layout;
    tc_band band; /* decoded rows, of which `taken` went to the resampler */
    uint32_t taken;
    uint32_t rows_left; /* rows the decoder has yet to deliver */
    tc_resample *resample;
    tc_turn *turn;
    uint32_t rows_turned; /* stored rows that went into the turn */
    tc_canvas canvas;
    uint8_t *row; /* one composed row, when the canvas is not direct */
    tc_encoder *encoder;
    tc_stats stats;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static tc_error no_memory(tc_fail *fail)
{
    return tc_fail_set(fail, TC_E_NO_MEMORY, "out of memory for the picture's rows");
}

static tc_error open_source(tc_pipeline *pipeline, const tc_limits *limits)
{
    uint8_t head[TC_SNIFF_BYTES];
    size_t got = 0;
    const tc_input *input = pipeline->input;
    tc_outline *outline = &pipeline->outline;
    tc_error error;

    if (limits->max_source && input->size > limits->max_source)
        return tc_fail_set(pipeline->fail, TC_E_SOURCE_TOO_LARGE,
                           "the file has %llu bytes, over the limit of %llu",
                           (unsigned long long)input->size,
                           (unsigned long long)limits->max_source);
    error = input->read(input->context, 0, head, sizeof head, &got);
    if (error)
        return tc_fail_set(pipeline->fail, error, "reading failed");
    outline->source = tc_codec_sniff(head, got);
    if (!outline->source)
        return tc_fail_set(pipeline->fail, TC_E_NOT_IMAGE, "%s", tc_error_text(TC_E_NOT_IMAGE));
    return outline->source->decode_open(&pipeline->decoder, input, &outline->info,
                                        pipeline->fail);
}

/* The named format, else the source's where it can be written, else one that loses nothing. */
static tc_error choose_target(tc_pipeline *pipeline)
{
    tc_outline *outline = &pipeline->outline;

    if (pipeline->params.format != TC_FORMAT_NONE) {
        outline->target = tc_codec_find((tc_format)pipeline->params.format);
        if (!outline->target || !outline->target->encode_open)
            return tc_fail_set(pipeline->fail, TC_E_NOT_BUILT,
                               "of: the format is not built into this server");
        return TC_E_OK;
    }
    outline->target = outline->source;
    if (!outline->target->encode_open)
        outline->target =
            tc_model_has_alpha(outline->info.model) ? &tc_codec_png : &tc_codec_jpeg;
    return TC_E_OK;
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
    made->fail = fail;
    error = open_source(made, limits);
    if (!error)
        error = choose_target(made);
    if (!error)
        error = tc_plan_make(&made->outline.plan, params, &made->outline.info, limits, fail);
    if (error) {
        tc_pipeline_free(made);
        return error;
    }
    *pipeline = made;
    return TC_E_OK;
}

const tc_outline *tc_pipeline_outline(const tc_pipeline *pipeline)
{
    return &pipeline->outline;
}

void tc_pipeline_free(tc_pipeline *pipeline)
{
    if (!pipeline)
        return;
    if (pipeline->outline.source)
        pipeline->outline.source->decode_free(pipeline->decoder);
    if (pipeline->outline.target)
        pipeline->outline.target->encode_free(pipeline->encoder);
    tc_resample_free(pipeline->resample);
    tc_turn_free(pipeline->turn);
    free(pipeline->row);
    free(pipeline);
}

/* Decoder, resampler and turn: all that makes the visible picture's rows. */
static tc_error start_picture(tc_pipeline *pipeline)
{
    const tc_outline *outline = &pipeline->outline;
    const tc_plan *plan = &outline->plan;
    tc_decode_want want = {plan->reduce, plan->source};
    tc_error error = outline->source->decode_start(pipeline->decoder, &want, &pipeline->layout);
    double scale_x, scale_y;
    tc_axis x, y;

    if (error)
        return error;
    scale_x = pipeline->layout.plane[0].true_w / outline->info.width;
    scale_y = pipeline->layout.plane[0].true_h / outline->info.height;
    x = (tc_axis){plan->source.x * scale_x,
                  (plan->source.x + plan->source.w) * scale_x,
                  pipeline->layout.plane[0].w,
                  plan->scaled_w,
                  plan->visible.x,
                  plan->visible.w};
    y = (tc_axis){plan->source.y * scale_y,
                  (plan->source.y + plan->source.h) * scale_y,
                  pipeline->layout.plane[0].h,
                  plan->scaled_h,
                  plan->visible.y,
                  plan->visible.h};
    pipeline->rows_left = pipeline->layout.plane[0].h;
    if (tc_resample_create(&pipeline->resample, &x, &y, pipeline->layout.plane[0].channels,
                           tc_model_has_alpha(outline->info.model)) ||
        tc_turn_create(&pipeline->turn, plan->orientation, plan->visible.w, plan->visible.h,
                       pipeline->layout.plane[0].channels))
        return no_memory(pipeline->fail);
    return TC_E_OK;
}

static tc_error start_answer(tc_pipeline *pipeline, const tc_output *output)
{
    const tc_outline *outline = &pipeline->outline;
    const tc_plan *plan = &outline->plan;
    tc_encode_spec spec = {.width = plan->output_w, .height = plan->output_h};

    tc_canvas_init(&pipeline->canvas, plan, &pipeline->params, outline->info.model,
                   outline->target->stores_alpha);
    spec.model = pipeline->canvas.to;
    spec.quality = (unsigned)(pipeline->params.quality ? pipeline->params.quality : TC_QUALITY);
    if (tc_model_is_grey(spec.model) == tc_model_is_grey(outline->info.model)) {
        spec.icc = outline->info.icc;
        spec.icc_length = outline->info.icc_length;
    }
    if (!pipeline->canvas.direct) {
        pipeline->row = malloc((size_t)plan->output_w * tc_model_channels(spec.model));
        if (!pipeline->row)
            return no_memory(pipeline->fail);
    }
    return outline->target->encode_open(&pipeline->encoder, output, &spec, pipeline->fail);
}

/* Give the resampler its next source row. */
static tc_error feed(tc_pipeline *pipeline)
{
    if (pipeline->taken == pipeline->band.plane[0].rows) {
        uint64_t start = now_ns();
        tc_error error;

        if (pipeline->rows_left == 0)
            return tc_fail_set(pipeline->fail, TC_E_INTERNAL, "rows ran out");
        error = pipeline->outline.source->decode_rows(pipeline->decoder, &pipeline->band);
        if (error)
            return error;
        pipeline->taken = 0;
        pipeline->rows_left -= pipeline->band.plane[0].rows;
        pipeline->stats.decode_ns += now_ns() - start;
    }
    tc_resample_put(pipeline->resample, pipeline->band.plane[0].data +
                                            pipeline->band.plane[0].stride * pipeline->taken++);
    return TC_E_OK;
}

/* The next row of the visible picture, upright. */
static tc_error next_picture_row(tc_pipeline *pipeline, const uint8_t **row)
{
    uint32_t needs = tc_turn_needs(pipeline->turn);
    uint64_t start = now_ns(), decoding = pipeline->stats.decode_ns;
    bool more = needs == 1 || pipeline->rows_turned == 0;

    while (more) {
        while (!tc_resample_ready(pipeline->resample)) {
            tc_error error = feed(pipeline);
            if (error)
                return error;
        }
        tc_resample_get(pipeline->resample, tc_turn_put(pipeline->turn));
        more = ++pipeline->rows_turned % needs != 0;
    }
    *row = tc_turn_get(pipeline->turn);
    pipeline->stats.resample_ns += now_ns() - start - (pipeline->stats.decode_ns - decoding);
    return TC_E_OK;
}

static tc_error put_row(tc_pipeline *pipeline, const uint8_t *row)
{
    tc_band band = {{{row, 0, 1}}};
    uint64_t start = now_ns();
    tc_error error = pipeline->outline.target->encode_rows(pipeline->encoder, &band);

    pipeline->stats.encode_ns += now_ns() - start;
    return error;
}

static tc_error pump(tc_pipeline *pipeline)
{
    const tc_canvas *canvas = &pipeline->canvas;
    uint32_t y;

    for (y = 0; y < pipeline->outline.plan.output_h; y++) {
        const uint8_t *row = NULL;
        tc_error error = TC_E_OK;

        if (tc_canvas_wants_picture(canvas, y))
            error = next_picture_row(pipeline, &row);
        if (error)
            return error;
        if (!canvas->direct) {
            tc_canvas_row(canvas, row, pipeline->row);
            row = pipeline->row;
        }
        error = put_row(pipeline, row);
        if (error)
            return error;
    }
    return TC_E_OK;
}

tc_error tc_pipeline_run(tc_pipeline *pipeline, const tc_output *output, tc_stats *stats)
{
    uint64_t start = now_ns();
    tc_error error = pipeline->outline.plan.empty ? TC_E_OK : start_picture(pipeline);

    pipeline->stats.decode_ns += now_ns() - start;
    if (!error)
        error = start_answer(pipeline, output);
    if (!error)
        error = pump(pipeline);
    if (!error) {
        start = now_ns();
        error = pipeline->outline.target->encode_finish(pipeline->encoder);
        pipeline->stats.encode_ns += now_ns() - start;
    }
    if (stats)
        *stats = pipeline->stats;
    return error;
}
