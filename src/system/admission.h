/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many conversions run at once, and with how much memory, over all processes
 * of the server; who comes when all is taken waits in a short queue, or is sent
 * away. In shared memory: what a killed process held comes back when its death is
 * seen. Waiting is a futex(2) on a word of it.
 */
#ifndef TC_ADMISSION_H
#define TC_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct tc_admission tc_admission;

/* What may be. 0: no bound. */
typedef struct tc_admission_limits {
    uint32_t active; /* conversions at once */
    uint32_t queue;  /* that may wait */
    uint32_t wait_ms;
    uint64_t bytes; /* of memory that all plans together may take */
} tc_admission_limits;

/* A place taken; all zero: none. Its owner gives it back, once. */
typedef struct tc_ticket {
    bool held;
    uint64_t bytes;
} tc_ticket;

size_t tc_admission_size(void);

/* Take shared `memory` of that size, aligned to 64, into use: empty unless it is in use
 * already. */
void tc_admission_adopt(tc_admission *memory);

/*
 * A place for a conversion that will take `bytes`. Returns 0 with the ticket, EAGAIN
 * when the queue is full, or ETIMEDOUT when the wait was in vain. One that alone is
 * over the bound of bytes is let in when nothing else runs. `admission` may be NULL:
 * then everybody is let in.
 */
int tc_admission_enter(tc_admission *admission, const tc_admission_limits *limits,
                       uint64_t bytes, tc_ticket *ticket);

/* Give the place back; harmless without one. */
void tc_admission_leave(tc_admission *admission, tc_ticket *ticket);

/* This process begins; `pid` is gone, and what it held is free. NULL is accepted. */
void tc_admission_begin(tc_admission *admission, pid_t pid);
void tc_admission_gone(tc_admission *admission, pid_t pid);

/* Running and waiting now. */
void tc_admission_now(const tc_admission *admission, uint32_t *active, uint32_t *queued);

#endif
