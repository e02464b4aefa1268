/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for people. No script, nothing from elsewhere, and one style sheet
 * that a nonce allows; without it the page is plainer and still whole.
 */
#include "report.h"

#include "base/number.h"

#include <apr_strings.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

static const char style[] =
    ":root{color-scheme:light dark;--line:#d0d0d0;--dim:#6b6b6b;--well:#0a7a3f;--warn:#b42318;"
    "--box:#f6f6f4}"
    "@media(prefers-color-scheme:dark){:root{--line:#3c3c3c;--dim:#a0a0a0;--well:#4cc38a;"
    "--warn:#ff8b7e;--box:#1d1d1f}body{background:#121214;color:#e8e8e8}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:92rem;padding:.6rem 1rem 3rem;"
    "font:15px/1.45 system-ui,sans-serif}"
    "h1{font-size:1.35rem;margin:.4rem 0 0}h1 span{font-weight:400;color:var(--dim)}"
    "h2{font-size:1.05rem;margin:1.6rem 0 .4rem}"
    "nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.3rem 0 .8rem;color:var(--dim)}"
    "nav b{color:inherit}"
    ".state{border-left:.4rem solid var(--well);background:var(--box);padding:.7rem .9rem;"
    "margin:.6rem 0;font-size:1.05rem}.state.bad{border-color:var(--warn)}"
    ".findings{margin:.4rem 0 .8rem;padding-left:1.3rem}"
    ".findings .warning b{color:var(--warn)}.findings .note{color:var(--dim)}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,34rem),1fr));"
    "gap:.8rem 1.4rem}"
    "figure{margin:0}svg{display:block;width:100%;height:auto}"
    ".wide{overflow-x:auto}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{padding:.16rem .9rem .16rem 0;text-align:left;border-bottom:1px solid var(--line);"
    "vertical-align:top}td{overflow-wrap:anywhere}.wide th{white-space:nowrap}"
    "th{font-weight:500}thead th{color:var(--dim);white-space:nowrap}"
    "td.n,th.n{text-align:right;white-space:nowrap}.dim{color:var(--dim)}"
    ".halves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));"
    "gap:0 2.4rem;align-items:start}"
    "@media(max-width:40rem){body{padding:.4rem .7rem 2rem;font-size:14px}"
    "th,td{padding-right:.6rem}}";

static const struct {
    const char *label, *title;
} label_titles[] = {{"dir", "Directory"}, {"code", "Class"},      {"input", "From"},
                    {"output", "To"},     {"pattern", "Pattern"}, {"reason", "Reason"},
                    {"stage", "Stage"},   {"cache", "Cache"},     {"kind", "Kind"},
                    {"knob", "Setting"}};

static const char *label_title(const char *label)
{
    for (size_t at = 0; at < sizeof label_titles / sizeof label_titles[0]; at++) {
        if (strcmp(label_titles[at].label, label) == 0)
            return label_titles[at].title;
    }
    return label;
}

/* ---- values ------------------------------------------------------------------- */

/* 1234567 as 1,234,567. */
static void group_digits(char *text, size_t size, uint64_t value)
{
    char plain[24];
    int length = snprintf(plain, sizeof plain, "%" PRIu64, value);
    size_t out = 0;

    for (int at = 0; at < length && out + 2 < size; at++) {
        if (at && (length - at) % 3 == 0)
            text[out++] = ',';
        text[out++] = plain[at];
    }
    text[out] = '\0';
}

static void local_time(char *text, size_t size, int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm parts;

    if (!localtime_r(&when, &parts) ||
        strftime(text, size, "%Y-%m-%d %H:%M:%S %Z", &parts) == 0)
        snprintf(text, size, "%" PRId64, seconds);
}

static void format_value(char *text, size_t size, const tc_point *point)
{
    const tc_family *family = point->family;
    double value = point->whole ? (double)point->count : point->real;

    if (point->whole && point->count == TC_UNLIMITED)
        snprintf(text, size, "none");
    else if (family->kind == TC_METRIC_TIME)
        local_time(text, size, (int64_t)point->count);
    else if (family->unit != TC_UNIT_NONE)
        tc_chart_number(text, size, value, family->unit);
    else if (point->whole)
        group_digits(text, size, point->count);
    else
        tc_number_print(text, size, 'g', 4, value);
}

static void put_cell(const tc_writer *to, const tc_point *point)
{
    char text[120];

    if (!point) {
        tc_put(to, "<td></td>");
    } else if (point->error) {
        tc_put(to, "<td class=\"n dim\">");
        tc_put_xml(to, tc_reading_reason(point->error, text, sizeof text));
        tc_put(to, "</td>");
    } else if (point->family->kind == TC_METRIC_TEXT) {
        tc_put(to, "<td>");
        tc_put_xml(to, point->text);
        tc_put(to, "</td>");
    } else {
        bool zero = point->whole ? point->count == 0 : point->real == 0;
        format_value(text, sizeof text, point);
        tc_put(to, zero ? "<td class=\"n dim\">" : "<td class=\"n\">");
        tc_put_xml(to, text);
        tc_put(to, point->estimated ? " (estimate)</td>" : "</td>");
    }
}

