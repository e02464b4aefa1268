/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of parameters (params_table.c) and how values are read and printed
 * (params_value.c): what the grammar (params.c) stands on. Nobody else includes this.
 */
#ifndef TC_PARAMS_TABLE_H
#define TC_PARAMS_TABLE_H

#include "params.h"

typedef enum tc_param_kind {
    TC_PARAM_COORD,
    TC_PARAM_PIXELS,
    TC_PARAM_INTEGER,
    TC_PARAM_WORD,
    TC_PARAM_COLOUR,
    TC_PARAM_GAUSS,
    TC_PARAM_UNSHARP,
    TC_PARAM_NAME,
    TC_PARAM_FILE,
    TC_PARAM_SIZE,
    TC_PARAM_SIZES
} tc_param_kind;

typedef struct tc_word {
    const char *text;
    int value;
} tc_word;

/* One parameter: where its value lives and what it may be. */
typedef struct tc_row {
    const char *key;
    tc_param_kind kind;
    size_t offset;
    double lo, hi;        /* of COORD, PIXELS, INTEGER, SIZE, SIZES */
    bool open;            /* `lo` itself is not allowed */
    const tc_word *words; /* of WORD, ended by a NULL text */
    bool picture;         /* changes the picture, so it belongs to the canonical text */
} tc_row;

extern const tc_row tc_rows[];
extern const size_t tc_row_count; /* at most 64: one bit each in `given` */
extern const tc_params tc_params_defaults;

/* The row of `key`, in any case, or NULL. */
const tc_row *tc_row_find(const char *key, size_t length);

/* This row's bit in `given`. */
static inline uint64_t tc_row_bit(const tc_row *row)
{
    return UINT64_C(1) << (row - tc_rows);
}

static inline void *tc_row_field(tc_params *params, const tc_row *row)
{
    return (char *)params + row->offset;
}

static inline const void *tc_row_field_const(const tc_params *params, const tc_row *row)
{
    return (const char *)params + row->offset;
}

/* Bytes of the row's field. */
size_t tc_row_size(const tc_row *row);

/* Read `value`, which is not empty, into the row's field at `to`; TC_E_PARAM names the key. */
tc_error tc_value_parse(const tc_row *row, const char *value, void *to, tc_fail *fail);

/* Room for any row's key and value with the terminator. */
#define TC_ITEM_MAX 160

/* Print key and value in their one spelling, which reads back as the same. */
void tc_value_print(char text[TC_ITEM_MAX], const tc_row *row, const void *from);

#endif
