/* SPDX-License-Identifier: Apache-2.0 */
/* For POLLRDHUP. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "fetch.h"

#include "request.h"
#include "respond.h"

#include "base/clock.h"

#include <http_core.h>

#include <apr_portable.h>
#include <apr_strings.h>

#include <poll.h>
#include <string.h>

/* Between two looks at what has no descriptor to wait for: the client of an HTTP/2 stream,
   which is told by a flag, and a bucket that does not say where its bytes come from. */
#define STREAM_LOOK_MS 100
#define BUCKET_LOOK_MS 20

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_US UINT64_C(1000)

void tc_fetch_begin(tc_fetch *fetch, request_rec *r, unsigned seconds, tc_fail *fail)
{
    *fetch = (tc_fetch){.r = r,
                        .fail = fail,
                        .seconds = seconds,
                        .ends_ns = seconds ? tc_clock_ns() + seconds * NS_PER_S : 0,
                        .active = true};
    tc_client_cancel_begin(&fetch->client, r, fail);
    fetch->part = apr_brigade_create(r->pool, r->connection->bucket_alloc);
}

static bool is_late(const tc_fetch *fetch)
{
    return fetch->ends_ns && tc_clock_ns() >= fetch->ends_ns;
}

tc_error tc_fetch_check(tc_fetch *fetch)
{
    /* Once ended it stays so: the client is not looked at each time. */
    if (fetch->ended)
        return fetch->ended;
    if (is_late(fetch))
        return fetch->ended = tc_fail_set(fetch->fail, TC_E_FETCH_TIMEOUT,
                                          "the original did not arrive within the %u seconds "
                                          "of TmpfsConvertFetchTimeout",
                                          fetch->seconds);
    return fetch->ended = tc_cancel_check(&fetch->client.cancel, fetch->fail);
}

/* Waits until `fd`, or -1, can be read, `look_ms` are over, or a check is due. */
static void wait_for(tc_fetch *fetch, int fd, int look_ms)
{
    struct pollfd at[] = {{fd, POLLIN, 0}, {fetch->client.socket, POLLRDHUP, 0}};
    uint64_t now = tc_clock_ns();

    if (fetch->ends_ns) {
        uint64_t left = fetch->ends_ns > now ? (fetch->ends_ns - now) / 1000000 + 1 : 0;

        if (left < (uint64_t)look_ms)
            look_ms = (int)left;
    }
    /* poll(2) passes over descriptors below 0. */
    if (poll(at, 2, look_ms) > 0 && at[1].revents)
        fetch->client.look_ns = 0; /* the next check looks */
}

/* Whether nothing has come since `since` for longer than `timeout`; below 0: no bound. */
static bool is_silent(uint64_t since, apr_interval_time_t timeout)
{
    return timeout >= 0 && tc_clock_ns() - since >= (uint64_t)timeout * NS_PER_US;
}

/* ---- output: what the handler passes on ------------------------------------------- */

/* Where the bytes of a bucket of unknown length come from. */
typedef struct program_supply {
    int fd; /* -1: not known */
    apr_interval_time_t timeout;
} program_supply;

static program_supply supply_of(const request_rec *r, const apr_bucket *bucket)
{
    program_supply supply = {-1, r->server->timeout};
    apr_os_file_t file;
    apr_os_sock_t socket;

    if (APR_BUCKET_IS_PIPE(bucket)) {
        if (apr_os_file_get(&file, bucket->data) == APR_SUCCESS)
            supply.fd = file;
        apr_file_pipe_timeout_get(bucket->data, &supply.timeout);
    } else if (APR_BUCKET_IS_SOCKET(bucket)) {
        if (apr_os_sock_get(&socket, bucket->data) == APR_SUCCESS)
            supply.fd = socket;
        apr_socket_timeout_get(bucket->data, &supply.timeout);
    }
    return supply;
}

/* Have `bucket`, of unknown length, read what there is: then it is in memory, and what is
   still to come is a bucket of its own behind it. */
