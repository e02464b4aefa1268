/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The visible part of the source picture as rows, scaled and upright: the
 * decoder, the resampler and the orientation behind one pull.
 */
#ifndef TC_PICTURE_H
#define TC_PICTURE_H

#include "image/codec/codec.h"
#include "image/scale/geometry.h"

typedef struct tc_picture tc_picture;

/*
 * The pixels of the full picture that `plan`, which is not empty, shows: the visible
 * part and as much around it, within the source rectangle, as the filters reach to.
 */
tc_rect tc_picture_source(const tc_image_info *info, const tc_plan *plan);

/*
 * Begin decoding what `plan`, which is not empty, shows, as `want` says, whose `reduce` and
 * `source` do not count: they are the plan's. With `planes` the rows are TC_YCC of 4:2:0,
 * whatever the source's sampling. All arguments but `want` are borrowed until
 * tc_picture_free. After an error only that may be called.
 */
tc_error tc_picture_start(tc_picture **picture, const tc_codec *codec, tc_decoder *decoder,
                          const tc_image_info *info, const tc_plan *plan,
                          const tc_decode_want *want, tc_fail *fail);

/*
 * The next row, plan->picture_w pixels of info->model, or TC_CMYK; picture_h times. Of TC_YCC
 * every other time, from the first on, with a row of each of the smaller planes,
 * as tc_codec's encode_rows takes them. Good until the next call.
 */
tc_error tc_picture_rows(tc_picture *picture, tc_strip *strip);

/* The time spent on decoding so far, in nanoseconds; reading is part of it. */
uint64_t tc_picture_decode_ns(const tc_picture *picture);

/* Accepts NULL. The decoder is not freed. */
void tc_picture_free(tc_picture *picture);

#endif
