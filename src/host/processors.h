/* SPDX-License-Identifier: Apache-2.0 */
/* How many processors this process may use: of those that the machine has, the ones that its
   affinity leaves it (taskset, cpuset), and of these what its cgroup's quota pays for (docker
   --cpus, CPUQuota=). */
#ifndef TC_PROCESSORS_H
#define TC_PROCESSORS_H

#include <stdbool.h>

/* At least 1. `root` stands for "/" in what is read of the cgroup. */
unsigned tc_processors(const char *root);

/* The quota alone, in whole processors, rounded up: the least of the cgroup's and its
   ancestors'; 0 where there is none, or where it cannot be read. */
unsigned tc_processors_quota(const char *root);

/* Whether a processor's translations of addresses outlive a change of process: with PCID on
   x86-64, as `root`'s /proc/cpuinfo tells, which a hypervisor or nopcid may hide, or the
   processor itself where that cannot be read; always on
   aarch64. Without it each change makes all of them be looked up again. */
bool tc_processors_keep_translations(const char *root);

#endif
