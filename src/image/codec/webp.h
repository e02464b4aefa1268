/* SPDX-License-Identifier: Apache-2.0 */
/* What the WebP decoder (codec_webp.c, codec_webp_container.c) and encoder share. */
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

/*
 * What a file holds, as far as it matters here. Zeroed before use; `icc` and `exif` are
 * the owner's to free.
 */
typedef struct tc_webp_file {
    uint32_t width, height; /* of the canvas */
    tc_rect frame;          /* the picture's place on it, within it */
    bool composed;          /* the frame does not cover the canvas */
    uint64_t from;          /* of the picture's chunks: ALPH and VP8, or VP8L */
    uint64_t picture;       /* of the chunk with the colours; 0 until it is found */
    size_t length;          /* of the chunks from `from` on */
    size_t head; /* of these, the bytes before the data of a lossless picture's pixels */
    uint64_t alpha_from; /* of the ALPH chunk's payload */
    size_t alpha_length;
    uint64_t held; /* bytes that libwebp holds in addition to pixels */
    bool alpha, lossless;
    uint8_t orientation;
    uint8_t *icc;
    size_t icc_length;
    uint8_t *exif;
    size_t exif_skip, exif_length; /* what precedes the block; what it has */
} tc_webp_file;

/* Find the first picture of a file, and what belongs to it. */
tc_error tc_webp_read(tc_webp_file *file, const tc_input *input, tc_fail *fail);

/* Read all of `length` bytes; fewer are a damaged file. */
tc_error tc_webp_read_bytes(const tc_input *input, uint64_t at, void *to, size_t length,
                            tc_fail *fail);

tc_error tc_webp_encode_open(tc_encoder **made, const tc_output *output,
                             const tc_encode_spec *spec, tc_fail *fail);
uint64_t tc_webp_encode_held(const tc_encode_spec *spec);
tc_error tc_webp_encode_rows(tc_encoder *encoder, const tc_strip *strip);
tc_error tc_webp_encode_finish(tc_encoder *encoder);
void tc_webp_encode_free(tc_encoder *encoder);

#endif
