/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small ICC profiles for pictures that say by other means how their samples are meant: the
 * colours of the primaries, and a power for the curve.
 */
#ifndef TC_ICC_MAKE_H
#define TC_ICC_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The x and y of CIE 1931. */
typedef struct tc_primaries {
    double red[2], green[2], blue[2], white[2];
} tc_primaries;

/* Of sRGB (IEC 61966-2-1). */
extern const tc_primaries tc_primaries_srgb;

/* Whether two sets differ by less than anybody sees. */
bool tc_primaries_are_near(const tc_primaries *a, const tc_primaries *b);

#define TC_ICC_MADE_MAX 512

/*
 * Write the profile of a display with these primaries whose light is its level to the power of
 * `gamma`; its length, or 0 when the primaries do not make a space. With `grey`, where they do
 * not count, one of grey.
 */
size_t tc_icc_make(uint8_t to[TC_ICC_MADE_MAX], const tc_primaries *primaries, double gamma,
                   bool grey);

#endif
