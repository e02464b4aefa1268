/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in memory that a tc_entropy_read gives in pieces. */
#ifndef TC_UNIT_PIECES_H
#define TC_UNIT_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct pieces {
    const uint8_t *at;
    size_t left, most;
} pieces;

static bool read_piece(void *context, uint8_t *to, size_t length, size_t *got)
{
    pieces *pieces = context;

    *got = length < pieces->left ? length : pieces->left;
    *got = *got < pieces->most ? *got : pieces->most;
    memcpy(to, pieces->at, *got);
    pieces->at += *got;
    pieces->left -= *got;
    return true;
}

#endif
