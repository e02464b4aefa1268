/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include "accept.h"
#include "config.h"
#include "monitor.h"
#include "status/report.h"

#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_status.h>

#include <apr_base64.h>
#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>

APLOG_USE_MODULE(tmpfs_convert);

#define SPAN_DEFAULT    3600
#define SPAN_LEAST      60
#define SPAN_MOST       (30 * 86400)
#define REFRESH_DEFAULT 10
#define REFRESH_MOST    86400

/* What the words at the top look back on. */
#define LOOK_BACK 600

/* 128 bits, as CSP asks of a nonce, in base64. */
#define NONCE_BYTES 16

typedef enum page_format { HTML, AUTO, JSON, METRICS, OPENMETRICS, FORMATS } page_format;

static const char *const content_types[FORMATS] = {
    [HTML] = "text/html; charset=utf-8",
    [AUTO] = "text/plain; charset=utf-8",
    [JSON] = "application/json",
    [METRICS] = "text/plain; version=0.0.4; charset=utf-8",
    [OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8"};

typedef struct page_options {
    page_format format;
    bool named; /* the query names a format */
    bool history;
    int64_t span;
    unsigned refresh;
} page_options;

/* ---- what is asked for ------------------------------------------------------------ */

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* "90", "15m", "6h", "1d"; a word that is none of these changes nothing. */
static int64_t parse_span(const char *text, int64_t preset)
{
    char *end;
    apr_int64_t value = apr_strtoi64(text, &end, 10);
    int64_t unit = *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 1;

    if (end == text || (*end && !strchr("smhd", *end)) || (*end && end[1]))
        return preset;
    return clamp(clamp(value, 0, SPAN_MOST) * unit, SPAN_LEAST, SPAN_MOST);
}

static void read_option(page_options *options, const char *word, const char *value)
{
    static const struct {
        const char *word;
        page_format format;
    } formats[] = {{"auto", AUTO}, {"json", JSON}, {"metrics", METRICS}, {"html", HTML}};

    for (size_t at = 0; at < sizeof formats / sizeof formats[0]; at++) {
        if (strcmp(word, formats[at].word) == 0) {
            options->format = formats[at].format;
            options->named = true;
        }
    }
    if (strcmp(word, "history") == 0)
        options->history = true;
    if (strcmp(word, "refresh") == 0)
        options->refresh =
            (unsigned)clamp(value ? atoll(value) : REFRESH_DEFAULT, 1, REFRESH_MOST);
    if (strcmp(word, "span") == 0 && value)
        options->span = parse_span(value, options->span);
}

/* The weight that one element of Accept, "text/html;q=0.9", gives, in thousandths. */
static int weight(const char *element)
{
    const char *q = ap_strcasestr(element, ";q=");

    if (!q)
        q = ap_strcasestr(element, "; q=");
    return q ? tc_accept_weight(strchr(q, '=') + 1) : 1000;
}

/* How much the client wants `type`, which stands at the start of an element; -1: not named. */
static int wants(request_rec *r, const char *accept, const char *type)
{
    char *copy = apr_pstrdup(r->pool, accept), *state, *element;
    int found = -1;

    for (element = apr_strtok(copy, ",", &state); element;
         element = apr_strtok(NULL, ",", &state)) {
        while (apr_isspace(*element))
            element++;
        if (strncasecmp(element, type, strlen(type)) == 0)
            found = weight(element);
    }
    return found;
}

/* A scraper and a program say what they read; a request that does not gets the page. */
static page_format negotiate(request_rec *r, const char *accept)
{
    static const struct {
        const char *type;
        page_format format;
    } known[] = {{"text/html", HTML},
                 {"application/json", JSON},
                 {"application/openmetrics-text", OPENMETRICS},
                 {"text/plain;version=0.0.4", METRICS},
                 {"text/plain; version=0.0.4", METRICS}};
    page_format best = HTML;
    int most = 0;

    for (size_t at = 0; at < sizeof known / sizeof known[0]; at++) {
        int weight = wants(r, accept, known[at].type);
        if (weight > most) {
            most = weight;
            best = known[at].format;
        }
    }
    return best;
}

static void read_options(request_rec *r, page_options *options)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    char *copy = r->args ? apr_pstrdup(r->pool, r->args) : NULL, *state, *word;

    options->span = SPAN_DEFAULT;
    for (word = copy ? apr_strtok(copy, "&;", &state) : NULL; word;
         word = apr_strtok(NULL, "&;", &state)) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        read_option(options, word, value);
    }
    if (!options->named && accept)
        options->format = negotiate(r, accept);
    if (options->format == METRICS && accept &&
        wants(r, accept, "application/openmetrics-text") > 0)
        options->format = OPENMETRICS;
}

/* ---- the response ------------------------------------------------------------------- */

/* The whole response in one piece of memory, which becomes a bucket without a copy. */
typedef struct text_buffer {
    char *data;
    size_t length, size;
    bool failed;
} text_buffer;

#define FIRST_SIZE ((size_t)32 * 1024)

