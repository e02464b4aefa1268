/* SPDX-License-Identifier: Apache-2.0 */
/* ?auto: "Key: value" lines. A key is a family's name in capitals, its labels behind it. */
#include "report.h"

#include "base/number.h"

#include <apr_lib.h>

#include <inttypes.h>

#define PREFIX "TmpfsConvert"

/* "temp_files_made" as TempFilesMade. */
static void put_key(const tc_writer *to, const char *name)
{
    char text[80];
    size_t length = 0;
    bool capital = true;

    for (; *name && length < sizeof text - 1; name++) {
        if (*name == '_') {
            capital = true;
            continue;
        }
        text[length++] = capital ? (char)apr_toupper(*name) : *name;
        capital = false;
    }
    text[length] = '\0';
    tc_putf(to, PREFIX "%s", text);
}

/*
 * A label within a key: what reads such lines cuts at the first colon and at the
 * line's end, and at brackets and commas here, so all but plain characters are
 * percent-encoded.
 */
static void put_label(const tc_writer *to, const char *label)
{
    for (const unsigned char *at = (const unsigned char *)label; *at; at++) {
        if (apr_isalnum(*at) || strchr("/._-+", *at))
            tc_putf(to, "%c", *at);
        else
            tc_putf(to, "%%%02X", *at);
    }
}

static void put_labels(const tc_writer *to, const tc_point *point)
{
    if (!point->family->label[0])
        return;
    tc_put(to, "[");
    put_label(to, *point->label[0] ? point->label[0] : "none");
    if (point->family->label[1]) {
        tc_put(to, ",");
        put_label(to, point->label[1]);
    }
    tc_put(to, "]");
}

/* Words on the rest of a line: what would end it, or is not plain text, is '?'. */
static void put_words(const tc_writer *to, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        tc_putf(to, "%c", *at < 0x20 || *at > 0x7e ? '?' : *at);
}

static void put_histogram(const tc_writer *to, const tc_point *point)
{
    static const struct {
        const char *name;
        double quantile;
    } quantiles[] = {{"P50", 0.50}, {"P90", 0.90}, {"P99", 0.99}};
    uint64_t count = 0;
    char number[TC_NUMBER_MAX];

    for (unsigned at = 0; at < TC_BUCKETS; at++)
        count += point->histogram->count[at];
    put_key(to, point->family->name);
    tc_put(to, "Count");
    put_labels(to, point);
    tc_putf(to, ": %" PRIu64 "\n", count);
    put_key(to, point->family->name);
    tc_put(to, "Sum");
    put_labels(to, point);
    tc_putf(to, ": %s\n",
            tc_number_text(number, 'f', 6, (double)point->histogram->sum_ns / 1e9));
    for (size_t at = 0; at < 3 && count; at++) {
        put_key(to, point->family->name);
        tc_put(to, quantiles[at].name);
        put_labels(to, point);
        tc_putf(
            to, ": %s\n",
            tc_number_text(number, 'f', 6,
                           tc_histogram_quantile(point->histogram, quantiles[at].quantile)));
    }
}

static void put_point(const tc_writer *to, const tc_point *point)
{
    char words[120], number[TC_NUMBER_MAX];

    if (point->family->kind == TC_METRIC_HISTOGRAM) {
        put_histogram(to, point);
        return;
    }
    if (point->error)
        tc_put(to, PREFIX "Unreadable.");
    put_key(to, point->family->name);
    put_labels(to, point);
    if (point->error)
        tc_putf(to, ": %s", tc_reading_reason(point->error, words, sizeof words));
    else if (point->family->kind == TC_METRIC_TEXT) {
        tc_put(to, ": ");
        put_words(to, point->text);
    } else if (point->whole && point->count == TC_UNLIMITED)
        tc_put(to, ": unlimited");
    else if (point->whole)
        tc_putf(to, ": %" PRIu64, point->count);
    else
        tc_putf(to, ": %s", tc_number_text(number, 'g', 6, point->real));
    tc_put(to, "\n");
    if (point->estimated) {
        tc_put(to, PREFIX "Estimated.");
        put_key(to, point->family->name);
        put_labels(to, point);
        tc_put(to, ": 1\n");
    }
}

void tc_report_auto(const tc_report *report, const tc_writer *to)
{
    const tc_diagnosis *diagnosis = &report->diagnosis;

    tc_putf(to, PREFIX "Well: %d\n" PREFIX "Summary: ", diagnosis->well);
    put_words(to, diagnosis->summary);
    tc_put(to, "\n");
    for (unsigned at = 0; at < diagnosis->findings; at++) {
        const tc_finding *finding = &diagnosis->finding[at];
        tc_putf(to, PREFIX "%s: ", finding->severity == TC_WARNING ? "Warning" : "Note");
        put_words(to, finding->what);
        tc_put(to, "\n");
    }
    for (unsigned at = 0; at < report->points; at++)
        put_point(to, &report->point[at]);
}
