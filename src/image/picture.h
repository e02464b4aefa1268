/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The visible part of the source picture as rows, scaled and upright: the
 * decoder, the resampler and the turn behind one pull.
 */
#ifndef TC_PICTURE_H
#define TC_PICTURE_H

#include "codec.h"
#include "geometry.h"

typedef struct tc_picture tc_picture;

/*
 * Begin decoding what `plan`, which is not empty, shows. All arguments are borrowed
 * until tc_picture_free; `watch` may be NULL. After an error only that may be called.
 */
tc_error tc_picture_start(tc_picture **picture, const tc_codec *codec, tc_decoder *decoder,
                          const tc_image_info *info, const tc_plan *plan, const tc_watch *watch,
                          tc_fail *fail);

/* The next row, plan->picture_w pixels of info->model, good until the next call; picture_h
 * times. */
tc_error tc_picture_row(tc_picture *picture, const uint8_t **row);

/* The time spent so far, in nanoseconds; reading is part of decoding. */
void tc_picture_times(const tc_picture *picture, uint64_t *decode_ns, uint64_t *resample_ns);

/* Accepts NULL. The decoder is not freed. */
void tc_picture_free(tc_picture *picture);

#endif
