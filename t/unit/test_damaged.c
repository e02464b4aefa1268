/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged pictures through the whole conversion: each becomes a picture or an error
 * that says why, and never our own mistake. TC_DAMAGED in the environment says how
 * many. Nothing here measures time, but a file that takes a minute ends the test.
 */
#include "files.h"
#include "image/pipeline/pipeline.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE 60 /* seconds a file */

static const char *const parameters[] = {
    "dw=20,dh=20",
    "dw=300,ds=s,of=png",
    "da=s,cw=30,ch=30,cc=80ff0040,of=png",
    "sx=3,sy=10p,sw=8,sh=9,dw=5,of=jpeg",
    "dw=30p,jpeghint=y,autoorient=n",
    "cw=64,ch=64,dx=-5,dy=60,of=jpeg,q=30",
};

static tc_error count_bytes(void *context, const void *data, size_t length)
{
    (void)data;
    *(uint64_t *)context += length;
    return TC_E_OK;
}

static tc_error convert(damage_file *file, const char *text, uint64_t *written, tc_fail *fail)
{
    tc_limits limits = {
        .max_pixels = 4 * 1024 * 1024, .max_output_w = 1024, .max_output_h = 1024};
    tc_input input = {.read = read_memory, .context = file, .size = file->size};
    tc_output output = {.write = count_bytes, .context = written};
    tc_pipeline *pipeline = NULL;
    tc_params params;
    tc_error error;

    tc_params_init(&params);
    error = tc_params_parse(&params, text, strlen(text), NULL, NULL, fail);
    if (!error)
        error = tc_pipeline_open(&pipeline, &input, &params, &limits, fail);
    if (!error)
        error = tc_pipeline_run(pipeline, &output, NULL, NULL);
    tc_pipeline_free(pipeline);
    return error;
}

static bool is_sound(damage_file *file, const char *text, unsigned *outcomes)
{
    tc_fail fail = {0};
    uint64_t written = 0;
    tc_error error;

    alarm(PATIENCE);
    error = convert(file, text, &written, &fail);
    alarm(0);
    outcomes[error]++;
    if (!error)
        return written > 0;
    return error != TC_E_INTERNAL && error != TC_E_READ && error != TC_E_WRITE &&
           fail.error == error && fail.text[0] != '\0';
}

static tc_error out_of_time(void *context)
{
    ++*(unsigned *)context;
    return TC_E_TIMEOUT;
}

/* The bound of time holds while a header is read, too. */
static void test_cancelled(damage_file *file)
{
    unsigned asked = 0;
    tc_cancel cancel = {out_of_time, &asked, NULL};
    tc_input input = {read_memory, file, file->size, &cancel};
    tc_limits limits = {0};
    tc_pipeline *pipeline;
    tc_params params;
    tc_fail fail;

    tc_params_init(&params);
    ok(tc_pipeline_open(&pipeline, &input, &params, &limits, &fail) == TC_E_TIMEOUT &&
           !pipeline && asked > 0 && fail.error == TC_E_TIMEOUT && *fail.text,
       "%s: cancelling ends the reading of the header", file->name);
}

int main(void)
{
    const char *wanted = getenv("TC_DAMAGED");
    uint32_t number, bad = 0, most = wanted ? (uint32_t)strtoul(wanted, NULL, 10) : 600;
    unsigned outcomes[TC_E_COUNT] = {0};
    size_t count;
    damage_file *files = damage_read(PICTURES, &count);

    if (!ok(files && count >= 20, "there are pictures in %s", PICTURES))
        return done_testing();
    for (size_t at = 0; at < count; at++)
        ok(is_sound(&files[at], "dw=9", outcomes), "%s as it is", files[at].name);
    for (size_t at = 0; at < count; at++)
        test_cancelled(&files[at]);
    ok(outcomes[TC_E_OK] == count, "all of them are sound");
    for (number = 0; number < most; number++) {
        const char *text = parameters[number % (sizeof parameters / sizeof parameters[0])];
        damage_file made;

        damage_make(&made, files, count, 1, number);
        if (!made.data || !is_sound(&made, text, outcomes)) {
            printf("# number %u, made of %s, with %s\n", number, made.name, text);
            bad++;
        }
        free(made.data);
    }
    ok(most > 0 && bad == 0, "%u damaged files: each a picture or a sound error", most);
    ok(outcomes[TC_E_DAMAGED] > most / 5, "a fifth or more damaged enough to be refused");
    for (int error = 0; error < TC_E_COUNT; error++) {
        if (outcomes[error])
            printf("# %s: %u\n", tc_error_name((tc_error)error), outcomes[error]);
    }
    damage_free(files, count);
    return done_testing();
}
