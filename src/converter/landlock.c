/* SPDX-License-Identifier: Apache-2.0 */
#include "landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The kernel's interface (Documentation/userspace-api/landlock.rst). Not from linux/landlock.h:
 * the headers of a build are often older than the kernel that it runs on.
 */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self  446
#endif

#define CREATE_RULESET_VERSION 1u

struct ruleset {
    uint64_t fs;     /* kinds of access to files that need a rule */
    uint64_t net;    /* the same for ports */
    uint64_t scoped; /* what stays among the processes of the domain */
};

/* What each version added: bits of the three words. A version not known here gives no more
   than the last one that is. */
static const struct {
    unsigned abi;
    struct ruleset all;
} versions[] = {
    {1, {(1u << 13) - 1, 0, 0}}, /* execute, read, write, list, remove and make each kind */
    {2, {(1u << 14) - 1, 0, 0}}, /* link and rename between directories */
    {3, {(1u << 15) - 1, 0, 0}}, /* truncate */
    {4, {(1u << 15) - 1, 3, 0}}, /* bind and connect TCP */
    {5, {(1u << 16) - 1, 3, 0}}, /* ioctl of devices */
    {6, {(1u << 16) - 1, 3, 3}}, /* abstract UNIX sockets, signals */
};

unsigned tc_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_RULESET_VERSION);

    return abi > 0 ? (unsigned)abi : 0;
}

int tc_landlock_apply(unsigned abi)
{
    struct ruleset ruleset = {0, 0, 0};
    long fd;
    int error = 0;

    for (unsigned i = 0; i < sizeof(versions) / sizeof(*versions) && versions[i].abi <= abi;
         i++)
        ruleset = versions[i].all;
    /* An older kernel accepts the longer struct as long as what it does not know is 0. */
    fd = syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0u);
    if (fd < 0)
        return errno;
    if (syscall(SYS_landlock_restrict_self, (int)fd, 0u) != 0)
        error = errno;
    close((int)fd);
    return error;
}
