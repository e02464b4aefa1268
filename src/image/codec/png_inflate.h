/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inflating the pixels of a PNG: by zlib, or by ISA-L where that is built in, in 40 to 60
 * percent of the time. Of a sound stream both give the same bytes. The window that the
 * header names is not looked at, nor is the checksum at the end: as browsers do.
 *
 * What is damaged is not the same to both. ISA-L inflates up to 64 KiB ahead of what it is
 * asked for, and what its output has when it finds damage is not to be used: the end of it
 * was never written. Therefore png_rows.c asks zlib about a stream that ISA-L does not like.
 * The other way round, ISA-L reads a block whose Huffman codes are incomplete, as long as
 * none of the missing codes occurs, and zlib refuses it. No encoder writes such blocks.
 */
#ifndef TC_PNG_INFLATE_H
#define TC_PNG_INFLATE_H

#include <stddef.h>
#include <stdint.h>

typedef enum tc_inflated {
    TC_INFLATED_FULL,    /* the output is full; what the stream has besides is not known */
    TC_INFLATED_HUNGRY,  /* the input is used up, and there is room in the output */
    TC_INFLATED_ENDED,   /* the stream and its checksum are over */
    TC_INFLATED_DAMAGED, /* and the output is worth nothing */
    TC_INFLATED_NO_MEMORY
} tc_inflated;

/* Where an inflater reads and writes: both move on. */
typedef struct tc_png_stream {
    const uint8_t *in;
    uint32_t in_left;
    uint8_t *out;
    uint32_t out_left;
    const char *why; /* of damage */
} tc_png_stream;

typedef struct tc_png_inflater {
    const char *name;
    /* The state of a stream, or NULL without memory. */
    void *(*open)(void);
    /*
     * Until the output is full, the input used up or the stream over. FULL may also mean that
     * it is over and the caller has not yet asked for more.
     */
    tc_inflated (*run)(void *state, tc_png_stream *stream);
    /* Accepts NULL. */
    void (*close)(void *state);
    /* As zlib's crc32(). */
    uint32_t (*crc32)(uint32_t crc, const uint8_t *bytes, size_t length);
} tc_png_inflater;

extern const tc_png_inflater tc_png_inflater_zlib;

/* NULL where it is not built in. */
const tc_png_inflater *tc_png_inflater_isal(void);

/* The fastest that is built in. */
const tc_png_inflater *tc_png_inflater_best(void);

#endif
