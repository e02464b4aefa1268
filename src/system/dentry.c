/* SPDX-License-Identifier: Apache-2.0 */
#include "dentry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define DENTRY_STATE "/proc/sys/fs/dentry-state"

/* The fifth field is there in older kernels, as a zero that means nothing. */
static bool kernel_counts_negatives(void)
{
    struct utsname name;

    return uname(&name) == 0 && atoi(name.release) >= 5;
}

void tc_dentry_read(tc_dentry_state *state, const char *path)
{
    char text[128];
    int fd = open(path ? path : DENTRY_STATE, O_RDONLY | O_CLOEXEC), fields;
    ssize_t length;

    memset(state, 0, sizeof *state);
    if (fd < 0) {
        state->error = errno;
        return;
    }
    do
        length = read(fd, text, sizeof text - 1);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        state->error = errno;
    close(fd);
    if (length < 0)
        return;
    text[length] = '\0';
    fields = sscanf(text, "%" SCNu64 " %" SCNu64 " %*d %*d %" SCNu64, &state->dentries,
                    &state->unused, &state->negative);
    if (fields < 2)
        state->error = EPROTO;
    state->has_negative = fields == 3 && kernel_counts_negatives();
}
