/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics for Prometheus and whatever else reads its formats. OpenMetrics names a
 * counter's family without "_total" and its sample with it, and "_info" in the same way;
 * the older text format names both with it. Times of day are gauges, texts are
 * the labels of an _info, and what cannot be read is told by one more family,
 * never by a 0.
 */
#include "report.h"

#include "base/number.h"

#include <string.h>

#define PREFIX "tmpfs_convert_"

typedef struct exposition {
    const tc_writer *to;
    bool openmetrics;
} exposition;

/* How many bytes from here on are printable ASCII that needs no escape. */
static size_t plain_length(const unsigned char *at)
{
    size_t length = 0;

    while (at[length] >= 0x20 && at[length] < 0x7f && at[length] != '"' && at[length] != '\\')
        length++;
    return length;
}

/* Backslash, quote and line feed are escaped; what is not text would break the reader. */
static void put_value(const tc_writer *to, const char *text)
{
    while (*text) {
        size_t length = plain_length((const unsigned char *)text);
        uint32_t code;

        if (length) {
            to->put(to->context, text, length);
            text += length;
            continue;
        }
        length = tc_utf8(text, &code);
        if (*text == '\n')
            tc_put(to, "\\n");
        else if (*text == '\\' || *text == '"')
            tc_putf(to, "\\%c", *text);
        else if (code == 0xfffd)
            tc_put(to, "\xef\xbf\xbd");
        else
            to->put(to->context, text, length);
        text += length;
    }
}

/* A scraper comes often: no printf where a few copies do. */
static void put_count(const tc_writer *to, uint64_t count)
{
    char digits[24], *at = digits + sizeof digits;

    *--at = '\n';
    do
        *--at = (char)('0' + count % 10);
    while (count /= 10);
    to->put(to->context, at, (size_t)(digits + sizeof digits - at));
}

static void put_label(const tc_writer *to, const char *name, const char *value, bool *any)
{
    tc_put(to, *any ? "," : "{");
    tc_put(to, name);
    tc_put(to, "=\"");
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
    const tc_writer *to = out->to;

    tc_put(to, "# HELP " PREFIX);
    tc_put(to, name);
    tc_put(to, suffix);
    tc_put(to, " ");
    tc_put(to, help);
    tc_put(to, "\n# TYPE " PREFIX);
    tc_put(to, name);
    tc_put(to, suffix);
    tc_put(to, " ");
    tc_put(to, type);
    tc_put(to, "\n");
}

/* What a family is called above its samples, and of what type it is; see the top. */
static void put_family_head(const exposition *out, const tc_family *family)
{
    switch (family->kind) {
    case TC_METRIC_COUNTER:
        put_head(out, family->name, out->openmetrics ? "" : "_total", "counter", family->help);
        break;
    case TC_METRIC_TEXT:
        put_head(out, family->name, out->openmetrics ? "" : "_info",
                 out->openmetrics ? "info" : "gauge", family->help);
        break;
    case TC_METRIC_HISTOGRAM:
        put_head(out, family->name, "", "histogram", family->help);
        break;
    default:
        put_head(out, family->name, "", "gauge", family->help);
    }
}

/*
 * Every third bound or so is enough to plot, and keeps the exposition small: of
 * each decade the first, the fifth and the eighth, which are 1, 2.5 and 5; from
 * 100 microseconds to 10 seconds.
 */
#define EXPOSED_FIRST 10
static const char *const exposed[] = {"0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005",
                                      "0.01",   "0.025",   "0.05",   "0.1",   "0.25",   "0.5",
                                      "1.0",    "2.5",     "5.0",    "10.0"};
#define EXPOSED (sizeof exposed / sizeof exposed[0])

static void put_series(const tc_writer *to, const tc_point *point, const char *suffix)
{
    tc_put(to, PREFIX);
    tc_put(to, point->family->name);
    tc_put(to, suffix);
}

/* What all buckets of a histogram begin with, made once. */
typedef struct bucket_prefix {
    char text[160];
    size_t length;
} bucket_prefix;

static void put_in_prefix(void *context, const char *text, size_t length)
{
    bucket_prefix *prefix = context;

    if (length > sizeof prefix->text - prefix->length)
        length = sizeof prefix->text - prefix->length;
    memcpy(prefix->text + prefix->length, text, length);
    prefix->length += length;
}

static void put_bucket(const tc_writer *to, const bucket_prefix *prefix, const char *bound,
                       uint64_t under)
{
    to->put(to->context, prefix->text, prefix->length);
    tc_put(to, bound);
    to->put(to->context, "\"} ", 3);
    put_count(to, under);
}

static void put_histogram(const tc_writer *to, const tc_point *point)
{
    bucket_prefix prefix = {.length = 0};
    const tc_writer into = {put_in_prefix, &prefix};
    uint64_t under = 0;
    bool any = false;
    char number[TC_NUMBER_MAX];

    put_series(&into, point, "_bucket");
    put_labels(&into, point, &any);
    tc_put(&into, any ? ",le=\"" : "{le=\"");
    for (unsigned at = 0, next = 0; at < TC_BUCKETS - 1; at++) {
        unsigned step = at % 10;
        under += point->histogram->count[at];
        if (at >= EXPOSED_FIRST && next < EXPOSED && (step == 0 || step == 4 || step == 7))
            put_bucket(to, &prefix, exposed[next++], under);
    }
    under += point->histogram->count[TC_BUCKETS - 1];
    put_bucket(to, &prefix, "+Inf", under);
    any = false;
    put_series(to, point, "_sum");
    put_labels(to, point, &any);
    tc_putf(to, "} %s\n",
            tc_number_text(number, 'f', 9, (double)point->histogram->sum_ns / 1e9));
    any = false;
    put_series(to, point, "_count");
    put_labels(to, point, &any);
    tc_put(to, "} ");
    put_count(to, under);
}

static void put_point(const tc_writer *to, const tc_point *point)
{
    const tc_family *family = point->family;
    bool any = false;
    char number[TC_NUMBER_MAX];

    if (family->kind == TC_METRIC_HISTOGRAM) {
        put_histogram(to, point);
        return;
    }
    put_series(to, point,
               family->kind == TC_METRIC_TEXT      ? "_info"
               : family->kind == TC_METRIC_COUNTER ? "_total"
                                                   : "");
    put_labels(to, point, &any);
    if (family->kind == TC_METRIC_TEXT)
        put_label(to, family->name, point->text, &any);
    tc_put(to, any ? "} " : " ");
    if (family->kind == TC_METRIC_TEXT)
        tc_put(to, "1\n");
    else if (point->whole && point->count == TC_UNLIMITED)
        tc_put(to, "+Inf\n");
    else if (point->whole)
        put_count(to, point->count);
    else
        tc_putf(to, "%s\n", tc_number_text(number, 'g', 9, point->real));
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
            put_label(out->to, "reason", tc_reading_reason(point->error, words, sizeof words),
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
