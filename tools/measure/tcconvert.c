/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Converts one picture as the module does, without a server:
 *
 *   tcconvert [-n TIMES] [-t SECONDS] [-l] [-L] [-v] PARAMS IN OUT
 *   tcconvert -p [-l] IN PARAMS...
 *
 * PARAMS as in a URL: dw=300,dh=300,q=85. OUT may be - for nowhere. With -n the same
 * picture is converted so many times, with -t until so much CPU time is used, the
 * first not counted; each answer replaces the one before. With -l under the limits that
 * the module has by default, else without any. With -L JPEGs are decoded by libjpeg-turbo
 * alone, which gives the same answers. -v prints `key: value` lines: CPU time a
 * picture, and by the clock the time of each stage; what was planned; the peak of the
 * process's memory over what it had before, less the answer. Exits with 1 when the
 * picture is refused, 2 when called wrongly.
 *
 * With -p nothing is converted: for each PARAMS a line has what is planned, as
 * `ok MILLISECONDS KIB WIDTHxHEIGHT`, or `refused REASON`.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "image/pipeline/pipeline.h"
#include "server/directives.h"

/* The directives' defaults. */
static const struct {
#define X(field, kind, name, least, most, preset, help) int64_t field;
    TC_NUMBERS(X)
#undef X
} presets = {
#define X(field, kind, name, least, most, preset, help) preset,
    TC_NUMBERS(X)
#undef X
};

static tc_limits limits; /* none */
static long before_kb;   /* peak of the process before it converts */

typedef struct source_file {
    int fd;
    uint64_t size;
} source_file;

/* An answer, kept in memory that is used again for the next. */
typedef struct response_buffer {
    uint8_t *data;
    size_t length, room;
} response_buffer;

typedef struct time_totals {
    unsigned pictures;
    double cpu;
    tc_stats stats;
    tc_outline outline;
} time_totals;

__attribute__((noreturn)) static void usage(void)
{
    fputs("usage: tcconvert [-n TIMES] [-t SECONDS] [-l] [-L] [-v] PARAMS IN OUT\n"
          "       tcconvert -p [-l] IN PARAMS...\n",
          stderr);
    exit(2);
}

static tc_error read_source(void *context, uint64_t offset, void *buffer, size_t length,
                            size_t *got)
{
    const source_file *source = context;

    return tc_file_read(source->fd, source->size, offset, buffer, length, got);
}

