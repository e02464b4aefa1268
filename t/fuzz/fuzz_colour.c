/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte that says the model and the width of a row, then a colour profile. Where a
 * transform is made of it, rows of just their length go through it.
 */
#include "fuzz.h"

#include "image/colour/colour.h"

#include <stdlib.h>
#include <string.h>

static void convert(tc_transform *transform, tc_model model, uint32_t pixels)
{
    size_t from_bytes = (size_t)pixels * tc_model_channels(model);
    size_t to_bytes = (size_t)pixels * tc_model_channels(tc_transform_model(model));
    uint8_t *from = malloc(from_bytes), *to = malloc(to_bytes);

    must(from && to);
    for (size_t at = 0; at < from_bytes; at++)
        from[at] = (uint8_t)(at * 37);
    tc_transform_row(transform, from, to, pixels);
    for (uint32_t at = 0; tc_model_has_alpha(model) && at < pixels; at++) {
        size_t channels = tc_model_channels(model);
        must(to[at * channels + channels - 1] == from[at * channels + channels - 1]);
    }
    free(to);
    free(from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const tc_model models[] = {TC_GREY, TC_GREY_ALPHA, TC_RGB, TC_RGB_ALPHA, TC_CMYK};
    tc_transform *transform = NULL;
    tc_profile use;
    tc_model model;
    uint8_t *icc;

    if (size < 2)
        return 0;
    model = models[data[0] % (sizeof models / sizeof models[0])];
    icc = malloc(size - 1);
    must(icc != NULL);
    memcpy(icc, data + 1, size - 1);
    must(!tc_transform_open(&transform, icc, size - 1, model, &use));
    free(icc);
    must((transform != NULL) == (use == TC_PROFILE_CONVERT));
    if (transform)
        convert(transform, model, 1 + data[0] / 5u);
    tc_transform_free(transform);
    fuzz_must_have_freed();
    return 0;
}
