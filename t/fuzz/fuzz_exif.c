/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture's EXIF block: what is made of it for an answer is a block again, upright;
 * one of artist and copyright alone stays as it is when that is done once more.
 */
#include "fuzz.h"

#include "image/exif/exif.h"
#include "image/exif/orientation.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *copy_of(const uint8_t *data, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1);

    must(copy != NULL);
    if (length > 0)
        memcpy(copy, data, length);
    return copy;
}

static void check_normalised(const uint8_t *data, size_t length)
{
    uint8_t *normalised = copy_of(data, length), *again;
    size_t left = tc_exif_normalise(normalised, length);

    must(left <= length);
    if (left > 0) {
        must(tc_orientation_read(normalised, left) == 1);
        again = copy_of(normalised, left);
        /* Less may be left, where a directory that lies had a part of itself wiped. */
        must(tc_exif_normalise(again, left) <= left);
        free(again);
    }
    free(normalised);
}

static void check_copyright(const uint8_t *data, size_t length)
{
    uint8_t *made = malloc(TC_COPYRIGHT_MAX), *again = malloc(TC_COPYRIGHT_MAX), *copy;
    size_t size, rest;

    must(made && again);
    copy = copy_of(data, length);
    size = tc_exif_copyright(copy, length, made);
    free(copy);
    must(size <= TC_COPYRIGHT_MAX);
    if (size > 0) {
        copy = copy_of(made, size);
        must(tc_orientation_read(copy, size) == 1);
        rest = tc_exif_copyright(copy, size, again);
        must(rest == size && memcmp(made, again, size) == 0);
        free(copy);
    }
    free(again);
    free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_normalised(data, size);
    check_copyright(data, size);
    return 0;
}
