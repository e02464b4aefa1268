/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON object. A section is an object of its single values; what has labels
 * stands in arrays of objects named by the labels ("by_dir"). A value that cannot
 * be read is null, and its reason is under "unreadable".
 */
#include "report.h"

#include "base/number.h"

#include <inttypes.h>
#include <math.h>

/* Raised when a member changes its meaning or goes. */
#define SCHEMA 1

static void put_number(const tc_writer *to, double value)
{
    char number[TC_NUMBER_MAX];

    if (isfinite(value))
        tc_putf(to, "%s", tc_number_text(number, 'g', 9, value));
    else
        tc_put(to, "null");
}

static void put_histogram(const tc_writer *to, const tc_histogram *histogram)
{
    uint64_t count = 0;
    const char *comma = "";
    char number[TC_NUMBER_MAX];

    for (unsigned at = 0; at < TC_BUCKETS; at++)
        count += histogram->count[at];
    tc_putf(to, "{\"count\": %" PRIu64 ", \"sum\": %s, \"p50\": ", count,
            tc_number_text(number, 'f', 9, (double)histogram->sum_ns / 1e9));
    put_number(to, tc_histogram_quantile(histogram, 0.50));
    tc_put(to, ", \"p90\": ");
    put_number(to, tc_histogram_quantile(histogram, 0.90));
    tc_put(to, ", \"p99\": ");
    put_number(to, tc_histogram_quantile(histogram, 0.99));
    /* Pairs of a bucket's upper bound and its own count; null bounds nothing. */
    tc_put(to, ", \"buckets\": [");
    for (unsigned at = 0; at < TC_BUCKETS; at++) {
        if (histogram->count[at] == 0)
            continue;
        tc_putf(to, "%s[", comma);
        put_number(to, tc_bucket_bound(at) == UINT64_MAX ? (double)INFINITY
                                                         : (double)tc_bucket_bound(at) / 1e9);
        tc_putf(to, ", %" PRIu64 "]", histogram->count[at]);
        comma = ", ";
    }
    tc_put(to, "]}");
}

static void put_value(const tc_writer *to, const tc_point *point)
{
    tc_put_json(to, point->family->name);
    tc_put(to, ": ");
    if (point->family->kind == TC_METRIC_HISTOGRAM)
        put_histogram(to, point->histogram);
    else if (point->error || (point->whole && point->count == TC_UNLIMITED))
        tc_put(to, "null");
    else if (point->family->kind == TC_METRIC_TEXT)
        tc_put_json(to, point->text);
    else if (point->whole)
        tc_putf(to, "%" PRIu64, point->count);
    else
        put_number(to, point->real);
}

/* The object of one row: its labels, then each column's value. */
static void put_row(const tc_writer *to, const tc_report *report, unsigned at, unsigned end)
{
    const tc_point *first = &report->point[at];
    const char *comma = "";

    tc_put(to, "{");
    for (unsigned label = 0; label < TC_LABELS && first->family->label[label]; label++) {
        tc_put(to, comma);
        tc_put_json(to, first->family->label[label]);
        tc_put(to, ": ");
        tc_put_json(to, first->label[label]);
        comma = ", ";
    }
    for (; at < end; at++) {
        if (!tc_point_same_row(first, &report->point[at]))
            continue;
        tc_put(to, ", ");
        put_value(to, &report->point[at]);
    }
    tc_put(to, "}");
}

static bool is_new_row(const tc_report *report, unsigned first, unsigned at)
{
    for (unsigned before = first; before < at; before++) {
        if (tc_point_same_row(&report->point[before], &report->point[at]))
            return false;
    }
    return true;
}

static void put_rows(const tc_writer *to, const tc_report *report, unsigned first, unsigned end)
{
    const tc_family *family = report->point[first].family;
    const char *comma = "";

    tc_putf(to, "\"by_%s%s%s\": [", family->label[0], family->label[1] ? "_" : "",
            family->label[1] ? family->label[1] : "");
    for (unsigned at = first; at < end; at++) {
        if (!is_new_row(report, first, at))
            continue;
        tc_putf(to, "%s\n      ", comma);
        put_row(to, report, at, end);
        comma = ",";
    }
    tc_put(to, "]");
}

