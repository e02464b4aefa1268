/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colours that are told by code points (ITU-T H.273) and not by a profile, to sRGB: primaries
 * by the standards' matrices, transfer curves by their formulas, all in light.
 *
 * What displays show alike is taken for sRGB's curve, as browsers do: BT.709, BT.601, BT.2020
 * and SMPTE 240M. PQ and HLG reach to a display of 1,000 cd/m2. They are brought to one of
 * 203, which is the diffuse white of BT.2408, by the curve of BT.2390: up to about 90 cd/m2
 * nothing changes, and what is brighter is drawn together. Colours outside sRGB are clipped.
 */
#ifndef TC_CICP_H
#define TC_CICP_H

#include "base/error.h"
#include "image/core/image.h"

typedef struct tc_cicp_transform tc_cicp_transform;

/* Whether colours of these code points are sRGB's, or unknown, which is taken for the same. */
bool tc_cicp_is_srgb(tc_cicp colours);

/* Whether both are told, and what they say is known. */
bool tc_cicp_is_known(tc_cicp colours);

/* TC_E_NO_MEMORY is the one error. `model`: TC_GREY, TC_RGB and these with alpha. */
tc_error tc_cicp_open(tc_cicp_transform **transform, tc_cicp colours, tc_model model);

/* Convert `pixels` pixels; alpha is copied. `to` may be `from`. */
void tc_cicp_row(const tc_cicp_transform *transform, const uint8_t *from, uint8_t *to,
                 uint32_t pixels);

/* Accepts NULL. */
void tc_cicp_free(tc_cicp_transform *transform);

/* What a transform takes, in bytes. */
uint64_t tc_cicp_bytes(void);

#endif
