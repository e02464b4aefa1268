/* SPDX-License-Identifier: Apache-2.0 */
/* What a process has from the one that forked it: descriptors, and memory that others share.
   For a process whose working directory is /proc. */
#ifndef TC_INHERITED_H
#define TC_INHERITED_H

#include "lockdown.h"

/*
 * Close all descriptors but `keep`, which is in any order and may name closed ones; of 0, 1
 * and 2 those not in `keep` become copies of `null`. Returns 0, or errno.
 */
int tc_inherited_close(const int *keep, size_t count, int null);

/*
 * Give back all mappings that are shared and writable, except those that `keep` lies in. Those
 * that can only be read stay: they show files, and glibc has some of its own. Returns 0, or
 * errno.
 */
int tc_inherited_unmap(const tc_lockdown_region *keep, size_t count);

#endif
