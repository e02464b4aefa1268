/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that keeps the converters: forked once, and then the one from which all others
 * are forked, whatever configurations come and go. What httpd's parent reads after that, such
 * as private keys, is not in its memory nor in theirs.
 */
#ifndef TC_KEEPER_H
#define TC_KEEPER_H

#include "pool.h"

typedef struct tc_keeper {
    int control; /* where httpd's parent gives it pools; both end when that is closed */
    int log;     /* replaced by what comes with a pool; -1: none */
    const tc_pool_watch *watch;
} tc_keeper;

/* Both ends of a control socket, closed at exec. Returns 0, or errno. */
int tc_keeper_control(int *parent, int *keeper);

/*
 * To the keeper: have converters as `spec` says at the converters' end of a pool's socket, with
 * the areas of this file. That goes to one keeper only: the converters of two would have the
 * same ones. `areas` and `log`, the error log, may be -1. All descriptors stay the caller's.
 * Returns 0, or errno.
 */
int tc_keeper_give(int control, const tc_pool_spec *spec, int socket, int areas, int log);

/*
 * Keep pools; returns when the parent is gone, and all children are that any pool was for. For
 * a process of its own, which has one thread and no other descriptors of httpd's.
 */
void tc_keeper_run(const tc_keeper *keeper);

#endif
