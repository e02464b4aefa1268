/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is read at any place, by a descriptor that is not moved. */
#ifndef TC_FILE_H
#define TC_FILE_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes from `offset` on of the file's first `size` into `buffer`: *got are fewer than `length`
 * where it ends before. No more than `size` is asked for, since a read at the end is a call
 * too. TC_E_READ, and *got bytes, when it cannot be read. A signal does not end it.
 */
tc_error tc_file_read(int fd, uint64_t size, uint64_t offset, void *buffer, size_t length,
                      size_t *got);

#endif
