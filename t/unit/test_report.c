/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report in its four formats: every counter in all of them, values that
 * cannot be read, and names that would break out.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "tap.h"
#include "snapshots.h"
#include "status/report.h"

/* What a hostile directory and pattern are called. */
#define HOSTILE "/a\"b\\c<d>&e'f:g\nh]i,j\x01k\xff-\xc3\xa4</script>{}"

typedef enum report_format { AUTO, JSON, METRICS, OPENMETRICS, HTML, FORMATS } report_format;

static apr_pool_t *pool;
static tc_snapshot snapshot;
static char *text[FORMATS];

static void append(void *context, const char *bytes, size_t length)
{
    FILE *stream = context;

    fwrite(bytes, 1, length, stream);
}

static void render(void)
{
    tc_page page = {"nonce", 3600, 5};

    apr_pool_clear(pool);
    for (unsigned format = 0; format < FORMATS; format++) {
        const tc_report *report = tc_report_make(pool, &snapshot);
        size_t size;
        FILE *stream;
        tc_writer to;

        free(text[format]);
        stream = open_memstream(&text[format], &size);
        to = (tc_writer){append, stream};
        if (format == AUTO)
            tc_report_auto(report, &to);
        else if (format == JSON)
            tc_report_json(report, &to, true);
        else if (format == HTML)
            tc_report_html(report, &to, &page);
        else
            tc_report_metrics(report, &to, format == OPENMETRICS);
        fclose(stream);
    }
}

static bool has(report_format format, const char *what)
{
    return strstr(text[format], what) != NULL;
}

/* ---- a strict reader of JSON: its grammar, and no more -------------------------------- */

static const char *json_value(const char *at);

static const char *json_space(const char *at)
{
    return at + strspn(at, " \n\t\r");
}

static const char *json_string(const char *at)
{
    if (*at++ != '"')
        return NULL;
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at == '\\' && !strchr("\"\\/bfnrtu", *++at))
            return NULL;
    }
    return at + 1;
}

static const char *json_number(const char *at)
{
    char *end;

    if (*at == '-' ? !isdigit((unsigned char)at[1]) : !isdigit((unsigned char)*at))
        return NULL;
    strtod(at, &end);
    return end;
}

static const char *json_members(const char *at, char close)
{
    at = json_space(at + 1);
    if (*at == close)
        return at + 1;
    for (;; at++) {
        at = json_space(at);
        if (close == '}') {
            at = json_string(at);
            if (!at || *(at = json_space(at)) != ':')
                return NULL;
            at++;
        }
        at = json_value(at);
        if (!at)
            return NULL;
        at = json_space(at);
        if (*at == close)
            return at + 1;
        if (*at != ',')
            return NULL;
    }
}

static const char *json_value(const char *at)
{
    static const char *const words[] = {"null", "true", "false"};

    at = json_space(at);
    if (*at == '{' || *at == '[')
        return json_members(at, *at == '{' ? '}' : ']');
    if (*at == '"')
        return json_string(at);
    for (size_t i = 0; i < 3; i++) {
        if (strncmp(at, words[i], strlen(words[i])) == 0)
            return at + strlen(words[i]);
    }
    return json_number(at);
}

static bool is_json(const char *at)
{
    at = json_value(at);
    return at && *json_space(at) == '\0';
}

/* ---- the other grammars ------------------------------------------------------------------ */

/* NAME{label="value",...} VALUE; what is escaped is skipped with its backslash. */
static bool is_sample(const char *line, size_t length)
{
    const char *end = line + length, *at = line;
    char *rest;

    while (at < end && (isalnum((unsigned char)*at) || *at == '_'))
        at++;
    if (at == line)
        return false;
    if (*at == '{') {
        bool inside = false;
        for (at++; at < end && (inside || *at != '}'); at++) {
            if (inside && *at == '\\')
                at++;
            else if (*at == '"')
                inside = !inside;
        }
        if (at == end || inside)
            return false;
        at++;
    }
    if (*at++ != ' ')
        return false;
    if (strncmp(at, "+Inf", 4) == 0)
        return at + 4 == end;
    strtod(at, &rest);
    return rest == end;
}

/* Whether every line is a sample, HELP or TYPE, and the last one # EOF. */
static bool is_exposition(const char *at)
{
    while (*at) {
        size_t length = strcspn(at, "\n");
        if (strncmp(at, "# EOF\n", 7) == 0)
            return at[6] == '\0';
        if (strncmp(at, "# HELP tmpfs_convert_", 21) != 0 &&
            strncmp(at, "# TYPE tmpfs_convert_", 21) != 0 && !is_sample(at, length)) {
            printf("# %.*s\n", (int)length, at);
            return false;
        }
        at += length + 1;
    }
    return false;
}

