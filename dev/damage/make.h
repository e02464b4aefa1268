/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged picture files, the same ones every time: for tests of what reads them. */
#ifndef DAMAGE_MAKE_H
#define DAMAGE_MAKE_H

#include <stddef.h>
#include <stdint.h>

typedef struct damage_file {
    const char *name;
    uint8_t *data;
    size_t size;
} damage_file;

/* Read all files of a folder, by name; *count of them. NULL with errno set. */
damage_file *damage_read(const char *folder, size_t *count);
void damage_free(damage_file *files, size_t count);

/*
 * The damaged file that has this seed and number: one of `files` with bits turned,
 * cut short, with a piece (a marker segment, a chunk, a box) lost, doubled, moved or
 * taken from another file, of whatever format; or several of these. `made` is its own
 * memory, freed by the caller; its name is the file's it was made of. A made->data of
 * NULL means that memory ran out.
 */
void damage_make(damage_file *made, const damage_file *files, size_t count, uint32_t seed,
                 uint32_t number);

#endif
