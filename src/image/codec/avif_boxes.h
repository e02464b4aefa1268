/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boxes of an AVIF (ISO/IEC 14496-12, 23008-12), walked before libavif sees the file.
 * libavif 0.11 looks items up one by one, allocates for each entry of a table what the entry
 * asks for, and has no bounds of its own: a megabyte of empty entries takes it seconds.
 *
 * The walk takes time in proportion to the tables that it reads, stops at the first value
 * over its bound, reads the file in pieces of 4 KiB and holds less than 1 MiB. Coded pictures
 * are not read but for the headers of their units.
 */
#ifndef TC_CODEC_AVIF_BOXES_H
#define TC_CODEC_AVIF_BOXES_H

#include "codec.h"

/* Bytes of a meta or moov box, which libavif reads as a whole. Profiles, EXIF and XMP of real
   files come to less than a tenth of it. */
#define TC_AVIF_BOX_MAX (8 * 1024 * 1024)

/* Items of all kinds: a grid of 45x45 cells with alpha has 4,052, one of a camera 60. */
#define TC_AVIF_ITEMS_MAX 4096

/* Frames of an image sequence. */
#define TC_AVIF_FRAMES_MAX 20000

/* Pixels a side, and in all, that libavif takes. */
#define TC_AVIF_SIDE_MAX   65536
#define TC_AVIF_PIXELS_MAX (16384u * 16384u)

/* What decoding one picture of the file takes. All zeros: there is none. */
typedef struct tc_avif_picture {
    uint32_t pictures;      /* coded ones: a grid's cells, alpha */
    uint64_t one_pixels;    /* of the largest coded picture */
    uint64_t colour_pixels; /* of all frames of colour */
    uint64_t alpha_pixels;  /* of all of alpha */
    uint64_t coded_bytes;   /* of their data, each as often as it is used */
    bool layered;           /* some item chooses an operating point or a layer */
} tc_avif_picture;

typedef struct tc_avif_file {
    tc_avif_picture still;    /* of the primary item */
    tc_avif_picture sequence; /* of the first frame of the tracks */
    bool exif_is_large;       /* so large that it is not to be read */
} tc_avif_file;

/*
 * TC_E_DAMAGED where the file contradicts itself or is over a bound that no real file comes
 * near, TC_E_PIXELS_TOO_MANY where a picture is over libavif's bounds.
 */
tc_error tc_avif_inspect(const tc_input *input, tc_avif_file *file, tc_fail *fail);

#endif
