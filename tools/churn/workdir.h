/* SPDX-License-Identifier: Apache-2.0 */
/* Where files are made: a private directory and its parts, or a directory in place. */
#ifndef CHURN_WORKDIR_H
#define CHURN_WORKDIR_H

#include "options.h"
#include "shared.h"

#include "temp/tempfile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct churn_workdir {
    char base[CHURN_PATH]; /* as given, without symbolic links */
    char path[CHURN_PATH + 64];
    char leaf[64]; /* "" in place */
    tc_temp_fs fs;
    int base_fd, fd;         /* fd == base_fd in place */
    unsigned workers, parts; /* parts: of each worker, 0 in place */
} churn_workdir;

/* Returns 0 or an errno value, then with nothing open or left. */
int churn_workdir_open(churn_workdir *workdir, const churn_options *options, const char *dir,
                       churn_undo *undo);

/* The directory of a worker's part, below workdir->fd. */
void churn_workdir_part(char *name, size_t size, unsigned worker, unsigned part);

/* Remove what is left of the private directory, unless `keep`. */
void churn_workdir_close(churn_workdir *workdir, bool keep, churn_undo *undo);

/* The file names of dead workers that are still there. Returns how many were removed. */
unsigned churn_workdir_strays(const churn_workdir *workdir, churn_shared *shared,
                              int64_t since);

/* Remove everything in the directory `fd`, each name held by a descriptor over its removal. */
void churn_empty(int fd);

#endif
