/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls of a converter. Three answers: calls that decoding and the way to httpd
 * need go through; calls that only an attacker makes end the process; every other one fails
 * with ENOSYS, as on a kernel without it. So a library that tries something unusual, such as
 * /etc/localtime, has the answer that it is prepared for, and does not cost a request.
 */
#ifndef TC_SECCOMP_H
#define TC_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether kernel and container allow filters, and there is a table for this processor. */
bool tc_seccomp_known(void);

/*
 * The filter for the process `self`, into `program` with room for TC_SECCOMP_MOST
 * instructions. Returns its length; 0 without a table for this processor.
 */
#define TC_SECCOMP_MOST 512
size_t tc_seccomp_program(struct sock_filter *program, pid_t self);

/* Lock this process, which has no_new_privs and one thread. Returns 0, or errno. */
int tc_seccomp_apply(void);

#endif
