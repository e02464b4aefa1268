/* SPDX-License-Identifier: Apache-2.0 */
/* A file of a picture, opened: the way of sources and of icons. */
#ifndef TC_PICTURE_OPEN_H
#define TC_PICTURE_OPEN_H

#include "image/codec/codec.h"
#include "image/scale/geometry.h"

/*
 * Find the format by the file's first bytes and read its header. Fails with
 * TC_E_SOURCE_TOO_LARGE over limits->max_source, with what reading fails with,
 * TC_E_NOT_IMAGE, TC_E_NOT_BUILT, what `input->cancel` says, or what the codec finds. `*codec`
 * is set as soon as it is known; with it tc_codec's decode_free is due, whatever comes.
 */
tc_error tc_picture_open(const tc_codec **codec, tc_decoder **decoder, const tc_input *input,
                         const tc_limits *limits, tc_image_info *info, tc_fail *fail);

#endif
