/* SPDX-License-Identifier: Apache-2.0 */
#include "params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* No length a URL can ask for is over this; what the server allows is tc_limits' affair. */
#define COORD_MAX 1000000.0

/*
 * Coordinates are kept to a millionth, which no picture shows, so that the canonical
 * text can say them exactly.
 */
#define COORD_PARTS 1000000.0

/* The longest value that any row can need. */
#define VALUE_MAX 127

typedef enum kind { COORD, PIXELS, INTEGER, WORD, COLOUR, NAME } kind;

typedef struct word {
    const char *text;
    int value;
} word;

/* One parameter: where its value lives and what it may be. */
typedef struct row {
    const char *key;
    kind kind;
    size_t offset;
    double lo, hi;     /* of COORD, PIXELS, INTEGER */
    bool open;         /* `lo` itself is not allowed */
    const word *words; /* of WORD, ended by a NULL text */
    bool picture;      /* changes the picture, so it belongs to the canonical text */
} row;

static const word words_yes_no[] = {{"y", 1}, {"n", 0}, {NULL, 0}};

static const word words_engine[] = {
    {"builtin", TC_ENGINE_BUILTIN},     {"imlib2", TC_ENGINE_BUILTIN},
    {"imagemagick", TC_ENGINE_BUILTIN}, {"gd", TC_ENGINE_BUILTIN},
    {"dummy", TC_ENGINE_DUMMY},         {NULL, 0}};

static const word words_aspect[] = {
    {"l", TC_ASPECT_FIT}, {"s", TC_ASPECT_COVER}, {"n", TC_ASPECT_STRETCH}, {NULL, 0}};

static const word words_scale[] = {{"s", 1}, {"n", 0}, {NULL, 0}};

static const word words_format[] = {
    {"jpeg", TC_FORMAT_JPEG}, {"jpg", TC_FORMAT_JPEG},  {"png", TC_FORMAT_PNG},
    {"gif", TC_FORMAT_GIF},   {"tiff", TC_FORMAT_TIFF}, {"webp", TC_FORMAT_WEBP},
    {"avif", TC_FORMAT_AVIF}, {"auto", TC_FORMAT_AUTO}, {NULL, TC_FORMAT_NONE}};

static const word words_info[] = {{"0", 0}, {"1", 1}, {NULL, 0}};

#define AT(field) offsetof(tc_params, field)

static const row rows[] = {
    {"p", NAME, AT(pattern), 0, 0, false, NULL, false},
    {"e", WORD, AT(engine), 0, 0, false, words_engine, true},
    {"sx", COORD, AT(sx), 0, COORD_MAX, false, NULL, true},
    {"sy", COORD, AT(sy), 0, COORD_MAX, false, NULL, true},
    {"sw", COORD, AT(sw), 0, COORD_MAX, true, NULL, true},
    {"sh", COORD, AT(sh), 0, COORD_MAX, true, NULL, true},
    {"dw", COORD, AT(dw), 0, COORD_MAX, true, NULL, true},
    {"dh", COORD, AT(dh), 0, COORD_MAX, true, NULL, true},
    {"da", WORD, AT(aspect), 0, 0, false, words_aspect, true},
    {"ds", WORD, AT(upscale), 0, 0, false, words_scale, true},
    {"cw", PIXELS, AT(cw), 0, COORD_MAX, false, NULL, true},
    {"ch", PIXELS, AT(ch), 0, COORD_MAX, false, NULL, true},
    {"cc", COLOUR, AT(cc), 0, 0, false, NULL, true},
    {"dx", COORD, AT(dx), -COORD_MAX, COORD_MAX, false, NULL, true},
    {"dy", COORD, AT(dy), -COORD_MAX, COORD_MAX, false, NULL, true},
    {"q", INTEGER, AT(quality), 0, 100, false, NULL, true},
    {"of", WORD, AT(format), 0, 0, false, words_format, true},
    {"jpeghint", WORD, AT(jpeghint), 0, 0, false, words_yes_no, true},
    {"autoorient", WORD, AT(autoorient), 0, 0, false, words_yes_no, true},
    {"info", WORD, AT(info), 0, 0, false, words_info, false},
};

