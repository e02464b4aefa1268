/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where libjpeg keeps the coefficients of a file with several scans. It asks its
 * memory manager for "virtual arrays" of blocks, one a component, and sees a few
 * rows of them at a time; here these arrays are ours.
 *
 * Of a component of which nothing but DC is decoded two bytes a block are kept in
 * place of 128, behind a window of whole blocks: 0.4 MB of luma for 12 megapixels,
 * not 24. All of it is one piece got from the system in huge pages where there are
 * such: clearing 4 KiB at a time takes longer than decoding what goes there.
 */
#ifndef TC_CODEC_JPEG_BLOCKS_H
#define TC_CODEC_JPEG_BLOCKS_H

#include "jpeg_scans.h"

#include <stdio.h>

#include <jpeglib.h>

typedef struct tc_jpeg_block_array {
    JDIMENSION wide, high;  /* blocks; 0: not asked for */
    JDIMENSION most;        /* rows seen at once, at most */
    JBLOCKROW *row;         /* those seen now */
    JBLOCK *blocks;         /* all blocks; of a DC array a window of `most` rows, AC all zero */
    JCOEF *dc;              /* NULL, or the DC array's wide * high values ... */
    JDIMENSION first, rows; /* ... of which these rows are in the window ... */
    boolean written;        /* ... and may have been changed there */
} tc_jpeg_block_array;

/* All zeros until it is put in. */
typedef struct tc_jpeg_blocks {
    const tc_jpeg_frame *frame;
    unsigned requested; /* components that an array was asked for, in the frame's order */
    tc_jpeg_block_array array[TC_JPEG_COMPONENTS];
    void *map; /* from the system, or NULL */
    size_t map_bytes;
} tc_jpeg_blocks;

/*
 * Take the arrays over, before jpeg_start_decompress; those of the frame's `dc_only`
 * components, of which libjpeg must then see no other scans, hold DC alone.
 * `frame` is borrowed until tc_jpeg_blocks_free; `blocks` is what tc_jpeg_blocks_of
 * finds, and is in use until cinfo is destroyed.
 */
void tc_jpeg_blocks_put_in(tc_jpeg_blocks *blocks, j_decompress_ptr cinfo,
                           const tc_jpeg_frame *frame);

/* The decoder's; of codec_jpeg_decode.c, which knows where they are. */
tc_jpeg_blocks *tc_jpeg_blocks_of(j_common_ptr cinfo);

/* Harmless a second time, and when nothing was put in. */
void tc_jpeg_blocks_free(tc_jpeg_blocks *blocks);

#endif
