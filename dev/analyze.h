/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included before every source that dev/analyze has analysed. An analyser sees one
 * file at a time and does not know that tc_fail_set returns the error it was given, nor
 * that libjpeg's error_exit does not return at all.
 */
#ifndef TC_ANALYZE_H
#define TC_ANALYZE_H

#include "base/error.h"

#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

static inline tc_error tc_fail_set_model(tc_fail *fail, tc_error error)
{
    fail->error = error;
    return error;
}

#define tc_fail_set(fail, error, ...) \
    (snprintf(NULL, 0, __VA_ARGS__), tc_fail_set_model(fail, error))

#undef ERREXIT
#define ERREXIT(cinfo, code)                                                              \
    ((cinfo)->err->msg_code = (code), (*(cinfo)->err->error_exit)((j_common_ptr)(cinfo)), \
     __builtin_unreachable())

#endif
