/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The URL's parameters: key=value pairs split by ',' or ';', one table row a
 * parameter (params.c). Keys ignore case, the last of a repeated key wins,
 * unknown keys are ignored, and an empty value is the same as not naming the
 * key. Percent-decoding is the caller's work, done once.
 */
#ifndef TC_PARAMS_H
#define TC_PARAMS_H

#include "base/error.h"
#include "image/core/image.h"

/* TC_UNIT_PX: pixels, written with px behind, which the originals read as percent. */
typedef enum tc_length_unit {
    TC_UNIT_UNSET,
    TC_UNIT_PIXEL,
    TC_UNIT_PERCENT,
    TC_UNIT_PX
} tc_length_unit;

/* A length: pixels, or percent of the full upright source picture. */
typedef struct tc_coord {
    double value;
    tc_length_unit unit;
} tc_coord;

typedef struct tc_colour {
    uint8_t r, g, b, a; /* a: 255 is opaque */
} tc_colour;

/*
 * A Gaussian, for blur, sharpen and unsharp. Radius and sigma in pixels of the output; a
 * radius of 0 follows from sigma. Sigma 0: the effect was not named.
 */
typedef struct tc_gauss {
    double radius, sigma;
    double amount;    /* unsharp: how much of the difference is added */
    double threshold; /* unsharp: differences under this, of 1, are left */
} tc_gauss;

typedef enum tc_aspect { TC_ASPECT_FIT, TC_ASPECT_COVER, TC_ASPECT_STRETCH } tc_aspect;

/* What a picture must be, compared with the target, to be passed through. */
typedef enum tc_pass { TC_PASS_NONE, TC_PASS_SMALLER, TC_PASS_LARGER } tc_pass;

typedef enum tc_engine { TC_ENGINE_BUILTIN, TC_ENGINE_DUMMY } tc_engine;

/*
 * One of the sizes that a picture is shown in: it fits inside w x h pixels, 0 for a side
 * that follows from the aspect; or, with `crop`, covers both and is cut from its middle.
 */
typedef struct tc_box {
    uint32_t w, h;
    bool crop;
} tc_box;

#define TC_BOXES_MAX 16

typedef struct tc_boxes {
    uint32_t count;
    tc_box box[TC_BOXES_MAX];
} tc_boxes;

#define TC_PATTERN_MAX   63
#define TC_ICON_MAX      63
#define TC_QUALITY       82   /* what q=0 and no q mean */
#define TC_CANONICAL_MAX 2048 /* bytes, with the terminator, tc_params_canonical may need */

/*
 * What else decides how the output looks, besides the URL: set by the reader of the URL, and
 * part of the canonical text.
 */
typedef struct tc_policy {
    bool strict;         /* the originals' reading where it differs: tc_params_resolve */
    bool serve_damaged;  /* what can be decoded of a damaged picture, half of it or more */
    bool keep_copyright; /* EXIF's artist and copyright stay */
    uint64_t icon_size, icon_time; /* bytes and date of embedicon's file */
} tc_policy;

typedef struct tc_params {
    uint64_t given; /* one bit a table row: the parameter was named */
    uint64_t brief; /* the same for a colour of 3 or 4 digits, until resolved */
    tc_policy policy;
    char pattern[TC_PATTERN_MAX + 1];
    int engine; /* tc_engine */
    tc_coord sx, sy, sw, sh;
    tc_coord dw, dh;
    int aspect;     /* da: tc_aspect */
    int upscale;    /* ds: 1 lets a picture grow */
    tc_boxes sizes; /* those that `as` may name */
    tc_box size;    /* as: pixels of the answer, w 0 when not named; never with `crop` */
    uint32_t cw, ch;
    tc_colour cc; /* whether it was named: tc_params_has_cc */
    tc_coord dx, dy;
    uint32_t bw, bh;
    tc_colour bc;
    int pass; /* pt: tc_pass */
    int quality;
    int format; /* tc_format or TC_FORMAT_AUTO; TC_FORMAT_NONE when not named */
    int jpeghint;
    int autoorient;
    int angle; /* degrees clockwise: 0, 90, 180, 270 */
    tc_gauss sharpen, unsharp, blur;
    int progressive;
    int cmyk2rgb; /* accepted; CMYK becomes RGB either way */
    int rmprof;
    int inhexif;
    char icon[TC_ICON_MAX + 1]; /* embedicon: a file's name without folders, "" for none */
    int ix, iy;
    int info;
} tc_params;

/*
 * One item of a parameter text. Key and value are without the blanks around them and not
 * terminated; an item without a key counts for nothing.
 */
typedef struct tc_item {
    const char *start; /* of the item, blanks included */
    const char *key, *value;
    size_t key_length, value_length; /* no '=': the value is empty */
} tc_item;

/*
 * The item of `text` at offset `*at`, which moves behind its separator; false behind the
 * last one. Begin at 0. Whatever reads a parameter text reads it through this.
 */
bool tc_params_next(const char *text, size_t length, size_t *at, tc_item *item);

/* Items with a key that a text may have. There are far fewer parameters. */
#define TC_ITEMS_MAX 128

/* Called for a key that is in no row; for the log. `key` is not terminated. */
typedef void tc_params_unknown(void *context, const char *key, size_t length);

/* Every parameter at its default, none given. */
void tc_params_init(tc_params *params);

/*
 * Parse `length` bytes of `text` over what `params` already holds. `unknown`
 * may be NULL. TC_E_PARAM names the key and what it takes; `params` is then
 * partly written and of no use.
 */
tc_error tc_params_parse(tc_params *params, const char *text, size_t length,
                         tc_params_unknown *unknown, void *context, tc_fail *fail);

/* Whether `key`, in any case, is a parameter's. */
bool tc_params_known(const char *key, size_t length);

/* Whether a canvas colour was named; without one a JPEG from alpha lies on white. */
bool tc_params_has_cc(const tc_params *params);

/*
 * Read what can be read two ways as `strict`, the originals', or as the words say:
 * 50px as 50 percent, fff as 0f0f0f. Once, when all layers are laid over each other.
 */
void tc_params_resolve(tc_params *params, bool strict);

/*
 * Whether it gives anything that changes the picture, aside from a pattern's name and
 * `as`, which only chooses from the pattern's `sizes`.
 */
bool tc_params_change_picture(const tc_params *params);

/* Copy every parameter that `over` gives onto `params`, except the pattern's name. */
void tc_params_overlay(tc_params *params, const tc_params *over);

/*
 * The parameters that change the picture, in table order and one spelling, and what
 * the policy adds, into `text`: equal strings mean equal requests, and parsing it gives
 * the parameters again. Always terminated; TC_CANONICAL_MAX bytes are always enough.
 * Returns the length.
 */
size_t tc_params_canonical(const tc_params *params, char *text, size_t size);

#endif
