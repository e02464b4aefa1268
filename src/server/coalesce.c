/* SPDX-License-Identifier: Apache-2.0 */
#include "coalesce.h"

#include "admit.h"
#include "client_cancel.h"
#include "config.h"
#include "handler.h"
#include "monitor.h"
#include "respond.h"
#include "spelling.h"
#include "base/sha256.h"
#include "url.h"

#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>

#include <apr_strings.h>

#include <errno.h>
#include <strings.h>

APLOG_USE_MODULE(tmpfs_convert);

/* When this request looked into the cache last; kept where the next one finds it. */
#define REQUESTED_AGAIN "tmpfs-convert-asked-again"

/* Once the cache had nothing this often, it will never have it. */
#define TRIES 3

/* What makes a request conditional, and then what else mod_cache takes out of one with which it
   asks whether its copy is still good; and where the client's own are kept. */
static const struct {
    const char *header, *note;
} conditional_headers[] = {{"If-None-Match", "tmpfs-convert-if-none-match"},
                           {"If-Modified-Since", "tmpfs-convert-if-modified-since"},
                           {"If-Match", "tmpfs-convert-if-match"},
                           {"If-Unmodified-Since", "tmpfs-convert-if-unmodified-since"},
                           {"If-Range", "tmpfs-convert-if-range"},
                           {"Range", "tmpfs-convert-range"}};
#define CONDITIONAL_HEADERS (sizeof conditional_headers / sizeof conditional_headers[0])
#define CONDITIONS          (CONDITIONAL_HEADERS - 1)

typedef struct leader {
    tc_coalesce_table *table; /* NULL: ended */
    uint64_t key;
    unsigned slot;
} leader;

static apr_status_t end_lead(void *data)
{
    leader *lead = data;

    if (lead->table)
        tc_coalesce_table_end(lead->table, lead->key, lead->slot);
    lead->table = NULL;
    return APR_SUCCESS;
}

/* What mod_cache tells responses apart by. */
static uint64_t key_of(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    const char *text = apr_psprintf(r->pool, "%s:%u%s %s", ap_get_server_name(r),
                                    (unsigned)ap_get_server_port(r),
                                    tc_spelling_target(r->unparsed_uri), accept ? accept : "");
    uint8_t digest[TC_SHA256_BYTES];
    tc_sha256 hash;
    uint64_t key;

    tc_sha256_init(&hash);
    tc_sha256_add(&hash, text, strlen(text));
    tc_sha256_end(&hash, digest);
    memcpy(&key, digest, sizeof key);
    return key;
}

static uint64_t looked_at(const request_rec *r, unsigned *tries)
{
    apr_time_t ago = apr_time_now() - r->request_time;
    uint64_t now = tc_coalesce_table_clock();
    const char *again = NULL;

    *tries = 0;
    for (const request_rec *from = r->prev; from; from = from->prev) {
        const char *note = apr_table_get(from->notes, REQUESTED_AGAIN);

        if (!note)
            continue;
        if (!again)
            again = note;
        ++*tries;
    }
    if (again)
        return (uint64_t)apr_strtoi64(again, NULL, 10);
    return ago > 0 && (uint64_t)apr_time_as_msec(ago) < now
               ? now - (uint64_t)apr_time_as_msec(ago) - 1
               : now;
}

static int become_leader(request_rec *r, tc_coalesce_table *table, uint64_t key, unsigned slot)
{
    leader *lead = apr_palloc(r->pool, sizeof *lead);

    lead->table = table;
    lead->key = key;
    lead->slot = slot;
    /* The filter is gone with an error's response, and a response may never come. */
    apr_pool_cleanup_register(r->pool, lead, end_lead, apr_pool_cleanup_null);
    ap_add_output_filter(TC_COALESCE_FILTER, lead, r, r->connection);
    return DECLINED;
}

int tc_coalesce_remember(request_rec *r)
{
    for (size_t at = 0; at < CONDITIONAL_HEADERS && !r->prev && !r->main; at++) {
        const char *value = apr_table_get(r->headers_in, conditional_headers[at].header);

        if (value)
            apr_table_setn(r->notes, conditional_headers[at].note, value);
    }
    return DECLINED;
}

/* Not of what mod_cache held before: it would take that for the client's condition, ask with it
   for the copy that it has by now, and be told that this has changed. */