static void put_sections(const tc_writer *to, const tc_report *report)
{
    for (unsigned section = 0, at = 0; section < TC_SECTION_COUNT; section++) {
        const char *comma = "";

        tc_put(to, "  ");
        tc_put_json(to, tc_section_name((tc_section)section));
        tc_put(to, ": {");
        while (at < report->points && report->point[at].family->section == section) {
            unsigned end = tc_report_run(report, at);

            if (report->point[at].family->label[0]) {
                tc_putf(to, "%s\n    ", comma);
                put_rows(to, report, at, end);
                at = end;
            }
            for (; at < end; at++) {
                tc_putf(to, "%s\n    ", comma);
                put_value(to, &report->point[at]);
                comma = ",";
            }
            comma = ",";
        }
        tc_put(to, "},\n");
    }
}

static void put_findings(const tc_writer *to, const tc_diagnosis *diagnosis)
{
    tc_putf(to, "  \"well\": %s,\n  \"summary\": ", diagnosis->well ? "true" : "false");
    tc_put_json(to, diagnosis->summary);
    tc_put(to, ",\n  \"findings\": [");
    for (unsigned at = 0; at < diagnosis->findings; at++) {
        const tc_finding *finding = &diagnosis->finding[at];
        tc_putf(to, "%s{\"severity\": \"%s\", \"id\": \"%s\", \"what\": ", at ? ", " : "",
                finding->severity == TC_WARNING ? "warning" : "note", finding->id);
        tc_put_json(to, finding->what);
        tc_put(to, ", \"todo\": ");
        tc_put_json(to, finding->todo);
        tc_put(to, "}");
    }
    tc_put(to, "],\n");
}

static void put_history(const tc_writer *to, const tc_snapshot *snapshot)
{
    tc_put(to, "  \"history\": {\n    \"time\": [");
    for (unsigned at = 0; at < snapshot->samples; at++)
        tc_putf(to, "%s%" PRId64, at ? "," : "", snapshot->sample[at].time);
    tc_put(to, "]");
#define X(field, unit, title)                             \
    tc_put(to, ",\n    \"" #field "\": [");               \
    for (unsigned at = 0; at < snapshot->samples; at++) { \
        tc_put(to, at ? "," : "");                        \
        put_number(to, snapshot->sample[at].field);       \
    }                                                     \
    tc_put(to, "]");
    TC_SAMPLE_FIELDS(X)
#undef X
    tc_put(to, "},\n");
}

/* {"name": reason} or {"name[label]": reason} of what has none. */
static void put_unreadable(const tc_writer *to, const tc_report *report)
{
    const char *comma = "";
    char name[400], words[120];

    tc_put(to, "  \"unreadable\": {");
    for (unsigned at = 0; at < report->points; at++) {
        const tc_point *point = &report->point[at];
        if (!point->error)
            continue;
        snprintf(name, sizeof name, point->family->label[0] ? "%s[%s]" : "%s",
                 point->family->name, point->label[0]);
        tc_putf(to, "%s\n    ", comma);
        tc_put_json(to, name);
        tc_put(to, ": ");
        tc_put_json(to, tc_reading_reason(point->error, words, sizeof words));
        comma = ",";
    }
    tc_put(to, "},\n  \"estimated\": [");
    comma = "";
    for (unsigned at = 0; at < report->points; at++) {
        if (!report->point[at].estimated)
            continue;
        tc_put(to, comma);
        tc_put_json(to, report->point[at].family->name);
        comma = ", ";
    }
    tc_put(to, "]\n");
}

void tc_report_json(const tc_report *report, const tc_writer *to, bool history)
{
    tc_putf(to, "{\n  \"schema\": %d,\n", SCHEMA);
    put_findings(to, &report->diagnosis);
    put_sections(to, report);
    if (history)
        put_history(to, report->snapshot);
    put_unreadable(to, report);
    tc_put(to, "}\n");
}
