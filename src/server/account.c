/* SPDX-License-Identifier: Apache-2.0 */
#include "account.h"

#include "cache.h"
#include "config.h"
#include "handler.h"
#include "monitor.h"
#include "coalesce.h"
#include "url.h"

#include "base/clock.h"

#include <apr_strings.h>

/* What a LogFormat can name: docs/operations.md. */
#define NOTE(name) ("tmpfs-convert-" name)

typedef struct sending_time {
    tc_counters *counters;
    uint64_t from_ns, before_ns;
} sending_time;

static apr_status_t sent(void *data)
{
    const sending_time *sending = data;
    uint64_t took = tc_clock_ns() - sending->from_ns;

    tc_stage_took(sending->counters, TC_STAGE_SEND, took);
    tc_stage_took(sending->counters, TC_STAGE_TOTAL, sending->before_ns + took);
    return APR_SUCCESS;
}

static uint64_t less(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

static void note_number(request_rec *r, const char *name, uint64_t number)
{
    apr_table_setn(r->notes, name, apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, number));
}

/* For the access log: where the time went, and what became of what. */
static void note_conversion(request_rec *r, const tc_account *account, uint64_t work_ns)
{
    const tc_summary *summary = account->summary;

    note_number(r, NOTE("queue-us"), account->queue_ns / 1000);
    note_number(r, NOTE("read-us"), account->read_ns / 1000);
    note_number(r, NOTE("decode-us"), work_ns / 1000);
    note_number(r, NOTE("encode-us"), account->stats->encode_ns / 1000);
    apr_table_setn(r->notes, NOTE("source"), tc_format_name(summary->format));
    note_number(r, NOTE("source-pixels"), (uint64_t)summary->width * summary->height);
    note_number(r, NOTE("source-bytes"), account->source_bytes);
    apr_table_setn(r->notes, NOTE("result"), tc_format_name(summary->target->format));
    note_number(r, NOTE("result-bytes"), account->result_bytes);
    if (*account->pattern)
        apr_table_setn(r->notes, NOTE("pattern"), apr_pstrdup(r->pool, account->pattern));
    apr_table_setn(r->notes, NOTE("how"), "converted");
}

void tc_account_id(request_rec *r, const char *id)
{
    apr_table_setn(r->notes, NOTE("id"), id);
}

void tc_account_conversion(request_rec *r, const tc_account *account)
{
    tc_counters *counters = tc_monitor_counters(r->server);
    const tc_summary *summary = account->summary;
    const tc_stats *stats = account->stats;
    uint64_t work = less(stats->decode_ns + stats->resample_ns, account->read_run_ns);
    sending_time *sending;

    note_conversion(r, account, work);
    if (!counters)
        return;
    tc_count(counters,
             TC_AT_CONVERSIONS + summary->format * TC_FORMATS + summary->target->format, 1);
    tc_count(counters, TC_AT_PATTERNS + tc_config_pattern_number(r->server, account->pattern),
             1);
    tc_count(counters, TC_AT_SOURCE_BYTES, account->source_bytes);
    tc_count(counters, TC_AT_SOURCE_PIXELS, (uint64_t)summary->width * summary->height);
    tc_count(counters, TC_AT_RESULT_BYTES, account->result_bytes);
    tc_stage_took(counters, TC_STAGE_QUEUE, account->queue_ns);
    tc_stage_took(counters, TC_STAGE_READ, account->read_ns);
    tc_stage_took(counters, TC_STAGE_DECODE, work);
    tc_stage_took(counters, TC_STAGE_ENCODE, stats->encode_ns);
    sending = apr_palloc(r->pool, sizeof *sending);
    sending->counters = counters;
    sending->from_ns = tc_clock_ns();
    sending->before_ns = account->queue_ns + account->read_ns + work + stats->encode_ns;
    apr_pool_cleanup_register(r->pool, sending, sent, apr_pool_cleanup_null);
}

void tc_account_error(const request_rec *r, tc_error error)
{
    if (error < TC_E_COUNT)
        tc_count(tc_monitor_counters(r->server), TC_AT_ERRORS + error, 1);
}

/* Whether this module answers the request, or one that it was redirected to or from. */
static bool is_ours(const request_rec *r)
{
    for (; r; r = r->next) {
        if (tc_url_call(r) || (r->handler && strcmp(r->handler, TC_HANDLER) == 0))
            return true;
    }
    return false;
}

/* Taken from mod_cache, after another's conversion or without; the notes are where the log
   looks, at the last of the requests. */
static void note_cached(const request_rec *first, request_rec *last)
{
    bool again = false;

    if (!apr_table_get(last->subprocess_env, "cache-hit"))
        return;
    for (const request_rec *r = first; r; r = r->next)
        again = again || tc_coalesce_waited(r);
    apr_table_setn(last->notes, NOTE("how"), again ? "coalesced" : "cached");
}

int tc_account_transaction(request_rec *r)
{
    request_rec *last = r;
    unsigned class;

    for (request_rec *at = r; at; at = at->next)
        tc_cache_keyed(at);
    if (!is_ours(r))
        return DECLINED;
    while (last->next)
        last = last->next;
    note_cached(r, last);
    class = (unsigned)last->status / 100;
    if (class < TC_STATUSES)
        tc_count(tc_monitor_counters(r->server), TC_AT_REQUESTS + class, 1);
    return DECLINED;
}