static bool is_auto(const char *at)
{
    while (*at) {
        size_t length = strcspn(at, "\n"), colon = strcspn(at, ":");
        if (strncmp(at, "TmpfsConvert", 12) != 0 || colon >= length || at[colon + 1] != ' ')
            return false;
        for (size_t i = 0; i < length; i++) {
            if ((unsigned char)at[i] < 0x20 || (unsigned char)at[i] > 0x7e)
                return false;
        }
        at += length + 1;
    }
    return true;
}

/* No element opens that the page does not have, and what opens closes. */
static bool is_html(const char *at)
{
    int depth = 0;

    for (at = strstr(at, "<body>"); at && *at; at++) {
        const char *end;
        if (*at != '<')
            continue;
        end = strchr(at, '>');
        if (!end)
            return false;
        if (strncmp(at, "<script", 7) == 0 || strncmp(at, "<d>", 3) == 0)
            return false;
        depth += at[1] == '/' ? -1 : end[-1] == '/' ? 0 : 1;
        at = end;
    }
    /* </html> closes what stands before <body>. */
    return depth == -1;
}

static void test_grammars(const char *what)
{
    ok(is_json(text[JSON]), "%s: JSON", what);
    ok(is_exposition(text[METRICS]) && is_exposition(text[OPENMETRICS]), "%s: metrics", what);
    ok(is_auto(text[AUTO]), "%s: text", what);
    ok(is_html(text[HTML]), "%s: HTML", what);
}

/* ---- tests ---------------------------------------------------------------------------------
 */

static void test_plain(void)
{
    make_snapshot(&snapshot);
    grow(&snapshot, 100, 0, 0);
    render();
    test_grammars("a plain report");
    ok(has(AUTO, "TmpfsConvertHostDentries: 100000\n"), "text: a number");
    ok(has(METRICS, "# TYPE tmpfs_convert_requests_total counter\n"),
       "metrics: a counter is named with _total");
    ok(has(OPENMETRICS, "# TYPE tmpfs_convert_requests counter\n") &&
           has(OPENMETRICS, "tmpfs_convert_requests_total{code=\"2xx\"} 0\n"),
       "OpenMetrics: its family without, its sample with");
    ok(has(OPENMETRICS, "# TYPE tmpfs_convert_version info\n") &&
           has(OPENMETRICS, "tmpfs_convert_version_info{version=\"9.9\"} 1\n"),
       "a text is an info");
    ok(has(METRICS, "tmpfs_convert_cgroup_limit_bytes +Inf\n") &&
           has(AUTO, "CgroupLimitBytes: unlimited\n") &&
           has(JSON, "\"cgroup_limit_bytes\": null"),
       "no limit is no number");
    ok(has(JSON, "\"history\": {"), "JSON: the samples, when asked for");
    ok(!has(METRICS, "host_slab_bytes{"), "metrics: no labels that come and go");
    ok(has(HTML, "nonce=\"nonce\"") && !has(HTML, "style=\"") && !has(HTML, "src="),
       "HTML: the style by its nonce, nothing in attributes");
}

/* A row of the lists shows wherever anything shows. */
static void test_every_counter(void)
{
    make_snapshot(&snapshot);
    for (unsigned at = 0; at < TC_COUNTER_SLOTS; at++)
        made_counts.counter[at] = 1000 + at;
    for (unsigned at = 0; at < TC_GAUGE_SLOTS; at++)
        made_counts.gauge[at] = 5000 + at;
    render();
    test_grammars("every counter");
#define X(id, dimension, unit, section, name, title, help)                            \
    ok(has(JSON, "\"" name "\": ") && has(METRICS, "tmpfs_convert_" name "_total") && \
           has(HTML, title) && has(HTML, help),                                       \
       "%s is in every format", name);
    TC_COUNTERS(X)
#undef X
#define X(id, dimension, unit, section, name, title, help)                   \
    ok(has(JSON, "\"" name "\": ") && has(METRICS, "tmpfs_convert_" name) && \
           has(HTML, title) && has(HTML, help),                              \
       "%s is in every format", name);
    TC_GAUGES(X)
#undef X
    ok(has(AUTO, "TmpfsConvertErrors[damaged]: ") &&
           has(AUTO, "TmpfsConvertConversions[jpeg,png]: "),
       "text: labels in brackets");
    ok(has(AUTO, apr_psprintf(pool, "TmpfsConvertErrors[damaged]: %d\n",
                              1000 + TC_AT_ERRORS + TC_E_DAMAGED)),
       "... each with its own slot's value");
}

