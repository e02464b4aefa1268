/* SPDX-License-Identifier: Apache-2.0 */
#include "account.h"

#include "cache.h"
#include "config.h"
#include "handler.h"
#include "monitor.h"
#include "url.h"

#include "image/clock.h"

typedef struct sending {
    tc_counters *counters;
    uint64_t from_ns, before_ns;
} sending;

static apr_status_t sent(void *data)
{
    const sending *sending = data;
    uint64_t took = tc_clock_ns() - sending->from_ns;

    tc_stage_took(sending->counters, TC_STAGE_SEND, took);
    tc_stage_took(sending->counters, TC_STAGE_TOTAL, sending->before_ns + took);
    return APR_SUCCESS;
}

static uint64_t less(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

void tc_account_conversion(request_rec *r, const tc_account *account)
{
    tc_counters *counters = tc_monitor_counters(r->server);
    const tc_outline *outline = account->outline;
    const tc_stats *stats = account->stats;
    uint64_t work = less(stats->decode_ns + stats->resample_ns, account->read_run_ns);
    sending *sending;

    if (!counters)
        return;
    tc_count(counters,
             TC_AT_CONVERSIONS + outline->info.format * TC_FORMATS + outline->target->format,
             1);
    tc_count(counters, TC_AT_PATTERNS + tc_config_pattern_number(r->server, account->pattern),
             1);
    tc_count(counters, TC_AT_SOURCE_BYTES, account->source_bytes);
    tc_count(counters, TC_AT_SOURCE_PIXELS,
             (uint64_t)outline->info.width * outline->info.height);
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

int tc_account_transaction(request_rec *r)
{
    const request_rec *last = r;
    unsigned class;

    for (request_rec *at = r; at; at = at->next)
        tc_cache_keyed(at);
    if (!is_ours(r))
        return DECLINED;
    while (last->next)
        last = last->next;
    class = (unsigned)last->status / 100;
    if (class < TC_STATUSES)
        tc_count(tc_monitor_counters(r->server), TC_AT_REQUESTS + class, 1);
    return DECLINED;
}