static apr_status_t read_some(tc_fetch *fetch, apr_bucket *bucket)
{
    program_supply from = supply_of(fetch->r, bucket);
    uint64_t since = tc_clock_ns();
    int look_ms = from.fd >= 0 ? STREAM_LOOK_MS : 1;

    for (;;) {
        const char *data;
        apr_size_t length;
        apr_status_t status = apr_bucket_read(bucket, &data, &length, APR_NONBLOCK_READ);

        if (!APR_STATUS_IS_EAGAIN(status))
            return status;
        if (tc_fetch_check(fetch))
            return APR_ECONNABORTED;
        if (is_silent(since, from.timeout))
            return APR_TIMEUP;
        wait_for(fetch, from.fd, look_ms);
        if (look_ms < BUCKET_LOOK_MS)
            look_ms *= 2;
    }
}

/* The next of `bb` into `part`: all that is there, or one piece of what is still to come. */
static apr_status_t next_part(tc_fetch *fetch, apr_bucket_brigade *bb, apr_bucket_brigade *part)
{
    apr_status_t status = APR_SUCCESS;

    while (!APR_BRIGADE_EMPTY(bb)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(bb);
        bool is_to_come = bucket->length == (apr_size_t)-1 && !APR_BUCKET_IS_METADATA(bucket);

        if (is_to_come && !APR_BRIGADE_EMPTY(part))
            break;
        if (is_to_come)
            status = read_some(fetch, bucket);
        if (status != APR_SUCCESS)
            break;
        APR_BUCKET_REMOVE(bucket);
        APR_BRIGADE_INSERT_TAIL(part, bucket);
        if (is_to_come)
            break;
    }
    return status;
}

static apr_status_t give_up(tc_fetch *fetch, apr_bucket_brigade *bb)
{
    apr_brigade_cleanup(bb);
    return fetch->give_up(fetch->owner);
}

/* One part to the next filter. A filter before the owner's that fails, such as INFLATE, passes
   nothing more on: the owner would never see an end. */
static apr_status_t pass_part(ap_filter_t *f, apr_bucket_brigade *bb)
{
    tc_fetch *fetch = f->ctx;
    apr_status_t status;

    if (tc_fetch_check(fetch))
        return give_up(fetch, bb);
    status = next_part(fetch, bb, fetch->part);
    if (status != APR_SUCCESS) {
        if (!fetch->ended)
            tc_fail_set(fetch->fail, TC_E_UPSTREAM,
                        "the original could not be read to its end");
        return give_up(fetch, bb);
    }
    status = ap_pass_brigade(f->next, fetch->part);
    apr_brigade_cleanup(fetch->part);
    if (status == APR_SUCCESS || !fetch->active)
        return status;
    tc_fail_set(
        fetch->fail, TC_E_UPSTREAM,
        "the original could not be decompressed, or a filter before the conversion failed");
    return give_up(fetch, bb);
}

apr_status_t tc_fetch_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    tc_fetch *fetch = f->ctx;
    const tc_request *request = tc_request_find(f->r);
    apr_status_t status = APR_SUCCESS;

    /* What our own handler answers was not fetched, however long it took. */
    if (request && request->in_place)
        fetch->active = false;
    while (status == APR_SUCCESS && fetch->active && !APR_BRIGADE_EMPTY(bb))
        status = pass_part(f, bb);
    if (status != APR_SUCCESS || fetch->active)
        return status;
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

/* ---- input: what mod_proxy_http waits for ------------------------------------------ */

/* For one response of the source's server. */
typedef struct proxy_intake {
    tc_fetch *fetch;
    bool begun;        /* something of the response has been read */
    const char *ended; /* what is still to be read in place of it; NULL: the response is read */
} proxy_intake;

static tc_fetch *fetch_of(const request_rec *r)
{
    for (const ap_filter_t *f = r->output_filters; f; f = f->next) {
        if (f->frec->filter_func.out_func == tc_fetch_filter)
            return f->ctx;
    }
    return NULL;
}

