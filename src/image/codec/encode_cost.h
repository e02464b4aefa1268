/* SPDX-License-Identifier: Apache-2.0 */
/* What encoding a picture will take of a processor. */
#ifndef TC_ENCODE_COST_H
#define TC_ENCODE_COST_H

#include "codec.h"

/* Nanoseconds for all of it, in `format`. */
uint64_t tc_cost_encode_ns(tc_format format, const tc_encode_spec *spec);

#endif
