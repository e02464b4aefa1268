/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much temporary data each client holds, over all processes of the server, so
 * that one that reads slowly cannot have all there is. In shared memory, and nothing
 * here blocks; what a killed process held comes back when its parent notices.
 *
 * There is no list of clients that could run full. A client is a number, and adds to
 * one counter in each of several rows, chosen by that number; what it holds is at
 * most what the least of its counters says. Two clients are taken for one only where
 * they meet in every row: among 200 that hold something at a time, 1 in 200 does, and
 * then they share one bound.
 */
#ifndef TC_HOLDERS_H
#define TC_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct tc_holders tc_holders;

size_t tc_holders_size(void);

/* Take shared `memory` of that size, aligned to 64, into use: all zero, or in use already.
 * False when it is another version's, or its counters are not the sums of what children of
 * this process hold; then nothing of it is changed. */
bool tc_holders_adopt(tc_holders *memory);

/*
 * Have `client` hold `bytes` more, counted in whole KiB: false, and nothing is counted,
 * when that would be more than `most`. What was taken is given back in whatever pieces
 * of whole KiB. `client` is to be hard to choose: see tc_holders_client. NULL has no
 * bound, here and below.
 */
bool tc_holders_acquire(tc_holders *holders, uint64_t client, uint64_t most, uint64_t bytes);
void tc_holders_release(tc_holders *holders, uint64_t client, uint64_t bytes);

/* What `client` holds, or a little more. */
uint64_t tc_holders_of(const tc_holders *holders, uint64_t client);

/* What any one client holds at most. */
uint64_t tc_holders_largest(const tc_holders *holders);

/*
 * The number of a client whose address is `key`. `secret` is the server's own and stays
 * the same as long as the memory is in use; without it nobody can tell which addresses
 * meet in all rows.
 */
uint64_t tc_holders_client(uint64_t secret, uint64_t key);

/* This process begins; `pid` is gone, and holds nothing any more. As in admission.h. */
void tc_holders_begin(tc_holders *holders, pid_t pid);
void tc_holders_gone(tc_holders *holders, pid_t pid);

#endif