int tc_fetch_create(request_rec *r, request_rec *response)
{
    tc_fetch *fetch = fetch_of(r);
    proxy_intake *intake;

    if (!fetch || !fetch->active)
        return OK;
    intake = apr_pcalloc(response->pool, sizeof *intake);
    intake->fetch = fetch;
    ap_add_input_filter(TC_FETCH_INPUT, intake, response, response->connection);
    ap_add_input_filter(TC_FETCH_END, fetch, response, response->connection);
    return OK;
}

/*
 * mod_proxy logs an error before the response begins as one of the source's server, even
 * when it is the client that left. So it is given a response to read, which closes the
 * connection; the client does not see it.
 */
static const char *ended_response(const tc_fetch *fetch)
{
    return fetch->ended == TC_E_CLIENT_GONE
               ? "HTTP/1.1 499 Client Closed Request\r\nConnection: close\r\n\r\n"
               : "HTTP/1.1 504 Gateway Timeout\r\nConnection: close\r\n\r\n";
}

/* A line at a time; httpd first looks at one byte, to see whether a header line is continued.
 */
static apr_status_t read_ended(proxy_intake *intake, apr_bucket_brigade *bb,
                               ap_input_mode_t mode)
{
    const char *end = strchr(intake->ended, '\n');
    apr_size_t length = mode == AP_MODE_SPECULATIVE ? 1 : end ? end + 1 - intake->ended : 0;

    if (!end || (mode != AP_MODE_GETLINE && mode != AP_MODE_SPECULATIVE))
        return APR_EOF;
    APR_BRIGADE_INSERT_TAIL(
        bb, apr_bucket_immortal_create(intake->ended, length, bb->bucket_alloc));
    if (mode == AP_MODE_GETLINE)
        intake->ended += length;
    return APR_SUCCESS;
}

static bool is_nothing(apr_status_t status, const apr_bucket_brigade *bb)
{
    return APR_STATUS_IS_EAGAIN(status) || (status == APR_SUCCESS && APR_BRIGADE_EMPTY(bb));
}

apr_status_t tc_fetch_input(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode,
                            apr_read_type_e block, apr_off_t length)
{
    proxy_intake *intake = f->ctx;
    tc_fetch *fetch = intake->fetch;
    apr_socket_t *socket = ap_get_conn_socket(f->c);
    apr_interval_time_t timeout = -1;
    uint64_t since = tc_clock_ns();
    apr_os_sock_t fd;

    if (intake->ended)
        return read_ended(intake, bb, mode);
    if (block == APR_NONBLOCK_READ || !fetch->active || !socket ||
        apr_os_sock_get(&fd, socket) != APR_SUCCESS)
        return ap_get_brigade(f->next, bb, mode, block, length);
    apr_socket_timeout_get(socket, &timeout);
    /* The client is looked at only when there is nothing to read: an end in the middle of a
       header is logged as an error of the source's server. */
    while (!is_late(fetch)) {
        apr_status_t status = ap_get_brigade(f->next, bb, mode, APR_NONBLOCK_READ, length);

        if (!is_nothing(status, bb)) {
            intake->begun = true;
            return status;
        }
        if (tc_fetch_check(fetch))
            break;
        if (is_silent(since, timeout))
            return APR_TIMEUP;
        wait_for(fetch, fd, STREAM_LOOK_MS);
    }
    tc_fetch_check(fetch);
    if (intake->begun)
        return APR_TIMEUP;
    intake->ended = ended_response(fetch);
    return read_ended(intake, bb, mode);
}

apr_status_t tc_fetch_end(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode,
                          apr_read_type_e block, apr_off_t length)
{
    const tc_fetch *fetch = f->ctx;
    apr_status_t status = ap_get_brigade(f->next, bb, mode, block, length);

    return status != APR_SUCCESS && fetch->active && fetch->ended ? APR_EOF : status;
}

int tc_fetch_status(int *status, request_rec *r)
{
    tc_fetch *fetch = fetch_of(r);

    if (fetch && fetch->active && fetch->ended && *status >= HTTP_BAD_REQUEST) {
        fetch->active = false;
        *status = tc_respond_error(r, fetch->fail);
    }
    return OK;
}
