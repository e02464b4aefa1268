/* SPDX-License-Identifier: Apache-2.0 */
/* Where files are made: a private directory and its parts, or a directory in place. */
#ifndef CHURN_PLACE_H
#define CHURN_PLACE_H

#include "options.h"
#include "shared.h"

#include "temp/tempfile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct churn_place {
    char base[CHURN_PATH]; /* as given, without symbolic links */
    char path[CHURN_PATH + 64];
    char leaf[64]; /* "" in place */
    tc_temp_fs fs;
    int base_fd, fd;         /* fd == base_fd in place */
    unsigned workers, parts; /* parts: of each worker, 0 in place */
} churn_place;

/* Returns 0 or an errno value, then with nothing open or left. */
int churn_place_open(churn_place *place, const churn_options *options, const char *dir,
                     churn_undo *undo);

/* The directory of a worker's part, below place->fd. */
void churn_place_part(char *name, size_t size, unsigned worker, unsigned part);

/* Remove what is left of the private directory, unless `keep`. */
void churn_place_close(churn_place *place, bool keep, churn_undo *undo);

/* The file names of dead workers that are still there. Returns how many were removed. */
unsigned churn_place_strays(const churn_place *place, churn_shared *shared, int64_t since);

/* Remove everything in the directory `fd`, each name held by a descriptor over its removal. */
void churn_empty(int fd);

#endif
