/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The orientation a camera wrote: EXIF tag 0x0112 (CIPA DC-008), read from
 * untrusted bytes, and what it does to coordinates.
 */
#ifndef TC_ORIENTATION_H
#define TC_ORIENTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The orientation, 1..8, in a TIFF-structured EXIF block (starting at "II" or
 * "MM", after JPEG's "Exif\0\0"); 1 when there is none or it makes no sense.
 */
uint8_t tc_orientation_read(const uint8_t *data, size_t length);

/*
 * The orientation that turns a picture stored with `orientation` (1..8) upright and then
 * `angle` degrees clockwise (0, 90, 180, 270): one for both.
 */
uint8_t tc_orientation_rotate(uint8_t orientation, int angle);

/* Whether upright width is stored height: orientations 5 to 8. */
static inline bool tc_orientation_swaps(uint8_t orientation)
{
    return orientation >= 5;
}

/*
 * Orientation as three steps, applied to the stored picture in this order:
 * mirror left-right, flip top-bottom, transpose.
 */
static inline bool tc_orientation_mirrors(uint8_t orientation)
{
    return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}

static inline bool tc_orientation_flips(uint8_t orientation)
{
    return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

#endif
