/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TC_LISTENERS_H
#define TC_LISTENERS_H

#include <stdint.h>

/*
 * Connections that the kernel has accepted and that wait in the listen queues of httpd's
 * sockets (Listen) until a process without threads takes them. 0 where threads do: a listener
 * thread takes them at once, whether a worker is free or not. Also 0 where the kernel does not
 * say (TCP_INFO of a listening socket is Linux's; tcp(7), tcp_diag.c of the kernel).
 */
uint32_t tc_listeners_pending(void);

#endif
