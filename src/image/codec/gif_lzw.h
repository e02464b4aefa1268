/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GIF's LZW (GIF89a, appendix F): codes to indexes, some at a time. In place of giflib's, which
 * clears a table of 4096 entries for each clear code, so that a megabyte of them takes a second
 * in one call, and which reads the data behind the last pixel as well.
 */
#ifndef TC_CODEC_GIF_LZW_H
#define TC_CODEC_GIF_LZW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TC_GIF_CODE_BITS 12
#define TC_GIF_CODES     (1 << TC_GIF_CODE_BITS)

typedef enum tc_gif_lzw_state {
    TC_GIF_LZW_FULL,  /* all the indexes asked for are there */
    TC_GIF_LZW_EMPTY, /* more data are needed */
    TC_GIF_LZW_ENDED, /* the end code came first */
    TC_GIF_LZW_WRONG  /* a code that no table has */
} tc_gif_lzw_state;

/* Zeroed but for `data` and `data_end` by tc_gif_lzw_open; the rest is its own. */
typedef struct tc_gif_lzw {
    const uint8_t *data, *data_end; /* what is to be read next; the caller's */
    uint32_t window;
    unsigned bits; /* in the window */
    unsigned size; /* bits of a code in the stream's first byte */
    unsigned width;
    unsigned next;     /* the code that is defined next */
    unsigned previous; /* the last code, or none after a clear code: TC_GIF_CODES */
    unsigned held;     /* indexes of a string that found no room yet, in `string`, last first */
    uint16_t prefix[TC_GIF_CODES];
    uint8_t suffix[TC_GIF_CODES], first[TC_GIF_CODES];
    uint8_t string[TC_GIF_CODES];
} tc_gif_lzw;

/* Begin; false for a `size` (of the data's first byte) that GIF does not have, over 8. */
bool tc_gif_lzw_open(tc_gif_lzw *lzw, unsigned size);

/*
 * Up to `length` indexes into `to`, and how many into `*done`: all with TC_GIF_LZW_FULL. With
 * TC_GIF_LZW_EMPTY the data are used up, and the caller sets others and goes on.
 */
tc_gif_lzw_state tc_gif_lzw_read(tc_gif_lzw *lzw, uint8_t *to, size_t length, size_t *done);

#endif
