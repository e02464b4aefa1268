/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of converters, one for each configuration that some of httpd's children still have.
 * For the process that forks them, keeper.c's.
 */
#ifndef TC_POOL_H
#define TC_POOL_H

#include "lockdown.h"

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* Converters that one pool has at most. */
#define TC_POOL_MOST 256

/* How a converter ended. */
typedef enum tc_pool_end {
    TC_POOL_DONE,     /* in order, after its jobs or with the pool */
    TC_POOL_STOPPED,  /* by SIGKILL: httpd's, where a conversion was not wanted any more */
    TC_POOL_DIED,     /* by any other signal, or by itself */
    TC_POOL_NOT_BEGUN /* before it was ready */
} tc_pool_end;

/* Told in the process that forks them. */
typedef struct tc_pool_watch {
    void (*begun)(void *context, pid_t pid);
    /* `status` is waitpid's; `why` is in words, "" where there are none: from the converter,
       and so any printable text. */
    void (*ended)(void *context, pid_t pid, tc_pool_end how, int status, const char *why);
    void *context;
} tc_pool_watch;

typedef struct tc_pool_spec {
    unsigned converters; /* 1 to TC_POOL_MOST */
    unsigned locks;      /* TC_LOCK_* */
    bool keeps_stderr;   /* converters may write there */
    uint64_t most_bytes; /* of memory that a job may be planned to take; 0: no limit */
} tc_pool_spec;

typedef struct tc_pool tc_pool;

/* A pool without converters yet, with the converters' end of its socket
   (tc_message_pair), which is its own from now on, and areas of this file, the caller's; -1:
   none. NULL without memory. `watch` is borrowed. */
tc_pool *tc_pool_make(const tc_pool_spec *spec, int socket, int areas,
                      const tc_pool_watch *watch);

/* Fork what is missing. */
void tc_pool_fill(tc_pool *pool);

/* Whether `pid`, which waitpid gave with `status`, was one of its converters. */
bool tc_pool_take_ended(tc_pool *pool, pid_t pid, int status);

/* Milliseconds after which tc_pool_fill is to be tried again, 0: when one has ended. */
unsigned tc_pool_wait_ms(const tc_pool *pool);

/* Its socket: hung up when no child is left that has the other end. */
int tc_pool_fd(const tc_pool *pool);

/* Kill its converters, wait for them, and free it. */
void tc_pool_end_all(tc_pool *pool);

#endif
