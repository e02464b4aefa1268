/* SPDX-License-Identifier: Apache-2.0 */
/* How many processors this process may use: of those that the machine has, the ones that its
   affinity leaves it (taskset, cpuset), and of these what its cgroup's quota pays for (docker
   --cpus, CPUQuota=). */
#ifndef TC_PROCESSORS_H
#define TC_PROCESSORS_H

/* At least 1. `root` stands for "/" in what is read of the cgroup. */
unsigned tc_processors(const char *root);

/* The quota alone, in whole processors, rounded up: the least of the cgroup's and its
   ancestors'; 0 where there is none, or where it cannot be read. */
unsigned tc_processors_quota(const char *root);

#endif
