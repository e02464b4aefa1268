/* SPDX-License-Identifier: Apache-2.0 */
#include "params_table.h"

#include <string.h>
#include <strings.h>

/* No length a URL can ask for is over this; what the server allows is tc_limits' affair. */
#define COORD_MAX 1000000.0

/* A side of an answer by name; of five digits, so that TC_BOXES_MAX sizes have room. */
#define SIDE_MAX 65535.0

static const tc_word words_yes_no[] = {{"y", 1}, {"n", 0}, {NULL, 0}};

static const tc_word words_engine[] = {
    {"builtin", TC_ENGINE_BUILTIN},     {"imlib2", TC_ENGINE_BUILTIN},
    {"imagemagick", TC_ENGINE_BUILTIN}, {"gd", TC_ENGINE_BUILTIN},
    {"dummy", TC_ENGINE_DUMMY},         {NULL, 0}};

static const tc_word words_aspect[] = {
    {"l", TC_ASPECT_FIT}, {"s", TC_ASPECT_COVER}, {"n", TC_ASPECT_STRETCH}, {NULL, 0}};

static const tc_word words_scale[] = {{"s", 1}, {"n", 0}, {NULL, 0}};

#define FORMAT(id, name, ...) {#name, TC_FORMAT_##id},
static const tc_word words_format[] = {TC_FORMAT_LIST(FORMAT){"jpg", TC_FORMAT_JPEG},
                                       {"auto", TC_FORMAT_AUTO},
                                       {NULL, TC_FORMAT_NONE}};

static const tc_word words_pass[] = {
    {"n", TC_PASS_NONE}, {"ptss", TC_PASS_SMALLER}, {"ptls", TC_PASS_LARGER}, {NULL, 0}};

static const tc_word words_angle[] = {
    {"0", 0}, {"90", 90}, {"180", 180}, {"270", 270}, {NULL, 0}};

static const tc_word words_info[] = {{"0", 0}, {"1", 1}, {NULL, 0}};

#define AT(field) offsetof(tc_params, field)

const tc_row tc_rows[] = {
    {"p", TC_PARAM_NAME, AT(pattern), 0, 0, false, NULL, false},
    {"e", TC_PARAM_WORD, AT(engine), 0, 0, false, words_engine, true},
    {"sx", TC_PARAM_COORD, AT(sx), 0, COORD_MAX, false, NULL, true},
    {"sy", TC_PARAM_COORD, AT(sy), 0, COORD_MAX, false, NULL, true},
    {"sw", TC_PARAM_COORD, AT(sw), 0, COORD_MAX, true, NULL, true},
    {"sh", TC_PARAM_COORD, AT(sh), 0, COORD_MAX, true, NULL, true},
    {"dw", TC_PARAM_COORD, AT(dw), 0, COORD_MAX, true, NULL, true},
    {"dh", TC_PARAM_COORD, AT(dh), 0, COORD_MAX, true, NULL, true},
    {"da", TC_PARAM_WORD, AT(aspect), 0, 0, false, words_aspect, true},
    {"ds", TC_PARAM_WORD, AT(upscale), 0, 0, false, words_scale, true},
    {"sizes", TC_PARAM_SIZES, AT(sizes), 1, SIDE_MAX, false, NULL, true},
    {"as", TC_PARAM_SIZE, AT(size), 1, SIDE_MAX, false, NULL, true},
    {"cw", TC_PARAM_PIXELS, AT(cw), 0, COORD_MAX, false, NULL, true},
    {"ch", TC_PARAM_PIXELS, AT(ch), 0, COORD_MAX, false, NULL, true},
    {"cc", TC_PARAM_COLOUR, AT(cc), 0, 0, false, NULL, true},
    {"dx", TC_PARAM_COORD, AT(dx), -COORD_MAX, COORD_MAX, false, NULL, true},
    {"dy", TC_PARAM_COORD, AT(dy), -COORD_MAX, COORD_MAX, false, NULL, true},
    {"bw", TC_PARAM_PIXELS, AT(bw), 0, COORD_MAX, false, NULL, true},
    {"bh", TC_PARAM_PIXELS, AT(bh), 0, COORD_MAX, false, NULL, true},
    {"bc", TC_PARAM_COLOUR, AT(bc), 0, 0, false, NULL, true},
    {"pt", TC_PARAM_WORD, AT(pass), 0, 0, false, words_pass, true},
    {"q", TC_PARAM_INTEGER, AT(quality), 0, 100, false, NULL, true},
    {"of", TC_PARAM_WORD, AT(format), 0, 0, false, words_format, true},
    {"jpeghint", TC_PARAM_WORD, AT(jpeghint), 0, 0, false, words_yes_no, true},
    {"autoorient", TC_PARAM_WORD, AT(autoorient), 0, 0, false, words_yes_no, true},
    {"angle", TC_PARAM_WORD, AT(angle), 0, 0, false, words_angle, true},
    {"unsharp", TC_PARAM_UNSHARP, AT(unsharp), 0, 0, false, NULL, true},
    {"sharpen", TC_PARAM_GAUSS, AT(sharpen), 0, 0, false, NULL, true},
    {"blur", TC_PARAM_GAUSS, AT(blur), 0, 0, false, NULL, true},
    {"embedicon", TC_PARAM_FILE, AT(icon), 0, 0, false, NULL, true},
    {"ix", TC_PARAM_INTEGER, AT(ix), -COORD_MAX, COORD_MAX, false, NULL, true},
    {"iy", TC_PARAM_INTEGER, AT(iy), -COORD_MAX, COORD_MAX, false, NULL, true},
    {"progressive", TC_PARAM_WORD, AT(progressive), 0, 0, false, words_yes_no, true},
    {"cmyk2rgb", TC_PARAM_WORD, AT(cmyk2rgb), 0, 0, false, words_yes_no, false},
    {"rmprof", TC_PARAM_WORD, AT(rmprof), 0, 0, false, words_yes_no, true},
    {"inhexif", TC_PARAM_WORD, AT(inhexif), 0, 0, false, words_yes_no, true},
    {"info", TC_PARAM_WORD, AT(info), 0, 0, false, words_info, false},
};

#define ROWS (sizeof tc_rows / sizeof tc_rows[0])

const size_t tc_row_count = ROWS;

_Static_assert(ROWS <= 64, "`given` has a bit for each row");

const tc_params tc_params_defaults = {
    .cc = {0, 0, 0, 255}, .bc = {0, 0, 0, 255}, .autoorient = 1};

const tc_row *tc_row_find(const char *key, size_t length)
{
    size_t at;

    for (at = 0; at < ROWS; at++) {
        if (strlen(tc_rows[at].key) == length && strncasecmp(tc_rows[at].key, key, length) == 0)
            return &tc_rows[at];
    }
    return NULL;
}

size_t tc_row_size(const tc_row *row)
{
    switch (row->kind) {
    case TC_PARAM_COORD:
        return sizeof(tc_coord);
    case TC_PARAM_PIXELS:
        return sizeof(uint32_t);
    case TC_PARAM_COLOUR:
        return sizeof(tc_colour);
    case TC_PARAM_GAUSS:
    case TC_PARAM_UNSHARP:
        return sizeof(tc_gauss);
    case TC_PARAM_NAME:
        return TC_PATTERN_MAX + 1;
    case TC_PARAM_FILE:
        return TC_ICON_MAX + 1;
    case TC_PARAM_SIZE:
        return sizeof(tc_box);
    case TC_PARAM_SIZES:
        return sizeof(tc_boxes);
    default:
        return sizeof(int);
    }
}
