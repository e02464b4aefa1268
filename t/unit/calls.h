/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel as one that does not do some system calls: for the rest of a process. */
#ifndef TC_TEST_CALLS_H
#define TC_TEST_CALLS_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

#define CALLS_MOST 8

/* From here on `action` is what comes of these calls, at most CALLS_MOST. */
static bool answer_calls(const uint32_t *calls, size_t count, uint32_t action)
{
    struct sock_filter program[2 * CALLS_MOST + 2], *at = program;
    struct sock_fprog filter;

    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                         offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
        *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
    }
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter = (struct sock_fprog){(unsigned short)(at - program), program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

#endif
