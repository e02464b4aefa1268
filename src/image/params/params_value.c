/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"
#include "params_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Decimals are kept to a millionth, which no picture shows, so that the canonical text
 * can say them exactly.
 */
#define PARTS 1000000.0

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

/* To whole parts, where there are any; 0, for there is no minus zero. */
static double to_parts(double value)
{
    return fabs(value) <= PARTS ? round(value * PARTS) / PARTS + 0.0 : value;
}

static bool in_range(const tc_row *row, double value)
{
    return value <= row->hi && (row->open ? value > row->lo : value >= row->lo);
}

static tc_error bad_number(const tc_row *row, const char *value, tc_fail *fail)
{
    return tc_fail_set(
        fail, TC_E_PARAM, "%s=%s: takes %s%s %.0f to %.0f%s", row->key, value,
        row->kind == TC_PARAM_COORD ? "a number" : "a whole number",
        row->open ? " over" : " from", row->lo, row->hi,
        row->kind == TC_PARAM_COORD ? ", in pixels, or in percent with the suffix p" : "");
}

static tc_error parse_coord(const tc_row *row, const char *value, void *to, tc_fail *fail)
{
    tc_coord *coord = to;
    size_t length = strlen(value);

    coord->unit = TC_UNIT_PIXEL;
    if (length > 2 && strcmp(value + length - 2, "px") == 0) {
        coord->unit = TC_UNIT_PX;
        length -= 2;
    } else if (length > 1 && value[length - 1] == 'p') {
        coord->unit = TC_UNIT_PERCENT;
        length -= 1;
    }
    if (!parse_decimal(value, length, &coord->value))
        return bad_number(row, value, fail);
    coord->value = to_parts(coord->value);
    return in_range(row, coord->value) ? TC_E_OK : bad_number(row, value, fail);
}

static tc_error parse_whole(const tc_row *row, const char *value, void *to, tc_fail *fail)
{
    double number;
    size_t length = strlen(value);

    if (row->kind == TC_PARAM_PIXELS && length > 2 && strcmp(value + length - 2, "px") == 0)
        length -= 2;
    if (strchr(value, '.') || !parse_decimal(value, length, &number) || !in_range(row, number))
        return bad_number(row, value, fail);
    if (row->kind == TC_PARAM_PIXELS)
        *(uint32_t *)to = (uint32_t)number;
    else
        *(int *)to = (int)number;
    return TC_E_OK;
}

