/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reformat PARAMETERS IN OUT: what the conversion makes of a file; how t/fuzz/seeds has
 * pictures in the formats that mkpicture does not write. 1 when it is refused.
 */
#include "fuzz.h"

#include "image/pipeline/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES (4 * 1024 * 1024)

static void die(const char *what, const char *why)
{
    fprintf(stderr, "reformat: %s: %s\n", what, why);
    exit(1);
}

static void convert(fuzz_file *file, fuzz_sink *sink, const char *text)
{
    tc_limits limits = {.max_pixels = FUZZ_PIXELS};
    tc_input input = fuzz_input(file);
    tc_output output = fuzz_output(sink);
    tc_pipeline *pipeline = NULL;
    tc_params params;
    tc_fail fail = {0};

    tc_params_init(&params);
    if (tc_params_parse(&params, text, strlen(text), NULL, NULL, &fail) ||
        tc_pipeline_open(&pipeline, &input, &params, &limits, &fail) ||
        tc_pipeline_run(pipeline, &output, NULL, NULL))
        die(text, fail.text);
    tc_pipeline_free(pipeline);
}

int main(int argc, char **argv)
{
    uint8_t *data = malloc(FILE_MAX_BYTES);
    fuzz_file file = {.data = data};
    fuzz_sink sink = {0};
    FILE *stream;

    if (argc != 4 || !data)
        die("usage", "reformat PARAMETERS IN OUT");
    stream = fopen(argv[2], "rb");
    if (!stream)
        die(argv[2], "cannot read");
    file.size = fread(data, 1, FILE_MAX_BYTES, stream);
    fclose(stream);
    convert(&file, &sink, argv[1]);
    stream = fopen(argv[3], "wb");
    if (!stream || fwrite(sink.data, 1, sink.size, stream) != sink.size || fclose(stream) != 0)
        die(argv[3], "cannot write");
    fuzz_sink_free(&sink);
    free(data);
    return 0;
}
