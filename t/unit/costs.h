/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures that build/bin/mkpicture makes, converted, and what that took. */
#ifndef COSTS_H
#define COSTS_H

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image/pipeline/pipeline.h"
#include "tap.h"

typedef struct picture {
    uint8_t *data;
    size_t size;
    double burn; /* CPU seconds that each read takes */
} picture;

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static tc_error read_picture(void *context, uint64_t offset, void *buffer, size_t length,
                             size_t *got)
{
    const picture *from = context;
    double began = cpu_seconds();

    *got = 0;
    if (offset < from->size) {
        *got = length < from->size - offset ? length : (size_t)(from->size - offset);
        memcpy(buffer, from->data + offset, *got);
    }
    while (cpu_seconds() - began < from->burn)
        ;
    return TC_E_OK;
}

static tc_error count_bytes(void *context, const void *data, size_t length)
{
    (void)data;
    *(size_t *)context += length;
    return TC_E_OK;
}

/* One of mkpicture's, as its command line has it; the name's end is the format. */
__attribute__((unused)) static picture make_picture(const char *format, const char *options)
{
    char name[PATH_MAX], command[PATH_MAX + 512];
    const char *dir = getenv("TMPDIR");
    picture made = {NULL, 0, 0};
    FILE *in;

    /* Not by the module's names: what a test that was ended leaves is not the module's. */
    snprintf(name, sizeof name, "%s/picture-%ld.%s", dir && *dir ? dir : "/tmp", (long)getpid(),
             format);
    snprintf(command, sizeof command, "%s %s %s", MKPICTURE, name, options);
    if (system(command) != 0)
        return made;
    in = fopen(name, "rb");
    if (in) {
        fseek(in, 0, SEEK_END);
        made.size = (size_t)ftell(in);
        rewind(in);
        made.data = malloc(made.size);
        if (!made.data || fread(made.data, 1, made.size, in) != made.size)
            abort();
        fclose(in);
    }
    unlink(name);
    return made;
}

/* Open a conversion of `from`; the reason of an error is in `fail`. */
static tc_error open_conversion(tc_pipeline **pipeline, tc_input *input, picture *from,
                                const char *text, const tc_limits *limits, tc_fail *fail)
{
    tc_params params;

    fail->error = TC_E_OK;
    tc_params_init(&params);
    if (tc_params_parse(&params, text, strlen(text), NULL, NULL, fail))
        return fail->error;
    *input = (tc_input){read_picture, from, from->size, NULL};
    return tc_pipeline_open(pipeline, input, &params, limits, fail);
}

/* Convert; the plan into `plan`, the answer's bytes into `bytes`, if they are not NULL. */
__attribute__((unused)) static tc_error convert_picture(picture *from, const char *text,
                                                        const tc_limits *limits,
                                                        const tc_cancel *cancel, tc_plan *plan,
                                                        size_t *bytes, tc_fail *fail)
{
    size_t count = 0;
    tc_output output = {count_bytes, &count};
    tc_pipeline *pipeline;
    tc_input input;
    tc_error error = open_conversion(&pipeline, &input, from, text, limits, fail);

    if (error)
        return error;
    if (plan)
        *plan = tc_pipeline_outline(pipeline)->plan;
    error = tc_pipeline_run(pipeline, &output, cancel, NULL);
    tc_pipeline_free(pipeline);
    if (bytes)
        *bytes = count;
    return error;
}

#endif
