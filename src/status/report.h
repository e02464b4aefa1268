/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A status report: typed values, collected once, and four ways of writing them.
 * What belongs together is a family; its values differ in their labels. A format
 * knows kinds and units, not families, so a new counter shows in all of them.
 */
#ifndef TC_REPORT_H
#define TC_REPORT_H

#include "chart.h"
#include "diagnosis.h"
#include "snapshot.h"
#include "base/writer.h"

#include <apr_pools.h>

/* X(id, name, title): in the order in which a person wants them. */
#define TC_SECTIONS(X)                                   \
    X(DENTRIES, "dentries", "Dentry cache of this host") \
    X(SLAB, "slab", "Slab caches of this host")          \
    X(MEMORY, "memory", "Memory of this host")           \
    X(TEMP, "temp", "Temporary files")                   \
    X(CONVERSIONS, "conversions", "Conversions")         \
    X(LATENCY, "latency", "Where the time goes")         \
    X(TRAFFIC, "traffic", "Traffic")                     \
    X(PATTERNS, "patterns", "Patterns")                  \
    X(ERRORS, "errors", "Errors")                        \
    X(FORMATS, "formats", "Formats")                     \
    X(SERVER, "server", "Server")

typedef enum tc_section {
#define X(id, name, title) TC_SECTION_##id,
    TC_SECTIONS(X)
#undef X
        TC_SECTION_COUNT
} tc_section;

const char *tc_section_name(tc_section section);
const char *tc_section_title(tc_section section);

typedef enum tc_metric_kind {
    TC_METRIC_COUNTER, /* only rises; metrics call it NAME_total */
    TC_METRIC_GAUGE,
    TC_METRIC_TEXT,     /* words; in metrics the label of an _info */
    TC_METRIC_TIME,     /* seconds since 1970 */
    TC_METRIC_HISTOGRAM /* of seconds */
} tc_metric_kind;

#define TC_LABELS 2

typedef struct tc_family {
    tc_section section;
    tc_metric_kind kind;
    tc_unit unit;
    const char *name;  /* snake_case, base units: "host_dentry_slab_bytes" */
    const char *title; /* for people, in a table */
    const char *help;  /* a sentence */
    const char *label[TC_LABELS];
    bool unsteady; /* its labels come and go, so that metrics leave it out */
} tc_family;

/* One value; which member holds is told by the family's kind and by `whole`. */
typedef struct tc_point {
    const tc_family *family;
    const char *label[TC_LABELS];
    int error; /* not 0: there is no value, for this reason */
    bool estimated;
    bool whole; /* `count` holds, not `real` */
    uint64_t count;
    double real;
    const char *text;
    const tc_histogram *histogram;
} tc_point;

typedef struct tc_report {
    apr_pool_t *pool;
    const tc_snapshot *snapshot;
    tc_diagnosis diagnosis;
    unsigned points; /* a family's together; families with the same labels together */
    const tc_point *point;
} tc_report;

/* All strings and the snapshot are borrowed for as long as the report lives; it is of `pool`.
 */
tc_report *tc_report_make(apr_pool_t *pool, const tc_snapshot *snapshot);

/*
 * The run of points from `first` on that make one table: of one section, with the
 * same labels. Returns the position after its last.
 */
unsigned tc_report_run(const tc_report *report, unsigned first);

/* Whether two points stand in the same row of their table. */
bool tc_point_same_row(const tc_point *a, const tc_point *b);

/* "Key: value" lines as mod_status's ?auto has them, each key beginning with TmpfsConvert. */
void tc_report_auto(const tc_report *report, const tc_writer *to);

/* One JSON object; with `history`, the samples as arrays of numbers. */
void tc_report_json(const tc_report *report, const tc_writer *to, bool history);

/* OpenMetrics 1.0 text, or Prometheus' older text format 0.0.4. Both end in "# EOF". */
void tc_report_metrics(const tc_report *report, const tc_writer *to, bool openmetrics);

/* How a page is to be shown. */
typedef struct tc_page {
    const char *nonce; /* allows its style sheet under the Content-Security-Policy */
    int64_t span;      /* seconds that the charts show */
    unsigned refresh;  /* seconds after which it loads again; 0: never */
} tc_page;

/* A whole HTML page. */
void tc_report_html(const tc_report *report, const tc_writer *to, const tc_page *page);

/* The tables of one section as HTML, under <h2>. */
void tc_report_html_section(const tc_report *report, const tc_writer *to, tc_section section);

/* The charts, as <figure> elements. */
void tc_report_charts(const tc_report *report, const tc_writer *to, int64_t span);

#endif
