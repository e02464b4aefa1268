/* SPDX-License-Identifier: Apache-2.0 */
/* Where readings go while a run goes on: lines, CSV, JSON, and charts at the end. */
#include "report.h"

#include "history.h"
#include "table.h"
#include "verdict.h"

#include "server/version.h"
#include "base/writer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define LINES_A_HEAD 20

struct churn_report {
    const churn_options *options;
    FILE *text; /* for people */
    FILE *csv, *json, *svg;
    unsigned lines, compared;
    bool has_first;
    double next_line;
    churn_sample first, shown;
    churn_history history;
    size_t json_rows;
};

static FILE *open_file(const char *option, const char *path)
{
    FILE *file;

    if (!path)
        return NULL;
    file = fopen(path, "we");
    if (!file) {
        churn_say("--%s: %s: %s", option, path, strerror(errno));
        exit(CHURN_EXIT_USAGE);
    }
    return file;
}

churn_report *churn_report_open(const churn_options *options)
{
    churn_report *report = calloc(1, sizeof(*report));

    if (!report) {
        churn_say("out of memory");
        exit(CHURN_EXIT_USAGE);
    }
    report->options = options;
    report->text = strcmp(options->format, "dstat") == 0 ? stdout : stderr;
    report->csv = open_file("csv", options->csv);
    report->json = open_file("json", options->json);
    report->svg = open_file("svg", options->svg);
    if (strcmp(options->format, "csv") == 0)
        report->csv = stdout;
    if (strcmp(options->format, "json") == 0)
        report->json = stdout;
    return report;
}

FILE *churn_report_text(const churn_report *report)
{
    return report->text;
}

/* ---- values ------------------------------------------------------------------------- */

static void put_value(FILE *to, double value, int decimals, const char *missing)
{
    if (isfinite(value))
        fprintf(to, "%.*f", decimals, value);
    else
        fputs(missing, to);
}

static void put_csv_row(FILE *to, const churn_row *row)
{
    const char *comma = "";

#define X(field, decimals)                   \
    fputs(comma, to);                        \
    put_value(to, row->field, decimals, ""); \
    comma = ",";
    CHURN_COLUMNS(X)
#undef X
    fputc('\n', to);
}

