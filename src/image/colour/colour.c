/* SPDX-License-Identifier: Apache-2.0 */
#include "colour.h"

#include <stddef.h>

tc_model tc_transform_model(tc_model model)
{
    return model == TC_CMYK ? TC_RGB : model;
}

#ifndef TC_WITH_LCMS

tc_error tc_transform_open(tc_transform **transform, const uint8_t *icc, size_t length,
                           tc_model model, tc_profile *use)
{
    (void)icc;
    (void)length;
    (void)model;
    *transform = NULL;
    *use = TC_PROFILE_KEEP;
    return TC_E_OK;
}

void tc_transform_row(tc_transform *transform, const uint8_t *from, uint8_t *to,
                      uint32_t pixels)
{
    (void)transform;
    (void)from;
    (void)to;
    (void)pixels;
}

void tc_transform_free(tc_transform *transform)
{
    (void)transform;
}

uint64_t tc_transform_bytes(const uint8_t *icc, size_t length, tc_model model)
{
    (void)icc;
    (void)length;
    (void)model;
    return 0;
}

uint64_t tc_transform_peak(const tc_transform *transform)
{
    (void)transform;
    return 0;
}

const char *tc_transform_library(void)
{
    return NULL;
}

#endif
