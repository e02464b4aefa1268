/* SPDX-License-Identifier: Apache-2.0 */
/* A TIFF-structured EXIF block, at every length that a cut could leave of it. */
#include "fuzz.h"

#include "image/exif/orientation.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t length = size < 64 ? 0 : size; length <= size; length++) {
        uint8_t *copy = malloc(length ? length : 1), orientation;

        must(copy != NULL);
        if (length > 0)
            memcpy(copy, data, length);
        orientation = tc_orientation_read(copy, length);
        free(copy);
        must(orientation >= 1 && orientation <= 8);
    }
    return 0;
}
