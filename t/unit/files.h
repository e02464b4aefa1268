/* SPDX-License-Identifier: Apache-2.0 */
/* Files of dev/damage, as a conversion's input. */
#ifndef TC_UNIT_FILES_H
#define TC_UNIT_FILES_H

#include "../../dev/damage/make.h"
#include "image/codec/codec.h"

#include <string.h>

static tc_error read_memory(void *context, uint64_t offset, void *buffer, size_t length,
                            size_t *got)
{
    const damage_file *file = context;

    *got = 0;
    if (offset < file->size) {
        *got = length < file->size - offset ? length : (size_t)(file->size - offset);
        memcpy(buffer, file->data + offset, *got);
    }
    return TC_E_OK;
}

#endif
