/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of a test's own, and what is in them. */
#ifndef DIRS_H
#define DIRS_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names in `dir`, or open descriptors when it is /proc/self/fd; -1 when it cannot be read. */
__attribute__((unused)) static int entries(const char *dir)
{
    DIR *open_dir = opendir(dir);
    struct dirent *entry;
    int count = 0;

    if (!open_dir)
        return -1;
    while ((entry = readdir(open_dir)))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(open_dir);
    return count;
}

/* A new directory in `base`, which must have one; its path in `made`. */
static void private_dir(char *made, size_t size, const char *base)
{
    snprintf(made, size, "%s/tc-test-XXXXXX", base);
    if (!mkdtemp(made)) {
        printf("Bail out! no directory in %s: %s\n", base, strerror(errno));
        exit(1);
    }
}

#endif