static void restore_conditions(request_rec *r)
{
    const request_rec *first = r;

    while (first->prev)
        first = first->prev;
    for (size_t at = 0; at < CONDITIONAL_HEADERS; at++) {
        const char *value = apr_table_get(first->notes, conditional_headers[at].note);

        if (value)
            apr_table_setn(r->headers_in, conditional_headers[at].header, value);
        else
            apr_table_unset(r->headers_in, conditional_headers[at].header);
    }
}

/* mod_cache's filter that removes what it held unless this turns out to be good. A protocol
   filter, it would go on to the next request, and with its response remove the new copy. That
   request gets one of its own. */
static void leave_the_copy(request_rec *r)
{
    ap_filter_t *next;

    for (ap_filter_t *f = r->output_filters; f; f = next) {
        next = f->next;
        if (strcasecmp(f->frec->name, "CACHE_REMOVE_URL") == 0)
            ap_remove_output_filter(f);
    }
}

bool tc_coalesce_waited(const request_rec *r)
{
    return apr_table_get(r->notes, REQUESTED_AGAIN) != NULL;
}

/* The cache, before all else, gets to see it again. */
static int request_again(request_rec *r)
{
    restore_conditions(r);
    leave_the_copy(r);
    apr_table_setn(r->notes, REQUESTED_AGAIN,
                   apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, tc_coalesce_table_clock()));
    ap_internal_redirect(r->unparsed_uri, r);
    return OK;
}

static int follow(request_rec *r, tc_coalesce_table *table, uint64_t key)
{
    const tc_admission_limits *limits;
    tc_asker asker = tc_admit_asker(r, NULL, 0);
    tc_admission *admission = tc_config_admission(r->server, &limits);
    tc_counters *counters = tc_monitor_counters(r->server);
    tc_client_cancel client;
    uint64_t check_ms;
    tc_fail fail;
    int error;

    /* A worker each, as those have that wait for a place: all together no more of them. */
    if (!tc_admission_follow(admission, limits, &asker, &check_ms))
        return DECLINED;
    tc_client_cancel_begin(&client, r, &fail);
    tc_gauge(counters, TC_NOW_QUEUED, 1);
    error = tc_coalesce_table_wait(table, key, limits->wait_ms, check_ms, &client.cancel);
    tc_gauge(counters, TC_NOW_QUEUED, -1);
    tc_admission_unfollow(admission, &asker);
    if (error == ECANCELED)
        return tc_respond_error(r, &fail);
    return error ? DECLINED : request_again(r);
}

/* Most conditions cost no conversion: whether one does, the handler sees. */
bool tc_coalesce_is_conditional(const request_rec *r)
{
    for (size_t at = 0; at < CONDITIONS; at++) {
        if (apr_table_get(r->headers_in, conditional_headers[at].header))
            return true;
    }
    return false;
}

static int join(request_rec *r)
{
    tc_coalesce_table *table;
    uint64_t key, since;
    unsigned tries, slot;

    if (r->main || r->method_number != M_GET || r->header_only || !r->unparsed_uri)
        return DECLINED;
    since = looked_at(r, &tries);
    if (!tc_config_settings(r)->coalesce || tries >= TRIES)
        return DECLINED;
    table = tc_monitor_coalesce_table(r->server);
    key = key_of(r);
    switch (tc_coalesce_table_join(table, key, since, &slot)) {
    case TC_COALESCE_LEAD:
        return become_leader(r, table, key, slot);
    case TC_COALESCE_FOLLOW:
        return follow(r, table, key);
    case TC_COALESCE_DONE:
        return request_again(r);
    default:
        return DECLINED;
    }
}

int tc_coalesce_handler(request_rec *r)
{
    bool ours = (tc_url_call(r) && tc_url_may_be_picture(r)) ||
                (r->handler && strcmp(r->handler, TC_HANDLER) == 0);

    return ours && !tc_coalesce_is_conditional(r) ? join(r) : DECLINED;
}

int tc_coalesce_changed(request_rec *r)
{
    return tc_coalesce_is_conditional(r) ? join(r) : DECLINED;
}

apr_status_t tc_coalesce_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    for (apr_bucket *bucket = APR_BRIGADE_FIRST(bb); bucket != APR_BRIGADE_SENTINEL(bb);
         bucket = APR_BUCKET_NEXT(bucket)) {
        if (!APR_BUCKET_IS_EOS(bucket))
            continue;
        end_lead(f->ctx);
        ap_remove_output_filter(f);
        break;
    }
    return ap_pass_brigade(f->next, bb);
}
