/* SPDX-License-Identifier: Apache-2.0 */
#include "admit.h"

#include "client_cancel.h"
#include "config.h"
#include "listeners.h"
#include "monitor.h"

#include "base/clock.h"

#include <apr_strings.h>

#include <errno.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

/* For reading a header: the libraries' state, profiles, and the lists of a container. */
#define HEADER_BYTES (4 * TC_MIB)

/* A small budget does not reduce how many headers are read at once. */
static uint64_t header_bytes(const tc_admission_limits *limits)
{
    uint64_t each = limits->active ? limits->bytes / limits->active : HEADER_BYTES;

    if (limits->bytes == 0 || each > HEADER_BYTES)
        each = HEADER_BYTES;
    return limits->bytes && each > limits->bytes ? limits->bytes : each;
}

/* As people write it, into `text`, which has room for five bytes. */
static const char *size_text(uint64_t bytes, char *text)
{
    char *end;

    apr_strfsize((apr_off_t)bytes, text);
    end = text + strlen(text);
    if (end[-1] == ' ') /* in place of a K or M */
        end[-1] = '\0';
    return text + strspn(text, " ");
}

static tc_error too_large(const tc_admission_limits *limits, uint64_t bytes, tc_fail *fail)
{
    char planned[5], budget[5];

    return tc_fail_set(fail, TC_E_OUTPUT_TOO_LARGE,
                       "the conversion needs %s of memory, over TmpfsConvertMemoryBudget (%s)",
                       size_text(bytes, planned), size_text(limits->bytes, budget));
}

static tc_error refuse(int error, tc_fail *fail)
{
    if (error == EAGAIN)
        return tc_fail_set(fail, TC_E_OVERLOAD, "queue full");
    return tc_fail_set(fail, TC_E_OVERLOAD, "no slot became free in time");
}

/* FNV-1a. */
static unsigned kind_of(const char *canonical, uint64_t bytes)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (const char *at = canonical; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    for (; bytes; bytes >>= 1)
        hash = (hash ^ 1) * UINT64_C(1099511628211);
    return (unsigned)(hash >> 32) % TC_KINDS;
}

/* Streams of HTTP/2 run on threads of mod_http2's own. */
tc_asker tc_admit_asker(const request_rec *r, const char *canonical, uint64_t bytes)
{
    bool worker = !r->connection->master;

    return (tc_asker){.client = tc_client_key(r),
                      .kind = canonical ? kind_of(canonical, bytes) : 0,
                      .worker = worker,
                      .pending = worker ? tc_listeners_pending() : 0};
}

tc_error tc_admit_room(request_rec *r, const tc_asker *asker, tc_fail *fail)
{
    const tc_admission_limits *limits;
    tc_admission *admission = tc_config_admission(r->server, &limits);

    return tc_admission_full(admission, limits, asker) ? refuse(EAGAIN, fail) : TC_E_OK;
}

tc_admit_figures tc_admit_now(const server_rec *server)
{
    const tc_admission_limits *limits;
    tc_admission_now now;
    tc_admit_figures figures;

    tc_admission_read(tc_config_admission(server, &limits), &now);
    figures.active = now.active;
    figures.queued = now.queued + now.following;
    size_text(now.bytes, figures.planned);
    return figures;
}

unsigned tc_admit_retry(const server_rec *server)
{
    const tc_admission_limits *limits;
    tc_admission_now now;

    tc_admission_read(tc_config_admission(server, &limits), &now);
    return tc_policy_retry(now.ahead_us, limits->active);
}

static apr_status_t leave(void *data)
{
    tc_slot *slot = data;

    slot->taken = false;
    tc_gauge(slot->counters, TC_NOW_IN_PROGRESS, -1);
    tc_admission_leave(slot->admission, &slot->ticket);
    return APR_SUCCESS;
}

void tc_admit_leave(request_rec *r, tc_slot *slot)
{
    if (slot->taken)
        apr_pool_cleanup_run(r->pool, slot, leave);
}

/* Waits as long as the client does. */
static tc_error enter(request_rec *r, tc_slot *slot, const tc_admission_limits *limits,
                      uint64_t bytes, const tc_cancel *cancel, tc_fail *fail)
{
    uint64_t came = tc_clock_ns();
    int error;

    tc_gauge(slot->counters, TC_NOW_QUEUED, 1);
    error =
        tc_admission_enter(slot->admission, limits, &slot->asker, bytes, cancel, &slot->ticket);
    tc_gauge(slot->counters, TC_NOW_QUEUED, -1);
    slot->waited_ns += tc_clock_ns() - came;
    /* Its turn stays when it has to wait again. */
    slot->asker.start = slot->ticket.start;
    if (error == ECANCELED)
        return fail->error; /* `cancel`'s */
    if (error == E2BIG)
        return too_large(limits, bytes, fail);
    if (error)
        return refuse(error, fail);
    slot->taken = true;
    slot->held = bytes;
    tc_gauge(slot->counters, TC_NOW_IN_PROGRESS, 1);
    apr_pool_cleanup_register(r->pool, slot, leave, apr_pool_cleanup_null);
    return TC_E_OK;
}

tc_error tc_admit_enter(request_rec *r, tc_slot *slot, const tc_asker *asker,
                        const tc_cancel *cancel, tc_fail *fail)
{
    const tc_admission_limits *limits;

    slot->admission = tc_config_admission(r->server, &limits);
    slot->counters = tc_monitor_counters(r->server);
    slot->asker = *asker;
    slot->waited_ns = 0;
    return enter(r, slot, limits, header_bytes(limits), cancel, fail);
}

tc_error tc_admit_weigh(request_rec *r, tc_slot *slot, uint64_t bytes, bool *fits,
                        tc_fail *fail)
{
    const tc_admission_limits *limits;
    int error;

    tc_config_admission(r->server, &limits);
    error = tc_admission_weigh(slot->admission, limits, bytes, &slot->ticket);
    *fits = error == 0;
    if (*fits)
        slot->held = bytes;
    return error == E2BIG ? too_large(limits, bytes, fail) : TC_E_OK;
}

tc_error tc_admit_again(request_rec *r, tc_slot *slot, uint64_t bytes, const tc_cancel *cancel,
                        tc_fail *fail)
{
    const tc_admission_limits *given;
    tc_admission_limits limits;
    uint64_t waited = slot->waited_ns / NS_PER_MS;

    tc_config_admission(r->server, &given);
    limits = *given;
    limits.wait_ms = waited < limits.wait_ms ? limits.wait_ms - (uint32_t)waited : 0;
    return enter(r, slot, &limits, bytes, cancel, fail);
}
