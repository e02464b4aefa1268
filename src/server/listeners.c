/* SPDX-License-Identifier: Apache-2.0 */
#include "listeners.h"

#include <ap_listen.h>
#include <ap_mpm.h>
#include <apr_portable.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#ifdef TCP_INFO
static uint32_t pending_of(const ap_listen_rec *listener)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    apr_os_sock_t fd;

    if (apr_os_sock_get(&fd, listener->sd) != APR_SUCCESS ||
        getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        info.tcpi_state != TCP_LISTEN)
        return 0;
    return info.tcpi_unacked; /* of a listening socket, the length of its queue */
}
#endif

uint32_t tc_listeners_pending(void)
{
    uint32_t pending = 0;
#ifdef TCP_INFO
    int threaded = AP_MPMQ_NOT_SUPPORTED;

    if (ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded) != APR_SUCCESS ||
        threaded != AP_MPMQ_NOT_SUPPORTED)
        return 0;
    for (const ap_listen_rec *at = ap_listeners; at; at = at->next)
        pending += at->sd ? pending_of(at) : 0;
#endif
    return pending;
}
