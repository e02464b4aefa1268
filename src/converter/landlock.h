/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock (Linux 5.13): no path, no TCP port, no signal and no abstract socket outside. */
#ifndef TC_LANDLOCK_H
#define TC_LANDLOCK_H

/* The version of the kernel's ABI; 0 without Landlock, or where it is off. */
unsigned tc_landlock_abi(void);

/* Lock this thread, which has no_new_privs, as far as version `abi` can. Returns 0, or errno.
 */
int tc_landlock_apply(unsigned abi);

#endif
