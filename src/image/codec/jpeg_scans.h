/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scans of a progressive JPEG that a decoder at 1/8 can do without.
 *
 * At that scale each block of a component that libjpeg does not scale up becomes
 * one sample, which is its DC coefficient alone (ITU-T T.81, annexes G and A.3);
 * the scans of its other coefficients, most of the file, change nothing. A parser
 * of markers walks the file once and notes where such scans lie; reading then
 * jumps over them. It knows neither libjpeg nor any table of the file.
 */
#ifndef TC_CODEC_JPEG_SCANS_H
#define TC_CODEC_JPEG_SCANS_H

#include "codec.h"

#define TC_JPEG_COMPONENTS 4

/*
 * Encoders write about ten progressive scans. Each scan costs a pass over all
 * coefficients, so a file of a few KiB could otherwise ask for hours of work.
 */
#define TC_JPEG_SCANS_MAX 200

/* The frame's components as its header names them. */
typedef struct tc_jpeg_frame {
    unsigned components;
    struct {
        uint8_t id;
        bool dc_only; /* the decoder will use no other coefficients of it */
    } component[TC_JPEG_COMPONENTS];
} tc_jpeg_frame;

/* Ranges of the file's bytes that are skipped, ascending; all zeros is "nothing". */
typedef struct tc_jpeg_scans {
    unsigned count, next;
    struct {
        uint64_t from, to;
    } skip[TC_JPEG_SCANS_MAX];
} tc_jpeg_scans;

/*
 * Find the ranges: `offset` is where the first scan's header begins, `buffer` of
 * TC_IO_BYTES is scratch. False, and nothing to be skipped, when the walk meets
 * anything but a whole file whose scans follow one another as they should: one
 * that ends without its end marker, more than TC_JPEG_SCANS_MAX scans, a scan out
 * of order or of an unknown component, a marker that has no place there, a read
 * that fails. Such a file is then decoded in full and is as damaged as it ever
 * was. What lies in a skipped scan is not looked at.
 */
bool tc_jpeg_scans_find(tc_jpeg_scans *scans, const tc_input *input, uint64_t offset,
                        const tc_jpeg_frame *frame, uint8_t *buffer);

/* How many of `most` bytes may be read at `*offset`, which is moved past what is skipped. */
size_t tc_jpeg_scans_step(tc_jpeg_scans *scans, uint64_t *offset, size_t most);

#endif