#define ROWS (sizeof rows / sizeof rows[0])

static const tc_params defaults = {.cc = {0, 0, 0, 255}, .autoorient = 1};

static size_t kind_size(kind kind)
{
    switch (kind) {
    case COORD:
        return sizeof(tc_coord);
    case PIXELS:
        return sizeof(uint32_t);
    case COLOUR:
        return sizeof(tc_colour);
    case NAME:
        return TC_PATTERN_MAX + 1;
    default:
        return sizeof(int);
    }
}

static void *field(tc_params *params, const row *row)
{
    return (char *)params + row->offset;
}

static const void *field_const(const tc_params *params, const row *row)
{
    return (const char *)params + row->offset;
}

void tc_params_init(tc_params *params)
{
    *params = defaults;
}

/*
 * A decimal number, nothing after it: an optional '-', digits, optionally '.'
 * and digits. Not strtod alone, which would take hex, exponents, infinities and
 * the locale's comma.
 */
static bool parse_decimal(const char *text, size_t length, double *value)
{
    size_t at = 0, digits = 0;
    double sum = 0, unit = 1;
    bool negative = length > 0 && text[0] == '-';

    at += negative;
    for (; at < length && text[at] >= '0' && text[at] <= '9'; at++, digits++)
        sum = sum * 10 + (text[at] - '0');
    if (digits > 0 && at < length && text[at] == '.') {
        size_t first = ++at;
        for (; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
            unit /= 10;
            sum += unit * (text[at] - '0');
        }
        if (at == first)
            return false;
    }
    *value = negative && sum > 0 ? -sum : sum; /* no minus zero */
    return digits > 0 && at == length;
}

static bool in_range(const row *row, double value)
{
    return value <= row->hi && (row->open ? value > row->lo : value >= row->lo);
}

static tc_error bad_number(const row *row, const char *value, tc_fail *fail)
{
    return tc_fail_set(fail, TC_E_PARAM, "%s=%s: takes %s%s %.0f to %.0f%s", row->key, value,
                       row->kind == COORD ? "a number" : "a whole number",
                       row->open ? " over" : " from", row->lo, row->hi,
                       row->kind == COORD ? ", pixels, or percent with p after it" : "");
}

static tc_error parse_coord(const row *row, const char *value, void *to, tc_fail *fail)
{
    tc_coord *coord = to;
    size_t length = strlen(value);

    coord->unit = TC_UNIT_PIXEL;
    if (length > 2 && strcmp(value + length - 2, "px") == 0) {
        length -= 2;
    } else if (length > 1 && value[length - 1] == 'p') {
        coord->unit = TC_UNIT_PERCENT;
        length -= 1;
    }
    if (!parse_decimal(value, length, &coord->value))
        return bad_number(row, value, fail);
    if (fabs(coord->value) <= COORD_MAX) /* and 0, for there is no minus zero */
        coord->value = round(coord->value * COORD_PARTS) / COORD_PARTS + 0.0;
    return in_range(row, coord->value) ? TC_E_OK : bad_number(row, value, fail);
}

static tc_error parse_whole(const row *row, const char *value, void *to, tc_fail *fail)
{
    double number;
    size_t length = strlen(value);

    if (row->kind == PIXELS && length > 2 && strcmp(value + length - 2, "px") == 0)
        length -= 2;
    if (strchr(value, '.') || !parse_decimal(value, length, &number) || !in_range(row, number))
        return bad_number(row, value, fail);
    if (row->kind == PIXELS)
        *(uint32_t *)to = (uint32_t)number;
    else
        *(int *)to = (int)number;
    return TC_E_OK;
}

