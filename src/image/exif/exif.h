/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a picture's EXIF goes into an output (CIPA DC-008). Blocks are untrusted and
 * TIFF-structured, from "II" or "MM" on, without JPEG's "Exif\0\0".
 */
#ifndef TC_EXIF_H
#define TC_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* A JPEG's marker has room for no more. */
#define TC_EXIF_MAX 65527

/*
 * Make the block true of an output: its orientation is 1, and the thumbnail, which shows
 * the picture as it was before it was cropped, is taken out. Returns the length that is
 * left, 0 when the block makes no sense.
 */
size_t tc_exif_normalise(uint8_t *data, size_t length);

/* Room for what tc_exif_copyright makes. */
#define TC_COPYRIGHT_MAX 4200

/*
 * A block with nothing but what this one says of artist and copyright, into `to`. Returns
 * its length, 0 when neither is named; texts over 2 KiB are left out.
 */
size_t tc_exif_copyright(const uint8_t *data, size_t length, uint8_t to[TC_COPYRIGHT_MAX]);

#endif