static void put_json_row(churn_report *report, const churn_row *row)
{
    FILE *to = report->json;
    const char *comma = "";

    fputs(report->json_rows++ ? ",\n  {" : "\n  {", to);
#define X(field, decimals)                       \
    fprintf(to, "%s\"%s\": ", comma, #field);    \
    put_value(to, row->field, decimals, "null"); \
    comma = ", ";
    CHURN_COLUMNS(X)
#undef X
    fputc('}', to);
}

static void put_json_text(FILE *to, const char *key, const char *value)
{
    tc_writer writer = tc_writer_file(to);

    fprintf(to, ", \"%s\": ", key);
    tc_put_json(&writer, value);
}

static void put_json_number(FILE *to, const char *key, double value, int decimals)
{
    fprintf(to, ", \"%s\": ", key);
    put_value(to, value, decimals, "null");
}

/* ---- a run ----------------------------------------------------------------------------- */

static void begin_json(churn_report *report, const churn_context *context,
                       const churn_options *options, const churn_workdir *workdir)
{
    FILE *to = report->json;
    struct utsname name = {.release = ""};

    uname(&name);
    fputs("{\"churn\": \"" TC_VERSION "\"", to);
    put_json_text(to, "kernel", name.release);
    put_json_text(to, "directory", workdir->base);
    put_json_text(to, "file_system", workdir->fs.name);
    put_json_text(to, "method", options->method[0]->name);
    put_json_text(to, "gauge", context->gauge.name);
    put_json_number(to, "workers", (double)options->workers, 0);
    put_json_number(to, "pause_seconds", options->pause, 6);
    put_json_number(to, "jitter_seconds", options->jitter, 6);
    put_json_number(to, "size_bytes", (double)options->size, 0);
    put_json_number(to, "name_length", (double)options->name_length, 0);
    put_json_number(to, "interval_seconds", options->interval, 3);
    put_json_number(to, "memcg_mb", options->memcg_mb ? (double)options->memcg_mb : NAN, 0);
    fputs(",\n \"rows\": [", to);
}

static void put_where(FILE *to, const churn_context *context, const churn_options *options,
                      const churn_workdir *workdir)
{
    const tc_reading *sysctl = &context->sysctls.dentry_negative;
    struct utsname name = {.release = "?"};

    uname(&name);
    fprintf(to, "%s in %s (%s), Linux %s, ", options->method[0]->name, workdir->path,
            workdir->fs.name, name.release);
    if (sysctl->error)
        fputs("no fs.dentry-negative\n", to);
    else
        fprintf(to, "fs.dentry-negative=%llu\n", (unsigned long long)sysctl->value);
}

void churn_report_begin(churn_report *report, const churn_context *context,
                        const churn_options *options, const churn_workdir *workdir)
{
    put_where(report->text, context, options, workdir);
    fflush(report->text);
    if (report->csv) {
        const char *comma = "";

#define X(field, decimals)                       \
    fprintf(report->csv, "%s%s", comma, #field); \
    comma = ",";
        CHURN_COLUMNS(X)
#undef X
        fputc('\n', report->csv);
    }
    if (report->json)
        begin_json(report, context, options, workdir);
}

static void show(churn_report *report, const churn_sample *sample)
{
    churn_row row = churn_row_between(&report->first, &report->shown, sample);

    if (report->text == stdout) {
        if (report->lines++ % LINES_A_HEAD == 0)
            churn_line_head(report->text);
        churn_line(report->text, &row);
        fflush(report->text);
    }
    if (report->csv) {
        put_csv_row(report->csv, &row);
        fflush(report->csv);
    }
    if (report->json)
        put_json_row(report, &row);
    report->shown = *sample;
}

static void remember(churn_report *report, const churn_sample *sample)
{
    churn_row row = churn_row_between(&report->first, &report->first, sample);

    churn_history_add(&report->history, &row);
}

void churn_report_sample(churn_report *report, const churn_sample *sample)
{
    double interval = report->options->interval, tolerance = interval < 1 ? interval / 4 : 0.25;

    if (!report->has_first) {
        report->first = report->shown = *sample;
        report->has_first = true;
        report->next_line = sample->at + interval;
    }
    remember(report, sample);
    /* One sample is for this line; how late each of them comes varies a little. */
    if (sample->at < report->next_line - tolerance)
        return;
    show(report, sample);
    while (report->next_line <= sample->at + tolerance)
        report->next_line += interval;
}

void churn_report_last(churn_report *report, const churn_sample *sample)
{
    double since = sample->at - report->shown.at;

    remember(report, sample);
    /* What is over at once has shown no line yet. */
    if (report->lines == 0 || since > 0.1 * report->options->interval || since > 1)
        show(report, sample);
    fputc('\n', report->text);
    churn_table(report->text);
    fflush(report->text);
}

/* ---- results -------------------------------------------------------------------------------
 */

static void put_result(FILE *to, const churn_context *context, const churn_options *options,
                       const churn_workdir *workdir, const churn_result *result)
{
    churn_expectation expectation;
    churn_finding finding;
    const char *why;

    churn_expect(&expectation, options->method[0], &workdir->fs, &context->sysctls);
    finding = churn_judge(result, &why);
    fprintf(to, "\"files\": %llu", (unsigned long long)result->files);
    put_json_number(to, "seconds", result->seconds, 3);
    put_json_number(to, "us_a_file", result->us_a_file, 2);
    put_json_number(to, "retained", result->measured ? result->retained : NAN, 0);
    put_json_number(to, "retained_a_file", result->measured ? result->ratio : NAN, 4);
    put_json_text(to, "measured_by", result->by_rmdir ? "rmdir" : "host");
    put_json_number(to, "bytes_each", churn_bytes_each(options->name_length), 0);
    put_json_number(to, "host_change", result->host_delta, 0);
    put_json_text(to, "expected", churn_finding_name(expectation.finding));
    put_json_text(to, "expected_because", expectation.why);
    put_json_text(to, "verdict", churn_finding_name(finding));
    put_json_text(to, "inconclusive_because", finding == CHURN_UNSURE ? why : "");
    put_json_text(to, "ended_by", result->ending == CHURN_DONE ? "" : result->why);
    fputs(finding == expectation.finding ? ", \"as_expected\": true"
          : finding == CHURN_UNSURE || expectation.finding == CHURN_ANY
              ? ", \"as_expected\": null"
              : ", \"as_expected\": false",
          to);
}

void churn_report_end(churn_report *report, const churn_context *context,
                      const churn_options *options, const churn_workdir *workdir,
                      const churn_result *result)
{
    fputc('\n', report->text);
    churn_summary(report->text, context, options, workdir, result);
    if (report->json) {
        if (!report->has_first)
            begin_json(report, context, options, workdir);
        fputs("],\n \"result\": {", report->json);
        put_result(report->json, context, options, workdir, result);
        fputs("}}\n", report->json);
    }
    if (report->svg)
        churn_history_svg(&report->history, report->svg);
}

static void put_csv_text(FILE *to, const char *text)
{
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

static void put_compared_csv(churn_report *report, const churn_options *options,
                             const churn_workdir *workdir, const churn_result *result,
                             const char *expected, const char *verdict)
{
    FILE *to = report->csv;

    if (report->compared == 0)
        fputs("directory,file_system,method,files,retained_a_file,us_a_file,expected,verdict\n",
              to);
    put_csv_text(to, workdir->base);
    fprintf(to, ",%s,%s,%llu,", workdir->fs.name, options->method[0]->name,
            (unsigned long long)result->files);
    put_value(to, result->measured ? result->ratio : NAN, 4, "");
    fputc(',', to);
    put_value(to, result->files ? result->us_a_file : NAN, 2, "");
    fprintf(to, ",%s,%s\n", expected, verdict);
}

void churn_report_compared(churn_report *report, const churn_context *context,
                           const churn_options *options, const churn_workdir *workdir,
                           const churn_result *result, bool supported)
{
    churn_expectation expectation;
    const char *why, *verdict;

    churn_expect(&expectation, options->method[0], &workdir->fs, &context->sysctls);
    verdict = supported ? churn_finding_name(churn_judge(result, &why)) : "unsupported";
    if (report->csv)
        put_compared_csv(report, options, workdir, result,
                         churn_finding_name(expectation.finding), verdict);
    if (report->json) {
        fputs(report->compared ? ",\n  {"
                               : "{\"churn\": \"" TC_VERSION "\",\n \"compare\": [\n  {",
              report->json);
        put_result(report->json, context, options, workdir, result);
        put_json_text(report->json, "directory", workdir->base);
        put_json_text(report->json, "file_system", workdir->fs.name);
        put_json_text(report->json, "method", options->method[0]->name);
        fprintf(report->json, ", \"supported\": %s}", supported ? "true" : "false");
    }
    report->compared++;
}

static bool close_file(FILE *file, const char *name)
{
    bool failed;

    if (!file)
        return true;
    failed = ferror(file);
    failed = (file == stdout ? fflush(file) : fclose(file)) || failed;
    if (failed)
        churn_say("%s could not be written whole", name);
    return !failed;
}

bool churn_report_close(churn_report *report)
{
    const churn_options *options = report->options;
    bool good;

    if (report->json && report->compared)
        fputs("]}\n", report->json);
    else if (report->json && options->compare)
        fputs("{\"churn\": \"" TC_VERSION "\", \"compare\": []}\n", report->json);
    good = close_file(report->csv, options->csv ? options->csv : "standard output");
    good &= close_file(report->json, options->json ? options->json : "standard output");
    good &= close_file(report->svg, options->svg ? options->svg : "");
    if (report->csv != stdout && report->json != stdout)
        good &= close_file(stdout, "standard output");
    free(report);
    return good;
}