static tc_error parse_word(const row *row, const char *value, void *to, tc_fail *fail)
{
    char list[120] = "";
    const word *word;

    for (word = row->words; word->text; word++) {
        if (strcmp(word->text, value) == 0) {
            *(int *)to = word->value;
            return TC_E_OK;
        }
    }
    for (word = row->words; word->text; word++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", word->text);
    }
    return tc_fail_set(fail, TC_E_PARAM, "%s=%s: takes one of %s", row->key, value, list);
}

static tc_error parse_colour(const row *row, const char *value, void *to, tc_fail *fail)
{
    tc_colour *colour = to;
    size_t length = strlen(value), digits = length <= 4 ? 1 : 2, at;
    uint8_t part[4] = {0, 0, 0, 255};

    if (strspn(value, "0123456789abcdefABCDEF") != length || length < 3 || length == 5 ||
        length == 7 || length > 8)
        return tc_fail_set(fail, TC_E_PARAM,
                           "%s=%s: takes a colour as rgb, rgba, rrggbb or rrggbbaa", row->key,
                           value);
    for (at = 0; at < length / digits; at++) {
        char hex[3] = {value[at * digits], value[at * digits + digits - 1], '\0'};
        part[at] = (uint8_t)strtoul(hex, NULL, 16); /* one digit is doubled: f is ff */
    }
    *colour = (tc_colour){part[0], part[1], part[2], part[3]};
    return TC_E_OK;
}

static tc_error parse_name(const row *row, const char *value, void *to, tc_fail *fail)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.-";
    size_t length = strlen(value);

    if (length > TC_PATTERN_MAX || strspn(value, allowed) != length)
        return tc_fail_set(fail, TC_E_PARAM,
                           "%s=%s: takes a name of at most %d letters, digits, '_', '.', '-'",
                           row->key, value, TC_PATTERN_MAX);
    memset(to, 0, TC_PATTERN_MAX + 1);
    memcpy(to, value, length);
    return TC_E_OK;
}

typedef tc_error parser(const row *, const char *, void *, tc_fail *);

static parser *const parsers[] = {
    [COORD] = parse_coord, [PIXELS] = parse_whole,  [INTEGER] = parse_whole,
    [WORD] = parse_word,   [COLOUR] = parse_colour, [NAME] = parse_name,
};

static const row *find_row(const char *key, size_t length)
{
    size_t at;

    for (at = 0; at < ROWS; at++) {
        if (strlen(rows[at].key) == length && strncasecmp(rows[at].key, key, length) == 0)
            return &rows[at];
    }
    return NULL;
}

/* The value of one row, "" meaning back to the default. */
static tc_error set_value(tc_params *params, const row *row, const char *value, tc_fail *fail)
{
    uint32_t bit = UINT32_C(1) << (row - rows);

    if (*value == '\0') {
        params->given &= ~bit;
        memcpy(field(params, row), field_const(&defaults, row), kind_size(row->kind));
        return TC_E_OK;
    }
    params->given |= bit;
    return parsers[row->kind](row, value, field(params, row), fail);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Narrow [*text, *text + *length) by the blanks at both ends. */
static void trim(const char **text, size_t *length)
{
    while (*length > 0 && is_blank(**text)) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && is_blank((*text)[*length - 1]))
        (*length)--;
}

static tc_error parse_item(tc_params *params, const char *item, size_t length,
                           tc_params_unknown *unknown, void *context, tc_fail *fail)
{
    const char *equals = memchr(item, '=', length), *key = item, *text;
    size_t key_length = equals ? (size_t)(equals - item) : length, text_length;
    char value[VALUE_MAX + 1];
    const row *row;

    text = equals ? equals + 1 : item + length;
    text_length = (size_t)(item + length - text);
    trim(&key, &key_length);
    trim(&text, &text_length);
    if (key_length == 0)
        return TC_E_OK;
    row = find_row(key, key_length);
    if (!row) {
        if (unknown)
            unknown(context, key, key_length);
        return TC_E_OK;
    }
    if (text_length > VALUE_MAX || memchr(text, '\0', text_length))
        return tc_fail_set(fail, TC_E_PARAM, "%s: the value is too long or has a zero byte",
                           row->key);
    memcpy(value, text, text_length);
    value[text_length] = '\0';
    return set_value(params, row, value, fail);
}

