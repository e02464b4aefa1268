/* SPDX-License-Identifier: Apache-2.0 */
/* What decoding, resampling and turning a picture will take of a processor;
   image/pipeline/cost.h adds the rest of a conversion. */
#ifndef TC_DECODE_COST_H
#define TC_DECODE_COST_H

#include "image/scale/geometry.h"

/* Nanoseconds for what `plan` shows. `bytes`: of the encoded picture. */
uint64_t tc_cost_picture_ns(const tc_image_info *info, const tc_plan *plan, uint64_t bytes);

#endif
