/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two parameter texts, parted by a newline, the first laid under the second as a
 * pattern is. The canonical text is a parameter text, and its own canonical text.
 */
#include "fuzz.h"

#include "image/params/params.h"

#include <string.h>

static bool parse(tc_params *params, const uint8_t *text, size_t length)
{
    tc_fail fail = {0};
    tc_error error = tc_params_parse(params, (const char *)text, length, NULL, NULL, &fail);

    if (error) {
        fuzz_must_be_told(error, &fail);
        must(error == TC_E_PARAM);
    }
    return !error;
}

/* The canonical text says all there is to say, and fits, and never overruns. */
static void check_canonical(const tc_params *params)
{
    char text[TC_CANONICAL_MAX], again[TC_CANONICAL_MAX], small[40];
    size_t length = tc_params_canonical(params, text, sizeof text), size;
    tc_params parsed;

    must(length == strlen(text) && length < sizeof text);
    tc_params_init(&parsed);
    must(parse(&parsed, (const uint8_t *)text, length));
    must(tc_params_canonical(&parsed, again, sizeof again) == length);
    must(strcmp(text, again) == 0);
    for (size = 0; size < sizeof small; size++) {
        size_t cut = tc_params_canonical(params, small, size);
        must(size == 0 ? cut == 0 : cut < size && cut == strlen(small));
        must(strncmp(small, text, cut) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    size_t first = newline ? (size_t)(newline - data) : size;
    tc_params under, over;

    tc_params_init(&under);
    if (!parse(&under, data, first))
        return 0;
    check_canonical(&under);
    if (!newline)
        return 0;
    tc_params_init(&over);
    if (!parse(&over, newline + 1, size - first - 1))
        return 0;
    tc_params_overlay(&under, &over);
    check_canonical(&under);
    return 0;
}
