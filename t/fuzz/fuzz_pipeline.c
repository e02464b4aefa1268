/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line with parameters, then a file: the whole conversion. In front of the parameters
 * !N has reading fail from byte N of the file on, ?N writing from byte N of the answer;
 * then * has the originals' reading, + damaged pictures served, = copyright kept. An
 * icon that the parameters name is the file itself.
 */
#include "fuzz.h"

#include "image/pipeline/pipeline.h"

#include <string.h>

#define LINE_MAX_BYTES 1024

/* The number behind `mark` at the line's start; 0 when there is none. */
static uint64_t fail_at(const uint8_t **line, size_t *length, uint8_t mark)
{
    uint64_t number = 0;

    if (*length == 0 || **line != mark)
        return 0;
    (*line)++;
    (*length)--;
    for (; *length > 0 && **line >= '0' && **line <= '9'; (*line)++, (*length)--)
        number = number * 10 % 1000000000 + (uint64_t)(**line - '0');
    return number + 1;
}

/* Whether the line begins with `mark`, which is then passed. */
static bool has_mark(const uint8_t **line, size_t *length, uint8_t mark)
{
    if (*length == 0 || **line != mark)
        return false;
    (*line)++;
    (*length)--;
    return true;
}

static void check_answer(const tc_outline *outline, fuzz_sink *sink)
{
    fuzz_file file = {.data = sink->data, .size = sink->size};
    tc_input input = fuzz_input(&file);
    tc_image_info info;
    tc_fail fail = {0};
    tc_decoder *decoder = NULL;

    must(sink->size > 0);
    must(tc_codec_find(tc_format_sniff(sink->data, sink->size)) == outline->target);
    must(!outline->target->decode_open(&decoder, &input, &info, &fail));
    must(info.width == outline->plan.output_w && info.height == outline->plan.output_h);
    outline->target->decode_free(decoder);
}

static void convert(fuzz_file *file, fuzz_sink *sink, const tc_params *params)
{
    tc_limits limits = {.max_pixels = FUZZ_PIXELS,
                        .max_output_w = FUZZ_SIDE,
                        .max_output_h = FUZZ_SIDE,
                        .max_radius = FUZZ_RADIUS,
                        .max_sigma = FUZZ_RADIUS};
    tc_input input = fuzz_input(file);
    tc_output output = fuzz_output(sink);
    tc_pipeline *pipeline = NULL;
    tc_fail fail = {0};
    tc_stats stats;
    tc_error error = tc_pipeline_open(&pipeline, &input, params, &limits, &fail);

    must(!pipeline == (error != TC_E_OK));
    if (!error && params->icon[0] && !tc_pipeline_outline(pipeline)->plan.pass)
        error = tc_pipeline_icon(pipeline, &input);
    if (!error && tc_pipeline_outline(pipeline)->plan.bytes > FUZZ_HELD)
        error = tc_fail_set(&fail, TC_E_OVERLOAD, "too much for a fuzzer");
    if (!error && tc_pipeline_outline(pipeline)->plan.pass) {
        tc_pipeline_free(pipeline);
        return;
    }
    if (!error)
        error = tc_pipeline_run(pipeline, &output, NULL, &stats);
    if (error)
        fuzz_must_be_told(error, &fail);
    else
        check_answer(tc_pipeline_outline(pipeline), sink);
    tc_pipeline_free(pipeline);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = data,
                  *newline = memchr(data, '\n', size < LINE_MAX_BYTES ? size : LINE_MAX_BYTES);
    size_t length = newline ? (size_t)(newline - data) : 0;
    fuzz_file file = {0};
    fuzz_sink sink = {0};
    tc_params params;
    tc_fail fail = {0};

    if (!newline)
        return 0;
    file.fail_at = fail_at(&line, &length, '!');
    sink.fail_at = fail_at(&line, &length, '?');
    file.data = newline + 1;
    file.size = size - (size_t)(newline + 1 - data);
    tc_params_init(&params);
    params.policy.strict = has_mark(&line, &length, '*');
    params.policy.serve_damaged = has_mark(&line, &length, '+');
    params.policy.keep_copyright = has_mark(&line, &length, '=');
    if (tc_params_parse(&params, (const char *)line, length, NULL, NULL, &fail))
        return 0;
    tc_params_resolve(&params, params.policy.strict);
    convert(&file, &sink, &params);
    fuzz_sink_free(&sink);
    fuzz_must_have_freed();
    return 0;
}