/* ---- tables ------------------------------------------------------------------- */

static void put_header(const tc_writer *to, const char *class, const char *help,
                       const char *title)
{
    tc_putf(to, "<th scope=\"col\"%s title=\"", class);
    tc_put_xml(to, help);
    tc_put(to, "\">");
    tc_put_xml(to, title);
    tc_put(to, "</th>");
}

static const struct {
    const char *title;
    double quantile; /* 0: the count, 1: the mean */
} histogram_columns[] = {{"Count", 0},
                         {"Mean", 1},
                         {"Half under", 0.50},
                         {"90 % under", 0.90},
                         {"99 % under", 0.99}};

#define HISTOGRAM_COLUMNS (sizeof histogram_columns / sizeof histogram_columns[0])

static void put_histogram(const tc_writer *to, const tc_histogram *histogram)
{
    uint64_t count = 0;
    char text[48];

    for (unsigned at = 0; at < TC_BUCKETS; at++)
        count += histogram->count[at];
    for (size_t at = 0; at < HISTOGRAM_COLUMNS; at++) {
        double quantile = histogram_columns[at].quantile;
        if (quantile == 0)
            group_digits(text, sizeof text, count);
        else if (count == 0)
            text[0] = '\0';
        else
            tc_chart_number(text, sizeof text,
                            quantile == 1 ? (double)histogram->sum_ns / 1e9 / (double)count
                                          : tc_histogram_quantile(histogram, quantile),
                            TC_UNIT_SECONDS);
        tc_putf(to, "<td class=\"n\">%s</td>", text);
    }
}

static const tc_point *find(const tc_report *report, unsigned first, unsigned end,
                            const tc_family *family, const tc_point *row)
{
    for (unsigned at = first; at < end; at++) {
        const tc_point *point = &report->point[at];
        if (point->family == family && tc_point_same_row(point, row))
            return point;
    }
    return NULL;
}

/* The position of the next family's first point. */
static unsigned next_family(const tc_report *report, unsigned at, unsigned end)
{
    const tc_family *family = report->point[at].family;

    while (at < end && report->point[at].family == family)
        at++;
    return at;
}

static void put_heads(const tc_writer *to, const tc_report *report, unsigned first,
                      unsigned end)
{
    const tc_family *family = report->point[first].family;

    tc_put(to, "<thead><tr>");
    for (unsigned label = 0; label < TC_LABELS && family->label[label]; label++)
        put_header(to, "", family->label[label], label_title(family->label[label]));
    for (unsigned at = first; at < end; at = next_family(report, at, end)) {
        family = report->point[at].family;
        if (family->kind != TC_METRIC_HISTOGRAM) {
            put_header(to, family->kind == TC_METRIC_TEXT ? "" : " class=\"n\"", family->help,
                       family->title);
            continue;
        }
        for (size_t column = 0; column < HISTOGRAM_COLUMNS; column++)
            put_header(to, " class=\"n\"", family->help, histogram_columns[column].title);
    }
    tc_put(to, "</tr></thead>\n");
}

static void put_row(const tc_writer *to, const tc_report *report, unsigned first, unsigned end,
                    const tc_point *row)
{
    tc_put(to, "<tr>");
    for (unsigned label = 0; label < TC_LABELS && row->family->label[label]; label++) {
        tc_put(to, label ? "<td>" : "<th scope=\"row\">");
        tc_put_xml(to, *row->label[label] ? row->label[label] : "(none)");
        tc_put(to, label ? "</td>" : "</th>");
    }
    for (unsigned at = first; at < end; at = next_family(report, at, end)) {
        const tc_point *point = find(report, first, end, report->point[at].family, row);
        if (point && point->family->kind == TC_METRIC_HISTOGRAM)
            put_histogram(to, point->histogram);
        else
            put_cell(to, point);
    }
    tc_put(to, "</tr>\n");
}

/* Rows by label, a column for each family. */
static void put_labelled(const tc_writer *to, const tc_report *report, unsigned first,
                         unsigned end)
{
    tc_put(to, "<div class=\"wide\"><table>");
    put_heads(to, report, first, end);
    tc_put(to, "<tbody>");
    for (unsigned at = first; at < end; at++) {
        bool new_row = true;
        for (unsigned before = first; before < at && new_row; before++)
            new_row = !tc_point_same_row(&report->point[before], &report->point[at]);
        if (new_row)
            put_row(to, report, first, end, &report->point[at]);
    }
    tc_put(to, "</tbody></table></div>\n");
}

