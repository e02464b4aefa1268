/* SPDX-License-Identifier: Apache-2.0 */
/* What may end a process is tried by another one. */
#ifndef TC_APART_H
#define TC_APART_H

/*
 * What `act` returns, of 1 to 255, in a process of its own without new privileges. 0 when it
 * does not come to that: the filter of a container or of a service (systemd's SystemCallFilter)
 * may end a process for a system call.
 */
unsigned tc_apart(int (*act)(void));

#endif
