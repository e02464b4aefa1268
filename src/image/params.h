/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The URL's parameters: key=value pairs split by ',' or ';', one table row a
 * parameter (params.c). Keys ignore case, the last of a repeated key wins,
 * unknown keys are ignored, and an empty value is the same as not naming the
 * key. Percent-decoding is the caller's work, done once.
 */
#ifndef TC_PARAMS_H
#define TC_PARAMS_H

#include "error.h"
#include "image.h"

typedef enum tc_length_unit { TC_UNIT_UNSET, TC_UNIT_PIXEL, TC_UNIT_PERCENT } tc_length_unit;

/* A length: pixels, or percent of the full upright source picture. */
typedef struct tc_coord {
    double value;
    tc_length_unit unit;
} tc_coord;

typedef struct tc_colour {
    uint8_t r, g, b, a; /* a: 255 is opaque */
} tc_colour;

typedef enum tc_aspect { TC_ASPECT_FIT, TC_ASPECT_COVER, TC_ASPECT_STRETCH } tc_aspect;

typedef enum tc_engine { TC_ENGINE_BUILTIN, TC_ENGINE_DUMMY } tc_engine;

#define TC_PATTERN_MAX   63
#define TC_QUALITY       82   /* what q=0 and no q mean */
#define TC_CANONICAL_MAX 1024 /* bytes, with the terminator, tc_params_canonical may need */

typedef struct tc_params {
    uint32_t given; /* one bit a table row: the parameter was named */
    char pattern[TC_PATTERN_MAX + 1];
    int engine; /* tc_engine */
    tc_coord sx, sy, sw, sh;
    tc_coord dw, dh;
    int aspect;  /* da: tc_aspect */
    int upscale; /* ds: 1 lets a picture grow */
    uint32_t cw, ch;
    tc_colour cc; /* whether it was named: tc_params_has_cc */
    tc_coord dx, dy;
    int quality;
    int format; /* tc_format or TC_FORMAT_AUTO; TC_FORMAT_NONE when not named */
    int jpeghint;
    int autoorient;
    int info;
} tc_params;

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

/* Copy every parameter that `over` gives onto `params`, except the pattern's name. */
void tc_params_overlay(tc_params *params, const tc_params *over);

/*
 * The parameters that change the picture, in table order and one spelling, into
 * `text`: equal strings mean equal requests, and parsing it gives them again. Always
 * terminated; TC_CANONICAL_MAX
 * bytes are always enough. Returns the length.
 */
size_t tc_params_canonical(const tc_params *params, char *text, size_t size);

#endif
