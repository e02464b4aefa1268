/* SPDX-License-Identifier: Apache-2.0 */
/* What the AVIF decoder (codec_avif.c) and encoder (codec_avif_encode.c) share. */
#ifndef TC_CODEC_AVIF_H
#define TC_CODEC_AVIF_H

#include "codec.h"

/* Set `fail` from an avifResult, and from errno, which is 0 before the call; `fallback` is what
 * a failure is that is not of memory or of a kind unsupported. What a callback has set before
 * stays. */
tc_error tc_avif_failed(tc_fail *fail, int result, tc_error fallback);

tc_error tc_avif_encode_open(tc_encoder **made, const tc_output *output,
                             const tc_encode_spec *spec, tc_fail *fail);
uint64_t tc_avif_encode_held(const tc_encode_spec *spec);
tc_error tc_avif_encode_rows(tc_encoder *encoder, const tc_strip *strip);
tc_error tc_avif_encode_finish(tc_encoder *encoder);
void tc_avif_encode_free(tc_encoder *encoder);

#endif