static tc_error write_answer(void *context, const void *data, size_t length)
{
    response_buffer *answer = context;

    if (length > answer->room - answer->length) {
        size_t room = 2 * answer->room + length;
        uint8_t *grown = realloc(answer->data, room);
        if (!grown)
            return TC_E_NO_MEMORY;
        answer->data = grown;
        answer->room = room;
    }
    memcpy(answer->data + answer->length, data, length);
    answer->length += length;
    return TC_E_OK;
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void set_limits(void)
{
    limits = (tc_limits){.max_source = (uint64_t)presets.max_source,
                         .max_pixels = (uint64_t)presets.max_pixels,
                         .max_output_w = TC_MAX_OUTPUT_DEFAULT,
                         .max_output_h = TC_MAX_OUTPUT_DEFAULT,
                         .max_radius = (uint32_t)presets.radius_max,
                         .max_sigma = (uint32_t)presets.sigma_max,
                         .max_output_pixels = (uint64_t)presets.max_output_pixels,
                         .max_memory = (uint64_t)presets.max_memory,
                         .max_cost_ns = (uint64_t)presets.max_cost * 1000000000u};
}

static tc_error convert(const tc_input *input, const tc_params *params, response_buffer *answer,
                        time_totals *totals, tc_fail *fail)
{
    tc_output output = {write_answer, answer};
    tc_pipeline *pipeline;
    tc_stats stats;
    tc_error error = tc_pipeline_open(&pipeline, input, params, &limits, fail);

    if (error)
        return error;
    answer->length = 0;
    totals->outline = *tc_pipeline_outline(pipeline);
    error = tc_pipeline_run(pipeline, &output, NULL, &stats);
    tc_pipeline_free(pipeline);
    totals->pictures++;
    totals->stats.decode_ns += stats.decode_ns;
    totals->stats.resample_ns += stats.resample_ns;
    totals->stats.encode_ns += stats.encode_ns;
    return error;
}

static void convert_or_exit(const tc_input *input, const tc_params *params,
                            response_buffer *answer, time_totals *totals, const char *name)
{
    tc_fail fail = {TC_E_OK, ""};

    if (convert(input, params, answer, totals, &fail)) {
        fprintf(stderr, "tcconvert: %s: %s\n", name, fail.text);
        exit(1);
    }
}

static void keep(const response_buffer *answer, const char *name)
{
    FILE *out;

    if (strcmp(name, "-") == 0)
        return;
    out = fopen(name, "wb");
    if (!out || fwrite(answer->data, 1, answer->length, out) != answer->length ||
        fclose(out) != 0) {
        fprintf(stderr, "tcconvert: %s: %s\n", name, strerror(errno));
        exit(1);
    }
}

static long peak_kb(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void print_totals(const time_totals *totals, size_t bytes)
{
    double each = 1e6 * totals->pictures;

    printf("pictures: %u\ncpu_ms: %.4f\n", totals->pictures,
           totals->cpu * 1e3 / totals->pictures);
    printf("decode_ms: %.4f\nresample_ms: %.4f\nencode_ms: %.4f\n",
           (double)totals->stats.decode_ns / each, (double)totals->stats.resample_ns / each,
           (double)totals->stats.encode_ns / each);
    printf("reduce: %u\nwidth: %u\nheight: %u\nbytes: %zu\n", totals->outline.plan.reduce,
           totals->outline.plan.output_w, totals->outline.plan.output_h, bytes);
    printf("planned_ms: %.4f\nplanned_kb: %llu\npeak_kb: %ld\n",
           (double)totals->outline.plan.cost_ns / 1e6,
           (unsigned long long)totals->outline.plan.bytes / 1024,
           peak_kb() - before_kb - (long)(bytes / 1024));
}

static int print_plans(const tc_input *input, char *const *texts)
{
    for (; *texts; texts++) {
        tc_fail fail = {TC_E_OK, ""};
        tc_pipeline *pipeline = NULL;
        tc_params params;

        tc_params_init(&params);
        if (!tc_params_parse(&params, *texts, strlen(*texts), NULL, NULL, &fail))
            tc_pipeline_open(&pipeline, input, &params, &limits, &fail);
        if (pipeline) {
            const tc_plan *plan = &tc_pipeline_outline(pipeline)->plan;

            printf("ok %.1f %llu %ux%u\n", (double)plan->cost_ns / 1e6,
                   (unsigned long long)plan->bytes / 1024, plan->output_w, plan->output_h);
        } else {
            printf("refused %s\n", fail.text);
        }
        tc_pipeline_free(pipeline);
    }
    return 0;
}

static void open_source(source_file *source, tc_input *input, const char *name)
{
    struct stat info;

    source->fd = open(name, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0 || fstat(source->fd, &info) != 0) {
        fprintf(stderr, "tcconvert: %s: %s\n", name, strerror(errno));
        exit(1);
    }
    input->size = source->size = (uint64_t)info.st_size;
}

static double number(const char *text, double most)
{
    char *end;
    double value = strtod(text, &end);

    if (*end || end == text || !(value > 0) || value > most)
        usage();
    return value;
}

int main(int argc, char **argv)
{
    double times = 1, seconds = 0, began;
    bool verbose = false, plans = false, library = false;
    tc_params params;
    tc_fail fail = {TC_E_OK, ""};
    source_file source;
    tc_input input = {read_source, &source, 0, NULL};
    response_buffer answer = {NULL, 0, 0};
    time_totals totals = {0};
    int option;

    while ((option = getopt(argc, argv, "lLn:pt:v")) != -1) {
        if (option == 'n')
            times = number(optarg, 1e9);
        else if (option == 't')
            seconds = number(optarg, 3600);
        else if (option == 'l')
            set_limits();
        else if (option == 'L')
            library = true;
        else if (option == 'p')
            plans = true;
        else if (option == 'v')
            verbose = true;
        else
            usage();
    }
    limits.library = library;
    if (plans && argc - optind >= 2) {
        open_source(&source, &input, argv[optind]);
        return print_plans(&input, argv + optind + 1);
    }
    if (plans || argc - optind != 3)
        usage();
    tc_params_init(&params);
    if (tc_params_parse(&params, argv[optind], strlen(argv[optind]), NULL, NULL, &fail)) {
        fprintf(stderr, "tcconvert: %s\n", fail.text);
        return 2;
    }
    open_source(&source, &input, argv[optind + 1]);
    if (seconds > 0) {
        /* Once for nothing: a program's first picture also pays for its pages. */
        convert_or_exit(&input, &params, &answer, &totals, argv[optind + 1]);
        totals = (struct time_totals){0};
    }
    before_kb = peak_kb();
    began = cpu_seconds();
    do {
        convert_or_exit(&input, &params, &answer, &totals, argv[optind + 1]);
        totals.cpu = cpu_seconds() - began;
    } while (totals.pictures < times || totals.cpu < seconds);
    close(source.fd);
    keep(&answer, argv[optind + 2]);
    if (verbose)
        print_totals(&totals, answer.length);
    free(answer.data);
    return 0;
}
