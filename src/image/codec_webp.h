/* SPDX-License-Identifier: Apache-2.0 */
/* What the WebP decoder (codec_webp.c) and encoder (codec_webp_encode.c) share. */
#ifndef TC_CODEC_WEBP_H
#define TC_CODEC_WEBP_H

#include "codec.h"

/* The container's: RIFF and WEBP, and each chunk's name and length. */
#define TC_WEBP_HEAD  12
#define TC_WEBP_CHUNK 8

/* The extended header's flags and payload. */
#define TC_WEBP_HAS_ICC   0x20
#define TC_WEBP_HAS_EXIF  0x08
#define TC_WEBP_HAS_ALPHA 0x10
#define TC_WEBP_VP8X      10

tc_error tc_webp_encode_open(tc_encoder **made, const tc_output *output,
                             const tc_encode_spec *spec, tc_fail *fail);
tc_error tc_webp_encode_rows(tc_encoder *encoder, const tc_band *band);
tc_error tc_webp_encode_finish(tc_encoder *encoder);
void tc_webp_encode_free(tc_encoder *encoder);

#endif
