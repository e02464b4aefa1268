/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which responses are being made, over all processes, so that requests for the same
 * one can wait for it and then take it from the cache. In shared memory; a conversion
 * whose leader was killed ends when its death is seen. A key has a few slots to
 * choose from; where others have all of them, work is done twice, and nothing else.
 */
#ifndef TC_COALESCE_TABLE_H
#define TC_COALESCE_TABLE_H

#include "base/cancel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct tc_coalesce_table tc_coalesce_table;

typedef enum tc_coalesce_role {
    TC_COALESCE_ALONE,  /* nobody is to wait for this one */
    TC_COALESCE_LEAD,   /* it is the caller's to make, and to end */
    TC_COALESCE_FOLLOW, /* somebody is at it */
    TC_COALESCE_DONE    /* somebody has been, since the caller looked for the response */
} tc_coalesce_role;

size_t tc_coalesce_table_size(void);

/*
 * Take shared `memory` of that size, aligned to 64, into use: new, all zero, or in use
 * already; then conversions whose leader is not a child of this process are ended. False when
 * it is neither: take new memory instead. For the parent only.
 */
bool tc_coalesce_table_adopt(tc_coalesce_table *memory);

/* Milliseconds of the clock that conversions are timed by. */
uint64_t tc_coalesce_table_clock(void);

/* Join the conversion of `key`, the caller having looked for the response no earlier than
   `since`. `table` may be NULL: then everybody is alone. `slot` is the leader's. */
tc_coalesce_role tc_coalesce_table_join(tc_coalesce_table *table, uint64_t key, uint64_t since,
                                        unsigned *slot);

/*
 * Wait for the conversion of `key` to end. Returns 0, ETIMEDOUT after `wait_ms`, or
 * ECANCELED when `cancel` (may be NULL), checked about every `check_ms`, ended it.
 */
int tc_coalesce_table_wait(tc_coalesce_table *table, uint64_t key, unsigned wait_ms,
                           uint64_t check_ms, const tc_cancel *cancel);

/* The leader's: the response is where others find it, or there is none. */
void tc_coalesce_table_end(tc_coalesce_table *table, uint64_t key, unsigned slot);

/* The process `pid` is dead; NULL is accepted. */
void tc_coalesce_table_gone(tc_coalesce_table *table, pid_t pid);

#endif
