/* SPDX-License-Identifier: Apache-2.0 */
#include "dentry.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DENTRY_STATE "/proc/sys/fs/dentry-state"
#define OSRELEASE    "/proc/sys/kernel/osrelease"

/* The first version in which the fifth field is a count, and the fields always there. */
#define COUNTS_NEGATIVES 5
#define OLDEST_FIELDS    2

/* 0 when this kernel counts negative dentries, else the errno value to say so. */
static int uncounted(const char *root)
{
    char release[128];
    int error = tc_reading_file(root, OSRELEASE, release, sizeof(release));

    if (error)
        return error;
    if (!isdigit((unsigned char)release[0]))
        return EPROTO;
    return strtoul(release, NULL, 10) < COUNTS_NEGATIVES ? ENODATA : 0;
}

void tc_dentry_read(tc_dentry_state *state, const char *root)
{
    tc_reading *const fields[] = {&state->dentries,   &state->unused,   &state->age_limit,
                                  &state->want_pages, &state->negative, &state->dummy};
    char text[256];
    const char *at = text;
    int error = tc_reading_file(root, DENTRY_STATE, text, sizeof(text));

    if (!error && strlen(text) == sizeof(text) - 1)
        error = EPROTO; /* cut, and longer than any six numbers */
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers, and a pointer */
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        if (!error && at[strspn(at, " \t\n")] == '\0')
            error = i < OLDEST_FIELDS ? EPROTO : ENODATA;
        *fields[i] = error ? tc_reading_missing(error) : tc_reading_parse(at, &at);
        error = fields[i]->error;
    }
    /* A dummy is 0. Where an older kernel has more there, as RHEL's 4.18, it is the count. */
    if (!state->negative.error && state->negative.value == 0) {
        error = uncounted(root);
        if (error)
            state->negative = tc_reading_missing(error);
    }
}

void tc_dentry_sysctls_read(tc_dentry_sysctls *sysctls, const char *root)
{
#define X(field, path, title) sysctls->field = tc_reading_number(root, path);
    TC_DENTRY_SYSCTLS(X)
#undef X
}
