/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included before every source that tools/analyze has analysed. An analyser sees one
 * file at a time and does not know that tc_fail_set returns the error it was given.
 */
#ifndef TC_ANALYZE_H
#define TC_ANALYZE_H

#include "image/error.h"

#define tc_fail_set(fail, kind, ...) ((void)(__VA_ARGS__), (fail)->error = (kind))

#endif
