/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colour management: from a picture's embedded profile (ICC.1) to sRGB, which is what
 * is assumed of a picture without one. The profile is untrusted: icc.h has what is let
 * through to Little CMS. Without that library no profile is read, and all are kept.
 */
#ifndef TC_COLOUR_H
#define TC_COLOUR_H

#include "base/error.h"
#include "image/core/image.h"

/* What is to become of an embedded profile. */
typedef enum tc_profile {
    TC_PROFILE_KEEP, /* goes into the output: nobody here can convert */
    TC_PROFILE_DROP, /* says nothing that is not assumed anyway, or nothing that makes sense */
    TC_PROFILE_CONVERT /* the rows are to be converted, then it is dropped */
} tc_profile;

typedef struct tc_transform tc_transform;

/*
 * Look at a profile of `length` bytes for rows of `model`: what is to become of it, into
 * *use. *transform is made for TC_PROFILE_CONVERT and NULL otherwise. TC_E_NO_MEMORY is
 * the one error.
 */
tc_error tc_transform_open(tc_transform **transform, const uint8_t *icc, size_t length,
                           tc_model model, tc_profile *use);

/* The model that rows of `model` are converted to: RGB from CMYK, else the same. */
tc_model tc_transform_model(tc_model model);

/* Convert `pixels` pixels; alpha is copied. */
void tc_transform_row(tc_transform *transform, const uint8_t *from, uint8_t *to,
                      uint32_t pixels);

/* Accepts NULL. */
void tc_transform_free(tc_transform *transform);

/*
 * Upper estimate of the bytes that tc_transform_open with the same arguments takes and needs
 * on the way; 0 for a profile that counts as none. Looks at the profile's structure alone.
 */
uint64_t tc_transform_bytes(const uint8_t *icc, size_t length, tc_model model);

/* The most bytes that the transform has held at once so far. */
uint64_t tc_transform_peak(const tc_transform *transform);

/* Name and version of the library; NULL without one. */
const char *tc_transform_library(void);

#endif
