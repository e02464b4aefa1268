/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics for Prometheus and whatever else reads its formats. OpenMetrics names a
 * counter's family without "_total" and its sample with it, and likewise "_info";
 * the older text format names both with it. Times of day are gauges, texts are
 * the labels of an _info, and what cannot be read is told by one more family,
 * never by a 0.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#define PREFIX "tmpfs_convert_"

typedef struct exposition {
    const tc_writer *to;
    bool openmetrics;
} exposition;

/* Backslash, quote and line feed are escaped; anything else but UTF-8 would break the reader,
   so bytes outside ASCII pass only where they are well-formed. */
static size_t utf8_length(const unsigned char *at)
{
    size_t more = *at >= 0xc2 && *at <= 0xdf   ? 1
                  : *at >= 0xe0 && *at <= 0xef ? 2
                  : *at >= 0xf0 && *at <= 0xf4 ? 3
                                               : 0;

    if (*at < 0x80)
        return 1;
    for (size_t i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    /* Over-long forms, surrogates, and what is past the last character. */
    if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
        (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
        return 0;
    return more ? more + 1 : 0;
}

static void put_value(const tc_writer *to, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at) {
        size_t length = utf8_length(at);
        if (*at == '\n')
            tc_put(to, "\\n");
        else if (*at == '\\' || *at == '"')
            tc_putf(to, "\\%c", *at);
        else if (length == 0 || *at < 0x20 || *at == 0x7f)
            tc_put(to, "\xef\xbf\xbd"); /* U+FFFD */
        else
            to->put(to->context, (const char *)at, length);
        at += length ? length : 1;
    }
}

static void put_label(const tc_writer *to, const char *name, const char *value, bool *any)
{
    tc_putf(to, "%s%s=\"", *any ? "," : "{", name);
    put_value(to, value);
    tc_put(to, "\"");
    *any = true;
}

static void put_labels(const tc_writer *to, const tc_point *point, bool *any)
{
    for (unsigned at = 0; at < TC_LABELS; at++) {
        if (point->family->label[at])
            put_label(to, point->family->label[at], point->label[at], any);
    }
}

static void put_head(const exposition *out, const char *name, const char *suffix,
                     const char *type, const char *help)
{
    tc_putf(out->to, "# HELP " PREFIX "%s%s %s\n# TYPE " PREFIX "%s%s %s\n", name, suffix, help,
            name, suffix, type);
}

/* What a family is called above its samples, and of what type it is; see the top. */
static void put_family_head(const exposition *out, const tc_family *family)
{
    switch (family->kind) {
    case TC_KIND_COUNTER:
        put_head(out, family->name, out->openmetrics ? "" : "_total", "counter", family->help);
        break;
    case TC_KIND_TEXT:
        put_head(out, family->name, out->openmetrics ? "" : "_info",
                 out->openmetrics ? "info" : "gauge", family->help);
        break;
    case TC_KIND_HISTOGRAM:
        put_head(out, family->name, "", "histogram", family->help);
        break;
    default:
        put_head(out, family->name, "", "gauge", family->help);
    }
}

/* Every second or third bound is enough to plot, and keeps the exposition small. */
static bool is_exposed(uint64_t bound)
{
    while (bound >= 1000)
        bound /= 10;
    return bound == 100 || bound == 250 || bound == 500;
}

static void put_bucket(const tc_writer *to, const tc_point *point, const char *bound,
                       uint64_t under)
{
    bool any = false;

    tc_putf(to, PREFIX "%s_bucket", point->family->name);
    put_labels(to, point, &any);
    put_label(to, "le", bound, &any);
    tc_putf(to, "} %" PRIu64 "\n", under);
}

static void put_histogram(const tc_writer *to, const tc_point *point)
{
    uint64_t under = 0;
    char text[32];

    for (unsigned at = 0; at < TC_BUCKETS; at++) {
        uint64_t bound = tc_bucket_bound(at);
        under += point->histogram->count[at];
        if (bound == UINT64_MAX)
            snprintf(text, sizeof text, "+Inf");
        else if (is_exposed(bound))
            snprintf(text, sizeof text, "%.7g%s", (double)bound / 1e9,
                     bound % 1000000000 ? "" : ".0");
        else
            continue;
        put_bucket(to, point, text, under);
    }
    for (int sum = 0; sum < 2; sum++) {
        bool any = false;
        tc_putf(to, PREFIX "%s_%s", point->family->name, sum ? "sum" : "count");
        put_labels(to, point, &any);
        if (sum)
            tc_putf(to, "} %.9f\n", (double)point->histogram->sum_ns / 1e9);
        else
            tc_putf(to, "} %" PRIu64 "\n", under);
    }
}

static void put_point(const tc_writer *to, const tc_point *point)
{
    const tc_family *family = point->family;
    bool any = false;

    if (family->kind == TC_KIND_HISTOGRAM) {
        put_histogram(to, point);
        return;
    }
    tc_putf(to, PREFIX "%s%s", family->name,
            family->kind == TC_KIND_TEXT      ? "_info"
            : family->kind == TC_KIND_COUNTER ? "_total"
                                              : "");
    put_labels(to, point, &any);
    if (family->kind == TC_KIND_TEXT)
        put_label(to, family->name, point->text, &any);
    tc_put(to, any ? "} " : " ");
    if (family->kind == TC_KIND_TEXT)
        tc_put(to, "1\n");
    else if (point->whole && point->count == TC_UNLIMITED)
        tc_put(to, "+Inf\n");
    else if (point->whole)
        tc_putf(to, "%" PRIu64 "\n", point->count);
    else
        tc_putf(to, "%.9g\n", point->real);
}

/* The family that begins at `first`: its head and every value it has. */
static unsigned put_family(const exposition *out, const tc_report *report, unsigned first)
{
    const tc_family *family = report->point[first].family;
    bool headed = family->unsteady;
    unsigned at = first;

    for (; at < report->points && report->point[at].family == family; at++) {
        const tc_point *point = &report->point[at];
        if (point->error || family->unsteady)
            continue;
        if (!headed)
            put_family_head(out, family);
        headed = true;
        put_point(out->to, point);
    }
    return at;
}

/* What has no value, or an estimated one, and why. */
static void put_states(const exposition *out, const tc_report *report, bool estimated)
{
    const char *name = estimated ? "estimated" : "unreadable";
    bool headed = false;
    char words[120];

    for (unsigned at = 0; at < report->points; at++) {
        const tc_point *point = &report->point[at];
        bool any = false;

        if ((estimated ? !point->estimated : !point->error) || point->family->unsteady)
            continue;
        if (!headed)
            put_head(out, name, out->openmetrics ? "" : "_info",
                     out->openmetrics ? "info" : "gauge",
                     estimated ? "Figures that are estimates"
                               : "Figures that cannot be read, and the reason");
        headed = true;
        tc_putf(out->to, PREFIX "%s_info", name);
        put_label(out->to, "figure", point->family->name, &any);
        if (point->family->label[0])
            put_label(out->to, "of", point->label[0], &any);
        if (!estimated)
            put_label(out->to, "reason", tc_figure_reason(point->error, words, sizeof words),
                      &any);
        tc_put(out->to, "} 1\n");
    }
}

void tc_report_metrics(const tc_report *report, const tc_writer *to, bool openmetrics)
{
    exposition out = {to, openmetrics};

    for (unsigned at = 0; at < report->points;)
        at = put_family(&out, report, at);
    put_head(&out, "well", "", "gauge", "1 when nothing needs the administrator, else 0");
    tc_putf(to, PREFIX "well %d\n", report->diagnosis.well);
    put_states(&out, report, false);
    put_states(&out, report, true);
    tc_put(to, "# EOF\n");
}
