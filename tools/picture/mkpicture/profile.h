/* SPDX-License-Identifier: Apache-2.0 */
/* ICC profiles, made by Little CMS. */
#ifndef MKPICTURE_PROFILE_H
#define MKPICTURE_PROFILE_H

#include <stddef.h>
#include <stdint.h>

/*
 * An ICC profile: "srgb", "p3" (Display P3), "gamma1" (grey, light itself), or "swapped"
 * (CMYK whose first ink is magenta and whose second is cyan). The caller frees it. NULL for
 * another name, or without Little CMS.
 */
uint8_t *mkpicture_profile(const char *name, size_t *length);

#endif
