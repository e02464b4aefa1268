/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICC profiles (ICC.1:2022) from pictures: untrusted bytes, checked and copied before a
 * colour library parses any of them.
 *
 * A profile can be small and cost minutes: tables of 15 dimensions, chains of processing
 * elements, thousands of tags. So only what is needed to convert a picture's rows by the
 * relative colorimetric intent is taken, each tag's structure is checked against fixed
 * bounds, and the library is given a copy that has nothing else. What the bounds refuse
 * counts as no profile.
 */
#ifndef TC_ICC_H
#define TC_ICC_H

#include "image/core/image.h"

/*
 * Bounds, from profiles in use. The largest tables in print are 17^4 x 3 values (most
 * CMYK printing conditions) and 23^4 x 3 (ArgyllCMS at its finest); of RGB, 65^3 x 3.
 */
#define TC_ICC_TAGS_MAX  100        /* entries of the tag table; Little CMS' bound as well */
#define TC_ICC_VALUES    (1u << 20) /* of one lookup table */
#define TC_ICC_CURVE_MAX 32767      /* values of one curve; Little CMS' bound as well */

/* Tags of the copy: three colorants and three curves, or tables. */
#define TC_ICC_TAKEN 6

typedef struct tc_icc {
    const uint8_t *data; /* the profile, borrowed */
    size_t length;
    unsigned count;
    struct {
        uint32_t name;
        size_t from, length; /* in `data`; two tags may share their bytes */
        uint64_t tables;     /* bytes of its tables and curves when they are in memory */
    } tag[TC_ICC_TAKEN];
} tc_icc;

/*
 * Check a profile of `length` bytes for rows of `model`. False when it is damaged, of
 * another colour space, of a kind that does not describe pictures (device links, abstract
 * and named colours), has only multi-process elements, or is over a bound.
 * Takes time in proportion to the number of tags.
 */
bool tc_icc_read(tc_icc *icc, const uint8_t *data, size_t length, tc_model model);

/* Bytes of the copy: TC_ICC_MAX at most. */
size_t tc_icc_length(const tc_icc *icc);

/* Write the copy. */
void tc_icc_write(const tc_icc *icc, uint8_t *to);

/* Bytes that the copy's tables and curves take in memory, as 16-bit values. */
uint64_t tc_icc_tables(const tc_icc *icc);

/* The same of the largest tag; of a profile with curves for each channel, of all of them. */
uint64_t tc_icc_largest(const tc_icc *icc);

#endif
