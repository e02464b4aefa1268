/* SPDX-License-Identifier: Apache-2.0 */
/* The charts of a report: which series of the samples go together. */
#include "report.h"

#include <apr_strings.h>

#include <math.h>
#include <stddef.h>

/* Two side by side on a desk, one under the other on a telephone: narrow enough that their
   words can be read there. */
#define WIDTH  560
#define HEIGHT 300

/* Seconds that the charts go on beyond the last sample: to now. */
typedef struct chart_span {
    int64_t from, to;
} chart_span;

/* The samples' doubles at `offset` as an array of their own. */
static const double *column(const tc_report *report, size_t offset)
{
    const tc_snapshot *snapshot = report->snapshot;
    double *values = apr_palloc(report->pool, (snapshot->samples + 1) * sizeof *values);

    for (unsigned at = 0; at < snapshot->samples; at++)
        values[at] = *(const double *)((const char *)&snapshot->sample[at] + offset);
    return values;
}

static tc_chart_series series(const tc_report *report, const char *name, size_t offset)
{
    return (tc_chart_series){.name = name, .value = column(report, offset)};
}

static tc_chart_series area(const tc_report *report, const char *name, size_t offset)
{
    return (tc_chart_series){.name = name, .value = column(report, offset), .area = true};
}

static tc_chart_series right(const tc_report *report, const char *name, size_t offset)
{
    return (tc_chart_series){.name = name, .value = column(report, offset), .right = true};
}

#define AT(field) offsetof(tc_sample, field)

static void draw(const tc_report *report, const tc_writer *to, chart_span span, tc_chart *chart)
{
    int64_t *time = apr_palloc(report->pool, (report->snapshot->samples + 1) * sizeof *time);

    for (unsigned at = 0; at < report->snapshot->samples; at++)
        time[at] = report->snapshot->sample[at].time;
    chart->points = report->snapshot->samples;
    chart->time = time;
    chart->from = span.from;
    chart->to = span.to;
    chart->width = WIDTH;
    chart->height = HEIGHT;
    tc_put(to, "<figure>");
    tc_chart_svg(to, chart);
    tc_put(to, "</figure>\n");
}

static void draw_dentries(const tc_report *report, const tc_writer *to, chart_span span)
{
    bool estimated;
    tc_chart_series of[] = {area(report, "dentry slab", AT(dentry_slab_bytes)),
                            right(report, "negative dentries", AT(dentries_negative))};

    tc_host_dentry_bytes(&report->snapshot->host, &estimated);
    draw(report, to, span,
         &(tc_chart){.title = estimated ? "Dentry slab of this host (estimated)"
                                        : "Dentry slab of this host",
                     .left = "kernel memory",
                     .right = "dentries",
                     .left_unit = TC_UNIT_BYTES,
                     .series = 2,
                     .of = of});
}

static void draw_memory(const tc_report *report, const tc_writer *to, chart_span span)
{
    tc_chart_series of[] = {area(report, "used", AT(memory_used_bytes)),
                            area(report, "slab", AT(memory_slab_bytes)),
                            area(report, "buffers and cache", AT(memory_cached_bytes)),
                            series(report, "all memory", AT(memory_total_bytes)),
                            series(report, "swap used", AT(swap_used_bytes))};

    draw(report, to, span,
         &(tc_chart){.title = "Memory of this host",
                     .left = "memory",
                     .left_unit = TC_UNIT_BYTES,
                     .series = 5,
                     .of = of});
}

static void draw_conversions(const tc_report *report, const tc_writer *to, chart_span span)
{
    tc_chart_series of[] = {series(report, "conversions", AT(conversions)),
                            series(report, "errors", AT(errors)),
                            right(report, "half took less than", AT(latency_p50_seconds)),
                            right(report, "99 % took less than", AT(latency_p99_seconds))};

    draw(report, to, span,
         &(tc_chart){.title = "Conversions and how long they took",
                     .left = "per second",
                     .right = "duration",
                     .left_unit = TC_UNIT_PER_SECOND,
                     .right_unit = TC_UNIT_SECONDS,
                     .series = 4,
                     .of = of});
}

static void draw_waits(const tc_report *report, const tc_writer *to, chart_span span)
{
    tc_chart_series of[] = {series(report, "refused", AT(refused)),
                            right(report, "half waited less than", AT(wait_p50_seconds)),
                            right(report, "99 % waited less than", AT(wait_p99_seconds))};

    draw(report, to, span,
         &(tc_chart){.title = "Requests refused, and how long others waited",
                     .left = "per second",
                     .right = "wait",
                     .left_unit = TC_UNIT_PER_SECOND,
                     .right_unit = TC_UNIT_SECONDS,
                     .series = 3,
                     .of = of});
}

static void draw_temp_dirs(const tc_report *report, const tc_writer *to, chart_span span)
{
    tc_chart_series of[TC_CHART_SERIES];
    const tc_snapshot *snapshot = report->snapshot;
    unsigned count = 0;

    for (unsigned at = 0; at < snapshot->temp_dirs && count < TC_CHART_SERIES - 1; at++) {
        const tc_snapshot_temp_dir *temp_dir = &snapshot->temp_dir[at];
        size_t offset = AT(temp_dir_used) + temp_dir->number * sizeof(double);
        of[count++] = series(report,
                             apr_psprintf(report->pool, temp_dir->number ? "%s (%s)" : "%s",
                                          temp_dir->path, temp_dir->fs.name),
                             offset);
    }
    of[count++] = right(report, "in temporary files", AT(temp_open_bytes));
    draw(report, to, span,
         &(tc_chart){.title = "Temporary space in use, by directory",
                     .left = "of its file system",
                     .right = "in temporary files",
                     .left_unit = TC_UNIT_RATIO,
                     .right_unit = TC_UNIT_BYTES,
                     .series = count,
                     .of = of});
}

void tc_report_charts(const tc_report *report, const tc_writer *to, int64_t seconds)
{
    const tc_snapshot *snapshot = report->snapshot;
    chart_span span = {snapshot->now - seconds, snapshot->now};

    /* A server that has just started would show a line at the right edge. */
    if (snapshot->samples && snapshot->sample[0].time > span.from)
        span.from = snapshot->sample[0].time;
    if (span.to - span.from < 60)
        span.from = span.to - 60;
    tc_put(to, "<section class=\"charts\">\n");
    draw_dentries(report, to, span);
    draw_memory(report, to, span);
    draw_conversions(report, to, span);
    draw_waits(report, to, span);
    draw_temp_dirs(report, to, span);
    tc_put(to, "</section>\n");
}
