/* SPDX-License-Identifier: Apache-2.0 */
/* Without ISA-L all is left to libpng and zlib. */
#include "png_deflate.h"

#ifndef TC_WITH_ISAL

bool tc_png_deflate_takes(const tc_encode_spec *spec)
{
    (void)spec;
    return false;
}

uint64_t tc_png_deflate_bytes(const tc_encode_spec *spec)
{
    (void)spec;
    return 0;
}

tc_png_deflate *tc_png_deflate_open(const tc_encode_spec *spec)
{
    (void)spec;
    return NULL;
}

void tc_png_deflate_put(tc_png_deflate *deflate, const uint8_t *row)
{
    (void)deflate;
    (void)row;
}

const uint8_t *tc_png_deflate_take(tc_png_deflate *deflate, size_t *length)
{
    (void)deflate;
    *length = 0;
    return NULL;
}

void tc_png_deflate_free(tc_png_deflate *deflate)
{
    (void)deflate;
}

void tc_png_deflate_library(char *text, size_t size)
{
    if (size > 0)
        *text = '\0';
}

#endif
