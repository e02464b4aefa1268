/* SPDX-License-Identifier: Apache-2.0 */
#include "apart.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned tc_apart(int (*act)(void))
{
    const struct rlimit no_core = {0, 0};
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        _exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? act() : 0);
    }
    if (pid < 0)
        return 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return 0;
    }
    return WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 0;
}
