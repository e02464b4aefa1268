/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte that says the model of a picture's rows, then a colour profile. What is let through
 * of it must be a sound profile within the bounds, and its own copy.
 */
#include "fuzz.h"

#include "image/colour/icc.h"

#include <stdlib.h>
#include <string.h>

/* The largest table, and as much again for each of ten curves. */
#define TABLES_MAX (2 * (uint64_t)TC_ICC_VALUES + 10 * (1024 + 2 * (uint64_t)TC_ICC_CURVE_MAX))

static uint8_t *copy_of(const tc_icc *icc, size_t *length)
{
    uint8_t *copy;

    *length = tc_icc_length(icc);
    must(*length <= TC_ICC_MAX);
    copy = malloc(*length);
    must(copy != NULL);
    tc_icc_write(icc, copy);
    return copy;
}

static void check(const tc_icc *icc, tc_model model)
{
    size_t length, again;
    uint8_t *copy = copy_of(icc, &length), *second;
    tc_icc read;

    must(icc->count > 0 && icc->count <= TC_ICC_TAKEN);
    for (unsigned n = 0; n < icc->count; n++)
        must(icc->tag[n].tables <= TABLES_MAX);
    must(tc_icc_read(&read, copy, length, model) && read.count == icc->count);
    must(tc_icc_tables(&read) == tc_icc_tables(icc));
    must(tc_icc_largest(&read) == tc_icc_largest(icc));
    second = copy_of(&read, &again);
    must(again == length && memcmp(copy, second, length) == 0);
    free(copy);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const tc_model models[] = {TC_GREY, TC_GREY_ALPHA, TC_RGB, TC_RGB_ALPHA, TC_CMYK};
    tc_model model;
    uint8_t *exact;
    tc_icc icc;

    if (size < 1)
        return 0;
    model = models[data[0] % (sizeof models / sizeof models[0])];
    exact = malloc(size);
    must(exact != NULL);
    memcpy(exact, data + 1, size - 1);
    if (tc_icc_read(&icc, exact, size - 1, model))
        check(&icc, model);
    free(exact);
    return 0;
}
