/* SPDX-License-Identifier: Apache-2.0 */
#include "gif_lzw.h"

#include <string.h>

#define NONE          TC_GIF_CODES
#define CODE_SIZE_MAX 8

static void clear(tc_gif_lzw *lzw)
{
    lzw->width = lzw->size + 1;
    lzw->next = (1u << lzw->size) + 2;
    lzw->previous = NONE;
}

bool tc_gif_lzw_open(tc_gif_lzw *lzw, unsigned size)
{
    memset(lzw, 0, sizeof *lzw);
    if (size > CODE_SIZE_MAX)
        return false;
    lzw->size = size;
    for (unsigned code = 0; code < 1u << size; code++)
        lzw->first[code] = lzw->suffix[code] = (uint8_t)code;
    clear(lzw);
    return true;
}

/* The next code, the lowest bit first; false when the data do not have all of it. */
static bool next_code(tc_gif_lzw *lzw, unsigned *code)
{
    while (lzw->bits < lzw->width) {
        if (lzw->data == lzw->data_end)
            return false;
        lzw->window |= (uint32_t)*lzw->data++ << lzw->bits;
        lzw->bits += 8;
    }
    *code = lzw->window & ((1u << lzw->width) - 1);
    lzw->window >>= lzw->width;
    lzw->bits -= lzw->width;
    return true;
}

/* A string is the one before and the first index of this one. */
static void define(tc_gif_lzw *lzw, uint8_t index)
{
    if (lzw->next == TC_GIF_CODES)
        return;
    lzw->prefix[lzw->next] = (uint16_t)lzw->previous;
    lzw->first[lzw->next] = lzw->first[lzw->previous];
    lzw->suffix[lzw->next] = index;
    lzw->next++;
    if (lzw->next >= 1u << lzw->width && lzw->width < TC_GIF_CODE_BITS)
        lzw->width++;
}

/* The indexes of `code` into `string`, the last one first. */
static void spell(tc_gif_lzw *lzw, unsigned code)
{
    unsigned literals = 1u << lzw->size;

    for (; code >= literals; code = lzw->prefix[code])
        lzw->string[lzw->held++] = lzw->suffix[code];
    lzw->string[lzw->held++] = (uint8_t)code;
}

/* One code that is neither clear nor end. False when there is no such string. */
static bool use(tc_gif_lzw *lzw, unsigned code)
{
    bool literal = code < 1u << lzw->size;

    if (lzw->previous == NONE) {
        if (!literal)
            return false;
    } else if (code < lzw->next) {
        define(lzw, lzw->first[code]);
    } else if (code == lzw->next && code < TC_GIF_CODES) {
        define(lzw, lzw->first[lzw->previous]);
    } else {
        return false;
    }
    lzw->previous = code;
    spell(lzw, code);
    return true;
}

tc_gif_lzw_state tc_gif_lzw_read(tc_gif_lzw *lzw, uint8_t *to, size_t length, size_t *done)
{
    unsigned clear_code = 1u << lzw->size, code;

    for (*done = 0; *done < length;) {
        if (lzw->held > 0) {
            to[(*done)++] = lzw->string[--lzw->held];
            continue;
        }
        if (!next_code(lzw, &code))
            return TC_GIF_LZW_EMPTY;
        if (code == clear_code)
            clear(lzw);
        else if (code == clear_code + 1)
            return TC_GIF_LZW_ENDED;
        else if (!use(lzw, code))
            return TC_GIF_LZW_WRONG;
    }
    return TC_GIF_LZW_FULL;
}
