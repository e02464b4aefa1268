/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>

void quality_die(const char *what, const char *which)
{
    fprintf(stderr, "quality: %s: %s\n", what, which);
    exit(2);
}

void *quality_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (!memory)
        quality_die("out of memory", "picture");
    return memory;
}