static tc_error parse_word(const tc_row *row, const char *value, void *to, tc_fail *fail)
{
    char list[120] = "";
    const tc_word *word;

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

static tc_error parse_colour(const tc_row *row, const char *value, void *to, tc_fail *fail)
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

static tc_error parse_name(const tc_row *row, const char *value, void *to, tc_fail *fail)
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

/* One number of a Gaussian from `*at` on, which is moved past it. */
static bool parse_number(const char **at, double hi, double *value)
{
    size_t length = strspn(*at, "0123456789.");
    bool good = length > 0 && parse_decimal(*at, length, value);

    *at += length;
    *value = to_parts(*value);
    return good && *value <= hi;
}

/* In a query string '+' stands for a blank and arrives as one. */
static bool skip_plus(const char **at)
{
    if (**at != '+' && **at != ' ')
        return false;
    (*at)++;
    return true;
}

/* No Gaussian can be asked for over this; what the server allows is tc_limits' affair. */
#define GAUSS_MAX 1000.0

/* What ImageMagick takes where the parts behind the sigma are left out. */
#define AMOUNT_PRESET    1.0
#define THRESHOLD_PRESET 0.05

/* A radius alone: the sigma that it holds twice, and at least the least that shows. */
#define SIGMA_LEAST 0.5

static tc_error parse_gauss(const tc_row *row, const char *value, void *to, tc_fail *fail)
{
    tc_gauss gauss = {0, 0, AMOUNT_PRESET, THRESHOLD_PRESET};
    bool unsharp = row->kind == TC_PARAM_UNSHARP, good;
    const char *at = value;

    good = parse_number(&at, GAUSS_MAX, &gauss.radius);
    gauss.sigma = gauss.radius / 2 > SIGMA_LEAST ? gauss.radius / 2 : SIGMA_LEAST;
    if (good && *at == 'x') {
        at++;
        good = parse_number(&at, GAUSS_MAX, &gauss.sigma) && gauss.sigma > 0;
    }
    if (good && unsharp && skip_plus(&at))
        good = parse_number(&at, 100, &gauss.amount);
    if (good && unsharp && skip_plus(&at))
        good = parse_number(&at, 1, &gauss.threshold);
    if (!good || *at)
        return tc_fail_set(fail, TC_E_PARAM, "%s=%s: takes RADIUSxSIGMA%s, numbers over 0",
                           row->key, value, unsharp ? "+AMOUNT+THRESHOLD" : "");
    if (!unsharp)
        gauss.amount = gauss.threshold = 0;
    *(tc_gauss *)to = gauss;
    return TC_E_OK;
}

/*
 * A file of the material directory: a name, never a path. What starts with a dot is
 * hidden or leads upward.
 */
static tc_error parse_file(const tc_row *row, const char *value, void *to, tc_fail *fail)
{
    size_t length = strlen(value), at = 0;

    while (at < length && (unsigned char)value[at] >= ' ' && value[at] != 0x7f &&
           value[at] != '/' && value[at] != '\\')
        at++;
    if (length > TC_ICON_MAX || at < length || value[0] == '.')
        return tc_fail_set(
            fail, TC_E_PARAM,
            "%s=%s: takes a file name of at most %d bytes, without a folder or a leading dot",
            row->key, value, TC_ICON_MAX);
    memset(to, 0, TC_ICON_MAX + 1);
    memcpy(to, value, length);
    return TC_E_OK;
}

/* One side of a size: digits, without a zero in front, so that a size has one spelling. */
static bool parse_side(const tc_row *row, const char **at, uint32_t *side)
{
    size_t digits = strspn(*at, "0123456789");
    double value;

    if (digits == 0 || **at == '0' || !parse_decimal(*at, digits, &value) ||
        !in_range(row, value))
        return false;
    *side = (uint32_t)value;
    *at += digits;
    return true;
}

static tc_error parse_size(const tc_row *row, const char *value, void *to, tc_fail *fail)
{
    const char *at = value;
    tc_box box;

    memset(&box, 0, sizeof box);
    if (!parse_side(row, &at, &box.w) || *at++ != 'x' || !parse_side(row, &at, &box.h) || *at)
        return tc_fail_set(fail, TC_E_PARAM,
                           "%s=%s: takes WIDTHxHEIGHT, without zeros in front, each up to %.0f",
                           row->key, value, row->hi);
    memcpy(to, &box, sizeof box);
    return TC_E_OK;
}

/* WxH, WxHc, Wx or xH from `*at` on, which is moved past it. */
static bool parse_box(const tc_row *row, const char **at, tc_box *box)
{
    if (**at != 'x' && !parse_side(row, at, &box->w))
        return false;
    if (*(*at)++ != 'x')
        return false;
    if (**at && **at != ':' && !parse_side(row, at, &box->h))
        return false;
    if (**at == 'c') {
        box->crop = true;
        (*at)++;
    }
    return box->crop ? box->w && box->h : box->w || box->h;
}

static tc_error parse_sizes(const tc_row *row, const char *value, void *to, tc_fail *fail)
{
    const char *at = value;
    tc_boxes boxes;
    bool good;

    memset(&boxes, 0, sizeof boxes);
    do {
        good = boxes.count < TC_BOXES_MAX && parse_box(row, &at, &boxes.box[boxes.count++]);
    } while (good && *at++ == ':');
    if (!good || at[-1])
        return tc_fail_set(fail, TC_E_PARAM,
                           "%s=%s: takes up to %d of WxH, WxHc, Wx and xH with colons between",
                           row->key, value, TC_BOXES_MAX);
    memcpy(to, &boxes, sizeof boxes);
    return TC_E_OK;
}

tc_error tc_value_parse(const tc_row *row, const char *value, void *to, tc_fail *fail)
{
    typedef tc_error parser(const tc_row *, const char *, void *, tc_fail *);
    static parser *const parsers[] = {
        [TC_PARAM_COORD] = parse_coord,   [TC_PARAM_PIXELS] = parse_whole,
        [TC_PARAM_INTEGER] = parse_whole, [TC_PARAM_WORD] = parse_word,
        [TC_PARAM_COLOUR] = parse_colour, [TC_PARAM_GAUSS] = parse_gauss,
        [TC_PARAM_UNSHARP] = parse_gauss, [TC_PARAM_NAME] = parse_name,
        [TC_PARAM_FILE] = parse_file,     [TC_PARAM_SIZE] = parse_size,
        [TC_PARAM_SIZES] = parse_sizes,
    };

    return parsers[row->kind](row, value, to, fail);
}

/* Without the zeros that end it, nor an exponent, which is not a number here. */
static int print_number(char *text, size_t size, double value)
{
    int length = size < TC_NUMBER_MAX ? 0 : tc_number_print_whole(text, value);

    if (length)
        return length;
    length = tc_number_print(text, size, 'f', 6, value);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    text[length] = '\0';
    return length;
}

/* The numbers of a Gaussian, each behind its sign. */
static int print_gauss(char *text, size_t size, const tc_gauss *gauss, bool unsharp)
{
    const double value[] = {gauss->radius, gauss->sigma, gauss->amount, gauss->threshold};
    int length = 0;

    for (int at = 0; at < (unsharp ? 4 : 2); at++) {
        if (at > 0)
            text[length++] = at == 1 ? 'x' : '+';
        length += print_number(text + length, size - (size_t)length, value[at]);
    }
    return length;
}

static int print_box(char *text, size_t size, const tc_box *box)
{
    char w[12] = "", h[12] = "";

    if (box->w)
        snprintf(w, sizeof w, "%u", box->w);
    if (box->h)
        snprintf(h, sizeof h, "%u", box->h);
    return snprintf(text, size, "%sx%s%s", w, h, box->crop ? "c" : "");
}

static void print_boxes(char *text, size_t size, const tc_boxes *boxes)
{
    size_t used = 0;

    for (uint32_t at = 0; at < boxes->count && used + 1 < size; at++) {
        if (at > 0)
            text[used++] = ':';
        used += (size_t)print_box(text + used, size - used, &boxes->box[at]);
    }
}

/* The first of the words that mean `value`. */
static const char *word_of(const tc_row *row, int value)
{
    const tc_word *word = row->words;

    while (word->text && word->value != value)
        word++;
    return word->text ? word->text : "";
}

void tc_value_print(char text[TC_ITEM_MAX], const tc_row *row, const void *from)
{
    size_t used = (size_t)snprintf(text, TC_ITEM_MAX, "%s=", row->key);
    size_t size = TC_ITEM_MAX - used;
    const tc_coord *coord = from;
    const tc_colour *colour = from;

    text += used;
    switch (row->kind) {
    case TC_PARAM_COORD:
        text += print_number(text, size, coord->value);
        if (coord->unit == TC_UNIT_PERCENT)
            memcpy(text, "p", 2);
        break;
    case TC_PARAM_PIXELS:
        snprintf(text, size, "%u", *(const uint32_t *)from);
        break;
    case TC_PARAM_WORD:
        snprintf(text, size, "%s", word_of(row, *(const int *)from));
        break;
    case TC_PARAM_COLOUR:
        snprintf(text, size, "%02x%02x%02x%02x", colour->r, colour->g, colour->b, colour->a);
        break;
    case TC_PARAM_GAUSS:
    case TC_PARAM_UNSHARP:
        print_gauss(text, size, from, row->kind == TC_PARAM_UNSHARP);
        break;
    case TC_PARAM_NAME:
    case TC_PARAM_FILE:
        snprintf(text, size, "%s", (const char *)from);
        break;
    case TC_PARAM_SIZE:
        print_box(text, size, from);
        break;
    case TC_PARAM_SIZES:
        print_boxes(text, size, from);
        break;
    default:
        snprintf(text, size, "%d", *(const int *)from);
    }
}