/* A chart of its own, with the last readings in its legend. */
static void test_waits(void)
{
    make_snapshot(&snapshot);
    grow(&snapshot, 10, 0, 0);
    for (unsigned at = 0; at < 10; at++) {
        made_sample[at].refused = 40.5;
        made_sample[at].wait_p50_seconds = 0.25;
        made_sample[at].wait_p99_seconds = 7.5;
    }
    render();
    test_grammars("waits and refusals");
    ok(has(HTML, ">Requests refused, and how long others waited<"), "HTML: a chart of them");
    ok(has(HTML, "refused <tspan font-weight=\"bold\">40.5/s<") &&
           has(HTML, "half waited less than <tspan font-weight=\"bold\">250 ms<") &&
           has(HTML, "99 % waited less than <tspan font-weight=\"bold\">7.5 s<"),
       "... refusals a second, and waits");
    ok(has(JSON, "\"refused\": [40.5,") && has(JSON, "\"wait_p50_seconds\": [0.25,") &&
           has(JSON, "\"wait_p99_seconds\": [7.5,"),
       "JSON: the samples have them");
}

static void test_unreadable(void)
{
    make_snapshot(&snapshot);
    snapshot.host.dentry.negative = tc_reading_missing(ENODATA);
    snapshot.host.slab.error = EACCES;
    snapshot.host.memory.total = tc_reading_missing(ENOENT);
    snapshot.host.cgroup.error = ENOENT;
    render();
    test_grammars("without root");
    ok(has(JSON, "\"host_dentries_negative\": null") &&
           has(JSON, "\"host_dentries_negative\": \"") && has(JSON, "\"unreadable\": {\n"),
       "JSON: null, and the reason");
    ok(!has(METRICS, "\ntmpfs_convert_host_dentries_negative ") &&
           has(METRICS, "unreadable_info{figure=\"host_dentries_negative\",reason=\""),
       "metrics: no value, and the reason");
    ok(!has(AUTO, "\nTmpfsConvertHostDentriesNegative:") &&
           has(AUTO, "TmpfsConvertUnreadable.TmpfsConvertHostDentriesNegative: "),
       "text: likewise");
    ok(has(METRICS, "tmpfs_convert_host_dentry_slab_bytes 19500000\n") &&
           has(METRICS, "estimated_info{figure=\"host_dentry_slab_bytes\"} 1\n") &&
           has(METRICS, "tmpfs_convert_host_slabinfo_readable 0\n"),
       "an estimate is marked in the metrics");
    ok(has(JSON, "\"estimated\": [\"host_dentry_slab_bytes\"]") &&
           has(AUTO, "TmpfsConvertEstimated.TmpfsConvertHostDentrySlabBytes: 1\n") &&
           has(HTML, "(estimate)"),
       "... and everywhere else");
}

static void test_hostile(void)
{
    make_snapshot(&snapshot);
    snapshot.temp_dir[1].path = HOSTILE;
    strcpy(made_counts.temp_dir[1].path, HOSTILE);
    made_counts.patterns = 2;
    strcpy(made_counts.pattern[1], HOSTILE);
    snapshot.name = snapshot.server = HOSTILE;
    snapshot.temp_dir[1].available = tc_reading_missing(ENOENT);
    grow(&snapshot, 10, 0, 0);
    render();
    test_grammars("hostile names");
    ok(!has(HTML, "</script>{}"), "HTML: no tag of theirs");
    ok(has(METRICS, "dir=\"/a\\\"b\\\\c<d>&e'f:g\\nh]i,j\xef\xbf\xbdk\xef\xbf\xbd-\xc3\xa4"),
       "metrics: quotes, backslashes and line feeds escaped, bad bytes replaced");
    ok(has(AUTO, "[/a%22b%5Cc%3Cd%3E%26e%27f%3Ag%0Ah%5Di%2Cj%01k%FF"), "text: percent-encoded");
    ok(has(HTML, "/a&quot;b\\c&lt;d&gt;&amp;e"), "HTML: escaped");
}

static void test_histogram(void)
{
    tc_histogram *total = &made_counts.stage[TC_STAGE_TOTAL];

    make_snapshot(&snapshot);
    for (unsigned at = 0; at < TC_BUCKETS; at++)
        total->count[at] = 1;
    total->sum_ns = 71000000000;
    render();
    test_grammars("latency");
    ok(has(METRICS, "_bucket{stage=\"total\",le=\"+Inf\"} 71\n") &&
           has(METRICS, "_count{stage=\"total\"} 71\n") &&
           has(METRICS, "_sum{stage=\"total\"} 71.000000000\n"),
       "the last bucket has all");
    ok(has(METRICS, "_bucket{stage=\"total\",le=\"0.001\"} 21\n"), "a bucket those under it");
    ok(has(AUTO, "TmpfsConvertConversionDurationSecondsP99[total]: ") &&
           !has(AUTO, "TmpfsConvertConversionDurationSecondsP99[read]: "),
       "text: quantiles, where there are any");
    ok(has(JSON, "\"p50\": null") && has(JSON, "[null, 1]]"), "JSON: null where not");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_plain();
    test_every_counter();
    test_waits();
    test_unreadable();
    test_hostile();
    test_histogram();
    for (unsigned format = 0; format < FORMATS; format++)
        free(text[format]);
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
