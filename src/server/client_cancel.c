/* SPDX-License-Identifier: Apache-2.0 */
/* For POLLRDHUP. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "client_cancel.h"

#include "config.h"

#include "base/clock.h"

#include <http_core.h>

#include <apr_portable.h>
#include <apr_strings.h>

#include <poll.h>
#include <string.h>

/* Between two looks at the socket: a system call, against thousands of rows. */
#define LOOK_NS UINT64_C(50000000)

/*
 * HTTP/2 has no socket of a request's own; mod_http2 marks the request's
 * connection when the stream is reset.
 */
static int socket_of(const conn_rec *connection)
{
    apr_socket_t *socket;
    apr_os_sock_t fd;

    if (connection->master)
        return -1;
    socket = ap_get_conn_socket((conn_rec *)connection);
    return socket && apr_os_sock_get(&fd, socket) == APR_SUCCESS ? fd : -1;
}

bool tc_client_is_aborted(const conn_rec *connection)
{
    return connection->aborted || (connection->master && connection->master->aborted);
}

/*
 * A client that closed its side will not read the response: one that half-closes on
 * purpose cannot be told from one that left, and leaving is what happens. Unlike a
 * peek, this sees the end behind unread bytes, such as TLS's farewell.
 */
static bool is_gone(const tc_client_cancel *client)
{
    struct pollfd look = {client->socket, POLLRDHUP, 0};

    if (tc_client_is_aborted(client->connection))
        return true;
    return client->socket >= 0 && poll(&look, 1, 0) == 1 &&
           (look.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static tc_error late(const tc_client_cancel *client)
{
    return tc_fail_set(client->fail, TC_E_TIMEOUT,
                       "not finished within the %u seconds of TmpfsConvertTimeout",
                       client->seconds);
}

static tc_error check(void *context)
{
    tc_client_cancel *client = context;
    uint64_t now = tc_clock_tick_ns();

    if (client->ends_ns && now >= client->ends_ns)
        return late(client);
    if (now < client->look_ns)
        return TC_E_OK;
    client->look_ns = now + LOOK_NS;
    if (is_gone(client))
        return tc_fail_set(client->fail, TC_E_CLIENT_GONE, "%s",
                           tc_error_text(TC_E_CLIENT_GONE));
    return TC_E_OK;
}

static tc_error afford(void *context, uint64_t ns)
{
    const tc_client_cancel *client = context;

    return client->ends_ns && tc_clock_ns() + ns > client->ends_ns ? late(client) : TC_E_OK;
}

/* What IPv6 addresses that stand for one of IPv4 begin with (RFC 4291, 2.5.5.2). */
static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

uint64_t tc_client_key(const request_rec *r)
{
    const apr_sockaddr_t *from = r->useragent_addr;
    const unsigned char *at = from ? from->ipaddr_ptr : NULL;
    int length = from ? from->ipaddr_len : 0;
    uint64_t key = 0;

    if (at && length == 16 && memcmp(at, mapped, sizeof mapped) == 0) {
        at += sizeof mapped;
        length -= (int)sizeof mapped;
    }
    /* Of IPv6 the first half; IPv4's four bytes are not such a half (::/32 is nobody's). */
    for (int byte = 0; at && byte < length && byte < 8; byte++)
        key = key << 8 | at[byte];
    return key ? key : 1;
}

const tc_temp_config *tc_client_temp(const request_rec *r)
{
    const tc_temp_config *all = tc_config_temp(r->server);
    tc_temp_config *own;

    if (!all->holders)
        return all;
    own = apr_pmemdup(r->pool, all, sizeof *all);
    own->client = tc_holders_client(tc_config_secret(r->server), tc_client_key(r));
    own->client_name = r->useragent_ip;
    return own;
}

void tc_client_cancel_begin(tc_client_cancel *client, const request_rec *r, tc_fail *fail)
{
    *client = (tc_client_cancel){.cancel = {check, client, afford},
                                 .fail = fail,
                                 .connection = r->connection,
                                 .socket = socket_of(r->connection),
                                 .look_ns = tc_clock_ns() + LOOK_NS};
}

void tc_client_cancel_limit(tc_client_cancel *client, unsigned seconds)
{
    client->seconds = seconds;
    client->ends_ns = seconds ? tc_clock_ns() + seconds * UINT64_C(1000000000) : 0;
}
