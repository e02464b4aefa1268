/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the walk share: the file and its boxes (codec_avif_boxes.c), a meta box
 * (codec_avif_meta.c), a coded picture's units (codec_avif_units.c).
 *
 * A failure is noted once, in `fail`; from then on every function does nothing and returns
 * false or 0, so that a caller looks when it is about to loop or to trust a value.
 */
#ifndef TC_CODEC_AVIF_WALK_H
#define TC_CODEC_AVIF_WALK_H

#include "avif_boxes.h"

/* Bytes read at a time. */
#define TC_AVIF_WINDOW 4096

/* Bytes that tc_avif_peek can be asked for. */
#define TC_AVIF_PEEK_MAX 64

typedef struct tc_avif_walk {
    const tc_input *input;
    tc_fail *fail;
    /* Spent of the bounds that hold for the whole file. */
    uint32_t items, properties, associations, references, extents, boxes;
    uint32_t units, strange;
    uint32_t entries, descriptions; /* of sample tables */
    uint64_t window_at;
    size_t window_size;
    uint8_t window[TC_AVIF_WINDOW];
} tc_avif_walk;

/* What is left of a box's body. */
typedef struct tc_avif_cursor {
    tc_avif_walk *walk;
    uint64_t at, end;
} tc_avif_cursor;

typedef struct tc_avif_box {
    char type[4];
    tc_avif_cursor body;
} tc_avif_box;

/* Bytes of the file. */
typedef struct tc_avif_extent {
    uint64_t at, size;
} tc_avif_extent;

bool tc_avif_is_sound(const tc_avif_walk *walk);

/* Note that the file is damaged, and why; false. */
__attribute__((format(printf, 2, 3))) bool tc_avif_refuse(tc_avif_walk *walk,
                                                          const char *format, ...);

/* Note one more of what may be `most` times in a file. */
bool tc_avif_spend(tc_avif_walk *walk, uint32_t *spent, uint32_t most, const char *what);

/* Refuse a picture of a size that libavif does not take. */
bool tc_avif_size_is_sound(tc_avif_walk *walk, uint32_t width, uint32_t height);

/* Up to TC_AVIF_PEEK_MAX bytes of the file; NULL after a failure. Valid until the next call. */
const uint8_t *tc_avif_peek(tc_avif_walk *walk, uint64_t at, size_t length);

/* The next number, of 0, 1, 2, 4 or 8 bytes. */
uint64_t tc_avif_read_number(tc_avif_cursor *cursor, unsigned bytes);

/* Pass some bytes. */
bool tc_avif_skip(tc_avif_cursor *cursor, uint64_t bytes);

/* The next box of a body, which is then behind the cursor; false: there is none. */
bool tc_avif_next(tc_avif_cursor *cursor, tc_avif_box *box);

bool tc_avif_is(const tc_avif_box *box, const char *type);

/*
 * A meta box's body. `picture` is what its primary item takes, or NULL for a track's, whose
 * items are metadata only.
 */
void tc_avif_walk_meta(tc_avif_walk *walk, tc_avif_cursor body, tc_avif_picture *picture,
                       bool *exif_is_large);

/* A moov box's body. */
void tc_avif_walk_moov(tc_avif_walk *walk, tc_avif_cursor body, tc_avif_file *file);

/*
 * One coded picture of `pixels`, whose data are `count` extents: its units (AV1 specification,
 * 5.3) are walked, and the pixels of all its frames are added to `all`.
 */
void tc_avif_note_coded(tc_avif_walk *walk, uint64_t pixels, const tc_avif_extent *extent,
                        uint32_t count, tc_avif_picture *picture, uint64_t *all);

#endif
