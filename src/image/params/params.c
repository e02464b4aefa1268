/* SPDX-License-Identifier: Apache-2.0 */
#include "params_table.h"

#include <stdio.h>
#include <string.h>

/* The longest value that any row can need. */
#define VALUE_MAX 127

void tc_params_init(tc_params *params)
{
    *params = tc_params_defaults;
}

/* The value of one row, "" meaning back to the default. */
static tc_error set_value(tc_params *params, const tc_row *row, const char *value,
                          tc_fail *fail)
{
    params->brief &= ~tc_row_bit(row);
    if (*value == '\0') {
        params->given &= ~tc_row_bit(row);
        memcpy(tc_row_field(params, row), tc_row_field_const(&tc_params_defaults, row),
               tc_row_size(row));
        return TC_E_OK;
    }
    params->given |= tc_row_bit(row);
    if (row->kind == TC_PARAM_COLOUR && strlen(value) <= 4)
        params->brief |= tc_row_bit(row);
    return tc_value_parse(row, value, tc_row_field(params, row), fail);
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

bool tc_params_next(const char *text, size_t length, size_t *at, tc_item *item)
{
    const char *equals;
    size_t end = *at, span;

    if (*at > length)
        return false;
    while (end < length && text[end] != ',' && text[end] != ';')
        end++;
    item->start = item->key = text + *at;
    span = end - *at;
    equals = span ? memchr(item->key, '=', span) : NULL;
    item->key_length = equals ? (size_t)(equals - item->key) : span;
    item->value = equals ? equals + 1 : text + end;
    item->value_length = (size_t)(text + end - item->value);
    trim(&item->key, &item->key_length);
    trim(&item->value, &item->value_length);
    *at = end + 1;
    return true;
}

static tc_error parse_item(tc_params *params, const tc_item *item, tc_params_unknown *unknown,
                           void *context, tc_fail *fail)
{
    const tc_row *row = tc_row_find(item->key, item->key_length);
    char value[VALUE_MAX + 1];

    if (!row) {
        if (unknown)
            unknown(context, item->key, item->key_length);
        return TC_E_OK;
    }
    if (item->value_length > VALUE_MAX || memchr(item->value, '\0', item->value_length))
        return tc_fail_set(fail, TC_E_PARAM, "%s: the value is too long or has a NUL byte",
                           row->key);
    memcpy(value, item->value, item->value_length);
    value[item->value_length] = '\0';
    return set_value(params, row, value, fail);
}

tc_error tc_params_parse(tc_params *params, const char *text, size_t length,
                         tc_params_unknown *unknown, void *context, tc_fail *fail)
{
    size_t at = 0, items = 0;
    tc_item item;

    if (length == 0)
        return TC_E_OK;
    while (tc_params_next(text, length, &at, &item)) {
        tc_error error;

        if (item.key_length == 0)
            continue;
        if (++items > TC_ITEMS_MAX)
            return tc_fail_set(fail, TC_E_PARAM, "there are more than %d parameters",
                               TC_ITEMS_MAX);
        error = parse_item(params, &item, unknown, context, fail);
        if (error)
            return error;
    }
    return TC_E_OK;
}

void tc_params_overlay(tc_params *params, const tc_params *over)
{
    for (size_t at = 0; at < tc_row_count; at++) {
        const tc_row *row = &tc_rows[at];

        if (!(over->given & tc_row_bit(row)) || row->kind == TC_PARAM_NAME)
            continue;
        memcpy(tc_row_field(params, row), tc_row_field_const(over, row), tc_row_size(row));
        params->given |= tc_row_bit(row);
        params->brief = (params->brief & ~tc_row_bit(row)) | (over->brief & tc_row_bit(row));
    }
}

/* The originals read each digit of a short colour as a whole sample. */
static void shrink_colour(tc_colour *colour)
{
    colour->r &= 15;
    colour->g &= 15;
    colour->b &= 15;
    if (colour->a < 255)
        colour->a &= 15;
}

void tc_params_resolve(tc_params *params, bool strict)
{
    params->policy.strict = strict;
    for (size_t at = 0; at < tc_row_count; at++) {
        void *field = tc_row_field(params, &tc_rows[at]);
        tc_coord *coord = field;

        if (tc_rows[at].kind == TC_PARAM_COORD && coord->unit == TC_UNIT_PX)
            coord->unit = strict ? TC_UNIT_PERCENT : TC_UNIT_PIXEL;
        if (strict && (params->brief & tc_row_bit(&tc_rows[at])))
            shrink_colour(field);
    }
    params->brief = 0;
}

bool tc_params_change_picture(const tc_params *params)
{
    for (size_t at = 0; at < tc_row_count; at++) {
        const tc_row *row = &tc_rows[at];

        if (row->picture && row->kind != TC_PARAM_SIZE && (params->given & tc_row_bit(row)))
            return true;
    }
    return false;
}

bool tc_params_known(const char *key, size_t length)
{
    return tc_row_find(key, length) != NULL;
}

bool tc_params_has_cc(const tc_params *params)
{
    return params->given & tc_row_bit(tc_row_find("cc", 2));
}

/*
 * Whether the row's value is what it would be without being named. A canvas colour that
 * was named never is: black by name and black by default differ, since a picture
 * with alpha becomes a JPEG on the named colour but on white without one.
 */
static bool is_default(const tc_params *params, const tc_row *row)
{
    const void *value = tc_row_field_const(params, row);
    const tc_coord *coord = value;

    if (value == &params->sx || value == &params->sy)
        return coord->value == 0;
    if (row->kind == TC_PARAM_COORD)
        return coord->unit == TC_UNIT_UNSET;
    if (row->kind == TC_PARAM_COLOUR)
        return !(params->given & tc_row_bit(row));
    return memcmp(value, tc_row_field_const(&tc_params_defaults, row), tc_row_size(row)) == 0;
}

/* Append `item`, split off by a comma; false when there is no room for it. */
static bool append(char *text, size_t size, size_t *used, const char *item)
{
    size_t length = strlen(item);

    if (*used + length + 2 > size)
        return false;
    if (*used > 0)
        text[(*used)++] = ',';
    memcpy(text + *used, item, length + 1);
    *used += length;
    return true;
}

/* No key begins with a colon. */
static void append_policy(const tc_params *params, char *text, size_t size, size_t *used)
{
    const tc_policy *policy = &params->policy;
    char icon[64];

    if (policy->strict)
        append(text, size, used, ":strict");
    if (policy->serve_damaged)
        append(text, size, used, ":damaged");
    if (policy->keep_copyright)
        append(text, size, used, ":copyright");
    if (!*params->icon)
        return;
    snprintf(icon, sizeof icon, ":icon=%llu@%llu", (unsigned long long)policy->icon_size,
             (unsigned long long)policy->icon_time);
    append(text, size, used, icon);
}

size_t tc_params_canonical(const tc_params *params, char *text, size_t size)
{
    size_t used = 0, at;

    if (size > 0)
        text[0] = '\0';
    for (at = 0; at < tc_row_count; at++) {
        const tc_row *row = &tc_rows[at];
        char item[TC_ITEM_MAX];

        if (!row->picture || is_default(params, row))
            continue;
        tc_value_print(item, row, tc_row_field_const(params, row));
        if (!append(text, size, &used, item))
            return used;
    }
    append_policy(params, text, size, &used);
    return used;
}
