/* SPDX-License-Identifier: Apache-2.0 */
/* What the JPEG decoder (codec_jpeg.c) and encoder (codec_jpeg_encode.c) share. */
#ifndef TC_CODEC_JPEG_H
#define TC_CODEC_JPEG_H

#include "codec.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

/* libjpeg's error manager with where to go and where to say why. */
typedef struct tc_jpeg_errors {
    struct jpeg_error_mgr manager; /* first, so that libjpeg's pointer is ours */
    jmp_buf jump;
    tc_fail *fail;
    tc_error fallback; /* what a failure is that is neither memory nor a kind unsupported */
} tc_jpeg_errors;

/* Set up `errors` and return the manager for cinfo.err. */
struct jpeg_error_mgr *tc_jpeg_errors_init(tc_jpeg_errors *errors, tc_fail *fail,
                                           tc_error fallback);

tc_error tc_jpeg_encode_open(tc_encoder **made, const tc_output *output,
                             const tc_encode_spec *spec, tc_fail *fail);
tc_error tc_jpeg_encode_rows(tc_encoder *encoder, const tc_band *band);
tc_error tc_jpeg_encode_finish(tc_encoder *encoder);
void tc_jpeg_encode_free(tc_encoder *encoder);

#endif
