/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decoding a lossless WebP stream will take, found by reading its head (RFC 9649,
 * section 3): the images of its transforms and the entropy image, which says how many groups of
 * prefix codes there are. libwebp holds 12 to 20 KiB for each group, and a file of 300 KB can
 * name 65,536 of them. libwebp also reads the head again from the start whenever it gets more
 * data before it is complete.
 */
#ifndef TC_CODEC_WEBP_LOSSLESS_H
#define TC_CODEC_WEBP_LOSSLESS_H

#include "codec.h"

/*
 * libwebp's encoder makes entropy images of at most 2600 pixels, thus 2600 groups. Those of
 * other encoders may be larger, but not by more than this.
 */
#define TC_WEBP_GROUPS_MAX 10000
#define TC_WEBP_TILES_MAX  (256 * 1024)

typedef struct tc_webp_lossless {
    uint64_t bytes; /* that libwebp holds in addition to pixels: codes, transforms, the entropy
                       image */
    size_t head;    /* bytes of the stream before the pixels' data */
} tc_webp_lossless;

/*
 * Read the head of a stream of `length` bytes at `from`, of a picture of `width` x `height`.
 * A VP8L chunk's payload begins with those in five bytes (`sized`), the data of an ALPH chunk
 * does not. TC_E_DAMAGED when it makes no sense, or has more groups or tiles than the bounds.
 */
tc_error tc_webp_lossless_read(tc_webp_lossless *stream, const tc_input *input, uint64_t from,
                               size_t length, bool sized, uint32_t width, uint32_t height,
                               tc_fail *fail);

#endif
