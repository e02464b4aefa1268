/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const texts[TC_E_COUNT] = {
#define X(id, name, text) text,
    TC_ERROR_LIST(X)
#undef X
};

static const char *const names[TC_E_COUNT] = {
#define X(id, name, text) name,
    TC_ERROR_LIST(X)
#undef X
};

const char *tc_error_text(tc_error error)
{
    if ((unsigned)error >= TC_E_COUNT)
        return "unknown error";
    return texts[error];
}

const char *tc_error_name(tc_error error)
{
    if ((unsigned)error >= TC_E_COUNT)
        return "unknown";
    return names[error];
}

tc_error tc_fail_set(tc_fail *fail, tc_error error, const char *format, ...)
{
    va_list args;
    unsigned char *at;

    fail->error = error;
    va_start(args, format);
    vsnprintf(fail->text, sizeof fail->text, format, args);
    va_end(args);
    for (at = (unsigned char *)fail->text; *at; at++) {
        if (*at < 0x20 || *at > 0x7e)
            *at = '?';
    }
    return error;
}
