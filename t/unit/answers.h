/* SPDX-License-Identifier: Apache-2.0 */
/* What a conversion answers, as far as two are compared: not the bytes, but a sum of them. */
#ifndef TC_UNIT_ANSWERS_H
#define TC_UNIT_ANSWERS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct answer {
    tc_error error;
    size_t size;
    uint64_t sum; /* FNV-1a */
} answer;

/* One's initializer, before anything is written. */
#define ANSWER_EMPTY               \
    {                              \
        .sum = 0xcbf29ce484222325u \
    }

/* A tc_output's write; the context is the answer. */
static tc_error add_up(void *context, const void *data, size_t length)
{
    answer *answer = context;
    const uint8_t *bytes = data;

    for (size_t at = 0; at < length; at++)
        answer->sum = (answer->sum ^ bytes[at]) * 0x100000001b3u;
    answer->size += length;
    return TC_E_OK;
}

#endif
