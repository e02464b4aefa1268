/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words every room of the image ring shares: formats, colour models, what a
 * header says of a picture, and a strip of rows. Types only.
 */
#ifndef TC_IMAGE_H
#define TC_IMAGE_H

#include "formats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded profiles over this are left out: display profiles have a few KiB, those of CMYK
 * printing conditions up to 2.7 MB. */
#define TC_ICC_MAX (3 * 1024 * 1024)

/* Every format a URL may name, built in or not. */
typedef enum tc_format {
    TC_FORMAT_NONE,
#define TC_FORMAT_ID(id, ...) TC_FORMAT_##id,
    TC_FORMAT_LIST(TC_FORMAT_ID)
#undef TC_FORMAT_ID
        TC_FORMATS,
    TC_FORMAT_AUTO = TC_FORMATS /* a request's word, for one of those: no format itself */
} tc_format;

/*
 * Colour models of decoded rows: 8 bits a sample, alpha straight (not
 * premultiplied). All but TC_YCC are one plane of interleaved samples; TC_YCC
 * is three planes, each at its own resolution. In TC_CMYK 255 is all of the ink.
 */
typedef enum tc_model {
    TC_GREY,
    TC_GREY_ALPHA,
    TC_RGB,
    TC_RGB_ALPHA,
    TC_YCC,
    TC_CMYK
} tc_model;

#define TC_PLANES 3

/* An output of more pixels is not held to find out whether a palette would do. */
#define TC_PALETTE_PIXELS_MAX (1024 * 1024)

typedef struct tc_rect {
    uint32_t x, y, w, h;
} tc_rect;

/* Colours by code points of ITU-T H.273; 0: not told. */
typedef struct tc_cicp {
    uint8_t primaries, transfer;
} tc_cicp;

/*
 * What the header tells, before a pixel is decoded. The picture is described as
 * it is stored; `orientation` (EXIF's 1..8) says how to turn it upright.
 */
typedef struct tc_image_info {
    tc_format format;
    uint32_t width, height;
    uint8_t orientation;
    tc_model model;        /* of the rows the decoder will deliver */
    unsigned max_reduce;   /* the decoder can deliver 1/1, 1/2 .. 1/max_reduce (a power of 2) */
    uint64_t held_bytes;   /* whole-picture memory the decoder needs: interlace, progression */
    uint64_t scaled_bytes; /* those of them that are of the reduced picture */
    bool cmyk;             /* stored as CMYK, and rows of TC_CMYK can be had */
    const uint8_t *icc;    /* embedded profile in the space of `model`, with `cmyk` in CMYK;
                              the decoder's, or NULL */
    size_t icc_length;
    tc_cicp cicp;        /* where there is no profile */
    const uint8_t *exif; /* from "II" or "MM" on, the decoder's, or NULL */
    size_t exif_length;
    bool palette;         /* colours come from a palette, of at most 256 */
    bool flat;            /* drawn, not photographed, as far as can be told */
    bool eighth_is_cheap; /* 1/8 takes much less than its share of the decoder's time */
    unsigned own_reduced; /* our own decoder makes 1/own_reduced and less, if it is sound; 0:
                             nothing */
    size_t own_bytes;     /* that it then takes more than the library's, at most */
    bool planes;          /* the decoder can also deliver TC_YCC planes, as they are stored */
    bool crops;           /* of other than planes it decodes a part in less time */
    bool lossless;        /* the file keeps every level, where its format has both kinds */
    bool deep;            /* stored with more than 8 bits a sample */
} tc_image_info;

/*
 * The shape of decoded pictures: the planes and their sizes in samples. A
 * reduced plane's last sample may stand for less than a whole one, so `true_w`
 * and `true_h` give the extent in samples that the whole picture really covers.
 * What is delivered may be a part of it, of w x h samples from `x`, `y` on.
 */
typedef struct tc_layout {
    tc_model model;
    unsigned planes;
    struct {
        uint32_t x, y, w, h;
        double true_w, true_h;
        uint8_t channels;    /* interleaved samples a pixel, 1..4 */
        uint32_t strip_rows; /* of TC_YCC: its rows in every strip but the last */
    } plane[TC_PLANES];
} tc_layout;

/*
 * Some consecutive rows of every plane, in order from the top. The memory
 * belongs to the maker of the strip and holds until that room's next call.
 */
typedef struct tc_strip {
    struct {
        const uint8_t *data;
        size_t stride; /* bytes from one row to the next */
        uint32_t rows; /* may be 0 */
    } plane[TC_PLANES];
} tc_strip;

/* Interleaved samples a pixel of a one-plane model. */
static inline uint8_t tc_model_channels(tc_model model)
{
    return model == TC_GREY                            ? 1
           : model == TC_GREY_ALPHA                    ? 2
           : model == TC_RGB_ALPHA || model == TC_CMYK ? 4
                                                       : 3;
}

static inline bool tc_model_has_alpha(tc_model model)
{
    return model == TC_GREY_ALPHA || model == TC_RGB_ALPHA;
}

static inline bool tc_model_is_grey(tc_model model)
{
    return model == TC_GREY || model == TC_GREY_ALPHA;
}

/* What the embedded profile describes. */
static inline tc_model tc_image_profile_model(const tc_image_info *info)
{
    return info->cmyk ? TC_CMYK : info->model;
}

#endif