/* Names and values. */
static void put_plain(const tc_writer *to, const tc_report *report, unsigned first,
                      unsigned end)
{
    tc_put(to, "<table><tbody>");
    for (unsigned at = first; at < end; at++) {
        const tc_family *family = report->point[at].family;
        tc_put(to, "<tr><th scope=\"row\" title=\"");
        tc_put_xml(to, family->help);
        tc_put(to, "\">");
        tc_put_xml(to, family->title);
        tc_put(to, "</th>");
        put_cell(to, &report->point[at]);
        tc_put(to, "</tr>\n");
    }
    tc_put(to, "</tbody></table>\n");
}

void tc_report_html_section(const tc_report *report, const tc_writer *to, tc_section section)
{
    unsigned at = 0, end;

    while (at < report->points && report->point[at].family->section != section)
        at++;
    if (at == report->points)
        return;
    tc_put(to, "<section><h2>");
    tc_put_xml(to, tc_section_title(section));
    tc_put(to, "</h2>\n");
    for (; at < report->points && report->point[at].family->section == section; at = end) {
        end = tc_report_run(report, at);
        if (report->point[at].family->label[0])
            put_labelled(to, report, at, end);
        else
            put_plain(to, report, at, end);
    }
    tc_put(to, "</section>\n");
}

/* ---- the page ------------------------------------------------------------------- */

static const struct {
    int64_t seconds;
    const char *word, *title;
} spans[] = {{900, "15m", "15 minutes"},
             {3600, "1h", "1 hour"},
             {21600, "6h", "6 hours"},
             {86400, "24h", "24 hours"}};

static void put_links(const tc_writer *to, const tc_page *page)
{
    tc_put(to, "<nav>");
    for (size_t at = 0; at < sizeof spans / sizeof spans[0]; at++) {
        if (spans[at].seconds == page->span)
            tc_putf(to, "<b>%s</b>", spans[at].title);
        else
            tc_putf(to, "<a href=\"?span=%s%s\">%s</a>", spans[at].word,
                    page->refresh ? "&amp;refresh" : "", spans[at].title);
    }
    if (page->refresh)
        tc_putf(to, "<span>reloads every %u s</span>", page->refresh);
    else
        tc_putf(to, "<a href=\"?span=%" PRId64 "&amp;refresh=10\">keep loading</a>",
                page->span);
    tc_put(to, "<a href=\"?auto\">text</a><a href=\"?json\">JSON</a>"
               "<a href=\"?metrics\">metrics</a></nav>\n");
}

static void put_state(const tc_writer *to, const tc_diagnosis *diagnosis)
{
    tc_putf(to, "<p class=\"state%s\" role=\"status\"><strong>", diagnosis->well ? "" : " bad");
    tc_put_xml(to, diagnosis->summary);
    tc_put(to, "</strong></p>\n");
    /* The first warning is the sentence itself. */
    if (diagnosis->findings <= (diagnosis->well ? 0u : 1u))
        return;
    tc_put(to, "<ul class=\"findings\">");
    for (unsigned at = diagnosis->well ? 0 : 1; at < diagnosis->findings; at++) {
        const tc_finding *finding = &diagnosis->finding[at];
        bool warning = finding->severity == TC_WARNING;
        tc_put(to, warning ? "<li class=\"warning\"><b>" : "<li class=\"note\">");
        tc_put_xml(to, finding->what);
        tc_put(to, warning ? ".</b> " : ". ");
        tc_put_xml(to, finding->todo);
        tc_put(to, *finding->todo ? ".</li>\n" : "</li>\n");
    }
    tc_put(to, "</ul>\n");
}

static void put_head(const tc_writer *to, const tc_report *report, const tc_page *page)
{
    const tc_snapshot *snapshot = report->snapshot;
    char now[64];

    local_time(now, sizeof now, snapshot->now);
    tc_put(to, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
               "<meta name=\"color-scheme\" content=\"light dark\">"
               "<meta name=\"robots\" content=\"noindex, nofollow\"><title>tmpstat: ");
    tc_put_xml(to, report->diagnosis.well ? "well, " : "look, ");
    tc_put_xml(to, snapshot->name);
    tc_putf(to, "</title>\n<style nonce=\"%s\">%s</style></head>\n<body><h1>tmpstat <span>",
            page->nonce, style);
    tc_put_xml(to, snapshot->name);
    tc_putf(to, ", %s</span></h1>\n", now);
}

void tc_report_html(const tc_report *report, const tc_writer *to, const tc_page *page)
{
    put_head(to, report, page);
    put_links(to, page);
    put_state(to, &report->diagnosis);
    tc_report_charts(report, to, page->span);
    /* The widest table, and what this server itself does with files, before the rest. */
    tc_report_html_section(report, to, TC_SECTION_TEMP);
    tc_put(to, "<div class=\"halves\">\n");
    for (unsigned section = 0; section < TC_SECTION_COUNT; section++) {
        if (section != TC_SECTION_TEMP)
            tc_report_html_section(report, to, (tc_section)section);
    }
    tc_put(to, "</div>\n</body></html>\n");
}