static void put_in_text(void *context, const char *bytes, size_t length)
{
    text_buffer *text = context;

    if (text->length + length > text->size) {
        size_t size = text->size ? text->size : FIRST_SIZE;
        char *data;

        while (size < text->length + length)
            size *= 2;
        data = realloc(text->data, size);
        if (!data) {
            text->failed = true;
            return;
        }
        text->data = data;
        text->size = size;
    }
    memcpy(text->data + text->length, bytes, length);
    text->length += length;
}

static void put_in_request(void *r, const char *text, size_t length)
{
    ap_rwrite(text, (int)length, r);
}

/* Empty when the system has no random numbers: then the page goes without its style. */
static const char *make_nonce(apr_pool_t *pool)
{
    unsigned char bytes[NONCE_BYTES];
    char *text = apr_palloc(pool, apr_base64_encode_len(sizeof bytes));

    if (apr_generate_random_bytes(bytes, sizeof bytes) != APR_SUCCESS)
        return "";
    apr_base64_encode_binary(text, bytes, sizeof bytes);
    return text;
}

static void set_headers(request_rec *r, const page_options *options, const char *nonce)
{
    ap_set_content_type(r, content_types[options->format]);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "X-Robots-Tag", "noindex, nofollow");
    if (!options->named || options->format == METRICS || options->format == OPENMETRICS)
        apr_table_mergen(r->headers_out, "Vary", "Accept");
    if (options->refresh)
        apr_table_setn(r->headers_out, "Refresh",
                       apr_psprintf(r->pool, "%u", options->refresh));
    if (options->format == HTML)
        apr_table_setn(
            r->headers_out, "Content-Security-Policy",
            apr_psprintf(r->pool,
                         "default-src 'none'; style-src 'nonce-%s'; base-uri 'none'; "
                         "form-action 'none'; frame-ancestors 'self'",
                         nonce));
}

static void render(const tc_report *report, const tc_writer *to, const page_options *options,
                   const char *nonce)
{
    tc_page page = {nonce, options->span, options->refresh};

    switch (options->format) {
    case AUTO:
        tc_report_auto(report, to);
        break;
    case JSON:
        tc_report_json(report, to, options->history);
        break;
    case METRICS:
    case OPENMETRICS:
        tc_report_metrics(report, to, options->format == OPENMETRICS);
        break;
    default:
        tc_report_html(report, to, &page);
    }
}

static int send_text(request_rec *r, const text_buffer *body)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb;

    if (body->failed || !body->data) {
        free(body->data);
        ap_log_rerror(APLOG_MARK, APLOG_ERR, APR_ENOMEM, r,
                      "TC0015: no memory for the status page");
        return HTTP_SERVICE_UNAVAILABLE;
    }
    bb = apr_brigade_create(r->pool, alloc);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_heap_create(body->data, body->length, free, alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    ap_set_content_length(r, (apr_off_t)body->length);
    return ap_pass_brigade(r->output_filters, bb) == APR_SUCCESS ? OK : AP_FILTER_ERROR;
}

int tc_status_handler(request_rec *r)
{
    page_options options = {.format = HTML};
    const char *nonce;
    text_buffer body = {NULL, 0, 0, false};
    tc_writer to = {put_in_text, &body};
    bool charts;

    if (!r->handler || strcmp(r->handler, TC_STATUS_HANDLER) != 0)
        return DECLINED;
    if (r->method_number == M_OPTIONS)
        return DECLINED;
    ap_allow_standard_methods(r, MERGE_ALLOW, M_GET, -1);
    if (r->method_number != M_GET)
        return HTTP_METHOD_NOT_ALLOWED;
    read_options(r, &options);
    nonce = options.format == HTML ? make_nonce(r->pool) : "";
    set_headers(r, &options, nonce);
    if (r->header_only)
        return OK;
    charts = options.format == HTML || (options.format == JSON && options.history);
    render(tc_report_make(r->pool,
                          tc_monitor_snapshot(r->pool, r->server,
                                              charts && options.span > LOOK_BACK ? options.span
                                                                                 : LOOK_BACK)),
           &to, &options, nonce);
    return send_text(r, &body);
}

int tc_status_section(request_rec *r, int flags)
{
    static const tc_section brief[] = {TC_SECTION_TEMP, TC_SECTION_CONVERSIONS,
                                       TC_SECTION_ERRORS};
    const tc_report *report =
        tc_report_make(r->pool, tc_monitor_snapshot(r->pool, r->server, LOOK_BACK));
    tc_writer to = {put_in_request, r};

    if (flags & AP_STATUS_SHORT) {
        tc_report_auto(report, &to);
        return OK;
    }
    ap_rputs("<hr>\n<h1>mod_tmpfs_convert</h1>\n<p>", r);
    tc_put_xml(&to, report->diagnosis.summary);
    ap_rputs("</p>\n", r);
    if (flags & AP_STATUS_NOTABLE)
        return OK;
    for (size_t at = 0; at < sizeof brief / sizeof brief[0]; at++)
        tc_report_html_section(report, &to, brief[at]);
    if (flags & AP_STATUS_EXTENDED) {
        tc_report_html_section(report, &to, TC_SECTION_LATENCY);
        tc_report_html_section(report, &to, TC_SECTION_DENTRIES);
    }
    return OK;
}