tc_error tc_params_parse(tc_params *params, const char *text, size_t length,
                         tc_params_unknown *unknown, void *context, tc_fail *fail)
{
    size_t start = 0, at;

    if (length == 0)
        return TC_E_OK;
    for (at = 0; at <= length; at++) {
        if (at == length || text[at] == ',' || text[at] == ';') {
            tc_error error =
                parse_item(params, text + start, at - start, unknown, context, fail);
            if (error)
                return error;
            start = at + 1;
        }
    }
    return TC_E_OK;
}

void tc_params_overlay(tc_params *params, const tc_params *over)
{
    size_t at;

    for (at = 0; at < ROWS; at++) {
        if (!(over->given & (UINT32_C(1) << at)) || rows[at].kind == NAME)
            continue;
        memcpy(field(params, &rows[at]), field_const(over, &rows[at]),
               kind_size(rows[at].kind));
        params->given |= UINT32_C(1) << at;
    }
}

bool tc_params_known(const char *key, size_t length)
{
    return find_row(key, length) != NULL;
}

bool tc_params_has_cc(const tc_params *params)
{
    return params->given & (UINT32_C(1) << (find_row("cc", 2) - rows));
}

/* Without the zeros that end it, nor an exponent, which is no number here. */
static int print_coord(char *text, size_t size, const row *row, const tc_coord *coord)
{
    int length = snprintf(text, size, "%s=%.6f", row->key, coord->value);

    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    return length + snprintf(text + length, size - (size_t)length, "%s",
                             coord->unit == TC_UNIT_PERCENT ? "p" : "");
}

/* The first of the words that mean `value`. */
static const char *word_of(const row *row, int value)
{
    const word *word = row->words;

    while (word->text && word->value != value)
        word++;
    return word->text ? word->text : "";
}

static int print_value(char *text, size_t size, const row *row, const void *from)
{
    const tc_colour *colour = from;

    switch (row->kind) {
    case COORD:
        return print_coord(text, size, row, from);
    case WORD:
        return snprintf(text, size, "%s=%s", row->key, word_of(row, *(const int *)from));
    case PIXELS:
        return snprintf(text, size, "%s=%u", row->key, *(const uint32_t *)from);
    case COLOUR:
        return snprintf(text, size, "%s=%02x%02x%02x%02x", row->key, colour->r, colour->g,
                        colour->b, colour->a);
    default:
        return snprintf(text, size, "%s=%d", row->key, *(const int *)from);
    }
}

/*
 * Whether the row's value is what it would be without being named. A canvas colour that was
 * named never is: black by name and black by default differ, since a picture
 * with alpha becomes a JPEG on the named colour but on white without one.
 */
static bool is_default(const tc_params *params, const row *row)
{
    const void *value = field_const(params, row);
    const tc_coord *coord = value;
    bool given = params->given & (UINT32_C(1) << (row - rows));

    if (row->offset == AT(sx) || row->offset == AT(sy))
        return coord->value == 0;
    if (row->kind == COORD)
        return coord->unit == TC_UNIT_UNSET;
    if (row->kind == COLOUR)
        return !given;
    return memcmp(value, field_const(&defaults, row), kind_size(row->kind)) == 0;
}

size_t tc_params_canonical(const tc_params *params, char *text, size_t size)
{
    size_t used = 0, at;

    if (size > 0)
        text[0] = '\0';
    for (at = 0; at < ROWS; at++) {
        char item[64];
        int length;

        if (!rows[at].picture || is_default(params, &rows[at]))
            continue;
        length = print_value(item, sizeof item, &rows[at], field_const(params, &rows[at]));
        if (used + (size_t)length + 2 > size)
            break;
        if (used > 0)
            text[used++] = ',';
        memcpy(text + used, item, (size_t)length + 1);
        used += (size_t)length;
    }
    return used;
}
