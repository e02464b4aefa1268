/* SPDX-License-Identifier: Apache-2.0 */
/* Where httpd's children take converters from. */
#ifndef TC_EXCHANGE_H
#define TC_EXCHANGE_H

#include "areas.h"
#include "own.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct tc_exchange {
    int offers;     /* the children's end of the pool's socket; -1: there are no converters */
    int idle;       /* where children take those that another child has had, ... */
    int give;       /* ... and leave them: both only children have */
    tc_own *own;    /* ... and those that this process keeps; NULL: none */
    tc_areas areas; /* where results come back */
    /* No converter can change how its sockets block, as seccomp keeps it from that: a child
       then waits in one system call in place of two. */
    bool steady;
    bool binds; /* converters may be bound to a processor */
    uid_t user; /* whose the converters are: a process that another module has forked may have
                   the sockets too */
} tc_exchange;

#endif
