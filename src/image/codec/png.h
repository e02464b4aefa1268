/* SPDX-License-Identifier: Apache-2.0 */
/* What the PNG decoder (codec_png.c) and encoder (codec_png_encode.c) share. */
#ifndef TC_CODEC_PNG_H
#define TC_CODEC_PNG_H

#include "codec.h"

#include <png.h>

/* Note why, unless one of our callbacks has already, and leave libpng by its longjmp. */
_Noreturn void tc_png_give_up(png_structp png, png_const_charp message, tc_error fallback);

/* libpng's warnings, for either side: only a want of memory is noted. */
void tc_png_warned(png_structp png, png_const_charp message);

tc_error tc_png_encode_open(tc_encoder **made, const tc_output *output,
                            const tc_encode_spec *spec, tc_fail *fail);
tc_error tc_png_encode_rows(tc_encoder *encoder, const tc_strip *strip);
tc_error tc_png_encode_finish(tc_encoder *encoder);
void tc_png_encode_free(tc_encoder *encoder);
uint64_t tc_png_encode_held(const tc_encode_spec *spec);
void tc_png_library(char *text, size_t size);

#endif
